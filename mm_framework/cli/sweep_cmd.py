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
from mm_framework.errors import ConfigError

if TYPE_CHECKING:
    from mm_framework.results.sweep import Point, SweepData, Swept
    from mm_framework.store.reader import Store

__all__ = ["command"]

POINTS = "points"
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
@json_option
@pass_app
def command(app: App, /, **options: Any) -> int:
    """Play a strategy with many settings on the same data; write results/ID: a row for each combination.

    The table is the same whatever the executor. A sweep that was interrupted goes on when the same command is
    given again: points that are done are not played twice. Exit code 1 when a point failed.
    """
    from mm_framework.results.sweep import sweep, table_of_points, write_sweep

    check_executor(options["executor"], options["scheduler"])
    chosen = Chosen(**{field.name: options[field.name] for field in attrs.fields(Chosen)})
    fixed, combinations = _combinations(options)
    with chosen_store(app, chosen) as store:
        points = _points(app, chosen, store, options, fixed, combinations)
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
    told = {**document, "points": table.to_pylist(), "played": swept.played, "result": str(folder)}
    app.out.emit(told, lambda: _shown(app, table, folder, swept))
    return 0 if document["ok"] else 1


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
    if not several:
        raise ConfigError("a sweep varies something: give a --set KEY=A,B,C", key="set")
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
    """Every point with its whole configuration, so that a wrong value is told before any is played."""
    from mm_framework.api import InstalledComponents
    from mm_framework.results.sweep import Point

    components = InstalledComponents(app.config)
    named = Named(options["strategies"], options["fee_model"], options["executions"])
    found = []
    for number, values in enumerate(combinations):
        overrides = [*fixed, *values.items()]
        configuration = configured(app, named, overrides)
        data = _data(chosen, store, configuration["trading"])
        found.append(Point(number, values, configuration, data, components))
    return found


def _data(chosen: Chosen, store: Store, trading: dict[str, Any]) -> SweepData:
    from mm_framework.replay.events import replay_metadata
    from mm_framework.results.sweep import SweepData

    request = chosen.request()
    selection = store.events(request.instruments, request.from_ns, request.to_ns, request.policy)
    known = json.dumps(replay_metadata(store, selection, request), sort_keys=True)
    digest = hashlib.sha256(known.encode()).hexdigest()
    sources = tuple(sorted(trading["price_sources"].items()))
    return SweepData(store.root.url, store.cache, request, trading["price_source"], sources, digest)


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


def _shown(app: App, table: Any, folder: Path, swept: Swept) -> Any:
    from rich.console import Group

    names = [name for name in table.column_names if name not in ("intents_hash", "error")]
    if not any(not one["ok"] for one in swept.points):
        names.remove("ok")
    rows = table.select(names).slice(0, SHOWN).to_pylist()
    shown = app.out.table(names, [[_cell(value) for value in row.values()] for row in rows])
    again = len(swept.points) - swept.played
    known = f", {again} were there already" if again else ""
    more = f" (the first {SHOWN} here)" if len(swept.points) > SHOWN else ""
    return Group(
        shown, f"{folder}: {len(swept.points)} points{more}{known}; table.parquet, table.csv, sweep.json"
    )


def _cell(value: object) -> object:
    """Measures that are no exact amounts are told to ten digits."""
    return f"{value:.10g}" if isinstance(value, float) else value
