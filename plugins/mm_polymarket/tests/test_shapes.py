"""The declared shapes say what the normalizer says: both paths of `Feed` on the same frames."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import pytest
from toy_venue import ToyLog

from mm_framework.contracts.adapter import Subscription
from mm_framework.contracts.sync_engine import SyncRules
from mm_framework.emulator.actions import SendFrame
from mm_framework.emulator.faults import parse_faults
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.feed import FeedConfig, VenueKit
from mm_framework.kernels import loader
from mm_polymarket.adapter import PolymarketAdapter
from mm_polymarket.emulator import PolymarketDialect
from mm_polymarket.emulator_listings import TOKENS, identity
from mm_polymarket.normalizer import PolymarketNormalizer
from mm_polymarket.sync import RULES

pytest.importorskip("numba")
if not loader.active():
    pytest.skip("the kernels are off or not compiled", allow_module_level=True)

from twin import Twin, twin_over  # only where there are kernels

YES, NO, OTHER = "7" * 77, "65193", "1" * 70 + "2" * 7
CHANNELS = ("book", "last_trade_price", "best_bid_ask")
KITS = {
    name: {"polymarket": VenueKit(PolymarketAdapter(), PolymarketNormalizer(), rules)}
    for name, rules in (("plain", SyncRules(crossed="ignore")), ("venue", RULES))
}
ENDINGS = (
    {"min_order_size": "5", "tick_size": "0.01", "neg_risk": False},
    {"min_order_size": "5", "tick_size": "0.001", "neg_risk": True},
    {},
)


@attrs.define
class Token:
    """A token's book and the frames that tell of it: levels by side and price, in ticks of 0.01."""

    token: str
    ending: int = 0
    market: str = "0x84c0ffe3"
    levels: dict[tuple[str, int], str] = attrs.Factory(dict)

    def __attrs_post_init__(self) -> None:
        self.levels |= {("BUY", 40): "100", ("BUY", 39): "12.5", ("SELL", 60): "7.123456", ("SELL", 61): "3"}

    def digest(self, time: int) -> str:
        """The rule as the venue's client words it."""
        sides = {
            side: [
                {"price": f"{price / 100:g}", "size": size}
                for (of, price), size in sorted(self.levels.items(), key=lambda one: one[0][1] * sign)
                if of == side
            ]
            for side, sign in (("BUY", 1), ("SELL", -1))
        }
        document = {
            "market": self.market,
            "asset_id": self.token,
            "timestamp": str(time),
            "hash": "",
            "bids": sides["BUY"],
            "asks": sides["SELL"],
            **ENDINGS[self.ending],
        }
        return hashlib.sha1(json.dumps(document, separators=(",", ":")).encode()).hexdigest()

    def change(self, draw: random.Random) -> dict[str, str]:
        """A level that changes, or goes."""
        side = draw.choice(["BUY", "SELL"])
        price = draw.randrange(1, 45) if side == "BUY" else draw.randrange(46, 100)
        size = draw.choice(["0", "0", "5", "10.5", "123456.78", "0.000001"])
        self.levels.pop((side, price), None)
        if size != "0":
            self.levels[side, price] = size
        return {"price": f"{price / 100:g}", "size": size, "side": side}

    def book(self, time: int) -> bytes:
        """The whole book."""
        sides = {
            name: [
                {"price": f"{p / 100:g}", "size": size} for (of, p), size in self.levels.items() if of == side
            ]
            for side, name in (("BUY", "bids"), ("SELL", "asks"))
        }
        head = {"event_type": "book", "asset_id": self.token, "market": self.market}
        return json.dumps({**head, "timestamp": str(time), **sides}).encode()


def entry(book: Token, change: dict[str, str], time: int) -> dict[str, str]:
    return {"asset_id": book.token, **change, "hash": book.digest(time), "best_bid": "0.4", "best_ask": "0.6"}


def price_change(time: int, entries: Sequence[dict[str, Any]], /, **more: Any) -> bytes:
    head = {"market": "0x84c0ffe3", "timestamp": str(time), "event_type": "price_change"}
    body = {**head, "price_changes": list(entries), **more}
    return json.dumps(body, separators=(",", ":")).encode()


