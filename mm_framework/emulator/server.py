"""The real-time shell of an emulated venue: WebSocket and REST on a loopback port, TLS if asked for.

    async with EmulatorServer(venue) as server:
        print(server.url)          # ws://127.0.0.1:34567/v2

One callback drives all: advance the venue to now, carry out its actions, come back at its next event.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from types import TracebackType
from typing import Final, cast
from urllib.parse import parse_qsl, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.protocol import State

from mm_framework.emulator.actions import (
    Action,
    CloseConnection,
    ResetConnection,
    SendFrame,
    SlowConnection,
    StallConnection,
)
from mm_framework.emulator.truth import TruthWriter
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.emulator.wire import FaultyTransport
from mm_framework.errors import EnvironmentFailed

__all__ = ["EmulatorServer"]

HOST: Final = "127.0.0.1"

_SECOND: Final = 1_000_000_000
_SLICE_NS: Final = 20_000_000  # of market time between looks at the sockets when the machine is behind
_WRITE_AHEAD: Final = 1 << 20  # bytes in the transport of a connection before frames wait here
_GRAIN_S: Final = 0.002  # between looks at the market: many events are told at once
_TEXT: Final = 0x81  # a whole text frame
_BACKLOG_MAX: Final = 64 << 20  # bytes waiting here before the reader counts as too slow


class _Wire(ServerConnection):
    """A server connection over a `FaultyTransport`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.wire = FaultyTransport(cast(asyncio.Transport, transport))
        super().connection_made(cast(asyncio.BaseTransport, self.wire))


class _Peer:
    """One client: frames wait here while its transport is full.

    Text frames are written as RFC 6455 has them, many in one call: the library would take as long for each
    as the market behind takes to make it.
    """

    def __init__(self, connection: _Wire) -> None:
        self.connection = connection
        self._backlog: deque[bytes] = deque()
        self._backlog_bytes = 0

    @property
    def waits(self) -> bool:
        return bool(self._backlog)

    @property
    def too_slow(self) -> bool:
        return self._backlog_bytes > _BACKLOG_MAX

    def send(self, payload: bytes) -> None:
        self._backlog.append(payload)
        self._backlog_bytes += len(payload)

    def flush(self) -> None:
        if not self._backlog or self.connection.state is not State.OPEN:
            return
        wire = self.connection.wire
        parts: list[bytes] = []
        room = _WRITE_AHEAD - wire.get_write_buffer_size()
        while self._backlog and room > 0:
            payload = self._backlog.popleft()
            parts += (_head(len(payload)), payload)
            self._backlog_bytes -= len(payload)
            room -= len(payload)
        wire.write(b"".join(parts))


def _head(size: int) -> bytes:
    """The head of a whole text frame of a server, which masks nothing."""
    if size < 126:
        return bytes((_TEXT, size))
    if size < 1 << 16:
        return bytes((_TEXT, 126)) + size.to_bytes(2, "big")
    return bytes((_TEXT, 127)) + size.to_bytes(8, "big")


