"""The Polymarket emulator says what Polymarket says: recorded frames beside its own, and REST."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mm_framework.contracts.emulator import FrameKind
from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass
from mm_framework.emulator.actions import SendFrame
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.errors import ConfigError
from mm_framework.model.book import OrderBook
from mm_framework.model.fixed import parse
from mm_framework.testing.recordings import record, write_raw, write_recorder
from mm_polymarket.adapter import PolymarketAdapter
from mm_polymarket.book_hash import BookHash
from mm_polymarket.emulator import MAX_DUMP, PolymarketDialect, emulator_spec
from mm_polymarket.emulator_listings import TOKENS, identity, listing
from mm_polymarket.markets import Market
from mm_polymarket.metadata import read_page
from mm_polymarket.normalizer import PolymarketNormalizer
from mm_polymarket.tops import mirrored, told_top
from mm_polymarket.universe import ClobCursor, GammaCursor, listings_of

SECOND = 1_000_000_000
WALL = 1_795_000_000 * SECOND
YES, OTHER = TOKENS[:2]
NO = identity(YES).market.no
CHANNELS = ("book", "last_trade_price", "best_bid_ask")


class Client:
    """One connection of an emulated Polymarket; frames as text."""

    def __init__(self, *tokens: str, seed: int = 7, **settings: Any) -> None:
        dialect = PolymarketDialect()
        self.venue = VenueEmulator(
            dialect,
            [dialect.listing(token) for token in tokens or (YES,)],
            seed=seed,
            settings=MarketSettings(**{"rate": 100.0, "levels": 40, **settings}),
            wall_ns=WALL,
        )
        self.now_ns = 0
        self.connection = self.venue.connect(0, "/ws/market")
        assert self.frames() == []

    def frames(self) -> list[str]:
        return [action.payload.decode() for action in self.venue.drain() if isinstance(action, SendFrame)]

    def ask(self, message: object) -> list[str]:
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        self.venue.receive(self.connection, data, self.now_ns)
        return self.frames()

    def subscribe(self, *tokens: str, **params: Any) -> list[str]:
        message = {"assets_ids": list(tokens) or [YES], "type": "market", "operation": "subscribe"}
        return self.ask(message | {"custom_feature_enabled": True} | params)

    def run(self, seconds: float) -> list[str]:
        self.now_ns += round(seconds * SECOND)
        self.venue.advance(self.now_ns)
        return self.frames()

    def get(self, path: str, **query: str) -> Any:
        reply = self.venue.http("GET", path, query, self.now_ns)
        return reply.status, json.loads(reply.body)


class Desk:
    """Follows all frames by the normalizer: books, verdicts on hashes, trades, tops."""

    def __init__(self) -> None:
        self.books: dict[str, OrderBook] = {}
        self.verdicts: list[bool | None] = []
        self.counts: dict[str, int] = {}
        self.classes: list[FrameClass] = []

    def take(self, frames: list[str]) -> None:
        for frame in frames:
            self.classes.append(PolymarketNormalizer().decode(frame.encode(), ConnectionInfo(0, ""), self))
            for event in events(frame):
                for entry in event.get("price_changes", []):
                    book = self.books.get(entry["asset_id"])
                    assert book is None or told_top(book, entry["best_bid"], entry["best_ask"], 6)

    def begin(
        self,
        channel: str,
        carries: str,
        venue_symbol: str,
        *,
        snapshot: bool = False,
        wire: str | None = None,
    ) -> bool:
        if snapshot:
            self.books[venue_symbol] = OrderBook()
        self.symbol = venue_symbol
        self.counts[channel] = self.counts.get(channel, 0) + 1
        return venue_symbol in self.books

    def level(self, side: int, price: str, size: str) -> None:
        assert self.books[self.symbol].apply(side, parse(price, 6), parse(size, 6))

    def trade(self, side: int, price: str, size: str, trade_id: int = 0, ts_venue_ns: int = 0) -> None:
        assert 0 < parse(price, 6) < 10**6

    def top(self, bid: str | None, bid_size: str | None, ask: str | None, ask_size: str | None) -> None:
        assert told_top(self.books[self.symbol], bid or "0", ask or "1", 6)

    def end(self, *, digest: str | None = None, **numbers: Any) -> None:
        if digest is not None:
            self.verdicts.append(BookHash().verify(self.books[self.symbol], (6, 6), digest, self.symbol))

    def sequence(self, number: int) -> None:
        raise AssertionError("frames have no numbers")

    def control(self, event: object) -> None:
        pass


def events(frame: str) -> list[Any]:
    message = json.loads(frame)
    return message if isinstance(message, list) else [message]


def leaves(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """``(path, type)`` of every leaf; lists are transparent, an empty one is a leaf."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, f"{path}.{key}")
    elif isinstance(value, list) and value:
        for inner in value:
            yield from leaves(inner, f"{path}[]")
    else:
        number = isinstance(value, str) and value.replace(".", "", 1).isdecimal()
        yield path, "text of a number" if number else type(value).__name__


