"""A venue that follows a script, over real sockets or in memory: the other side of the transport tests.

A script says what happens when a connection opens and for each message, as steps in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from http import HTTPStatus
from typing import NamedTuple

from websockets.asyncio.server import Request, Response, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from mm_framework.capture.memory import Wire


class Text(NamedTuple):
    """Send a text message."""

    payload: bytes


class Binary(NamedTuple):
    """Send a binary message."""

    payload: bytes


class Parts(NamedTuple):
    """Send one text message in fragments."""

    payloads: tuple[bytes, ...]


class Close(NamedTuple):
    """Close with a code."""

    code: int
    reason: str = ""


class Reset(NamedTuple):
    """Break the connection without a closing handshake."""


class Stall(NamedTuple):
    """Answer no pings any more (in memory only)."""


Step = Text | Binary | Parts | Close | Reset | Stall


class Script:
    """``on_open`` and ``on_message(message)`` give steps; ``received`` and ``ended`` are what it saw."""

    def __init__(
        self,
        on_open: Sequence[Step] = (),
        on_message: Callable[[bytes], Sequence[Step]] = lambda message: (),
    ) -> None:
        self.on_open, self.on_message = on_open, on_message
        self.received: list[bytes] = []
        self.ended = asyncio.Event()


@contextlib.asynccontextmanager
async def serve_script(
    script: Script, *, tls: ssl.SSLContext | None = None, status: HTTPStatus | None = None
) -> AsyncIterator[str]:
    """Serve the script on loopback; the URL. ``status``: refuse every connection with it."""

    async def handle(socket: ServerConnection) -> None:
        try:
            await _play(socket, script.on_open)
            async for message in socket:
                payload = message.encode() if isinstance(message, str) else message
                script.received.append(payload)
                await _play(socket, script.on_message(payload))
        except ConnectionClosed:
            return
        finally:
            script.ended.set()

    def refuse(socket: ServerConnection, request: Request) -> Response | None:
        return None if status is None else socket.respond(status, "no\n")

    async with serve(handle, "127.0.0.1", 0, ssl=tls, process_request=refuse, compression=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        yield f"{'ws' if tls is None else 'wss'}://127.0.0.1:{port}/"


async def _play(socket: ServerConnection, steps: Sequence[Step]) -> None:
    for step in steps:
        match step:
            case Text(payload):
                await socket.send(payload, text=True)
            case Binary(payload):
                await socket.send(payload, text=False)
            case Parts(payloads):
                await socket.send(list(payloads), text=True)
            case Close(code, reason):
                await socket.close(code, reason)
            case Reset():
                socket.transport.abort()
            case Stall():
                raise RuntimeError("only the venue in memory can stall")


class ScriptedMemory:
    """The same script as a `capture.memory.MemoryVenue`; a path of ``/refused`` turns clients away."""

    def __init__(self, script: Script) -> None:
        self.script = script

    def connect(self, wire: Wire, path: str, now_ns: int) -> None:
        if path == "/refused":
            raise ConnectionRefusedError("Connection refused")
        self._play(wire, self.script.on_open, now_ns)

    def receive(self, wire: Wire, message: bytes, now_ns: int) -> None:
        self.script.received.append(message)
        self._play(wire, self.script.on_message(message), now_ns)

    def closed(self, wire: Wire, now_ns: int) -> None:
        self.script.ended.set()

    def advance(self, now_ns: int) -> None:
        """Nothing happens by itself."""

    def next_event_ns(self) -> int | None:
        return None

    def _play(self, wire: Wire, steps: Sequence[Step], now_ns: int) -> None:
        for step in steps:
            match step:
                case Text(payload):
                    wire.send(payload, now_ns)
                case Binary(payload):
                    wire.send(payload, now_ns, binary=True)
                case Parts(payloads):
                    wire.send(b"".join(payloads), now_ns)
                case Close(code, reason):
                    wire.hang_up(code, reason, now_ns)
                case Reset():
                    wire.reset(now_ns)
                case Stall():
                    wire.stall()
