"""Market data of WebSocket v2: one msgspec decode to typed structs, number tokens kept as written.

    {"channel":"book","type":"update","data":[{"symbol":"MINA/GBP","bids":[{"price":0.0279,"qty":0.00000000}],
     "asks":[],"checksum":222201382,"timestamp":"2026-08-16T23:37:05.723653Z"}]}

Source: docs.kraken.com, WebSocket v2 channels ``book``, ``trade``, ``ticker``, ``heartbeat``, read
2026-11-21. Numbers stay raw tokens, since trailing zeros are part of the checksum and a float would
lose them.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from mm_framework.contracts.normalizer import FrameClass, MessageWriter
from mm_framework.errors import MalformedFrame
from mm_framework.model.events import ASK, BID, NULL
from mm_kraken.names import VENUE
from mm_kraken.times import rfc3339_ns

__all__ = ["DATA_CHANNELS", "Symbol", "decode", "number"]

Symbol: TypeAlias = Annotated[str, Meta(pattern=r"^[!-~]{1,64}\Z")]
"""A pair's name: printable ASCII without spaces."""

_Crc: TypeAlias = Annotated[int, Meta(ge=0, le=2**32 - 1)]
_TradeId: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]
_Type: TypeAlias = Literal["snapshot", "update"]
_NUMBER_STARTS: Final = frozenset("-0123456789")

DATA_CHANNELS: Final = frozenset({"book", "trade", "ticker", "heartbeat"})
"""The channels that `decode` reads; a frame of one of them that it refuses is malformed."""


def number(token: Raw) -> str:
    """The text of a JSON number token. Raises MalformedFrame for a string, null or anything else."""
    written = str(token, "utf-8")
    if written[0] not in _NUMBER_STARTS:
        raise MalformedFrame(f"found {written[:40]} where a number belongs", venue=VENUE)
    return written


def _time_ns(timestamp: str | None) -> int:
    return NULL if timestamp is None else rfc3339_ns(timestamp)


class _Level(msgspec.Struct, gc=False):
    price: Raw
    qty: Raw


class _BookEntry(msgspec.Struct):
    """One pair. A side that did not change may be missing; older payloads have no timestamp."""

    symbol: Symbol
    checksum: _Crc
    bids: list[_Level] | UnsetType = UNSET
    asks: list[_Level] | UnsetType = UNSET
    timestamp: str | None = None

    def emit(self, out: MessageWriter, *, snapshot: bool) -> None:
        if snapshot and (self.bids is UNSET or self.asks is UNSET):
            raise MalformedFrame(f"a book snapshot of {self.symbol} without one of its sides", venue=VENUE)
        if not out.begin("book", "book", self.symbol, snapshot=snapshot):
            return
        for side, levels in ((BID, self.bids), (ASK, self.asks)):
            if levels is not UNSET:
                for level in levels:
                    out.level(side, number(level.price), number(level.qty))
        out.end(checksum=self.checksum, ts_venue_ns=_time_ns(self.timestamp))


class _Book(msgspec.Struct, tag_field="channel", tag="book"):
    type: _Type
    data: list[_BookEntry]

    def emit(self, out: MessageWriter) -> FrameClass:
        snapshot = self.type == "snapshot"
        for entry in self.data:
            entry.emit(out, snapshot=snapshot)
        return FrameClass.DATA


class _TradeEntry(msgspec.Struct):
    """One print; ``side`` is the taker's, ``ord_type`` his order's (limit, market)."""

    symbol: Symbol
    side: Literal["buy", "sell"]
    price: Raw
    qty: Raw
    trade_id: _TradeId
    timestamp: str | None = None
    ord_type: Any = ""

    @property
    def order_type(self) -> str:
        return self.ord_type if isinstance(self.ord_type, str) else ""


class _Trade(msgspec.Struct, tag_field="channel", tag="trade"):
    type: _Type
    data: list[_TradeEntry]

    def emit(self, out: MessageWriter) -> FrameClass:
        """One message a pair, pairs in the order in which they first appear."""
        pairs: dict[str, list[_TradeEntry]] = {}
        for entry in self.data:
            pairs.setdefault(entry.symbol, []).append(entry)
        for symbol, entries in pairs.items():
            if out.begin("trade", "trade", symbol, snapshot=self.type == "snapshot"):
                newest = NULL
                for entry in entries:
                    ts = _time_ns(entry.timestamp)
                    newest = max(newest, ts)
                    side = BID if entry.side == "buy" else ASK
                    price, size = number(entry.price), number(entry.qty)
                    out.trade(side, price, size, entry.trade_id, ts, entry.order_type)
                out.end(ts_venue_ns=newest)
        return FrameClass.DATA


class _TickerEntry(msgspec.Struct):
    """Best prices. A price or quantity of 0 means that the side is empty; the time is optional."""

    symbol: Symbol
    bid: Raw
    ask: Raw
    bid_qty: Raw | UnsetType = UNSET
    ask_qty: Raw | UnsetType = UNSET
    timestamp: str | None = None

    def emit(self, out: MessageWriter, *, snapshot: bool) -> None:
        if out.begin("ticker", "ticker", self.symbol, snapshot=snapshot):
            out.top(*_top(self.bid, self.bid_qty), *_top(self.ask, self.ask_qty))
            ts = _time_ns(self.timestamp)
            out.end(ts_venue_ns=ts if ts > 0 else NULL, time_text=self.timestamp)


class _Ticker(msgspec.Struct, tag_field="channel", tag="ticker"):
    type: _Type
    data: list[_TickerEntry]

    def emit(self, out: MessageWriter) -> FrameClass:
        for entry in self.data:
            entry.emit(out, snapshot=self.type == "snapshot")
        return FrameClass.DATA


def _top(price: Raw, qty: Raw | UnsetType) -> tuple[str | None, str | None]:
    """``(price, size)`` of a side: no price if the side is empty, no size if it was not told."""
    price_text = number(price)
    size_text = None if qty is UNSET or bytes(qty) == b"null" else number(qty)
    if _is_zero(price_text) or (size_text is not None and _is_zero(size_text)):
        return None, None
    return price_text, size_text


def _is_zero(written: str) -> bool:
    return not written.lower().partition("e")[0].strip("-0.")


class _Heartbeat(msgspec.Struct, tag_field="channel", tag="heartbeat"):
    def emit(self, out: MessageWriter) -> FrameClass:
        return FrameClass.HEARTBEAT


_Data: TypeAlias = _Book | _Trade | _Ticker | _Heartbeat
_decoder: Final[msgspec.json.Decoder[_Data]] = msgspec.json.Decoder(_Data)


def decode(frame: bytes) -> _Data:
    """A frame of one of DATA_CHANNELS. Raises msgspec.ValidationError for any other JSON document."""
    return _decoder.decode(frame)
