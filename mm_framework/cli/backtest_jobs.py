"""What ``mm backtest``, ``mm sweep`` and ``mm report --explain`` build from options, plugins and files."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import attrs
import click

from mm_framework.cli.app import App
from mm_framework.cli.options import settings_options
from mm_framework.cli.selection import qa_option, range_options, time_range
from mm_framework.cli.store_cmd import opened_store, store_of_run, store_option
from mm_framework.errors import ConfigError, MMError, ReplayError
from mm_framework.results.setup import SECTIONS, values_of
from mm_framework.settings import DataSettings, Given, fields_of, nearest, section_of
from mm_framework.store.settings import StoreSettings

if TYPE_CHECKING:
    from mm_framework.replay.events import ReplayRequest
    from mm_framework.store.reader import Store

__all__ = [
    "Chosen",
    "Named",
    "chosen_store",
    "configured",
    "data_options",
    "overridden",
    "override",
    "results_folder",
    "run_options",
]

F = TypeVar("F", bound=Callable[..., Any])


@attrs.frozen
class Chosen:
    """The data of a run as it was asked for."""

    instruments: tuple[str, ...]
    store: str | None
    run: str | None
    from_time: str | None
    to_time: str | None
    qa: str

    def request(self) -> ReplayRequest:
        """The same as a request. Raises ConfigError."""
        from mm_framework.replay.events import ReplayRequest

        return ReplayRequest(
            self.instruments,
            *time_range(self.from_time, self.to_time),
            policy=self.qa,  # type: ignore[arg-type]  # click allows no other word
        )


@attrs.frozen
class Named:
    """The components of plugins that a run was asked to use, by name."""

    strategies: tuple[str, ...]
    fee_model: str
    executions: tuple[str, ...]


def data_options(function: F) -> F:
    """Decorator: which data a run is played on, as the fields of `Chosen`."""
    for option in (
        qa_option(),
        range_options(),
        click.option("--run", metavar="RUN", help="Play a run bundle instead of a store."),
        store_option,
        click.argument("instruments", nargs=-1, metavar="[INSTRUMENT...]"),
    ):
        function = option(function)
    return function


def run_options(function: F) -> F:
    """Decorator: what is played: strategies, their settings, the fee model, all settings of a run."""
    for cls in (DataSettings, StoreSettings, *reversed(SECTIONS)):
        function = settings_options(cls)(function)
    for option in (
        click.option(
            "--fee-model", default="flat", show_default=True, metavar="NAME", help="What a fill costs."
        ),
        click.option(
            "--execution",
            "executions",
            multiple=True,
            metavar="NAME",
            help="A plugin's latency or queue model in place of the settings'; repeats.",
        ),
        click.option(
            "--strategy",
            "strategies",
            multiple=True,
            required=True,
            metavar="NAME",
            help="A strategy; repeats.",
        ),
    ):
        function = option(function)
    return function


@contextlib.contextmanager
def chosen_store(app: App, chosen: Chosen) -> Iterator[Store]:
    """The store of the data; that of a bundle is there as long as it is needed."""
    from mm_framework.bundle.run import open_run
    from mm_framework.cli.bundles import find_run

    if chosen.store is not None and chosen.run is not None:
        raise ConfigError("--store and --run exclude one another", key="run")
    if chosen.run is None:
        yield opened_store(app, chosen.store)
        return
    manifest = open_run(find_run(app, chosen.run)).manifest
    if manifest.untimed:
        raise ReplayError(
            f"run {manifest.run_id} has no receive times, nobody knows when a strategy could have seen"
            " its data: import it with a rule for them, or record it"
        )
    with store_of_run(app, chosen.run) as store:
        yield store


def configured(app: App, named: Named, overrides: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    """The configuration that `results.setup.build` takes, from flags, variables, file and defaults.

    ``overrides``: ``--set`` as `override` splits it. Raises ConfigError, PluginError.
    """
    for flag, names in (("--strategy", named.strategies), ("--execution", named.executions)):
        if len(set(names)) != len(names):
            raise ConfigError(f"{flag} names one twice: {', '.join(names)}", key=flag.removeprefix("--"))
    fee_model = named.fee_model
    with overridden(app, named, overrides):
        return {
            "strategies": _values_by_name(app, "strategies", named.strategies),
            "fee_model": {"name": fee_model, "settings": _plugin_values(app, "fee_models", fee_model)},
            "execution": _values_by_name(app, "execution_models", named.executions),
            **{section_of(cls): values_of(app.load(cls).value) for cls in SECTIONS},
        }


@contextlib.contextmanager
def overridden(app: App, named: Named, overrides: Sequence[tuple[str, str]]) -> Iterator[None]:
    """``--set`` counts as flags meanwhile. Raises ConfigError, PluginError."""
    kept = {section: dict(given) for section, given in app.flags.items()}
    try:
        for path, value in overrides:
            cls, key = _setting_of(app, named, path)
            app.flags.setdefault(section_of(cls), {})[key] = Given(value, f"flag --set {path}")
        yield
    finally:
        app.flags = kept


def override(text: str) -> tuple[str, str]:
    """``toy_spread.size=1`` as path and value. Raises ConfigError."""
    path, equals, value = text.partition("=")
    if not (equals and path):
        raise ConfigError(f"--set {text!r} is not of the form KEY=VALUE", key="set", value=text)
    return path, value


def _setting_of(app: App, named: Named, path: str) -> tuple[type[Any], str]:
    """The settings class and key that a path means: ``KEY``, ``STRATEGY.KEY``, ``SECTION.KEY``."""
    name, dot, key = path.rpartition(".")
    if not dot:
        if len(named.strategies) != 1:
            example = f"{named.strategies[0]}.{path}"
            raise ConfigError(f"--set {path}: say of which strategy: {example}", key="set")
        name = named.strategies[0]
    classes: dict[str, type[Any] | None] = {section_of(one): one for one in SECTIONS}
    plugins = app.plugins
    classes[f"fee.{named.fee_model}"] = plugins.get("fee_models", named.fee_model).settings
    classes |= {f"execution.{one}": plugins.get("execution_models", one).settings for one in named.executions}
    classes |= {one: plugins.get("strategies", one).settings for one in named.strategies}
    if name not in classes:
        raise ConfigError(
            f"--set {path}: nothing here is called {name!r}; {nearest(name, classes)}", key="set"
        )
    cls = classes[name]
    keys = [] if cls is None else [field.name for field in fields_of(cls)]
    if cls is None or key not in keys:
        raise ConfigError(f"{name} has no setting {key!r}; {nearest(key, keys)}", key=path)
    return cls, key


def _values_by_name(app: App, kind: str, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    return {name: _plugin_values(app, kind, name) for name in sorted(names)}


def _plugin_values(app: App, kind: str, name: str) -> dict[str, Any]:
    settings = app.plugins.get(kind, name).settings
    return {} if settings is None else values_of(app.load(settings).value)


def results_folder(app: App) -> Path:
    """Where results are kept."""
    from mm_framework.trading.results import RESULTS

    return app.load(DataSettings).value.dir / RESULTS


def first_error(errors: Sequence[Mapping[str, Any]]) -> MMError | None:
    """The error of the first strategy that was stopped."""
    from mm_framework.errors import StrategyError

    if not errors:
        return None
    return StrategyError(errors[0]["error"], strategy=errors[0]["strategy"], seq=errors[0]["event"])
