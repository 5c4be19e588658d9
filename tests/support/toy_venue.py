"""A venue small enough to read in one go: the kit that tests of the core use instead of a plugin.

Its wire format is one JSON object a frame. Data: ``book`` (checksum over the best 3 of each side),
``trade`` (numbered without holes), ``ticker``; beside them heartbeats, acknowledgements, refusals,
pongs, status and metadata. `ToyMarket` is the venue's side: a seeded book that speaks the format.
`ToyLog` numbers and stamps what a runner would have logged.
"""

from __future__ import annotations

import json
import random
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mm_framework.bundle.manifest import Manifest, ShardInfo
from mm_framework.bundle.run import RunWriter
from mm_framework.bundle.settings import BundleSettings
from mm_framework.contracts.adapter import Channel, Proof, Subscription, VenueLimits
from mm_framework.contracts.normalizer import (
    Alive,
    ConnectionInfo,
    Ended,
    FrameClass,
    InstrumentInfo,
    MessageWriter,
    MetadataDone,
    Pong,
    Refused,
    Requested,
    Subscribed,
    VenueStatus,
)
from mm_framework.contracts.spec import AdapterSpec, NormalizerSpec, SyncEngineSpec
from mm_framework.contracts.sync_engine import ChecksumSpec, SyncRules
from mm_framework.errors import ConfigError, MalformedFrame
from mm_framework.model.events import NULL
from mm_framework.model.frame import HEADER, RecordKind, encode_json, encode_record
from mm_framework.plugins import Candidate, LoadedPlugin, Plugins

VENUE = "toy"
CHECKSUM_DEPTH = 3
WALL0_NS = 1_700_000_000_000_000_000
SIDES = {"buy": 1, "sell": -1}


class ToyAdapter:
    """The venue ``toy``: symbols ``A/B``, ids ``toy:A/B``."""

    venue = VENUE
    channels = (
        Channel("book", "book", Proof("checksum", CHECKSUM_DEPTH), depths=(5, 10)),
        Channel("trade", "trade", Proof("ids")),
        Channel("ticker", "ticker", Proof("none")),
    )
    limits = VenueLimits()
    url = "ws://toy.invalid"
    idle_timeout_s = 5.0
    ping_interval_s: float | None = None
    metadata_first = False

    def instrument_id(self, venue_symbol: str) -> str:
        return f"{VENUE}:{venue_symbol.upper()}"

    def venue_symbol(self, instrument_id: str) -> str:
        venue, _, symbol = instrument_id.partition(":")
        if venue != VENUE:
            raise ConfigError(f"instrument {instrument_id!r} is not of venue {VENUE}")
        return symbol

    def base_quote(self, venue_symbol: str) -> tuple[str, str] | None:
        base, slash, quote = venue_symbol.partition("/")
        return (base, quote) if slash else None

    def default_scales(self, venue_symbol: str, first_price: str | None) -> tuple[int, int]:
        return 6, 8

    def default_depth(self, channel: str, levels: int | None) -> int | None:
        if channel != "book":
            return None
        return 5 if levels is None or levels <= 5 else 10

    def metadata_request(self, req_id: int) -> list[bytes]:
        return [encode_json({"op": "meta", "id": req_id})]

    def subscribe(self, subscriptions: Sequence[Subscription], req_id: int) -> list[bytes]:
        return self._requests("sub", subscriptions, req_id)

    def unsubscribe(
        self, subscriptions: Sequence[Subscription], req_id: int, memo: Mapping[str, Any] | None = None
    ) -> list[bytes]:
        return self._requests("unsub", subscriptions, req_id)

    def ping(self, req_id: int) -> bytes | None:
        return encode_json({"op": "ping", "id": req_id})

    def _requests(self, op: str, subscriptions: Sequence[Subscription], req_id: int) -> list[bytes]:
        """One message for each (channel, depth); only the first carries ``req_id``, others the next."""
        groups: dict[tuple[str, int | None], list[str]] = {}
        for one in subscriptions:
            groups.setdefault((one.channel, one.depth), []).append(one.venue_symbol)
        return [
            encode_json({"op": op, "ch": channel, "depth": depth, "syms": symbols, "id": req_id + number})
            for number, ((channel, depth), symbols) in enumerate(groups.items())
        ]


