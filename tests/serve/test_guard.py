"""The guard: who is let in, and what those hear who are not. Pure checks, then real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import random
import socket
import ssl
from pathlib import Path
from typing import Any

import attrs
import pytest
import trustme
import websockets
from serving import running

from mm_framework.errors import ConfigError, EnvironmentFailed
from mm_framework.serve.guard import Access, is_loopback, read_token
from mm_framework.serve.hub import Hub
from mm_framework.serve.server import tls_of
from mm_framework.serve.serving import Serving
from mm_framework.serve.settings import ServeSettings

TOKEN = "0123456789abcdef"
URL = "/ws?exchange=kraken&symbol=BTC/EUR"


def scope(path: str = "/ws", scheme: str = "http", **headers: str) -> dict[str, Any]:
    told = {"host": "127.0.0.1:8080", **headers}
    pairs = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in told.items()]
    return {"type": "http", "path": path, "scheme": scheme, "headers": pairs}


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("localhost", True),
        ("localhost:8080", True),
        ("192.168.1.7:8080", True),
        ("[::1]:8080", True),
        ("relay:8765", True),
        ("attacker.example", False),
        ("localhost.attacker.example:8080", False),
        ("", False),
        ("[", False),
        ("localhost, attacker.example", False),
    ],
)
def test_a_name_that_somebody_else_points_here_is_refused(host: str, good: bool) -> None:
    refusal = Access(ServeSettings(hosts=("relay",))).check(scope(host=host))
    assert (refusal is None) is good
    assert good or (refusal is not None and (refusal.status, refusal.code) == (403, "host"))


@pytest.mark.parametrize(
    ("origin", "good"),
    [
        ("http://127.0.0.1:8080", True),
        ("https://desk.example", True),
        ("https://127.0.0.1:8080", False),
        ("http://127.0.0.1:9090", False),
        ("http://127.0.0.1", False),
        ("https://desk.example.attacker.example", False),
        ("null", False),
        ("", False),
    ],
)
def test_pages_of_others_are_refused(origin: str, good: bool) -> None:
    access = Access(ServeSettings(origins=("https://desk.example",)))
    for scheme in ("http", "ws"):
        refusal = access.check(scope(scheme=scheme, origin=origin))
        assert (refusal is None) is good


@pytest.mark.parametrize(
    ("headers", "good"),
    [
        ({"authorization": f"Bearer {TOKEN}"}, True),
        ({"authorization": f"bearer {TOKEN} "}, True),
        ({"sec_websocket_protocol": f"mm.relay, bearer.{TOKEN}"}, True),
        ({}, False),
        ({"authorization": "Bearer "}, False),
        ({"authorization": TOKEN}, False),
        ({"authorization": f"Basic {TOKEN}"}, False),
        ({"authorization": f"Bearer {TOKEN}0"}, False),
        ({"authorization": "Bearer \xff\xfe"}, False),
        ({"sec_websocket_protocol": TOKEN}, False),
    ],
)
def test_a_token_is_asked_for_where_there_is_one(headers: dict[str, str], good: bool) -> None:
    access = Access(ServeSettings(), TOKEN)
    refusal = access.check(scope(**headers))
    assert (refusal is None) is good
    assert good or (refusal is not None and (refusal.status, refusal.code) == (401, "token"))
    assert refusal is None or TOKEN not in json.dumps(refusal.to_json())
    for path in ("/", "/healthz", "/readyz", "/static/page.js"):
        assert access.check(scope(path, **headers)) is None


@pytest.mark.parametrize("length", ["16385", "1" * 30, "-1", "x", "1, 2"])
def test_bodies_that_are_large_or_of_unknown_size_are_refused(length: str) -> None:
    refusal = Access(ServeSettings()).check(scope(content_length=length))
    assert refusal is not None
    assert refusal.status == 413
    chunked = Access(ServeSettings()).check(scope(transfer_encoding="chunked"))
    assert chunked is not None
    assert chunked.status == 413


def test_other_addresses_need_a_token_or_a_word(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"others can reach 0\.0\.0\.0"):
        read_token(ServeSettings(host="0.0.0.0"))
    assert read_token(ServeSettings(host="0.0.0.0", open_to_all=True)) is None
    assert read_token(ServeSettings(host="::1")) is None
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    settings = ServeSettings(host="0.0.0.0", token_file=str(file))
    assert read_token(settings) == TOKEN
    for unusable in ("short", TOKEN + "=", "two words of a token", TOKEN + "/", "\u00fc" * 20):
        file.write_text(unusable, "utf-8")
        with pytest.raises(ConfigError, match="16 or more"):
            read_token(settings)
    with pytest.raises(EnvironmentFailed, match="cannot read the token"):
        read_token(attrs.evolve(settings, token_file=str(tmp_path / "none")))
    assert [is_loopback(host) for host in ("127.0.0.9", "localhost", "10.0.0.1", "example.com")] == [
        True,
        True,
        False,
        False,
    ]


# over sockets


def serving(path: Path, token: str | None = None, **settings: Any) -> Serving:
    hub = Hub(ServeSettings(**settings))
    hub.market("kraken:BTC/EUR", "BTC/EUR")
    return Serving(hub, path, str(path / "store"), access=Access(hub.settings, token))


async def opened(address: str, scheme: str = "ws", **options: Any) -> int | str:
    """What comes of a connection: the status that refused it, or its first message's type."""
    try:
        async with websockets.connect(f"{scheme}://{address}{URL}", compression=None, **options) as socket:
            return str(json.loads(await socket.recv())["type"])
    except websockets.InvalidStatus as error:
        return error.response.status_code


