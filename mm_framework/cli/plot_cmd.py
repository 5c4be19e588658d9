"""``mm plot``: prices, spread, depth and ages as pictures and as pages for a browser."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import PluginCommand, json_option, settings_options
from mm_framework.cli.selection import range_options, time_range
from mm_framework.cli.store_cmd import opened_store, store_of_run, store_option
from mm_framework.errors import ConfigError
from mm_framework.quality.settings import FileCheckSettings, LatencySettings
from mm_framework.settings import DataSettings
from mm_framework.store.settings import StoreSettings

if TYPE_CHECKING:
    from mm_framework.report.chart import Chart
    from mm_framework.store.reader import Store

__all__ = ["command"]


@click.command("plot", cls=PluginCommand)
@click.argument("target", metavar="TARGET")
@click.argument("instruments", nargs=-1, metavar="[INSTRUMENT...]")
@store_option
@click.option("--date", metavar="YYYY-MM-DD", help="This UTC day only.")
@range_options()
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the charts. [data/reports]"
)
@click.option(
    "--format",
    "kinds",
    type=click.Choice(["png", "html", "both"]),
    default="both",
    show_default=True,
    help="A picture, a page for a browser, or both.",
)
@click.option(
    "--theme",
    type=click.Choice(["light", "dark"]),
    default="light",
    show_default=True,
    help="The ground that the charts are for.",
)
@click.option(
    "--rows",
    type=click.IntRange(1000),
    metavar="N",
    help="Best prices that a page carries at most; of more it carries the extremes. [1000000]",
)
@settings_options(LatencySettings)
@settings_options(FileCheckSettings)
@settings_options(StoreSettings)
@settings_options(DataSettings)
@json_option
@pass_app
def command(
    app: App,
    target: str,
    instruments: tuple[str, ...],
    store: str | None,
    date: str | None,
    from_time: str | None,
    to_time: str | None,
    out: Path | None,
    kinds: str,
    theme: str,
    rows: int | None,
) -> None:
    """Draw best prices, spread, depth and ages, with what quality checks say of them.

    TARGET is a CSV of best prices, a run (id or path of its bundle), a day folder, a store, or an instrument
    of the store that --store names. INSTRUMENT chooses some of a run or a store, by id or pattern. Writes
    one PNG and one HTML file an instrument; the page needs no network. Needs the extra mm-framework[plot].
    """
    from mm_framework.report.page import MOST_ROWS

    span, most_rows = _span(date, from_time, to_time), rows or MOST_ROWS
    with app.out.progress("reading", unit="rows") as advance:
        charts = _charts(app, target, instruments, store, span, most_rows, advance)
    folder = out or app.load(DataSettings).value.dir / "reports"
    with app.out.progress("drawing", total=len(charts), unit="charts") as advance:
        told = []
        for chart in charts:
            files = draw(chart, folder, kinds, theme, most_rows)
            told.append({**_told(chart), "files": [str(path) for path in files]})
            advance(1)
    document = {"ok": True, "target": target, "charts": told}
    app.out.emit(document, "\n".join(file for one in told for file in one["files"]))


def draw(chart: Chart, folder: Path, kinds: str, theme: str, most_rows: int | None = None) -> list[Path]:
    """Write the files of a chart, each at once. Raises EnvironmentFailed."""
    from mm_framework.bundle.disk import replace_file, writing
    from mm_framework.report.page import MOST_ROWS, page
    from mm_framework.report.png import picture

    made = {}
    if kinds != "html":
        made["png"] = picture(chart, theme)
    if kinds != "png":
        made["html"] = page(chart, theme, most_rows or MOST_ROWS).encode()
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for ending, content in made.items():
        replace_file(folder / f"{chart.file_stem}.{ending}", content)
    return [folder / f"{chart.file_stem}.{ending}" for ending in made]


def _charts(
    app: App,
    target: str,
    instruments: tuple[str, ...],
    store: str | None,
    span: tuple[int, int],
    most_rows: int,
    advance: Any,
) -> list[Chart]:
    from mm_framework.quality.chart_file import charts_of_file
    from mm_framework.sinks.day_chart import chart_of_day
    from mm_framework.sinks.day_reader import is_day_folder

    path = Path(target)
    if path.is_file() or is_day_folder(path):
        _refuse(instruments, store, target)
        if path.is_file():
            checks, latency = app.load(FileCheckSettings).value, app.load(LatencySettings).value
            return charts_of_file(path, checks, latency, *span, progress=advance)
        return [chart_of_day(path, *span, progress=advance)]
    with _store(app, target, store) as (opened, named):
        return _of_store(app, opened, (*named, *instruments), span, most_rows)


@contextlib.contextmanager
def _store(app: App, target: str, store: str | None) -> Any:
    """The store that is meant, and the instruments that the target names."""
    is_instrument = ":" in target and "://" not in target and not Path(target).exists()
    if is_instrument:
        yield opened_store(app, store), (target,)
    elif store is not None:
        raise ConfigError(
            f"--store belongs to an instrument such as kraken:BTC/EUR, and {target} is none", key="store"
        )
    elif "://" in target or ((Path(target) / "manifest.json").exists() and not _is_run(Path(target))):
        yield opened_store(app, target), ()
    else:
        with store_of_run(app, target) as opened:
            yield opened, ()


def _is_run(path: Path) -> bool:
    return (path / "capture").exists()


def _of_store(
    app: App, store: Store, instruments: tuple[str, ...], span: tuple[int, int], most_rows: int
) -> list[Chart]:
    from mm_framework.errors import StoreError
    from mm_framework.quality.chart_store import chart_of_store

    latency = app.load(LatencySettings).value
    charts, told = [], []
    for instrument in sorted(store.matching(instruments)):
        try:
            charts.append(chart_of_store(store, instrument, *span, latency, most_rows))
        except StoreError as error:
            if type(error) is not StoreError:
                raise
            told.append(str(error))
    if not charts:
        raise StoreError(told[0])
    for text in told:
        app.out.note(text)
    return charts


def _refuse(instruments: tuple[str, ...], store: str | None, target: str) -> None:
    if instruments or store is not None:
        raise ConfigError(f"{target} is a recording of its own: name no instrument and no --store with it")


def _span(date: str | None, from_time: str | None, to_time: str | None) -> tuple[int, int]:
    from mm_framework.bundle.times import DAY_NS, parse_utc

    if date is not None:
        if from_time is not None or to_time is not None:
            raise ConfigError("--date excludes --from and --to", key="date", value=date)
        if len(date) != len("2026-11-21"):
            raise ConfigError(f"--date {date}: give a UTC day such as 2026-11-21", key="date", value=date)
        start = parse_utc(date)
        return start, start + DAY_NS
    return time_range(from_time, to_time)


def _told(chart: Chart) -> dict[str, Any]:
    start_ns, end_ns = chart.span_ns
    return {
        "name": chart.name,
        "qa_status": chart.status,
        "rows": chart.rows,
        "start_ns": start_ns,
        "end_ns": end_ns,
        "marks": len(chart.marks),
    }
