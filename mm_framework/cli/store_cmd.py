"""``mm store build | list | query | verify | compact``: months of runs as tables that can be trusted."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.executors import check_executor, executor_of, executor_options
from mm_framework.cli.groups import VerbGroup
from mm_framework.cli.options import PluginCommand, json_option, settings_options
from mm_framework.settings import DataSettings
from mm_framework.store.settings import StoreSettings

if TYPE_CHECKING:
    from mm_framework.store.builder import BuildReport
    from mm_framework.store.manifest import Stored
    from mm_framework.store.reader import Store
    from mm_framework.store.verify import StoreReport

__all__ = ["command", "opened_store", "store_of_run", "store_option"]

SHOWN_FAULTS = 20

store_option = click.option(
    "--store", metavar="URL", help="The store: a folder, or a URL such as s3://bucket/store. [data/store]"
)


def store_url(app: App, given: str | None) -> str:
    """The store that is meant."""
    return given or str(app.load(DataSettings).value.dir / "store")


def opened_store(app: App, given: str | None) -> Store:
    """The store that is meant, opened. Raises StoreError and its kinds."""
    from mm_framework.store.reader import open_store
    from mm_framework.store.row_cache import RowCache

    settings = app.load(StoreSettings).value
    return open_store(store_url(app, given), cache=RowCache.of(settings))


@contextlib.contextmanager
def store_of_run(app: App, run: str) -> Iterator[Store]:
    """A store of one run, for as long as it is needed."""
    from mm_framework import __version__
    from mm_framework.api import InstalledJudge, InstalledKits
    from mm_framework.cli.bundles import find_run
    from mm_framework.store.builder import Build, build
    from mm_framework.store.inputs import find_source
    from mm_framework.store.reader import open_store
    from mm_framework.store.row_cache import RowCache

    settings = app.load(StoreSettings).value
    kits = InstalledKits(app.config)
    with tempfile.TemporaryDirectory(dir=settings.temp_dir or None, prefix="mm-replay-") as folder:
        how = Build(
            kits,
            kits.versions,
            f"mm-framework {__version__}",
            judge=InstalledJudge(app.config),
            temp_dir=settings.temp_dir,
        )
        build(f"{folder}/store", [find_source(find_run(app, run))], how)
        yield open_store(f"{folder}/store", cache=RowCache(Path(folder) / "rows"))


@click.group("store", cls=VerbGroup)
def command() -> None:
    """Build a store of runs and files, look into it, ask it questions, check it."""


@command.command("build", cls=PluginCommand)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "--instrument",
    "instruments",
    multiple=True,
    metavar="[SYMBOL=]ID",
    help="The instrument of a CSV's symbol: kraken:BTC/EUR, BTCUSDT=binance:BTC/USDT, or kraken:* for all.",
)
@click.option("--out", metavar="URL", help="The store: a folder or a URL, which need not exist. [data/store]")
@click.option("--workers", type=click.IntRange(1), metavar="N", help="Same as --store-workers. [1]")
@executor_options
@settings_options(StoreSettings)
@settings_options(DataSettings)
@json_option
@pass_app
def build_store(
    app: App,
    inputs: tuple[str, ...],
    instruments: tuple[str, ...],
    out: str | None,
    workers: int | None,
    executor: str,
    scheduler: str | None,
) -> None:
    """Bring a store up to date with its inputs.

    INPUT is a run id, the path of a run bundle, a CSV of best prices (12 columns, or the 11 of earlier
    files; .csv, .csv.gz), or the day folder of a recorder. What the store holds already is not read again,
    unless a file of it is damaged or another version of a plugin would read it otherwise; a file that has
    grown replaces what was read of it before. A build that is interrupted leaves the store as it was.
    """
    from mm_framework import __version__
    from mm_framework.api import InstalledJudge, InstalledKits
    from mm_framework.cli.store_inputs import store_sources, stored_source
    from mm_framework.store.builder import Build, build

    check_executor(executor, scheduler)
    settings = app.load(StoreSettings).value
    sources = store_sources(app, inputs, instruments)
    kits = InstalledKits(app.config)
    with (
        executor_of(workers or settings.workers, scheduler) as pool,
        app.out.progress("building", total=len(sources), unit="inputs") as advance,
    ):
        how = Build(
            kits,
            kits.versions,
            f"mm-framework {__version__}",
            executor=pool,
            judge=InstalledJudge(app.config),
            temp_dir=settings.temp_dir,
            find=partial(stored_source, app),
            progress=lambda run, done, count: advance(1),
        )
        report = build(store_url(app, out), sources, how)
    app.out.emit({"ok": True, "store": store_url(app, out), **report.to_json()}, lambda: _built(report))


def _built(report: BuildReport) -> str:
    statuses = ", ".join(f"{count} {status}" for status, count in report.statuses.items())
    lines = [
        f"{report.rows} rows in {report.partitions} partitions ({statuses or 'none'})",
        f"read {len(report.read)} inputs, {len(report.kept)} were in the store already",
        f"digest {report.digest}",
    ]
    if report.overlaps:
        lines.insert(2, f"{report.overlaps} overlaps of runs: the better one stands, see the manifest")
    return "\n".join(lines)


@command.command("list")
@click.argument("instruments", nargs=-1, metavar="[INSTRUMENT...]")
@store_option
@settings_options(StoreSettings)
@settings_options(DataSettings)
@json_option
@pass_app
def list_store(app: App, instruments: tuple[str, ...], store: str | None) -> None:
    """List the partitions of a store with rows, verdicts and runs.

    INSTRUMENT is an id such as kraken:BTC/EUR, or a pattern such as 'binance:*'.
    """
    opened = opened_store(app, store)
    stored = opened.partitions(instruments)
    document = {
        "ok": True,
        "store": opened.root.url,
        "digest": opened.manifest.digest,
        "rows": sum(one.rows for one in stored),
        "partitions": [_partition_json(one) for one in stored],
    }
    app.out.emit(document, lambda: _listed(app, stored))


def _partition_json(one: Stored) -> dict[str, Any]:
    venue, date, symbol = one.partition
    return {
        "venue": venue,
        "date": date,
        "symbol": symbol,
        "rows": one.rows,
        "digest": one.digest,
        "qa_status": one.verdict.status,
        "qa_flags": list(one.verdict.flags),
        "excluded": [list(interval) for interval in one.verdict.intervals],
        "runs": [part.run for part in one.parts],
        "instruments": sorted({s.instrument for part in one.parts for s in part.stretches}),
    }


def _listed(app: App, stored: list[Stored]) -> Any:
    lines = [
        (
            one.partition.venue,
            one.partition.date,
            one.partition.shown,
            one.rows,
            one.verdict.status,
            ", ".join(one.verdict.flags) or None,
            ", ".join(part.run for part in one.parts),
        )
        for one in stored
    ]
    return app.out.table(("venue", "date", "symbol", "rows", "verdict", "flags", "runs"), lines)


@command.command("query")
@click.argument("sql")
@store_option
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option("--parquet", metavar="FILE", help="Write the answer to a Parquet file.")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0, min_open=True),
    metavar="S",
    help="Same as --store-query-timeout-s. [300]",
)
@click.option(
    "--limit", type=click.IntRange(1), default=50, show_default=True, help="Rows of the printed table."
)
@settings_options(StoreSettings)
@settings_options(DataSettings)
@json_option
@pass_app
def query_store(
    app: App,
    sql: str,
    store: str | None,
    as_csv: bool,
    parquet: str | None,
    timeout_s: float | None,
    limit: int,
) -> None:
    """Ask a store a question in SQL.

    SQL is one SELECT over the views events, bbo, trades, instruments and partitions. Every row has the
    verdict of its partition: WHERE verdict = 'PASS' leaves out the rest.
    """
    from mm_framework.store.answers import csv_text, json_rows, write_parquet
    from mm_framework.store.query import query

    settings = app.load(StoreSettings).value
    if timeout_s is not None:
        settings = attrs.evolve(settings, query_timeout_s=timeout_s)
    table = query(opened_store(app, store), sql, settings)
    if parquet is not None:
        write_parquet(table, Path(parquet))
        app.out.emit(
            {"ok": True, "rows": table.num_rows, "path": parquet}, f"{parquet}: {table.num_rows} rows"
        )
    elif as_csv and not app.out.json:
        click.echo(csv_text(table), nl=False)
    else:
        document = {"ok": True, "columns": table.column_names, "rows": json_rows(table)}
        app.out.emit(document, lambda: _answer(app, table, limit))


def _answer(app: App, table: Any, limit: int) -> Any:
    from rich.console import Group

    from mm_framework.store.answers import json_rows

    rows = [list(row.values()) for row in json_rows(table.slice(0, limit))]
    shown = app.out.table(table.column_names, rows)
    if table.num_rows <= limit:
        return shown
    return Group(shown, f"... {table.num_rows} rows in all: --limit N, --csv, --json or --parquet FILE")


@command.command("verify")
@store_option
@settings_options(StoreSettings)
@settings_options(DataSettings)
@json_option
@pass_app
def check_store(app: App, store: str | None) -> int:
    """Check that a store is what its manifest says: files, bytes, columns, rows, digests.

    Exit code 1 when something is not.
    """
    from mm_framework.store.verify import verify_store

    opened = opened_store(app, store)
    with app.out.progress("verifying", total=len(opened.manifest.names()), unit="files") as advance:
        report = verify_store(opened, lambda name: advance(1))
    app.out.emit(report.to_json(), lambda: _checked(report))
    return 0 if report.ok else 1


def _checked(report: StoreReport) -> str:
    lines = [f"{fault.path}: {fault.text}" for fault in report.faults[:SHOWN_FAULTS]]
    if len(report.faults) > SHOWN_FAULTS:
        lines.append(f"... and {len(report.faults) - SHOWN_FAULTS} more")
    verdict = "ok" if report.ok else f"NOT OK: {len(report.faults)} faults"
    return "\n".join([*lines, f"{report.files} files, {report.rows} rows: {verdict}"])


@command.command("compact")
@store_option
@settings_options(StoreSettings)
@settings_options(DataSettings)
@json_option
@pass_app
def compact_store(app: App, store: str | None) -> None:
    """Give every partition one file a table, however many runs it is from.

    Rows, digests and verdicts stay the same.
    """
    from mm_framework.store.compact import compact

    manifest, fewer = compact(opened_store(app, store), app.load(StoreSettings).value.temp_dir)
    app.out.emit({"ok": True, "digest": manifest.digest, "removed": fewer}, f"{fewer} files fewer")