def test_refusals_before_a_websocket_is_accepted_are_counted(tmp_path: Path) -> None:
    one = serving(tmp_path, TOKEN)
    good = {"authorization": f"Bearer {TOKEN}"}
    with running(one) as address:
        host, port = address.split(":")

        async def ask() -> list[int | str]:
            return [
                await opened(address),
                await opened(address, additional_headers={"authorization": "Bearer no"}),
                await opened("attacker.example", additional_headers=good, host=host, port=int(port)),
                await opened(address, additional_headers=good, origin="https://attacker.example"),
                await opened(address, additional_headers=good),
                await opened(address, subprotocols=["mm.relay", f"bearer.{TOKEN}"]),
                await opened(address, additional_headers=good, origin=f"http://{address}"),
            ]

        assert asyncio.run(ask()) == [401, 401, 403, 403, "status", "status", "status"]
    assert one.counters.refused == {"token": 2, "host": 1, "origin": 1}


def test_the_token_is_never_the_subprotocol_that_is_taken(tmp_path: Path) -> None:
    with running(serving(tmp_path, TOKEN)) as address:

        async def ask() -> str | None:
            async with websockets.connect(
                f"ws://{address}{URL}", subprotocols=["mm.relay", f"bearer.{TOKEN}"]
            ) as socket:
                return socket.subprotocol

        assert asyncio.run(ask()) == "mm.relay"


def test_too_many_clients_of_one_address_and_of_all(tmp_path: Path) -> None:
    one = serving(tmp_path, max_clients=3, max_per_address=2)
    with running(one) as address:

        async def ask() -> list[int | str]:
            url = f"ws://{address}{URL}"
            async with websockets.connect(url), websockets.connect(url):
                refused = await opened(address)
                one.counters.clients += 1  # of another address
                return [refused, await opened(address)]

        assert asyncio.run(ask()) == [429, 503]
    assert one.counters.refused == {"address": 1, "clients": 1}


def test_a_client_that_says_too_much_is_closed_with_1009(tmp_path: Path) -> None:
    with running(serving(tmp_path)) as address:

        async def ask() -> int | None:
            async with websockets.connect(f"ws://{address}{URL}") as socket:
                await socket.send("x" * 1000)
                await socket.send("x" * 20_000)
                await socket.wait_closed()
                return socket.close_code

        assert asyncio.run(ask()) == 1009


def handshake(address: str) -> bytes:
    """The request of a client that speaks for itself."""
    return (
        f"GET {URL} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\n\r\n"
    ).encode()


def test_a_client_that_stops_reading_is_closed_with_1008_and_the_others_hear_on(tmp_path: Path) -> None:
    one = serving(tmp_path, queue_kib=64)
    market = one.hub.view("kraken", "BTC/EUR")
    assert market is not None

    class Talk:
        """A source that talks until a client was closed."""

        async def run(self) -> None:
            while not one.counters.closed["slow"]:
                if one.counters.clients == 2:
                    one.hub.say(market, market.status_told("x" * 4000, 1))
                    one.hub.flush()
                await asyncio.sleep(0.001)

        def to_json(self) -> dict[str, Any]:
            return {}

    async def ask(address: str) -> tuple[int | None, int]:
        url = f"ws://{address}{URL}"
        async with websockets.connect(url, compression=None) as quick:
            stuck = socket.create_connection(tuple(address.split(":")))  # type: ignore[arg-type]
            stuck.setblocking(False)
            stuck.sendall(handshake(address))
            async with asyncio.timeout(240):
                while not one.counters.closed["slow"]:
                    await quick.recv()
            data = bytearray()
            stuck.setblocking(True)
            stuck.settimeout(240)
            while chunk := await asyncio.to_thread(stuck.recv, 1 << 16):
                data += chunk
            stuck.close()
            return quick.close_code, int.from_bytes(data[data.rindex(b"\x88") + 2 :][:2], "big")

    with running(attrs.evolve(one, sources=[Talk()])) as address:
        assert asyncio.run(ask(address)) == (None, 1008)
    assert one.counters.closed["slow"] == 1


