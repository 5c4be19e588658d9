"""``mm simulate``: whole captures on virtual time under faults from a seed, and everything checked."""

from __future__ import annotations

import logging
import multiprocessing
import os
import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any, Final

import attrs
import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import FiniteRange, json_option
from mm_framework.contracts.emulator import notices_of
from mm_framework.emulator.faults import FAULTS
from mm_framework.errors import ConfigError
from mm_framework.plugins import PluginSettings, load_plugins
from mm_framework.simulate.troubles import TROUBLES, parse_troubles
from mm_framework.testing.installed import installed_venue

if TYPE_CHECKING:
    from mm_framework.simulate.report import Report

__all__ = ["command"]

HOUR_S = 3600.0
SHORT_S = 200.0

_EPILOG = "Faults: " + "; ".join(f"{name}: {text}" for name, text in {**FAULTS, **TROUBLES}.items()) + "."


@attrs.frozen
class _Task:
    """One run, as a worker process is told it."""

    seed: int
    venue: str
    symbols: tuple[str, ...]
    shards: int
    seconds: float
    rate: float
    faults: str | None


@click.command("simulate", epilog=_EPILOG)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="The first seed.")
@click.option("--seeds", type=click.IntRange(1), default=1, show_default=True, help="How many seeds to run.")
@click.option("--venue", "venues", multiple=True, help="Venue to emulate, in turns if several [all].")
@click.option("--symbol", "symbols", multiple=True, help="Instrument of the one venue [the first two].")
@click.option(
    "--seconds",
    type=FiniteRange(0, min_open=True),
    help="Virtual seconds of each run; the last 100 are without faults [3600; with --seeds 200].",
)
@click.option(
    "--faults",
    metavar="NAME[:RATE|@SECONDS],...",
    help="Faults; the names stand below; '' for none [what the seed brings].",
)
@click.option(
    "--rate", type=FiniteRange(0), default=3.0, show_default=True, help="Market events a second, instrument."
)
@click.option("--shards", type=click.IntRange(1), help="Shards [1, of odd seeds 2].")
@click.option(
    "--processes",
    type=click.IntRange(1),
    help="Processes that share the seeds [as many as this machine has].",
)
@json_option
@pass_app
def command(
    app: App,
    seed: int,
    seeds: int,
    venues: tuple[str, ...],
    symbols: tuple[str, ...],
    seconds: float | None,
    faults: str | None,
    rate: float,
    shards: int | None,
    processes: int | None,
) -> int:
    """Capture emulated venues on virtual time under faults, and check everything.

    Venue, network, machine and disk do wrong as the seed says; the program is the one that runs live.
    Checked are: no false book, no silent loss, every book in order after the faults, a bundle that
    verifies and replays to the same rows, and what kills and power losses leave. The exit code is 0 when
    all of it holds, 1 when something does not; then a command that repeats it is printed.
    """
    if symbols and len(venues) != 1:
        raise ConfigError("--symbol needs the one --venue that lists it", key="symbol", value=symbols)
    names = venues or tuple(app.plugins.all("emulators"))
    if not names:
        raise ConfigError("no installed plugin has an emulator: install one, such as mm-kraken", key="venue")
    for name in names:
        dialect = installed_venue(app.plugins, name, symbols).dialect
        if faults is not None and dialect is not None:
            parse_troubles(faults, notices_of(dialect()))
    tasks = [
        _Task(
            seed=one,
            venue=names[one % len(names)],
            symbols=symbols,
            shards=shards or 1 + one % 2,
            seconds=seconds or (HOUR_S if seeds == 1 else SHORT_S),
            rate=rate,
            faults=faults,
        )
        for one in range(seed, seed + seeds)
    ]
    reports = _run_all(app, tasks, min(seeds, processes or os.cpu_count() or 1))
    broken = [report for report in reports if not report.ok]
    app.out.emit(_document(reports), lambda: _shown(app, reports))
    return 1 if broken else 0


