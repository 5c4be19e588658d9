"""The default transport, over the ``websockets`` library.

Compression is not offered: it costs more time than loopback or a data centre's network saves, and
`ws_picows` has none. Pings are the runner's, so that they run on its clock. A proxy of the
environment is used, but never for this machine itself.
"""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus

from mm_framework.capture.transport import (
    ConnectFailed,
    HttpClient,
    HttpOptions,
    Loss,
    Receiver,
    TransportOptions,
    connect_loss,
    is_loopback,
)
from mm_framework.model.events import Reason

__all__ = ["WebsocketsTransport"]

PROTOCOL_ERRORS = frozenset({1002, 1003, 1007})
"""Codes with which our side ends a connection whose other side breaks RFC 6455 (section 7.4.1)."""

TOO_LARGE = 1009

TURN_S = 0.0005
"""Time after which others have their turn: one read of the socket may hold thousands of messages."""


class WebsocketsTransport:
    """Implements `transport.Transport`."""

    name = "websockets"

    async def connect(self, url: str, receiver: Receiver, options: TransportOptions) -> None:
        """See `transport.Transport`."""
        secure: dict[str, Any] = {}
        if options.tls is not None and url.startswith("wss:"):
            secure["ssl"] = options.tls
        try:
            socket = await connect(
                url,
                compression=None,
                ping_interval=None,
                open_timeout=options.open_timeout_s,
                close_timeout=options.close_timeout_s,
                max_size=options.max_frame_bytes,
                create_connection=_Socket,
                proxy=None if is_loopback(url) else True,
                **secure,
            )
        except (OSError, InvalidHandshake, ConnectionClosed, EOFError) as error:
            raise ConnectFailed(_connect_loss(error, options)) from error
        _Connection(socket, receiver).start()

    def http(self, options: HttpOptions) -> HttpClient:
        """See `transport.Transport`."""
        from mm_framework.capture.http_aiohttp import AiohttpClient  # a tenth of a second; few runs need it

        return AiohttpClient(options)


class _Socket(ClientConnection):
    """Cuts off a server that was told to hang up, or said that it would, and does not.

    The library's close timeout holds for `close` only: `recv` would wait for ever.
    """

    _cut: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self._cut is None and self.protocol.close_expected():
            self._cut = self.loop.call_later(self.close_timeout or 0.0, self.transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._cut is not None:
            self._cut.cancel()
        super().connection_lost(exc)


class _Connection:
    """Implements `transport.Connection`: a task reads and hands over."""

    def __init__(self, socket: ClientConnection, receiver: Receiver) -> None:
        self._socket, self._receiver = socket, receiver
        self._reading = asyncio.Event()
        self._reading.set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._receiver.on_open(self)
        if self._task is None:
            self._task = asyncio.create_task(self._read(), name="websockets-read")

    async def send(self, message: bytes) -> None:
        try:
            await self._socket.send(message, text=True)
        except ConnectionClosed as error:
            raise ConnectionError(str(error)) from error

    async def ping(self) -> None:
        try:
            pong = await self._socket.ping()
            await pong
        except ConnectionClosed as error:
            raise ConnectionError(str(error)) from error

    @property
    def waiting(self) -> int:
        return len(self._socket.recv_messages.frames)

    def pause(self) -> None:
        self._reading.clear()

    def resume(self) -> None:
        self._reading.set()

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
        await self._socket.close()

    async def _read(self) -> None:
        """Hand over until the end; ``recv`` buffers little, so a pause soon fills the socket."""
        on_frame, recv, ends_s = self._receiver.on_frame, self._socket.recv, 0.0
        try:
            while True:
                if not self._reading.is_set():
                    await self._reading.wait()
                fresh = not self.waiting
                if not fresh and perf_counter() >= ends_s:
                    await asyncio.sleep(0)
                    fresh = True
                message = await recv()
                if fresh:
                    ends_s = perf_counter() + TURN_S
                if isinstance(message, str):
                    on_frame(message.encode(), False)
                else:
                    on_frame(message, True)
        except ConnectionClosed as error:
            loss = _closed_loss(error)
        await self._socket.wait_closed()
        self._receiver.on_lost(loss)


def _connect_loss(error: Exception, options: TransportOptions) -> Loss:
    cause = error.__cause__
    if isinstance(error, InvalidStatus):
        response = error.response
        detail = f"the server answered HTTP {response.status_code} {response.reason_phrase}".rstrip()
        return Loss(Reason.CONNECT_FAILED, response.status_code, detail)
    if isinstance(error, InvalidMessage) and isinstance(cause, OSError):
        return connect_loss(cause, options)
    if isinstance(error, OSError):
        return connect_loss(error, options)
    return Loss(Reason.CONNECT_FAILED, detail=f"no WebSocket answers there: {error}")


def _closed_loss(error: ConnectionClosed) -> Loss:
    received, sent = error.rcvd, error.sent
    if received is not None and (sent is None or error.rcvd_then_sent):
        return Loss(Reason.REMOTE_CLOSED, received.code, received.reason)
    if sent is None:
        return Loss(Reason.RESET, detail="the connection broke without a closing handshake")
    if sent.code == TOO_LARGE:
        return Loss(Reason.FRAME_TOO_LARGE, detail=sent.reason)
    reason = Reason.PROTOCOL_ERROR if sent.code in PROTOCOL_ERRORS else Reason.RESET
    return Loss(reason, detail=sent.reason)
