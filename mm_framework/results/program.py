"""A backtest from a program: a strategy, data and settings as Python has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from mm_framework.contracts.strategy import Strategy
from mm_framework.errors import ConfigError
from mm_framework.replay.events import ReplayRequest
from mm_framework.replay.tape import Tape, load_tape
from mm_framework.results.bundle import Result
from mm_framework.results.play import play, result_of
from mm_framework.results.setup import SECTIONS, Components, Setup, build, values_of, versions_of
from mm_framework.settings import fields_of, nearest, section_of
from mm_framework.store.reader import Store, open_store
from mm_framework.store.selection import Selection

__all__ = ["backtest"]


def backtest(
    components: Components,
    settings_of: Callable[[type[Any]], Any],
    strategy: str | Strategy | Mapping[str, Strategy],
    data: Store | Selection,
    settings: Mapping[str, Mapping[str, Any]],
    fee_model: str,
    execution: Sequence[str],
    progress: Callable[[int], object],
) -> Result:
    """See `api.backtest`. ``settings_of``: settings as they are without ``settings``."""
    objects = _objects(strategy)
    names = [strategy] if isinstance(strategy, str) else []
    sections = {name: components.get("strategies", name).settings for name in names}
    fee = f"fee.{fee_model}"
    sections[fee] = components.get("fee_models", fee_model).settings
    models = {name: f"execution.{name}" for name in execution}
    sections |= {
        section: components.get("execution_models", name).settings for name, section in models.items()
    }
    sections |= {section_of(cls): cls for cls in SECTIONS}
    for name in settings:
        if name not in sections:
            raise ConfigError(
                f"settings: nothing here is called {name!r}; {nearest(name, sections)}", key=name
            )
    values = {name: _values(name, cls, settings.get(name, {}), settings_of) for name, cls in sections.items()}
    configuration = {
        "strategies": {name: values[name] for name in names},
        "fee_model": {"name": fee_model, "settings": values[fee]},
        "execution": {name: values[section] for name, section in models.items()},
        **{section_of(cls): values[section_of(cls)] for cls in SECTIONS},
    }
    setup = build(components, configuration, "settings")
    if objects:
        configuration["strategies"] = dict.fromkeys(objects)
        setup = attrs.evolve(setup, strategies=objects)
    played = play(_tape(data, setup), setup, progress=progress)
    return result_of(played, versions_of(components, configuration))


def _objects(strategy: str | Strategy | Mapping[str, Strategy]) -> dict[str, Strategy]:
    if isinstance(strategy, Strategy):
        return {"strategy": strategy}
    return {} if isinstance(strategy, str) else dict(strategy)


def _values(
    name: str, cls: type[Any] | None, given: Mapping[str, Any], settings_of: Callable[[type[Any]], Any]
) -> dict[str, Any]:
    known = [] if cls is None else [field.name for field in fields_of(cls)]
    for key in given:
        if key not in known:
            raise ConfigError(f"{name} has no setting {key!r}; {nearest(key, known)}", key=f"{name}.{key}")
    return {} if cls is None else {**values_of(settings_of(cls)), **given}


def _tape(data: Store | Selection, setup: Setup) -> Tape:
    source, sources = setup.trading.price_source, setup.trading.price_sources
    if isinstance(data, Store):
        return load_tape(data, ReplayRequest(), source, sources)
    request = ReplayRequest(tuple(sorted(data.instruments)), data.from_ns, data.to_ns, data.policy)
    return load_tape(open_store(data.root.url, cache=data.cache), request, source, sources)