def shapes(frames: list[Any]) -> dict[str, set[tuple[str, str]]]:
    kinds: dict[str, set[tuple[str, str]]] = {}
    for frame in frames:
        for event in frame if isinstance(frame, list) else [frame]:
            form = "[]" if isinstance(frame, list) else ""
            kinds.setdefault(f"{event['event_type']}{form}", set()).update(leaves(event))
    return kinds


# --- against recordings


def test_a_session_has_the_kinds_keys_and_types_of_a_recorded_one(shared_data: Path) -> None:
    path = shared_data / "polymarket" / "ws_market_frames_edited_a_202412.ndjson"
    recorded = shapes([json.loads(line) for line in path.read_text().splitlines() if line.strip()])
    client = Client(tick_change_s=10.0)
    frames = [
        json.loads(frame) for frame in client.subscribe(YES, custom_feature_enabled=False) + client.run(20)
    ]
    own = shapes(frames)
    later = {(".tick_size", "text of a number"), (".last_trade_price", "text of a number")}
    for kind, expected in recorded.items():
        ours = own["book" if kind == "book[]" and kind not in own else kind]
        if kind == "last_trade_price":
            expected = {(path, "str" if path == ".transaction_hash" else form) for path, form in expected}
        assert ours - later == expected, kind
    assert own.keys() - recorded.keys() <= {"book"}


def test_price_changes_are_of_both_tokens_as_recorded_later(shared_data: Path) -> None:
    path = shared_data / "polymarket" / "hashed_book_pricechange_rest_20251023.ndjson"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    recorded = [json.loads(line["raw"]) for line in lines if line["kind"] == "ws_price_change"]
    for frame in recorded:
        frame["timestamp"] = str(frame["timestamp"])
    client = Client()
    client.subscribe(YES, NO)
    own = [
        event for frame in client.run(5) for event in events(frame) if event["event_type"] == "price_change"
    ]
    assert shapes(own) == shapes(recorded)
    for frame in own:
        yes, no = frame["price_changes"][:2]
        assert (yes["asset_id"], no["asset_id"]) == (YES, NO)
        assert {yes["side"], no["side"]} == {"BUY", "SELL"}
        assert parse(yes["price"], 6) + parse(no["price"], 6) == 10**6
        assert yes["size"] == no["size"]
        assert parse(yes["best_bid"], 6) + parse(no["best_ask"], 6) == 10**6


def test_a_rest_book_has_the_keys_and_types_of_recorded_ones(shared_data: Path) -> None:
    recorded = json.loads((shared_data / "polymarket" / "clob_books_3markets_20260517.json").read_text())
    client = Client()
    status, body = client.get("/book", token_id=YES)
    assert status == 200
    assert list(body) == list(recorded[0])
    assert set(leaves(body)) == set(leaves(recorded[0]))


@pytest.mark.parametrize(
    ("path", "name", "pick"),
    [
        ("/gamma/markets", "gamma_markets_202606.json", lambda body: body[0]),
        ("/gamma/events", "gamma_event_fed_june_20260517.json", lambda body: body["markets"][0]),
        ("/markets", "clob_markets_page.json.gz", lambda body: body["data"][0]),
        ("/clob-markets", "clob_markets_fed_june_20260517.json", lambda body: body[0]),
    ],
)
def test_market_lists_have_the_keys_and_types_of_recorded_ones(
    shared_data: Path, path: str, name: str, pick: Callable[[Any], Any]
) -> None:
    raw = (shared_data / "polymarket" / name).read_bytes()
    recorded = pick(json.loads(gzip.decompress(raw) if name.endswith("gz") else raw))
    condition = identity(YES).condition_id
    _, body = Client().get(f"{path}/{condition}" if path == "/clob-markets" else path)
    own = {
        "/clob-markets": lambda: body,
        "/markets": lambda: body["data"][0],
        "/gamma/markets": lambda: body[0],
    }.get(path, lambda: body[0]["markets"][0])()
    assert own.keys() <= recorded.keys()
    free = {"end_date_iso", "game_start_time", "accepting_order_timestamp", "price"}
    for key, value in own.items():
        if key not in free and recorded[key] is not None:
            assert type(value) is type(recorded[key]), key