def test_a_request_that_is_never_finished_is_cut(tmp_path: Path) -> None:
    one = serving(tmp_path, open_timeout_s=0.2)
    with running(one) as address:
        host, port = address.split(":")
        with socket.create_connection((host, int(port)), timeout=240) as slow:
            slow.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            with contextlib.suppress(ConnectionResetError):
                assert slow.recv(100) == b""
    assert one.counters.refused["open_timeout"] == 1


def answered(sock: socket.socket) -> bool:
    """Whether a whole request is answered, and not cut on a machine that is too slow for its limit."""
    answer = b""
    with contextlib.suppress(OSError):
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while not answer.endswith(b"}"):
            some = sock.recv(4096)
            if not some:
                break
            answer += some
    return answer.endswith(b"}")


def test_a_later_request_that_is_never_finished_is_cut(tmp_path: Path) -> None:
    for limit_s in (0.5, 4.0, 32.0):
        one = serving(tmp_path, open_timeout_s=limit_s)
        with running(one) as address:
            host, port = address.split(":")
            with socket.create_connection((host, int(port)), timeout=240) as slow:
                if not (answered(slow) and answered(slow)):
                    continue
                with contextlib.suppress(ConnectionError):
                    slow.sendall(b"GET /healthz HTTP/1.1\r\nX-Slow: ")
                    while slow.recv(4096):
                        pass
        assert one.counters.refused["open_timeout"] == 1
        return
    pytest.fail("no two requests were answered in time")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificate(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "server.pem"
    authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(path))
    return path


def test_tls_with_an_own_certificate(authority: trustme.CA, certificate: Path, tmp_path: Path) -> None:
    one = serving(tmp_path)
    context = ssl.create_default_context()
    authority.configure_trust(context)
    tls = tls_of(ServeSettings(certificate=str(certificate)))
    assert tls is not None
    assert tls_of(ServeSettings()) is None
    with running(one, tls=tls) as address:
        assert asyncio.run(opened(address, "wss", ssl=context)) == "status"
        host, port = address.split(":")
        connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=240)
        connection.request("GET", "/nope", headers={"origin": f"https://{address}"})
        assert connection.getresponse().status == 404
        connection.close()


def test_a_certificate_that_cannot_be_used_is_told(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailed, match="cannot use the certificate"):
        tls_of(ServeSettings(certificate=str(tmp_path / "none.pem")))


def frame(draw: random.Random) -> bytes:
    """Valid, half valid or noise."""
    size = draw.choice([0, 1, 5, 125, 126, 2000, 17_000])
    first = draw.choice([0x81, 0x82, 0x80, 0x01, 0x88, 0x89, 0x8A, 0xC1, 0xF3, draw.randrange(256)])
    masked = draw.choice([0x80, 0x80, 0x80, 0])
    if size < 126:
        length = bytes([masked | size])
    elif draw.random() < 0.9:
        length = bytes([masked | 126]) + size.to_bytes(2, "big")
    else:
        length = bytes([masked | 127]) + draw.randbytes(8)
    return bytes([first]) + length + (bytes(4) if masked else b"") + draw.randbytes(size)


def test_any_frames_end_in_a_close_code_and_touch_nothing(tmp_path: Path, caplog: Any) -> None:
    one = serving(tmp_path / "data")
    draw = random.Random(1)

    with running(one) as address:
        host, port = address.split(":")
        for _ in range(100):
            with socket.create_connection((host, int(port)), timeout=240) as client:
                client.sendall(handshake(address))
                assert client.recv(4096).startswith(b"HTTP/1.1 101")
                with contextlib.suppress(OSError):  # the server closes it meanwhile
                    for _ in range(20):
                        client.sendall(frame(draw))
                    client.shutdown(socket.SHUT_WR)
                    while client.recv(1 << 16):
                        pass
        assert asyncio.run(opened(address)) == "status"
    assert not [one for one in caplog.records if one.exc_info]
    assert not (tmp_path / "data").exists()
