"""The Binance emulator says what Binance says: recorded frames and documented rules beside its own."""

from __future__ import annotations

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mm_binance.emulator import BinanceDialect
from mm_binance.emulator_settings import BinanceEmulatorSettings
from mm_binance.markets import COINM, MARKETS, SPOT, TR, US, USDM, Market
from mm_framework.contracts.emulator import Dialect, FrameKind
from mm_framework.emulator.actions import SendFrame
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.errors import ConfigError

SECOND = 1_000_000_000
WALL = 1_795_000_000 * SECOND


class Client:
    """One connection of an emulated market; frames decoded."""

    def __init__(
        self,
        *symbols: str,
        market: Market = SPOT,
        seed: int = 7,
        rest: BinanceEmulatorSettings | None = None,
        **settings: Any,
    ) -> None:
        dialect = BinanceDialect(market, rest)
        self.market, self.now_ns = market, 0
        self.venue = VenueEmulator(
            dialect,
            [dialect.listing(symbol) for symbol in symbols or dialect.symbols],
            seed=seed,
            settings=MarketSettings(**{"rate": 100.0, "levels": 60, **settings}),
            wall_ns=WALL,
        )
        self.connection = self.venue.connect(0, dialect.paths[0])
        assert self.frames() == []

    def frames(self) -> list[Any]:
        actions = [action for action in self.venue.drain() if isinstance(action, SendFrame)]
        return [json.loads(action.payload) for action in actions]

    def ask(self, message: object) -> list[Any]:
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.venue.receive(self.connection, data, self.now_ns)
        return self.frames()

    def subscribe(self, *streams: str, method: str = "SUBSCRIBE") -> None:
        assert self.ask({"method": method, "params": list(streams), "id": 1}) == [{"result": None, "id": 1}]

    def run(self, seconds: float) -> list[Any]:
        self.now_ns += round(seconds * SECOND)
        self.venue.advance(self.now_ns)
        return self.frames()

    def get(self, path: str, **query: str) -> Any:
        reply = self.http(path, **query)
        assert reply.status == 200
        return json.loads(reply.body)

    def http(self, path: str, **query: str) -> Any:
        prefix = {COINM: "/dapi/v1", USDM: "/fapi/v1"}.get(self.market, "/api/v3")
        return self.venue.http("GET", f"{prefix}/{path}", query, self.now_ns)


# --- shapes: key paths, value types, spellings


def spelling(value: object) -> str:
    if isinstance(value, str) and re.fullmatch(r"\d+(\.\d+)?", value):
        return f"text of a number with {len(value.partition('.')[2])} decimals"
    if isinstance(value, int) and not isinstance(value, bool):
        return "a time in milliseconds" if 10**12 <= value < 10**13 else "whole number"
    return type(value).__name__


