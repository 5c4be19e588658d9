"""Both paths agree on venues of every rule: numbers, windows, proofs in frames of their own, bad networks.

A venue is drawn at random, and a world around it that answers what a feed asks for: late, twice, wrongly
or not at all. By default a few seeds; ``MM_SEEDS=1000`` takes so many.
"""

from __future__ import annotations

import heapq
import json
import os
import random
from collections.abc import Mapping
from typing import Any

import attrs
import pytest

from mm_framework.contracts.adapter import HttpRequest, Subscription
from mm_framework.contracts.normalizer import (
    ConnectionInfo,
    FrameClass,
    GoingAway,
    MessageWriter,
    Subscribed,
    VenueStatus,
)
from mm_framework.contracts.shapes import (
    Array,
    Integer,
    Literal,
    Maybe,
    Message,
    Object,
    Price,
    Rows,
    Shape,
    Size,
    Symbol,
    Time,
    Truth,
    Tuple,
    WholeBook,
)
from mm_framework.contracts.sync_engine import ChecksumSpec, SequenceSpec, SyncRules
from mm_framework.errors import MalformedFrame
from mm_framework.feed import Feed, FeedConfig, FeedSettings, VenueKit
from mm_framework.feed.output import Command, Fetch, Reconnect, Rotate, Send
from mm_framework.kernels.mode import mode
from mm_framework.model.book import OrderBook
from mm_framework.model.events import ASK, BID, NULL
from mm_framework.model.frame import RecordKind, encode_http, encode_json
from mm_framework.sync.checksum import checksum

pytest.importorskip("numba")
if mode() == "off":
    pytest.skip("MM_KERNELS is off", allow_module_level=True)

from feed_desk import checkpoint_record, read
from toy_venue import VENUE, ToyAdapter, ToyLog
from twin import Twin, twin_over

from mm_framework.kernels.shapes import CompiledShapes

SEEDS = int(os.environ.get("MM_SEEDS", "10"))
FIRST = int(os.environ.get("MM_FIRST_SEED", "0"))
MS, S = 1_000_000, 1_000_000_000
SYMBOLS = ("A/B", "C/D", "EUR/USD")
SPECS = (
    None,
    SequenceSpec(link="first", bridge="rest"),
    SequenceSpec(link="prev", bridge="rest"),
    SequenceSpec(link="first"),
    SequenceSpec(link="prev"),
    SequenceSpec(scope="connection"),
    SequenceSpec(scope="connection"),
)
CHECKSUMS = (
    None,
    None,
    ChecksumSpec(3, truncate=False, when="own_frame"),
    ChecksumSpec(2, order="interleaved", form="js_number", separator=":", signed=True, sign_on_asks=True,
                 truncate=False, when="own_frame"),
    ChecksumSpec(3),
    ChecksumSpec(3, order="bids_then_asks", form="plain"),
)  # fmt: skip

_LEVEL = Tuple((Price(quoted=True), Size(quoted=True)))
_CHANGES = {
    "U": Maybe(Integer("first")),
    "u": Maybe(Integer("last")),
    "pu": Maybe(Integer("prev")),
    "c": Maybe(Integer("checksum", high=2**32 - 1)),
    "T": Maybe(Time("ms")),
    "b": Maybe(Rows(_LEVEL, side=BID)),
    "a": Maybe(Rows(_LEVEL, side=ASK)),
}
_SEQ = Maybe(Integer("sequence"))
_NAMED = {"s": Symbol(), "p": Price(quoted=True), "q": Size(quoted=True), "ask": Truth(ASK)}
_MIX = {
    "ch": Literal(("mix",)),
    "seq": _SEQ,
    "T": Maybe(Time("ms")),
    "l": Rows(Object(_NAMED)),
}
_PRINT = Object(
    {"i": Integer("trade_id"), "p": Price(quoted=True), "q": Size(quoted=True), "m": Truth(-1),
     "T": Time("ms", of="row")}
)  # fmt: skip
_BEST = {
    "b": Price(quoted=True, side=BID),
    "B": Size(quoted=True, side=BID),
    "a": Price(quoted=True, side=ASK),
    "A": Size(quoted=True, side=ASK),
}


