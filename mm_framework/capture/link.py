"""One connection of a shard: its messages in, our messages out at the venue's pace, its pings, its end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from mm_framework.capture.backoff import Rate
from mm_framework.capture.clock import Clock
from mm_framework.capture.settings import CaptureSettings
from mm_framework.capture.transport import Connection, Loss
from mm_framework.model.events import Reason

if TYPE_CHECKING:
    from mm_framework.capture.shard import Shard

__all__ = ["Link"]


class Link:
    """Implements `transport.Receiver`. ``index`` is the number of the connection in the run, ``replaces``
    that of the connection that it is to take over from.

    When it has ended ``loss`` says why, and ``gone`` is set. ``opened_ns`` is None before it was open,
    ``heard_ns`` the time of its last message.
    """

    def __init__(
        self,
        index: int,
        shard: Shard,
        clock: Clock,
        settings: CaptureSettings,
        rate: Rate,
        *,
        replaces: int | None = None,
    ) -> None:
        self.index, self.replaces = index, replaces
        self._shard, self._clock, self._settings = shard, clock, settings
        self.loss: Loss | None = None
        self.gone = asyncio.Event()
        self.opened_ns: int | None = None
        self.heard_ns = 0
        self._dropped = (0, 0)
        self._connection: Connection | None = None
        self._queue: asyncio.Queue[bytes] = asyncio.Queue()
        self._rate = rate
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def is_open(self) -> bool:
        """Whether messages may come and go."""
        return self._connection is not None and self.loss is None

    @property
    def waiting(self) -> int:
        """Messages that were read and are not records yet."""
        return 0 if self._connection is None or self.loss is not None else self._connection.waiting

    # from the transport

    def on_open(self, connection: Connection) -> None:
        """See `transport.Receiver`."""
        self._connection = connection
        self.opened_ns = self.heard_ns = self._clock.mono_ns()
        if self._shard.paused:
            connection.pause()
        self._shard.opened(self)
        if self.loss is not None:
            return
        self._spawn(self._send_all(connection), "send")
        if self._settings.ping_interval_s > 0:
            self._spawn(self._keep_alive(connection), "ping")
        if self._shard.max_session_s > 0:
            self._spawn(self._age(), "age")

    def on_frame(self, payload: bytes, binary: bool) -> None:
        """See `transport.Receiver`."""
        if self.loss is None:
            self.heard_ns = self._clock.mono_ns()
            self._shard.received(self, payload, binary)

    def on_lost(self, loss: Loss) -> None:
        """See `transport.Receiver`."""
        self._end(loss)

    # from the shard

    def send(self, message: bytes) -> None:
        """Send a message in its turn; dropped when the connection ends before."""
        self._queue.put_nowait(message)

    def lose(self, loss: Loss) -> None:
        """End the connection from our side: it is lost from now on, whenever the socket closes."""
        if self.loss is None:
            self._end(loss)
            if self._connection is not None:
                self._shard.closing(self._connection.close())

    def pause(self) -> None:
        """Stop reading."""
        if self._connection is not None and self.loss is None:
            self._connection.pause()

    def resume(self) -> None:
        """Read again."""
        if self._connection is not None and self.loss is None:
            self._connection.resume()

    def drop(self, payload: bytes) -> None:
        """Count a message that is not kept."""
        count, size = self._dropped
        self._dropped = (count + 1, size + len(payload))

    def take_dropped(self) -> tuple[int, int]:
        """Count and bytes of dropped messages since the last call."""
        dropped, self._dropped = self._dropped, (0, 0)
        return dropped

    def _end(self, loss: Loss) -> None:
        if self.loss is not None:
            return
        self.loss = loss
        for task in self._tasks:
            if task is not asyncio.current_task():
                task.cancel()
        self.gone.set()
        self._shard.ended(self, loss)

    # tasks

    def _spawn(self, coroutine: Coroutine[Any, Any, None], name: str) -> None:
        self._tasks.append(asyncio.create_task(coroutine, name=f"connection {self.index} {name}"))

    async def _send_all(self, connection: Connection) -> None:
        """Messages in order, as fast as the venue allows; a message may end the connection that it is for."""
        while self.loss is None:
            message = await self._queue.get()
            while (delay_ns := self._rate.delay_ns(self._clock.mono_ns())) > 0:
                await asyncio.sleep(delay_ns / 1e9)
            self._rate.take(self._clock.mono_ns())
            self._shard.sending(self, message)
            try:
                await connection.send(message)
            except ConnectionError:
                return  # the transport tells its end

    async def _keep_alive(self, connection: Connection) -> None:
        """WebSocket pings; a pong that does not come ends the connection, unless it may be here, unread."""
        settings = self._settings
        while True:
            await asyncio.sleep(settings.ping_interval_s)
            try:
                async with asyncio.timeout(settings.ping_timeout_s):
                    await connection.ping()
            except TimeoutError:
                if not self._shard.paused and not self.waiting:
                    detail = f"no pong within {settings.ping_timeout_s:g} s"
                    self.lose(Loss(Reason.PING_TIMEOUT, detail=detail))
                    return
            except ConnectionError:
                return  # the transport tells its end

    async def _age(self) -> None:
        await asyncio.sleep(self._shard.max_session_s)
        self._shard.aged(self)
