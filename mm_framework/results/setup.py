"""What a backtest is run with: a configuration, as JSON values, and what is built from it.

    configuration = {"strategies": {"toy_spread": {...}}, "fee_model": {"name": "flat", "settings": {...}},
                     "execution": {"my_queue": {...}}, "trading": {...}, "limits": {...},
                     "order-latency": {...}, "matching": {...}, "backtest": {...}, "md_cache": {...}}
    setup = build(plugins, configuration)

Every run is built from such a document, so that the one in a result runs again as it did.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

import attrs

from mm_framework import __version__
from mm_framework.calibrate.settings import MdCacheSettings
from mm_framework.contracts.fee_model import FeeModel
from mm_framework.contracts.spec import Spec
from mm_framework.contracts.strategy import Strategy
from mm_framework.errors import ConfigError, PluginError
from mm_framework.settings import ConfigFile, load, section_of
from mm_framework.trading.latency import Measured
from mm_framework.trading.matching import Execution
from mm_framework.trading.models import Latencies, execution_of, latencies_of
from mm_framework.trading.plugin_models import check_latency, check_queue, guarded_latency, guarded_queue
from mm_framework.trading.settings import (
    BacktestSettings,
    LatencySettings,
    LimitSettings,
    MatchingSettings,
    TradingSettings,
)
from mm_framework.values import to_json

__all__ = [
    "SECTIONS",
    "Components",
    "Plugged",
    "Setup",
    "build",
    "settings_from",
    "values_of",
    "versions_of",
]

T = TypeVar("T")

SECTIONS: Final[tuple[type[Any], ...]] = (
    TradingSettings,
    LimitSettings,
    LatencySettings,
    MatchingSettings,
    BacktestSettings,
    MdCacheSettings,
)
"""The settings classes of a backtest, beside those of its strategies and its fee model."""

_CHECKS: Final[Mapping[str, Callable[[str, Any], Any]]] = {"latency": check_latency, "queue": check_queue}
"""The roles of execution models, and what looks whether a factory's object can play them."""

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
class Plugged:
    """An execution model of a plugin: an `OrderLatency` or a `QueueModel`."""

    name: str
    model: Any


@attrs.frozen
class Setup:
    """All that plays on a tape. ``configuration``: what it was built from, as JSON values; ``table``: the
    SHA-256 of the table of latencies, if there is one. ``execution``: the models of plugins by role.
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
    execution: Mapping[str, Plugged] = attrs.field(factory=dict)
    md_cache: MdCacheSettings = attrs.field(factory=MdCacheSettings)

    def latencies(self) -> Latencies:
        """Both ways of an order, as the settings or a plugin's model say."""
        plugged = self.execution.get("latency")
        if plugged is None:
            return latencies_of(self.latency, self.measured)
        return guarded_latency(plugged.name, plugged.model, self.latency.scale)

    def rules(self) -> Execution:
        """The rules of the venue, as the settings or a plugin's queue model say."""
        rules = execution_of(self.matching, self.trading)
        plugged = self.execution.get("queue")
        if plugged is None:
            return rules
        return attrs.evolve(rules, queue=guarded_queue(plugged.name, plugged.model))


def build(
    components: Components, configuration: Mapping[str, Any], origin: str = "the configuration"
) -> Setup:
    """Build strategies, models and settings. Raises ConfigError, PluginError, EnvironmentFailed."""
    fee = configuration["fee_model"]
    trading, limits, latency, matching, backtest, md_cache = (
        settings_from(cls, configuration.get(section_of(cls), {}), origin) for cls in SECTIONS
    )
    rows, table = read_measured(Path(latency.table)) if latency.table else ((), None)
    strategies = {
        name: _strategy(components, name, values, origin)
        for name, values in configuration["strategies"].items()
    }
    fee_model = _component(components, "fee_models", fee["name"], fee["settings"], origin)
    return Setup(
        strategies,
        fee_model,
        trading,
        limits,
        latency,
        matching,
        backtest,
        configuration,
        rows,
        table,
        _plugged(components, configuration.get("execution", {}), origin),
        md_cache,
    )


def versions_of(components: Components, configuration: Mapping[str, Any]) -> dict[str, str]:
    """Distribution -> version of the core and of the plugins that a configuration uses."""
    used = {("strategies", name) for name in configuration["strategies"]}
    used.add(("fee_models", configuration["fee_model"]["name"]))
    used |= {("execution_models", name) for name in configuration.get("execution", {})}
    found = {"mm-framework": __version__}
    for one in components.loaded:
        if not used.isdisjoint(one.registers):
            found[one.plugin.distribution] = one.plugin.version
    return found


def values_of(value: Any) -> dict[str, Any]:
    """The values of a settings object, as JSON has them."""
    return {field.name: to_json(getattr(value, field.name)) for field in attrs.fields(type(value))}


def _strategy(components: Components, name: str, values: Mapping[str, Any], origin: str) -> Strategy:
    strategy = _component(components, "strategies", name, values, origin)
    if not isinstance(strategy, Strategy):
        raise PluginError(
            f"strategy {name!r}: its factory gave {type(strategy).__name__}, expected a Strategy",
            phase="factory",
        )
    return strategy


def _plugged(
    components: Components, chosen: Mapping[str, Mapping[str, Any]], origin: str
) -> dict[str, Plugged]:
    """The execution models of plugins by role, at most one of each."""
    found: dict[str, Plugged] = {}
    for name, values in chosen.items():
        role = str(getattr(components.get("execution_models", name), "role", ""))
        if role not in _CHECKS:
            raise PluginError(
                f"execution model {name!r} has the role {role!r}, expected latency or queue", phase="register"
            )
        if role in found:
            raise ConfigError(
                f"--execution names two models of the {role}: {found[role].name} and {name}", key="execution"
            )
        made = _component(components, "execution_models", name, values, origin)
        found[role] = Plugged(name, _CHECKS[role](name, made))
    return found


def _component(components: Components, kind: str, name: str, values: Mapping[str, Any], origin: str) -> Any:
    spec = components.get(kind, name)
    settings = None if spec.settings is None else settings_from(spec.settings, values, origin)
    return spec.build(settings)


def settings_from(cls: type[T], values: Mapping[str, Any], origin: str) -> T:
    """Settings from JSON values, as `values_of` gives them; null is the default. Raises ConfigError."""
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
