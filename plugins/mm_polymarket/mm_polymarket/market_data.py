"""Market data of the market channel and REST books: typed structs, numbers as the text that was sent.

    {"event_type":"book","asset_id":"6519…","market":"0xdde0…","timestamp":"1778997825875","hash":"1722…",
     "bids":[{"price":"0.001","size":"5579792.8"},…],"asks":[…],"tick_size":"0.001","last_trade_price":"0.006"}
    {"event_type":"price_change","market":"0x5f65…","timestamp":"1757908892351","price_changes":[
     {"asset_id":"7132…","price":"0.5","size":"200","side":"BUY","hash":"5662…","best_bid":"0.5","best_ask":"1"},…]}

Price changes have three forms: with entries for both tokens of a market (since 2025-09-15), with a
list ``changes`` of one token, and, in 2024, with a single change in the message itself. The entries of a
token make one message, so that a book is looked at when all of them are applied. Source:
docs.polymarket.com, WebSocket market channel, read 2026-11-21.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta

from mm_framework.contracts.normalizer import Ended, FrameClass, InstrumentInfo, MessageWriter
from mm_framework.errors import MalformedFrame, MMError
from mm_framework.model.events import ASK, BID, NULL
from mm_framework.model.fixed import MAX_SCALE, parse
from mm_polymarket.book_hash import Told
from mm_polymarket.names import VENUE

__all__ = ["EVENTS", "RestBook", "decode_event", "decode_frame"]

_Token: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9]{1,78}\Z")]
_Text: TypeAlias = Annotated[str, Meta(pattern=r"^[!#-\[\]-~]{0,80}\Z")]
"""Printable, and the same inside of a JSON string."""
_Tick: TypeAlias = Annotated[str, Meta(pattern=r"^0\.[0-9]{1,18}\Z")]
_Millis: TypeAlias = (
    Annotated[str, Meta(pattern=r"^[0-9]{0,15}\Z")] | Annotated[int, Meta(ge=0, le=10**15 - 1)]
)
_Side: TypeAlias = Literal["BUY", "SELL"]
_SIDES: Final = {"BUY": BID, "SELL": ASK}

EVENTS: Final = frozenset(
    {"best_bid_ask", "book", "last_trade_price", "market_resolved", "price_change", "tick_size_change"}
)
"""The events that `decode_frame` reads; one of them that it refuses is malformed."""


def _time_ns(timestamp: str | int) -> int:
    """Milliseconds to nanoseconds; NULL for a time that is not told."""
    return int(timestamp or 0) * 1_000_000 or NULL


class _Level(msgspec.Struct, gc=False):
    price: str
    size: str


class _Book(msgspec.Struct):
    """A whole book. Very old messages name its sides ``buys`` and ``sells``."""

    asset_id: _Token
    timestamp: _Millis
    market: _Text = ""
    hash: _Text | None = None
    bids: list[_Level] | None = None
    asks: list[_Level] | None = None
    buys: list[_Level] | None = None
    sells: list[_Level] | None = None
    min_order_size: _Text | None = None
    tick_size: _Tick | None = None
    neg_risk: bool | None = None
    last_trade_price: _Text | None = None

    def emit(self, out: MessageWriter) -> FrameClass:
        """A snapshot, and the tick size where it is told."""
        bids = self.bids if self.bids is not None else self.buys
        asks = self.asks if self.asks is not None else self.sells
        if bids is None or asks is None:
            raise MalformedFrame(f"a book of {self.asset_id} without one of its sides", venue=VENUE)
        if self.tick_size is not None:
            out.control(InstrumentInfo(self.asset_id, tick_size=self.tick_size))
        if out.begin("book", "book", self.asset_id, snapshot=True):
            for side, levels in ((BID, bids), (ASK, asks)):
                for level in levels:
                    out.level(side, level.price, level.size)
            out.end(ts_venue_ns=_time_ns(self.timestamp), digest=self._digest(bids, asks))
        return FrameClass.DATA

    def _digest(self, bids: list[_Level], asks: list[_Level]) -> str | None:
        if not self.hash:
            return None
        return Told(
            self.hash,
            self.market,
            str(self.timestamp),
            self.min_order_size,
            self.tick_size,
            self.neg_risk,
            self.last_trade_price or None,
            bids_best_first=_rises(bids) is False,
            asks_best_first=_rises(asks) is True,
        ).encode()


def _rises(levels: list[_Level]) -> bool | None:
    """Whether the prices of a side rise, None where that cannot be told."""
    if len(levels) < 2:
        return None
    try:
        return parse(levels[0].price, MAX_SCALE) < parse(levels[-1].price, MAX_SCALE)
    except MMError:
        return None


class RestBook(_Book):
    """The body of REST ``/book``, or an entry of ``/books``."""


class _BookEvent(_Book, tag_field="event_type", tag="book"):
    pass


class _Entry(msgspec.Struct, gc=False):
    """A level of one token: its new size, then the hash of its book and the best prices after it."""

    asset_id: _Token
    price: str
    size: str
    side: _Side
    hash: _Text | None = None
    best_bid: str | None = None
    best_ask: str | None = None


class _Change(msgspec.Struct, gc=False):
    """A level in the form before 2025-09-15."""

    price: str
    size: str
    side: _Side


class _PriceChange(msgspec.Struct, tag_field="event_type", tag="price_change"):
    timestamp: _Millis
    market: _Text = ""
    price_changes: list[_Entry] | None = None
    asset_id: _Token | None = None
    hash: _Text | None = None
    changes: list[_Change] | None = None
    price: str | None = None
    size: str | None = None
    side: _Side | None = None

    def emit(self, out: MessageWriter) -> FrameClass:
        """One message a token, tokens in the order in which they first appear."""
        for token, (entries, digest) in self._tokens().items():
            if out.begin("book", "book", token):
                for entry in entries:
                    out.level(_SIDES[entry.side], entry.price, entry.size)
                told = Told(digest, self.market, str(self.timestamp)).encode() if digest else None
                out.end(ts_venue_ns=_time_ns(self.timestamp), digest=told)
        return FrameClass.DATA

    def _tokens(self) -> Mapping[str, tuple[Sequence[_Entry | _Change], str | None]]:
        """The changes of each token, and the hash of its book after them."""
        if self.price_changes is not None:
            entries: dict[str, list[_Entry]] = {}
            for entry in self.price_changes:
                entries.setdefault(entry.asset_id, []).append(entry)
            return {token: (some, some[-1].hash) for token, some in entries.items()}
        changes = self.changes
        if self.price is not None and self.size is not None and self.side is not None:
            changes = [_Change(self.price, self.size, self.side)]
        if changes is None or self.asset_id is None:
            raise MalformedFrame("a price_change without changes, or without their token", venue=VENUE)
        return {self.asset_id: (changes, self.hash)}


class _LastTrade(msgspec.Struct, tag_field="event_type", tag="last_trade_price"):
    """A print; ``side`` is the taker's. There is no number."""

    asset_id: _Token
    price: str
    size: str
    side: _Side
    timestamp: _Millis

    def emit(self, out: MessageWriter) -> FrameClass:
        if out.begin("last_trade_price", "trade", self.asset_id):
            ts = _time_ns(self.timestamp)
            out.trade(_SIDES[self.side], self.price, self.size, NULL, ts)
            out.end(ts_venue_ns=ts)
        return FrameClass.DATA


