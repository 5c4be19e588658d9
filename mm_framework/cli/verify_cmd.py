"""``mm verify``: is a run bundle what the venue said?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import PluginCommand, json_option, settings_options
from mm_framework.settings import DataSettings

if TYPE_CHECKING:
    from mm_framework.bundle.verify_report import VerifyReport

__all__ = ["command"]

SHOWN_FAILURES = 20


@click.command("verify", cls=PluginCommand)
@click.argument("run")
@click.option("--summary-only", is_flag=True, help="Leave out the single instruments and failures.")
@settings_options(DataSettings)
@json_option
@pass_app
def command(app: App, run: str, summary_only: bool) -> int:
    """Prove that a run bundle is what the venue said.

    RUN is a run id or the path of a bundle. Every CRC, index, table and checkpoint is checked, then
    every frame is read again and every book is held against what the venue said of it. The exit code
    is 0 when nothing speaks against the recording, 1 when something does.
    """
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
