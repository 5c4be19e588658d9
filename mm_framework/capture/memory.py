"""The transport without a network: an emulated venue on the same virtual clock, in this process.

`MemoryTransport` drives a `MemoryVenue`, delays every message by a latency, and keeps the order of
each connection, as TCP does. Together with `virtual_loop` a run is a function of its seeds.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol
from urllib.parse import parse_qsl, urlsplit

import attrs

from mm_framework.capture.clock import Clock
from mm_framework.capture.transport import (
    ConnectFailed,
    HttpAnswer,
    HttpClient,
    HttpOptions,
    Loss,
    Receiver,
    TransportOptions,
)
from mm_framework.contracts.emulator import HttpReply
from mm_framework.model.events import Reason

__all__ = ["MemoryTransport", "MemoryVenue", "Wire"]

Latency = Callable[[], int]
"""Nanoseconds of one message's way, in either direction."""


class Wire(Protocol):
    """The venue's end of a connection; ``at_ns`` is when it acts, not before its last action."""

    def send(self, payload: bytes, at_ns: int, *, binary: bool = False) -> None:
        """Send a message."""
        ...

    def hang_up(self, code: int, reason: str, at_ns: int) -> None:
        """Close with a closing handshake."""
        ...

    def reset(self, at_ns: int) -> None:
        """Break the connection."""
        ...

    def stall(self) -> None:
        """Answer nothing any more, not even pings, and leave the connection open."""
        ...


class MemoryVenue(Protocol):
    """A venue as a pure machine; time is told to it and never goes back."""

    def connect(self, wire: Wire, path: str, now_ns: int) -> None:
        """A client connects. Raises ConnectionRefusedError, with the reason, to turn it away."""
        ...

    def receive(self, wire: Wire, message: bytes, now_ns: int) -> None:
        """A message of the client."""
        ...

    def closed(self, wire: Wire, now_ns: int) -> None:
        """The client is gone."""
        ...

    def http(self, method: str, path: str, query: Mapping[str, str], now_ns: int) -> HttpReply:
        """Answer a REST request. Raises ConnectionError, with the reason, to break it off."""
        ...

    def advance(self, now_ns: int) -> None:
        """Do all that is due up to now."""
        ...

    def next_event_ns(self) -> int | None:
        """When something will be due, None if nothing will by itself."""
        ...


class MemoryTransport:
    """Implements `transport.Transport`; for one event loop, whose time is ``clock``'s."""

    name = "memory"

    def __init__(self, venue: MemoryVenue, clock: Clock, latency: Latency = lambda: 0) -> None:
        self.venue, self.clock, self.latency = venue, clock, latency
        self._timer: asyncio.TimerHandle | None = None

    async def connect(self, url: str, receiver: Receiver, options: TransportOptions) -> None:
        """See `transport.Transport`."""
        connection = _Connection(self, receiver, options)
        await asyncio.sleep((self.latency() + self.latency()) / 1e9)
        try:
            self.venue.connect(connection.wire, urlsplit(url).path or "/", self.clock.mono_ns())
        except ConnectionRefusedError as error:
            raise ConnectFailed(Loss(Reason.CONNECT_FAILED, detail=str(error))) from error
        receiver.on_open(connection)
        self.arm()

    def http(self, options: HttpOptions) -> HttpClient:
        """See `transport.Transport`."""
        return _Http(self, options)

    def at(self, time_ns: int, call: Callable[[], None]) -> asyncio.TimerHandle:
        """Call at a time of ``clock``."""
        delay_ns = max(0, time_ns - self.clock.mono_ns())
        return asyncio.get_running_loop().call_later(delay_ns / 1e9, call)

    def arm(self) -> None:
        """Come back when the venue's next event is due: to be called whenever it may be another one."""
        if self._timer is not None:
            self._timer.cancel()
        due_ns = self.venue.next_event_ns()
        self._timer = None if due_ns is None else self.at(due_ns, self._advance)

    def _advance(self) -> None:
        self.venue.advance(self.clock.mono_ns())
        self.arm()


class _Http:
    """Implements `transport.HttpClient`: every URL leads to the venue."""

    def __init__(self, network: MemoryTransport, options: HttpOptions) -> None:
        self._network, self._options = network, options

    async def get(self, url: str) -> HttpAnswer:
        network, options, parts = self._network, self._options, urlsplit(url)
        try:
            async with asyncio.timeout(options.timeout_s):
                await asyncio.sleep(network.latency() / 1e9)
                query = dict(parse_qsl(parts.query))
                reply = network.venue.http("GET", parts.path or "/", query, network.clock.mono_ns())
                network.arm()
                await asyncio.sleep(network.latency() / 1e9)
        except TimeoutError:
            return HttpAnswer(error=f"no answer within {options.timeout_s:g} s")
        except ConnectionError as error:
            return HttpAnswer(error=str(error))
        answer = HttpAnswer(reply.status, {name.lower(): value for name, value in reply.headers})
        if len(reply.body) > options.max_body_bytes:
            return attrs.evolve(answer, error=f"the body is larger than {options.max_body_bytes} bytes")
        return attrs.evolve(answer, body=reply.body)

    async def close(self) -> None:
        """Nothing is open."""