def old_change(book: Token, time: int, changes: Sequence[dict[str, Any]], /, **more: Any) -> bytes:
    head = {"event_type": "price_change", "asset_id": book.token, "market": book.market}
    body = {**head, "timestamp": str(time), "hash": book.digest(time), "changes": list(changes), **more}
    return json.dumps(body, separators=(",", ":")).encode()


def log_of(frames: Iterable[bytes], tokens: Sequence[str] = (YES, NO), **config: Any) -> ToyLog:
    """These frames, received on one connection by one who follows the tokens."""
    followed = tuple(
        Subscription(f"polymarket:{token}", token, channel) for token in tokens for channel in CHANNELS
    )
    config = {"live": False, **config}
    start = FeedConfig(venue="polymarket", wall0_ns=10**18, subscriptions=followed, **config)
    log = ToyLog(start.to_json())
    log.open(url="wss://ws-subscriptions-clob.polymarket.com/ws/market")
    for frame in frames:
        log.frame(frame)
    return log


def records_of(frames: Iterable[bytes], tokens: Sequence[str] = (YES, NO), **config: Any) -> list[bytes]:
    """The records of `log_of`."""
    return log_of(frames, tokens, **config).records


def test_price_changes_take_the_scanner_and_every_hash_is_compared() -> None:
    draw, books = random.Random(1), [Token(YES), Token(NO, ending=1)]
    frames = [book.book(5) for book in books]
    for time in range(10, 400):
        chosen = [draw.choice(books) for _ in range(draw.choice([1, 2, 2, 5]))]
        changes = [(book, book.change(draw)) for book in chosen]
        frames.append(price_change(time, [entry(book, change, time) for book, change in changes]))
    twin, _ = twin_over(KITS["venue"], records_of(frames), draw)
    counts = twin.compiled.counts
    assert twin.slow <= 4, "the books, and no more than one frame of each token behind them"
    assert counts.hashes_verified == counts.messages - 2 > 500
    assert counts.hashes_unverified == 0
    assert twin.compiled.fallbacks == {}


def test_price_changes_of_one_token_take_the_scanner() -> None:
    draw, book = random.Random(2), Token(YES, ending=2)
    frames = [book.book(5)]
    for time in range(10, 200):
        changes = [book.change(draw) for _ in range(draw.choice([0, 1, 3]))]
        frames.append(old_change(book, time, changes))
    twin, _ = twin_over(KITS["venue"], records_of(frames), draw)
    assert twin.slow <= 2
    assert twin.compiled.counts.hashes_verified == 190


def test_a_hash_that_does_not_hold_is_counted_alike_for_each_instrument() -> None:
    draw, books = random.Random(3), [Token(YES), Token(NO)]
    frames = [book.book(5) for book in books]
    odd = ["g" * 40, "A" * 40, "0" * 40, "f" * 40, "0" * 39, "0" * 41, "", None]
    for time in range(10, 200):
        entries = [entry(book, book.change(draw), time) for book in books]
        if draw.random() < 0.3:
            draw.choice(entries)["hash"] = draw.choice(odd)  # type: ignore[assignment]
        if draw.random() < 0.1:
            del draw.choice(entries)["hash"]
        frames.append(price_change(time, entries))
    twin, _ = twin_over(KITS["venue"], records_of(frames), draw)
    counts = twin.compiled.counts
    assert counts.hashes_unverified > 10
    assert counts.hashes_verified > 200


def test_the_scales_of_a_definition_may_be_too_fine_for_kernels() -> None:
    draw, book = random.Random(4), Token(YES)
    frames = [book.book(5)]
    for time in range(10, 60):
        change = book.change(draw)
        if time == 30:
            book.levels["BUY", 41] = "1.0000000005"
            change = {"price": "0.41", "size": "1.0000000005", "side": "BUY"}
        frames.append(price_change(time, [entry(book, change, time)]))
    twin, _ = twin_over(KITS["venue"], records_of(frames), draw)
    assert twin.slow > 25


