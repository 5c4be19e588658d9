"""``mm verify``: is a run bundle what the venue said? Is a day folder whole?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import PluginCommand, json_option, run_argument, settings_options
from mm_framework.errors import ConfigError
from mm_framework.settings import DataSettings

if TYPE_CHECKING:
    from mm_framework.bundle.verify_report import VerifyReport
    from mm_framework.sinks.day_verify import DayReport

__all__ = ["command"]

SHOWN_FAILURES = 20


@click.command("verify", cls=PluginCommand)
@run_argument(required=False)
@click.option("--day-dir", metavar="DIR", help="Validate this day folder of a recorder.")
@click.option("--summary-only", is_flag=True, help="Leave out the single instruments and failures.")
@settings_options(DataSettings)
@json_option
@pass_app
def command(app: App, run: str | None, day_dir: str | None, summary_only: bool) -> int:
    """Prove that a run bundle is what the venue said, or that a day folder is whole.

    RUN is a run id, the path of a bundle, or that of a day folder. Of a bundle every CRC, index, table and
    checkpoint is checked, then every frame is read again and every book is held against what the venue
    said of it. Of a day folder the updates are applied to its snapshots once more; numbers, checksums and
    recorded book frames are compared, and the gaps that the recorder declared count too. The exit code is
    0 when nothing speaks against the recording, 1 when something does, 4 when it cannot be read.
    """
    if (run is None) == (day_dir is None):
        raise ConfigError("name one recording: RUN, or --day-dir DIR", key="run")
    if day_dir is not None or _is_day(app, str(run)):
        return _verify_day(app, Path(day_dir or str(run)), summary_only=summary_only)
    return _verify_run(app, str(run), summary_only=summary_only)


def _is_day(app: App, run: str) -> bool:
    from mm_framework.cli.bundles import find_run
    from mm_framework.sinks.day_reader import is_day_folder

    return not find_run(app, run).joinpath("manifest.json").exists() and is_day_folder(Path(run))


def _verify_day(app: App, path: Path, *, summary_only: bool) -> int:
    from mm_framework.plugins.kits import venue_kits
    from mm_framework.sinks.day_reader import DayReader
    from mm_framework.sinks.day_verify import verify_day

    reader = DayReader(path)
    kits = venue_kits(app.plugins, [reader.exchange], lambda settings: app.load(settings).value)
    report = verify_day(reader, kits[reader.exchange].rules)
    document = report.to_json()
    if summary_only:
        document = {key: value for key, value in document.items() if key not in ("found", "declared")}
    app.out.emit(document, lambda: _day_shown(app, report, summary_only=summary_only))
    return 0 if report.ok else 1


def _day_shown(app: App, report: DayReport, *, summary_only: bool) -> Any:
    from rich.console import Group
    from rich.text import Text

    counts = report.counts
    rows: list[tuple[str, object]] = [
        ("runs", ", ".join(report.runs)),
        ("updates", f"{report.diffs}, {report.ignored} of them before a snapshot"),
        ("snapshots", f"{report.snapshots}, resyncs {report.resyncs}"),
        ("checksums", f"{counts.checksums_verified} verified, {counts.checksums_failed} failed"),
        ("numbers", f"{counts.sequence_applied} in order, {counts.sequence_breaks} breaks"),
        ("book frames", f"{report.frames_compared} compared, {report.frames_different} different"),
        ("gaps", f"{report.n_found} found, {len(report.declared)} declared"),
    ]
    if report.proof == "none":
        rows.append(("unproved", "the venue neither numbers its updates nor sends checksums"))
    if report.torn:
        rows.append(("torn end", ", ".join(report.torn)))
    parts: list[Any] = [app.out.table(("", ""), rows)]
    if report.gaps and not summary_only:
        declared = [
            f"recv_seq {one['recv_seq']}: declared {one['event']} {one['details']}" for one in report.declared
        ]
        texts = [*(one.text for one in report.found), *declared]
        parts += ["", *(Text(one) for one in texts[:SHOWN_FAILURES])]
        if len(texts) > SHOWN_FAILURES:
            parts.append(f"... and {len(texts) - SHOWN_FAILURES} more (--json has up to 1000)")
    verdict = "ok" if report.ok else f"NOT OK: {report.gaps} gaps"
    return Group(*parts, "", Text(f"{report.path}: {verdict}"))


def _verify_run(app: App, run: str, *, summary_only: bool) -> int:
    from mm_framework.bundle.verify import verify
    from mm_framework.cli.bundles import kits_of, opened

    bundle = opened(app, run)
    kits = kits_of(app, bundle)
    size = sum(reader.size for reader in bundle.shards)
    with app.out.progress("verifying", total=size, unit="bytes") as advance:
        report = verify(bundle, kits, advance)
    document = report.to_json()
    if summary_only:
        document = {key: value for key, value in document.items() if key not in ("instruments", "failures")}
    app.out.emit(document, lambda: _shown(app, report, summary_only=summary_only))
    return 0 if report.ok else 1


def _shown(app: App, report: VerifyReport, *, summary_only: bool) -> Any:
    from rich.console import Group
    from rich.text import Text

    parts: list[Any] = [app.out.table(("", ""), _totals(report))]
    if report.instruments and not summary_only:
        parts += ["", app.out.table(("instrument", "state", "bid", "ask", "levels"), _books(report))]
    if report.failures and not summary_only:
        parts += ["", *(Text(failure.text) for failure in report.failures[:SHOWN_FAILURES])]
        if report.n_failures > SHOWN_FAILURES:
            parts.append(f"... and {report.n_failures - SHOWN_FAILURES} more (--json has up to 1000)")
    verdict = "ok" if report.ok else f"NOT OK: {report.n_failures} failures"
    return Group(*parts, "", Text(f"{report.run_id}: {verdict}"))


def _totals(report: VerifyReport) -> list[tuple[str, object]]:
    counts = report.counts
    rows: list[tuple[str, object]] = [
        ("state", ", ".join((report.state, *report.flags))),
        ("records", f"{report.records}, errors {report.errors}, CRC mismatches {report.crc_mismatch}"),
        ("frames", f"{counts.frames}, malformed {counts.malformed}, unknown {counts.unknown}"),
        ("checksums", f"{counts.checksums_verified} verified, {counts.checksums_failed} failed"),
        ("levels", f"{counts.levels_covered} proved, {counts.levels_not_covered} below the checksum's depth"),
        ("books", f"{counts.epochs} epochs, {counts.gaps} gaps, {counts.crossed} crossed"),
        ("checkpoints", report.checkpoints),
    ]
    if report.span_s is not None:
        rows.append(("time", f"{report.span_s:.1f} s"))
    if report.torn_bytes:
        rows.append(("torn end", f"{report.torn_bytes} bytes of an interrupted write"))
    if report.unproved_channels:
        rows.append(("unproved", ", ".join(report.unproved_channels)))
    return rows


def _books(report: VerifyReport) -> list[tuple[object, ...]]:
    return [
        (
            name,
            book["state"],
            _level(book["bid"], book["bid_size"]),
            _level(book["ask"], book["ask_size"]),
            book["levels"],
        )
        for name, book in report.instruments.items()
    ]


def _level(price: str | None, size: str | None) -> str | None:
    return None if price is None else f"{price} x {size}"
