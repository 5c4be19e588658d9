"""``mm capture``: record public market data of a venue into a run bundle."""

from __future__ import annotations

import contextlib
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mm_framework.bundle.names import default_run_id
from mm_framework.bundle.settings import BundleSettings
from mm_framework.bundle.window import WindowSettings
from mm_framework.calibrate.settings import PrometheusSettings
from mm_framework.capture.settings import AlertSettings, CaptureSettings, PlantSettings, TargetSettings
from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import FiniteRange, PluginCommand, json_option, settings_options
from mm_framework.cli.profiles import PROFILES, Profile, use_profile
from mm_framework.errors import ConfigError
from mm_framework.feed.clock_offset import ClockSettings
from mm_framework.feed.config import FeedSettings
from mm_framework.settings import DataSettings, Given
from mm_framework.sinks.bbo_csv import BboSettings
from mm_framework.sinks.day_settings import DaySettings
from mm_framework.sinks.settings import SinkSettings

if TYPE_CHECKING:
    from mm_framework.capture.telemetry import CaptureResult

__all__ = ["command"]


@click.command("capture", cls=PluginCommand)
@click.argument("instruments", nargs=-1, metavar="VENUE:SYMBOL...")
@click.option("--venue", metavar="NAME", help="The venue of --symbol, such as kraken.")
@click.option(
    "--symbol",
    "symbols",
    multiple=True,
    metavar="NAME",
    help="An instrument of --venue, by the venue's name or our id; repeats.",
)
@click.option(
    "--channel",
    "channels",
    multiple=True,
    metavar="NAME",
    help="A channel, such as book, trade, ticker; repeats. [book and trade]",
)
@click.option("--depth", type=int, metavar="N", help="Levels a side of the books. [the venue's default]")
@click.option(
    "--shards",
    type=click.IntRange(1),
    metavar="N",
    help="Connections a venue, over which its instruments are dealt. [as many as its limits ask for]",
)
@click.option(
    "--endpoint",
    "endpoints",
    multiple=True,
    metavar="[VENUE[/CHANNEL]=]URL",
    help="Connect here, such as an emulator; repeats. [the venue's own]",
)
@click.option("--ws-url", "earlier_endpoint", hidden=True)
@click.option(
    "--universe",
    "universes",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take lists of instruments from this file of mm discover; repeats. [ask the venues]",
)
@click.option(
    "--profile",
    type=click.Choice(sorted(PROFILES)),
    help="Defaults of an earlier recorder: "
    + "; ".join(f"{name}: {profile.help}" for name, profile in sorted(PROFILES.items()))
    + ".",
)
@click.option(
    "--live",
    "view",
    is_flag=True,
    help="Show shards, books, gates and disk on the terminal, as it goes on.",
)
@click.option("--run-id", metavar="ID", help="The new bundle: its id, or a path. [a UTC stamp]")
@click.option(
    "--max-seconds",
    type=FiniteRange(0, min_open=True),
    metavar="X",
    help="Stop after so long, reconnects included. [at a signal]",
)
@click.option("--transport", metavar="[websockets|picows]", help="Same as --capture-transport. [websockets]")
@click.option("--ca-file", metavar="FILE", help="Same as --capture-ca-file. [the system's trust]")
@click.option(
    "--sink",
    "sinks",
    multiple=True,
    metavar="NAME[=PATH]",
    help="Also write the files of a sink, such as bbo-csv=FILE or day-files; repeats.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The CSV of --profile bbo, a new file. [named by a UTC stamp]",
)
@settings_options(CaptureSettings)
@settings_options(PrometheusSettings)
@settings_options(PlantSettings)
@settings_options(AlertSettings)
@settings_options(FeedSettings)
@settings_options(ClockSettings)
@settings_options(BundleSettings)
@settings_options(WindowSettings)
@settings_options(BboSettings)
@settings_options(DaySettings)
@settings_options(SinkSettings)
@settings_options(DataSettings)
@json_option
@pass_app
def command(
    app: App,
    instruments: tuple[str, ...],
    venue: str | None,
    symbols: tuple[str, ...],
    channels: tuple[str, ...],
    depth: int | None,
    shards: int | None,
    endpoints: tuple[str, ...],
    earlier_endpoint: str | None,
    universes: tuple[Path, ...],
    profile: str | None,
    view: bool,
    run_id: str | None,
    max_seconds: float | None,
    transport: str | None,
    ca_file: str | None,
    sinks: tuple[str, ...],
    out: Path | None,
) -> None:
    """Record public market data of one or many venues into a new run bundle, with what proves it.

    An instrument may be a pattern, such as 'binance:*/USDT'; what it means is looked up again while the
    run goes on, and newcomers are subscribed. Stops in order at --max-seconds, SIGINT or SIGTERM; a second
    signal interrupts. A lost connection is opened again for as long as it takes, but a first one that
    cannot be had ends the run.
    """
    from mm_framework.capture.exposed import ExposedCapture
    from mm_framework.cli.bundles import new_run
    from mm_framework.cli.live import LiveRequest, run_live
    from mm_framework.cli.metrics_page import shown
    from mm_framework.cli.sink_options import sink_requests
    from mm_framework.cli.window_wait import joined_window

    used = None if profile is None else use_profile(app, profile)
    for name, flag, value in (("transport", "--transport", transport), ("ca_file", "--ca-file", ca_file)):
        if value is not None:
            app.flags.setdefault("capture", {})[name] = Given(value, f"flag {flag}")
    window, left = joined_window(app)
    if left is not None:
        text = f"stopped by {left} before the window began: nothing was recorded"
        app.out.emit({"ok": True, "run_id": None, "stopped_by": left}, text)
        return
    path = new_run(app, run_id or _default_id(app, compat=used is not None and used.compat))
    request = LiveRequest(
        instruments,
        venue,
        symbols,
        channels or (() if used is None else used.channels),
        depth,
        shards,
        endpoints or ((earlier_endpoint,) if earlier_endpoint else ()),
        record=path,
        max_seconds=max_seconds,
        window=window,
        sinks=tuple(sink_requests(_sinks(sinks, out, used))),
        universes=universes,
        usual=() if used is None else used.instruments,
        missing="" if used is None else used.missing,
        levels=app.load(DaySettings).value.depth_levels if profile == "recorder" else 0,
        view=view,
    )
    exposed = ExposedCapture()
    port = app.load(PrometheusSettings).value.port
    page = contextlib.nullcontext() if port is None else shown(app, [exposed.families], port)
    with page:
        result = run_live(app, request, hear=None if port is None else exposed.hear)
    document = {"ok": True, "run_id": path.name, "path": str(path), **result.to_json()}
    app.out.emit(document, lambda: _shown(result, path))