def test_books_outgrow_the_room_for_their_texts() -> None:
    draw, book = random.Random(5), Token(YES)
    frames = [book.book(5)]
    for time in range(10, 14):
        changes = []
        for ticks in range(1, 40 if time == 10 else 99):
            side = "BUY" if ticks < 50 else "SELL"
            book.levels[side, ticks] = f"{time}.{ticks}1"
            changes.append({"price": f"{ticks / 100:g}", "size": f"{time}.{ticks}1", "side": side})
        frames.append(price_change(time, [entry(book, change, time) for change in changes]))
    twin, _ = twin_over(KITS["venue"], records_of(frames), draw)
    assert twin.compiled.counts.hashes_verified == 4


def test_rows_of_tokens_that_nobody_follows_are_left_out() -> None:
    draw, books = random.Random(6), [Token(YES), Token(OTHER)]
    frames = [books[0].book(5)]
    for time in range(10, 200):
        chosen = [draw.choice(books) for _ in range(draw.choice([1, 2, 3, 6]))]
        changes = [(book, book.change(draw)) for book in chosen]
        frames.append(price_change(time, [entry(book, change, time) for book, change in changes]))
    twin, _ = twin_over(KITS["venue"], records_of(frames, [YES]), draw)
    assert twin.slow <= 4
    assert twin.compiled.counts.data == len(frames)


def test_a_token_that_nobody_followed_may_be_followed_later() -> None:
    draw, books = random.Random(7), [Token(YES), Token(NO)]

    def changes(first: int) -> list[bytes]:
        return [
            price_change(time, [entry(book, book.change(draw), time) for book in books])
            for time in range(first, first + 40)
        ]

    log = log_of([books[0].book(5), *changes(10)], [YES])
    log.control(
        "follow", subscriptions=[attrs.asdict(Subscription(f"polymarket:{NO}", NO, "book"))], infos=[]
    )
    for frame in [*changes(50), books[1].book(90), *changes(91)]:
        log.frame(frame)
    twin, _ = twin_over(KITS["venue"], log.records, draw)
    assert [len(view.book) > 4 for view in twin.compiled.instruments()] == [True, True]
    assert twin.compiled.counts.hashes_verified == 1 * 80 + 2 * 40


def test_trades_and_best_prices_take_the_scanner() -> None:
    draw, frames = random.Random(8), [Token(YES).book(5)]
    for time in range(10, 120):
        if draw.random() < 0.5:
            body: dict[str, Any] = {
                "asset_id": draw.choice([YES, NO]), "event_type": "last_trade_price", "fee_rate_bps": "0",
                "market": "0x84", "price": "0.4", "side": draw.choice(["BUY", "SELL"]),
                "size": draw.choice(["219.217767", "5", "0"]), "timestamp": str(time),
            }  # fmt: skip
        else:
            body = {
                "event_type": "best_bid_ask", "market": "0x84", "asset_id": draw.choice([YES, NO]),
                "best_bid": draw.choice(["0.4", "0", "1", "", "0.39"]),
                "best_ask": draw.choice(["0.6", "1", "0", "", "0.61"]), "timestamp": str(time),
            }  # fmt: skip
        frames.append(json.dumps(body, separators=(",", ":")).encode())
    twin, _ = twin_over(KITS["venue"], records_of(frames), draw)
    assert twin.slow <= 6
    assert twin.compiled.counts.trades > 40
    assert twin.compiled.counts.tops > 40


_ENTRY = {"asset_id": YES, "price": "0.4", "size": "1", "side": "BUY", "hash": "0" * 40}
WRONG_ENTRIES: list[dict[str, Any]] = [
    *({"price": text} for text in ("0", 0.4, "0.40", "4e-1", "-0.4", None, "0.1234567")),
    *({"size": text} for text in ("-1", "01", "1.", 1, "1e3", "9" * 18, "9" * 19)),
    *({"side": text} for text in ("buy", "BUYS", None)),
    *({"asset_id": text} for text in (5, "", YES + "1", "x", OTHER, YES[:-1])),
    *({"best_bid": text} for text in (0.4, None, "\u00e9")),
    *({"best_ask": text} for text in ("", "odd text ~\u007f")),
    *({"hash": text} for text in (1, "0" * 40 + " ", "\u007f" * 40)),
    {"more": {"a": [1, None]}},
]
WRONG_HEADS: list[dict[str, Any]] = [
    *({"market": text} for text in ("0x84 c0", "m" * 80, "m" * 81, "\u007f", "", None, 5)),
    *({"timestamp": text} for text in (17, "017", "", "0", "9223372036854", "9223372036855", "-1", "1.5")),
    *({"timestamp": "1" * digits} for digits in (13, 14, 15, 16)),
    *({"asset_id": text} for text in (YES, 5)),
    *({"changes": some} for some in ([], None)),
    *({"price_changes": some} for some in ([], None, [[]], {})),
    *({"hash": "x"}, {"price": "0.5"}, {"side": "up"}, {"size": None}, {"new": 1}, {"event_type": "book"}),
]


