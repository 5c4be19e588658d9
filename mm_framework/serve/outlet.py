"""The way to one WebSocket client: written to the socket at once by our server, or by a task elsewhere.

Our server (`wire`) offers an ASGI extension that takes whole frames. They are the same for all clients and
are made once, so that a message for hundreds of clients costs each of them one call of the system.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from typing import Final, Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect

from mm_framework.serve.hub import Batch, Outlet

__all__ = ["EXTENSION", "ClosingOutlet", "Pump", "outlet_of"]

EXTENSION: Final = "mm.outlet"


class ClosingOutlet(Outlet, Protocol):
    """An outlet that its handler ends."""

    def stop(self) -> None:
        """Send nothing more."""
        ...

    async def close(self, code: int, reason: str) -> None:
        """Tell the client why, and leave it; returns soon, also when it does not listen."""
        ...


def outlet_of(websocket: WebSocket) -> ClosingOutlet:
    """The outlet of an accepted WebSocket."""
    offered = websocket.scope.get("extensions", {}).get(EXTENSION)
    outlet: ClosingOutlet = Pump(websocket) if offered is None else offered["outlet"]
    return outlet


class Pump:
    """For any ASGI server: a queue and a task that empties it."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self._queue: deque[bytes] = deque()
        self._news = asyncio.Event()
        self.waiting = 0
        self._task = asyncio.ensure_future(self._run())

    def write(self, batch: Batch) -> None:
        """See `Outlet`."""
        self._queue.extend(batch.messages)
        self.waiting += sum(map(len, batch.messages))
        self._news.set()

    def stop(self) -> None:
        """See `ClosingOutlet`."""
        self._task.cancel()

    async def close(self, code: int, reason: str) -> None:
        """See `ClosingOutlet`."""
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            await self._websocket.close(code, reason)

    async def _run(self) -> None:
        with contextlib.suppress(WebSocketDisconnect):
            while True:
                while self._queue:
                    message = self._queue.popleft()
                    await self._websocket.send_text(message.decode())
                    self.waiting -= len(message)
                self._news.clear()
                await self._news.wait()
