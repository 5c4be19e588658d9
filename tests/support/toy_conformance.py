"""The toy venue whole: a normalizer that holds the contract to the letter, shapes, and an emulator.

`toy()` is a `Venue` that passes the conformance kit; tests of the kit break one part of it at a time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs
import msgspec
from toy_venue import (
    HEARTBEAT,
    SIDES,
    STATUS_ONLINE,
    VENUE,
    ToyAdapter,
    ToyNormalizer,
    ack,
    plain,
    refused,
    toy_checksum,
    toy_rules,
)

from mm_framework.contracts.emulator import (
    FrameKind,
    HttpReply,
    Level,
    Listing,
    MarketEvent,
    MarketView,
    Outgoing,
    VenueClock,
)
from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass, MessageWriter
from mm_framework.contracts.shapes import (
    Choice,
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
    Tuple,
    WholeBook,
)
from mm_framework.emulator.market import visible
from mm_framework.errors import ConfigError, MalformedFrame
from mm_framework.model.events import ASK, BID, NULL
from mm_framework.settings import section, setting
from mm_framework.testing.simulation import Venue

S = 1_000_000_000
DEPTHS = (5, 10)
SCALES = (2, 3)


@section("venue.toy")
@attrs.frozen
class ToySettings:
    """How to talk to the toy venue."""

    url: str = setting(ToyAdapter.url, help="Public endpoint.")


class PingingToyAdapter(ToyAdapter):
    """With an application ping and definitions."""

    ping_interval_s: float | None = 4.0
    metadata_first = True


Pair = tuple[str, str]


class _Book(msgspec.Struct):
    sym: str
    snap: bool
    bids: list[Pair]
    asks: list[Pair]
    c: int
    t: int = NULL


class _Trades(msgspec.Struct):
    sym: str
    trades: list[tuple[int, str, str, str]]


class _Ticker(msgspec.Struct):
    sym: str
    bid: str
    bid_size: str
    ask: str
    ask_size: str


class ExactToyNormalizer(ToyNormalizer):
    """Frames of the toy venue, read by type; what is no market data as the other one reads it."""

    def __init__(self) -> None:
        self.shapes = toy_shapes()

    def decode(self, frame: bytes, connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        try:
            body = msgspec.json.decode(frame)
            if not isinstance(body, dict):
                raise MalformedFrame("not an object", venue=VENUE)
            return self.read(body, connection, out)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise MalformedFrame(f"not a frame of the toy venue: {error}", venue=VENUE) from error

    def read(self, body: dict[str, Any], connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        match None if "op" in body else body.get("ch"):
            case "book":
                return self.book(msgspec.convert(body, _Book), out)
            case "trade":
                return self.trades(msgspec.convert(body, _Trades), out)
            case "ticker":
                return self.ticker(msgspec.convert(body, _Ticker), out)
        try:
            return self._dispatch(body, out)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise MalformedFrame(f"not a frame of the toy venue: {error}", venue=VENUE) from error

    def book(self, body: _Book, out: MessageWriter) -> FrameClass:
        if out.begin("book", "book", body.sym, snapshot=body.snap):
            for side, levels in ((BID, body.bids), (ASK, body.asks)):
                for level in levels:
                    out.level(side, *level)
            out.end(checksum=body.c, ts_venue_ns=body.t)
        return FrameClass.DATA

    def trades(self, body: _Trades, out: MessageWriter) -> FrameClass:
        if any(side not in SIDES for _, side, _, _ in body.trades) or any(n < 0 for n, *_ in body.trades):
            raise MalformedFrame("not a trade of the toy venue", venue=VENUE)
        if out.begin("trade", "trade", body.sym):
            for trade_id, side, price, size in body.trades:
                out.trade(SIDES[side], price, size, trade_id)
            out.end()
        return FrameClass.DATA

    def ticker(self, body: _Ticker, out: MessageWriter) -> FrameClass:
        if out.begin("ticker", "ticker", body.sym):
            out.top(body.bid, body.bid_size, body.ask, body.ask_size)
            out.end()
        return FrameClass.DATA

    def sent(self, message: bytes, connection: ConnectionInfo, out: MessageWriter) -> None:
        try:
            super().sent(message, connection, out)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return


def toy_shapes(buy: int = BID, trade: str = "trade") -> tuple[Shape, ...]:
    """Trades, tickers and heartbeats; a book says with a truth value that it is whole, which has no shape."""
    left = {"op": Maybe(WholeBook())}
    row = Tuple((Integer("trade_id"), Choice("side", {"buy": buy, "sell": -buy}), Price(True), Size(True)))
    trades = {"ch": Literal((trade,)), "sym": Symbol(), "trades": Rows(row)}
    tops = {
        "ch": Literal(("ticker",)),
        "sym": Symbol(),
        "bid": Price(True, side=BID),
        "bid_size": Size(True, side=BID),
        "ask": Price(True, side=ASK),
        "ask_size": Size(True, side=ASK),
    }
    return (
        Shape("trade", "trade", Message(Object({**left, **trades})), '{"ch": "trade"'),
        Shape("ticker", "ticker", Message(Object({**left, **tops})), '{"ch": "ticker"'),
        Shape("hb", "heartbeat", Object({**left, "ch": Literal(("hb",))}), '{"ch":"hb"'),
    )


class ToyFees:
    """Implements `contracts.fee_model.FeeModel`: one rate for takers, half of it for makers."""

    def __init__(self, bps: int = 10) -> None:
        self.bps = bps
        self.name = f"toy {bps} bps"

    def fee(self, notional: int, *, maker: bool, instrument: str) -> int:
        return -(-notional * (self.bps if not maker else self.bps // 2) // 10_000)


class WholeToyDialect:
    """Implements `contracts.emulator.Dialect` in the format of `toy_venue`."""

    venue = VENUE
    paths: tuple[str, ...] = ("/",)
    depths: tuple[int, ...] = DEPTHS
    symbols = ("A/B",)

    def listing(self, symbol: str) -> Listing:
        base, slash, quote = symbol.partition("/")
        if not slash or not base.isalpha():
            raise ConfigError(f"{symbol!r} is no pair", key="symbol", value=symbol)
        return Listing(symbol, base, quote, *SCALES, *SCALES, 1, 100_000, 5_000)

    def frontend(self, market: MarketView, clock: VenueClock, seed: str) -> ToyFrontend:
        return ToyFrontend(self, market, clock)

    def session(self, front: ToyFrontend) -> ToySession:
        return ToySession(front)

    def recorded(self, frame: bytes) -> Outgoing | None:
        try:
            body = json.loads(frame)
            kind = FrameKind(body["ch"])
            return Outgoing(frame, kind, body["ch"], body["sym"]) if kind != FrameKind.CONTROL else None
        except (ValueError, KeyError, TypeError):
            return None


class ToyFrontend:
    def __init__(self, dialect: WholeToyDialect, market: MarketView, clock: VenueClock) -> None:
        self.dialect, self.market, self.clock = dialect, market, clock

    def observe(self, event: MarketEvent) -> None:
        pass

    def session(self, connection: int) -> ToySession:
        return self.dialect.session(self)

    def http(self, method: str, path: str, query: Mapping[str, str], now_ns: int) -> HttpReply:
        return HttpReply(404, b"{}")


class ToySession:
    """One connection. Its methods are what tests break."""

    def __init__(self, front: ToyFrontend) -> None:
        self.front, self.market = front, front.market
        self.streams: dict[tuple[str, str], int] = {}
        self.beat_ns: int | None = None

    def opened(self, now_ns: int) -> list[Outgoing]:
        return [Outgoing(STATUS_ONLINE, FrameKind.CONTROL)]

    def next_timer_ns(self) -> int | None:
        return self.beat_ns

    def timer(self, now_ns: int) -> list[Outgoing]:
        self.beat_ns = now_ns + S
        return [Outgoing(HEARTBEAT, FrameKind.HEARTBEAT)]

    def received(self, message: bytes, now_ns: int) -> list[Outgoing]:
        body = json.loads(message)
        match body["op"]:
            case "ping":
                pong = json.dumps({"op": "pong", "id": body["id"]}).encode()
                return [Outgoing(pong, FrameKind.CONTROL)]
            case "meta":
                infos = [self._info(listing) for listing in self.market.listings.values()]
                return [Outgoing(one, FrameKind.METADATA) for one in [*infos, b'{"ch":"meta_done"}']]
        self.beat_ns = self.beat_ns or now_ns + S
        return [one for symbol in body["syms"] for one in self.changed(symbol, body, now_ns)]

    def changed(self, symbol: str, body: dict[str, Any], now_ns: int) -> list[Outgoing]:
        channel, depth = body["ch"], body["depth"]
        if symbol not in self.market.listings or channel not in ("book", "trade", "ticker"):
            return [Outgoing(refused(symbol, channel, body["id"]), FrameKind.CONTROL)]
        if body["op"] == "unsub":
            self.streams.pop((channel, symbol), None)
            return [Outgoing(b'{"ch":"hb"}', FrameKind.UNSUBSCRIBED, channel, symbol)]
        self.streams[channel, symbol] = depth
        frames = [Outgoing(ack(symbol, channel, depth, body["id"]), FrameKind.SUBSCRIBED, channel, symbol)]
        if channel == "book":
            bids, asks = self.market.bids(symbol, depth), self.market.asks(symbol, depth)
            frames.append(self.book(symbol, depth, bids, asks, now_ns, snapshot=True))
        return frames

    def event(self, event: MarketEvent) -> list[Outgoing]:
        symbol, frames = event.symbol, []
        if event.listing is not None:
            return [Outgoing(self._info(event.listing), FrameKind.METADATA)]
        depth = self.streams.get(("book", symbol))
        if depth is not None:
            bids, asks = visible(event, depth)
            if bids or asks:
                frames.append(self.book(symbol, depth, bids, asks, event.time_ns, snapshot=False))
        if event.prints and ("trade", symbol) in self.streams:
            frames.append(self.trade(event))
        if ("ticker", symbol) in self.streams:
            frames.append(self.ticker(symbol))
        return frames

    def book(
        self, symbol: str, depth: int, bids: list[Level], asks: list[Level], now_ns: int, *, snapshot: bool
    ) -> Outgoing:
        listing = self.market.listings[symbol]
        crc = str(
            toy_checksum(
                _shown(self.market.bids(symbol, depth), listing),
                _shown(self.market.asks(symbol, depth), listing),
            )
        )
        told = {"bids": _texts(bids, listing), "asks": _texts(asks, listing)}
        body = {"ch": "book", "sym": symbol, "snap": snapshot, **told}
        head = json.dumps({**body, "t": self.front.clock(now_ns)})[:-1] + ', "c": '
        kind = FrameKind.SNAPSHOT if snapshot else FrameKind.BOOK
        span = (len(head), len(head) + len(crc))
        return Outgoing(f"{head}{crc}}}".encode(), kind, "book", symbol, depth, checksum=span)

    def trade(self, event: MarketEvent) -> Outgoing:
        names = {side: name for name, side in SIDES.items()}
        listing = self.market.listings[event.symbol]
        trades = [
            [one.trade_id, names[one.side], *_texts([(one.price, one.size)], listing)[0]]
            for one in event.prints
        ]
        payload = json.dumps({"ch": "trade", "sym": event.symbol, "trades": trades}).encode()
        ids = tuple(one.trade_id for one in event.prints)
        return Outgoing(payload, FrameKind.TRADE, "trade", event.symbol, trade_ids=ids)

    def ticker(self, symbol: str) -> Outgoing:
        listing = self.market.listings[symbol]
        (bid,), (ask,) = (_texts(side(symbol, 1), listing) for side in (self.market.bids, self.market.asks))
        body = {
            "ch": "ticker",
            "sym": symbol,
            "bid": bid[0],
            "bid_size": bid[1],
            "ask": ask[0],
            "ask_size": ask[1],
        }
        return Outgoing(json.dumps(body).encode(), FrameKind.TICKER, "ticker", symbol)

    def _info(self, listing: Listing) -> bytes:
        shown = {"pd": listing.price_decimals, "sd": listing.size_decimals}
        return json.dumps({"ch": "meta", "sym": listing.symbol, **shown}).encode()


def _shown(levels: list[Level], listing: Listing) -> list[Level]:
    """Levels at the decimals that the wire shows."""
    unit = 10 ** (listing.price_scale - listing.price_decimals)
    return [(price // unit, size) for price, size in levels]


def _texts(levels: list[Level], listing: Listing) -> list[list[str]]:
    shown = _shown(levels, listing)
    return [
        [plain(price, listing.price_decimals), plain(size, listing.size_decimals)] for price, size in shown
    ]


def toy(**changes: Any) -> Venue:
    """The toy venue, with other parts."""
    parts: dict[str, Any] = {
        "adapter": PingingToyAdapter,
        "normalizer": ExactToyNormalizer,
        "rules": toy_rules(),
        "instruments": ("toy:A/B", "toy:C/D"),
        "dialect": WholeToyDialect,
        "fees": ToyFees,
        "settings": (ToySettings,),
    }
    return Venue(**{**parts, **changes})
