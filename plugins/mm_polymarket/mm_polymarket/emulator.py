"""Polymarket's market channel and REST from the venue's side, for the core's emulated market.

Source: docs.polymarket.com, WebSocket market channel and CLOB and gamma reference, read 2026-11-21;
recordings of 2024-12-05 and 2025-10-23. There is no acknowledgement: the first book of a token is one.
After a trade a whole book follows the changes, as the venue does. Over 500 tokens a connection gets no
first books. gamma's paths stand behind ``/gamma``, since both hosts have ``/markets``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

import msgspec

from mm_framework.contracts.emulator import (
    Dialect,
    FrameKind,
    HttpReply,
    Listing,
    MarketEvent,
    MarketView,
    Outgoing,
    VenueClock,
)
from mm_framework.contracts.spec import EmulatorSpec
from mm_polymarket import emulator_listings, emulator_rest
from mm_polymarket.emulator_frames import MarketFrames
from mm_polymarket.names import VENUE
from mm_polymarket.requests import PING

__all__ = ["PolymarketDialect", "emulator_spec"]

MAX_DUMP: Final = 500

_PONG: Final = Outgoing(b"PONG", FrameKind.CONTROL)
_NO_NEWS: Final = Outgoing(b"NO NEW ASSETS", FrameKind.CONTROL)
_INVALID: Final = Outgoing(b"INVALID OPERATION", FrameKind.CONTROL)
_FIRST_NEWS_NS: Final = 5_000_000_000
_NEWS_NS: Final = 30_000_000_000
_MILLI: Final = 1_000_000


class _Request(msgspec.Struct):
    assets_ids: list[str] = []
    type: str | None = None
    operation: str | None = None
    custom_feature_enabled: bool = False
    initial_dump: bool = True


class _Entry(msgspec.Struct):
    asset_id: str


class _DataFrame(msgspec.Struct):
    event_type: str
    asset_id: str = ""
    price_changes: list[_Entry] = []


class PolymarketDialect:
    """Implements `contracts.emulator.Dialect`."""

    venue = VENUE
    paths = ("/ws/market",)
    depths = ()
    symbols = emulator_listings.TOKENS[:1]
    notices: Mapping[str, str] = {
        "resolved": "market_resolved: a market's tokens trade no more, and their books are gone"
    }

    def listing(self, symbol: str) -> Listing:
        """The market of one of its tokens or of our names for them. Raises ConfigError."""
        return emulator_listings.listing(symbol)

    def frontend(self, market: MarketView, clock: VenueClock, seed: str) -> PolymarketFrontend:
        """The venue's sessions and REST over a market."""
        return PolymarketFrontend(market, clock, seed)

    def recorded(self, frame: bytes) -> Outgoing | None:
        """A recorded frame of one market's data, None for any other."""
        try:
            events = _recorded.decode(frame)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        first = events if isinstance(events, _DataFrame) else events[0] if len(events) == 1 else None
        if first is None or first.event_type not in _KINDS:
            return None
        kind, channel = _KINDS[first.event_type]
        token = first.asset_id or next((entry.asset_id for entry in first.price_changes), None)
        return Outgoing(frame, kind, channel, token) if token else None


class PolymarketFrontend:
    """All markets, and what sessions share."""

    def __init__(self, market: MarketView, clock: VenueClock, seed: str) -> None:
        self.clock = clock
        self.seed = seed
        self.markets = {
            symbol: MarketFrames(listing, market, clock) for symbol, listing in market.listings.items()
        }
        self.by_token = {token: one for one in self.markets.values() for token in one.tokens}

    def observe(self, event: MarketEvent) -> None:
        """Let the market write the event, or end."""
        if event.notice is None:
            self.markets[event.symbol].observe(event)
        else:
            self.markets[event.symbol].resolve()

    def session(self, connection: int) -> PolymarketSession:
        """A new connection."""
        return PolymarketSession(self)

    def http(self, method: str, path: str, query: Mapping[str, str], now_ns: int) -> HttpReply:
        """Answer a REST request."""
        return emulator_rest.answer(self.by_token, self.clock(now_ns), method, path, query)

    def refusal(self, status: int, wait_s: int, now_ns: int) -> HttpReply:
        """A request is refused by the server in front of all hosts, or fails there."""
        return emulator_rest.refusal(status, wait_s)