# --- what a client makes of it


@pytest.mark.parametrize("seed", range(4))
def test_a_client_that_follows_the_documents_proves_every_book(seed: int) -> None:
    client, desk = Client(YES, OTHER, seed=seed), Desk()
    desk.take(client.subscribe(YES, NO, OTHER))
    assert set(desk.books) == {YES, NO, OTHER}
    for _ in range(20):
        desk.take(client.run(0.5))
        assert mirrored(desk.books[YES], desk.books[NO], 6)
        for token in (YES, OTHER):
            assert desk.books[token].best_bid == at_6(client.venue.market.bids(token, 1)[0])
            assert desk.books[token].best_ask == at_6(client.venue.market.asks(token, 1)[0])
    assert set(desk.verdicts) == {True}
    assert len(desk.verdicts) > 1000
    assert desk.counts.keys() == set(CHANNELS)
    assert FrameClass.UNKNOWN not in desk.classes


def at_6(level: tuple[int, int]) -> tuple[int, int]:
    return level[0] * 1000, level[1] * 10_000


class Deaf(Desk):
    """A desk that does not hear everything: levels and best prices may be others than it thinks."""

    def take(self, frames: list[str]) -> None:
        for frame in frames:
            PolymarketNormalizer().decode(frame.encode(), ConnectionInfo(0, ""), self)

    def level(self, side: int, price: str, size: str) -> None:
        self.books[self.symbol].apply(side, parse(price, 6), parse(size, 6))


def verdicts(frames: list[str]) -> list[bool | None]:
    """The verdict on the hash of the YES book after each frame."""
    desk = Deaf()
    desk.take(frames)
    assert len(desk.verdicts) == len(frames)
    return desk.verdicts


@pytest.fixture(scope="module")
def changes() -> list[str]:
    """A book, then price changes only."""
    client = Client(trade_share=0.0)
    frames = client.subscribe(custom_feature_enabled=False) + client.run(2)
    kinds = [events(frame)[0]["event_type"] for frame in frames]
    assert kinds == ["book"] + ["price_change"] * (len(frames) - 1)
    assert len(frames) > 150
    return frames


def effects(changes: list[str], place: int) -> list[tuple[str, str]]:
    """What a price change does to YES: sides and prices."""
    entries = events(changes[place])[0]["price_changes"]
    return [(entry["side"], entry["price"]) for entry in entries if entry["asset_id"] == YES]


def test_a_lost_price_change_is_not_proved_at_the_next_one(changes: list[str]) -> None:
    for place in range(1, len(changes) - 1):
        found = verdicts(changes[:place] + changes[place + 1 : place + 2])
        assert set(found[:-1]) == {True}
        same = effects(changes, place) == effects(changes, place + 1)
        assert found[-1] is (True if same else None), "a level set twice needs only its last size"


def test_a_price_change_that_comes_twice_changes_nothing(changes: list[str]) -> None:
    twice = [frame for frame in changes for _ in range(2)]
    assert set(verdicts(twice)) == {True}


def test_two_price_changes_that_change_places_are_noticed_at_the_next_one(changes: list[str]) -> None:
    for place in range(1, len(changes) - 2):
        first, second, third = (effects(changes, place + more) for more in range(3))
        found = verdicts([*changes[:place], changes[place + 1], changes[place], changes[place + 2]])
        if first != second:
            assert found[place : place + 2] == [None, None], "the earlier time is not that of the book now"
        elif second != third:
            assert found[place:] == [True, True, None], (
                "each is a book that was, the level's last size is lost"
            )


def test_a_later_book_heals_what_was_lost(changes: list[str]) -> None:
    client = Client(trade_share=0.0)
    client.subscribe(custom_feature_enabled=False)
    client.run(2)
    healed = verdicts([changes[0], *changes[20:], *client.subscribe(custom_feature_enabled=False)])
    assert None in healed
    assert healed[-1] is True


