"""The in-memory network in bad weather: connects that fail, links that break or stand still, REST errors."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine

from mm_framework.capture.clock import VirtualClock
from mm_framework.capture.memory import MemoryTransport, MemoryVenue
from mm_framework.capture.transport import (
    ConnectFailed,
    Connection,
    HttpAnswer,
    HttpClient,
    HttpOptions,
    Loss,
    Receiver,
    TransportOptions,
)
from mm_framework.model.events import Reason
from mm_framework.simulate.troubles import Forecast

__all__ = ["TroubledNetwork"]

_MS = 1_000_000
_CLOSED = {
    "link-down": "Network is unreachable",
    "refused": "Connection refused",
    "dns": "Temporary failure in name resolution",
}
SLOWEST_OPEN_S = 20.0
LONGEST_BUFFER_S = 2.0


class TroubledNetwork:
    """Implements `capture.transport.Transport` over a `MemoryTransport`, as ``forecast`` says.

    `start` in the loop, before the run. Latencies lie around 15 ms with a long tail. ``failed``: HTTP
    requests that came to nothing; ``cuts``: connections that `cut` broke.
    """

    name = "memory"
    failed = 0
    cuts = 0

    def __init__(self, venue: MemoryVenue, clock: VirtualClock, forecast: Forecast, seed: int) -> None:
        self._clock, self._forecast = clock, forecast
        self._latency = random.Random(f"{seed}/network")
        self._draw = random.Random(f"{seed}/http")
        self._stalls = forecast.of("stall")
        self._inner = MemoryTransport(venue, clock, self._latency_ns)
        self._open: dict[_Watched, None] = {}
        self._closing: set[asyncio.Task[None]] = set()

    def start(self) -> None:
        """Set the times at which links break."""
        loop, now_ns = asyncio.get_running_loop(), self._clock.now_ns
        for window in self._forecast.of("link-down"):
            loop.call_later(max(0, window.start_ns - now_ns) / 1e9, self._break)

    async def connect(self, url: str, receiver: Receiver, options: TransportOptions) -> None:
        """See `capture.transport.Transport`."""
        slow = self._forecast.at(("slow-open",), self._clock.now_ns)
        if slow is not None:
            opens_s = slow.pick * SLOWEST_OPEN_S
            await asyncio.sleep(min(opens_s, options.open_timeout_s))
            if opens_s >= options.open_timeout_s:
                raise _failed(f"no answer within {options.open_timeout_s:g} s")
        closed = self._forecast.at(_CLOSED, self._clock.now_ns)
        if closed is not None:
            await asyncio.sleep(self._latency_ns() / 1e9)
            raise _failed(_CLOSED[closed.kind])
        watched = _Watched(receiver, self._forget, self._draw)
        await self._inner.connect(url, watched, options)
        if not watched.dead:
            self._open[watched] = None

    def http(self, options: HttpOptions) -> HttpClient:
        """See `capture.transport.Transport`."""
        return _Http(self, self._inner.http(options), options)

    async def trouble(self, options: HttpOptions) -> HttpAnswer | None:
        """What becomes of a request in place of its answer; None: nothing."""
        closed = self._forecast.at(_CLOSED, self._clock.now_ns)
        if closed is not None:
            await asyncio.sleep(self._latency_ns() / 1e9)
            return HttpAnswer(error=_CLOSED[closed.kind])
        now_ns, chance = self._clock.now_ns, self._forecast.chances.get("rest", 0.0)
        if not chance or now_ns >= self._forecast.end_ns or self._draw.random() >= chance:
            return None
        self.failed += 1
        match self._draw.randrange(6):
            case 0:
                await asyncio.sleep(options.timeout_s)
                return HttpAnswer(error=f"no answer within {options.timeout_s:g} s")
            case 1:
                return HttpAnswer(429, {"retry-after": "2"}, b"{}")
            case 2:
                return HttpAnswer(self._draw.choice((500, 502, 504)), {}, b"Bad Gateway")
            case 3:
                return HttpAnswer(503, {"retry-after": "1"}, b"")
            case 4:
                return HttpAnswer(200, {}, error="the body ended before its time")
            case _:
                return HttpAnswer(200, {"content-type": "text/html"}, b"<html>Log in to this network</html>")

    def _latency_ns(self) -> int:
        latency_ns = 5 * _MS + round(self._latency.expovariate(1 / 10) * _MS)
        now_ns = self._clock.now_ns
        held_ns = max((one.end_ns for one in self._stalls if one.start_ns <= now_ns), default=0)
        return latency_ns + max(0, held_ns - now_ns)

    def cut(self, pick: float) -> None:
        """Break one of the open connections; ``pick`` in [0, 1) chooses it."""
        if self._open:
            self.cuts += 1
            self._break_one(list(self._open)[int(pick * len(self._open))])

    def _break(self) -> None:
        for one in list(self._open):
            self._break_one(one)

    def _break_one(self, one: _Watched) -> None:
        self._forget(one)
        close = one.broken()
        if close is not None:
            task = asyncio.ensure_future(close)
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    def _forget(self, watched: _Watched) -> None:
        self._open.pop(watched, None)


class _Watched:
    """Implements `capture.transport.Receiver` before another one, which a broken link lets hear no more."""

    def __init__(self, receiver: Receiver, forget: Callable[[_Watched], None], draw: random.Random) -> None:
        self.dead = False
        self._receiver, self._forget, self._draw = receiver, forget, draw
        self._connection: Connection | None = None

    def on_open(self, connection: Connection) -> None:
        self._connection = _Buffered(connection, self._draw)
        self._receiver.on_open(self._connection)

    def on_frame(self, payload: bytes, binary: bool) -> None:
        if not self.dead:
            self._receiver.on_frame(payload, binary)

    def on_lost(self, loss: Loss) -> None:
        if not self.dead:
            self.dead = True
            self._forget(self)
            self._receiver.on_lost(loss)

    def broken(self) -> Coroutine[None, None, None] | None:
        """The link broke. What lets the venue know in the end."""
        self.on_lost(Loss(Reason.RESET, detail="Connection reset by peer"))
        return None if self._connection is None else self._connection.close()


class _Buffered:
    """Implements `capture.transport.Connection`: a pause takes hold when what was read before has come."""

    def __init__(self, inner: Connection, draw: random.Random) -> None:
        self._inner, self._draw = inner, draw
        self._timer: asyncio.TimerHandle | None = None

    async def send(self, message: bytes) -> None:
        await self._inner.send(message)

    async def ping(self) -> None:
        await self._inner.ping()

    @property
    def waiting(self) -> int:
        return self._inner.waiting

    def pause(self) -> None:
        if self._timer is None:
            delay_s = self._draw.random() * LONGEST_BUFFER_S
            self._timer = asyncio.get_running_loop().call_later(delay_s, self._inner.pause)

    def resume(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._inner.resume()

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        await self._inner.close()


class _Http:
    """Implements `capture.transport.HttpClient`."""

    def __init__(self, network: TroubledNetwork, inner: HttpClient, options: HttpOptions) -> None:
        self._network, self._inner, self._options = network, inner, options

    async def get(self, url: str) -> HttpAnswer:
        trouble = await self._network.trouble(self._options)
        return trouble if trouble is not None else await self._inner.get(url)

    async def close(self) -> None:
        await self._inner.close()


def _failed(detail: str) -> ConnectFailed:
    return ConnectFailed(Loss(Reason.CONNECT_FAILED, detail=detail))
