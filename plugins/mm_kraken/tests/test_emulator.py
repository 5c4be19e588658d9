"""The Kraken emulator says what Kraken says: recorded frames and documented shapes beside its own."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from mm_framework.contracts.emulator import FrameKind, Level, Listing, Print
from mm_framework.emulator.actions import SendFrame
from mm_framework.emulator.playback import STILL, playback
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.errors import ConfigError
from mm_kraken.emulator import KrakenDialect, emulator_spec
from mm_kraken.emulator_frames import PairFrames, decimal, timestamp

SECOND = 1_000_000_000
WALL = 1_795_000_000 * SECOND


class Client:
    """One connection of an emulated Kraken; frames as text."""

    def __init__(self, *symbols: str, seed: int = 7, **settings: Any) -> None:
        dialect = KrakenDialect()
        self.venue = VenueEmulator(
            dialect,
            [dialect.listing(symbol) for symbol in symbols or ("BTC/EUR",)],
            seed=seed,
            settings=MarketSettings(**{"rate": 100.0, "levels": 60, **settings}),
            wall_ns=WALL,
        )
        self.now_ns = 0
        self.connection = self.venue.connect(0, "/v2")
        (self.status,) = self.frames()

    def frames(self) -> list[str]:
        return [action.payload.decode() for action in self.venue.drain() if isinstance(action, SendFrame)]

    def ask(self, message: object) -> list[Any]:
        """The replies to a message, decoded; numbers as text."""
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.venue.receive(self.connection, data, self.now_ns)
        return [decoded(frame) for frame in self.frames()]

    def subscribe(self, channel: str, *symbols: str, **params: Any) -> list[Any]:
        params |= {"channel": channel, "symbol": list(symbols) or ["BTC/EUR"]}
        return self.ask({"method": "subscribe", "params": params})

    def run(self, seconds: float) -> list[Any]:
        self.now_ns += round(seconds * SECOND)
        self.venue.advance(self.now_ns)
        return [decoded(frame) for frame in self.frames()]


def decoded(frame: str) -> Any:
    return json.loads(frame, parse_float=Number, parse_int=Number)


class Number(str):
    """A number as written."""


# --- shapes: key paths, value types, spellings


def spelling(value: object) -> str:
    if isinstance(value, Number):
        _, point, fraction = value.partition(".")
        return f"number with {len(fraction)} decimals" if point else "whole number"
    if isinstance(value, str):
        if re.fullmatch(r"\d+\.\d+", value):
            return f"text of a number with {len(value.partition('.')[2])} decimals"
        return "text " + re.sub(r"\d+", lambda match: str(len(match[0])), value)
    return type(value).__name__


def shape(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """``(path, spelling)`` of every leaf; lists are transparent, an empty one is a leaf."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from shape(inner, f"{path}.{key}")
    elif isinstance(value, list) and value:
        for inner in value:
            yield from shape(inner, f"{path}[]")
    else:
        yield path, spelling(value)