def _default_id(app: App, *, compat: bool) -> str:
    """A UTC stamp; the symbols behind it for recorders, several of which share a data directory."""
    stamp = default_run_id(time.time_ns())
    symbols = app.load(TargetSettings).value.symbols if compat else ()
    words = [re.sub(r"[^A-Za-z0-9]", "", symbol) for symbol in symbols]
    return "-".join([stamp, *filter(None, words)])[:64]


def _sinks(given: tuple[str, ...], out: Path | None, used: Profile | None) -> list[str]:
    """Those that were named, and the profile's others; ``--out`` is the file of the profile's CSV."""
    usual = () if used is None else used.sinks
    if out is not None:
        if usual != ("bbo-csv",):
            raise ConfigError("--out belongs to --profile bbo; elsewhere write --sink NAME=PATH", key="out")
        given = (*given, f"bbo-csv={out}")
    named = {word.partition("=")[0] for word in given}
    return [*given, *(name for name in usual if name not in named)]


def _shown(result: CaptureResult, path: Path) -> str:
    counts, reconnects = result.counts, result.reconnects
    reasons = ", ".join(f"{count} {reason}" for reason, count in reconnects["by_reason"].items())
    lines = [
        f"{path.name}: {counts.frames} frames in {result.duration_s:.1f} s, stopped by {result.stopped_by}",
        f"checksums {counts.checksums_verified} verified, {counts.checksums_failed} failed; "
        f"gaps {counts.gaps}; books built {counts.epochs}",
        f"reconnects {reconnects['total']} unplanned, {reconnects['planned']} planned"
        + (f" ({reasons})" if reasons else ""),
        *(f"{name}: {one['state']}, epoch {one['epoch']}" for name, one in result.instruments.items()),
    ]
    if result.dropped_messages:
        lines.append(f"{result.dropped_messages} messages were dropped because the disk was too slow")
    return "\n".join([*lines, f"next: mm verify {path}"])