class ToyNormalizer:
    """Frames of the toy venue, read with the standard library."""

    version = "toy-1"

    def decode(self, frame: bytes, connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        try:
            body = json.loads(bytes(frame))
            return self._dispatch(body, out)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise MalformedFrame(f"not a frame of the toy venue: {error}", venue=VENUE) from error

    def _dispatch(self, body: dict[str, Any], out: MessageWriter) -> FrameClass:
        match body.get("ch") if "op" not in body else body["op"]:
            case "book":
                return self._book(body, out)
            case "trade":
                return self._trades(body, out)
            case "ticker":
                return self._ticker(body, out)
            case "hb":
                if "sym" in body:
                    out.control(Alive(body["of"], body["sym"]))
                return FrameClass.HEARTBEAT
            case "ack":
                out.control(
                    Subscribed(
                        body["ch"],
                        body["sym"],
                        active=body.get("active", True),
                        depth=body.get("depth"),
                        req_id=body.get("id"),
                        time_in_ns=body.get("in"),
                        time_out_ns=body.get("out"),
                    )
                )
            case "refused":
                out.control(Refused(body["text"], body.get("ch"), body.get("sym"), req_id=body.get("id")))
            case "pong":
                out.control(Pong(body.get("id"), body.get("in"), body.get("out")))
            case "status":
                out.control(VenueStatus(body["text"], body["online"], body.get("sym")))
            case "ended":
                out.control(Ended(body["text"], body["sym"]))
            case "meta":
                out.control(
                    InstrumentInfo(
                        body["sym"],
                        tick_size=body.get("tick"),
                        lot_size=body.get("lot"),
                        price_decimals=body.get("pd"),
                        size_decimals=body.get("sd"),
                        status=body.get("status"),
                    )
                )
            case "meta_done":
                out.control(MetadataDone())
            case _:
                return FrameClass.UNKNOWN
        return FrameClass.CONTROL

    def _book(self, body: dict[str, Any], out: MessageWriter) -> FrameClass:
        if out.begin("book", "book", body["sym"], snapshot=body["snap"]):
            for side, levels in ((1, body["bids"]), (-1, body["asks"])):
                for price, size in levels:
                    out.level(side, price, size)
            out.end(checksum=body["c"], ts_venue_ns=body.get("t", NULL), depth=body.get("depth"))
        return FrameClass.DATA

    def _trades(self, body: dict[str, Any], out: MessageWriter) -> FrameClass:
        if out.begin("trade", "trade", body["sym"], snapshot=body.get("snap", False)):
            for trade_id, side, price, size in body["trades"]:
                out.trade(SIDES[side], price, size, trade_id, body.get("t", NULL))
            out.end(ts_venue_ns=body.get("t", NULL))
        return FrameClass.DATA

    def _ticker(self, body: dict[str, Any], out: MessageWriter) -> FrameClass:
        if out.begin("ticker", "ticker", body["sym"]):
            out.top(body["bid"], body.get("bid_size"), body["ask"], body.get("ask_size"))
            out.end(ts_venue_ns=body.get("t", NULL))
        return FrameClass.DATA

    def sent(self, message: bytes, connection: ConnectionInfo, out: MessageWriter) -> None:
        body = json.loads(bytes(message))
        if body.get("op") in ("sub", "unsub"):
            out.control(Requested(body["ch"], tuple(body["syms"]), body.get("depth"), body.get("id")))
        elif body.get("op") == "ping":
            out.control(Requested(None, req_id=body.get("id")))

    def http(self, meta: Mapping[str, Any], body: bytes, out: MessageWriter) -> FrameClass:
        return FrameClass.UNKNOWN


def toy_rules() -> SyncRules:
    """CRC-32 of the best 3 asks then bids as digits, the book cut to its depth, trades numbered."""
    return SyncRules(checksum=ChecksumSpec(depth=CHECKSUM_DEPTH), trade_ids=True)


def toy_kits() -> dict[str, Any]:
    """What `Feed` needs to read the toy venue."""
    from mm_framework.feed import VenueKit

    return {VENUE: VenueKit(ToyAdapter(), ToyNormalizer(), toy_rules())}


def plain(value: int, decimals: int) -> str:
    """Fixed decimals of an integer: ``plain(1500, 3) == "1.500"``."""
    if not decimals:
        return str(value)
    return f"{value // 10**decimals}.{value % 10**decimals:0{decimals}d}"


def toy_checksum(
    bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]], depth: int = CHECKSUM_DEPTH
) -> int:
    """The venue's own digest of levels (best first, integers at display precision)."""
    tokens = [
        str(number)
        for levels in (list(asks)[:depth], list(bids)[:depth])
        for level in levels
        for number in level
    ]
    return zlib.crc32("".join(tokens).encode())


