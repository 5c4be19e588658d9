"""``mm bench``: what a capture on this machine can do, measured against an emulated venue."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from mm_framework.bundle.disk import writing
from mm_framework.capture.settings import CaptureSettings
from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import FiniteRange, PluginCommand, json_option, settings_options
from mm_framework.settings import DataSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mm_framework.cli.bench_runs import BenchRow

__all__ = ["command"]

RATES = (100.0, 400.0, 1600.0)


@click.command("bench", cls=PluginCommand)
@click.option("--venue", default="kraken", show_default=True, metavar="NAME", help="The venue to emulate.")
@click.option(
    "--symbol", "symbols", multiple=True, metavar="NAME", help="An instrument; repeats. [the emulator's own]"
)
@click.option(
    "--rate",
    "rates",
    type=FiniteRange(0, min_open=True),
    multiple=True,
    metavar="X",
    help="Market events a second of each instrument; repeats. [100, 400, 1600]",
)
@click.option(
    "--seconds",
    type=FiniteRange(0, min_open=True),
    default=8.0,
    show_default=True,
    metavar="X",
    help="Time that is measured at each rate.",
)
@click.option("--keep", is_flag=True, help="Keep the bundles, in a new folder of the data directory.")
@settings_options(CaptureSettings)
@settings_options(DataSettings)
@json_option
@pass_app
def command(
    app: App, venue: str, symbols: tuple[str, ...], rates: tuple[float, ...], seconds: float, keep: bool
) -> None:
    """Measure capture on this machine: frames a second, loop lag, drops, the latency of each stage.

    An emulated venue runs in a process of its own, the capture in this one, and the bundle is written
    to the data directory as usual. The emulator is a program in Python, too: what it can send is part of
    what the highest rates show.
    """
    from mm_framework.cli.bench_runs import measure
    from mm_framework.kernels.loader import active

    compiled = active()  # now, and not while it is measured
    rates = rates or RATES
    folder = _new_folder(app.load(DataSettings).value.dir)
    rows = []
    try:
        with app.out.progress("measuring", total=len(rates), unit="rates") as advance:
            for number, rate in enumerate(rates, 1):
                rows.append(measure(app, venue, symbols, rate, seconds, folder, f"rate-{number}"))
                advance(1)
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    transport = app.load(CaptureSettings).value.transport
    document = {
        "ok": True,
        "venue": venue,
        "transport": transport,
        "kernels": compiled,
        "folder": str(folder) if keep else None,
        "rates": [attrs.asdict(row) for row in rows],
    }
    app.out.emit(document, lambda: _shown(app, document, rows))


def _new_folder(data_dir: Path) -> Path:
    with writing(data_dir):
        data_dir.mkdir(parents=True, exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="bench-", dir=data_dir))


def _shown(app: App, document: Mapping[str, Any], rows: Sequence[BenchRow]) -> Any:
    from rich.console import Group

    kernels = "compiled kernels" if document["kernels"] else "no kernels"
    head = f"capture of an emulated {document['venue']} over {document['transport']}, {kernels}"
    titles = (
        "events/s",
        "frames/s",
        "MB/s",
        "CPU us/frame",
        "lag p50",
        "lag p99",
        "lag max",
        "parsed p50",
        "parsed p99",
        "applied p99",
        "queue max",
        "dropped",
        "lost",
    )
    cells = [
        (
            f"{row.asked:g}",
            f"{row.frames_per_s:.0f}",
            f"{row.bytes_per_s / 1e6:.2f}",
            f"{row.cpu_us_per_frame:.0f}",
            *(_ms(row.loop_lag_ms[name]) for name in ("p50", "p99", "max")),
            *(_ms(row.stages["recv_to_parsed_ms"][name]) for name in ("p50", "p99")),
            _ms(row.stages["recv_to_applied_ms"]["p99"]),
            row.stages["queue_depth"]["max"],
            row.dropped_messages,
            row.reconnects,
        )
        for row in rows
    ]
    note = "lag, parsed, applied: milliseconds; parsed: read, checked and in its book"
    kept = [f"bundles: {document['folder']}"] if document["folder"] else []
    return Group(head, "", app.out.table(titles, cells), "", note, *kept)


def _ms(value: float | None) -> str | None:
    return None if value is None else f"{value:.3f}"