def _run_all(app: App, tasks: Sequence[_Task], processes: int) -> list[Report]:
    """The reports in order of seeds."""
    settings = app.load(PluginSettings).value
    reports = []
    with app.out.progress("simulating", total=len(tasks), unit="runs") as advance:
        for report in _in_processes(tasks, settings, processes, quiet=not app.out.verbose):
            reports.append(report)
            advance(1)
            if report.violation is not None:
                app.out.note(f"seed {report.seed} of {report.venue}: {report.violation.rule}")
    return sorted(reports, key=lambda report: report.seed)


def _in_processes(
    tasks: Sequence[_Task], settings: PluginSettings, processes: int, *, quiet: bool
) -> Iterator[Report]:
    if processes == 1:
        logger = logging.getLogger(CAPTURE_LOGGER)
        level = logger.level
        try:
            _begin(settings, quiet)
            yield from map(_run, tasks)
        finally:
            logger.setLevel(level)
        return
    pool = ProcessPoolExecutor(
        processes, multiprocessing.get_context("spawn"), initializer=_begin, initargs=(settings, quiet)
    )
    with pool:
        futures = [pool.submit(_run, task) for task in tasks]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


CAPTURE_LOGGER: Final = "mm_framework.capture"

_plugins: Any = None
"""The plugins of a worker process, loaded once."""


def _begin(settings: PluginSettings, quiet: bool) -> None:
    global _plugins
    _plugins = load_plugins(settings)
    if quiet:
        logging.getLogger(CAPTURE_LOGGER).setLevel(logging.CRITICAL + 1)


def _run(task: _Task) -> Report:
    from mm_framework.simulate.report import Wish
    from mm_framework.simulate.run import simulate

    venue = installed_venue(_plugins, task.venue, task.symbols)
    wish = Wish(
        venue, task.seed, task.seconds, task.faults, task.rate, min(task.shards, len(venue.instruments))
    )
    return simulate(wish)


# telling


def _document(reports: Sequence[Report]) -> dict[str, Any]:
    return {
        "ok": all(report.ok for report in reports),
        "seeds": len(reports),
        "violations": [
            {**report.to_json(), "command": _again(report)} for report in reports if not report.ok
        ],
        "counts": _totals(reports),
        "runs": [report.to_json() for report in reports],
    }


def _totals(reports: Sequence[Report]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for report in reports:
        total.update(report.counts)
    return dict(total)


def _again(report: Report) -> str:
    """A command that repeats the run."""
    words = ["mm", "simulate", "--seed", str(report.seed), "--venue", report.venue]
    words += [word for symbol in report.symbols for word in ("--symbol", symbol)]
    words += [
        "--seconds",
        f"{report.seconds:g}",
        "--rate",
        f"{report.rate:g}",
        "--shards",
        str(report.shards),
    ]
    return shlex.join([*words, "--faults", report.faults])


def _shown(app: App, reports: Sequence[Report]) -> Any:
    from rich.console import Group
    from rich.text import Text

    parts: list[Any] = [app.out.table(("", ""), list(_totals(reports).items()))]
    if len(reports) == 1:
        parts += ["", Text(f"faults: {reports[0].faults or 'none'}")]
    for report in reports:
        found = report.violation
        if found is not None:
            place = "" if found.record is None else f", record {found.record} of shard {found.shard}"
            parts += [
                "",
                Text(f"VIOLATION ({found.rule}) at {found.at_s:.3f} s{place}: seed {report.seed}"),
                Text(found.text),
                Text(f"again: {_again(report)}"),
            ]
    broken = sum(not report.ok for report in reports)
    runs = f"{len(reports)} run" + ("s" if len(reports) > 1 else "")
    verdict = "everything held" if not broken else f"{broken} NOT OK"
    return Group(*parts, "", Text(f"{runs} of {reports[0].seconds:g} s: {verdict}"))