class ToyMarket:
    """The venue's side of one symbol: a seeded book, spoken as frames.

    Prices and sizes are integers at ``price_decimals`` and ``size_decimals``. Only the best ``depth``
    levels are published: a level that leaves the view for worse ones is not deleted on the wire.
    """

    def __init__(
        self,
        symbol: str = "A/B",
        seed: int = 1,
        depth: int = 5,
        price_decimals: int = 2,
        size_decimals: int = 3,
        mid: int = 10_000,
    ) -> None:
        self.symbol, self.depth = symbol, depth
        self.price_decimals, self.size_decimals = price_decimals, size_decimals
        self.random = random.Random(seed)
        self.trade_id = 0
        self.books: dict[int, dict[int, int]] = {
            1: {mid - 1 - i: self._size() for i in range(depth + 3)},
            -1: {mid + 1 + i: self._size() for i in range(depth + 3)},
        }

    def _size(self) -> int:
        return self.random.randrange(1, 50_000)

    def view(self, side: int) -> list[tuple[int, int]]:
        """The published levels of a side, best first."""
        return sorted(self.books[side].items(), reverse=side > 0)[: self.depth]

    def checksum(self) -> int:
        """The digest of the book as published now."""
        return toy_checksum(self.view(1), self.view(-1))

    def _texts(self, levels: Iterable[tuple[int, int]]) -> list[list[str]]:
        return [[plain(p, self.price_decimals), plain(s, self.size_decimals)] for p, s in levels]

    def _frame(
        self, bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]], *, snap: bool, t: int | None
    ) -> bytes:
        body: dict[str, Any] = {
            "ch": "book",
            "sym": self.symbol,
            "snap": snap,
            "bids": self._texts(bids),
            "asks": self._texts(asks),
            "c": self.checksum(),
        }
        if t is not None:
            body["t"] = t
        return json.dumps(body).encode()

    def snapshot(self, t: int | None = None) -> bytes:
        """The book frame that replaces everything."""
        return self._frame(self.view(1), self.view(-1), snap=True, t=t)

    def set(self, side: int, price: int, size: int, t: int | None = None) -> bytes:
        """Change one level (0 removes it); the update frame tells what became different in the view."""
        before = dict(self.view(side))
        if size:
            self.books[side][price] = size
        else:
            self.books[side].pop(price, None)
        after = dict(self.view(side))
        gone = [(p, 0) for p in before if p not in self.books[side]]
        changed = [(p, s) for p, s in after.items() if before.get(p) != s]
        levels = gone + changed
        return self._frame(levels if side > 0 else (), levels if side < 0 else (), snap=False, t=t)

    def step(self, t: int | None = None) -> bytes:
        """One random change: mostly a new size, sometimes a new best level or the best one's end."""
        side = self.random.choice((1, -1))
        levels, best, other = self.books[side], self._best(side), self._best(-side)
        draw = self.random.random()
        if draw < 0.2 and len(levels) > self.depth:
            return self.set(side, best, 0, t)
        if draw < 0.4 and (other - best) * side > 1:
            return self.set(side, best + side, self._size(), t)
        if len(levels) < 2 * self.depth:
            worst = min(levels, key=lambda price: price * side)
            return self.set(side, worst - side, self._size(), t)
        return self.set(side, self.random.choice(self.view(side))[0], self._size(), t)

    def _best(self, side: int) -> int:
        return max(self.books[side], key=lambda price: price * side)

    def trade(self, t: int | None = None, count: int = 1) -> bytes:
        """Prints at the best prices, numbered on from the last one; the book stays."""
        trades = []
        for _ in range(count):
            self.trade_id += 1
            name = self.random.choice(("buy", "sell"))
            price = self._best(-SIDES[name])
            size = plain(self._size(), self.size_decimals)
            trades.append([self.trade_id, name, plain(price, self.price_decimals), size])
        body: dict[str, Any] = {"ch": "trade", "sym": self.symbol, "trades": trades}
        if t is not None:
            body["t"] = t
        return json.dumps(body).encode()

    def ticker(self) -> bytes:
        """The best prices on the ticker channel."""
        (bid, bid_size), (ask, ask_size) = self.view(1)[0], self.view(-1)[0]
        body = {
            "ch": "ticker",
            "sym": self.symbol,
            "bid": plain(bid, self.price_decimals),
            "bid_size": plain(bid_size, self.size_decimals),
            "ask": plain(ask, self.price_decimals),
            "ask_size": plain(ask_size, self.size_decimals),
        }
        return json.dumps(body).encode()

    def metadata(self) -> bytes:
        """The definition of the symbol."""
        return json.dumps(
            {
                "ch": "meta",
                "sym": self.symbol,
                "pd": self.price_decimals,
                "sd": self.size_decimals,
                "tick": plain(1, self.price_decimals),
                "lot": plain(1, self.size_decimals),
            }
        ).encode()