class EmulatorServer:
    """Serves ``venue``, whose ``start_ns`` is a time of ``clock`` (monotonic ns).

    ``port`` 0 takes a free one. ``tls`` makes it wss and https. ``truth`` gets the entries of the
    truth log as they come; without it they stay in ``venue.truth``. A client that reads too slowly is
    cut off, as venues do.
    """

    def __init__(
        self,
        venue: VenueEmulator,
        *,
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        truth: TruthWriter | None = None,
        clock: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._venue = venue
        self._port = port
        self._tls = tls
        self._truth = truth
        self._clock = clock
        self._peers: dict[int, _Peer] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._server: Server | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._reached_ns = 0

    @property
    def port(self) -> int:
        """The port in use; the one asked for before `start`."""
        return self._port

    @property
    def url(self) -> str:
        """The WebSocket endpoint."""
        scheme = "wss" if self._tls else "ws"
        return f"{scheme}://{HOST}:{self._port}{self._venue.dialect.paths[0]}"

    async def start(self) -> None:
        """Listen, and let the market run. Raises EnvironmentFailed when the port cannot be used."""
        try:
            self._server = await serve(
                self._handle,
                HOST,
                self._port,
                ssl=self._tls,
                process_request=self._request,
                create_connection=_Wire,
                compression=None,
                ping_interval=None,
                close_timeout=1,
            )
        except OSError as error:
            raise EnvironmentFailed(
                f"cannot listen on {HOST}:{self._port}: {error.strerror}; "
                "choose another port, 0 takes a free one"
            ) from error
        self._port = next(iter(self._server.sockets)).getsockname()[1]
        self._reached_ns = self._clock()
        self._run()

    async def stop(self) -> None:
        """Close all connections and the port."""
        server, self._server = self._server, None
        if server is None:
            return
        if self._timer is not None:
            self._timer.cancel()
        for peer in self._peers.values():
            if peer.waits or peer.connection.wire.impaired:
                peer.connection.wire.reset()
        server.close()
        await server.wait_closed()
        if self._closing:
            await asyncio.wait(self._closing)
        self._write_truth()

    async def __aenter__(self) -> EmulatorServer:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    # --- the clockwork

    def _run(self) -> None:
        """Advance to now, or by a slice when behind; carry out what came of it; come back in time."""
        now_ns = self._clock()
        self._reached_ns = min(now_ns, self._reached_ns + _SLICE_NS) if self._behind(now_ns) else now_ns
        self._venue.advance(self._reached_ns)
        self._carry_out()
        self._schedule()

    def _behind(self, now_ns: int) -> bool:
        next_ns = self._venue.next_event_ns()
        return next_ns is not None and next_ns < now_ns - _SLICE_NS

    def _schedule(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._server is None:
            return
        next_ns = self._venue.next_event_ns()
        delay_s = 60.0 if next_ns is None else max(_GRAIN_S, (next_ns - self._clock()) / _SECOND)
        if any(peer.waits for peer in self._peers.values()):
            delay_s = min(delay_s, 0.01)
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._run)

    def _carry_out(self) -> None:
        for action in self._venue.drain():
            peer = self._peers.get(action.connection)
            if peer is not None:
                self._act(peer, action)
        for number, peer in list(self._peers.items()):
            peer.flush()
            if peer.too_slow:
                self._venue.closed(number, self._reached_ns, "the client reads too slowly")
                peer.connection.wire.reset()
        self._write_truth()

    def _act(self, peer: _Peer, action: Action) -> None:
        wire = peer.connection.wire
        match action:
            case SendFrame():
                peer.send(action.payload)
            case CloseConnection():
                peer.flush()
                task = asyncio.ensure_future(peer.connection.close(action.code, action.reason))
                self._closing.add(task)
                task.add_done_callback(self._closing.discard)
            case ResetConnection():
                peer.flush()
                wire.reset()
            case StallConnection():
                peer.flush()
                wire.stall()
            case SlowConnection():
                peer.flush()
                wire.slow(action.bytes_per_s, max(0, action.until_ns - self._clock()) / _SECOND)

    def _write_truth(self) -> None:
        if self._truth is not None:
            self._truth.write(self._venue.truth.drain())

    # --- connections

    async def _handle(self, connection: ServerConnection) -> None:
        request = connection.request
        if not isinstance(connection, _Wire) or request is None:
            raise RuntimeError("the server made a connection that is not ours")
        number = self._venue.connect(self._now_ns(), request.path)
        self._peers[number] = _Peer(connection)
        self._run()
        try:
            with contextlib.suppress(ConnectionClosed):  # however the client leaves
                async for message in connection:
                    data = message.encode() if isinstance(message, str) else message
                    self._venue.receive(number, data, self._now_ns())
                    self._run()
        finally:
            self._venue.closed(number, self._reached_ns)  # later frames would not reach anyone
            del self._peers[number]
            self._run()

    def _now_ns(self) -> int:
        """The time that the venue has reached: behind the clock when the machine is."""
        now_ns = self._clock()
        if not self._behind(now_ns):
            self._reached_ns = now_ns
        return self._reached_ns

    def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer REST requests and unknown paths; None lets the WebSocket handshake go on."""
        address = urlsplit(request.path)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            if address.path in self._venue.dialect.paths:
                return None
            return connection.respond(HTTPStatus.NOT_FOUND, "no WebSocket at this path\n")
        query = dict(parse_qsl(address.query))
        reply = self._venue.http("GET", address.path, query, self._now_ns())
        response = connection.respond(reply.status, reply.body.decode())
        for name, value in reply.headers:
            with contextlib.suppress(KeyError):
                del response.headers[name]
            response.headers[name] = value
        return response
