"""One suite over every transport: the same bytes, the same reasons."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import hashlib
import random
import ssl
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
import trustme
from scripted_venue import Binary, Close, Parts, Reset, Script, ScriptedMemory, Stall, Text, serve_script

from mm_framework.capture.clock import VirtualClock
from mm_framework.capture.memory import MemoryTransport
from mm_framework.capture.transport import (
    ConnectFailed,
    Connection,
    Loss,
    Transport,
    TransportOptions,
    make_transport,
    tls_context,
)
from mm_framework.capture.virtual_loop import run_virtual
from mm_framework.capture.ws_websockets import TURN_S
from mm_framework.errors import ConfigError
from mm_framework.model.events import Reason


class Heard:
    """Keeps what a connection says."""

    def __init__(self) -> None:
        self.frames: list[tuple[bytes, bool]] = []
        self.losses: list[Loss] = []
        self.opened = 0
        self.changed = asyncio.Event()
        self.connection: Connection

    def on_open(self, connection: Connection) -> None:
        assert not self.frames
        self.opened += 1
        self.connection = connection

    def on_frame(self, payload: bytes, binary: bool) -> None:
        assert type(payload) is bytes
        self.frames.append((payload, binary))
        self.changed.set()

    def on_lost(self, loss: Loss) -> None:
        self.losses.append(loss)
        self.changed.set()

    async def until(self, condition: Callable[[], object]) -> None:
        while not condition():
            self.changed.clear()
            await self.changed.wait()


class Sockets:
    """Real connections on loopback, in real time. ``queues``: the library reads ahead."""

    def __init__(self, transport: Transport) -> None:
        self.transport, self.queues = transport, transport.name == "websockets"

    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        asyncio.run(main())

    @contextlib.asynccontextmanager
    async def connected(
        self, script: Script, options: TransportOptions | None = None
    ) -> AsyncIterator[Heard]:
        async with serve_script(script) as url:
            heard = Heard()
            await self.transport.connect(url, heard, options or TransportOptions(close_timeout_s=0.2))
            try:
                yield heard
            finally:
                await heard.connection.close()

    async def connect_to_nothing(self, heard: Heard) -> None:
        async with serve_script(Script()) as url:
            pass
        await self.transport.connect(url, heard, TransportOptions())


class Memory:
    """No network, on virtual time, with a latency that is another one for each message."""

    queues = False

    def __init__(self) -> None:
        self.clock = VirtualClock()
        draw = random.Random(1)
        self.latency = lambda: draw.randrange(1_000_000, 50_000_000)

    def run(self, main: Callable[[], Coroutine[Any, Any, None]]) -> None:
        run_virtual(main, self.clock)

    @contextlib.asynccontextmanager
    async def connected(
        self, script: Script, options: TransportOptions | None = None
    ) -> AsyncIterator[Heard]:
        heard = Heard()
        transport = MemoryTransport(ScriptedMemory(script), self.clock, self.latency)
        await transport.connect("ws://memory/", heard, options or TransportOptions())
        yield heard
        await heard.connection.close()

    async def connect_to_nothing(self, heard: Heard) -> None:
        transport = MemoryTransport(ScriptedMemory(Script()), self.clock)
        await transport.connect("ws://memory/refused", heard, TransportOptions())


def socket_transport(name: str) -> Transport:
    pytest.importorskip(name)
    return make_transport(name)


@pytest.fixture(params=["websockets", "picows"])
def transport(request: pytest.FixtureRequest) -> Transport:
    return socket_transport(request.param)


@pytest.fixture(params=["websockets", "picows", "memory"])
def world(request: pytest.FixtureRequest) -> Sockets | Memory:
    return Memory() if request.param == "memory" else Sockets(socket_transport(request.param))


def run(main: Coroutine[Any, Any, None]) -> None:
    asyncio.run(main)


def test_messages_arrive_in_order_with_their_exact_bytes(world: Sockets | Memory) -> None:
    payloads = [
        Text(b'{"price": 1.10, "e": "\xe2\x82\xac"}'),
        Binary(b"\x00\xff\x80"),
        Text(b""),
        Text(b"x" * 2_500_000),
        Binary(b""),
        Text(b"last"),
    ]

    async def main() -> None:
        async with world.connected(Script(payloads)) as heard:
            await heard.until(lambda: len(heard.frames) == len(payloads))
            assert heard.opened == 1
            assert heard.frames == [(step.payload, isinstance(step, Binary)) for step in payloads]
            assert heard.losses == []

    world.run(main)


def test_a_message_in_fragments_is_one_message(world: Sockets | Memory) -> None:
    async def main() -> None:
        script = Script([Parts((b"ab", b"", b"cd", b"e")), Text(b"next")])
        async with world.connected(script) as heard:
            await heard.until(lambda: len(heard.frames) == 2)
            assert heard.frames == [(b"abcde", False), (b"next", False)]

    world.run(main)


def test_others_have_their_turn_while_many_messages_wait() -> None:
    """Each message takes longer than a turn; the library hands over some more in one go when it begins."""
    transport, turns, seen = socket_transport("websockets"), [0], list[int]()

    class Busy(Heard):
        def on_frame(self, payload: bytes, binary: bool) -> None:
            super().on_frame(payload, binary)
            seen.append(turns[0])
            end_s = time.perf_counter() + 2 * TURN_S
            while time.perf_counter() < end_s:
                pass

    async def others() -> None:
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    async def main() -> None:
        async with serve_script(Script([Text(b"x" * 50) for _ in range(400)])) as url:
            heard, task = Busy(), asyncio.create_task(others())
            await transport.connect(url, heard, TransportOptions(close_timeout_s=0.2))
            await heard.until(lambda: len(heard.frames) == 400)
            task.cancel()
            await heard.connection.close()

    run(main())
    assert len(set(seen)) >= 350


def test_what_is_sent_arrives_as_text_in_order(world: Sockets | Memory) -> None:
    async def main() -> None:
        script = Script(on_message=lambda message: [Text(message + b"!")])
        async with world.connected(script) as heard:
            for number in range(50):
                await heard.connection.send(b"message %d" % number)
            await heard.until(lambda: len(heard.frames) == 50)
            assert heard.frames == [(b"message %d!" % number, False) for number in range(50)]

    world.run(main)


@pytest.mark.parametrize("code", [1000, 1012, 4001])
def test_the_close_code_of_the_other_side_is_told(world: Sockets | Memory, code: int) -> None:
    async def main() -> None:
        async with world.connected(Script([Text(b"a"), Close(code, "restart")])) as heard:
            await heard.until(lambda: heard.losses)
            assert heard.losses == [Loss(Reason.REMOTE_CLOSED, code, "restart")]
            assert heard.frames == [(b"a", False)]

    world.run(main)


def test_a_connection_that_breaks_is_a_reset(world: Sockets | Memory) -> None:
    async def main() -> None:
        script = Script(on_message=lambda message: [Reset()])
        async with world.connected(script) as heard:
            await heard.connection.send(b"go")
            await heard.until(lambda: heard.losses)
            assert [loss.reason for loss in heard.losses] == [Reason.RESET]
            assert heard.losses[0].code is None

    world.run(main)


@pytest.mark.parametrize("step", [Text(b"y" * 1001), Parts((b"y" * 600, b"y" * 401))], ids=["whole", "parts"])
def test_a_message_over_the_limit_ends_the_connection(world: Sockets | Memory, step: Text | Parts) -> None:
    async def main() -> None:
        script = Script([Text(b"x" * 1000), step, Text(b"z")])
        options = TransportOptions(max_frame_bytes=1000)
        async with world.connected(script, options) as heard:
            await heard.until(lambda: heard.losses)
            assert [loss.reason for loss in heard.losses] == [Reason.FRAME_TOO_LARGE]
            assert heard.frames == [(b"x" * 1000, False)]

    world.run(main)


def test_a_ping_returns_with_its_pong(world: Sockets | Memory) -> None:
    async def main() -> None:
        async with world.connected(Script()) as heard:
            pongs = asyncio.gather(heard.connection.ping(), heard.connection.ping())
            assert await pongs is not None

    world.run(main)


def test_after_a_loss_sending_is_an_error(world: Sockets | Memory) -> None:
    async def main() -> None:
        async with world.connected(Script([Close(1001)])) as heard:
            await heard.until(lambda: heard.losses)
            for use in (heard.connection.ping, lambda: heard.connection.send(b"x")):
                with pytest.raises(ConnectionError):
                    await use()
            heard.connection.pause()
            heard.connection.resume()

    world.run(main)


def test_a_pause_holds_the_messages_back_and_loses_none(world: Sockets | Memory) -> None:
    count, size = 600, 20_000

    async def main() -> None:
        script = Script(on_message=lambda message: [Text(b"%06d" % n + b"." * size) for n in range(count)])
        async with world.connected(script) as heard:
            heard.connection.pause()
            await heard.connection.send(b"go")
            while world.queues and not heard.connection.waiting:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)
            assert len(heard.frames) < count // 2
            heard.connection.resume()
            await heard.until(lambda: len(heard.frames) == count)
            assert heard.connection.waiting == 0
            assert [int(payload[:6]) for payload, _ in heard.frames] == list(range(count))

    world.run(main)


def test_after_our_close_the_receiver_hears_nothing_and_the_venue_knows(world: Sockets | Memory) -> None:
    async def main() -> None:
        script = Script(on_message=lambda message: [Text(b"late")] * 1000)
        async with world.connected(script) as heard:
            await heard.connection.send(b"go")
            await heard.connection.close()
            count = len(heard.frames)
            await script.ended.wait()
            await asyncio.sleep(0.01)
            assert (len(heard.frames), heard.losses) == (count, [])

    world.run(main)


def test_an_endpoint_where_nothing_listens_fails_to_connect(world: Sockets | Memory) -> None:
    async def main() -> None:
        heard = Heard()
        with pytest.raises(ConnectFailed) as caught:
            await world.connect_to_nothing(heard)
        assert caught.value.loss.reason is Reason.CONNECT_FAILED
        assert "refused" in caught.value.loss.detail.lower()
        assert heard.opened == 0

    world.run(main)


def test_a_memory_venue_that_stalls_answers_no_ping_and_the_connection_stays() -> None:
    world = Memory()

    async def main() -> None:
        async with world.connected(Script(on_message=lambda message: [Stall()])) as heard:
            await heard.connection.ping()
            await heard.connection.send(b"stall")
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(heard.connection.ping(), 60)
            assert heard.losses == []

    world.run(main)


# what only a socket can do


def test_a_ping_under_way_fails_with_the_connection(transport: Transport) -> None:
    async def main() -> None:
        async with raw_server(b"\x88\x02\x03\xe9") as (url, go):
            heard = Heard()
            await transport.connect(url, heard, TransportOptions(close_timeout_s=0.1))
            ping = asyncio.create_task(heard.connection.ping())
            await asyncio.sleep(0.01)
            go.set()
            with pytest.raises(ConnectionError):
                await ping
            await heard.connection.close()

    run(main())


def test_a_venue_that_does_not_answer_our_close_is_cut_off(transport: Transport) -> None:
    async def main() -> None:
        async with raw_server(b"") as (url, _):
            heard = Heard()
            await transport.connect(url, heard, TransportOptions(close_timeout_s=0.05))
            await heard.connection.close()
            assert heard.losses == []

    run(main())


@pytest.mark.parametrize(
    ("garbage", "reason"),
    [
        (b"\x81\x02\xff\xfe", None),  # text that is not UTF-8: picows delivers it, websockets refuses it
        (b"\x80\x01x", Reason.PROTOCOL_ERROR),  # a continuation of nothing
        (b"\x01\x01a\x81\x01b", Reason.PROTOCOL_ERROR),  # a message inside another
        (b"\xf1\x01x", Reason.PROTOCOL_ERROR),  # reserved bits
        (b"\x83\x01x", Reason.PROTOCOL_ERROR),  # unknown opcode
        (b"\x88\x01x", Reason.PROTOCOL_ERROR),  # a close code of one byte
    ],
)
def test_what_breaks_the_protocol_ends_the_connection(
    transport: Transport, garbage: bytes, reason: Reason | None
) -> None:
    async def main() -> None:
        async with raw_server(garbage) as (url, go):
            heard = Heard()
            await transport.connect(url, heard, TransportOptions(close_timeout_s=0.1))
            go.set()
            if reason is None and transport.name == "picows":
                await heard.until(lambda: heard.frames)
                assert heard.frames == [(b"\xff\xfe", False)]
            else:
                await heard.until(lambda: heard.losses)
                assert [loss.reason for loss in heard.losses] == [Reason.PROTOCOL_ERROR]
            await heard.connection.close()

    run(main())


def test_an_http_refusal_gives_its_status(transport: Transport) -> None:
    async def main() -> None:
        async with serve_script(Script(), status=HTTPStatus.TOO_MANY_REQUESTS) as url:
            with pytest.raises(ConnectFailed) as caught:
                await transport.connect(url, Heard(), TransportOptions())
        assert caught.value.loss == Loss(
            Reason.CONNECT_FAILED, 429, "the server answered HTTP 429 Too Many Requests"
        )

    run(main())


def test_a_server_that_speaks_no_websocket_fails_to_connect(transport: Transport) -> None:
    async def main() -> None:
        async with raw_server(b"", handshake=b"220 mail.example ESMTP\r\n\r\n") as (url, _):
            with pytest.raises(ConnectFailed) as caught:
                await transport.connect(url, Heard(), TransportOptions(close_timeout_s=0.1))
        assert caught.value.loss.reason is Reason.CONNECT_FAILED
        assert "no WebSocket answers there" in caught.value.loss.detail

    run(main())


def test_a_server_that_hangs_up_or_says_nothing_fails_to_connect(transport: Transport) -> None:
    async def main() -> None:
        async with raw_server(b"", handshake=None) as (url, go):
            with pytest.raises(ConnectFailed) as caught:
                await transport.connect(url, Heard(), TransportOptions(open_timeout_s=0.05))
            assert caught.value.loss == Loss(Reason.CONNECT_FAILED, detail="no answer within 0.05 s")
            go.set()
            with pytest.raises(ConnectFailed) as caught:
                await transport.connect(url, Heard(), TransportOptions())
            assert caught.value.loss.reason is Reason.CONNECT_FAILED

    run(main())


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def server_tls(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


async def exchange_over_tls(transport: Transport, server: ssl.SSLContext, tls: ssl.SSLContext | None) -> None:
    async with serve_script(Script([Text(b"hello")]), tls=server) as url:
        heard = Heard()
        await transport.connect(url, heard, TransportOptions(tls=tls))
        await heard.until(lambda: heard.frames)
        await heard.connection.close()


def test_a_certificate_of_the_given_authority_is_trusted(
    transport: Transport, authority: trustme.CA, server_tls: ssl.SSLContext, tmp_path: Path
) -> None:
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    run(exchange_over_tls(transport, server_tls, tls_context(str(file), insecure=False)))


def test_without_checks_any_certificate_will_do(transport: Transport, server_tls: ssl.SSLContext) -> None:
    run(exchange_over_tls(transport, server_tls, tls_context("", insecure=True)))


@pytest.mark.parametrize("secure", [False, True])
def test_others_have_their_turn_while_what_was_read_is_parsed(
    server_tls: ssl.SSLContext, secure: bool
) -> None:
    """Forty kilobytes: a turn has two, or a sixteenth of what waits, when that is more."""
    transport, turns, seen = socket_transport("picows"), [0], Counter[int]()

    class Busy(Heard):
        def on_frame(self, payload: bytes, binary: bool) -> None:
            super().on_frame(payload, binary)
            seen[turns[0]] += 1

    async def others() -> None:
        while True:
            turns[0] += 1
            await asyncio.sleep(0)

    async def main() -> None:
        burst = [Text(b"%0100d" % n) for n in range(400)]
        script = Script(on_message=lambda message: burst)
        options = TransportOptions(close_timeout_s=0.2, tls=tls_context("", insecure=True))
        async with serve_script(script, tls=server_tls if secure else None) as url:
            heard, task = Busy(), asyncio.create_task(others())
            await transport.connect(url, heard, options)
            await heard.connection.send(b"go")
            await heard.until(lambda: len(heard.frames) == len(burst))
            task.cancel()
            await heard.connection.close()
        assert heard.frames == [(step.payload, False) for step in burst]

    run(main())
    assert max(seen.values()) <= 400 // 16 + 1


@pytest.mark.parametrize("secure", [False, True])
def test_a_pause_while_a_message_is_handled_leaves_nothing_unread(
    monkeypatch: pytest.MonkeyPatch, server_tls: ssl.SSLContext, secure: bool
) -> None:
    """One read brings them all, in parts, and nothing comes after it that would wake the reader."""
    transport, sent = socket_transport("picows"), [b"%01000d" % n for n in range(30)]
    monkeypatch.setattr("mm_framework.capture.ws_picows.READ_BYTES", 2048)

    class Pausing(Heard):
        def on_frame(self, payload: bytes, binary: bool) -> None:
            super().on_frame(payload, binary)
            self.connection.pause()
            asyncio.get_running_loop().call_soon(self.connection.resume)

    async def main() -> None:
        burst = b"".join(b"\x81\x7e" + len(payload).to_bytes(2, "big") + payload for payload in sent)
        async with raw_server(burst, tls=server_tls if secure else None) as (url, go):
            heard = Pausing()
            options = TransportOptions(close_timeout_s=0.05, tls=tls_context("", insecure=True))
            await transport.connect(url, heard, options)
            go.set()
            async with asyncio.timeout(100):
                await heard.until(lambda: len(heard.frames) == len(sent))
            await heard.connection.close()
        assert [payload for payload, _ in heard.frames] == sent

    run(main())


def test_what_was_read_and_is_not_parsed_yet_waits() -> None:
    transport, seen = socket_transport("picows"), list[int]()

    class Counting(Heard):
        def on_frame(self, payload: bytes, binary: bool) -> None:
            super().on_frame(payload, binary)
            seen.append(self.connection.waiting)

    async def main() -> None:
        async with raw_server((b"\x81\x64" + b"x" * 100) * 400) as (url, go):
            heard = Counting()
            await transport.connect(url, heard, TransportOptions(close_timeout_s=0.05))
            go.set()
            await heard.until(lambda: len(heard.frames) == 400)
            await heard.connection.close()

    run(main())
    assert max(seen) > 50
    assert seen[-1] == 0
    assert all(waiting < 400 - heard for heard, waiting in enumerate(seen))


def test_a_certificate_that_nobody_trusts_is_a_tls_failure(
    transport: Transport, server_tls: ssl.SSLContext
) -> None:
    with pytest.raises(ConnectFailed) as caught:
        run(exchange_over_tls(transport, server_tls, tls_context("", insecure=False)))
    assert caught.value.loss.reason is Reason.TLS_FAILED
    assert caught.value.loss.detail.startswith("the certificate is not trusted: ")


def test_tls_to_a_server_without_it_is_a_tls_failure(transport: Transport) -> None:
    async def main() -> None:
        async with raw_server(b"", handshake=b"HTTP/1.1 400 Bad Request\r\n\r\n") as (url, _):
            with pytest.raises(ConnectFailed) as caught:
                await transport.connect(url.replace("ws:", "wss:"), Heard(), TransportOptions())
        assert caught.value.loss.reason is Reason.TLS_FAILED

    run(main())


def test_a_transport_that_is_not_installed_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "mm_framework.capture.ws_picows", raising=False)
    monkeypatch.setitem(sys.modules, "picows", None)
    with pytest.raises(ConfigError, match=r"pip install 'mm-framework\[picows\]'"):
        make_transport("picows")


def test_a_file_without_authorities_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    for name in ("empty.pem", "absent.pem"):
        with pytest.raises(ConfigError, match=rf"{name} holds no certificate authorities"):
            tls_context(str(tmp_path / name), insecure=False)


ACCEPT = b"accept"


@contextlib.asynccontextmanager
async def raw_server(
    after: bytes,
    *,
    handshake: bytes | None = ACCEPT,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A server that shakes hands (or answers ``handshake``; None: nothing) and writes ``after`` on ``go``."""
    go = asyncio.Event()
    writers = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            if handshake is None:
                await go.wait()
                writer.transport.abort()
                return
            request = await reader.readuntil(b"\r\n\r\n") if handshake == ACCEPT else await reader.read(1)
            writer.write(_accept(request) if handshake == ACCEPT else handshake)
            await go.wait()
            writer.write(after)

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield f"{'ws' if tls is None else 'wss'}://127.0.0.1:{server.sockets[0].getsockname()[1]}/", go
    finally:
        go.set()
        server.close()
        for writer in writers:
            writer.transport.abort()


def _accept(request: bytes) -> bytes:
    lines = dict(line.split(b": ", 1) for line in request.split(b"\r\n") if b": " in line)
    key = next(value for name, value in lines.items() if name.lower() == b"sec-websocket-key")
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
    )