def _shape(channel: str, name: str, body: dict[str, Any], symbol: Symbol) -> Shape:
    message = Message(Object({"s": symbol, **body}))
    return Shape(
        channel,
        channel,
        Object({"ch": Literal((name,)), "seq": _SEQ, "snap": Maybe(WholeBook()), "d": Array(message)}),
        f'{{"ch":"{name}"',
    )


class WildNormalizer:
    """``{"ch":..,"seq":..,"d":[{"s":..},..]}``; channel names with an ``n`` say a number for the symbol."""

    version = "1"
    shapes = (
        _shape("book", "book", _CHANGES, Symbol()),
        _shape("book", "nbook", _CHANGES, Symbol(number=True)),
        _shape("trade", "trade", {"t": Rows(_PRINT)}, Symbol()),
        _shape("ticker", "ticker", {**_BEST, "u": Maybe(Integer("last"))}, Symbol()),
        Shape("hb", "heartbeat", Object({"ch": Literal(("hb",)), "seq": _SEQ}), '{"ch":"hb"'),
        Shape("book", "book", Message(Object(_MIX), split=True), '{"ch":"mix"'),
    )

    def decode(self, frame: bytes, connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        try:
            body = json.loads(frame)
        except ValueError as error:
            raise MalformedFrame(str(error), venue=VENUE) from error
        if "seq" in body:
            out.sequence(body["seq"])
        match body["ch"]:
            case "hb":
                return FrameClass.HEARTBEAT
            case "ack":
                if "n" in body:
                    connection.memo[str(body["n"])] = body["s"]
                out.control(Subscribed(body["of"], body["s"], req_id=body["id"], depth=body.get("depth")))
                return FrameClass.CONTROL
            case "status":
                out.control(VenueStatus("state", body["online"]))
                return FrameClass.CONTROL
            case "bye":
                out.control(GoingAway("bye"))
                return FrameClass.CONTROL
        if body["ch"] == "mix":
            _mixed(body, out)
            return FrameClass.DATA
        for one in body["d"]:
            self._message(body["ch"], body.get("snap", False), one, connection, out)
        return FrameClass.DATA

    def _message(
        self,
        channel: str,
        snapshot: bool,
        one: dict[str, Any],
        connection: ConnectionInfo,
        out: MessageWriter,
    ) -> None:
        wire = None
        symbol, time = one["s"], one["T"] * MS if "T" in one else NULL
        if channel == "nbook":
            channel, wire = "book", str(symbol)
            if wire not in connection.memo:
                return
            symbol = connection.memo[wire]
        if not out.begin(channel, channel, symbol, snapshot=snapshot, wire=wire):
            return
        told = {name: one[key] for key, name in _NUMBERS.items() if key in one}
        if channel == "book":
            for side, key in ((BID, "b"), (ASK, "a")):
                for price, size in one.get(key, ()):
                    out.level(side, price, size)
            out.end(ts_venue_ns=time, **told)
        elif channel == "trade":
            for t in one["t"]:
                out.trade(-1 if t["m"] else 1, t["p"], t["q"], t["i"], t["T"] * MS)
            out.end()
        else:
            out.top(one["b"], one["B"], one["a"], one["A"])
            out.end(**told)

    def sent(self, message: bytes, connection: ConnectionInfo, out: MessageWriter) -> None:
        pass

    def http(self, meta: Mapping[str, Any], body: bytes, out: MessageWriter) -> FrameClass:
        self._message("book", True, json.loads(body), ConnectionInfo(0, ""), out)
        return FrameClass.DATA


def _mixed(body: dict[str, Any], out: MessageWriter) -> None:
    """Levels of several books."""
    named: dict[str, list[dict[str, Any]]] = {}
    for level in body["l"]:
        named.setdefault(level["s"], []).append(level)
    for symbol, levels in named.items():
        if out.begin("book", "book", symbol):
            for level in levels:
                out.level(ASK if level["ask"] else BID, level["p"], level["q"])
            out.end(ts_venue_ns=body["T"] * MS if "T" in body else NULL)


_NUMBERS = {"U": "first", "u": "last", "pu": "prev", "c": "checksum"}


class WildAdapter(ToyAdapter):
    """The toy venue with snapshots over REST, small scales and short patience."""

    idle_timeout_s = 8.0

    def __init__(self, scales: tuple[int, int]) -> None:
        self.scales = scales

    def default_depth(self, channel: str, levels: int | None) -> int | None:
        return None if channel != "book" or levels is None else max(4, levels)

    def default_scales(self, venue_symbol: str, first_price: str | None) -> tuple[int, int]:
        return self.scales

    def snapshot_request(self, subscription: Subscription) -> HttpRequest:
        url = f"https://toy.invalid/depth?s={subscription.venue_symbol}"
        return HttpRequest(url, "snapshot", 5, subscription.instrument)


@attrs.define
class Market:
    """The venue's side of one symbol: integers at 2 and 3 decimals."""

    symbol: str
    draw: random.Random
    depth: int
    window: bool
    book: OrderBook = attrs.Factory(OrderBook)
    number: int = 10
    trade: int = 100

    def changes(self) -> dict[str, Any]:
        """Change some levels; the numbers and levels of the update."""
        told: list[tuple[int, int, int]] = []
        for _ in range(self.draw.choice([0, 1, 1, 2, 3, 9])):
            side = self.draw.choice([BID, ASK])
            told.append(
                (side, 1000 - side * self.draw.randrange(1, 14), self.draw.choice([0, 0, 5, 70, 1234]))
            )
        for side, price, size in told:
            self.book.apply(side, price, size)
        if self.window:
            for side, levels in ((BID, self.book.bids()), (ASK, self.book.asks())):
                for price, _ in levels[self.depth :]:
                    self.book.apply(side, price, 0)
                    told.append((side, price, 0))
        before, self.number = self.number, self.number + self.draw.choice([1, 1, 1, 4])
        return {"U": before + 1, "u": self.number, "pu": before, **_levels(told)}

    def whole(self) -> dict[str, Any]:
        """The book as it is."""
        levels = [
            (side, *one) for side, some in ((BID, self.book.bids()), (ASK, self.book.asks())) for one in some
        ]
        return {"u": self.number, **_levels(levels)}

    def trades(self) -> list[dict[str, Any]]:
        """The next trades."""
        told = []
        for _ in range(self.draw.choice([1, 1, 2, 4])):
            self.trade += self.draw.choice([1] * 30 + [0, 2, 2000])
            told.append({"i": self.trade, "p": "10.05", "q": self.draw.choice(["0.010", "2"]),
                         "m": self.draw.random() < 0.5, "T": self.draw.randrange(1, 10**6)})  # fmt: skip
        return told


def _levels(levels: list[tuple[int, int, int]]) -> dict[str, list[list[str]]]:
    def texts(wanted: int) -> list[list[str]]:
        return [[f"{p / 100:.2f}", f"{q / 1000:.3f}"] for side, p, q in levels if side == wanted]

    return {"b": texts(BID), "a": texts(ASK)}


class World:
    """Markets, connections and a feed whose wishes come true; ``records`` is what a runner would log."""

    def __init__(self, seed: int) -> None:
        draw = self.draw = random.Random(f"twin venues/{seed}")
        self.spec, self.checksum = draw.choice(SPECS), draw.choice(CHECKSUMS)
        window = draw.random() < 0.4
        self.rules = SyncRules(
            checksum=self.checksum,
            crossed=draw.choice(["resync", "grace", "ignore"]),
            trade_ids=draw.choice([False, True, "rising"]),
            sequence=self.spec,
            window=window,
        )
        self.kits = {
            VENUE: VenueKit(WildAdapter(draw.choice([(2, 3), (6, 8), (2, 0)])), WildNormalizer(), self.rules)
        }
        self.damage = draw.choice([0.0, 0.02, 0.1])
        self.by_number, self.moves = draw.random() < 0.4, draw.random() < 0.6
        depth = draw.choice([3, 6, 20])
        self.markets = {
            symbol: Market(symbol, draw, depth, self.rules.keeps_depth)
            for symbol in draw.sample(SYMBOLS, draw.randint(1, 3))
        }
        subscriptions = tuple(
            Subscription(f"{VENUE}:{symbol}", symbol, channel, depth if channel == "book" else None)
            for channel in ("book", "trade", "ticker")
            for symbol in self.markets
        )
        settings = FeedSettings(
            ack_timeout_s=draw.choice([0.5, 10.0]),
            snapshot_timeout_s=draw.choice([0.5, 60.0]),
            stream_idle_s=draw.choice([0.3, 2.0, 100.0]),
            resync_backoff_s=0.2,
            resync_backoff_max_s=1.0,
            resync_attempts=draw.choice([1, 5]),
            unverified_retry_s=1.0,
            stable_s=draw.choice([0.1, 5.0]),
        )
        config = FeedConfig(
            VENUE,
            subscriptions=subscriptions,
            wall0_ns=10**18,
            mono0_ns=S,
            discover=draw.random() < 0.1,
            live=draw.random() < 0.85,
            untimed=draw.random() < 0.1,
            settings=settings,
        )
        self.strangers = () if config.discover else ("Z/Z",)
        self.log = ToyLog(config.to_json())
        self.feed = Feed(self.kits, reference=True)
        self.sequences: dict[int, int] = {}
        self.wishes: list[tuple[int, int, int, Command]] = []
        self.held: bytes | None = None
        self._see()

    def run(self, steps: int) -> list[bytes]:
        """So many events; the records."""
        self._open(0)
        for market in self.markets.values():
            market.changes()
        for _ in range(steps):
            self.log.step_ns = self.draw.choice([MS, MS, MS, 20 * MS, 150 * MS])
            if self.wishes and self.wishes[0][0] <= self.log.mono_ns:
                self._grant(heapq.heappop(self.wishes)[3])
            else:
                self._event()
            due = self.feed.next_deadline_ns()
            if due is not None and due <= self.log.mono_ns + MS and self.draw.random() < 0.7:
                self.log.tick()
                self._see()
        return self.log.records

    def _see(self) -> None:
        for command in self.feed.feed(self.log.records[-1]).commands:
            wait = self.draw.choice([0, 10, 100, 700, 5000 if self.damage else 100]) * MS
            heapq.heappush(
                self.wishes, (self.log.mono_ns + wait, len(self.log.records), id(command), command)
            )

    def _open(self, connection: int, replaces: int | None = None) -> None:
        self.sequences[connection] = 0
        self.log.open(connection, replaces=replaces)
        self._see()

    def _grant(self, command: Command) -> None:
        if self.damage and self.draw.random() < self.damage:
            return
        if isinstance(command, Reconnect):
            self._lose(command.connection)
        elif isinstance(command, Rotate):
            self._open(max(self.sequences, default=0) + 1, replaces=command.connection)
        elif isinstance(command, Fetch):
            self._answer(str(command.request.instrument))
        elif isinstance(command, Send) and command.connection in self.sequences:
            body = json.loads(command.payload)
            if body["op"] == "sub":
                for symbol in body["syms"]:
                    self._subscribed(command.connection, body, symbol)

    def _subscribed(self, connection: int, body: dict[str, Any], symbol: str) -> None:
        told = {"ch": "ack", "of": body["ch"], "s": symbol, "id": body["id"]}
        if body["ch"] == "book" and self.by_number:
            told["n"] = 1 + sorted(self.markets).index(symbol) + self.draw.randrange(2)
        self._frame(connection, told)
        if body["ch"] == "book" and (self.spec is None or self.spec.bridge != "rest"):
            self._frame(connection, {"ch": "book", "snap": True, "d": [self._whole(symbol)]})

    def _whole(self, symbol: str) -> dict[str, Any]:
        whole = {"s": symbol, **self.markets[symbol].whole()}
        if self.checksum is not None and self.checksum.when == "each_message":
            whole["c"] = self._checksum(symbol)
        return whole

    def _answer(self, instrument: str) -> None:
        symbol = instrument.removeprefix(f"{VENUE}:")
        body, meta = {"s": symbol, **self.markets[symbol].whole()}, {"status": 200, "error": None}
        chance = self.draw.random()
        if chance < self.damage:
            meta = self.draw.choice([{"status": 429, "error": None}, {"status": None, "error": "timed out"}])
        elif chance < 2 * self.damage:
            body["u"] -= 30
        elif chance < 2.5 * self.damage:
            body["b"] = [["none", "1"]]
        told = {"what": "snapshot", "instrument": instrument, **meta}
        self.log.add(RecordKind.HTTP, encode_http(told, encode_json(body)))
        self._see()

    def _checksum(self, symbol: str) -> int:
        assert self.checksum is not None
        return checksum(self.checksum, self.markets[symbol].book, (2, 3), (2, 3))

    def _lose(self, connection: int) -> None:
        if connection in self.sequences:
            del self.sequences[connection]
            self.log.lost(self.draw.choice(["RESET", "IDLE", "SHUTDOWN"]), connection=connection)
            self._see()
        if not self.sequences or self.draw.random() < 0.1:
            self._open(connection if self.draw.random() < 0.3 else connection + 1)

    def _event(self) -> None:
        draw, connection = self.draw, self.draw.choice(sorted(self.sequences) or [0])
        market, roll = draw.choice(list(self.markets.values())), draw.random()
        if self.damage and draw.random() < self.damage / 5:
            self._trouble(connection)
        elif self.moves and draw.random() < 0.02:
            self._change(market)
        elif roll < 0.52:
            self._updates(connection, market)
        elif roll < 0.6:
            self._mixed(connection)
        elif roll < 0.75:
            self._frame(connection, {"ch": "trade", "d": [{"s": market.symbol, "t": market.trades()}]})
        elif roll < 0.93:
            self._ticker(connection, market)
        else:
            self._frame(connection, {"ch": "hb"})

    def _updates(self, connection: int, market: Market) -> None:
        number = 1 + sorted(self.markets).index(market.symbol)
        entries = []
        for _ in range(self.draw.choice([1] * 60 + [2] * 20 + [70])):
            told = {"s": number if self.by_number else market.symbol, **market.changes()}
            if self.draw.random() < 0.1:
                told["T"] = self.draw.randrange(1, 10**6)
            if self.checksum is not None and self.checksum.when == "each_message":
                told["c"] = self._checksum(market.symbol)
            if self.damage and self.draw.random() < self.damage / 4:
                told["b"] = [*told["b"], self.draw.choice(HOSTILE)]
            entries.append(told)
        self._frame(connection, {"ch": "nbook" if self.by_number else "book", "d": entries})
        if self.checksum is not None and self.checksum.when == "own_frame" and self.draw.random() < 0.4:
            proof = {"s": market.symbol, "c": self._checksum(market.symbol)}
            self._frame(connection, {"ch": "book", "d": [proof]})

    def _mixed(self, connection: int) -> None:
        """Levels of any markets, also of one that nobody follows."""
        draw, told = self.draw, []
        for _ in range(draw.choice([0, 1, 2, 3, 3, 6, 40])):
            symbol, side, size = (
                draw.choice([*self.markets, *self.strangers]),
                draw.choice([BID, ASK]),
                draw.choice([0, 5, 70]),
            )
            price = 1000 - side * draw.randrange(1, 14)
            if symbol in self.markets:
                self.markets[symbol].book.apply(side, price, size)
            told.append(
                {"s": symbol, "p": f"{price / 100:.2f}", "q": f"{size / 1000:.3f}", "ask": side == ASK}
            )
            if self.damage and draw.random() < self.damage / 20:
                told[-1]["p"], told[-1]["q"] = draw.choice(HOSTILE)
        more = {"T": draw.randrange(1, 10**6)} if draw.random() < 0.5 else {}
        self._frame(connection, {"ch": "mix", **more, "l": told})

    def _ticker(self, connection: int, market: Market) -> None:
        draw, bid, ask = self.draw, market.book.best_bid, market.book.best_ask
        if bid is None or ask is None:
            return
        texts = _levels([(BID, *bid), (ASK, *ask)])
        told = {
            "s": market.symbol,
            **{k: v for n, k in enumerate("bBaA") for v in [texts["bbaa"[n]][0][n % 2]]},
        }
        if draw.random() < 0.8:
            told["u"] = market.number - draw.choice([0, 0, 0, 1, -1])
        self._frame(connection, {"ch": "ticker", "d": [told]})

    def _change(self, market: Market) -> None:
        """What is followed changes; mostly something comes back."""
        channel = self.draw.choice(["book", "book", "trade", "ticker"])
        subscription = Subscription(f"{VENUE}:{market.symbol}", market.symbol, channel, None)
        op = self.draw.choice(["follow", "follow", "unfollow", "rotate"])
        if op == "rotate":
            self.log.control(op, reason="CLOCK_REFRESH")
        else:
            self.log.control(op, subscriptions=[attrs.asdict(subscription)])
        self._see()

    def _trouble(self, connection: int) -> None:
        match self.draw.randrange(7):
            case 0:
                self._lose(connection)
            case 1:
                self._open(connection + 1)
            case 2:
                self.log.add(RecordKind.DROP, b'{"count":2,"bytes":9}', connection)
                self._see()
            case 3:
                self._frame(connection, {"ch": "status", "online": self.draw.random() < 0.6})
            case 4:
                self._frame(connection, {"ch": "bye"})
            case 5:
                self.log.sent(b'{"op":"sub"}', connection)
                self._see()
            case _:
                self.log.add(RecordKind.CLOCK, b'{"before_ns":1,"after_ns":2}')
                self._see()

    def _frame(self, connection: int, body: dict[str, Any]) -> None:
        """A frame on one connection; what all are told goes to most of the others as well."""
        shared = body["ch"] in ("book", "nbook", "trade", "ticker") and not body.get("snap")
        for other in sorted(self.sequences) if shared else ():
            if other != connection and self.draw.random() < 0.95:
                self._say(other, dict(body))
        self._say(connection, body)

    def _say(self, connection: int, body: dict[str, Any]) -> None:
        if self.spec is not None and self.spec.scope == "connection" and self.draw.random() < 0.98:
            self.sequences[connection] = self.sequences.get(connection, 0) + 1
            body["seq"] = self.sequences[connection]
        frame, chance = json.dumps(body, separators=(",", ":")).encode(), self.draw.random()
        if chance < self.damage / 4:
            return
        if chance < self.damage / 2 and self.held is None:
            self.held = frame
            return
        for one in [frame] * (2 if chance > 1 - self.damage / 4 else 1) + ([self.held] if self.held else []):
            self.log.frame(one, connection)
            self._see()
        self.held = None


HOSTILE = [["10.123456789", "1.5"], ["9.5", "0.0000000001"], ["0", "1"], ["9.5", "99999999999999999999"],
           ["9.5", "123456789012"], ["1e1", "1"], ["9.50", "-1"], ["9.500000000000000000", "1.000"],
           ["20.00", "1.000"]]  # fmt: skip


@pytest.mark.parametrize("seed", range(FIRST, FIRST + SEEDS))
def test_a_drawn_venue_is_read_alike_by_both_paths(seed: int) -> None:
    world, draw = World(seed), random.Random(seed)
    records = world.run(300)
    twin, said = twin_over(world.kits, records, draw, most=draw.choice([1, 10, 100]))
    place = draw.randrange(1, len(records) - 1)
    feed = Feed(world.kits)
    first = read(feed, records[:place])
    again, rest = twin_over(
        world.kits, [checkpoint_record(feed.checkpoint(), records[place - 1]), *records[place:]], draw
    )
    assert again.compiled.checkpoint() == twin.compiled.checkpoint()
    assert bytes(first.rows + rest.rows) == bytes(said.rows)
    assert first.commands + rest.commands == said.commands
    assert first.notices + rest.notices == said.notices


LOOSE = {"resync_backoff_s": 1.0, "stream_idle_s": 100.0}


def desk(rules: SyncRules, **settings: Any) -> tuple[dict[str, VenueKit], ToyLog]:
    """A venue of one symbol, and a log with an open connection whose book is acknowledged."""
    config = FeedConfig(
        VENUE,
        subscriptions=(Subscription(f"{VENUE}:A/B", "A/B", "book", None),),
        mono0_ns=S,
        settings=FeedSettings(**settings),
    )
    log = ToyLog(config.to_json())
    log.open()
    log.frame(b'{"ch":"ack","of":"book","s":"A/B","id":1}')
    return {VENUE: VenueKit(WildAdapter((6, 8)), WildNormalizer(), rules)}, log


def book(n: int, *, snap: bool = False, **more: Any) -> bytes:
    """Update ``n``, or a snapshot with that number."""
    told = {"s": "A/B", "U": n, "u": n, "pu": n - 1, "b": [["9.9", "1"]], "a": [["10.5", "1"]], **more}
    head = {"ch": "book", "snap": True} if snap else {"ch": "book"}
    return json.dumps({**head, "d": [told]}, separators=(",", ":")).encode()


def singly(kits: dict[str, VenueKit], log: ToyLog) -> Twin:
    """Both paths over the log, record by record."""
    twin = Twin(kits)
    for record in log.records:
        twin.take([record])
    twin.settle()
    return twin


def test_a_retry_that_is_due_on_a_connection_that_ends_is_no_deadline() -> None:
    kits, log = desk(SyncRules(sequence=SequenceSpec()), resync_backoff_s=20.0, stream_idle_s=100.0)
    for frame in (book(1, snap=True), book(2), book(5), book(6, snap=True), book(7), book(9)):
        log.frame(frame)
    for frame in (book(10, snap=True), book(11)):
        log.frame(frame)
    log.tick(9 * S)  # the connection said nothing for 8 s: it ends
    log.frame(book(12), after_ns=20 * S)
    for n in range(13, 18):
        log.frame(book(n))
    assert singly(kits, log).compiled.next_deadline_ns() is None


@pytest.mark.parametrize("name", ["U", "u", "pu", "c", "T"])
@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**40])
def test_a_number_that_int64_does_not_hold_makes_the_frame_malformed(name: str, value: int) -> None:
    kits, log = desk(SyncRules(sequence=SequenceSpec()))
    log.frame(book(1, snap=True))
    log.frame(book(2, **{name: value}))
    log.frame(book(3, snap=True, **{name: value}))
    log.frame(book(2))
    twin = singly(kits, log)
    assert twin.reference.counts.malformed == 2
    assert twin.states() == {f"{VENUE}:A/B": "SYNCED"}


