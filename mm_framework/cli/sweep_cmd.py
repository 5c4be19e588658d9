"""``mm sweep``: one backtest for each combination of settings, into one table."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.backtest_jobs import (
    Chosen,
    Named,
    chosen_store,
    configured,
    data_options,
    override,
    results_folder,
    run_options,
)
from mm_framework.cli.executors import check_executor, executor_of, executor_options
from mm_framework.cli.options import PluginCommand, json_option
from mm_framework.cli.sweep_report import POINTS, view_of, view_options, write_sweep_page
from mm_framework.errors import ConfigError

if TYPE_CHECKING:
    from mm_framework.results.cells import DataCell
    from mm_framework.results.heat import View
    from mm_framework.results.sweep import Point, SweepData, Swept
    from mm_framework.store.reader import Store

__all__ = ["command"]

PAGE = "report.html"
SHOWN = 30


@click.command("sweep", cls=PluginCommand)
@data_options
@run_options
@click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=A,B,C",
    help="Values of a setting: A,B,C or LOW..HIGH; STRATEGY.KEY and SECTION.KEY too; repeats.",
)
@click.option(
    "--each",
    multiple=True,
    type=click.Choice(["day", "instrument"]),
    help="Play every day (of UTC), or every instrument, by itself; both may be given.",
)
@click.option(
    "--samples", type=click.IntRange(1), metavar="N", help="Draw N combinations. [play all of them]"
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of --samples.")
@click.option(
    "--workers", type=click.IntRange(1), metavar="N", help="Processes. [as many as there are processors]"
)
@executor_options
@click.option(
    "--id", "result_id", metavar="ID", help="Name of the sweep below results/. [strategy and what is played]"
)
@view_options
@click.option("--no-report", is_flag=True, help="Draw no page; `mm report` does it later.")
@json_option
@pass_app
def command(app: App, /, **options: Any) -> int:
    """Play a strategy with many settings on the same data, or day by day and instrument by instrument.

    results/ID gets a table with a row for each combination and a page with a heat map. The table is the same
    whatever the executor. A sweep that was interrupted goes on when the same command is given again: points
    that are done are not played twice. Exit code 1 when a point failed.
    """
    from mm_framework.results.heat import axes_of
    from mm_framework.results.sweep import sweep, table_of_points, write_sweep

    check_executor(options["executor"], options["scheduler"])
    view = view_of(options)
    chosen = Chosen(**{field.name: options[field.name] for field in attrs.fields(Chosen)})
    fixed, combinations = _combinations(options)
    with chosen_store(app, chosen) as store:
        points = _points(app, chosen, store, options, fixed, combinations)
        axes_of([{"parameters": points[0].parameters}], view)
        folder = _folder(app, options["result_id"] or _name(options["strategies"], points))
        workers = min(options["workers"] or os.cpu_count() or 1, len(points))
        with (
            executor_of(workers, options["scheduler"]) as pool,
            app.out.progress("sweeping", total=len(points), unit="points") as advance,
        ):
            swept = sweep(points, folder / POINTS, pool, advance)
        document = {
            **_document(app, chosen, store, points, options),
            "ok": all(one["ok"] for one in swept.points),
            "points": list(swept.points),
        }
    table = table_of_points(swept.points)
    write_sweep(folder, document, table)
    page = None if options["no_report"] else _page(app, document, view, folder)
    told = {**document, "points": table.to_pylist(), "played": swept.played, "result": str(folder)}
    app.out.emit(told, lambda: _shown(app, table, folder, swept, page))
    return 0 if document["ok"] else 1


def _page(app: App, document: dict[str, Any], view: View, folder: Path) -> Path | None:
    """The page beside the table; None, with a note, where the libraries that draw are not installed."""
    from mm_framework.errors import EnvironmentFailed
    from mm_framework.report.extra import need_plot_extra
    from mm_framework.results.bundle import as_written

    try:
        need_plot_extra()
    except EnvironmentFailed as error:
        app.out.note(f"no page: {error}")
        return None
    write_sweep_page(as_written(document), view, folder / PAGE)
    return folder / PAGE


def _name(strategies: tuple[str, ...], points: list[Point]) -> str:
    """The same for the same points: so the same command goes on with what it began."""
    digest = hashlib.sha256("".join(point.key for point in points).encode()).hexdigest()
    return f"{'-'.join(strategies)}-sweep-{digest[:12]}"


def _folder(app: App, result_id: str) -> Path:
    from mm_framework.bundle.names import check_run_id
    from mm_framework.results.bundle import DOCUMENT

    folder = results_folder(app) / check_run_id(result_id)
    if (folder / DOCUMENT).exists() or (folder.exists() and not (folder / POINTS).is_dir()):
        raise ConfigError(f"{folder} is there and is no sweep: choose another --id", key="id")
    return folder


def _combinations(options: dict[str, Any]) -> tuple[list[tuple[str, str]], list[dict[str, str]]]:
    """Settings with one value, and the combinations of the others."""
    from mm_framework.results.grid import grid, parameters, sample

    given = [override(one) for one in options["overrides"]]
    if len({name for name, _ in given}) < len(given):
        raise ConfigError("--set names one setting twice: give its values as A,B,C", key="set")
    values = parameters(dict(given))
    fixed = [(name, one[0]) for name, one in values.items() if len(one) == 1]
    several = {name: one for name, one in values.items() if len(one) > 1}
    if not several and not options["each"]:
        raise ConfigError("a sweep varies something: give a --set KEY=A,B,C, or --each day", key="set")
    if taken := set(several) & set(options["each"]):
        word = taken.pop()
        raise ConfigError(
            f"--each {word} and --set {word} have one name: say STRATEGY.{word} to --set", key="set"
        )
    if options["samples"] is None:
        return fixed, grid(several)
    return fixed, sample(several, options["samples"], options["seed"])


def _points(
    app: App,
    chosen: Chosen,
    store: Store,
    options: dict[str, Any],
    fixed: list[tuple[str, str]],
    combinations: list[dict[str, str]],
) -> list[Point]:
    """Every point with its whole configuration, so that a wrong value is told before any is played.

    All points of one part of the data follow each other: a worker reads it once.
    """
    from mm_framework.api import InstalledComponents
    from mm_framework.results.cells import cells
    from mm_framework.results.grid import MAX_POINTS
    from mm_framework.results.sweep import Point

    components = InstalledComponents(app.config)
    named = Named(options["strategies"], options["fee_model"], options["executions"])
    configurations = [configured(app, named, [*fixed, *values.items()]) for values in combinations]
    parts = cells(store, chosen.request(), options["each"])
    if (count := len(parts) * len(combinations)) > MAX_POINTS:
        raise ConfigError(
            f"the sweep has {count} points, more than {MAX_POINTS}: give --samples N", key="each"
        )
    found: list[Point] = []
    for part in parts:
        known: dict[str, SweepData] = {}
        for values, configuration in zip(combinations, configurations, strict=True):
            trading = configuration["trading"]
            source = json.dumps([trading["price_source"], trading["price_sources"]], sort_keys=True)
            if source not in known:
                known[source] = _data(store, part, trading)
            parameters = {**part.names, **values}
            found.append(Point(len(found), parameters, configuration, known[source], components))
    return found


def _data(store: Store, part: DataCell, trading: dict[str, Any]) -> SweepData:
    from mm_framework.replay.events import replay_metadata
    from mm_framework.results.sweep import SweepData

    request = part.request
    selection = store.events(request.instruments, request.from_ns, request.to_ns, request.policy)
    known = json.dumps(replay_metadata(store, selection, request), sort_keys=True)
    digest = hashlib.sha256(known.encode()).hexdigest()
    sources = tuple(sorted(trading["price_sources"].items()))
    return SweepData(
        store.root.url,
        store.cache,
        request,
        trading["price_source"],
        sources,
        digest,
        may_be_empty=bool(part.names),
    )


def _document(
    app: App, chosen: Chosen, store: Store, points: list[Point], options: dict[str, Any]
) -> dict[str, Any]:
    from mm_framework.replay.events import replay_metadata
    from mm_framework.results.bundle import FORMAT
    from mm_framework.results.setup import versions_of

    request = chosen.request()
    selection = store.events(request.instruments, request.from_ns, request.to_ns, request.policy)
    where = {"store": None if chosen.run else store.root.url, "run": chosen.run}
    return {
        "format": FORMAT,
        "kind": "sweep",
        "data": {**where, **replay_metadata(store, selection, request)},
        "versions": versions_of(app.plugins, points[0].configuration),
        "samples": options["samples"],
        "seed": options["seed"],
        "configuration": points[0].configuration,
    }


def _shown(app: App, table: Any, folder: Path, swept: Swept, page: Path | None) -> Any:
    from rich.console import Group

    names = [name for name in table.column_names if name not in ("intents_hash", "error")]
    if not any(not one["ok"] for one in swept.points):
        names.remove("ok")
    rows = table.select(names).slice(0, SHOWN).to_pylist()
    shown = app.out.table(names, [[_cell(value) for value in row.values()] for row in rows])
    again = len(swept.points) - swept.played
    known = f", {again} were there already" if again else ""
    more = f" (the first {SHOWN} here)" if len(swept.points) > SHOWN else ""
    drawn = "" if page is None else f", {page.name}"
    return Group(
        shown,
        f"{folder}: {len(swept.points)} points{more}{known}; table.parquet, table.csv, sweep.json{drawn}",
    )


def _cell(value: object) -> object:
    """Measures that are no exact amounts are told to ten digits."""
    return f"{value:.10g}" if isinstance(value, float) else value