def hostile() -> list[bytes]:
    """Frames that are odd in one place."""
    good = price_change(50, [_ENTRY])
    missing = [price_change(50, [{k: v for k, v in _ENTRY.items() if k != key}]) for key in _ENTRY]
    frames = [price_change(50, [_ENTRY, _ENTRY | wrong, _ENTRY]) for wrong in WRONG_ENTRIES]
    frames += [price_change(50, [_ENTRY], **wrong) for wrong in WRONG_HEADS]
    frames += [old_change(Token(YES), 50, [_ENTRY], **wrong) for wrong in WRONG_HEADS]
    frames += [old_change(Token(YES), 50, [_ENTRY | wrong]) for wrong in WRONG_ENTRIES]
    twice = good.replace(b'"price":', b'"price":"0.3","price":')
    many = price_change(50, [_ENTRY | {"asset_id": str(number)} for number in range(1, 80)])
    listed = [b"[%b]" % good, b"[%b,%b]" % (good, good), good + b" ", good + b"x", good[:-1], many, twice]
    return [*frames, *missing, *listed, b"PONG", b"NO NEW ASSETS", b"[]"]


@pytest.mark.parametrize("rules", KITS)
def test_odd_frames_are_the_same_on_both_paths(rules: str) -> None:
    for frame in hostile():
        books = [Token(YES), Token(NO)]
        around = [book.book(5) for book in books]
        around += [price_change(9, [_ENTRY, _ENTRY | {"asset_id": NO}]), frame, price_change(60, [_ENTRY])]
        twin = Twin(KITS[rules])
        for record in records_of(around):
            twin.take([record])
        twin.settle([frame])


@pytest.mark.parametrize(
    "tokens", [(YES, NO), (YES,), (YES, *map(str, range(1, 80)))], ids=["two", "one", "many"]
)
def test_odd_frames_among_others_are_the_same_on_both_paths(tokens: tuple[str, ...]) -> None:
    draw = random.Random(9)
    frames = [Token(token).book(5) for token in tokens]
    for frame in draw.sample(hostile(), len(hostile())):
        frames += [frame, price_change(60, [_ENTRY, _ENTRY | {"asset_id": NO}])]
    twin_over(KITS["plain"], records_of(frames, tokens), draw)


@pytest.mark.parametrize("live", [False, True])
@pytest.mark.parametrize("faults", ["", "drop:0.01,repeat:0.01,reorder:0.01,corrupt:0.03"])
def test_an_emulated_session_is_the_same_on_both_paths(faults: str, live: bool) -> None:
    dialect = PolymarketDialect()
    venue = VenueEmulator(
        dialect,
        [dialect.listing(token) for token in TOKENS[:2]],
        settings=MarketSettings(rate=60.0, levels=40, trade_share=0.02),
        faults=parse_faults(faults),
        wall_ns=1_790_000_000_000_000_000,
    )
    connection, adapter = venue.connect(0, "/ws/market"), PolymarketAdapter()
    tokens = [TOKENS[0], identity(TOKENS[0]).market.no, TOKENS[1]]
    wanted = [
        Subscription(adapter.instrument_id(token), token, channel) for channel in CHANNELS for token in tokens
    ]
    for message in adapter.subscribe(wanted, 1):
        venue.receive(connection, message, 0)
    venue.advance(8 * 10**9)
    frames = [action.payload for action in venue.drain() if isinstance(action, SendFrame)]
    records = records_of(frames, tokens, live=live)
    twin, _ = twin_over(KITS["venue"], records, random.Random(11))
    counts = twin.compiled.counts
    assert counts.hashes_verified > 400
    if not faults:
        assert counts.hashes_unverified == 0
        assert twin.slow < 0.3 * len(frames)
