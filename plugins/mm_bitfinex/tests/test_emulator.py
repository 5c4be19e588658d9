"""The Bitfinex emulator says what Bitfinex says: recorded frames and documented shapes beside its own."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import Any

import pytest

from mm_bitfinex.emulator import BitfinexDialect, emulator_spec
from mm_bitfinex.emulator_frames import number
from mm_framework.contracts.emulator import FrameKind
from mm_framework.emulator.actions import SendFrame
from mm_framework.emulator.playback import STILL, playback
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.errors import ConfigError

SECOND = 1_000_000_000
WALL = 1_795_000_000 * SECOND
ALL = 229_376


class Number(str):
    """A number as written."""


def decoded(frame: str) -> Any:
    return json.loads(frame, parse_float=Number, parse_int=Number)


class Client:
    """One connection of an emulated Bitfinex; ``numbers`` are the channels by name and symbol."""

    def __init__(self, *symbols: str, flags: int | None = ALL, seed: int = 7, **settings: Any) -> None:
        dialect = BitfinexDialect()
        self.venue = VenueEmulator(
            dialect,
            [dialect.listing(symbol) for symbol in symbols or ("tBTCUSD",)],
            seed=seed,
            settings=MarketSettings(**{"rate": 100.0, "levels": 60, **settings}),
            wall_ns=WALL,
        )
        self.now_ns = 0
        self.numbers: dict[tuple[str, str], Number] = {}
        self.connection = self.venue.connect(0, "/ws/2")
        (self.hello,) = self.frames()
        if flags is not None:
            assert self.ask({"event": "conf", "flags": flags}) == [
                {"event": "conf", "status": "OK", "flags": str(flags)}
            ]

    def frames(self) -> list[Any]:
        return [
            decoded(action.payload.decode()) for action in self.venue.drain() if isinstance(action, SendFrame)
        ]

    def ask(self, message: object) -> list[Any]:
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.venue.receive(self.connection, data, self.now_ns)
        return self.frames()

    def subscribe(self, channel: str, symbol: str = "tBTCUSD", **more: Any) -> list[Any]:
        answers = self.ask({"event": "subscribe", "channel": channel, "symbol": symbol, **more})
        if answers[0]["event"] == "subscribed":
            self.numbers[channel, symbol] = answers[0]["chanId"]
        return answers

    def run(self, seconds: float) -> list[Any]:
        self.now_ns += round(seconds * SECOND)
        self.venue.advance(self.now_ns)
        return self.frames()


# --- against recordings


def spelling(value: object) -> str:
    if isinstance(value, Number):
        return "exponent" if "e" in value else "decimal" if "." in value else "whole"
    return type(value).__name__


def leaves(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """``(path, spelling)``; rows of an array of arrays are alike, the places of other arrays are not."""
    if isinstance(value, list):
        alike = bool(value) and all(isinstance(inner, list) for inner in value)
        for place, inner in enumerate(value):
            yield from leaves(inner, f"{path}[{'*' if alike else place}]")
    elif isinstance(value, dict):
        yield path, "keys " + " ".join(value)
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}")
    else:
        yield path, spelling(value)


def kinds(frames: list[Any]) -> dict[str, set[tuple[str, str]]]:
    """The shapes of each kind of frame; channel numbers are told apart by their acknowledgement."""
    channels: dict[str, str] = {}
    found: dict[str, set[tuple[str, str]]] = {}
    for frame in frames:
        if isinstance(frame, dict):
            kind = f"{frame['event']} {frame.get('channel', '')}".strip()
            if kind.startswith("subscribed"):
                channels[frame["chanId"]] = frame["channel"]
        elif isinstance(frame[1], list):
            nested = not frame[1] or isinstance(frame[1][0], list)
            kind = f"{channels[frame[0]]} {'snapshot' if nested else 'update'}"
        else:
            kind = str(frame[1])
        found.setdefault(kind, set()).update(leaves(frame))
    return found


def recorded(path: Path) -> Iterator[Any]:
    with gzip.open(path, "rt") as file:
        for line in file:
            body = json.loads(line) if line.startswith('{"ts"') else {"dir": "in", "raw": line}
            if body["dir"] == "in":
                yield decoded(body["raw"])


def test_a_session_has_the_kinds_keys_types_and_spellings_of_a_recorded_one(shared_data: Path) -> None:
    path = shared_data / "bitfinex" / "seq_all_book_trades_ticker_7sym_20210417.ndjson.gz"
    expected = kinds(list(recorded(path)))
    symbols = ("tDOGUSD", "tETHUSD", "tSHIB:BTC")
    client = Client(*symbols, flags=65536)
    own = [client.hello, {"event": "conf", "status": "OK", "flags": Number("65536")}]
    for symbol in symbols:
        own += client.subscribe("book", symbol, len="100", prec="P0", freq="F0")
        own += client.subscribe("trades", symbol) + client.subscribe("ticker", symbol)
    found = kinds(own + client.run(30))
    quiet = Client(flags=65536, rate=0.0)
    found["hb"] = kinds(quiet.subscribe("ticker") + quiet.run(20))["hb"]
    assert found.keys() == expected.keys() | {"te", "tu"}
    for kind in expected:
        assert {path for path, _ in expected[kind]} == {path for path, _ in found[kind]}, kind
        missing = expected[kind] - found[kind]
        # Sums, changes and amounts may happen to be whole; very small prices happen in few recordings.
        places = {"ticker update": {f"[1][{place}]" for place in (1, 3, 4, 5, 7)}}.get(kind, set())
        assert {path for path, _ in missing} <= places, kind
        extra = {path for path, spelled in found[kind] - expected[kind] if spelled != "exponent"}
        assert extra <= places | {"[1][*][2]", "[1][*][3]"}, kind


def test_trades_have_the_shape_and_order_of_recorded_ones(shared_data: Path) -> None:
    path = shared_data / "bitfinex" / "tBTCUSD_P0_F0_100_trades_session1_20181112.ndjson.gz"
    frames = []
    for frame in recorded(path):
        frames.append(frame)
        if len(frames) == 20_000:
            break
    expected = kinds(frames)
    client = Client("tETHUSD", flags=None, trade_share=0.3)
    own = client.subscribe("trades", "tETHUSD") + client.run(10)
    found = kinds(own)
    for kind in ("te", "tu"):
        assert {path for path, _ in found[kind]} == {path for path, _ in expected[kind]}
        assert found[kind] - {("[2][2]", "whole")} <= expected[kind], "an amount may happen to be whole"
    arrays = [frame for frame in own if isinstance(frame, list)]
    executed = [frame[2] for frame in arrays if frame[1] == "te"]
    confirmed = [frame[2] for frame in arrays if frame[1] == "tu"]
    assert len(executed) > 200
    assert 0 <= len(executed) - len(confirmed) < 100
    assert all(row in executed for row in confirmed)
    numbers = [int(row[0]) for row in executed]
    assert all(later > earlier + 1 for earlier, later in pairwise(numbers)), "ids leave holes"


# --- a client that follows the documents


class Book:
    """A book by the documents, on wire text; ``verify`` digests it as JavaScript would."""

    def __init__(self) -> None:
        self.sides: tuple[dict[Decimal, tuple[str, str]], ...] = ({}, {})
        self.deepest = 0

    def apply(self, row: list[str]) -> None:
        price, count, amount = row
        side = self.sides[amount.startswith("-")]
        if count == "0":
            assert amount in ("1", "-1")
            del side[Decimal(price)]
        else:
            assert 1 <= int(count) <= 9
            side[Decimal(price)] = (price, amount)
        self.deepest = max(self.deepest, len(side))

    def checksum(self) -> int:
        bids, asks = (sorted(side, reverse=not ask)[:25] for ask, side in enumerate(self.sides))
        tokens: list[str] = []
        for bid, ask in zip_longest(bids, asks):
            tokens += self.sides[0].get(bid, ()) if bid is not None else ()
            tokens += self.sides[1].get(ask, ()) if ask is not None else ()
        value = zlib.crc32(":".join(tokens).encode())
        return value - 2**32 if value >= 2**31 else value


def follow(client: Client, frames: list[Any], depth: int) -> Counter[str]:
    """Keep the books as the documents say; every checksum must hold."""
    symbols = {number: symbol for (channel, symbol), number in client.numbers.items() if channel == "book"}
    books: dict[str, Book] = {}
    held: Counter[str] = Counter()
    for frame in frames:
        if not isinstance(frame, list) or frame[0] not in symbols or frame[1] == "hb":
            continue
        symbol, data = symbols[frame[0]], frame[1]
        if data == "cs":
            assert books[symbol].checksum() == int(frame[2])
            held[symbol] += 1
        elif symbol not in books:
            books[symbol] = Book()
            for row in data:
                books[symbol].apply(row)
        else:
            for row in data if isinstance(data[0], list) else [data]:
                books[symbol].apply(row)
                assert books[symbol].deepest <= depth
    return held


@pytest.mark.parametrize("flags", [ALL, ALL | 536_870_912])
@pytest.mark.parametrize("depth", [1, 25, 100, 250])
def test_a_client_that_follows_the_documents_verifies_every_checksum(depth: int, flags: int) -> None:
    symbols = ("tBTCUSD", "tSHIB:BTC", "tXRPBTC")
    client = Client(*symbols, flags=flags, levels=300 if depth > 25 else 40)
    frames = [frame for symbol in symbols for frame in client.subscribe("book", symbol, len=str(depth))]
    held = follow(client, frames + client.run(12), depth)
    assert all(held[symbol] >= 10 for symbol in symbols)


@pytest.mark.parametrize("levels", [1, 3, 24])
def test_thin_books_are_digested_as_they_are(levels: int) -> None:
    client = Client(levels=levels)
    assert follow(client, client.subscribe("book", len=25) + client.run(6), 25)["tBTCUSD"] >= 3


def test_the_bulk_flag_puts_the_changes_of_an_event_into_one_frame() -> None:
    frames = {}
    for flags in (0, 536_870_912):
        client = Client(flags=flags)
        client.subscribe("book")
        frames[flags] = client.run(5)
    bulk = [frame for frame in frames[536_870_912] if isinstance(frame[1][0], list)]
    assert bulk
    assert all(not isinstance(frame[1][0], list) for frame in frames[0])
    assert len(frames[0]) == len(frames[536_870_912]) + sum(len(frame[1]) - 1 for frame in bulk)


@pytest.mark.parametrize(("flags", "length"), [(0, 0), (32768, 1), (65536, 1), (98304, 2), (ALL, 2)])
def test_every_array_ends_as_the_flags_ask(flags: int, length: int) -> None:
    client = Client("tBTCUSD", "tETHUSD", flags=flags)
    frames = [frame for name in ("book", "trades", "ticker") for frame in client.subscribe(name)]
    frames += client.subscribe("ticker", "tETHUSD") + client.run(20)
    arrays = [frame for frame in frames if isinstance(frame, list)]
    for frame in arrays:
        body = 3 if frame[1] in ("te", "tu", "cs") else 2
        assert len(frame) == body + length
    if flags & 65536:
        place = -2 if flags & 32768 else -1
        assert [int(frame[place]) for frame in arrays] == list(range(1, len(arrays) + 1))
    if flags & 32768:
        times = [int(frame[-1]) for frame in arrays]
        assert times == sorted(times)
        assert times[0] == WALL // 10**6
        assert times[-1] <= WALL // 10**6 + 20_000
    assert any(frame[1] == "cs" for frame in arrays) == (flags == ALL)


def test_a_new_conf_starts_the_numbers_anew() -> None:
    client = Client()
    assert client.subscribe("ticker")[1][-2] == "1"
    client.ask({"event": "conf", "flags": 65536})
    assert client.subscribe("trades")[1][-1] == "1"


def test_each_channel_has_a_heartbeat_of_its_own_after_15_quiet_seconds() -> None:
    client = Client(rate=0.0)
    client.subscribe("book")
    client.run(5)
    client.subscribe("trades")
    book, trades = client.numbers["book", "tBTCUSD"], client.numbers["trades", "tBTCUSD"]
    assert [frame[:2] for frame in client.run(9.9)] == []
    assert [frame[:2] for frame in client.run(0.2)] == [[book, "hb"]]
    assert [frame[:2] for frame in client.run(5)] == [[trades, "hb"]]
    assert [frame[:2] for frame in client.run(15)] == [[book, "hb"], [trades, "hb"]]


def test_the_ticker_has_the_best_prices_and_the_sums_of_25_levels() -> None:
    client = Client()
    client.subscribe("ticker")
    for _ in range(5):
        tickers = client.run(3)
    assert 2 <= len(tickers) <= 4
    bids, asks = client.venue.market.bids("tBTCUSD", 25), client.venue.market.asks("tBTCUSD", 25)
    body = json.loads(client.venue.http("GET", "/v2/ticker/tBTCUSD", {}, client.now_ns).body)
    assert [body[0], body[2]] == [bids[0][0], asks[0][0]]
    assert [body[1], body[3]] == pytest.approx([sum(size for _, size in side) / 1e8 for side in (bids, asks)])
    assert body[9] <= body[6] <= body[8]


# --- numbers


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (0, 8, "0"),
        (1, 8, "1e-8"),
        (2, 8, "2e-8"),
        (99, 8, "9.9e-7"),
        (100, 8, "0.000001"),
        (123, 8, "0.00000123"),
        (-25_000_000, 8, "-0.25"),
        (100_000_000, 8, "1"),
        (64210, 0, "64210"),
        (278200, 0, "278200"),
        (31668, 1, "3166.8"),
        (31660, 1, "3166"),
        (64210, 11, "6.421e-7"),
        (-1, 11, "-1e-11"),
    ],
)
def test_numbers_are_spelled_as_javascript_does(value: int, decimals: int, text: str) -> None:
    assert number(value, decimals) == text


# --- requests


def test_hello_tells_version_and_status() -> None:
    hello = Client(flags=None).hello
    assert list(hello) == ["event", "version", "serverId", "platform"]
    assert (hello["version"], hello["platform"]) == ("2", {"status": "1"})
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", hello["serverId"])
    assert hello["serverId"] != Client(seed=8).hello["serverId"]


def test_an_acknowledgement_repeats_the_request_and_the_snapshot_follows() -> None:
    client = Client()
    told, snapshot = client.subscribe("book", len="100", subId="7-book-tBTCUSD")
    assert told == {
        "event": "subscribed", "channel": "book", "chanId": told["chanId"], "symbol": "tBTCUSD", "prec": "P0",
        "freq": "F0", "len": "100", "subId": "7-book-tBTCUSD", "pair": "BTCUSD",
    }  # fmt: skip
    assert snapshot[0] == told["chanId"]
    prices = [Decimal(row[0]) for row in snapshot[1] if not row[2].startswith("-")]
    assert prices == sorted(prices, reverse=True)
    asks = [Decimal(row[0]) for row in snapshot[1] if row[2].startswith("-")]
    assert asks == sorted(asks)
    _, trades = client.subscribe("trades")
    assert len(trades[1]) == 30
    times = [int(row[1]) for row in trades[1]]
    assert times == sorted(times, reverse=True)


def test_a_channel_ends_with_its_number() -> None:
    client = Client()
    client.subscribe("book")
    number = int(client.numbers["book", "tBTCUSD"])
    assert client.ask({"event": "unsubscribe", "chanId": number}) == [
        {"event": "unsubscribed", "status": "OK", "chanId": str(number)}
    ]
    assert client.run(20) == []
    told, _ = client.subscribe("book")
    assert told["chanId"] != str(number)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b"{", 10000),
        (b'"\xff"', 10000),
        ({"event": "dance"}, 10000),
        ({"event": "subscribe", "channel": "candles", "symbol": "tBTCUSD"}, 10302),
        ({"event": "subscribe", "channel": "book"}, 10300),
        ({"event": "subscribe", "channel": "book", "symbol": "tETHUSD", "subId": "5"}, 10300),
        ({"event": "subscribe", "channel": "book", "symbol": "tBTCUSD", "prec": "P1"}, 10011),
        ({"event": "subscribe", "channel": "book", "symbol": "tBTCUSD", "freq": "F1"}, 10011),
        ({"event": "subscribe", "channel": "book", "symbol": "tBTCUSD", "len": "26"}, 10012),
        ({"event": "subscribe", "channel": "ticker", "symbol": "tBTCUSD"}, 10301),
        ({"event": "unsubscribe", "chanId": 5}, 10400),
        ({"event": "unsubscribe"}, 10400),
    ],
)
def test_a_bad_request_is_refused_and_the_connection_goes_on(message: Any, code: int) -> None:
    client = Client()
    client.subscribe("ticker")
    (refusal,) = client.ask(message)
    assert (refusal["event"], refusal["code"]) == ("error", str(code))
    for name in ("channel", "symbol", "subId"):
        if isinstance(message, dict) and name in message:
            assert refusal[name] == message[name]
    assert client.subscribe("book")[0]["event"] == "subscribed"


def test_a_connection_carries_25_channels() -> None:
    dialect = BitfinexDialect()
    symbols = [f"tAA{letter}USD" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]
    client = Client(*[dialect.listing(symbol).symbol for symbol in symbols], rate=0.0)
    answers = [client.subscribe("ticker", symbol)[0] for symbol in symbols]
    assert [answer["event"] for answer in answers] == ["subscribed"] * 25 + ["error"]
    assert answers[-1]["code"] == "10305"


def test_a_ping_is_answered_with_the_venue_s_time() -> None:
    client = Client(rate=0.0)
    client.run(1.5)
    assert client.ask({"event": "ping", "cid": 12}) == [
        {"event": "pong", "ts": str(WALL // 10**6 + 1500), "cid": "12"}
    ]


# --- REST


def get(client: Client, path: str, **query: str) -> tuple[int, Any]:
    reply = client.venue.http("GET", f"/v2/{path}", query, client.now_ns)
    return reply.status, json.loads(reply.body)


def test_rest_tells_status_maps_books_and_tickers() -> None:
    client = Client("tBTCUST", "tTESTBTC:TESTUSD")
    assert get(client, "platform/status") == (200, [1])
    status, (pairs, infos, names) = get(
        client, "conf/pub:list:pair:exchange,pub:info:pair,pub:map:currency:sym"
    )
    assert (status, pairs) == (200, ["BTCUST", "TESTBTC:TESTUSD"])
    assert [(row[0], len(row[1])) for row in infos] == [("BTCUST", 12), ("TESTBTC:TESTUSD", 12)]
    assert ["UST", "USDT"] in names
    assert get(client, "conf/pub:list:currency") == (200, [["BTC", "TESTBTC", "TESTUSD", "UST"]])
    _, rows = get(client, "book/tBTCUST/P0", len="25")
    assert len(rows) == 50
    assert rows[0][0] == client.venue.market.bids("tBTCUST", 1)[0][0]
    assert rows[25][2] < 0
    _, tickers = get(client, "tickers", symbols="tBTCUST,tNONE")
    assert [(row[0], len(row)) for row in tickers] == [("tBTCUST", 11)]
    assert len(get(client, "tickers", symbols="ALL")[1]) == 2


def test_rest_trades_are_those_between_two_times() -> None:
    client = Client(trade_share=0.3)
    client.run(10)
    _, newest = get(client, "trades/tBTCUSD/hist")
    assert len(newest) == 125
    times = [row[1] for row in newest]
    assert times == sorted(times, reverse=True)
    start, end = str(times[100]), str(times[50])
    _, oldest = get(client, "trades/tBTCUSD/hist", start=start, end=end, sort="1", limit="10000")
    assert oldest == [row for row in reversed(newest) if int(start) <= row[1] <= int(end)]


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("stats1/pos.size:1m:tBTCUSD:long/hist", {}, 404),
        ("ticker/tNONE", {}, 500),
        ("book/tBTCUSD/P0", {"len": "7"}, 500),
        ("book/tBTCUSD/R0", {}, 500),
        ("trades/tBTCUSD/hist", {"limit": "0"}, 500),
        ("trades/tBTCUSD/hist", {"start": "now"}, 500),
    ],
)
def test_rest_errors_are_arrays(path: str, query: dict[str, str], status: int) -> None:
    found, body = get(Client(), path, **query)
    assert found == status
    assert body[0] == "error"
    assert isinstance(body[1], int)


def test_an_endpoint_that_is_asked_too_often_is_blocked_for_a_minute() -> None:
    client = Client(rate=0.0)
    assert [get(client, "platform/status")[0] for _ in range(31)] == [200] * 30 + [429]
    assert get(client, "ticker/tBTCUSD")[0] == 200
    client.run(59)
    assert get(client, "platform/status") == (429, {"error": "ERR_RATE_LIMIT"})
    client.run(2)
    assert get(client, "platform/status")[0] == 200


# --- listings and playback


@pytest.mark.parametrize("name", ["tBTCUSD", "BTCUSD", "BTC/USD", "btcusd"])
def test_a_pair_is_listed_under_its_wire_name(name: str) -> None:
    listing = BitfinexDialect().listing(name)
    assert (listing.symbol, listing.base, listing.quote, listing.tick) == ("tBTCUSD", "BTC", "USD", 1)


def test_any_pair_can_be_listed_and_what_is_none_cannot() -> None:
    assert BitfinexDialect().listing("tFOO:BAR").price == 30_000
    assert BitfinexDialect().listing("MDOGE/USD").tick == 10
    for name in ("FOO", "", "/USD", "fUSD"):
        with pytest.raises(ConfigError, match="no pair of Bitfinex"):
            BitfinexDialect().listing(name)


def test_the_spec_builds_the_dialect() -> None:
    dialect = emulator_spec.factory(None)
    assert (emulator_spec.name, dialect.venue, dialect.paths) == ("bitfinex", "bitfinex", ("/ws/2",))


def test_recorded_frames_are_told_apart_and_lose_their_number() -> None:
    dialect = BitfinexDialect()
    assert dialect.recorded(b"[7,[5,1,1]]") is None
    for channel_number, channel in ((7, "book"), (8, "trades"), (9, "ticker"), (10, "candles")):
        told = {"event": "subscribed", "channel": channel, "chanId": channel_number, "symbol": "tBTCUSD"}
        assert dialect.recorded(json.dumps(told).encode()) is None
    for frame, kind, channel, payload in (
        (b"[7,[[5,1,1]],1,2]", FrameKind.SNAPSHOT, "book", b"[7,[[5,1,1]]]"),
        (b"[7,[],1,2]", FrameKind.SNAPSHOT, "book", b"[7,[]]"),
        (b"[7,[5,0,1],3]", FrameKind.BOOK, "book", b"[7,[5,0,1]]"),
        (b'[7,"cs",-5,4]', FrameKind.BOOK, "book", b'[7,"cs",-5]'),
        (b'[8,"te",[1,2,3,4],5]', FrameKind.TRADE, "trades", b'[8,"te",[1,2,3,4]]'),
        (b"[9,[1,2,3,4],6]", FrameKind.TICKER, "ticker", b"[9,[1,2,3,4]]"),
    ):
        played = dialect.recorded(frame)
        assert played is not None
        assert (played.kind, played.channel, played.symbol) == (kind, channel, "tBTCUSD")
        assert played.payload == payload
    for other in (
        b'[7,"hb",9]',
        b"[10,[1,2]]",
        b"[7]",
        b"[]",
        b"[{},1]",
        b"[7,",
        b'{"event":"info"}',
        b"\xff",
    ):
        assert dialect.recorded(other) is None


def test_a_recording_is_played_with_its_own_channel_numbers(shared_data: Path) -> None:
    path = shared_data / "bitfinex" / "seq_all_book_trades_ticker_7sym_20210417.ndjson.gz"
    lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    frames = [
        (round(float(line["ts"]) * SECOND), line["raw"].encode()) for line in lines if line["dir"] == "in"
    ]
    dialect, listings = playback(BitfinexDialect(), frames, speed=10.0)
    venue = VenueEmulator(dialect, listings, settings=STILL, wall_ns=WALL)
    connection = venue.connect(0, "/ws/2")
    request = {"event": "subscribe", "channel": "book", "symbol": "tMNABTC", "len": "100"}
    venue.receive(connection, json.dumps(request).encode(), 0)
    venue.advance(60 * SECOND)
    sent = [action.payload for action in venue.drain() if isinstance(action, SendFrame)]
    (told,) = [json.loads(payload) for payload in sent if b'"subscribed"' in payload]
    prefix = f"[{told['chanId']},[".encode()
    books = [payload for payload in sent if payload.startswith(prefix)]
    expected = [frame.rpartition(b",")[0] + b"]" for _, frame in frames if frame.startswith(prefix)]
    assert books == expected
    assert len(books) > 100
