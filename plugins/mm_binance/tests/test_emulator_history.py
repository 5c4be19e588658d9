"""The Binance emulator's REST history: the trades that its streams told, and bars of them."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from mm_binance.emulator import BinanceDialect
from mm_binance.markets import COINM, SPOT, USDM, Market
from mm_framework.contracts.emulator import HttpReply
from mm_framework.emulator.actions import SendFrame
from mm_framework.emulator.faults import FaultSpec
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.venue import VenueEmulator

SECOND = 1_000_000_000
WALL = 1_795_000_000 * SECOND
BUSY = MarketSettings(rate=60.0, levels=40, trade_share=0.3)


class Run:
    """A market that ran for some time; ``told`` are the frames of its trade streams."""

    def __init__(
        self,
        market: Market = SPOT,
        symbol: str = "ETHUSDT",
        seconds: float = 90.0,
        settings: MarketSettings = BUSY,
        faults: tuple[FaultSpec, ...] = (),
    ) -> None:
        dialect = BinanceDialect(market)
        self.prefix = {COINM: "/dapi/v1", USDM: "/fapi/v1"}.get(market, "/api/v3")
        self.symbol, self.now_ns = symbol, round(seconds * SECOND)
        self.venue = VenueEmulator(
            dialect, [dialect.listing(symbol)], seed=3, settings=settings, wall_ns=WALL, faults=faults
        )
        connection = self.venue.connect(0, dialect.paths[0])
        streams = [f"{symbol.lower()}@{name}" for name in ("trade", "aggTrade")]
        request = json.dumps({"method": "SUBSCRIBE", "params": streams, "id": 1}).encode()
        self.venue.receive(connection, request, 0)
        self.venue.advance(self.now_ns)
        frames = [json.loads(one.payload) for one in self.venue.drain() if isinstance(one, SendFrame)]
        self.told: dict[str, list[dict[str, Any]]] = {"trade": [], "aggTrade": []}
        for frame in frames:
            if "stream" in frame:
                self.told[frame["data"]["e"]].append(frame["data"])

    def http(self, path: str, **query: object) -> HttpReply:
        asked = {"symbol": self.symbol, **{name: str(value) for name, value in query.items()}}
        return self.venue.http("GET", f"{self.prefix}/{path}", asked, self.now_ns)

    def get(self, path: str, **query: object) -> list[Any]:
        reply = self.http(path, **query)
        assert reply.status == 200, reply.body
        rows = json.loads(reply.body)
        assert isinstance(rows, list)
        return rows


@pytest.fixture(scope="module")
def spot() -> Run:
    return Run()


def by_id(run: Run, path: str, key: str, first: int, limit: int) -> list[dict[str, Any]]:
    """All pages from an id on."""
    rows: list[dict[str, Any]] = []
    while page := run.get(path, fromId=first, limit=limit):
        assert len(page) <= limit
        rows += page
        first = page[-1][key] + 1
    return rows


def test_pages_of_old_trades_are_the_trades_that_the_stream_told(spot: Run) -> None:
    told = spot.told["trade"]
    assert len(told) > 1000, "more than one page"
    rows = by_id(spot, "historicalTrades", "id", told[0]["t"], 300)
    assert [(row["id"], row["price"], row["qty"], row["time"], row["isBuyerMaker"]) for row in rows] == [
        (one["t"], one["p"], one["q"], one["T"], one["m"]) for one in told
    ]
    assert spot.get("trades", limit=400) == rows[-400:] == spot.get("historicalTrades", limit=400)
    assert len(spot.get("trades")) == 500
    assert len(spot.get("trades", limit=5000)) == 1000
    for row in rows:
        assert Decimal(row["quoteQty"]) == Decimal(row["price"]) * Decimal(row["qty"])
        assert len(row["quoteQty"].partition(".")[2]) == 8


@pytest.mark.parametrize(("market", "symbol"), [(SPOT, "ETHUSDT"), (USDM, "BTCUSDT"), (COINM, "BTCUSD_PERP")])
def test_pages_of_aggregated_trades_are_those_that_the_stream_told(market: Market, symbol: str) -> None:
    run = Run(market, symbol)
    keys = ("a", "p", "q", "f", "l", "T", "m")
    told = [{key: one[key] for key in keys} for one in run.told["aggTrade"]]
    rows = by_id(run, "aggTrades", "a", told[0]["a"], 250)
    assert [{key: row[key] for key in keys} for row in rows] == told
    assert len(told) > 500
    assert {tuple(row) for row in rows} == {keys if market.futures else (*keys, "M")}


def test_aggregated_trades_between_two_times_include_both(spot: Run) -> None:
    told = spot.told["aggTrade"]
    first, last = told[20]["T"], told[60]["T"]
    between = [one["a"] for one in told if first <= one["T"] <= last]
    assert [row["a"] for row in spot.get("aggTrades", startTime=first, endTime=last)] == between
    assert [row["a"] for row in spot.get("aggTrades", startTime=first, endTime=last, limit=5)] == between[:5]
    assert [row["a"] for row in spot.get("aggTrades", endTime=last, limit=5)] == between[-5:]
    assert [row["a"] for row in spot.get("aggTrades", limit=5)] == [one["a"] for one in told[-5:]]
    assert spot.get("aggTrades", startTime=told[-1]["T"] + 1) == []


def bars(trades: list[dict[str, Any]], length_ms: int) -> dict[int, tuple[Any, ...]]:
    """Open, high, low, close, volume, quote, trades, bought, bought quote of REST trades by begin."""
    grouped: dict[int, list[dict[str, Any]]] = {}
    for row in trades:
        grouped.setdefault(row["time"] - row["time"] % length_ms, []).append(row)
    made = {}
    for begin, rows in grouped.items():
        prices = [Decimal(row["price"]) for row in rows]
        sums = [
            [sum(Decimal(row[key]) for row in chosen) for key in ("qty", "quoteQty")]
            for chosen in (rows, [row for row in rows if not row["isBuyerMaker"]])
        ]
        made[begin] = (prices[0], max(prices), min(prices), prices[-1], *sums[0], len(rows), *sums[1])
    return made


@pytest.mark.parametrize(("interval", "length_ms"), [("1s", 1000), ("1m", 60_000), ("1h", 3_600_000)])
def test_bars_are_those_of_the_trades(spot: Run, interval: str, length_ms: int) -> None:
    expected = bars(by_id(spot, "historicalTrades", "id", 0, 1000), length_ms)
    rows = spot.get("klines", interval=interval, limit=1000)
    assert all(after[0] == before[0] + length_ms == before[6] + 1 for before, after in pairwise(rows))
    assert rows[-1][0] <= (WALL + spot.now_ns) // 1_000_000 <= rows[-1][6], "the last one is running"
    for row in rows:
        *found, count = (*map(Decimal, row[1:6]), Decimal(row[7]), Decimal(row[9]), Decimal(row[10]), row[8])
        if row[0] in expected:
            *prices, trades, bought, quote = expected.pop(row[0])
            assert [*found, count] == [*prices, bought, quote, trades]
        else:
            assert (row[1], row[2], row[3], row[8], found[4]) == (row[4], row[4], row[4], 0, 0), "flat"
        assert row[11] == "0"
    assert not expected


def test_bars_of_coin_m_count_contracts_and_their_worth_in_the_base() -> None:
    run = Run(COINM, "BTCUSD_PERP")
    expected: dict[int, list[Decimal]] = {}
    for row in by_id(run, "historicalTrades", "id", 0, 500):
        assert "quoteQty" not in row
        worth = Decimal(100) * Decimal(row["qty"]) / Decimal(row["price"])
        assert 0 <= worth - Decimal(row["baseQty"]) < Decimal("1e-8")
        sums = expected.setdefault(row["time"] - row["time"] % 60_000, [Decimal(0)] * 4)
        for place, value in enumerate((row["qty"], row["baseQty"])):
            sums[place] += Decimal(value)
            sums[place + 2] += 0 if row["isBuyerMaker"] else Decimal(value)
    rows = run.get("klines", interval="1m", limit=1500)
    found = {row[0]: [Decimal(row[place]) for place in (5, 7, 9, 10)] for row in rows if row[8]}
    assert found == expected


def test_pages_of_bars_join_without_gap_or_double(spot: Run) -> None:
    whole = spot.get("klines", interval="1s", limit=1000)
    pages: list[Any] = []
    start = whole[0][0]
    while page := spot.get("klines", interval="1s", startTime=start, limit=37):
        pages += page
        start = page[-1][0] + 1
    assert pages == whole
    assert spot.get("klines", interval="1s", endTime=whole[50][0], limit=3) == whole[48:51]
    assert spot.get("klines", interval="1s", startTime=whole[5][0], endTime=whole[7][6]) == whole[5:8]


def test_a_bar_is_written_as_documented(spot: Run) -> None:
    (row,) = spot.get("klines", interval="1m", limit=1)
    assert [type(value).__name__ for value in row] == ["int", *["str"] * 5, "int", "str", "int", *["str"] * 3]
    assert {len(row[place].partition(".")[2]) for place in (1, 2, 3, 4, 5, 7, 9, 10)} == {8}


@pytest.mark.parametrize(
    ("market", "path", "query", "code"),
    [
        (SPOT, "klines", {}, -1102),
        (SPOT, "klines", {"interval": "1q"}, -1120),
        (SPOT, "klines", {"interval": "1M", "startTime": "soon"}, -1100),
        (SPOT, "klines", {"interval": "1m", "symbol": "NOBODY"}, -1121),
        (USDM, "klines", {"interval": "1s"}, -1120),
        (SPOT, "aggTrades", {"fromId": 1, "startTime": 1}, -1128),
        (SPOT, "aggTrades", {"fromId": -1}, -1100),
        (USDM, "aggTrades", {"startTime": 0, "endTime": 3_600_000}, -1127),
        (SPOT, "historicalTrades", {"limit": 0}, -1100),
    ],
)
def test_wrong_requests_have_the_documented_codes(
    market: Market, path: str, query: dict[str, Any], code: int
) -> None:
    run = Run(market, "BTCUSDT", seconds=1)
    reply = run.http(path, **query)
    assert (reply.status, json.loads(reply.body)["code"]) == (400, code)


@pytest.mark.parametrize(
    ("market", "path", "query", "weight"),
    [
        (SPOT, "klines", {"interval": "1m", "limit": 1000}, 2),
        (SPOT, "aggTrades", {}, 4),
        (SPOT, "trades", {}, 25),
        (SPOT, "historicalTrades", {}, 25),
        (USDM, "klines", {"interval": "1m", "limit": 99}, 1),
        (USDM, "klines", {"interval": "1m", "limit": 499}, 2),
        (USDM, "klines", {"interval": "1m"}, 5),
        (USDM, "klines", {"interval": "1m", "limit": 1500}, 10),
        (USDM, "aggTrades", {}, 20),
        (USDM, "trades", {}, 5),
        (USDM, "historicalTrades", {}, 20),
    ],
)
def test_weights_are_counted(market: Market, path: str, query: dict[str, Any], weight: int) -> None:
    run = Run(market, "BTCUSDT", seconds=1)
    reply = run.http(path, **query)
    assert reply.status == 200
    assert dict(reply.headers)["X-MBX-USED-WEIGHT-1M"] == str(weight)


@pytest.mark.parametrize(("market", "symbol"), [(USDM, "BTCUSDT"), (COINM, "BTCUSD_PERP")])
def test_the_limit_of_futures_bars_is_1500(market: Market, symbol: str) -> None:
    still = MarketSettings(rate=0.0, levels=40)
    run = Run(market, symbol, seconds=2000 * 60, settings=still)
    assert len(run.get("klines", interval="1m", limit=9999)) == 1500


@pytest.mark.parametrize("name", ["429", "418", "5xx"])
def test_faults_strike_history_as_other_requests(name: str) -> None:
    run = Run(seconds=1, faults=(FaultSpec(name, 1.0),))
    reply = run.http("klines", interval="1m")
    assert reply.status == (503 if name == "5xx" else int(name))
    assert ("Retry-After" in dict(reply.headers)) == (name != "5xx")