HEARTBEAT = b'{"ch":"hb"}'
STATUS_ONLINE = b'{"ch":"status","text":"online","online":true}'


def ack(symbol: str, channel: str = "book", depth: int | None = 5, req_id: int | None = None) -> bytes:
    """The acknowledgement of a subscription."""
    return json.dumps({"op": "ack", "ch": channel, "sym": symbol, "depth": depth, "id": req_id}).encode()


def refused(symbol: str, channel: str = "book", req_id: int | None = None) -> bytes:
    """The refusal of a subscription."""
    body = {"op": "refused", "ch": channel, "sym": symbol, "text": "no such symbol", "id": req_id}
    return json.dumps(body).encode()


class ToyLog:
    """Records of one shard as a runner would have stamped them, ``step_ns`` apart.

    ``records`` are encoded records (`model/frame.py`); the first is CONTROL start with ``config``
    (the JSON of a FeedConfig) when one is given. ``checkpoint_every``: so many records apart stands a
    CHECKPOINT of the Feed that has read them.
    """

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        *,
        mono0_ns: int = 1_000_000_000,
        wall0_ns: int = WALL0_NS,
        step_ns: int = 1_000_000,
        shard: int = 0,
        checkpoint_every: int = 0,
    ) -> None:
        self.records: list[bytes] = []
        self.markets: list[ToyMarket] = []
        self.checkpoint_every, self.feed = checkpoint_every, None
        if checkpoint_every:
            from mm_framework.feed import Feed

            self.feed = Feed(toy_kits(), shard)
        self.mono0_ns, self.wall0_ns, self.step_ns = mono0_ns, wall0_ns, step_ns
        self.mono_ns = mono0_ns + shard  # stamps are unique over all shards
        if config is not None:
            self.add(RecordKind.CONTROL, encode_json({"op": "start", "config": config}))

    def add(self, kind: int, payload: bytes = b"", connection: int = 0, after_ns: int | None = None) -> bytes:
        """Append a record ``after_ns`` (default ``step_ns``) after the last one; return it."""
        self.mono_ns += self.step_ns if after_ns is None else after_ns
        record = encode_record(
            kind,
            payload,
            connection=connection,
            index=len(self.records),
            mono_ns=self.mono_ns,
            wall_ns=self.wall0_ns + self.mono_ns - self.mono0_ns,
        )
        self.records.append(record)
        if self.feed is not None:
            self.feed.feed(record)
            if len(self.records) % self.checkpoint_every == 0:
                self.add(RecordKind.CHECKPOINT, self.feed.checkpoint())
        return record

    def open(
        self,
        connection: int = 0,
        url: str = ToyAdapter.url,
        attempt: int = 1,
        replaces: int | None = None,
    ) -> bytes:
        """A connection is open, perhaps as the heir of another one."""
        body: dict[str, Any] = {"url": url, "transport": "memory", "attempt": attempt, "venue": VENUE}
        if replaces is not None:
            body["replaces"] = replaces
        return self.add(RecordKind.OPEN, encode_json(body), connection)

    def lost(self, reason: str = "RESET", *, planned: bool = False, connection: int = 0) -> bytes:
        """A connection ended."""
        body = {"reason": reason, "planned": planned, "code": None, "detail": ""}
        return self.add(RecordKind.LOST, encode_json(body), connection)

    def frame(self, payload: bytes, connection: int = 0, after_ns: int | None = None) -> bytes:
        """The venue sent a message."""
        return self.add(RecordKind.FRAME, payload, connection, after_ns)

    def sent(self, payload: bytes, connection: int = 0) -> bytes:
        """We sent a message."""
        return self.add(RecordKind.SENT, payload, connection)

    def tick(self, after_ns: int | None = None) -> bytes:
        """A deadline was due."""
        return self.add(RecordKind.TICK, b"", after_ns=after_ns)

    def control(self, op: str, **body: Any) -> bytes:
        """A CONTROL record."""
        return self.add(RecordKind.CONTROL, encode_json({"op": op, **body}))

    def stop(self) -> bytes:
        """The orderly end."""
        return self.add(RecordKind.CONTROL, encode_json({"op": "stop"}))