def test_rest_books_are_those_of_the_channel_and_are_proved() -> None:
    client, desk = Client(), Desk()
    desk.take(client.subscribe(YES, NO) + client.run(5))
    for token in (YES, NO):
        reply = client.venue.http("GET", "/book", {"token_id": token}, client.now_ns)
        witness = Desk()
        PolymarketNormalizer().http({}, reply.body, witness)
        assert witness.verdicts == [True]
        assert witness.books[token].bids() == desk.books[token].bids()
        assert witness.books[token].asks() == desk.books[token].asks()


def test_a_recording_of_it_verifies(tmp_path: Path, verified: Callable[..., dict[str, Any]]) -> None:
    instruments = [f"polymarket:{token}" for token in (YES, OTHER)]
    recording = record(
        PolymarketAdapter(),
        PolymarketDialect(),
        instruments,
        channels=CHANNELS,
        seconds=6,
        seed=3,
        market=MarketSettings(rate=60.0, levels=40),
    )
    for path in (
        write_recorder(recording, tmp_path / "recorder"),
        write_raw(recording, tmp_path / "raw"),
    ):
        document = verified(path, symbols=tuple(instruments))
        assert document["ok"], document["failures"]
        assert document["hashes"]["verified"] > 500
        assert document["hashes"]["unverified"] == document["hashes"]["failed"] == 0
        assert document["crossed"] == document["gaps"] == document["malformed"] == document["unknown"] == 0
        assert document["trades"] > 10
        assert document["unproved_channels"] == ["best_bid_ask", "last_trade_price"]
        assert sorted(document["instruments"]) == sorted(instruments)


def test_the_same_seed_gives_the_same_bytes() -> None:
    def session() -> list[str]:
        client = Client(seed=5)
        return client.subscribe(YES, NO) + client.run(8)

    assert session() == session()


def test_a_tick_change_is_told_with_a_new_book_and_a_finer_tick() -> None:
    client = Client(tick_change_s=2.0)
    desk = Desk()
    frames = client.subscribe(YES) + client.run(4)
    desk.take(frames)
    kinds = [event["event_type"] for frame in frames for event in events(frame)]
    place = kinds.index("tick_size_change")
    change = events(frames[place])[0]
    assert (change["old_tick_size"], change["new_tick_size"]) == ("0.001", "0.0001")
    assert kinds[place + 1] == "book"
    assert events(frames[place + 1])[0]["tick_size"] == "0.0001"
    assert set(desk.verdicts) == {True}
    assert client.get("/tick-size", token_id=YES) == (200, {"minimum_tick_size": 0.0001})


# --- requests


def test_pings_are_answered_in_text() -> None:
    assert Client().ask(b"PING") == ["PONG"]


def test_the_first_message_names_the_channel_and_later_ones_the_operation() -> None:
    client = Client(YES, OTHER)
    assert client.ask({"assets_ids": [YES], "operation": "subscribe"}) == ["INVALID OPERATION"]
    (book,) = client.ask({"assets_ids": [YES], "type": "MARKET"})
    assert events(book)[0]["asset_id"] == YES
    assert client.ask({"assets_ids": [OTHER], "type": "market"}) == ["INVALID OPERATION"]
    assert client.ask(b"{") == client.ask(b"\xff") == ["INVALID OPERATION"]
    (book,) = client.ask({"assets_ids": [OTHER], "operation": "subscribe"})
    assert events(book)[0]["asset_id"] == OTHER
    assert client.ask({"assets_ids": [YES], "operation": "unsubscribe"}) == []
    assert {event.get("market") for frame in client.run(2) for event in events(frame)} == {
        identity(OTHER).condition_id
    }


def test_a_subscription_without_known_tokens_is_answered_in_text_and_one_made_twice_with_the_book() -> None:
    client = Client()
    assert client.subscribe("123") == ["NO NEW ASSETS"]
    assert client.ask({"assets_ids": [], "operation": "subscribe"}) == ["NO NEW ASSETS"]
    assert len(client.subscribe(YES, NO, "123", YES)) == 2
    assert len(client.subscribe(YES)) == 1
    assert client.subscribe(YES, initial_dump=False) == []


