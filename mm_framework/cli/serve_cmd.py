"""``mm serve``: relay, REST, metrics stream, Prometheus and dashboard of what is captured or was recorded."""

from __future__ import annotations

from typing import Final

import click

from mm_framework.bundle.settings import BundleSettings
from mm_framework.capture.settings import CaptureSettings
from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import FiniteRange, PluginCommand, json_option, settings_options
from mm_framework.cli.store_cmd import store_option
from mm_framework.errors import EnvironmentFailed
from mm_framework.feed.clock_offset import ClockSettings
from mm_framework.feed.config import FeedSettings
from mm_framework.serve.settings import ServeSettings
from mm_framework.settings import DataSettings
from mm_framework.store.settings import StoreSettings

__all__ = ["command"]

PARTS: Final = {
    "all": (8080, ("relay", "rest", "stream", "exposition", "pages")),
    "relay": (8765, ("relay", "exposition")),
    "metrics": (8766, ("stream", "exposition")),
}
"""What each word serves, and its port."""


@click.command("serve", cls=PluginCommand)
@click.argument("part", type=click.Choice(sorted(PARTS)), default="all")
@click.option(
    "--capture",
    "capture",
    multiple=True,
    metavar="VENUE:SYMBOL",
    help="Capture this instrument, or those of a pattern, in this process; repeats.",
)
@click.option(
    "--endpoint",
    "endpoints",
    multiple=True,
    metavar="[VENUE[/CHANNEL]=]URL",
    help="Let --capture connect here, such as to an emulator; repeats. [the venue's own]",
)
@click.option("--record", metavar="ID", help="Record --capture into this new bundle. [nothing is recorded]")
@click.option(
    "--run",
    "runs",
    multiple=True,
    metavar="ID",
    help="Follow this run through its files; repeats. [all that are being written]",
)
@click.option("--playback", metavar="RUN", help="Serve this recorded run, at its own pace.")
@click.option(
    "--speed",
    type=FiniteRange(0),
    default=1.0,
    show_default=True,
    metavar="X",
    help="Pace of --playback; 0: as fast as it goes.",
)
@store_option
@settings_options(ServeSettings)
@settings_options(CaptureSettings)
@settings_options(FeedSettings)
@settings_options(ClockSettings)
@settings_options(BundleSettings)
@settings_options(StoreSettings)
@settings_options(DataSettings)
@json_option
@pass_app
def command(
    app: App,
    part: str,
    capture: tuple[str, ...],
    endpoints: tuple[str, ...],
    record: str | None,
    runs: tuple[str, ...],
    playback: str | None,
    speed: float,
    store: str | None,
) -> None:
    """Serve books, trades and what is known of them over WebSockets and HTTP.

    PART is all (port 8080), relay (8765) or metrics (8766). Without a source of its own it follows the runs
    of the data directory that are being written, now and later. Stops in order at SIGINT or SIGTERM.
    """
    try:
        from mm_framework.cli.serve_jobs import ServeRequest, serve
    except ModuleNotFoundError as error:
        if error.name not in ("starlette", "uvicorn"):
            raise
        raise EnvironmentFailed("serving needs Starlette and uvicorn: install mm-framework[serve]") from None
    port, parts = PARTS[part]
    serve(app, ServeRequest(port, parts, store, capture, endpoints, record, playback, speed, runs))