class _BestBidAsk(msgspec.Struct, tag_field="event_type", tag="best_bid_ask"):
    """Best prices without sizes; a bid of 0, an ask of 1 or of 0, an empty text: no such side."""

    asset_id: _Token
    best_bid: str
    best_ask: str
    timestamp: _Millis

    def emit(self, out: MessageWriter) -> FrameClass:
        if out.begin("best_bid_ask", "ticker", self.asset_id):
            bid, ask = _present(self.best_bid), _present(self.best_ask)
            out.top(bid, None, ask, None)
            out.end(ts_venue_ns=_time_ns(self.timestamp), time_text=str(self.timestamp))
        return FrameClass.DATA


def _present(price: str) -> str | None:
    return None if price in ("", "0", "1") else price


class _TickSizeChange(msgspec.Struct, tag_field="event_type", tag="tick_size_change"):
    asset_id: _Token
    new_tick_size: _Tick

    def emit(self, out: MessageWriter) -> FrameClass:
        """A new definition. The book is kept: as recorded, the one of the new tick came 7 ms before."""
        out.control(InstrumentInfo(self.asset_id, tick_size=self.new_tick_size))
        return FrameClass.CONTROL


class _MarketResolved(msgspec.Struct, tag_field="event_type", tag="market_resolved"):
    assets_ids: list[_Token]
    winning_outcome: str | None = None

    def emit(self, out: MessageWriter) -> FrameClass:
        """Both tokens trade no more."""
        for token in self.assets_ids:
            out.control(Ended(f"resolved: {self.winning_outcome or 'unsaid'}", token))
        return FrameClass.CONTROL


_Event: TypeAlias = _BookEvent | _PriceChange | _LastTrade | _BestBidAsk | _TickSizeChange | _MarketResolved
_events: Final[msgspec.json.Decoder[_Event]] = msgspec.json.Decoder(_Event)
_frames: Final[msgspec.json.Decoder[list[_Event] | _Event]] = msgspec.json.Decoder(list[_Event] | _Event)


def decode_event(event: bytes) -> _Event:
    """One event of EVENTS. Raises msgspec.ValidationError for any other JSON document."""
    return _events.decode(event)


def decode_frame(frame: bytes) -> list[_Event]:
    """A frame of EVENTS only, one or a list. Raises msgspec.ValidationError for any other JSON document."""
    message = _frames.decode(frame)
    return message if isinstance(message, list) else [message]
