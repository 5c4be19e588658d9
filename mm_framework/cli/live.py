"""What verbs share that talk to a venue: the plan of a capture, its bundle, signals."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import platform
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import attrs

from mm_framework import __version__
from mm_framework.bundle.manifest import Manifest, PluginUsed, ShardInfo
from mm_framework.bundle.names import default_run_id
from mm_framework.bundle.previous import killed_run
from mm_framework.bundle.run import RunWriter
from mm_framework.bundle.settings import BundleSettings
from mm_framework.bundle.window import Window
from mm_framework.capture.age_summary import AgeSummaries
from mm_framework.capture.alert_sender import AlertSender
from mm_framework.capture.clock import RealClock, Stamp
from mm_framework.capture.heartbeat import Beat
from mm_framework.capture.host import HostProbe
from mm_framework.capture.plan import Plan
from mm_framework.capture.recorder import Listener
from mm_framework.capture.runner import Capture
from mm_framework.capture.settings import AlertSettings, CaptureSettings, TargetSettings
from mm_framework.capture.settled_heap import settled_heap
from mm_framework.capture.telemetry import CaptureResult
from mm_framework.capture.thread_turns import short_thread_turns
from mm_framework.capture.timer_resolution import fine_timers
from mm_framework.capture.transport import make_transport, tls_context
from mm_framework.capture.window import WINDOW_END, wait_until
from mm_framework.cli.app import App
from mm_framework.cli.choice import Choice, choose
from mm_framework.cli.keeping import keeper_of
from mm_framework.cli.open_files import raise_open_files
from mm_framework.cli.signals import signals
from mm_framework.cli.sink_options import SinkRequest, live_sinks
from mm_framework.cli.status_line import telling
from mm_framework.errors import ConfigError
from mm_framework.feed import FeedSettings, VenueKit
from mm_framework.feed.clock_offset import ClockSettings
from mm_framework.kernels.loader import active
from mm_framework.quality.rolling import AgeSummary

__all__ = ["LiveRequest", "prepared", "run_live"]

logger = logging.getLogger("mm_framework.capture")


@attrs.frozen
class LiveRequest:
    """What to subscribe, and where to.

    ``instruments`` are ids or patterns; ``venue`` with ``symbols`` (ids or the venue's names) is the other
    way to say it; ``usual`` is taken when nothing is named, ``missing`` said when that is nothing.
    ``channels`` empty: books and trades; ``levels``: least depth of books without ``depth``. ``shards``
    None: as many as the limits ask for. ``universes``: files of lists. ``record``: the new bundle's
    folder, None records nothing. ``sinks``: what is written beside it. ``view``: show everything on the
    terminal.
    """

    instruments: tuple[str, ...]
    venue: str | None = None
    symbols: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    depth: int | None = None
    shards: int | None = None
    endpoints: tuple[str, ...] = ()
    record: Path | None = None
    max_seconds: float | None = None
    sinks: tuple[SinkRequest, ...] = ()
    universes: tuple[Path, ...] = ()
    usual: tuple[str, ...] = ()
    missing: str = ""
    levels: int = 0
    window: Window | None = None
    view: bool = False


def run_live(
    app: App,
    request: LiveRequest,
    listeners: Sequence[Listener] = (),
    *,
    wrap_kit: Callable[[VenueKit], VenueKit] = lambda kit: kit,
    progress: Callable[[Beat], None] | None = None,
    attach: Callable[[Capture], None] = lambda run: None,
    hear: Callable[[Beat], None] | None = None,
) -> CaptureResult:
    """Capture until the time is over, a listener is done or a signal comes; a second signal interrupts.

    ``wrap_kit`` may put something around the parts of each venue, such as a clock around its normalizer.
    ``progress`` is given each heartbeat, instead of the operator; ``hear`` is given it, too; ``attach`` the
    run, before it begins.
    Raises KeyboardInterrupt when interrupted, ConfigError for what cannot be planned, PluginError, and
    what `Capture.run` raises.
    """
    settings = app.load(CaptureSettings).value
    fine = settings.runtime_windows_high_res_timer if listeners else settings.windows_high_res_timer
    ready = prepared(app, request, listeners, wrap_kit=wrap_kit, progress=progress, hear=hear)
    with ready as run, fine_timers(fine):
        attach(run)
        try:
            return asyncio.run(_run(run, request))
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None


@contextlib.contextmanager
def prepared(
    app: App,
    request: LiveRequest,
    listeners: Sequence[Listener] = (),
    *,
    wrap_kit: Callable[[VenueKit], VenueKit] = lambda kit: kit,
    progress: Callable[[Beat], None] | None = None,
    hear: Callable[[Beat], None] | None = None,
) -> Iterator[Capture]:
    """A capture that is ready to run within the block, with its bundle and its sinks; see `run_live`.

    An error before it has begun leaves no bundle behind: nobody takes it for one that was killed.
    """
    settings = app.load(CaptureSettings).value
    feed_settings = app.load(FeedSettings).value
    clock_settings = app.load(ClockSettings).value
    choice = chosen(app, request)
    plan, kits = choice.plan, {venue: wrap_kit(kit) for venue, kit in choice.kits.items()}
    if settings.insecure_tls:
        text = "certificates are NOT checked (insecure_tls): anybody may be at the other end"
        logger.warning(text, extra={"event": "insecure_tls"})
    transport = make_transport(settings.transport)
    tls = tls_context(settings.ca_file, settings.insecure_tls)
    active()  # kernels are compiled before anything is written, if they must be
    raise_open_files()
    stamp = Stamp(RealClock())
    run_id = default_run_id(stamp.wall0_ns) if request.record is None else request.record.name
    told = contextlib.nullcontext(progress) if progress else telling(app, run_id, live=request.view)
    alerts, keeper = _alerts(app, request), keeper_of(app, choice)
    with told as tell, live_sinks(app, request.sinks, plan, stamp, run_id) as sinks:
        writer = None if request.record is None else _writer(app, request.record, plan, stamp)
        run = None
        try:
            run = Capture(
                plan,
                kits,
                transport,
                stamp=stamp,
                settings=settings,
                feed_settings=feed_settings,
                clock_settings=clock_settings,
                writer=writer,
                listeners=(*listeners, *sinks, *_summaries(settings, clock_settings, stamp)),
                tls=tls,
                progress=tell if hear is None else _both(tell, hear),
                host=None if request.record is None else HostProbe(request.record),
                alerts=alerts,
                keeper=keeper,
            )
            yield run
        except BaseException:
            if writer is not None and (run is None or not run.begun):
                writer.discard()
            raise


def chosen(app: App, request: LiveRequest) -> Choice:
    """What the request means. Raises ConfigError, or PluginError for a venue that failed."""
    target = app.load(TargetSettings).value
    venue = request.venue or target.venue
    symbols = request.symbols or (() if request.instruments else target.symbols)
    if symbols and not venue:
        raise ConfigError("--symbol needs --venue; or give instruments such as kraken:BTC/EUR", key="venue")
    names = [*request.instruments, *(f"{venue}:{symbol.removeprefix(f'{venue}:')}" for symbol in symbols)]
    names = names if names or request.universes else [*request.usual]
    if not names and not request.universes and request.missing:
        raise ConfigError(request.missing, key="symbol")
    return choose(
        app,
        names,
        channels=request.channels,
        depth=request.depth,
        levels=request.levels,
        shards=request.shards,
        endpoints=request.endpoints,
        universes=request.universes,
    )


def _both(first: Callable[[Beat], None], second: Callable[[Beat], None]) -> Callable[[Beat], None]:
    def tell(beat: Beat) -> None:
        first(beat)
        second(beat)

    return tell


def _summaries(settings: CaptureSettings, clock: ClockSettings, stamp: Stamp) -> list[Listener]:
    """The listener that tells ages, if they are asked for."""

    def tell(summary: AgeSummary) -> None:
        logger.info("ages %s", summary.text(), extra={"event": "ages", **attrs.asdict(summary)})

    every_s = settings.summary_every_s
    return [AgeSummaries(every_s, clock, stamp, tell)] if every_s else []


def _alerts(app: App, request: LiveRequest) -> AlertSender | None:
    settings = app.load(AlertSettings).value
    name = "unrecorded" if request.record is None else request.record.name
    return AlertSender(settings, name) if settings.enabled else None


def _writer(app: App, path: Path, plan: Plan, stamp: Stamp) -> RunWriter:
    bundle_settings = app.load(BundleSettings).value
    shards = tuple(ShardInfo(one.shard, one.venue, one.subscriptions) for one in plan.shards)
    created = datetime.fromtimestamp(stamp.wall0_ns // 10**9, UTC)
    manifest = Manifest(
        run_id=path.name,
        state="running",
        created=f"{created:%Y-%m-%dT%H:%M:%SZ}",
        wall0_ns=stamp.wall0_ns,
        mono0_ns=stamp.mono0_ns,
        shards=shards,
        previous_run=_previous(app, path, plan),
        flags=("insecure_tls",) if app.load(CaptureSettings).value.insecure_tls else (),
        made_by=f"mm-framework {__version__}",
        plugins=tuple(PluginUsed(**plugin) for plugin in app.plugins.versions()),
        config={section: loaded.to_json() for section, loaded in app.loaded.items()},
        host={
            "implementation": platform.python_implementation(),
            "machine": platform.machine(),
            "python": platform.python_version(),
            "system": platform.system(),
        },
    )
    return RunWriter.create(path, manifest, settings=bundle_settings, threaded=True, metrics=True)


def _previous(app: App, path: Path, plan: Plan) -> str | None:
    """The killed run that this one goes on from, which the operator is told of."""
    previous = killed_run(path.parent, plan.instruments)
    if previous is not None:
        app.out.note(f"run {previous} was killed, this one goes on from it; mm recover {previous} repairs it")
    return previous


async def _run(run: Capture, request: LiveRequest) -> CaptureResult:
    task = asyncio.current_task()
    assert task is not None
    with signals(run.stop, task.cancel), settled_heap(), short_thread_turns():
        ending = None if request.window is None else asyncio.create_task(_end_window(run, request.window))
        try:
            return await run.run(request.max_seconds)
        finally:
            if ending is not None:
                ending.cancel()


async def _end_window(run: Capture, window: Window) -> None:
    await wait_until(RealClock(), window.end_ns)
    run.stop(WINDOW_END)