def test_a_frame_number_that_int64_does_not_hold_is_malformed() -> None:
    kits, log = desk(SyncRules(sequence=SequenceSpec(scope="connection")))
    for number in (1, 2**63, 2):
        log.frame(b'{"ch":"hb","seq":%d}' % number)
    counts = singly(kits, log).reference.counts
    assert (counts.malformed, counts.sequence_applied, counts.heartbeats) == (1, 2, 2)


def test_a_depth_of_nothing_is_not_believed() -> None:
    kits, log = desk(SyncRules(checksum=ChecksumSpec(3)))
    log.frame(b'{"ch":"ack","of":"book","s":"A/B","id":1,"depth":0}')
    log.frame(book(1, snap=True))
    log.frame(book(2))
    assert singly(kits, log).reference.definitions[-1].depth == 4


def test_a_malformed_snapshot_is_fetched_again_after_a_pause() -> None:
    kits, log = desk(SyncRules(sequence=SequenceSpec(bridge="rest")), **LOOSE)
    told = {"what": "snapshot", "instrument": f"{VENUE}:A/B", "status": 200, "error": None}
    log.add(RecordKind.HTTP, encode_http(told, b'{"s":"A/B","u":3,"b":[["none","1"]],"a":[]}'))
    for n in range(4, 9):
        log.frame(book(n))
    twin = Twin(kits)
    assert len(twin.take(log.records).of(Fetch)) == 1
    assert len(twin.take([log.tick(S)]).of(Fetch)) == 1
    twin.settle()