class _Item(NamedTuple):
    """Something on its way to the client: a message, or (``loss``) the end."""

    arrival_ns: int
    payload: bytes
    binary: bool
    loss: Loss | None


class _Wire:
    """Implements `Wire`: puts things on the way to a connection."""

    def __init__(self, connection: _Connection) -> None:
        self._connection = connection

    def send(self, payload: bytes, at_ns: int, *, binary: bool = False) -> None:
        self._connection.put(payload, binary, None, at_ns)

    def hang_up(self, code: int, reason: str, at_ns: int) -> None:
        self._connection.put(b"", False, Loss(Reason.REMOTE_CLOSED, code, reason), at_ns)

    def reset(self, at_ns: int) -> None:
        self._connection.put(b"", False, Loss(Reason.RESET, detail="the connection broke"), at_ns)

    def stall(self) -> None:
        self._connection.stalled = True


class _Connection:
    """Implements `transport.Connection`, and carries what is under way in both directions."""

    def __init__(self, network: MemoryTransport, receiver: Receiver, options: TransportOptions) -> None:
        self._network, self._receiver, self._options = network, receiver, options
        self.wire = _Wire(self)
        self.stalled = False
        self._coming: deque[_Item] = deque()
        self._arrival_ns = self._departure_ns = 0
        self._timer: asyncio.TimerHandle | None = None
        self._pongs: list[asyncio.Future[None]] = []
        self._paused = self._ended = False

    # from the venue

    def put(self, payload: bytes, binary: bool, loss: Loss | None, at_ns: int) -> None:
        if self._ended:
            return
        self._arrival_ns = max(self._arrival_ns, at_ns + self._network.latency())
        self._coming.append(_Item(self._arrival_ns, payload, binary, loss))
        self._arm()

    def _arm(self) -> None:
        if self._timer is None and self._coming and not self._paused:
            self._timer = self._network.at(self._coming[0].arrival_ns, self._deliver)

    def _deliver(self) -> None:
        """Hand over all that has arrived."""
        self._timer = None
        now_ns, coming = self._network.clock.mono_ns(), self._coming
        while coming and coming[0].arrival_ns <= now_ns and not self._paused and not self._ended:
            item = coming.popleft()
            if item.loss is not None:
                self._end(item.loss)
            elif len(item.payload) > self._options.max_frame_bytes:
                detail = f"a message of {len(item.payload)} bytes, at most {self._options.max_frame_bytes}"
                self._leave(self._network.venue.closed)
                self._end(Loss(Reason.FRAME_TOO_LARGE, detail=detail))
            else:
                self._receiver.on_frame(item.payload, item.binary)
        self._arm()

    def _end(self, loss: Loss | None) -> None:
        self._ended = True
        self._coming.clear()
        if self._timer is not None:
            self._timer.cancel()
        for pong in self._pongs:
            if not pong.done():
                pong.set_exception(ConnectionError("the connection is gone"))
        if loss is not None:
            self._receiver.on_lost(loss)

    # from the client

    async def send(self, message: bytes) -> None:
        self._check()
        self._leave(lambda wire, now_ns: self._network.venue.receive(wire, message, now_ns))

    async def ping(self) -> None:
        self._check()
        pong = asyncio.get_running_loop().create_future()
        self._pongs.append(pong)
        self._leave(lambda wire, now_ns: self._answer(pong))
        try:
            await pong
        finally:
            self._pongs.remove(pong)

    @property
    def waiting(self) -> int:
        return 0  # it hands over what has arrived, at once

    def pause(self) -> None:
        self._paused = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def resume(self) -> None:
        self._paused = False
        self._arm()

    async def close(self) -> None:
        if not self._ended:
            self._end(None)
            self._leave(self._network.venue.closed)
            await asyncio.sleep((self._departure_ns + 1 - self._network.clock.mono_ns()) / 1e9)

    def _check(self) -> None:
        if self._ended:
            raise ConnectionError("the connection is gone")

    def _leave(self, act: Callable[[Wire, int], None]) -> None:
        """Let the venue hear of something, a latency from now and after all before it."""
        network = self._network
        # Distinct times: the order of equal timers is not defined.
        self._departure_ns = max(self._departure_ns + 1, network.clock.mono_ns() + network.latency())

        def arrive() -> None:
            act(self.wire, network.clock.mono_ns())
            network.arm()

        network.at(self._departure_ns, arrive)

    def _answer(self, pong: asyncio.Future[None]) -> None:
        def arrive() -> None:
            if not pong.done():
                pong.set_result(None)

        if not self.stalled:
            network = self._network
            network.at(network.clock.mono_ns() + network.latency(), arrive)
