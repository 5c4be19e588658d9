"""The Bitfinex emulator's REST history: the trades that its channel told, and candles of them."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from mm_bitfinex.emulator import BitfinexDialect
from mm_framework.contracts.emulator import HttpReply
from mm_framework.emulator.actions import SendFrame
from mm_framework.emulator.faults import FaultSpec
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.venue import VenueEmulator

SECOND = 1_000_000_000
WALL = 1_795_000_000 * SECOND
SYMBOL = "tBTCUSD"


class Run:
    """A market that ran for some time; ``told`` are the rows of its ``te`` frames, numbers as Decimal."""

    def __init__(self, seconds: float = 150.0, faults: tuple[FaultSpec, ...] = ()) -> None:
        dialect = BitfinexDialect()
        settings = MarketSettings(rate=40.0, levels=40, trade_share=0.3)
        self.now_ns = round(seconds * SECOND)
        self.venue = VenueEmulator(
            dialect, [dialect.listing(SYMBOL)], seed=5, settings=settings, wall_ns=WALL, faults=faults
        )
        connection = self.venue.connect(0, "/ws/2")
        request = {"event": "subscribe", "channel": "trades", "symbol": SYMBOL}
        self.venue.receive(connection, json.dumps(request).encode(), 0)
        self.venue.advance(self.now_ns)
        frames = [decoded(one.payload) for one in self.venue.drain() if isinstance(one, SendFrame)]
        self.told = [frame[2] for frame in frames if isinstance(frame, list) and frame[1] == "te"]

    def http(self, path: str, **query: object) -> HttpReply:
        asked = {name: str(value) for name, value in query.items()}
        return self.venue.http("GET", f"/v2/{path}", asked, self.now_ns)

    def get(self, path: str, **query: object) -> list[Any]:
        """The answer; every request is 5 s after the one before, which no budget forbids."""
        reply = self.http(path, **query)
        self.now_ns += 5 * SECOND
        assert reply.status == 200, reply.body
        rows = decoded(reply.body)
        assert isinstance(rows, list)
        return rows


def decoded(body: bytes) -> Any:
    return json.loads(body, parse_float=Decimal)


@pytest.fixture
def run() -> Run:
    return Run()


def paged(run: Run, path: str, limit: int, **query: int) -> list[list[Any]]:
    """All pages, oldest first: each goes on from the last stamp, known rows are dropped."""
    rows: list[list[Any]] = []
    place = 1 if path.startswith("trades") else 0
    while True:
        page = run.get(path, sort=1, limit=limit, **query)
        assert len(page) <= limit
        new = [row for row in page if row not in rows]
        if not new:
            return rows
        rows += new
        query["start"] = page[-1][place]


def test_pages_of_trades_are_the_trades_that_the_channel_told(run: Run) -> None:
    end = run.told[-1][1]
    rows = paged(run, f"trades/{SYMBOL}/hist", 200, start=run.told[0][1], end=end)
    assert len(run.told) > 500, "several pages"
    assert [row for row in rows if row[0] <= run.told[-1][0]] == run.told
    newest = run.get(f"trades/{SYMBOL}/hist", end=end, start=run.told[0][1], limit=10_000)
    assert newest == rows[::-1]
    assert run.get(f"trades/{SYMBOL}/hist", end=end) == newest[:125], "the usual limit"


@pytest.mark.parametrize(("length", "length_ms"), [("1m", 60_000), ("5m", 300_000), ("1D", 86_400_000)])
def test_candles_are_those_of_the_trades_and_those_without_are_missing(
    run: Run, length: str, length_ms: int
) -> None:
    end = (WALL + run.now_ns) // 1_000_000
    grouped: dict[int, list[list[Any]]] = {}
    for row in run.get(f"trades/{SYMBOL}/hist", sort=1, limit=10_000, end=end):
        grouped.setdefault(row[1] - row[1] % length_ms, []).append(row)
    expected = []
    for begin, trades in grouped.items():
        prices = [row[3] for row in trades]
        volume = sum(abs(row[2]) for row in trades)
        expected.append([begin, prices[0], prices[-1], max(prices), min(prices), volume])
    found = run.get(f"candles/trade:{length}:{SYMBOL}/hist")
    assert found[::-1][: len(expected) - 1] == expected[:-1]
    assert [row[0] for row in found] == sorted((row[0] for row in found), reverse=True)


def test_pages_of_candles_join_and_last_is_the_newest(run: Run) -> None:
    run.now_ns += 600 * SECOND
    path = f"candles/trade:1m:{SYMBOL}"
    end = (WALL + run.now_ns) // 1_000_000 - 60_000
    whole = run.get(f"{path}/hist", sort=1, end=end)
    assert len(whole) > 8
    assert paged(run, f"{path}/hist", 3, end=end) == whole
    assert run.get(f"{path}/hist", end=end, limit=4) == whole[::-1][:4]
    newest = run.http(f"{path}/last"), run.http(f"{path}/hist", limit=1)
    assert [decoded(newest[0].body)] == decoded(newest[1].body)


@pytest.mark.parametrize(
    ("path", "query", "text"),
    [
        ("candles/trade:2m:tBTCUSD/hist", {}, "time_interval: invalid"),
        ("candles/trade:1m:tNONE/hist", {}, "symbol: invalid"),
        ("candles/trade:1m/hist", {}, "symbol: invalid"),
        ("candles/trade:1m:tBTCUSD/hist", {"limit": 10_001}, "limit: invalid"),
        ("candles/trade:1m:tBTCUSD/hist", {"start": "now"}, "params: invalid"),
        ("trades/tBTCUSD/hist", {"limit": 10_001}, "limit: invalid"),
    ],
)
def test_wrong_requests_get_an_array_with_a_code(path: str, query: dict[str, Any], text: str) -> None:
    reply = Run(1).http(path, **query)
    assert (reply.status, decoded(reply.body)) == (500, ["error", 10020, text])


@pytest.mark.parametrize(
    ("path", "per_minute"), [("trades/tBTCUSD/hist", 15), ("candles/trade:1m:tBTCUSD/hist", 30)]
)
def test_an_endpoint_that_is_asked_too_often_is_blocked_for_a_minute(path: str, per_minute: int) -> None:
    run = Run(1)
    assert [run.http(path).status for _ in range(per_minute + 1)] == [200] * per_minute + [429]
    run.now_ns += 61 * SECOND
    assert run.http(path).status == 200


@pytest.mark.parametrize(("name", "status"), [("429", 429), ("418", 429), ("5xx", 500)])
def test_faults_strike_history_as_other_requests(name: str, status: int) -> None:
    assert Run(1, (FaultSpec(name, 1.0),)).http("candles/trade:1m:tBTCUSD/hist").status == status
