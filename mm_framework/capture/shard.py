"""One shard's connections: open, keep, lose, wait, open again.

    attempt -> open ... lost -> delay -> attempt        (a planned end: no delay)
                 └> rotation: a second attempt -> open -> the first one ends, the second one goes on

`Shard` turns what happens on its links into records, and the commands of `Feed` into messages,
reconnects and second connections. What it decides itself is only when to try again.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Coroutine, Iterator
from typing import TYPE_CHECKING, Any, Final

import attrs

from mm_framework.capture.backoff import Rate, backoff
from mm_framework.capture.clock import Clock
from mm_framework.capture.link import Link
from mm_framework.capture.plan import ShardPlan
from mm_framework.capture.settings import CaptureSettings
from mm_framework.capture.transport import ConnectFailed, Loss, Transport, TransportOptions
from mm_framework.contracts.adapter import VenueLimits
from mm_framework.errors import ConnectionLost
from mm_framework.feed.output import Command, Fetch, Rotate, Send
from mm_framework.model.events import PLANNED, Reason
from mm_framework.model.frame import FrameFlag, RecordKind, encode_json

if TYPE_CHECKING:
    from mm_framework.capture.runner import Capture

__all__ = ["Network", "Shard"]

AGE_SPREAD: Final = 0.1
"""Share of their age by which connections of a run differ, so that they are not all replaced at once."""

GOLDEN: Final = (5**0.5 - 1) / 2
"""Its multiples, without their whole part, lie evenly between 0 and 1, however many there are."""

BEGIN_STEP_S: Final = 0.02
"""Time between the first connections of two shards: the answers to each are much work at once."""

SERVICE_CODES = frozenset({1012, 1013})
"""The venue restarts, or wants us later (IANA registry of WebSocket close codes)."""


@attrs.frozen
class Network:
    """What all shards of a run connect with."""

    transport: Transport
    options: TransportOptions
    clock: Clock
    settings: CaptureSettings
    source: random.Random


class Shard:
    """``knock`` limits connects over all shards of a venue.

    ``links`` are the connections and attempts that have not ended: one, or two during a rotation.
    ``online`` is what the venue says of itself.
    """

    def __init__(
        self, plan: ShardPlan, run: Capture, network: Network, limits: VenueLimits, knock: Rate
    ) -> None:
        self.plan, self.number = plan, plan.shard
        self.links: dict[int, Link] = {}
        self.online = True
        self._run, self._network, self._limits, self._knock = run, network, limits, knock
        self._clock, self._settings = network.clock, network.settings
        self._attempt = 0
        self._ever_open = False
        self._spare: int | None = None
        self._heir: Link | None = None
        self._no_rotation = asyncio.Event()
        self._no_rotation.set()
        self._hole_since_ns: int | None = None
        self._warned: dict[int, int] = {}

    @property
    def paused(self) -> bool:
        """Whether connections are not read because the disk is slow."""
        return self._run.paused

    @property
    def connected(self) -> int:
        """Open connections."""
        return len(self._open())

    @property
    def max_session_s(self) -> float:
        """Age at which a connection of this shard is replaced, 0 for never; shard 0 has the longest."""
        return self._settings.max_session_s * (1 - AGE_SPREAD * (self.number * GOLDEN % 1))

    @property
    def waiting(self) -> int:
        """Messages that were read from the socket and are not records yet."""
        return sum(link.waiting for link in self.links.values())

    # connections

    async def keep_connected(self) -> None:
        """Runs until it is cancelled, or the first connection cannot be had."""
        delays = self._delays()
        if self.number:
            await asyncio.sleep(self.number * BEGIN_STEP_S)
        while True:
            link = self._take_heir() or await self._connect()
            await link.gone.wait()
            await self._no_rotation.wait()
            if self._hopeless() and link.loss is not None:
                self._run.fail(self._cannot_connect(link.loss))
                return
            if self._heir is not None:
                continue
            if self._was_stable(link):
                delays, self._attempt = self._delays(), 0
            delay_s = self._delay_s(link, delays)
            self.log(logging.INFO, "waiting", delay_s=round(delay_s, 3), attempt=self._attempt)
            await asyncio.sleep(delay_s)

    async def _connect(self, replaces: int | None = None) -> Link:
        """Open a connection; it may have ended when this returns."""
        await self._turn()
        self._attempt += 1
        link = self._new_link(replaces)
        try:
            await self._network.transport.connect(self.plan.url, link, self._network.options)
        except ConnectFailed as error:
            link.on_lost(error.loss)
        return link

    def _take_heir(self) -> Link | None:
        """The connection that was opened beside the last one, if there is one: it is the present one now."""
        heir, self._heir = self._heir, None
        return heir

    async def _rotate(self, old: int) -> None:
        """Open a connection beside the present one, once."""
        self._attempt = 0
        try:
            link = await self._connect(replaces=old)
        finally:
            self._no_rotation.set()
        if link.loss is not None:
            return
        self._heir = link
        await link.gone.wait()
        if self._heir is link:
            self._heir = None

    def _open(self) -> list[Link]:
        return [link for link in self.links.values() if link.is_open]

    def _delays(self) -> Iterator[float]:
        settings = self._settings
        return backoff(settings.reconnect_backoff_s, settings.reconnect_backoff_max_s, self._network.source)

    async def _turn(self) -> None:
        """Wait until the venue lets us knock."""
        while (delay_ns := self._knock.delay_ns(self._clock.mono_ns())) > 0:
            await asyncio.sleep(delay_ns / 1e9)
        self._knock.take(self._clock.mono_ns())

    def _new_link(self, replaces: int | None) -> Link:
        """A link for the next attempt; the number of one that never opened is used again."""
        if self._spare is None:
            self._spare = self._run.next_connection()
        rate_s = self._limits.messages_per_s
        count = max(1, int(rate_s))
        rate = Rate(count, count / rate_s)
        link = Link(self._spare, self, self._clock, self._settings, rate, replaces=replaces)
        self.links[link.index] = link
        return link

    def _hopeless(self) -> bool:
        most = self._settings.first_attempts
        return not self._ever_open and 0 < most <= self._attempt

    def _was_stable(self, link: Link) -> bool:
        lasted_ns = 0 if link.opened_ns is None else self._clock.mono_ns() - link.opened_ns
        return link.opened_ns is not None and lasted_ns >= self._settings.stable_s * 1e9

    def _delay_s(self, link: Link, delays: Iterator[float]) -> float:
        loss = link.loss
        if loss is not None and loss.reason in PLANNED:
            return 0.0
        resting = not self.online or (loss is not None and loss.code in SERVICE_CODES)
        return max(next(delays), self._limits.reconnect_min_s if resting else 0.0)

    def _cannot_connect(self, loss: Loss) -> ConnectionLost:
        what, remedy = "no connection", "check --endpoint and the network"
        if loss.reason is Reason.TLS_FAILED:
            what, remedy = "TLS fails", "trust its authority with --capture-ca-file FILE, or check --endpoint"
        tries = f"{self._attempt} attempt" + ("s" if self._attempt > 1 else "")
        return ConnectionLost(
            f"{what} to {self.plan.url} after {tries}: {loss.detail}; {remedy}",
            venue=self.plan.venue,
            connection=self._spare,
        )

    # from the link

    def opened(self, link: Link) -> None:
        """The connection is open."""
        attempt, self._ever_open, self._spare = self._attempt, True, None
        self._run.tally.connects += 1
        self._end_hole()
        self.log(logging.INFO, "connected", connection=link.index, attempt=attempt, url=self.plan.url)
        payload: dict[str, Any] = {
            "attempt": attempt,
            "transport": self._network.transport.name,
            "url": self.plan.url,
            "venue": self.plan.venue,
        }
        if link.replaces is not None:
            payload["replaces"] = link.replaces
        self._record(link, RecordKind.OPEN, encode_json(payload))

    def received(self, link: Link, payload: bytes, binary: bool) -> None:
        """A message came."""
        if self._run.paused and not self._run.keep_while_paused(len(payload)):
            link.drop(payload)
        else:
            self._record(link, RecordKind.FRAME, payload, FrameFlag.BINARY if binary else 0)

    def sending(self, link: Link, message: bytes) -> None:
        """A message is about to be handed to the socket."""
        self._record(link, RecordKind.SENT, message)

    def ended(self, link: Link, loss: Loss) -> None:
        """The connection, or the attempt, has ended."""
        planned = loss.reason in PLANNED
        self.links.pop(link.index, None)
        self._warned.pop(link.index, None)
        self._record_dropped(link)
        body = {"code": loss.code, "detail": loss.detail, "planned": planned, "reason": loss.reason.name}
        self._record(link, RecordKind.LOST, encode_json(body))
        tally = self._run.tally
        if link.opened_ns is None:
            tally.failed_attempts += 1
            self.log(logging.WARNING, "not_connected", connection=link.index, attempt=self._attempt, **body)
            return
        tally.lost[loss.reason] += 1
        if not planned and not self._open():
            self._hole_since_ns = self._clock.mono_ns()
        level = logging.INFO if planned else logging.WARNING
        self.log(level, "lost", connection=link.index, **body)

    def closing(self, close: Coroutine[Any, Any, None]) -> None:
        """Carry out the closing of a socket, without waiting for it."""
        self._run.spawn(close, f"shard {self.number} close")

    # from the run

    def obey(self, commands: list[Command]) -> None:
        """Carry out what `Feed` asks for; what concerns a connection that is gone is dropped."""
        for command in commands:
            if isinstance(command, Fetch):
                self._run.fetch(self.number, self.plan.request(command.request), self._limits)
                continue
            link = self.links.get(command.connection)
            if link is None or link.loss is not None:
                continue
            if isinstance(command, Send):
                link.send(command.payload)
            elif isinstance(command, Rotate):
                self._begin_rotation(link, command.reason)
            else:
                link.lose(Loss(command.reason))

    def _begin_rotation(self, link: Link, reason: Reason) -> None:
        if self._no_rotation.is_set() and link.is_open:
            self._no_rotation.clear()
            self.log(logging.INFO, "rotating", connection=link.index, reason=reason.name)
            self._run.work(self._rotate(link.index), f"shard {self.number} rotation")

    def aged(self, link: Link) -> None:
        """A connection is as old as it may be by the settings."""
        self._run.rotate(self.number, Reason.SESSION_AGE)

    def pause(self) -> None:
        """Read nothing from the sockets."""
        for link in self.links.values():
            link.pause()

    def resume(self) -> None:
        """Read again; what was dropped meanwhile is written down first."""
        for link in list(self.links.values()):
            self._record_dropped(link)
            link.resume()

    def _record_dropped(self, link: Link) -> None:
        """Write down the messages that were dropped, if any."""
        count, size = link.take_dropped()
        if count:
            self._run.tally.dropped_frames += count
            self._run.tally.dropped_bytes += size
            body = {"bytes": size, "connection": link.index, "count": count}
            self.log(logging.ERROR, "dropped", **body)
            self._record(link, RecordKind.DROP, encode_json(body))

    def leave(self) -> None:
        """The run is over."""
        for link in self._open():
            link.lose(Loss(Reason.SHUTDOWN))
        self._end_hole()

    def warn_of_silence(self) -> None:
        """Tell the operator, once a silence, of a connection that says nothing."""
        limit_s = self._settings.no_data_warn_s
        for link in self._open() if limit_s else ():
            silent_ns = self._clock.mono_ns() - link.heard_ns
            if silent_ns >= limit_s * 1e9 and self._warned.get(link.index) != link.heard_ns:
                self._warned[link.index] = link.heard_ns
                silent_s = round(silent_ns / 1e9, 3)
                self.log(logging.WARNING, "no_data", connection=link.index, silent_s=silent_s)

    def _end_hole(self) -> None:
        """The time without a connection, if there was one, is over."""
        if self._hole_since_ns is not None:
            self._run.tally.hole_ns += self._clock.mono_ns() - self._hole_since_ns
            self._hole_since_ns = None

    def log(self, level: int, event: str, **facts: Any) -> None:
        """Tell the run log and the operator."""
        self._run.log(level, event, venue=self.plan.venue, shard=self.number, **facts)

    def _record(self, link: Link, kind: RecordKind, payload: bytes, flags: int = 0) -> None:
        self._run.record(self.number, kind, payload, connection=link.index, flags=flags)