def test_nothing_comes_unasked() -> None:
    assert Client().run(10) == []


def test_over_the_limit_of_a_connection_first_books_are_missing() -> None:
    tokens = [str(number) for number in range(1, MAX_DUMP + 2)]
    client = Client(*tokens, rate=0.0, levels=2)
    assert len(client.subscribe(*tokens[:MAX_DUMP])) == MAX_DUMP
    assert client.subscribe(tokens[-1]) == []


def test_custom_features_bring_best_prices_and_new_markets() -> None:
    plain, custom = Client(), Client()
    plain.subscribe(custom_feature_enabled=False)
    custom.subscribe()
    kinds = [
        {event["event_type"] for frame in client.run(20) for event in events(frame)}
        for client in (plain, custom)
    ]
    assert kinds[1] - kinds[0] == {"best_bid_ask", "new_market"}
    assert kinds[0] == {"book", "price_change", "last_trade_price"}


def test_only_one_token_of_a_market_may_be_followed() -> None:
    client, desk = Client(), Desk()
    desk.take(client.subscribe(NO) + client.run(5))
    assert set(desk.books) == {NO}
    assert set(desk.verdicts) == {True}


# --- REST and listings


def test_the_universe_is_found_over_both_lists() -> None:
    client = Client(*TOKENS)

    def read(cursor: Any, prefix: str) -> list[Market]:
        found: list[Market] = []
        while cursor is not None:
            path, _, query = cursor.request(prefix).url.partition("?")
            pairs = dict(part.split("=") for part in query.split("&") if part)
            reply = client.venue.http("GET", path, pairs, 0)
            page = read_page(reply.body)
            found += page.markets
            cursor = cursor.following(page)
        return found

    gamma, clob = read(GammaCursor(), "/gamma"), read(ClobCursor(), "")
    names = [{one.instrument for one in listings_of(found)} for found in (gamma, clob)]
    assert names[0] == names[1]
    assert len(gamma) == len(TOKENS)
    adapter = PolymarketAdapter()
    adapter.learn(gamma)
    assert adapter.venue_symbol(adapter.instrument_id(NO)) == NO
    assert {market.tick_size for market in gamma} == {"0.001"}


def test_clob_pages_end_with_a_sign() -> None:
    client = Client(*[str(number) for number in range(1, 131)], rate=0.0, levels=2)
    _, first = client.get("/markets")
    assert (first["count"], first["next_cursor"]) == (100, "MTAw")
    _, second = client.get("/markets", next_cursor="MTAw")
    assert (second["count"], second["next_cursor"]) == (30, "LTE=")
    assert len(client.get("/gamma/markets", offset="100", limit="500")[1]) == 30
    assert len(client.get("/gamma/markets", limit="500")[1]) == 100
    assert client.get("/gamma/markets", closed="true") == (200, [])


@pytest.mark.parametrize(
    ("path", "query", "status"),
    [
        ("/book", {"token_id": "5"}, 404),
        ("/book", {}, 404),
        ("/tick-size", {}, 404),
        ("/prices-history", {}, 404),
        ("/markets/0x1", {}, 404),
        ("/clob-markets/0x1", {}, 404),
        ("/markets", {"next_cursor": "?"}, 400),
        ("/gamma/tags", {}, 404),
        ("/gamma/markets", {"offset": "10100"}, 422),
        ("/gamma/markets", {"limit": "all"}, 422),
        ("/trades", {"offset": "10001"}, 400),
        ("/nothing", {}, 404),
    ],
)
def test_bad_requests_are_answered_with_an_error(path: str, query: dict[str, str], status: int) -> None:
    found, body = Client().get(path, **query)
    assert found == status
    assert list(body) == ["error"]