def keys(value: object, path: str = "") -> Iterator[tuple[str, tuple[str, ...]]]:
    """``(path, keys in order)`` of every object."""
    if isinstance(value, dict):
        yield path, tuple(value)
        for key, inner in value.items():
            yield from keys(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for inner in value:
            yield from keys(inner, f"{path}[]")


def by_kind(frames: list[Any]) -> dict[str, list[Any]]:
    kinds: dict[str, list[Any]] = {}
    for frame in frames:
        name = f"{frame.get('channel', frame.get('method'))} {frame.get('type', '')}".strip()
        kinds.setdefault(name, []).append(frame)
    return kinds


def shapes(frames: list[Any]) -> set[tuple[str, str]]:
    return {leaf for frame in frames for leaf in shape(frame)}


def key_orders(frames: list[Any]) -> set[tuple[str, tuple[str, ...]]]:
    return {order for frame in frames for order in keys(frame)}


# --- against recordings


@pytest.fixture
def recorded_mina(shared_data: Path) -> list[Any]:
    lines = (shared_data / "kraken/v2_book25_MINA-GBP_20260816.ndjson").read_text().splitlines()
    entries = [line for line in lines[1:] if '"dir": "tx"' not in line]
    return [decoded(line.split('"frame": ', 1)[1][:-1]) for line in entries]


def test_a_book_session_has_the_kinds_keys_types_and_spellings_of_a_recorded_one(
    recorded_mina: list[Any],
) -> None:
    client = Client("MINA/GBP", rate=20.0)
    own = [
        decoded(client.status),
        *client.subscribe("book", "MINA/GBP", depth=25, snapshot=True),
        *client.run(30),
    ]
    expected, found = by_kind(recorded_mina), by_kind(own)
    assert expected.keys() == found.keys()
    for kind in expected:
        assert _sides_alike(shapes(expected[kind])) == _sides_alike(shapes(found[kind])), kind
        assert key_orders(expected[kind]) <= key_orders(found[kind]), kind
    assert len(found["book update"]) > 100


def _sides_alike(found: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The recorded updates touch bids only: an ask is spelled as a bid, an empty side is no leaf."""
    return {(path.replace(".asks", ".bids"), leaf) for path, leaf in found if leaf != "list"}


def test_heartbeats_come_each_second_beside_data_as_recorded(recorded_mina: list[Any]) -> None:
    assert sum(frame == {"channel": "heartbeat"} for frame in recorded_mina) == 60
    client = Client()
    client.subscribe("book")
    beats = [client.run(0.5).count({"channel": "heartbeat"}) for _ in range(20)]
    assert beats == [0, 1] * 10


def lines_of(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().splitlines()


def test_updates_have_the_spelling_of_the_recording_of_2023(shared_data: Path) -> None:
    lines = lines_of(shared_data / "kraken/v2_book10_BTC-USD_20230730_restored.ndjson.gz")
    expected = by_kind([decoded(line) for line in lines])["book update"]
    client = Client("BTC/USD")
    found = by_kind(client.subscribe("book", "BTC/USD", depth=10)[1:] + client.run(20))["book update"]
    assert _sides_alike(shapes(expected)) == _sides_alike(shapes(found))


def test_a_depth_is_refused_with_the_recorded_words(shared_data: Path) -> None:
    (vector,) = json.loads((shared_data / "vectors.json").read_text())["kraken_v2_control_frames"]
    (reply,) = Client("BTC/USD").ask(vector["sent"].encode())
    expected = decoded(vector["received"])
    assert list(shape(reply)) == list(shape(expected))
    assert reply["error"] == expected["error"]


def test_asset_pairs_has_the_keys_and_names_of_the_recorded_answer(shared_data: Path) -> None:
    (line, *_) = lines_of(shared_data / "kraken/rest_asset_pairs_20210417.ndjson.gz")
    recorded = {
        name: pair
        for name, pair in decoded(json.loads(line)["raw"])["result"].items()
        if "wsname" in pair  # not dark pools
    }
    client = Client(*(pair["wsname"] for pair in recorded.values()), rate=0.0, levels=1)
    body = client.venue.http("GET", "/0/public/AssetPairs", {}, 0).body.decode()
    own = decoded(body)["result"]
    assert '"wsname":"XBT\\/EUR"' in body
    assert set(own) == set(recorded)
    assert len(own) > 250
    named = ("altname", "wsname", "base", "quote", "lot_decimals", "aclass_base", "lot_multiplier")
    for name, pair in own.items():
        older = recorded[name]
        assert older.keys() <= pair.keys()
        assert {key: type(pair[key]) for key in older} == {key: type(older[key]) for key in older}
        assert [pair[key] for key in named] == [older[key] for key in named]


def test_depth_has_the_shape_of_a_recorded_answer(shared_data: Path) -> None:
    lines = (shared_data / "kraken/single_frames_cryptocrawler_a.ndjson").read_text().splitlines()
    recorded = next(json.loads(line)["raw"] for line in lines if "l2_snapshot::spot" in line)
    client = Client("BTC/USD")
    body = client.venue.http("GET", "/0/public/Depth", {"pair": "XBTUSD", "count": "3"}, 0).body
    assert shapes([decoded(body.decode())]) == shapes([decoded(recorded)])


# --- checksums


class Levels:
    """A market view that holds these levels."""

    def __init__(self, bids: list[Level], asks: list[Level]) -> None:
        self._sides = bids, asks

    def bids(self, symbol: str, n: int | None = None) -> list[Level]:
        return self._sides[0][:n]

    def asks(self, symbol: str, n: int | None = None) -> list[Level]:
        return self._sides[1][:n]

    def prints(self, symbol: str, n: int) -> list[Print]:
        return [Print(1, 1, 100, 100, -1, False)]

    @property
    def listings(self) -> dict[str, Listing]:
        return {}


# docs.kraken.com, guide "Book checksum (WebSocket v2)": the ten levels of a side, and the CRC-32.
ASKS = (
    "45285.2 0.00100000 45286.4 1.54571953 45286.6 1.54571109 45289.6 1.54560911 45290.2 0.15890660 "
    "45291.8 1.54553491 45294.7 0.04454749 45296.1 0.35380000 45297.5 0.09945542 45299.5 0.18772827"
)
BIDS = (
    "45283.5 0.10000000 45283.4 1.54582015 45282.1 0.10000000 45281.0 0.10000000 45280.3 1.54592586 "
    "45279.0 0.07990000 45277.6 0.03310103 45277.5 0.30000000 45277.3 1.54602737 45276.6 0.15445238"
)


def test_the_checksum_is_the_documented_one() -> None:
    def levels(text: str) -> list[Level]:
        words = [
            int(Decimal(word) * 10 ** (8 if place % 2 else 1)) for place, word in enumerate(text.split())
        ]
        return list(zip(words[::2], words[1::2], strict=True))

    market = Levels(levels(BIDS), levels(ASKS))
    pair = PairFrames(KrakenDialect().listing("BTC/USD"), market, lambda now_ns: WALL)
    assert pair.checksum() == 3310070434


def follow(frames: list[Any], depth: int) -> int:
    """Keep books as the documentation says; every checksum must hold. Returns how many did."""
    books: dict[str, tuple[dict[Decimal, str], dict[Decimal, str]]] = {}
    held = 0
    for frame in frames:
        if frame.get("channel") != "book":
            continue
        (data,) = frame["data"]
        if frame["type"] == "snapshot":
            books[data["symbol"]] = ({}, {})
        text = []
        for place, name in ((1, "asks"), (0, "bids")):
            side = books[data["symbol"]][place]
            for level in data[name]:
                price = Decimal(level["price"])
                side.pop(price, None)
                if Decimal(level["qty"]):
                    side[price] = level["price"].replace(".", "").lstrip("0") + level["qty"].replace(
                        ".", ""
                    ).lstrip("0")
            order = sorted(side, reverse=name == "bids")
            for price in order[depth:]:
                del side[price]
            text += [side[price] for price in order[:10]]
        assert zlib.crc32("".join(text).encode()) == int(data["checksum"])
        held += 1
    return held


@pytest.mark.parametrize("depth", [10, 25, 100, 500, 1000])
def test_a_client_that_follows_the_documents_verifies_every_frame(depth: int) -> None:
    client = Client("BTC/EUR", "MINA/GBP", levels=1200 if depth > 100 else 40)
    frames = client.subscribe("book", "BTC/EUR", "MINA/GBP", depth=depth) + client.run(8)
    assert follow(frames, depth) > 700


@pytest.mark.parametrize("levels", [1, 3, 9])
def test_books_with_fewer_than_ten_levels_are_digested_as_they_are(levels: int) -> None:
    client = Client(levels=levels)
    assert follow(client.subscribe("book") + client.run(5), 10) > 100


def test_book_frames_are_written_as_documented() -> None:
    client = Client()
    client.venue.receive(0, b'{"method":"subscribe","params":{"channel":"book","symbol":["BTC/EUR"]}}', 0)
    client.venue.advance(5 * SECOND)
    level = r'\{"price":[1-9]\d*\.\d,"qty":\d+\.\d{8}\}'
    side = rf"\[(?:{level}(?:,{level})*)?\]"
    book = re.compile(
        r'\{"channel":"book","type":"(snapshot|update)","data":\[\{"symbol":"BTC/EUR",'
        rf'"bids":{side},"asks":{side},"checksum":\d{{1,10}},"timestamp":"2026-11-18T11:06:4\d\.\d{{6}}Z"\}}\]\}}'
    )
    frames = [frame for frame in client.frames() if '"book","type"' in frame]
    types = [match[1] for frame in frames if (match := book.fullmatch(frame))]
    assert types == ["snapshot"] + ["update"] * (len(frames) - 1)
    assert len(types) > 100


def test_numbers_carry_all_decimals() -> None:
    assert [decimal(5, 1), decimal(950_000, 1), decimal(0, 8), decimal(7, 0), decimal(-45, 1)] == [
        "0.5",
        "95000.0",
        "0.00000000",
        "7",
        "-4.5",
    ]


def test_times_have_microseconds_and_z() -> None:
    assert timestamp(1_695_563_363_799_685_999) == "2023-09-24T13:49:23.799685Z"
    assert timestamp(1_695_563_364_000_000_000) == "2023-09-24T13:49:24.000000Z"


# --- requests


def test_the_first_frame_is_the_status_with_a_wide_connection_id() -> None:
    identifiers = []
    for seed in range(12):
        frame = decoded(Client(seed=seed, rate=0.0, levels=1).status)
        assert frame["data"][0].keys() == {"version", "system", "api_version", "connection_id"}
        identifiers.append(int(frame["data"][0]["connection_id"]))
    assert len(set(identifiers)) == 12
    assert max(identifiers) > 2**63
    assert max(identifiers) < 2**64


def test_each_symbol_is_acknowledged_and_followed_by_its_snapshot() -> None:
    client = Client("BTC/EUR", "ETH/EUR")
    params = {"channel": "book", "symbol": ["BTC/EUR", "ETH/EUR"], "depth": 25, "snapshot": True}
    replies = client.ask({"method": "subscribe", "params": params, "req_id": 7})
    assert [reply.get("method", reply.get("type")) for reply in replies] == ["subscribe", "snapshot"] * 2
    for reply, symbol in zip(replies[::2], params["symbol"], strict=True):
        assert reply["result"] == {"channel": "book", "depth": "25", "snapshot": True, "symbol": symbol}
        assert (reply["success"], reply["req_id"]) == (True, "7")
        taken = datetime.fromisoformat(reply["time_out"]) - datetime.fromisoformat(reply["time_in"])
        assert taken.microseconds == 35
    assert [len(replies[1]["data"][0][side]) for side in ("bids", "asks")] == [25, 25]


def test_without_a_snapshot_updates_come_alone() -> None:
    client = Client()
    (reply,) = client.subscribe("book", snapshot=False)
    assert reply["result"]["depth"] == "10"
    assert {frame.get("type") for frame in client.run(3)} == {"update", None}


def test_unknown_pairs_are_refused_and_the_others_served() -> None:
    client = Client()
    refusal, answer, _ = client.subscribe("book", "XBT/EUR", "BTC/EUR")
    assert refusal["error"] == "Currency pair not supported XBT/EUR"
    assert (refusal["success"], refusal["symbol"]) == (False, "XBT/EUR")
    assert answer["success"] is True


@pytest.mark.parametrize("channel", ["book", "trade", "ticker"])
def test_a_second_subscription_is_refused_until_the_first_is_ended(channel: str) -> None:
    client = Client()
    params = {"channel": channel, "symbol": ["BTC/EUR"], **({"depth": 25} if channel == "book" else {})}
    client.ask({"method": "subscribe", "params": params})
    (refusal,) = client.ask({"method": "subscribe", "params": params, "req_id": 3})
    assert (refusal["error"], refusal["symbol"], refusal["req_id"]) == ("Already subscribed", "BTC/EUR", "3")
    (ended,) = client.ask({"method": "unsubscribe", "params": params})
    assert (ended["method"], ended["success"], ended["result"]["channel"]) == ("unsubscribe", True, channel)
    assert all(frame == {"channel": "heartbeat"} for frame in client.run(5))
    assert client.ask({"method": "subscribe", "params": params})[0]["success"] is True


def test_a_book_is_unsubscribed_with_its_depth_only() -> None:
    client = Client()
    client.subscribe("book", depth=25)
    for params in ({"depth": 10}, {"depth": 25, "symbol": ["ETH/EUR"]}):
        message = {"method": "unsubscribe", "params": {"channel": "book", "symbol": ["BTC/EUR"], **params}}
        (refusal,) = client.ask(message)
        assert (refusal["success"], refusal["error"]) == (False, "Subscription Not Found")
    assert len(client.run(2)) > 20


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (b"{", "Malformed request"),
        (b'"\xff"', "Malformed request"),
        ({"method": "subscribe", "params": {"channel": 5}}, "Malformed request"),
        ({"method": "dance"}, "Unsupported method"),
        ({"method": "subscribe", "params": {}}, "Channel field missing"),
        ({"method": "subscribe", "params": {"channel": "heartbeat"}}, "Channel not supported"),
        ({"method": "subscribe", "params": {"channel": "book"}}, "Symbol(s) not found"),
        (
            {"method": "subscribe", "params": {"channel": "book", "symbol": ["BTC/EUR"], "depth": 27}},
            "Subscription depth not supported",
        ),
        (
            {
                "method": "subscribe",
                "params": {"channel": "ticker", "symbol": ["BTC/EUR"], "event_trigger": "x"},
            },
            "Event trigger not supported",
        ),
        ({"method": "unsubscribe", "params": {"channel": "instrument"}}, "Channel not supported"),
    ],
)
def test_a_bad_request_is_refused_and_the_connection_goes_on(message: object, text: str) -> None:
    client = Client()
    (refusal,) = client.ask(message)
    assert (refusal["success"], refusal["error"]) == (False, text)
    assert {"time_in", "time_out"} < refusal.keys()
    assert client.subscribe("book")[0]["success"] is True


def test_a_ping_is_answered_with_the_venue_s_times() -> None:
    client = Client()
    client.run(1.5)
    (pong,) = client.ask({"method": "ping", "req_id": 101})
    assert pong == {
        "method": "pong",
        "req_id": "101",
        "time_in": timestamp(WALL + 3 * SECOND // 2),
        "time_out": timestamp(WALL + 3 * SECOND // 2 + 35_000),
    }


def test_heartbeats_start_with_the_first_subscription() -> None:
    client = Client()
    assert client.run(3) == []
    client.subscribe("trade")
    assert client.run(2.0).count({"channel": "heartbeat"}) == 2


# --- channels


def test_a_trade_snapshot_has_the_last_50_and_updates_go_on_from_it() -> None:
    client = Client(trade_share=0.3)
    _, snapshot = client.subscribe("trade", snapshot=True)
    updates = [frame for frame in client.run(10) if frame.get("channel") == "trade"]
    assert (snapshot["type"], len(snapshot["data"])) == ("snapshot", 50)
    entries = snapshot["data"] + [entry for frame in updates for entry in frame["data"]]
    numbers = [int(entry["trade_id"]) for entry in entries]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert len(numbers) > 200
    assert any(len(frame["data"]) > 1 for frame in updates)
    times = [entry["timestamp"] for entry in entries]
    assert times == sorted(times)
    keys = ["symbol", "side", "price", "qty", "ord_type", "trade_id", "timestamp"]
    for entry in entries:
        assert list(entry) == keys
        assert entry["side"] in ("buy", "sell")
        assert entry["ord_type"] in ("limit", "market")
    assert [reply for reply in Client().subscribe("trade") if "data" in reply] == []


def test_the_ticker_follows_the_best_prices_of_the_book() -> None:
    client = Client()
    frames = client.subscribe("book", depth=1000)  # deeper than the market: nothing to cut
    frames += client.subscribe("ticker", event_trigger="bbo") + client.run(10)
    tops: set[tuple[str, ...]] = set()
    sides: tuple[dict[Decimal, str], dict[Decimal, str]] = ({}, {})
    for frame in frames:
        if frame.get("channel") == "book":
            for side, name in zip(sides, ("bids", "asks"), strict=True):
                for level in frame["data"][0][name]:
                    side[Decimal(level["price"])] = level["qty"]
                    if not Decimal(level["qty"]):
                        del side[Decimal(level["price"])]
            bid, ask = max(sides[0]), min(sides[1])
            top = (str(bid), sides[0][bid], str(ask), sides[1][ask])
        elif frame.get("channel") == "ticker":
            (data,) = frame["data"]
            assert (data["bid"], data["bid_qty"], data["ask"], data["ask_qty"]) == top
            assert Decimal(data["low"]) <= Decimal(data["last"]) <= Decimal(data["high"])
            assert Decimal(data["low"]) <= Decimal(data["vwap"]) <= Decimal(data["high"])
            tops.add(top)
    assert len(tops) > 50


def test_the_ticker_s_default_trigger_is_trades() -> None:
    client = Client()
    reply, snapshot = client.subscribe("ticker")
    assert reply["result"]["event_trigger"] == "trades"
    client.subscribe("trade")
    frames = client.run(10)
    assert snapshot["type"] == "snapshot"
    kinds = [frame["channel"] for frame in frames if frame["channel"] != "heartbeat"]
    assert kinds == ["trade", "ticker"] * (len(kinds) // 2)
    assert len(kinds) > 40
    keys = "symbol bid bid_qty ask ask_qty last volume vwap low high change change_pct timestamp"
    assert list(frames[-1].get("data", snapshot["data"])[0]) == keys.split()


def test_instruments_are_listed_with_the_documented_fields() -> None:
    client = Client("BTC/EUR", "ADA/EUR")
    message = {"method": "subscribe", "params": {"channel": "instrument", "snapshot": True}, "req_id": 1}
    reply, snapshot = client.ask(message)
    assert reply["result"]["warnings"]
    assert (snapshot["channel"], snapshot["type"]) == ("instrument", "snapshot")
    assert [asset["id"] for asset in snapshot["data"]["assets"]] == ["ADA", "BTC", "EUR"]
    bitcoin, cardano = snapshot["data"]["pairs"]
    assert (bitcoin["symbol"], bitcoin["base"], bitcoin["quote"]) == ("BTC/EUR", "BTC", "EUR")
    assert (bitcoin["price_precision"], bitcoin["price_increment"], bitcoin["tick_size"]) == (
        "1",
        "0.1",
        "0.1",
    )
    assert (bitcoin["qty_precision"], bitcoin["qty_increment"]) == ("8", "1e-08")
    assert (cardano["price_precision"], cardano["price_increment"]) == ("6", "1e-06")
    assert client.ask(message)[0]["error"] == "Already subscribed"
    (ended,) = client.ask({"method": "unsubscribe", "params": {"channel": "instrument"}})
    assert ended["success"] is True


def test_a_tick_change_comes_as_an_instrument_update_and_books_show_the_new_decimals_from_then_on() -> None:
    client = Client(tick_change_s=3.0)
    client.ask({"method": "subscribe", "params": {"channel": "instrument"}})
    frames = client.subscribe("book") + client.run(6)
    place = next(place for place, frame in enumerate(frames) if frame.get("channel") == "instrument")
    (pair,) = frames[place]["data"]["pairs"]
    assert frames[place]["type"] == "update"
    assert frames[place]["data"]["assets"] == []
    assert (pair["price_precision"], pair["price_increment"]) == ("2", "0.01")
    for part, decimals in ((frames[:place], 1), (frames[place:], 2)):
        books = [frame for frame in part if frame.get("channel") == "book"]
        spellings = {spelling(level["price"]) for frame in books for level in frame["data"][0]["bids"]}
        assert spellings == {f"number with {decimals} decimals"}
    assert follow(frames[:place], 10) > 50
    (reply,) = client.ask({"method": "unsubscribe", "params": {"channel": "book", "symbol": ["BTC/EUR"]}})
    assert reply["success"] is True
    assert follow(client.subscribe("book") + client.run(3), 10) > 50


# --- REST


def rest(client: Client, path: str, **query: str) -> Any:
    reply = client.venue.http("GET", f"/0/public/{path}", query, 2 * SECOND)
    assert reply.status == 200
    return json.loads(reply.body)


def test_rest_tells_status_and_time() -> None:
    client = Client()
    assert rest(client, "SystemStatus")["result"] == {"status": "online", "timestamp": "2026-11-18T11:06:42Z"}
    assert rest(client, "Time")["result"] == {
        "unixtime": 1_795_000_002,
        "rfc1123": "Wed, 18 Nov 26 11:06:42 +0000",
    }


@pytest.mark.parametrize("name", ["XXBTZEUR", "XBTEUR", "XBT/EUR"])
def test_rest_knows_a_pair_by_each_of_its_names(name: str) -> None:
    client = Client("BTC/EUR", "ADA/EUR")
    assert list(rest(client, "AssetPairs", pair=name)["result"]) == ["XXBTZEUR"]
    depth = rest(client, "Depth", pair=name, count="2")["result"]["XXBTZEUR"]
    market = client.venue.market
    assert [Decimal(row[0]) * 10 for row in depth["bids"]] == [row[0] for row in market.bids("BTC/EUR", 2)]
    assert [Decimal(row[0]) * 10 for row in depth["asks"]] == [row[0] for row in market.asks("BTC/EUR", 2)]


@pytest.mark.parametrize(
    ("path", "query", "error"),
    [
        ("Nothing", {}, "EGeneral:Unknown method"),
        ("AssetPairs", {"pair": "XBTEUR,NONE"}, "EQuery:Unknown asset pair"),
        ("Depth", {"pair": "NONE"}, "EQuery:Unknown asset pair"),
        ("Depth", {}, "EGeneral:Invalid arguments"),
        ("Depth", {"pair": "XBTEUR", "count": "501"}, "EGeneral:Invalid arguments"),
    ],
)
def test_rest_errors_come_with_status_200(path: str, query: dict[str, str], error: str) -> None:
    assert rest(Client(), path, **query) == {"error": [error]}


# --- listings and playback


@pytest.mark.parametrize("name", ["BTC/EUR", "XBT/EUR", "btc/eur", "XBTEUR", "XXBTZEUR"])
def test_a_pair_is_listed_under_its_websocket_name(name: str) -> None:
    listing = KrakenDialect().listing(name)
    assert (listing.symbol, listing.price, listing.price_decimals) == ("BTC/EUR", 950_000, 1)


def test_any_pair_can_be_listed_and_what_is_none_cannot() -> None:
    assert KrakenDialect().listing("FOO/BAR").price == 10_000
    for name in ("FOO", "", "/EUR", "BTC/"):
        with pytest.raises(ConfigError, match="no pair of Kraken"):
            KrakenDialect().listing(name)


def test_the_spec_builds_the_dialect() -> None:
    dialect = emulator_spec.factory(None)
    assert (emulator_spec.name, dialect.venue, dialect.paths) == ("kraken", "kraken", ("/v2",))


def test_recorded_frames_are_told_apart() -> None:
    client = Client()
    frames = [client.status.encode()]
    client.subscribe("book")
    client.venue.receive(0, b'{"method":"subscribe","params":{"channel":"instrument"}}', 0)
    client.venue.receive(0, b'{"method":"subscribe","params":{"channel":"trade","symbol":["BTC/EUR"]}}', 0)
    client.venue.advance(5 * SECOND)
    frames += [frame.encode() for frame in client.frames()]
    dialect = KrakenDialect()
    played = [dialect.recorded(frame) for frame in frames]
    kinds = {(one.kind, one.channel, one.symbol) for one in played if one is not None}
    assert kinds == {
        (FrameKind.BOOK, "book", "BTC/EUR"),
        (FrameKind.TRADE, "trade", "BTC/EUR"),
        (FrameKind.METADATA, "instrument", None),
    }
    for frame, one in zip(frames, played, strict=True):
        if one is not None and one.kind is FrameKind.BOOK:
            assert one.checksum is not None
            assert frame[slice(*one.checksum)].decode() == decoded(frame.decode())["data"][0]["checksum"]
        if one is not None and one.kind is FrameKind.TRADE:
            assert one.trade_ids
    for other in (
        b"[1,2]",
        b"{",
        b'{"channel":"book","data":[]}',
        b'{"channel":"book","data":[{}]}',
        b"\xff",
    ):
        assert dialect.recorded(other) is None


def test_a_recording_is_played_byte_for_byte(shared_data: Path) -> None:
    lines = (shared_data / "kraken/v2_book25_MINA-GBP_20260816.ndjson").read_text().splitlines()[1:]
    frames = [
        (json.loads(line)["rx_ns"], line.split('"frame": ', 1)[1][:-1].encode())
        for line in lines
        if '"dir": "tx"' not in line
    ]
    dialect, listings = playback(KrakenDialect(), frames, speed=10.0)
    venue = VenueEmulator(dialect, listings, settings=STILL, wall_ns=WALL)
    connection = venue.connect(0, "/v2")
    request = {"method": "subscribe", "params": {"channel": "book", "symbol": ["MINA/GBP"], "depth": 25}}
    venue.receive(connection, json.dumps(request).encode(), 0)
    venue.advance(60 * SECOND)
    sent = [action for action in venue.drain() if isinstance(action, SendFrame)]
    books = [action for action in sent if b'"book","type"' in action.payload]
    assert [action.payload for action in books] == [frame for _, frame in frames if b'"book","type"' in frame]
    assert len(books) == 30
    assert follow([decoded(action.payload.decode()) for action in books], 25) == 30
    assert 5 * SECOND < books[-1].at_ns < 7 * SECOND
