"""``mm audit``: was the plant that recorded a bundle healthy?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from mm_framework.calibrate.log_settings import CalibrationSettings
from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import FiniteRange, json_option, run_argument, settings_options
from mm_framework.settings import DataSettings

if TYPE_CHECKING:
    from mm_framework.bundle.audit import AuditReport, GateResult

__all__ = ["command"]

SHADOW = "shadow"
STYLES = {"PASS": "green", "WARN": "yellow", "FAIL": "bold red", "N/A": "dim"}


@click.command("audit")
@run_argument("runs", nargs=-1, metavar="RUN...")
@click.option(
    "--profile",
    type=click.Choice(("1h", "24h", "7d", SHADOW)),
    help="Also ask the gates of an acceptance profile of best prices; RUN may be their CSV files. shadow: ask"
    " only those of the calibration logs.",
)
@click.option(
    "--threshold-seconds",
    type=FiniteRange(0, min_open=True),
    default=2.0,
    show_default=True,
    metavar="X",
    help="A longer time between two heartbeats is a gap.",
)
@settings_options(DataSettings)
@settings_options(CalibrationSettings, only=("feeds_dir",))
@json_option
@pass_app
def command(app: App, runs: tuple[str, ...], profile: str | None, threshold_seconds: float) -> int:
    """Ask the gates of a capture: heartbeats, reconnects, drops, lag, pressure, CRCs, its end.

    RUN is a run id or the path of a bundle, also of a run that was killed. The exit code is 0 when no
    gate fails, 1 when one does; each gate names the command that shows more.

    With --profile the best prices are judged, too: how long, how fresh, how steady. RUN may then be CSV
    files of best prices (of whose capture nothing is known), seven of them, one a day, for 7d.

    With --profile shadow RUN is a run of `mm run --calibration-logs`, by its id, or a folder of such logs:
    did it run for an hour, was the market-data cache hit, were its ticks fast enough?
    """
    if profile == SHADOW and len(runs) == 1:
        return _shadow(app, runs[0])
    if profile not in (None, SHADOW) and runs:
        from mm_framework.cli.audit_profile import audit_profile

        judged = audit_profile(app, runs, profile, threshold_seconds)
        app.out.emit(judged.to_json(), lambda: _verdict(judged.every, f"profile {profile}"))
        return 0 if judged.ok else 1
    if len(runs) != 1:
        raise click.UsageError("name one run: mm audit RUN", click.get_current_context())
    run = runs[0]
    from mm_framework.bundle.audit import audit, gather
    from mm_framework.cli.bundles import opened

    bundle = opened(app, run)
    size = sum(reader.size for reader in bundle.shards)
    with app.out.progress("reading", total=size, unit="bytes") as advance:
        evidence = gather(bundle, threshold_s=threshold_seconds, name=run, progress=advance)
    report = audit(evidence)
    app.out.emit(report.to_json(), lambda: _shown(report))
    return 0 if report.ok else 1


def _shadow(app: App, run: str) -> int:
    """The shadow gate of a run or of a folder of logs."""
    from mm_framework.calibrate.shadow import gather, judge

    path = Path(run)
    feeds = app.load(CalibrationSettings).value.feeds_dir
    evidence = gather(path) if path.is_dir() and any(path.glob("*.jsonl")) else gather(feeds, path.name)
    results = tuple(judge(evidence))
    ok = all(result.status == "PASS" for result in results)
    document = {
        "ok": ok,
        "profile": SHADOW,
        "run": evidence.run,
        "logs": str(evidence.folder),
        "lines": evidence.lines,
        "unreadable_lines": evidence.unreadable,
        "gates": [attrs.asdict(result) for result in results],
    }
    app.out.emit(document, lambda: _verdict(results, f"profile {SHADOW}"))
    return 0 if ok else 1


def _shown(report: AuditReport) -> Any:
    return _verdict(report.results, report.evidence.path.name)


def _verdict(results: tuple[GateResult, ...], name: str) -> Any:
    from rich.console import Group
    from rich.text import Text

    failed = list(dict.fromkeys(result.name for result in results if result.status == "FAIL"))
    verdict = f"FAIL: {', '.join(failed)}" if failed else "PASS"
    return Group(_table(results), "", Text(f"{name}: {verdict}", style=STYLES[verdict[:4]]))


def _table(results: tuple[GateResult, ...]) -> Any:
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for title in ("gate", "", "value", "limit", "", "see"):
        table.add_column(title, justify="right" if title in ("value", "limit") else "left", overflow="fold")
    for one in results:
        cells = [Text(text) for text in (one.name, _cell(one.value), _cell(one.limit), one.text, one.command)]
        cells.insert(1, Text(one.status, STYLES[one.status]))
        table.add_row(*cells)
    return table


def _cell(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.3f}".rstrip("0").rstrip(".")
        case _:
            return str(value)
