"""The emulator on a real socket: frames in time, REST, TLS, and faults of the wire as a client sees them."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import trustme
from toy_dialect import Follower, ToyDialect, subscribe
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedError, InvalidStatus

from mm_framework.emulator import server as server_module
from mm_framework.emulator.faults import parse_faults
from mm_framework.emulator.server import EmulatorServer
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.truth import TruthLog, TruthWriter
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.errors import EnvironmentFailed

Scenario = Callable[[EmulatorServer], Awaitable[None]]

WAIT_S = 240.0
"""What a busy machine may take for anything here."""


class Held:
    """A market's clock that stands at its start until it is ``released``."""

    def __init__(self) -> None:
        self.start_ns = time.monotonic_ns()
        self.released = False

    def __call__(self) -> int:
        return time.monotonic_ns() if self.released else self.start_ns


def emulator(faults: str = "", *, keep: bool = True, **settings: Any) -> VenueEmulator:
    dialect = ToyDialect()
    return VenueEmulator(
        dialect,
        [dialect.listing("A/B")],
        seed=7,
        settings=MarketSettings(**{"rate": 300.0, "levels": 30, **settings}),
        faults=parse_faults(faults),
        start_ns=time.monotonic_ns(),
        wall_ns=time.time_ns(),
        truth=TruthLog(keep=keep),
    )


def play(scenario: Scenario, venue: VenueEmulator, **kwargs: Any) -> None:
    async def run() -> None:
        async with EmulatorServer(venue, **kwargs) as server:
            await scenario(server)

    asyncio.run(asyncio.wait_for(run(), WAIT_S))


def client(server: EmulatorServer, **kwargs: Any) -> connect:
    return connect(server.url, compression=None, ping_interval=None, proxy=None, **kwargs)


async def receive(connection: ClientConnection, count: int) -> list[dict[str, Any]]:
    return [json.loads(await connection.recv()) for _ in range(count)]


async def count_frames(connection: ClientConnection, silence_s: float = WAIT_S) -> int:
    """How many frames come until the venue closes; raises TimeoutError when it only falls silent."""
    count = 0
    while True:
        try:
            await asyncio.wait_for(connection.recv(), silence_s)
        except ConnectionClosed as closed:
            if closed.rcvd is None:
                raise
            return count
        count += 1


