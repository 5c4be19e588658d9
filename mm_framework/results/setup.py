"""What a backtest is run with: a configuration, as JSON values, and what is built from it.

    configuration = {"strategies": {"toy_spread": {...}}, "fee_model": {"name": "flat", "settings": {...}},
                     "trading": {...}, "limits": {...}, "order-latency": {...}, "matching": {...},
                     "backtest": {...}}
    setup = build(plugins, configuration)

Every run is built from such a document, so that the one in a result runs again as it did.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import attrs

from mm_framework import __version__
from mm_framework.contracts.fee_model import FeeModel
from mm_framework.contracts.spec import Spec
from mm_framework.contracts.strategy import Strategy
from mm_framework.errors import ConfigError, MMError, PluginError
from mm_framework.model.fixed import BadNumber, InexactValue, ValueOverflow
from mm_framework.settings import ConfigFile, load, section_of
from mm_framework.trading.latency import Measured
from mm_framework.trading.settings import (
    BacktestSettings,
    LatencySettings,
    LimitSettings,
    MatchingSettings,
    TradingSettings,
)
from mm_framework.values import to_json

__all__ = ["SECTIONS", "Components", "Setup", "build", "built", "values_of", "versions_of"]

T = TypeVar("T")

SECTIONS: Final[tuple[type[Any], ...]] = (
    TradingSettings,
    LimitSettings,
    LatencySettings,
    MatchingSettings,
    BacktestSettings,
)
"""The settings classes of a backtest, beside those of its strategies and its fee model."""

_COLUMNS = ("request_ns", "venue_ns", "response_ns")


class Components(Protocol):
    """Where strategies and fee models come from: the loaded plugins."""

    @property
    def loaded(self) -> Iterable[Any]:
        """The plugins, `plugins.LoadedPlugin`."""
        ...

    def get(self, kind: str, name: str) -> Spec:
        """A component's spec. Raises PluginError, ConfigError."""
        ...


@attrs.frozen
class Setup:
    """All that plays on a tape. ``configuration``: what it was built from, as JSON values; ``table``: the
    SHA-256 of the table of latencies, if there is one.
    """

    strategies: Mapping[str, Strategy]
    fee_model: FeeModel
    trading: TradingSettings
    limits: LimitSettings
    latency: LatencySettings
    matching: MatchingSettings
    backtest: BacktestSettings
    configuration: Mapping[str, Any]
    measured: tuple[Measured, ...] = ()
    table: str | None = None


def build(
    components: Components, configuration: Mapping[str, Any], origin: str = "the configuration"
) -> Setup:
    """Build strategies, models and settings. Raises ConfigError, PluginError, EnvironmentFailed."""
    fee = configuration["fee_model"]
    trading, limits, latency, matching, backtest = (
        _settings(cls, configuration.get(section_of(cls), {}), origin) for cls in SECTIONS
    )
    rows, table = read_measured(Path(latency.table)) if latency.table else ((), None)
    strategies = {
        name: _strategy(components, name, values, origin)
        for name, values in configuration["strategies"].items()
    }
    fee_model = _component(components, "fee_models", fee["name"], fee["settings"], origin)
    return Setup(
        strategies, fee_model, trading, limits, latency, matching, backtest, configuration, rows, table
    )


def versions_of(components: Components, configuration: Mapping[str, Any]) -> dict[str, str]:
    """Distribution -> version of the core and of the plugins that a configuration uses."""
    used = {("strategies", name) for name in configuration["strategies"]}
    used.add(("fee_models", configuration["fee_model"]["name"]))
    found = {"mm-framework": __version__}
    for one in components.loaded:
        if not used.isdisjoint(one.registers):
            found[one.plugin.distribution] = one.plugin.version
    return found


def values_of(value: Any) -> dict[str, Any]:
    """The values of a settings object, as JSON has them."""
    return {field.name: to_json(getattr(value, field.name)) for field in attrs.fields(type(value))}


def built(spec: Spec, settings: object) -> Any:
    """A component of a plugin. What its factory raises is the plugin's fault."""
    try:
        return spec.factory(settings)
    except (BadNumber, InexactValue, ValueOverflow) as error:
        raise ConfigError(
            f"{spec.kind} {spec.name!r} refuses its settings: {error}", key=spec.name
        ) from error
    except MMError:
        raise
    except Exception as error:
        raise PluginError(
            f"{spec.kind} {spec.name!r} cannot be built: {type(error).__name__}: {error}", phase="factory"
        ) from error


def _strategy(components: Components, name: str, values: Mapping[str, Any], origin: str) -> Strategy:
    strategy = _component(components, "strategies", name, values, origin)
    if not isinstance(strategy, Strategy):
        raise PluginError(
            f"strategy {name!r}: its factory gave {type(strategy).__name__}, expected a Strategy",
            phase="factory",
        )
    return strategy


def _component(components: Components, kind: str, name: str, values: Mapping[str, Any], origin: str) -> Any:
    spec = components.get(kind, name)
    settings = None if spec.settings is None else _settings(spec.settings, values, origin)
    return built(spec, settings)


def _settings(cls: type[T], values: Mapping[str, Any], origin: str) -> T:
    """Settings from JSON values; null is the default."""
    table: dict[str, Any] = {key: value for key, value in values.items() if value is not None}
    for part in reversed(section_of(cls).split(".")):
        table = {part: table}
    return load(cls, file=ConfigFile(Path(origin), table)).value


def read_measured(path: Path) -> tuple[tuple[Measured, ...], str]:
    """The rows of a table of latencies, and its SHA-256. Raises ConfigError for what is none."""
    try:
        data = path.read_bytes()
        rows = list(csv.DictReader(data.decode().splitlines()))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"cannot read the latency table {path}: {error}", key="order-latency.table"
        ) from None
    try:
        found = tuple(Measured(*(int(row[name]) for name in _COLUMNS)) for row in _whole(rows))
    except (KeyError, TypeError, ValueError):
        raise ConfigError(
            f"{path} is no latency table: expected the columns {', '.join(_COLUMNS)} with whole nanoseconds",
            key="order-latency.table",
        ) from None
    return found, hashlib.sha256(data).hexdigest()


def _whole(rows: Iterable[dict[str, str]]) -> Iterable[dict[str, str]]:
    return (row for row in rows if any(row.values()))
