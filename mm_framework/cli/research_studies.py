"""``mm research features`` and ``mm research fair-value``: studies of prices, judged out of sample."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import PluginCommand, json_option, settings_options
from mm_framework.cli.selection import qa_option, range_options, time_range
from mm_framework.cli.store_cmd import opened_store, store_of_run, store_option
from mm_framework.errors import ConfigError
from mm_framework.research.settings import ResearchSettings
from mm_framework.settings import DataSettings
from mm_framework.store.settings import StoreSettings

if TYPE_CHECKING:
    from mm_framework.research.columns import Columns, DataNote
    from mm_framework.research.studies import Kind
    from mm_framework.store.reader import Store

__all__ = ["data_options", "fair_value", "features", "read", "tell"]

F = TypeVar("F", bound=Callable[..., Any])


def data_options(function: F) -> F:
    """What is read, where the result goes: ``instrument store run from_time to_time qa tick out``."""
    out = click.option(
        "--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder of results. [data/research]"
    )
    tick = click.option(
        "--tick", metavar="X", help="The price step, where the venue does not tell it. [seen in the prices]"
    )
    run = click.option("--run", metavar="RUN", help="Read a run bundle instead of a store.")
    instrument = click.argument("instrument", metavar="INSTRUMENT")
    settings = settings_options(StoreSettings)(settings_options(DataSettings)(json_option(function)))
    return instrument(store_option(run(range_options()(qa_option()(tick(out(settings)))))))


@click.command("features", cls=PluginCommand)
@data_options
@settings_options(ResearchSettings)
@pass_app
def features(app: App, /, **given: Any) -> None:
    """Judge features of best prices as forecasts of the mid's next move.

    Spread, imbalance, size-weighted mid, micro-price, order flow (of the best prices and of the best
    --research-levels), and all together, learned walk-forward and compared with baselines on data that they
    have not seen. INSTRUMENT is an id such as kraken:BTC/EUR.
    Writes JSON, Markdown and HTML into a folder whose name follows from the result.
    """
    _study(app, "features", given)


@click.command("fair-value", cls=PluginCommand)
@data_options
@settings_options(ResearchSettings)
@pass_app
def fair_value(app: App, /, **given: Any) -> None:
    """Judge fair values: the mid as it is, the size-weighted mid, the micro-price.

    Each is a forecast of the mid a second ahead, learned walk-forward and compared with the others on data
    that it has not seen. INSTRUMENT is an id such as kraken:BTC/EUR. Writes JSON, Markdown and HTML into a
    folder whose name follows from the result.
    """
    _study(app, "fair-value", given)


def _study(app: App, kind: Kind, given: dict[str, Any]) -> None:
    from mm_framework.research.studies import sections, study

    settings = app.load(ResearchSettings).value
    step_ns = math.gcd(settings.sample_ms, settings.window_ms) * 1_000_000
    deep = (settings.levels, step_ns) if kind == "features" and settings.levels > 1 else None
    columns, note = read(app, given, deep)
    with app.out.progress("learning and testing", total=1, unit="studies") as advance:
        try:
            document = study(kind, columns, note, settings)
        except ValueError as error:
            raise ConfigError(
                f"{note.instrument}, {note.first} to {note.last}: {error}; take more data, or fewer"
                " --research-folds, or a smaller --research-sample-ms",
                key="research.folds",
            ) from error
        advance(1)
    titles = {"features": "Features", "fair-value": "Fair value"}
    tell(app, given["out"], document, f"{titles[kind]}: {note.instrument}", sections(document))


def read(app: App, given: dict[str, Any], deep: tuple[int, int] | None = None) -> tuple[Columns, DataNote]:
    """The columns that the options of `data_options` mean; ``deep``: see `read_columns`."""
    from mm_framework.research.columns import read_columns

    span = time_range(given["from_time"], given["to_time"])
    with (
        _opened(app, given["store"], given["run"]) as store,
        app.out.progress("reading", unit="rows") as advance,
    ):
        return read_columns(
            store, given["instrument"], *span, given["qa"], tick=given["tick"], deep=deep, progress=advance
        )


@contextlib.contextmanager
def _opened(app: App, store: str | None, run: str | None) -> Iterator[Store]:
    if store is not None and run is not None:
        raise ConfigError("--store and --run exclude one another", key="run")
    if run is None:
        yield opened_store(app, store)
    else:
        with store_of_run(app, run) as opened:
            yield opened


def tell(
    app: App, out: Path | None, document: dict[str, Any], title: str, pages: Any, *, ok: bool = True
) -> None:
    """Write the result and print what it says; ``ok``: whether it found an answer."""
    from mm_framework.research.document import to_markdown, write

    folder = (out or app.load(DataSettings).value.dir / "research") / document["id"]
    files = [str(path) for path in write(folder, document, title, pages)]
    app.out.emit(
        {"ok": ok, **document, "files": files},
        lambda: to_markdown(title, pages[:3]) + "\n" + "\n".join(files),
    )
