"""``mm analyze``: how old were the best prices of a file?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import json_option, settings_options
from mm_framework.quality.settings import LatencySettings

if TYPE_CHECKING:
    from mm_framework.quality.latency import AgesReport

__all__ = ["command"]


@click.command("analyze")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--file", "earlier_file", hidden=True, type=click.Path(path_type=Path))
@click.option("--all-runs", is_flag=True, help="Take all contiguous runs, not only the latest.")
@settings_options(LatencySettings)
@json_option
@pass_app
def command(app: App, file: Path | None, earlier_file: Path | None, all_runs: bool) -> None:
    """Tell how old the best prices of a file were, and how many were too old.

    FILE is a CSV of 12 columns, or the 11 of earlier files; it may be compressed. Ages are the adjusted
    ones, percentiles linear between ranks. A file is read up to its last whole line.
    """
    from mm_framework.quality.bbo_file import BboFile
    from mm_framework.quality.latency import Ages
    from mm_framework.quality.runs import split_runs

    settings = app.load(LatencySettings).value
    source = BboFile(_chosen(file, earlier_file))
    ages, run = Ages(settings), 1
    with app.out.progress("reading", unit="rows") as advance:
        for number, quotes in split_runs(source.quotes()):
            if number != run and not all_runs:
                ages = Ages(settings)
            run = number
            ages.add(quotes.age_ms)
            advance(len(quotes))
    report = ages.report()
    warnings = _warnings(report, settings)
    document = {
        "ok": True,
        "file": str(source.path),
        "runs_detected": run if source.rows else 0,
        "mode": "all_runs" if all_runs else "latest_run",
        "rows_in_file": source.rows,
        **report.to_json(),
        "normal_max_ms": settings.normal_max_ms,
        "degraded_max_ms": settings.degraded_max_ms,
        "warnings": warnings,
    }
    app.out.emit(document, lambda: _shown(document, report))


def _chosen(file: Path | None, earlier: Path | None) -> Path:
    chosen = file or earlier
    if chosen is None or (file and earlier):
        raise click.UsageError("name one file: mm analyze FILE", click.get_current_context())
    return chosen


def _warnings(report: AgesReport, settings: LatencySettings) -> list[str]:
    if report.count == 0:
        return ["no row of this run has an age"]
    if report.p50_ms is not None and report.p50_ms > settings.warn_p50_ms:
        return [
            f"the median age {report.p50_ms:.0f} ms is above {settings.warn_p50_ms:g} ms: the clock may be"
            " off, or the connection late"
        ]
    return []


def _shown(document: dict[str, Any], report: AgesReport) -> str:
    keys = ("p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms", "min_ms", "mean_ms")
    values = {key: getattr(report, key) for key in keys}
    regimes = {"normal": report.normal, "degraded": report.degraded, "unsafe": report.unsafe}
    lines = [
        *(f"{key}={document[key]}" for key in ("file", "runs_detected", "mode", "count")),
        *(f"{key}={'-' if value is None else f'{value:.3f}'}" for key, value in values.items()),
        *(f"{name}={regime.count} ({regime.share:.2%})" for name, regime in regimes.items()),
        *(f"warning: {text}" for text in document["warnings"]),
    ]
    return "\n".join(lines)