def test_a_restored_feed_knows_every_name_that_was_subscribed() -> None:
    kits, log = desk(SyncRules())
    config = FeedConfig(
        VENUE,
        subscriptions=(
            Subscription(f"{VENUE}:A/B", "A/B", "book", None),
            Subscription(f"{VENUE}:A/B", "ab", "trade", None),
        ),
        mono0_ns=S,
    )
    log = ToyLog(config.to_json())
    log.open()
    log.frame(book(1, snap=True))
    feed = Feed(kits, reference=True)
    read(feed, log.records)
    trade = log.frame(b'{"ch":"trade","d":[{"s":"ab","t":[{"i":1,"p":"1","q":"1","m":true,"T":1}]}]}')
    twin = Twin(kits)
    twin.take([checkpoint_record(feed.checkpoint(), log.records[-2])])
    assert len(twin.take([trade]).rows) == len(feed.feed(trade).rows) > 0


def test_a_record_that_is_torn_is_left_to_the_reference_path() -> None:
    kits, log = desk(SyncRules())
    log.frame(book(1, snap=True))
    twin = Twin(kits)
    twin.take([*log.records, log.frame(book(2))])
    known = twin.slow
    twin.take([log.frame(book(3))[:-20]])
    assert twin.slow == known + 1
    twin.settle()


@pytest.mark.parametrize("leaf", [Price(), Size()])
def test_a_price_or_size_that_may_be_missing_is_no_shape(leaf: Price | Size) -> None:
    rows = Rows(Object({"p": Maybe(leaf), "q": Size()}), side=BID)
    shape = Shape("book", "book", Message(Object({"s": Symbol(), "b": rows})))
    with pytest.raises(ValueError, match="may be missing"):
        CompiledShapes([shape])
