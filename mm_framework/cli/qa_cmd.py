"""``mm qa``: may this data be used?"""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mm_framework.bundle.times import DAY_NS
from mm_framework.cli.app import App, pass_app
from mm_framework.cli.groups import VerbGroup
from mm_framework.cli.options import PluginCommand, json_option, settings_options
from mm_framework.cli.store_cmd import opened_store, store_of_run, store_option
from mm_framework.errors import ConfigError
from mm_framework.quality.settings import FileCheckSettings, LatencySettings
from mm_framework.settings import DataSettings
from mm_framework.store.settings import StoreSettings

if TYPE_CHECKING:
    from mm_framework.quality.daily import DayReport
    from mm_framework.quality.daily_pages import Plots
    from mm_framework.quality.file_check import FileReport
    from mm_framework.store.partitions import Partition
    from mm_framework.store.reader import Store

__all__ = ["command"]


class _TargetGroup(VerbGroup):
    """``mm qa X`` is ``mm qa target X`` unless X is one of the verbs."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the verb in its place."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["target", *args]
        return super().parse_args(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A verb, or else what takes a target."""
        return super().get_command(ctx, cmd_name) or self.commands["target"]


@click.group("qa", cls=_TargetGroup)
def command() -> None:
    """May this data be used? `mm qa TARGET` is short for `mm qa target TARGET`."""


@command.command("target", cls=PluginCommand)
@click.argument("target", required=False, metavar="TARGET")
@click.option("--file", "earlier_file", hidden=True)
@click.option("--all-runs", is_flag=True, help="Check all contiguous runs of a file, not only the latest.")
@click.option("--strict", is_flag=True, help="Exit 1 when the data fails.")
@settings_options(FileCheckSettings)
@settings_options(LatencySettings)
@settings_options(StoreSettings)
@settings_options(DataSettings)
@json_option
@pass_app
def check_target(app: App, target: str | None, earlier_file: str | None, all_runs: bool, strict: bool) -> int:
    """Check a file of best prices, a run, or a store.

    TARGET is a CSV of 12 columns, or the 11 of earlier files, which may be compressed: prints
    qa_status=PASS or FAIL, the numbers behind it, warnings, and the ten worst ages. Or it is a run id, the
    path of a run bundle or a store: every instrument's day gets PASS, WARN, QUARANTINE (with the intervals
    to leave out) or REJECT.
    """
    chosen = target or earlier_file
    if chosen is None or (target and earlier_file):
        raise click.UsageError("name one target: mm qa TARGET", click.get_current_context())
    if Path(chosen).is_dir() or not Path(chosen).suffix or not Path(chosen).exists():
        return _check_days(app, chosen, strict)
    return _check_file(app, Path(chosen), all_runs, strict)


def _check_file(app: App, path: Path, all_runs: bool, strict: bool) -> int:
    from mm_framework.quality.bbo_file import BboFile
    from mm_framework.quality.file_check import check_file

    settings, latency = app.load(FileCheckSettings).value, app.load(LatencySettings).value
    with app.out.progress("reading", unit="rows") as advance:
        report = check_file(BboFile(path), settings, latency, all_runs=all_runs, progress=advance)
    app.out.emit({"ok": report.status == "PASS", **report.to_json()}, lambda: _shown(app, report))
    return int(strict and report.status == "FAIL")


def _check_days(app: App, target: str, strict: bool) -> int:
    from mm_framework.api import InstalledJudge
    from mm_framework.quality.daily import judge_store

    is_store = (Path(target) / "manifest.json").exists() and not (Path(target) / "capture").exists()
    opened = contextlib.nullcontext(opened_store(app, target)) if is_store else store_of_run(app, target)
    with opened as store, app.out.progress("judging", total=store.manifest.rows, unit="rows") as advance:
        reports = judge_store(store, InstalledJudge(app.config).checks, progress=advance)
    return _told(app, target, reports, strict)


@command.command("daily", cls=PluginCommand)
@store_option
@click.option("--date", "dates", multiple=True, metavar="YYYY-MM-DD", help="A UTC date; repeats. [all]")
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Folder of the reports. [data/reports]"
)
@click.option("--plots", is_flag=True, help="Draw each instrument's day too; needs mm-framework[plot].")
@click.option("--strict", is_flag=True, help="Exit 1 when a partition is REJECT or QUARANTINE.")
@settings_options(StoreSettings)
@settings_options(DataSettings)
@json_option
@pass_app
def daily(
    app: App, store: str | None, dates: tuple[str, ...], out: Path | None, plots: bool, strict: bool
) -> int:
    """Judge the days of a store anew, write a report of each, and put the verdicts into the store.

    Writes qa_DATE.json, qa_DATE.md and qa_DATE.html; with --plots charts below plots/, which the reports
    show. No row is changed.
    """
    from mm_framework.api import InstalledJudge
    from mm_framework.quality.daily import judge_store, update_store, write_reports
    from mm_framework.report.extra import need_plot_extra

    if plots:
        need_plot_extra()
    opened = opened_store(app, store)
    for one in dates:
        if one not in {stored.partition.date for stored in opened.partitions()}:
            raise ConfigError(
                f"the store has no date {one!r}: `mm store list` tells its dates", key="date", value=one
            )
    with app.out.progress("judging", total=opened.manifest.rows, unit="rows") as advance:
        reports = judge_store(opened, InstalledJudge(app.config).checks, dates, advance)
    update_store(opened, reports)
    folder = out or app.load(DataSettings).value.dir / "reports"
    drawn = _drawn(app, opened_store(app, store), reports, folder / "plots") if plots else {}
    written = write_reports(folder, reports, drawn)
    written += [path for charts in drawn.values() for one in charts for path in (one.png, one.html)]
    return _told(app, opened.root.url, reports, strict, [str(path) for path in written])


