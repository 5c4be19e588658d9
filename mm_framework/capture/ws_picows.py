"""The fast transport, over ``picows`` (``pip install 'mm-framework[picows]'``).

It calls back for each frame as it is parsed; messages in fragments are joined here. It uses no proxy
of the environment.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final, cast

import picows

from mm_framework.capture.transport import (
    ConnectFailed,
    HttpClient,
    HttpOptions,
    Loss,
    Receiver,
    TransportOptions,
    connect_loss,
)
from mm_framework.model.events import Reason

__all__ = ["PicowsTransport"]

PROTOCOL_ERROR, TOO_LARGE, NO_CODE = 1002, 1009, 1005
"""Close codes of RFC 6455, section 7.4.1; the last one stands for a close frame without a code."""

READ_BYTES: Final = 1 << 16
TURN_BYTES: Final = 2048
"""Parsed at once, messages handled, before others have their turn: what was read may hold thousands."""

HEAD_BYTES: Final = 4
"""Of most frames: those of 126 to 65535 bytes."""

TURN_SHARE: Final = 16
"""This part of what waits is parsed at once when it is more, so that it does not grow without end."""


class PicowsTransport:
    """Implements `transport.Transport`."""

    name = "picows"

    async def connect(self, url: str, receiver: Receiver, options: TransportOptions) -> None:
        """See `transport.Transport`."""
        listener = _Listener(receiver, options)
        try:
            async with asyncio.timeout(options.open_timeout_s):
                await picows.ws_connect(
                    lambda: listener,
                    url,
                    ssl_context=options.tls,
                    websocket_handshake_timeout=options.open_timeout_s,
                    # A net under the check in `_Listener`: the parser looks ahead, so that an error of
                    # its own would swallow the message before.
                    max_frame_size=2 * options.max_frame_bytes,
                )
        except (OSError, picows.WSError, EOFError) as error:
            raise ConnectFailed(_connect_loss(error, options)) from error
        if not listener.opened:
            raise ConnectFailed(Loss(Reason.CONNECT_FAILED, detail="the server hung up during the handshake"))

    def http(self, options: HttpOptions) -> HttpClient:
        """See `transport.Transport`."""
        from mm_framework.capture.http_aiohttp import AiohttpClient  # a tenth of a second; few runs need it

        return AiohttpClient(options)


class _Turns(asyncio.BufferedProtocol):
    """Between a socket and picows' parser, which has all messages handled that are in what it is given.

    It is given little; what was read beyond is parsed in the next turns of the event loop, in order, and
    before the parser hears of the connection's end.
    """

    def __init__(self, parser: asyncio.BufferedProtocol, socket: asyncio.Transport) -> None:
        self._parser, self._socket = parser, socket
        self._loop = asyncio.get_running_loop()
        self._room = memoryview(bytearray(READ_BYTES))
        self._read = bytearray()
        self._turn: asyncio.Handle | None = None
        self._paused = False

    @property
    def waiting_bytes(self) -> int:
        return len(self._read)

    def pause(self) -> None:
        self._paused = True
        self._loop.call_soon(self._tell_socket)

    def resume(self) -> None:
        self._paused = False
        self._loop.call_soon(self._tell_socket)
        self._go_on()

    def _tell_socket(self) -> None:
        """Not while it hands over what it read: aiofastnet over TLS would keep the rest until more comes."""
        if self._paused:
            self._socket.pause_reading()
        else:
            self._socket.resume_reading()

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._room

    def buffer_updated(self, nbytes: int) -> None:
        self._read += self._room[:nbytes]
        if self._turn is None and not self._paused:
            self._take_turn()

    def eof_received(self) -> bool | None:
        self._parse(len(self._read))
        return self._parser.eof_received()

    def pause_writing(self) -> None:
        self._parser.pause_writing()

    def resume_writing(self) -> None:
        self._parser.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._parse(len(self._read))
        self._parser.connection_lost(exc)

    def _take_turn(self) -> None:
        self._turn = None
        if not self._paused:
            self._parse(max(TURN_BYTES, len(self._read) // TURN_SHARE))
            self._go_on()

    def _go_on(self) -> None:
        if self._read and self._turn is None:
            self._turn = self._loop.call_soon(self._take_turn)

    def _parse(self, most: int) -> None:
        """Of what was read; the rest is forgotten when that makes us hang up."""
        while self._read and most > 0:
            room = memoryview(self._parser.get_buffer(-1))
            size = min(len(room), len(self._read), most)
            room[:size] = self._read[:size]
            del self._read[:size]
            most -= size
            was_closing = self._socket.is_closing()
            self._parser.buffer_updated(size)
            if self._socket.is_closing() and not was_closing:
                self._read.clear()


class _Listener(picows.WSListener):
    """Implements `transport.Connection` too: one object a connection."""

    def __init__(self, receiver: Receiver, options: TransportOptions) -> None:
        self._receiver, self._options = receiver, options
        self._transport: picows.WSTransport | None = None
        self._turns: _Turns | None = None
        self._heard = self._heard_bytes = 0
        self._parts: list[bytes] = []
        self._binary = False
        self._pongs: dict[bytes, asyncio.Future[None]] = {}
        self._pings = 0
        self._closing = self._ended = False
        self._failure: Loss | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def opened(self) -> bool:
        return self._transport is not None

    # from picows

    def on_ws_connected(self, transport: picows.WSTransport) -> None:
        self._transport = transport
        socket = transport.underlying_transport
        self._turns = _Turns(cast(asyncio.BufferedProtocol, socket.get_protocol()), socket)
        socket.set_protocol(self._turns)
        self._watch = asyncio.ensure_future(self._until_disconnected(transport))
        self._receiver.on_open(self)

    def on_ws_frame(self, transport: picows.WSTransport, frame: picows.WSFrame) -> None:
        kind = frame.msg_type
        if self._closing or transport.is_close_frame_sent:
            # Ours, or the parser's after an error, from which it goes on reading.
            if kind == picows.WSMsgType.CLOSE:
                transport.disconnect()
        elif frame.rsv1 or frame.rsv2 or frame.rsv3:
            self._fail(PROTOCOL_ERROR, Loss(Reason.PROTOCOL_ERROR, detail="reserved bits are set"))
        elif kind == picows.WSMsgType.TEXT or kind == picows.WSMsgType.BINARY:
            binary = kind == picows.WSMsgType.BINARY
            if self._parts:
                self._fail(
                    PROTOCOL_ERROR, Loss(Reason.PROTOCOL_ERROR, detail="a message began inside another")
                )
            elif frame.payload_size > self._options.max_frame_bytes:
                self._too_large(frame.payload_size)
            elif frame.fin:
                self._hand_over(frame.get_payload_as_bytes(), binary)
            else:
                self._parts, self._binary = [frame.get_payload_as_bytes()], binary
        elif kind == picows.WSMsgType.CONTINUATION:
            self._continue(frame)
        elif kind == picows.WSMsgType.PONG:
            pong = self._pongs.pop(frame.get_payload_as_bytes(), None)
            if pong is not None and not pong.done():
                pong.set_result(None)
        elif kind == picows.WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code())
            transport.disconnect()

    def _continue(self, frame: picows.WSFrame) -> None:
        if not self._parts:
            self._fail(
                PROTOCOL_ERROR, Loss(Reason.PROTOCOL_ERROR, detail="a message continued that had not begun")
            )
            return
        self._parts.append(frame.get_payload_as_bytes())
        size = sum(map(len, self._parts))
        if size > self._options.max_frame_bytes:
            self._too_large(size)
        elif frame.fin:
            payload, self._parts = b"".join(self._parts), []
            self._hand_over(payload, self._binary)

    def _hand_over(self, payload: bytes, binary: bool) -> None:
        self._heard += 1
        self._heard_bytes += len(payload) + HEAD_BYTES
        self._receiver.on_frame(payload, binary)

    def _too_large(self, size: int) -> None:
        detail = f"a message of {size} bytes or more, at most {self._options.max_frame_bytes}"
        self._fail(TOO_LARGE, Loss(Reason.FRAME_TOO_LARGE, detail=detail))

    def _fail(self, code: int, loss: Loss) -> None:
        """End the connection because the other side broke a rule."""
        self._failure = loss
        transport = self._open()
        transport.send_close(picows.WSCloseCode(code))
        transport.disconnect()

    async def _until_disconnected(self, transport: picows.WSTransport) -> None:
        """Wait for the end and report it; picows raises here what its parser found."""
        try:
            await transport.wait_disconnected()
            loss = self._failure or _closed_loss(transport)
        except picows.WSProtocolError as error:
            loss = _protocol_loss(error)
        except OSError as error:
            loss = Loss(Reason.RESET, detail=str(error))
        self._ended = True
        for pong in self._pongs.values():
            if not pong.done():
                pong.set_exception(ConnectionError("the connection is gone"))
        if not self._closing:
            self._receiver.on_lost(loss)

    # for the runner

    async def send(self, message: bytes) -> None:
        self._open().send(picows.WSMsgType.TEXT, message)

    async def ping(self) -> None:
        transport = self._open()
        self._pings += 1
        payload = self._pings.to_bytes(4, "big")
        pong = self._pongs[payload] = asyncio.get_running_loop().create_future()
        try:
            transport.send_ping(payload)
            await pong
        finally:
            self._pongs.pop(payload, None)

    @property
    def waiting(self) -> int:
        """An estimate: what waits is not parsed, and its messages may be as long as those before."""
        size = 0 if self._turns is None else self._turns.waiting_bytes
        return size and max(1, size * self._heard // max(1, self._heard_bytes))

    def pause(self) -> None:
        if self._turns is not None and not self._ended:
            self._turns.pause()

    def resume(self) -> None:
        if self._turns is not None and not self._ended:
            self._turns.resume()

    async def close(self) -> None:
        transport = self._open(even_closed=True)
        self._closing = True
        if self._watch is None or self._ended:
            return
        self.resume()
        transport.send_close(picows.WSCloseCode.OK)
        try:
            async with asyncio.timeout(self._options.close_timeout_s):
                await asyncio.shield(self._watch)
        except TimeoutError:
            transport.disconnect(graceful=False)
            await self._watch

    def _open(self, *, even_closed: bool = False) -> picows.WSTransport:
        if self._transport is None:
            raise RuntimeError("the connection is not open yet")
        if self._ended and not even_closed:
            raise ConnectionError("the connection is gone")
        return self._transport


def _connect_loss(error: Exception, options: TransportOptions) -> Loss:
    response: Any = getattr(error, "response", None)
    if isinstance(error, picows.WSInvalidStatusError) and response is not None:
        status = int(response.status)
        return Loss(
            Reason.CONNECT_FAILED, status, f"the server answered HTTP {status} {response.status.phrase}"
        )
    if isinstance(error, OSError):
        return connect_loss(error, options)
    return Loss(
        Reason.CONNECT_FAILED, detail=f"no WebSocket answers there: {error.args[0] if error.args else error}"
    )


def _closed_loss(transport: picows.WSTransport) -> Loss:
    # None without a handshake, whatever the stub of picows says.
    handshake: Any = transport.close_handshake
    if handshake is not None and handshake.recv is not None:
        return Loss(Reason.REMOTE_CLOSED, _number(handshake.recv.code) or NO_CODE, handshake.recv.reason)
    return Loss(Reason.RESET, detail="the connection broke without a closing handshake")


def _protocol_loss(error: picows.WSProtocolError) -> Loss:
    too_large = _number(error.args[0]) == TOO_LARGE
    text = " ".join(map(str, error.args[1:]))
    return Loss(Reason.FRAME_TOO_LARGE if too_large else Reason.PROTOCOL_ERROR, detail=text)


def _number(code: Any) -> int:
    """A close code, which picows gives as a member of its enumeration where it has one."""
    return int(getattr(code, "value", code))