def test_other_methods_are_not_allowed_and_the_time_is_in_seconds() -> None:
    client = Client()
    assert client.venue.http("POST", "/book", {}, 0).status == 405
    assert client.get("/time") == (200, WALL // SECOND)
    condition = identity(YES).condition_id
    assert client.get(f"/markets/{condition}")[1]["condition_id"] == condition


def test_history_is_sampled_between_its_bounds() -> None:
    client = Client()
    now = WALL // SECOND
    query = {"market": YES, "startTs": str(now - 600), "endTs": str(now + 600), "fidelity": "5"}
    rows = client.get("/prices-history", **query)[1]["history"]
    assert [row["t"] for row in rows] == [now - 600, now - 300, now]
    assert all(0 < row["p"] < 1 for row in rows)
    assert len(client.get("/prices-history", market=NO, fidelity="x")[1]["history"]) == 24 * 60 + 1
    assert len(client.get("/prices-history", market=NO, interval="1w", fidelity="60")[1]["history"]) == 169
    assert client.get("/prices-history", market=NO, interval="1y")[0] == 400


def test_history_follows_the_price_and_both_tokens_mirror_each_other() -> None:
    client = Client()
    client.subscribe(YES)
    told = {0: client.get("/prices-history", market=YES, startTs=str(WALL // SECOND))[1]["history"][-1]["p"]}
    for minute in range(1, 11):
        client.run(60)
        bids, asks = (client.get("/book", token_id=YES)[1][side] for side in ("bids", "asks"))
        told[minute] = (float(bids[-1]["price"]) + float(asks[-1]["price"])) / 2
    rows = client.get("/prices-history", market=YES, startTs=str(WALL // SECOND), fidelity="1")[1]["history"]
    assert [row["t"] for row in rows] == [WALL // SECOND + 60 * minute for minute in range(11)]
    assert rows[-1]["p"] == pytest.approx(told[10]), "now"
    assert len({row["p"] for row in rows}) > 3, "the price moves"
    mirrored = client.get("/prices-history", market=NO, startTs=str(WALL // SECOND))[1]["history"]
    assert [row["p"] + other["p"] for row, other in zip(rows, mirrored, strict=True)] == pytest.approx(
        [1.0] * 11
    )


def test_trades_over_rest_are_those_of_the_channel_newest_first() -> None:
    client = Client(YES, OTHER)
    told = [event for frame in client.subscribe(YES) + client.run(10) for event in events(frame)]
    prints = [event for event in told if event["event_type"] == "last_trade_price"]
    _, rows = client.get("/trades", market=identity(YES).condition_id, limit="500")
    times = [row["timestamp"] for row in rows]
    assert times == sorted(times, reverse=True)
    by_hash = {row["transactionHash"]: row for row in rows}
    assert len(prints) > 20
    for event in prints:
        row = by_hash[event["transaction_hash"]]
        assert (row["side"], row["asset"], row["price"]) == (event["side"], YES, float(event["price"]))
        assert row["timestamp"] == int(event["timestamp"]) // 1000
    both = client.get("/trades")[1]
    assert len(both) == 100
    assert {row["asset"] for row in client.get("/trades", limit="500")[1]} == {YES, OTHER}
    assert client.get("/trades", offset="3", limit="1")[1] == both[3:4]


def test_a_market_is_listed_by_each_of_its_names() -> None:
    market = identity(YES).market
    for name in (YES, NO, *(symbol for _, symbol in market.names())):
        assert listing(name).symbol == YES
    assert listing("77").symbol == "77"
    assert identity("77").market.no != identity("78").market.no
    for name in ("rain", "", "000000000000-YES", "9" * 79):
        with pytest.raises(ConfigError, match="no token of Polymarket"):
            listing(name)


def test_the_spec_builds_the_dialect() -> None:
    dialect = emulator_spec.factory(None)
    assert (emulator_spec.name, dialect.venue, dialect.paths) == ("polymarket", "polymarket", ("/ws/market",))
    assert dialect.symbols == (YES,)


def test_recorded_frames_are_told_apart() -> None:
    client = Client(tick_change_s=1.0)
    dialect = PolymarketDialect()
    played = [dialect.recorded(frame.encode()) for frame in client.subscribe() + client.run(8)]
    assert {(one.kind, one.channel, one.symbol) for one in played if one is not None} == {
        (FrameKind.SNAPSHOT, "book", YES),
        (FrameKind.BOOK, "book", YES),
        (FrameKind.TRADE, "last_trade_price", YES),
        (FrameKind.TICKER, "best_bid_ask", YES),
        (FrameKind.METADATA, "book", YES),
    }
    assert played.count(None) == 1, "the announcement of a new market"
    for other in (
        b"PONG",
        b"[]",
        b"{}",
        b'{"event_type":"book"}',
        b'[{"event_type":"book"},{}]',
        b"\xff",
        b"5",
    ):
        assert dialect.recorded(other) is None