def _drawn(app: App, store: Store, reports: list[DayReport], folder: Path) -> Plots:
    """A chart of each instrument's day that has best prices, by partition."""
    from mm_framework.bundle.times import parse_utc
    from mm_framework.cli.plot_cmd import draw
    from mm_framework.quality.chart_store import chart_of_store
    from mm_framework.quality.daily_pages import Plot

    found: dict[Partition, list[Plot]] = {}
    partitions = [one.stored for report in reports for one in report.partitions]
    with app.out.progress("drawing", total=len(partitions), unit="partitions") as advance:
        for stored in partitions:
            start = parse_utc(stored.partition.date)
            for name in sorted({s.instrument for part in stored.parts for s in part.stretches}):
                if not store.bbo([name], start, start + DAY_NS, "any").num_rows:
                    continue
                chart = chart_of_store(store, name, start, start + DAY_NS)
                png, html = draw(chart, folder, "both", "light")
                found.setdefault(stored.partition, []).append(Plot(name, png, html))
            advance(1)
    return found


def _told(
    app: App, target: str, reports: list[DayReport], strict: bool, written: list[str] | None = None
) -> int:
    from mm_framework.store.manifest import Verdict

    verdict = Verdict.worst(one.verdict for report in reports for one in report.partitions)
    bad = verdict.status in ("REJECT", "QUARANTINE")
    document = {
        "ok": not bad,
        "target": target,
        "qa_status": verdict.status,
        "days": [report.to_json() for report in reports],
        "written": written or [],
    }
    app.out.emit(document, lambda: _days_shown(app, reports, verdict.status, written or []))
    return int(strict and bad)


def _days_shown(app: App, reports: list[DayReport], status: str, written: list[str]) -> Any:
    from rich.console import Group
    from rich.text import Text

    lines = []
    for report in reports:
        for one in report.partitions:
            left_out = sum(end - start for start, end, _ in one.verdict.intervals) / 1e9
            venue, date, _ = one.stored.partition
            flags = ", ".join(one.verdict.flags) or None
            lines.append(
                (
                    venue,
                    date,
                    one.stored.partition.shown,
                    one.stored.rows,
                    one.verdict.status,
                    flags,
                    f"{left_out:.3f}",
                )
            )
    table = app.out.table(("venue", "date", "symbol", "rows", "verdict", "flags", "left out, s"), lines)
    return Group(table, "", Text(f"qa_status={status}"), *(Text(f"written: {path}") for path in written))


def _shown(app: App, report: FileReport) -> Any:
    from rich.console import Group
    from rich.text import Text

    lines = [
        f"qa_status={report.status}",
        f"file={report.file}",
        f"runs_detected={report.runs_detected}",
        f"mode={report.mode}",
        *_numbers(report),
        *(f"fail: {one.text}" for one in report.findings if one.result == "FAIL"),
        *(f"warning: {one.text}" for one in report.warnings),
    ]
    worst = [tuple(row.values()) for row in report.worst_ages]
    table = app.out.table(("row", "capture_time_utc", "symbol", "age_ms"), worst)
    below: list[Any] = ["", Text("the worst ages"), table] if worst else []
    return Group(*map(Text, lines), *below)


def _numbers(report: FileReport) -> list[str]:
    checks, ages = report.checks, report.ages
    back, gaps = checks["backward"], checks["gaps"]
    return [
        f"rows={report.rows} of {report.rows_in_file}, {report.span_s:.1f} s, columns={report.columns}",
        f"bad_lines={report.bad_lines} bad_cells={sum(report.bad_cells.values())}",
        f"crossed={checks['crossed']} spread_not_positive={checks['spread_not_positive']}"
        f" size_not_positive={checks['size_not_positive']} duplicates={checks['duplicates']}",
        f"backward_rows={back['rows']} backward_share={back['share']:.2%}"
        f" backward_max_jump_ms={back['max_jump_ms']:.0f}",
        f"gaps={gaps['count']} gap_max_ms={gaps['max_ms']:.0f}"
        f" unchanged_max_ms={checks['unchanged_max_ms']:.0f}",
        f"stale_rows={checks['stale_rows']} p50_ms={ages.p50_ms} p99_ms={ages.p99_ms}"
        f" unsafe={ages.unsafe.share:.2%}",
    ]
