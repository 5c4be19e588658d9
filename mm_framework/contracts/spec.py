"""What a hook returns: a spec, which names a component, builds it and says what it can do.

Every spec has the same five fields, so that listing, settings and documentation treat all kinds
alike; a kind adds fields of its own, always with a default, so that older plugins keep working.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import attrs

from mm_framework.errors import ConfigError, MMError, PluginError
from mm_framework.model.fixed import BadNumber, InexactValue, ValueOverflow

__all__ = [
    "AdapterSpec",
    "EmulatorSpec",
    "ExecutionModelSpec",
    "FeeModelSpec",
    "NormalizerSpec",
    "QACheckSpec",
    "SinkSpec",
    "Spec",
    "StrategySpec",
    "SyncEngineSpec",
]


@attrs.frozen
class Spec:
    """``factory(settings)`` builds the component; ``settings`` is its attrs settings class or None.

    ``name`` is what a run names (``kraken``, ``toy_spread``): lower case, ``[a-z][a-z0-9_-]*``,
    unique within its kind. ``capabilities`` are the words that the contract of the kind defines.
    """

    kind: ClassVar[str] = ""

    name: str
    factory: Callable[..., Any]
    settings: type[Any] | None = None
    capabilities: frozenset[str] = frozenset()
    description: str = ""

    def build(self, settings: object) -> Any:
        """The component, of an object of `settings` or None.

        Raises ConfigError for settings that are no numbers of a market; what the factory raises beside errors
        of ours is its plugin's fault: PluginError.
        """
        try:
            return self.factory(settings)
        except (BadNumber, InexactValue, ValueOverflow) as error:
            raise ConfigError(
                f"{self.kind} {self.name!r} refuses its settings: {error}", key=self.name
            ) from error
        except MMError:
            raise
        except Exception as error:
            raise PluginError(
                f"{self.kind} {self.name!r} cannot be built: {type(error).__name__}: {error}", phase="factory"
            ) from error


@attrs.frozen
class AdapterSpec(Spec):
    """A venue: ``factory(settings) -> contracts.adapter.Adapter``."""

    kind: ClassVar[str] = "adapters"


@attrs.frozen
class NormalizerSpec(Spec):
    """A venue's wire format: ``factory(settings) -> contracts.normalizer.Normalizer``."""

    kind: ClassVar[str] = "normalizers"


@attrs.frozen
class SyncEngineSpec(Spec):
    """A venue's book continuity: ``factory(settings) -> contracts.sync_engine.SyncRules``."""

    kind: ClassVar[str] = "sync_engines"


@attrs.frozen
class QACheckSpec(Spec):
    """A check of data quality: ``factory(settings) -> contracts.qa_check.QACheck``."""

    kind: ClassVar[str] = "qa_checks"


@attrs.frozen
class FeeModelSpec(Spec):
    """A fee schedule: ``factory(settings) -> contracts.fee_model.FeeModel``."""

    kind: ClassVar[str] = "fee_models"


@attrs.frozen
class StrategySpec(Spec):
    """A strategy: ``factory(settings) -> contracts.strategy.Strategy``."""

    kind: ClassVar[str] = "strategies"


@attrs.frozen
class SinkSpec(Spec):
    """A live or exported output: ``factory(settings) -> contracts.sink.Sink``.

    Capability ``file``: its output is one file (``--out FILE``), else a folder.
    """

    kind: ClassVar[str] = "sinks"


@attrs.frozen
class EmulatorSpec(Spec):
    """A venue's emulator: ``factory(settings) -> contracts.emulator.Dialect``."""

    kind: ClassVar[str] = "emulators"


@attrs.frozen
class ExecutionModelSpec(Spec):
    """A model of the simulated exchange, of `contracts.execution_model`; ``role`` says which:

    ``latency``: ``factory(settings) -> OrderLatency``; ``queue``: ``factory(settings) -> QueueModel``.
    """

    kind: ClassVar[str] = "execution_models"

    role: str = "latency"