def shape(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """``(path, spelling)`` of every leaf; lists are transparent, an empty one is no leaf."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from shape(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from shape(inner, f"{path}[]")
    else:
        yield path, spelling(value)


def by_kind(frames: list[Any]) -> dict[str, list[Any]]:
    kinds: dict[str, list[Any]] = {}
    for frame in frames:
        kinds.setdefault(frame["stream"].partition("@")[2], []).append(frame)
    return kinds


def recorded(path: Path, symbol: str) -> dict[str, list[Any]]:
    """The market data of a recording about an instrument, by stream."""
    if path.name.endswith(".log.gz"):
        raws = [line.partition(" ")[2] for line in gzip.decompress(path.read_bytes()).decode().splitlines()]
        raws = [raw for raw in raws if raw.startswith('{"stream"')][:4000]
    else:
        lines = map(json.loads, gzip.decompress(path.read_bytes()).decode().splitlines())
        raws = [line["raw"] for line in lines if line["dir"] == "in"]
    frames = [json.loads(raw) for raw in raws]
    return by_kind([frame for frame in frames if frame["stream"].startswith(f"{symbol.lower()}@")])


RECORDED = [
    ("spot_btcusdt_20240808.log.gz", SPOT, "BTCUSDT", {"depth@100ms", "trade", "bookTicker"}),
    ("spot_NKNUSDT_LRCBTC_20211012.ndjson.gz", SPOT, "NKNUSDT", {"depth@100ms", "aggTrade", "bookTicker"}),
    ("spot_NKNUSDT_LRCBTC_20211012.ndjson.gz", SPOT, "LRCBTC", {"depth@100ms", "aggTrade", "bookTicker"}),
    ("us_spot_COMPUSDT_CRVUSDT_20211012.ndjson.gz", US, "COMPUSDT", {"depth@100ms", "bookTicker"}),
    ("tr_spot_XEMUSDT_LTCBRL_20230410.ndjson.gz", TR, "LTCBRL", {"depth@100ms", "bookTicker"}),
    (
        "usdm_SUSHIUSDT_AKROUSDT_20210722.ndjson.gz",
        USDM,
        "SUSHIUSDT",
        {"depth@100ms", "aggTrade", "bookTicker"},
    ),
]


@pytest.mark.parametrize(("name", "market", "symbol", "streams"), RECORDED)
def test_streams_have_the_keys_types_spellings_and_order_of_recorded_ones(
    recordings: Path, name: str, market: Market, symbol: str, streams: set[str]
) -> None:
    expected = recorded(recordings / name, symbol)
    expected.pop("kline_1m", None)
    assert set(expected) == streams
    client = Client(symbol, market=market)
    client.subscribe(*(f"{symbol.lower()}@{stream}" for stream in streams))
    found = by_kind(client.run(20))
    assert set(found) == streams
    for stream in streams:
        leaves = [{leaf for frame in frames[stream] for leaf in shape(frame)} for frames in (expected, found)]
        assert leaves[0] == leaves[1], stream
        orders = [{tuple(frame["data"]) for frame in frames[stream]} for frames in (expected, found)]
        assert orders[0] == orders[1], stream
        assert {tuple(frame) for frame in found[stream]} == {("stream", "data")}
    for frames in (expected, found):
        for side, best_first in (("b", not market.futures), ("a", False)):
            levels = [[Decimal(level[0]) for level in frame["data"][side]] for frame in frames["depth@100ms"]]
            assert all(prices == sorted(prices, reverse=best_first) for prices in levels)


@pytest.mark.parametrize(("name", "market", "symbol"), [row[:3] for row in RECORDED[1:]])
def test_a_snapshot_has_the_shape_of_a_recorded_one(
    recordings: Path, name: str, market: Market, symbol: str
) -> None:
    lines = map(json.loads, gzip.decompress((recordings / name).read_bytes()).decode().splitlines())
    body = next(line["raw"] for line in lines if line["dir"] == "http" and f"symbol={symbol}&" in line["url"])
    own = Client(symbol, market=market).http("depth", symbol=symbol, limit="1000").body
    assert set(shape(json.loads(body))) == set(shape(json.loads(own)))
    assert list(json.loads(body)) == list(json.loads(own))


def test_definitions_have_the_keys_and_increments_of_recorded_ones(recordings: Path) -> None:
    line = gzip.decompress((recordings / "rest_exchangeInfo_spot_20211012.ndjson.gz").read_bytes())
    body = json.loads(json.loads(line)["raw"])
    listed = {one["symbol"]: one for one in body["symbols"]}
    own = Client("BTCUSDT", "NKNUSDT", "LRCBTC").get("exchangeInfo")
    assert list(own) == list(body)
    for one in own["symbols"]:
        recorded_one = listed[one["symbol"]]
        assert list(one) == list(recorded_one)
        for key in ("baseAsset", "quoteAsset", "status", "quotePrecision"):
            assert one[key] == recorded_one[key]
        filters = {rule["filterType"]: rule for rule in recorded_one["filters"]}
        for rule in one["filters"]:
            assert list(rule) == list(filters[rule["filterType"]])
            if rule["filterType"] != "MARKET_LOT_SIZE":
                key = "tickSize" if "tickSize" in rule else "stepSize"
                assert rule[key] == filters[rule["filterType"]][key], one["symbol"]


# --- books: a client that follows the documents


def apply(book: dict[str, dict[Decimal, Decimal]], event: dict[str, Any]) -> None:
    for side, levels in (("bids", event["b"]), ("asks", event["a"])):
        for price, size in levels:
            if Decimal(size):
                book[side][Decimal(price)] = Decimal(size)
            else:
                book[side].pop(Decimal(price), None)


@pytest.mark.parametrize("market", MARKETS, ids=lambda market: market.venue)
@pytest.mark.parametrize("cadence", ["@100ms", ""])
def test_a_client_that_follows_the_documents_has_the_venues_book(market: Market, cadence: str) -> None:
    client = Client(market=market, levels=200)
    (symbol,) = client.venue.market.listings
    client.subscribe(f"{symbol.lower()}@depth{cadence}")
    events = [frame["data"] for frame in client.run(2.15)]
    snapshot = client.get("depth", symbol=symbol, limit="1000")
    events += [frame["data"] for frame in client.run(19.85)]
    number = snapshot["lastUpdateId"]
    book = {
        side: {Decimal(price): Decimal(size) for price, size in snapshot[side]} for side in ("bids", "asks")
    }
    kept = [event for event in events if event["u"] >= number + (not market.futures)]
    assert len(kept) >= 15
    assert len(kept) < len(events)
    assert kept[0]["U"] <= number + (not market.futures)
    for before, event in pairwise(kept):
        assert event["U"] <= event["u"]
        if market.futures:
            assert event["pu"] == before["u"] < event["U"]
        else:
            assert event["U"] == before["u"] + 1
    for event in kept:
        apply(book, event)
    final = client.get("depth", symbol=symbol, limit="1000")
    assert final["lastUpdateId"] == kept[-1]["u"]
    for side in ("bids", "asks"):
        assert book[side] == {Decimal(price): Decimal(size) for price, size in final[side]}


def test_best_prices_agree_with_the_book_of_the_same_number() -> None:
    client = Client("BTCUSDT")
    client.subscribe("btcusdt@depth@100ms", "btcusdt@bookTicker")
    snapshot = client.get("depth", symbol="BTCUSDT", limit="5000")
    book = {
        side: {Decimal(price): Decimal(size) for price, size in snapshot[side]} for side in ("bids", "asks")
    }
    tops: dict[int, list[str]] = {}
    compared = 0
    for frame in client.run(60):
        data = frame["data"]
        if "b" in data and isinstance(data["b"], str):
            tops[data["u"]] = [data["b"], data["B"], data["a"], data["A"]]
            continue
        apply(book, data)
        if data["u"] in tops:
            bid, ask = max(book["bids"]), min(book["asks"])
            best = [bid, book["bids"][bid], ask, book["asks"][ask]]
            assert [Decimal(text) for text in tops[data["u"]]] == best
            compared += 1
    assert compared > 20


@pytest.mark.parametrize("market", [SPOT, COINM], ids=lambda market: market.venue)
def test_the_best_levels_are_a_whole_without_a_past(market: Market) -> None:
    client = Client(market=market)
    (symbol,) = client.venue.market.listings
    name = f"{symbol.lower()}@depth5@100ms"
    client.subscribe(name)
    frames = client.run(5)
    assert {frame["stream"] for frame in frames} == {name}
    keys = ("b", "a") if market.futures else ("bids", "asks")
    assert all(len(frame["data"][key]) == 5 for frame in frames for key in keys)
    assert (frames[0]["data"].get("e") == "depthUpdate") is market.futures


# --- trades


@pytest.mark.parametrize("market", [SPOT, USDM], ids=lambda market: market.venue)
def test_trades_are_numbered_without_holes_and_aggregated_by_order_and_price(market: Market) -> None:
    client = Client("ETHUSDT", market=market, rate=100.0, trade_share=0.3)
    client.subscribe("ethusdt@trade", "ethusdt@aggTrade")
    found = by_kind(client.run(6))
    aggregated = [frame["data"] for frame in found["aggTrade"]]
    assert [one["a"] for one in aggregated] == list(range(aggregated[0]["a"], aggregated[-1]["a"] + 1))
    assert all(after["f"] == before["l"] + 1 for before, after in pairwise(aggregated))
    if market.futures:
        assert "trade" not in found, "an undocumented stream"
        return
    trades = [frame["data"] for frame in found["trade"]]
    assert [one["t"] for one in trades] == list(range(aggregated[0]["f"], aggregated[-1]["l"] + 1))
    sizes = {one["t"]: Decimal(one["q"]) for one in trades}
    for one in aggregated:
        assert Decimal(one["q"]) == sum(sizes[number] for number in range(one["f"], one["l"] + 1))
    assert {one["m"] for one in trades} == {True, False}
    history = client.get("aggTrades", symbol="ETHUSDT", limit="1000")
    assert [row["a"] for row in history][-len(aggregated) :] == [one["a"] for one in aggregated]
    rows = client.get("trades", symbol="ETHUSDT", limit="10")
    assert [row["id"] for row in rows] == [one["t"] for one in trades[-10:]]
    assert all(Decimal(row["quoteQty"]) == Decimal(row["price"]) * Decimal(row["qty"]) for row in rows)


# --- requests


def test_requests_are_answered_as_documented() -> None:
    client = Client("BTCUSDT", "ETHBTC")
    client.subscribe("btcusdt@depth@100ms", "nobody@trade", "ethbtc@kline_1m")
    names = ["btcusdt@depth@100ms", "nobody@trade", "ethbtc@kline_1m"]
    assert client.ask({"method": "LIST_SUBSCRIPTIONS", "id": "a7"}) == [{"result": names, "id": "a7"}]
    assert {frame["stream"] for frame in client.run(5)} == {"btcusdt@depth@100ms"}, "others stay silent"
    client.subscribe("btcusdt@depth@100ms", method="UNSUBSCRIBE")
    assert client.run(5) == []
    client.subscribe("ethbtc@trade", "ethbtc@bookTicker")
    assert {frame["stream"] for frame in client.run(20)} == {"ethbtc@trade", "ethbtc@bookTicker"}


def test_events_can_be_asked_for_without_their_wrapper() -> None:
    client = Client("BTCUSDT")
    assert client.ask({"method": "GET_PROPERTY", "params": ["combined"], "id": 1})[0]["result"] is True
    reply = client.ask({"method": "SET_PROPERTY", "params": ["combined", False], "id": 2})
    assert reply == [{"result": None, "id": 2}]
    client.subscribe("btcusdt@depth@100ms")
    assert all(frame["e"] == "depthUpdate" for frame in client.run(2))


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"hello", 3),
        (b"[]", 2),
        (b'{"id":1}', 2),
        (b'{"method":"BUY","id":1}', 2),
        (b'{"method":"SUBSCRIBE","id":1}', 2),
        (b'{"method":"SUBSCRIBE","params":[7],"id":1}', 2),
        (b'{"method":"SUBSCRIBE","params":["x@trade"],"id":"a b"}', 2),
        (b'{"method":"SET_PROPERTY","params":["x",true],"id":1}', 0),
        (b'{"method":"SET_PROPERTY","params":["combined",1],"id":1}', 1),
    ],
)
def test_errors_have_the_documented_codes_and_no_number(message: bytes, code: int) -> None:
    (reply,) = Client().ask(message)
    assert reply["code"] == code
    assert list(reply) == ["code", "msg"]


def test_a_connection_carries_so_many_streams() -> None:
    client = Client(market=COINM)
    client.subscribe(*(f"a{n}@trade" for n in range(200)))
    (reply,) = client.ask({"method": "SUBSCRIBE", "params": ["b@trade"], "id": 2})
    assert reply["code"] == 2


# --- REST: errors, weights, bans, copies


@pytest.mark.parametrize(
    ("path", "query", "code"),
    [
        ("depth", {}, -1102),
        ("depth", {"symbol": "NOBODY"}, -1121),
        ("depth", {"symbol": "BTCUSDT", "limit": "x"}, -1100),
        ("depth", {"symbol": "BTCUSDT", "limit": "0"}, -1100),
        ("exchangeInfo", {"symbol": "NOBODY"}, -1121),
    ],
)
def test_bad_requests_have_the_documented_codes(path: str, query: dict[str, str], code: int) -> None:
    reply = Client().http(path, **query)
    assert reply.status == 400
    assert json.loads(reply.body)["code"] == code


def test_other_paths_are_not_found() -> None:
    client = Client()
    assert client.http("uiKlines").status == 404
    assert client.venue.http("POST", "/api/v3/depth", {}, 0).status == 404
    assert client.get("ping") == {}
    assert client.get("time") == {"serverTime": WALL // 1_000_000}
    ticker = client.get("ticker/bookTicker", symbol="BTCUSDT")
    depth = client.get("depth", symbol="BTCUSDT", limit="1")
    assert [ticker["bidPrice"], ticker["bidQty"]] == depth["bids"][0]
    assert [ticker["askPrice"], ticker["askQty"]] == depth["asks"][0]


def used(reply: Any) -> int:
    return int(dict(reply.headers)["X-MBX-USED-WEIGHT-1M"])


def test_weights_are_counted_by_the_minute_and_told() -> None:
    client = Client()
    query = {"symbol": "BTCUSDT"}
    counts = [used(client.http("depth", limit=limit, **query)) for limit in ("100", "500", "1000", "5000")]
    assert counts == [5, 30, 80, 330]
    assert used(client.http("exchangeInfo")) == 350
    client.now_ns = 60 * SECOND
    assert used(client.http("ping")) == 1


def test_over_the_budget_comes_429_then_a_ban_that_doubles() -> None:
    client = Client(rest=BinanceEmulatorSettings(weight=100, ban_after=3, ban_s=90.0))
    query = {"symbol": "BTCUSDT", "limit": "1000"}
    client.now_ns = 15 * SECOND
    replies = [client.http("depth", **query) for _ in range(6)]
    assert [reply.status for reply in replies] == [200, 200, 429, 429, 418, 418]
    assert [dict(reply.headers).get("Retry-After") for reply in replies] == [
        None,
        None,
        "45",
        "45",
        "90",
        "90",
    ]
    assert json.loads(replies[2].body)["code"] == -1003
    until = re.search(r"banned until (\d{13})\.", json.loads(replies[4].body)["msg"])
    assert until is not None
    assert int(until[1]) == (WALL + 105 * SECOND) // 1_000_000
    client.now_ns = 105 * SECOND
    assert [client.http("depth", **query).status for _ in range(5)] == [200, 200, 429, 429, 418]
    assert dict(client.http("ping").headers)["Retry-After"] == "180"


def test_a_ban_can_come_unprovoked() -> None:
    client = Client(rest=BinanceEmulatorSettings(ban_at_s=10.0, ban_s=30.0))
    statuses = []
    for second in (0, 9, 10, 39, 41):
        client.now_ns = second * SECOND
        statuses.append(client.http("ping").status)
    assert statuses == [200, 200, 418, 418, 200]


def test_a_snapshot_may_be_an_old_copy() -> None:
    client = Client("BTCUSDT", rest=BinanceEmulatorSettings(snapshot_lag_ms=3000))
    numbers = []
    for _ in range(7):
        numbers.append(client.get("depth", symbol="BTCUSDT", limit="5")["lastUpdateId"])
        client.run(1)
    assert Counter(numbers).most_common()[0][1] == 3
    assert numbers == sorted(numbers)
    assert len(set(numbers)) == 3


# --- the dialect


def test_it_is_a_dialect() -> None:
    for market in MARKETS:
        dialect: Dialect = BinanceDialect(market)
        assert dialect.venue == market.venue
        assert dialect.depths == ()
        assert dialect.listing(dialect.symbols[0]).symbol == dialect.symbols[0]
    assert BinanceDialect(USDM).paths == ("/public/stream", "/market/stream")


def test_any_pair_can_be_listed_by_any_of_its_names() -> None:
    dialect = BinanceDialect(SPOT)
    assert dialect.listing("btc/usdt") == dialect.listing("BTCUSDT")
    assert dialect.listing("FOOUSDT").base == "FOO"
    with pytest.raises(ConfigError, match="no instrument of Binance spot"):
        dialect.listing("FOO")


def test_recorded_frames_are_told_apart() -> None:
    dialect = BinanceDialect(SPOT)
    frame = b'{"stream":"btcusdt@trade","data":{"e":"trade","t":7}}'
    found = dialect.recorded(frame)
    assert found is not None
    assert (found.payload, found.kind, found.channel, found.symbol, found.trade_ids) == (
        frame,
        FrameKind.TRADE,
        "trade",
        "BTCUSDT",
        (7,),
    )
    kinds = {}
    for stream in ("x@depth@100ms", "x@bookTicker", "x@depth20", "x@aggTrade", "x@kline_1m", "!x"):
        found = dialect.recorded(b'{"stream":"%b","data":{"a":8}}' % stream.encode())
        kinds[stream] = found and (found.kind.value, found.trade_ids)
    assert kinds == {
        "x@depth@100ms": ("book", ()),
        "x@bookTicker": ("ticker", ()),
        "x@depth20": ("ticker", ()),
        "x@aggTrade": ("trade", (8,)),
        "x@kline_1m": None,
        "!x": None,
    }
    assert dialect.recorded(b'{"result":null,"id":1}') is None
    assert dialect.recorded(b"[") is None
