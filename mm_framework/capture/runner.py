"""A live run: shards around their `Feed`s, on one event loop, until it is time to stop.

    result = await Capture(plan, kits, transport, stamp=Stamp(RealClock()), writer=writer).run()

`Capture` owns what the shards share: the recorder, the timer for their deadlines, back-pressure, the
heartbeat and the end. Whatever ends it, the log ends in order: LOST for each connection, CONTROL stop
last, files closed. A fatal error is raised after that.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, Protocol

from mm_framework.bundle.manifest import RunState
from mm_framework.capture.alert_sender import AlertSender
from mm_framework.capture.backoff import Rate
from mm_framework.capture.clock import Stamp
from mm_framework.capture.clock_watch import ClockWatch
from mm_framework.capture.heartbeat import Beat, ShardNow
from mm_framework.capture.host import HostUsage
from mm_framework.capture.http import Fetcher
from mm_framework.capture.keeper import Keeper
from mm_framework.capture.notices import NoticeLog
from mm_framework.capture.plan import Plan
from mm_framework.capture.recorder import Listener, Log, Recorder
from mm_framework.capture.settings import CaptureSettings
from mm_framework.capture.shard import Network, Shard
from mm_framework.capture.telemetry import CaptureResult, Tally, instrument_lines, total_counts
from mm_framework.capture.teller import Teller, TellerLog
from mm_framework.capture.transport import HttpAnswer, HttpClient, HttpOptions, Transport, TransportOptions
from mm_framework.contracts.adapter import HttpRequest, Subscription, VenueLimits
from mm_framework.contracts.normalizer import InstrumentInfo
from mm_framework.errors import ConnectionLost, EnvironmentFailed, MMError
from mm_framework.feed import FeedConfig, FeedSettings, VenueKit
from mm_framework.feed.clock_offset import ClockSettings, OffsetDecision, Verdict
from mm_framework.feed.log_bodies import Change, Follow, Rotation, Unfollow, encode_change
from mm_framework.feed.output import Command, Fetch, Notice
from mm_framework.model.events import Reason
from mm_framework.model.frame import RecordKind, encode_json
from mm_framework.sync.counts import Counts

__all__ = ["Capture", "CaptureLog"]

MAX_CONNECTIONS = 2**16
ROOM_POLL_S = 0.02


class CaptureLog(Log, TellerLog, Protocol):
    """What a capture writes to: a `bundle.run.RunWriter`."""

    def wait_room(self, timeout_s: float) -> bool:
        """Wait until no longer ``full``."""
        ...

    def missing(self, document: Mapping[str, Any]) -> None:
        """Tell which instruments have not spoken."""
        ...

    def update(self, **changes: Any) -> None:
        """Change fields of the manifest."""
        ...

    def close(self, state: RunState = ..., result: dict[str, Any] | None = ...) -> None:
        """End the bundle."""
        ...


class Capture:
    """One live run. ``writer`` None: nothing is kept, listeners hear the same.

    ``tls`` is for wss endpoints, None takes the system's trust; ``progress`` is given each heartbeat;
    ``host`` looks at the machine, in a thread; ``alerts`` tell an operator; ``keeper`` changes what is
    followed. `run` once, `stop` from anywhere in the loop.
    """

    def __init__(
        self,
        plan: Plan,
        kits: Mapping[str, VenueKit],
        transport: Transport,
        *,
        stamp: Stamp,
        settings: CaptureSettings | None = None,
        feed_settings: FeedSettings | None = None,
        writer: CaptureLog | None = None,
        listeners: Sequence[Listener] = (),
        clock_settings: ClockSettings | None = None,
        tls: ssl.SSLContext | None = None,
        progress: Callable[[Beat], None] | None = None,
        host: Callable[[], HostUsage] | None = None,
        alerts: AlertSender | None = None,
        keeper: Keeper | None = None,
    ) -> None:
        self.settings = settings = settings or CaptureSettings()
        self.tally = Tally()
        self.paused = False
        self._clock, self._stamp, self._writer = stamp.clock, stamp, writer
        configs = [
            FeedConfig(
                venue=shard.venue,
                shard=shard.shard,
                subscriptions=shard.subscriptions,
                infos=shard.infos,
                wall0_ns=stamp.wall0_ns,
                mono0_ns=stamp.mono0_ns,
                settings=feed_settings or FeedSettings(),
            )
            for shard in plan.shards
        ]
        self._clocks = ClockWatch(
            clock_settings or ClockSettings(),
            stamp,
            {shard.shard: kits[shard.venue].adapter for shard in plan.shards},
            self._tell_offset,
        )
        self._keeper = keeper
        listeners = (self._clocks, *([] if keeper is None else [keeper]), *listeners)
        samples = settings.metrics_max_samples
        self._recorder = Recorder(configs, kits, stamp, writer, listeners, self._react, samples)
        self._teller = Teller(
            self,
            settings,
            stamp.clock,
            stamp.mono0_ns,
            writer,
            progress=progress,
            host=host,
            alerts=alerts,
        )
        self._shards = {shard.number: shard for shard in self._make_shards(plan, kits, transport, tls)}
        self._fetcher = self._make_fetcher(transport, tls)
        asked = ("snapshot_request", "time_request", "witness_request")
        self._fetches = any(hasattr(kits[s.venue].adapter, name) for s in plan.shards for name in asked)
        self._notices = NoticeLog()
        self._connections = 0
        self._instruments: dict[str, dict[str, Any]] = {}
        self._overrun = 0
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = 0
        self._ending: asyncio.Future[str] | None = None
        self._error: BaseException | None = None
        self._over = False
        self._workers: set[asyncio.Task[None]] = set()
        self._closers: set[asyncio.Task[None]] = set()

    def _make_shards(
        self,
        plan: Plan,
        kits: Mapping[str, VenueKit],
        transport: Transport,
        tls: ssl.SSLContext | None,
    ) -> list[Shard]:
        settings = self.settings
        options = TransportOptions(
            open_timeout_s=settings.open_timeout_s,
            close_timeout_s=settings.close_timeout_s,
            tls=tls,
        )
        source = random.Random(settings.jitter_seed or None)
        network = Network(transport, options, self._clock, settings, source)
        limits = {venue: kits[venue].adapter.limits for venue in {shard.venue for shard in plan.shards}}
        knocks = {venue: Rate(one.connects, one.connects_window_s) for venue, one in limits.items()}
        return [
            Shard(shard, self, network, limits[shard.venue], knocks[shard.venue]) for shard in plan.shards
        ]

    def _make_fetcher(self, transport: Transport, tls: ssl.SSLContext | None) -> Fetcher:
        options = HttpOptions(
            open_timeout_s=self.settings.open_timeout_s, timeout_s=self.settings.rest_timeout_s, tls=tls
        )

        def connect() -> HttpClient:
            return transport.http(options)

        return Fetcher(self, connect, self._clock, self.settings)

    # the run

    @property
    def begun(self) -> bool:
        """Whether `run` was called, which closes the bundle in every case."""
        return self._ending is not None

    async def run(self, max_seconds: float | None = None) -> CaptureResult:
        """Run until `stop`, ``max_seconds`` from now, a listener's end or an error, which is raised.

        Raises ConnectionLost (the first connection cannot be had), VenueRefused, EnvironmentFailed;
        asyncio.CancelledError when it was cancelled. The bundle is closed in every case.
        """
        loop = asyncio.get_running_loop()
        self._ending = loop.create_future()
        stopped_by = "error"
        try:
            self._begin()
            if max_seconds is not None:
                loop.call_later(max_seconds, self.stop, "max_seconds")
            stopped_by = await self._ending
            self._check_connected(stopped_by)
        except BaseException as error:  # a cancelled run ends in order, too
            self.fail(error)
        try:
            await self._leave(stopped_by)
        except asyncio.CancelledError as error:
            self.fail(error)
        return self._close(stopped_by)

    def stop(self, reason: str) -> None:
        """End the run in order; ``reason`` becomes ``stopped_by``. A second call does nothing."""
        if self._ending is not None and not self._ending.done():
            self._ending.set_result(reason)

    def fail(self, error: BaseException) -> None:
        """End the run with an error; the first one counts."""
        if self._error is None:
            self._error = error
        self.stop("error")

    def _begin(self) -> None:
        self.log(logging.INFO, "start", shards=len(self._shards))
        if self._fetches:
            self._fetcher.prepare()
        self._recorder.start()
        self._teller.start_alerts()
        for shard in self._shards.values():
            self._start(self._workers, shard.keep_connected(), f"shard {shard.number}")
        if self._keeper is not None:
            self._start(self._workers, self._keeper.refresh(self), "universe")
            self._start(self._workers, self._keeper.confirm(self), "confirm")
        self._start(self._workers, self._clocks.refresh(self, self._clock), "clock offset")
        self._start(self._workers, self._teller.beat(), "heartbeat")
        self._start(self._workers, self._teller.watch_loop(), "loop lag")
        self._start(self._workers, self._teller.watch_host(), "disk usage")

    def _check_connected(self, stopped_by: str) -> None:
        if stopped_by == "max_seconds" and not self.tally.connects:
            urls = ", ".join(sorted({shard.plan.url for shard in self._shards.values()}))
            raise ConnectionLost(
                f"no connection to {urls} in the time given: check --endpoint and the network"
            )

    async def _leave(self, stopped_by: str) -> None:
        """The last records, in one step; then the sockets close."""
        self.log(logging.INFO, "stopping", stopped_by="error" if self._error else stopped_by)
        self._instruments = instrument_lines(self._recorder.feeds)
        self._fetcher.leave()
        for shard in self._shards.values():
            shard.leave()
        try:
            self._recorder.stop("error" if self._error else stopped_by, self._error_text())
        except Exception as error:
            self.fail(error)
        self._over = True
        if self._timer is not None:
            self._timer.cancel()
        for task in self._workers:
            task.cancel()
        await asyncio.gather(*self._workers, *self._closers, self._fetcher.close(), return_exceptions=True)
        await self._teller.end_alerts(self._error)

    def _close(self, stopped_by: str) -> CaptureResult:
        """Close the bundle; the result, or the error that ended the run."""
        error = self._error
        result = self._result("error" if error is not None else stopped_by)
        self.log(logging.INFO, "stop", stopped_by=result.stopped_by, frames=result.counts.frames)
        if self._writer is not None:
            if isinstance(error, Exception):
                self._tell_fatal(error)
            try:
                self._close_bundle(self._writer, "complete" if error is None else "interrupted", result)
            except MMError as failure:
                error = error or failure
        if error is not None:
            raise error
        return result

    def _close_bundle(self, writer: CaptureLog, state: RunState, result: CaptureResult) -> None:
        try:
            writer.update(clock_samples=self._clocks.samples())
        finally:
            writer.close(state, result.to_json())

    def _tell_fatal(self, error: Exception) -> None:
        lanes = self._recorder.lanes
        facts = {
            "elapsed_s": round((self._recorder.last_ns - self._stamp.mono0_ns) / 1e9, 6),
            "shards": [{"shard": one.shard, "records": one.next_index} for one in lanes.values()],
        }
        self._teller.fatal(error, facts, {shard: lane.last for shard, lane in lanes.items()})

    # records

    def record(
        self, shard: int, kind: RecordKind, payload: bytes = b"", *, connection: int = 0, flags: int = 0
    ) -> None:
        """Make a record, and see what follows from it. Does not raise: what goes wrong ends the run."""
        if self._over:
            return
        try:
            self._recorder.record(shard, kind, payload, connection=connection, flags=flags)
        except Exception as error:
            self.fail(error)
            return
        if self._writer is not None and self._writer.full and not self.paused:
            self._pause(self._writer)
        if self._recorder.done:
            self.stop("listener")
        self._arm(shard)

    def next_deadline_ns(self, shard: int) -> int | None:
        """When the `Feed` of a shard needs a record at the latest, None for never."""
        return self._recorder.lanes[shard].feed.next_deadline_ns()

    def fetch(self, shard: int, request: HttpRequest, limits: VenueLimits) -> None:
        """Make an HTTP request in its turn; its outcome becomes a record of the shard."""
        self._fetcher.fetch(shard, request, limits)

    def ask_time(self, shard: int, request: HttpRequest) -> None:
        """Ask a shard's venue for its time; the answer becomes a record."""
        self._shards[shard].obey([Fetch(request)])

    def ask_book(self, shard: int, request: HttpRequest) -> None:
        """Ask a shard's venue for a book that `Feed` does not wait for; the answer becomes a record."""
        self._shards[shard].obey([Fetch(request)])

    async def ask(self, request: HttpRequest, limits: VenueLimits) -> HttpAnswer:
        """Make an HTTP request in its turn, within the same budgets; its answer is no record."""
        return await self._fetcher.ask(request, limits)

    def answered(self, shard: int, payload: bytes) -> None:
        """An HTTP request has come to its end."""
        if shard in self._shards:
            self.record(shard, RecordKind.HTTP, payload)

    def next_connection(self) -> int:
        """A new connection number. Raises EnvironmentFailed when there are no more."""
        if self._connections == MAX_CONNECTIONS:
            raise EnvironmentFailed(
                f"this run has had {MAX_CONNECTIONS} connections, the most: start another"
            )
        self._connections += 1
        return self._connections - 1

    def spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        """Carry out something in the background; the end of the run waits for it."""
        self._start(self._closers, coroutine, name)

    def work(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        """Do something in the background that the end of the run cancels."""
        self._start(self._workers, coroutine, name)

    def _start(self, group: set[asyncio.Task[None]], coroutine: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(coroutine, name=name)
        group.add(task)

        def finished(task: asyncio.Task[None]) -> None:
            group.discard(task)
            if not task.cancelled() and (error := task.exception()) is not None:
                self.fail(error)

        task.add_done_callback(finished)

    def _react(self, number: int, commands: list[Command], notices: list[Notice]) -> None:
        shard = self._shards[number]
        refusal = self._notices.tell(shard, notices)
        if refusal is not None:
            self.fail(refusal)
        shard.obey(commands)

    def _tell_offset(self, number: int, decision: OffsetDecision) -> None:
        """A measured offset of the venue's clock was accepted, or rejected for a reason."""
        level = logging.INFO if decision.verdict is Verdict.ACCEPTED else logging.WARNING
        facts = {**decision.to_json(), "mono_ns": None}
        self._shards[number].log(level, "clock_offset", **{k: v for k, v in facts.items() if v is not None})

    # what is followed

    def follow(
        self, shard: int, subscriptions: Iterable[Subscription], infos: Iterable[InstrumentInfo] = ()
    ) -> None:
        """Follow these from now on; ``infos`` is what is known of their instruments. Those followed stay."""
        self._change(shard, Follow(tuple(subscriptions), tuple(infos)))

    def unfollow(self, shard: int, subscriptions: Iterable[Subscription]) -> None:
        """Follow these no longer; those that nobody follows are passed over."""
        self._change(shard, Unfollow(tuple(subscriptions)))

    def missing(self, document: Mapping[str, Any]) -> None:
        """Write down which instruments have not spoken, as ``missing_tokens.json``."""
        if self._writer is not None:
            try:
                self._writer.missing(document)
            except MMError as error:
                self.fail(error)

    def rotate(self, shard: int, reason: Reason) -> None:
        """Replace the connections of a shard without a hole; ``reason`` is a planned one (`PLANNED`).

        A new connection is opened beside each; when the streams have been handed over the old one ends.
        """
        self._change(shard, Rotation(reason.name))

    def _change(self, shard: int, change: Change) -> None:
        if shard not in self._shards:
            raise RuntimeError(f"this run has no shard {shard}")
        self.record(shard, RecordKind.CONTROL, encode_json(encode_change(change)))

    # deadlines

    def _arm(self, shard: int) -> None:
        """See to it that `_wake` comes when the shard's next deadline is due, or before."""
        due_ns = self._recorder.next_ns(shard)
        if due_ns is None or (self._timer is not None and self._timer_ns <= due_ns):
            return
        if self._timer is not None:
            self._timer.cancel()
        delay_ns = max(0, due_ns - self._clock.mono_ns())
        self._timer_ns = due_ns
        self._timer = asyncio.get_running_loop().call_later(delay_ns / 1e9, self._wake)

    def _wake(self) -> None:
        """A deadline may have passed. What waits in the sockets is heard first: it may be the answer."""
        self._timer = None
        asyncio.get_running_loop().call_soon(self._tick)

    def _tick(self) -> None:
        if self.paused or self._over:
            return
        now_ns = self._clock.mono_ns()
        for number in self._shards:
            if self._recorder.overdue(number, now_ns):
                self.record(number, RecordKind.TICK)
            self._arm(number)

    # back-pressure

    def keep_while_paused(self, size: int) -> bool:
        """Whether a message of this size may be kept although connections are paused."""
        self._overrun += size
        return self._overrun <= self.settings.overrun_mib * (1 << 20)

    def _pause(self, writer: CaptureLog) -> None:
        """The disk is slow: stop reading, and let the venue's messages wait in the network."""
        self.paused, self._overrun = True, 0
        self.tally.pauses += 1
        self.log(logging.WARNING, "paused")
        for shard in self._shards.values():
            shard.pause()
        self._start(self._workers, self._resume_when_room(writer), "resume")

    async def _resume_when_room(self, writer: CaptureLog) -> None:
        while not writer.wait_room(0):
            await asyncio.sleep(ROOM_POLL_S)
        self.paused = False
        self.log(logging.INFO, "resumed")
        for shard in self._shards.values():
            shard.resume()
        self._fetcher.resume()
        asyncio.get_running_loop().call_later(0, self._wake)

    # telling

    def log(self, level: int, event: str, **facts: Any) -> None:
        """A line in the run log, and one for the operator."""
        self._teller.log(level, event, **facts)

    def shards_now(self) -> list[ShardNow]:
        """See `teller.Run`."""
        lanes = self._recorder.lanes
        return [
            ShardNow(number, one.plan.venue, lanes[number].meter, one.connected, one.waiting)
            for number, one in self._shards.items()
        ]

    def counts(self) -> Counts:
        """See `teller.Run`."""
        return total_counts(self._recorder.feeds)

    def warn_of_silence(self) -> None:
        """See `teller.Run`."""
        for shard in self._shards.values():
            shard.warn_of_silence()

    def _error_text(self) -> str | None:
        return None if self._error is None else str(self._error) or type(self._error).__name__

    def _result(self, stopped_by: str) -> CaptureResult:
        return CaptureResult(
            stopped_by=stopped_by,
            duration_s=round((self._recorder.last_ns - self._stamp.mono0_ns) / 1e9, 6),
            counts=self.counts(),
            connections={"opened": self.tally.connects, "failed": self.tally.failed_attempts},
            reconnects=self.tally.reconnects(),
            disconnected=self.tally.disconnected(),
            dropped_messages=self.tally.dropped_frames,
            instruments=self._instruments,
            error=self._error_text(),
        )
