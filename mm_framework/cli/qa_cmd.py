"""``mm qa``: may this data be used?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import json_option, settings_options
from mm_framework.quality.settings import FileCheckSettings, LatencySettings

if TYPE_CHECKING:
    from mm_framework.quality.file_check import FileReport

__all__ = ["command"]


@click.command("qa")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--file", "earlier_file", hidden=True, type=click.Path(path_type=Path))
@click.option("--all-runs", is_flag=True, help="Check all contiguous runs, not only the latest.")
@click.option("--strict", is_flag=True, help="Exit 1 when the file fails.")
@settings_options(FileCheckSettings)
@settings_options(LatencySettings)
@json_option
@pass_app
def command(app: App, file: Path | None, earlier_file: Path | None, all_runs: bool, strict: bool) -> int:
    """Check a file of best prices: is it whole, and could a market have looked like that?

    FILE is a CSV of 12 columns, or the 11 of earlier files; it may be compressed. Prints
    qa_status=PASS or FAIL, the numbers behind it, warnings, and the ten worst ages.
    """
    from mm_framework.quality.bbo_file import BboFile
    from mm_framework.quality.file_check import check_file

    chosen = file or earlier_file
    if chosen is None or (file and earlier_file):
        raise click.UsageError("name one file: mm qa FILE", click.get_current_context())
    settings, latency = app.load(FileCheckSettings).value, app.load(LatencySettings).value
    with app.out.progress("reading", unit="rows") as advance:
        report = check_file(BboFile(chosen), settings, latency, all_runs=all_runs, progress=advance)
    app.out.emit({"ok": report.status == "PASS", **report.to_json()}, lambda: _shown(app, report))
    return int(strict and report.status == "FAIL")


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