class PolymarketSession:
    """One connection: its tokens, and whether it asked for more than books and trades."""

    def __init__(self, frontend: PolymarketFrontend) -> None:
        self._front = frontend
        self._tokens: dict[str, None] = {}
        self._begun = self._custom = False
        self._news_ns: int | None = None
        self._news = 0

    def opened(self, now_ns: int) -> list[Outgoing]:
        """Nothing."""
        return []

    def next_timer_ns(self) -> int | None:
        """When the next new market is announced."""
        return self._news_ns

    def timer(self, now_ns: int) -> list[Outgoing]:
        """A market that nobody subscribed: the venue tells all of them to all."""
        self._news_ns = now_ns + _NEWS_NS
        self._news += 1
        return [_new_market(self._front.seed, self._news, self._front.clock(now_ns))]

    def event(self, event: MarketEvent) -> list[Outgoing]:
        """What an event is to the subscribed tokens of its market."""
        market = self._front.markets[event.symbol]
        if event.notice is not None:
            return [market.resolved()] if self._custom and market.tokens.keys() & self._tokens.keys() else []
        if market.closed:
            return []
        tokens = [token for token in market.tokens if token in self._tokens]
        if not tokens:
            return []
        if event.listing is not None:
            changed = [market.tick_size_change(token) for token in tokens]
            return changed + [market.book(token, listed=False) for token in tokens]
        frames = [market.price_change()]
        for token in tokens:
            if self._custom:
                frames.append(market.best_bid_ask(token))
            if event.prints:
                frames += [*market.trades(token), market.book(token, listed=False)]
        return [frame for frame in frames if frame is not None]

    def received(self, message: bytes, now_ns: int) -> list[Outgoing]:
        """Answer a message."""
        if message.strip() == PING:
            return [_PONG]
        try:
            request = _requests.decode(message)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return [_INVALID]
        if not self._begun:
            if (request.type or "").lower() != "market":
                return [_INVALID]
            self._begun = True
            return self._subscribe(request, now_ns)
        match request.operation:
            case "subscribe":
                return self._subscribe(request, now_ns)
            case "unsubscribe":
                gone = [token for token in request.assets_ids if self._tokens.pop(token, self) is None]
                return [Outgoing(b"", FrameKind.UNSUBSCRIBED, "book", token) for token in gone]
            case _:
                return [_INVALID]

    def _subscribe(self, request: _Request, now_ns: int) -> list[Outgoing]:
        """The books of the tokens that are known, again of those that were subscribed before."""
        known = [token for token in dict.fromkeys(request.assets_ids) if token in self._front.by_token]
        if not known:
            return [_NO_NEWS]
        if request.custom_feature_enabled and not self._custom:
            self._custom, self._news_ns = True, now_ns + _FIRST_NEWS_NS
        self._tokens |= dict.fromkeys(known)
        followed = [Outgoing(b"", FrameKind.SUBSCRIBED, "book", token) for token in known]
        if not request.initial_dump or len(self._tokens) > MAX_DUMP:
            return followed
        live = [token for token in known if not self._front.by_token[token].closed]
        return [*followed, *(self._front.by_token[token].book(token, listed=True) for token in live)]


def _new_market(seed: str, number: int, wall_ns: int) -> Outgoing:
    digits = hashlib.sha256(f"{seed}/new/{number}".encode()).hexdigest()
    tokens = [str(int(hashlib.sha256(f"{digits}/{place}".encode()).hexdigest(), 16)) for place in range(2)]
    event = {
        "event_type": "new_market",
        "id": str(2_000_000 + number),
        "question": f"Will event {number} happen?",
        "market": f"0x{digits}",
        "slug": f"will-event-{number}-happen",
        "description": "An invented market.",
        "assets_ids": tokens,
        "outcomes": ["Yes", "No"],
        "timestamp": str(wall_ns // _MILLI),
        "tags": [],
        "condition_id": f"0x{digits}",
        "active": True,
        "clob_token_ids": tokens,
        "order_price_min_tick_size": "0.01",
        "taker_base_fee": "0",
        "fees_enabled": True,
        "fee_schedule": {"exponent": "1", "rate": "0.05", "taker_only": True, "rebate_rate": "0.25"},
    }
    return Outgoing(msgspec.json.encode(event), FrameKind.CONTROL)


_KINDS: Final = {
    "book": (FrameKind.SNAPSHOT, "book"),
    "price_change": (FrameKind.BOOK, "book"),
    "last_trade_price": (FrameKind.TRADE, "last_trade_price"),
    "best_bid_ask": (FrameKind.TICKER, "best_bid_ask"),
    "tick_size_change": (FrameKind.METADATA, "book"),
}
_requests: Final = msgspec.json.Decoder(_Request)
_recorded: Final[msgspec.json.Decoder[list[_DataFrame] | _DataFrame]] = msgspec.json.Decoder(
    list[_DataFrame] | _DataFrame
)


def _build(settings: None = None) -> Dialect:
    return PolymarketDialect()


emulator_spec: Final = EmulatorSpec(
    name=VENUE,
    factory=_build,
    description="Polymarket: market channel (books, trades, best prices, ticks, new markets) and REST",
)
