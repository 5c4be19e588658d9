"""The server's end of connections: uvicorn's protocols, with time limits, and an outlet for whole frames."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import h11
from uvicorn._types import ASGISendEvent
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from mm_framework.serve.counters import ServeCounters
from mm_framework.serve.hub import Batch
from mm_framework.serve.outlet import EXTENSION
from mm_framework.serve.settings import ServeSettings

__all__ = ["http_protocol", "websocket_protocol"]


def http_protocol(settings: ServeSettings, counters: ServeCounters) -> type[asyncio.Protocol]:
    """HTTP/1.1. A connection that has not sent a whole request in ``open_timeout_s`` is cut.

    Of a later request the time runs from its first byte; before that uvicorn says how long it may wait.
    """

    class Http(H11Protocol):
        """One connection."""

        _limit: asyncio.TimerHandle | None = None
        _upgraded = False

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._begin()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self._limit is None and not self._upgraded and self._is_within():
                self._begin()

        def _is_within(self) -> bool:
            """Whether a request has begun that is not whole."""
            state = self.conn.their_state
            return state is h11.SEND_BODY or (state is h11.IDLE and bool(self.conn.trailing_data[0]))

        def handle_events(self) -> None:
            super().handle_events()
            cycle: RequestResponseCycle | None = self.cycle
            if cycle is not None and not cycle.more_body:
                self._in_time()

        def handle_websocket_upgrade(self, event: Any) -> None:
            self._upgraded = True
            self._in_time()
            super().handle_websocket_upgrade(event)

        def connection_lost(self, exc: Exception | None) -> None:
            self._in_time()
            super().connection_lost(exc)

        def _begin(self) -> None:
            self._limit = self.loop.call_later(settings.open_timeout_s, self._too_long)

        def _in_time(self) -> None:
            if self._limit is not None:
                self._limit.cancel()
                self._limit = None

        def _too_long(self) -> None:
            counters.refused["open_timeout"] += 1
            self.transport.abort()

    return Http


def websocket_protocol(settings: ServeSettings) -> type[asyncio.Protocol]:
    """WebSockets, without compression: frames are made once for all clients."""

    class Wire(WebSocketsSansIOProtocol):
        """One connection."""

        def handle_connect(self, event: Request) -> None:
            super().handle_connect(event)
            if not self.close_sent:
                outlet = FrameOutlet(self, settings.close_timeout_s)
                extensions: dict[str, Any] = self.scope["extensions"]
                extensions[EXTENSION] = {"outlet": outlet}

        def send_receive_event_to_app(self) -> None:
            if self.curr_msg_data_type == "text" and not _is_utf8(b"".join(self.frames)):
                self.conn.fail(1007, "not UTF-8")
                self.handle_parser_exception()
            else:
                super().send_receive_event_to_app()

        async def send(self, message: ASGISendEvent) -> None:
            await super().send(message)
            if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
                self.handshake_complete = True  # by a refusal

        def keepalive_timeout(self) -> None:
            super().keepalive_timeout()
            self.transport.abort()  # what waits for a client that is gone would keep the socket for ever

    return Wire


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


class FrameOutlet:
    """Writes frames to the transport, past the ASGI interface; implements `ClosingOutlet`."""

    def __init__(self, wire: WebSocketsSansIOProtocol, close_timeout_s: float) -> None:
        self._wire, self._transport, self._close_timeout_s = wire, wire.transport, close_timeout_s

    @property
    def waiting(self) -> int:
        """See `Outlet`."""
        return self._transport.get_write_buffer_size()

    def write(self, batch: Batch) -> None:
        """See `Outlet`."""
        if not (self._wire.close_sent or self._transport.is_closing()):
            self._transport.write(batch.frames)

    def stop(self) -> None:
        """See `ClosingOutlet`: there is nothing to stop."""

    async def close(self, code: int, reason: str) -> None:
        """See `ClosingOutlet`. The close frame stands behind what waits; later the connection is cut."""
        wire, transport = self._wire, self._transport
        if wire.close_sent or transport.is_closing():
            return
        wire.conn.send_close(code, reason)
        wire.close_sent = True
        transport.write(b"".join(wire.conn.data_to_send()))
        asyncio.get_running_loop().call_later(self._close_timeout_s, transport.abort)
