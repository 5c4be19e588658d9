"""What ``mm serve`` does: sources, server and signals in one event loop."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Sequence

import attrs

from mm_framework.bundle.names import RUNS
from mm_framework.bundle.run import Run
from mm_framework.capture.settled_heap import settled_heap
from mm_framework.cli.app import App
from mm_framework.cli.bundles import kits_of, new_run, opened
from mm_framework.cli.live import LiveRequest, prepared
from mm_framework.cli.signals import signals
from mm_framework.cli.store_cmd import store_url
from mm_framework.cli.venues_cmd import venues_of
from mm_framework.errors import ConfigError
from mm_framework.feed import VenueKit
from mm_framework.kernels.loader import active
from mm_framework.serve.captured import Captured
from mm_framework.serve.follow import FollowedRun, FollowRuns
from mm_framework.serve.guard import Access, read_token
from mm_framework.serve.hub import Hub
from mm_framework.serve.playback import Playback
from mm_framework.serve.server import listen, run_server, tls_of
from mm_framework.serve.serving import Serving, Source
from mm_framework.serve.settings import ServeSettings
from mm_framework.serve.translate import Translator
from mm_framework.settings import DataSettings

__all__ = ["ServeRequest", "serve"]


@attrs.frozen
class ServeRequest:
    """What is served, where (``port`` unless the settings name one), and where it comes from.

    ``capture``: instruments to capture in this process, with ``endpoints`` and ``record`` as in
    `mm capture`; ``playback``: a recorded run, at ``speed``; ``runs``: runs to follow. None of them: all
    runs of the data directory that are being written.
    """

    port: int
    parts: Sequence[str]
    store: str | None = None
    capture: tuple[str, ...] = ()
    endpoints: tuple[str, ...] = ()
    record: str | None = None
    playback: str | None = None
    speed: float = 1.0
    runs: tuple[str, ...] = ()


def serve(app: App, request: ServeRequest) -> None:
    """Serve until a signal. Raises KeyboardInterrupt at a second one, and what the sources raise."""
    _check(request)
    settings = app.load(ServeSettings).value
    token, tls = read_token(settings), tls_of(settings)
    active()  # kernels are compiled before anybody waits for them
    hub = Hub(settings)
    with (
        contextlib.closing(listen(settings, request.port)) as listener,
        _sources(app, hub, request) as sources,
    ):
        data_dir, store = app.load(DataSettings).value.dir, store_url(app, request.store)
        serving = Serving(hub, data_dir, store, sources, Access(settings, token), lambda: venues_of(app))
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        url = f"{'http' if tls is None else 'https'}://{host}:{listener.getsockname()[1]}/"
        document = {"ok": True, "url": url, "parts": list(request.parts), "token": token is not None}

        async def run() -> None:
            stop, task = asyncio.Event(), asyncio.current_task()
            assert task is not None
            with signals(lambda name: stop.set(), task.cancel), settled_heap():
                await run_server(
                    serving,
                    listener,
                    parts=request.parts,
                    tls=tls,
                    stop=stop,
                    ready=lambda: app.out.emit(document, f"serving {url}"),
                )

        try:
            asyncio.run(run())
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


def _check(request: ServeRequest) -> None:
    """Raises ConfigError for sources that exclude one another, and for options of one that is not used."""
    given = {"--capture": request.capture, "--playback": request.playback, "--run": request.runs}
    used = [flag for flag, value in given.items() if value]
    if len(used) > 1:
        raise ConfigError(
            f"{' and '.join(used)} exclude one another: serve one source at a time", key="capture"
        )
    if not request.capture and (request.endpoints or request.record):
        flag = "--endpoint" if request.endpoints else "--record"
        raise ConfigError(f"{flag} belongs to --capture", key=flag.removeprefix("--"))


@contextlib.contextmanager
def _sources(app: App, hub: Hub, request: ServeRequest) -> Iterator[Sequence[Source]]:
    """The sources that are asked for, ready. Raises ConfigError, PluginError, StoreError and their kinds."""
    if request.capture:
        path = None if request.record is None else new_run(app, request.record)
        translator = Translator(hub)
        live = LiveRequest(request.capture, endpoints=request.endpoints, record=path)
        with prepared(app, live, [translator]) as capture:
            yield [Captured(capture, translator, None if path is None else path.name)]
    elif request.playback is not None:
        run = opened(app, request.playback)
        yield [Playback(run, kits_of(app, run), hub, request.speed)]
    elif request.runs:
        followed = [opened(app, name) for name in request.runs]
        yield [FollowedRun(run, kits_of(app, run), hub) for run in followed]
    else:

        def kits(run: Run) -> dict[str, VenueKit]:
            return kits_of(app, run)

        yield [FollowRuns(app.load(DataSettings).value.dir / RUNS, kits, hub)]
