"""``mm serve``: relay, REST, metrics stream, Prometheus and dashboard of what is captured or was recorded."""

from __future__ import annotations

from typing import Final

import click

from mm_framework.cli.app import App, pass_app
from mm_framework.cli.options import FiniteRange, PluginCommand, json_option, settings_options
from mm_framework.cli.store_cmd import store_option
from mm_framework.errors import EnvironmentFailed
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
@settings_options(StoreSettings)
@settings_options(DataSettings)
@json_option
@pass_app
def command(app: App, part: str, store: str | None, playback: str | None, speed: float) -> None:
    """Serve books, trades and what is known of them over WebSockets and HTTP.

    PART is all (port 8080), relay (8765) or metrics (8766). Stops in order at SIGINT or SIGTERM.
    """
    try:
        from mm_framework.cli.serve_jobs import serve
    except ModuleNotFoundError as error:
        if error.name not in ("starlette", "uvicorn"):
            raise
        raise EnvironmentFailed("serving needs Starlette and uvicorn: install mm-framework[serve]") from None
    port, parts = PARTS[part]
    serve(app, port, parts, store=store, playback=playback, speed=speed)
