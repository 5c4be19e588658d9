"""The metrics stream over sockets: figures against the standard library, one a second, refusals."""

from __future__ import annotations

import contextlib
import itertools
import json
import math
import socket
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from asking import Asking
from serving import running
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from mm_framework.serve import server, stream
from mm_framework.serve.bars import MINUTE_MS
from mm_framework.serve.hub import Hub
from mm_framework.serve.serving import Serving
from mm_framework.serve.settings import ServeSettings
from mm_framework.serve.stream import count_of

pytestmark = pytest.mark.timeout(300)

T0 = 1_795_000_020_000 // MINUTE_MS * MINUTE_MS
ONE = [100.0, 101.0, 100.5, 102.0, 101.0, 103.5]
OTHER = [50.0, 50.4, 50.3, 51.1, 50.2, 51.9]


def serving_of(folder: Path, **settings: Any) -> Serving:
    """Two instruments that were heard for six minutes; the third one is known and never traded."""
    hub = Hub(ServeSettings(**settings))
    for symbol, prices in (("A/B", ONE), ("C/D", OTHER), ("E/F", [])):
        market = hub.market(f"toy:{symbol}", symbol.replace("/", ""))
        for minute, price in enumerate(prices):
            market.bars.add(T0 + minute * MINUTE_MS, round(price * 10), 1, (1, 0))
        market._ts_ms = T0 + 5 * MINUTE_MS + 17
    return Serving(hub, folder, str(folder / "store"))


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(serving_of(tmp_path_factory.mktemp("stream")), ["stream", "exposition"]) as told:
        yield told


def url(address: str, **query: str) -> str:
    asked = {
        "exchange": "toy",
        "symbols": "A/B,C/D",
        "interval": "1m",
        "window": "5m",
        "metric": "correlation",
    }
    return f"ws://{address}/metrics?{urlencode(asked | query)}"


def logs(prices: list[float]) -> list[float]:
    return [math.log(later / earlier) for earlier, later in itertools.pairwise(prices)]


def test_a_correlation_is_that_of_the_returns(address: str) -> None:
    with connect(url(address)) as socket:
        first, second = (json.loads(socket.recv(timeout=240)) for _ in range(2))
    assert first == second, "the market stood still"
    data = first["data"]
    assert (first["type"], first["exchange"], first["symbol"]) == ("correlation", "toy", "A/B,C/D")
    assert first["ts_ms"] == T0 + 5 * MINUTE_MS + 17
    assert data["value"] == pytest.approx(statistics.correlation(logs(ONE), logs(OTHER)))
    assert (data["points"], data["of"], data["annualized"]) == (5, 5, None)
    assert (data["from_ms"], data["to_ms"]) == (T0, T0 + 6 * MINUTE_MS)


def test_a_volatility_is_the_deviation_of_the_returns(address: str) -> None:
    with connect(url(address, symbols="AB", metric="volatility", window="1h")) as socket:
        data = json.loads(socket.recv(timeout=240))["data"]
    told = statistics.stdev(logs(ONE))
    assert data["value"] == pytest.approx(told)
    assert data["annualized"] == pytest.approx(told * math.sqrt(365 * 24 * 60))
    assert (data["points"], data["of"]) == (5, 60), (
        "the venue's name is as good as ours; what is missing is told"
    )


def test_a_price_that_comes_changes_the_next_figure(tmp_path: Path) -> None:
    serving = serving_of(tmp_path)
    with (
        running(serving, ["stream"]) as address,
        connect(url(address, symbols="A/B", metric="volatility")) as socket,
    ):
        before = json.loads(socket.recv(timeout=240))["data"]["value"]
        market = serving.hub.view("toy", "A/B")
        assert market is not None
        market.bars.add(T0 + 5 * MINUTE_MS + 30_000, 2000, 1, (1, 0))
        while (after := json.loads(socket.recv(timeout=240))["data"]["value"]) == before:
            continue
    assert after == pytest.approx(statistics.stdev(logs([*ONE[:-1], 200.0])))


def test_an_instrument_that_never_traded_has_no_figure(address: str) -> None:
    with connect(url(address, symbols="A/B,E/F")) as socket:
        data = json.loads(socket.recv(timeout=240))["data"]
    assert (data["value"], data["points"]) == (None, 0)


def test_clients_that_go_are_counted_and_forgotten(address: str) -> None:
    for _ in range(2):
        with connect(url(address, window="3m")) as socket:
            socket.recv(timeout=240)
    with contextlib.closing(Asking(address)) as ask:
        while b'mm_serve_closed_total{reason="client"}' not in ask("/metrics/prometheus").body:
            continue
        while b"mm_serve_clients 0.0" not in ask("/metrics/prometheus").body:
            continue


def test_a_client_that_reads_nothing_is_told_that_it_is_too_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "EVERY_S", 0.0)
    monkeypatch.setattr(server, "SEND_BUFFER", 1 << 13)
    serving = serving_of(tmp_path, ping_timeout_s=0.5, ping_interval_s=600.0, close_timeout_s=60.0)
    with running(serving, ["stream"]) as address, socket.socket() as stuck:
        stuck.settimeout(240)
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 13)
        host, port = address.split(":")
        stuck.connect((host, int(port)))
        stuck.sendall(handshake(url(address), address))
        with connect(url(address)) as other:
            while not serving.counters.closed["slow"]:
                other.recv(timeout=240)
        data = bytearray()
        while (at := data.rfind(b"\x88")) < 0 or b"too slow" not in data[at:]:
            chunk = stuck.recv(1 << 16)
            assert chunk, "it goes without a close frame"
            data += chunk
    assert int.from_bytes(data[at + 2 :][:2], "big") == 1008
    assert serving.counters.closed["slow"] == 1


def handshake(url: str, address: str) -> bytes:
    path = url.partition(address)[2]
    return (
        f"GET {path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"symbols": "A/B"}, 400, "symbols"),
        ({"symbols": "A/B,A/B"}, 400, "symbols"),
        ({"symbols": "A/B,C/D,E/F"}, 400, "symbols"),
        ({"metric": "volatility"}, 400, "symbols"),
        ({"metric": "beta"}, 400, "parameter"),
        ({"interval": "1s"}, 400, "parameter"),
        ({"window": "1m"}, 400, "window"),
        ({"window": "32d"}, 400, "window"),
        ({"window": "90m", "interval": "1h"}, 400, "window"),
        ({"window": "-5m"}, 400, "window"),
        ({"window": "٣d"}, 400, "window"),
        ({"symbols": "A/B,../.."}, 404, "unknown_instrument"),
        ({"exchange": "none"}, 404, "unknown_instrument"),
        ({"more": "1"}, 400, "parameter"),
    ],
)
def test_a_question_is_checked_before_it_is_answered(
    address: str, query: dict[str, str], status: int, code: str
) -> None:
    with pytest.raises(InvalidStatus) as refused, connect(url(address, **query)):
        pass
    response = refused.value.response
    assert (response.status_code, json.loads(response.body)["error"]["code"]) == (status, code)


def test_windows_are_bounded() -> None:
    assert count_of("30d", MINUTE_MS) == 43_200, "that of the guide"
    assert count_of("31d", MINUTE_MS) == 44_640
    assert count_of("2d", 86_400_000) == 2
    assert not isinstance(count_of("999999m", 86_400_000), int)
