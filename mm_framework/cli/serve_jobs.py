"""What ``mm serve`` does: sources, server and signals in one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from mm_framework.cli.app import App
from mm_framework.cli.bundles import kits_of, opened
from mm_framework.cli.signals import signals
from mm_framework.cli.store_cmd import store_url
from mm_framework.cli.venues_cmd import venues_of
from mm_framework.kernels.loader import active
from mm_framework.serve.guard import Access, read_token
from mm_framework.serve.hub import Hub
from mm_framework.serve.playback import Playback
from mm_framework.serve.server import listen, run_server, tls_of
from mm_framework.serve.serving import Serving, Source
from mm_framework.serve.settings import ServeSettings
from mm_framework.settings import DataSettings

__all__ = ["serve"]


def serve(
    app: App, port: int, parts: Sequence[str], *, store: str | None, playback: str | None, speed: float
) -> None:
    """Serve until a signal. Raises KeyboardInterrupt at a second one, and what the sources raise."""
    settings = app.load(ServeSettings).value
    token, tls = read_token(settings), tls_of(settings)
    active()  # kernels are compiled before anybody waits for them
    hub = Hub(settings)
    sources = _sources(app, hub, playback, speed)
    data_dir = app.load(DataSettings).value.dir
    serving = Serving(
        hub, data_dir, store_url(app, store), sources, Access(settings, token), lambda: venues_of(app)
    )
    listener = listen(settings, port)
    number = listener.getsockname()[1]
    scheme = "http" if tls is None else "https"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host

    def ready() -> None:
        url = f"{scheme}://{host}:{number}/"
        app.out.emit(
            {"ok": True, "url": url, "parts": list(parts), "token": token is not None}, f"serving {url}"
        )

    async def run() -> None:
        stop, task = asyncio.Event(), asyncio.current_task()
        assert task is not None
        with signals(lambda name: stop.set(), task.cancel):
            await run_server(serving, listener, parts=parts, tls=tls, stop=stop, ready=ready)

    try:
        asyncio.run(run())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _sources(app: App, hub: Hub, playback: str | None, speed: float) -> list[Source]:
    if playback is None:
        return []
    run = opened(app, playback)
    return [Playback(run, kits_of(app, run), hub, speed)]