def toy_config(
    symbols: Sequence[str] = ("A/B",),
    *,
    shard: int = 0,
    depth: int = 5,
    channels: Sequence[str] = ("book", "trade"),
    untimed: bool = False,
    wall0_ns: int = WALL0_NS,
) -> dict[str, Any]:
    """The JSON of a FeedConfig over the given symbols; clocks as `ToyLog` has them."""
    from mm_framework.feed import FeedConfig, FeedSettings

    subscriptions = tuple(
        Subscription(f"{VENUE}:{symbol}", symbol, channel, depth if channel == "book" else None)
        for channel in channels
        for symbol in symbols
    )
    config = FeedConfig(
        venue=VENUE,
        shard=shard,
        subscriptions=subscriptions,
        wall0_ns=wall0_ns,
        mono0_ns=1_000_000_000,
        untimed=untimed,
        settings=FeedSettings(),
    )
    json_form: dict[str, Any] = config.to_json()
    return json_form


def toy_session(
    symbols: Sequence[str] = ("A/B",),
    *,
    seed: int = 1,
    steps: int = 200,
    depth: int = 5,
    shard: int = 0,
    disconnect_at: int | None = None,
    stop: bool = True,
    checkpoint_every: int = 0,
    wall0_ns: int = WALL0_NS,
) -> ToyLog:
    """A whole recording: start, connect, subscribe, snapshots, ``steps`` random frames, stop.

    ``disconnect_at``: the connection is lost before that step and opened again with new snapshots.
    ``markets`` of the log are the venue's side as it is at the end.
    """
    config = toy_config(symbols, shard=shard, depth=depth, wall0_ns=wall0_ns)
    log = ToyLog(config, shard=shard, checkpoint_every=checkpoint_every, wall0_ns=wall0_ns)
    log.markets = [ToyMarket(symbol, seed=seed * 1000 + n, depth=depth) for n, symbol in enumerate(symbols)]
    markets, draw = log.markets, random.Random(seed)
    connection = connect(log, markets, shard * 8)
    for step in range(steps):
        if step == disconnect_at:
            log.lost(connection=connection)
            connection = connect(log, markets, connection + 1)
        market = draw.choice(markets)
        t = log.wall0_ns + log.mono_ns - log.mono0_ns
        kind = draw.random()
        if kind < 0.75:
            log.frame(market.step(t), connection)
        elif kind < 0.9:
            log.frame(market.trade(t, count=draw.randrange(1, 4)), connection)
        else:
            log.frame(HEARTBEAT, connection)
    if stop:
        log.stop()
    return log