async def get(server: EmulatorServer, path: str) -> tuple[str, dict[str, str], bytes]:
    """``(status line, headers, body)`` of a REST request."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    status, *lines = head.decode().split("\r\n")
    return status, {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}, body


def test_a_client_follows_the_market_in_real_time() -> None:
    """No frame comes before its moment; how late one is, a busy machine says."""
    venue = emulator()

    async def scenario(server: EmulatorServer) -> None:
        async with client(server) as connection:
            assert (await receive(connection, 1)) == [{"ch": "hello"}]
            await connection.send(subscribe().decode())
            follower, late_ns = Follower(5), []
            await receive(connection, 1)
            for _ in range(100):
                (frame,) = await receive(connection, 1)
                if frame["ch"] == "book":
                    follower.apply(frame)
                    assert follower.holds(frame)
                    late_ns.append(venue.clock.wall_ns(time.monotonic_ns()) - frame["ts"])
            assert min(late_ns) >= 0

    play(scenario, venue)


def test_the_truth_log_is_what_the_client_received() -> None:
    file = io.BytesIO()
    venue = emulator("drop:0.1,repeat:0.1,corrupt:0.1", rate=1000.0)
    got: list[str] = []

    async def scenario(server: EmulatorServer) -> None:
        async with client(server) as connection:
            await connection.send(subscribe(channel="trade"))
            await connection.send(subscribe())
            got.extend([str(await connection.recv()) for _ in range(300)])

    play(scenario, venue, truth=TruthWriter(file, {"A/B": (2, 3)}))
    lines = [json.loads(line) for line in file.getvalue().splitlines()]
    on_wire = {line["wire"]: line for line in lines if "wire" in line}
    assert sorted(on_wire) == list(range(len(on_wire)))
    kinds = {"hello": "control", "ok": "subscribed", "hb": "heartbeat", "book": "book", "trade": "trade"}
    for line, text in zip(on_wire.values(), got, strict=False):
        if "corrupt" in line.get("faults", ()):
            continue  # a changed digit may well be no JSON any more
        frame = json.loads(text)
        assert line["kind"] == ("snapshot" if frame.get("snap") else kinds[frame["ch"]])
        assert line.get("trade_ids", []) == frame.get("ids", [])
    assert len(on_wire) >= len(got)
    assert {"suppressed", "repeated", "altered"} <= {line["outcome"] for line in lines}
    assert venue.truth.entries == []


def test_rest_answers_on_the_same_port() -> None:
    async def scenario(server: EmulatorServer) -> None:
        status, headers, body = await get(server, "/time?pair=A%2FB&x=")
        assert status == "HTTP/1.1 200 OK"
        assert headers["content-type"] == "application/json"
        assert int(headers["content-length"]) == len(body)
        assert json.loads(body)["pair"] == "A/B"
        assert (await get(server, "/nothing"))[0] == "HTTP/1.1 404 Not Found"

    play(scenario, emulator())


def test_another_websocket_path_is_not_found() -> None:
    async def scenario(server: EmulatorServer) -> None:
        with pytest.raises(InvalidStatus) as caught:
            await connect(server.url + "/other", proxy=None)
        assert caught.value.response.status_code == 404

    play(scenario, emulator())


def test_tls_serves_wss_with_the_given_certificate() -> None:
    authority = trustme.CA()
    server_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(server_context)
    client_context = ssl.create_default_context()
    authority.configure_trust(client_context)
    clock = Held()

    async def scenario(server: EmulatorServer) -> None:
        assert urlsplit(server.url).scheme == "wss"
        async with client(server, ssl=client_context) as connection:
            await connection.send(subscribe())
            assert [frame["ch"] for frame in await receive(connection, 3)] == ["hello", "ok", "book"]
        with pytest.raises(ssl.SSLCertVerificationError):
            await client(server, ssl=ssl.create_default_context())
        clock.released = True
        async with client(server, ssl=client_context) as connection:
            await connection.send(subscribe())
            with pytest.raises(ConnectionClosedError):
                await receive(connection, 10_000)

    play(scenario, emulator("reset@0.3,half-open@0.3"), tls=server_context, clock=clock)


def test_a_forced_disconnect_closes_with_a_code_after_all_frames() -> None:
    venue = emulator("disconnect@0.3")

    async def scenario(server: EmulatorServer) -> None:
        async with client(server) as connection:
            await connection.send(subscribe())
            got = await count_frames(connection)
        assert connection.close_code in (1001, 1012, 1013)
        assert got == sum(entry.wire is not None for entry in venue.truth.entries)
        async with client(server) as connection:
            await receive(connection, 1)

    play(scenario, venue)


def test_a_reset_is_a_tcp_reset() -> None:
    async def scenario(server: EmulatorServer) -> None:
        async with client(server) as connection:
            await connection.send(subscribe())
            with pytest.raises(ConnectionClosedError) as caught:
                await count_frames(connection)
        assert caught.value.rcvd is None
        assert isinstance(caught.value.__cause__, ConnectionResetError)

    play(scenario, emulator("reset@0.2"))


def test_a_half_open_connection_stays_open_without_frames_or_pongs() -> None:
    venue = emulator("half-open@0.2")

    async def scenario(server: EmulatorServer) -> None:
        async with client(server, close_timeout=0.3) as connection:
            await connection.send(subscribe())
            while all("half-open" not in entry.faults for entry in venue.truth.entries):
                await asyncio.sleep(0.02)
            with pytest.raises(TimeoutError):
                await count_frames(connection, silence_s=0.4)
            pong = await connection.ping()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.shield(pong), 0.2)
            pong.cancel()
            assert venue.connections == [0]
        while venue.connections:
            await asyncio.sleep(0.01)

    play(scenario, venue)


def test_bytes_of_a_slow_connection_trickle() -> None:
    async def scenario(server: EmulatorServer) -> None:
        raw = socket.create_connection(("127.0.0.1", server.port))
        raw.setblocking(False)
        loop = asyncio.get_running_loop()
        lines = ("GET /ws HTTP/1.1", "Host: x", "Upgrade: websocket", "Connection: Upgrade")
        key = ("Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13", "", "")
        await loop.sock_sendall(raw, "\r\n".join(lines + key).encode())
        message = subscribe()
        await loop.sock_sendall(raw, bytes((0x81, 0x80 | len(message), 0, 0, 0, 0)) + message)
        sizes = []
        while len(sizes) < 25:
            sizes.append(len(await loop.sock_recv(raw, 65536)))
        raw.close()
        assert sorted(sizes)[len(sizes) // 2] <= 400

    play(scenario, emulator("slow@0", rate=500.0))


def test_a_client_that_reads_too_slowly_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "_WRITE_AHEAD", 1 << 14)
    monkeypatch.setattr(server_module, "_BACKLOG_MAX", 1 << 16)
    venue = emulator(rate=20_000.0, levels=5, spell_s=60.0)

    async def scenario(server: EmulatorServer) -> None:
        async with client(server, max_queue=1) as connection:
            await receive(connection, 1)
            await connection.send(subscribe())
            while venue.connections:
                await asyncio.sleep(0.02)
        assert venue.truth.entries[-1].detail == "the client reads too slowly"

    play(scenario, venue)


def test_stopping_closes_clients_in_an_orderly_way_and_frees_the_port() -> None:
    venue = emulator()

    async def run() -> None:
        server = EmulatorServer(venue)
        await server.start()
        async with client(server) as connection:
            await connection.send(subscribe())
            await receive(connection, 3)
            await server.stop()
            with pytest.raises(ConnectionClosed) as caught:
                await receive(connection, 100_000)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1001
        assert venue.connections == []
        await server.stop()
        async with EmulatorServer(emulator(), port=server.port) as again:
            assert again.port == server.port

    asyncio.run(asyncio.wait_for(run(), WAIT_S))


def test_a_port_in_use_is_one_clear_error() -> None:
    async def scenario(server: EmulatorServer) -> None:
        with pytest.raises(
            EnvironmentFailed, match=f"cannot listen on 127.0.0.1:{server.port}: .*choose another"
        ):
            await EmulatorServer(emulator(), port=server.port).start()

    play(scenario, emulator())


def test_a_venue_that_is_behind_catches_up_in_slices() -> None:
    """A market clock that leaps ahead by 5 s: all its events come, and clients are served between."""
    leap = [0]
    venue = emulator(keep=False)

    async def scenario(server: EmulatorServer) -> None:
        async with client(server) as connection:
            await connection.send(subscribe())
            await receive(connection, 3)
            leap[0] = 5_000_000_000
            frames = await receive(connection, 700)
            first, last = (next(f["ts"] for f in part if "ts" in f) for part in (frames, frames[::-1]))
            assert last - first > 1_000_000_000

    play(scenario, venue, clock=lambda: time.monotonic_ns() + leap[0])