def connect(log: ToyLog, markets: Sequence[ToyMarket], connection: int) -> int:
    """Open a connection, subscribe and send the snapshots; returns its number."""
    adapter = ToyAdapter()
    log.open(connection, attempt=connection + 1)
    log.frame(STATUS_ONLINE, connection)
    subscriptions = [
        Subscription(
            f"{VENUE}:{market.symbol}", market.symbol, channel, market.depth if channel == "book" else None
        )
        for channel in ("book", "trade")
        for market in markets
    ]
    for request in adapter.subscribe(subscriptions, req_id=1):
        log.sent(request, connection)
    for market in markets:
        log.frame(market.metadata(), connection)
        log.frame(ack(market.symbol, "book", market.depth, 1), connection)
        log.frame(market.snapshot(), connection)
        log.frame(ack(market.symbol, "trade", None, 2), connection)
    return connection


def write_toy_run(
    path: Path, logs: Mapping[int, ToyLog], *, settings: BundleSettings | None = None, state: str = "complete"
) -> Path:
    """A bundle of these logs (shard -> log), written as a run would: tables and all.

    State ``running``: as if the run had been killed right after its last record was flushed.
    """
    from mm_framework.feed import Feed

    manifest = Manifest(
        run_id=path.name,
        state="running",
        created="2023-11-14T22:13:20Z",
        wall0_ns=next((log.wall0_ns for log in logs.values()), WALL0_NS),
        mono0_ns=1_000_000_000,
        shards=tuple(ShardInfo(shard, VENUE) for shard in logs),
        made_by="tests",
    )
    writer = RunWriter.create(path, manifest, settings=settings)
    feeds = {shard: Feed(toy_kits(), shard) for shard in logs}
    tagged = [(HEADER.unpack_from(one)[6], shard, one) for shard, log in logs.items() for one in log.records]
    for _, shard, record in sorted(tagged):
        writer.append(shard, record)
        known = len(feeds[shard].definitions)
        feeds[shard].feed(record)
        for definition in feeds[shard].definitions[known:]:
            writer.definition(definition)
    writer.close(state)  # type: ignore[arg-type]  # one of RunState
    return path


def toy_plugins() -> Plugins:
    """The toy venue as if a distribution had registered it; for tests of commands."""
    specs = (
        AdapterSpec(VENUE, lambda settings: ToyAdapter()),
        NormalizerSpec(VENUE, lambda settings: ToyNormalizer()),
        SyncEngineSpec(VENUE, lambda settings: toy_rules()),
    )
    return Plugins((LoadedPlugin(Candidate("mm-toy", "1.0", VENUE, "toy_venue"), 1.0, specs),))
