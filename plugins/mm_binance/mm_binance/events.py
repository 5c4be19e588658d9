"""Market data of the streams: one typed msgspec decode an event, number texts kept as written.

    {"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":157,"u":160,"b":[["0.0024","10"]],"a":[["0.0026","100"]]}
    {"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.001","q":"100","T":1672515782136,"m":true,"M":true}
    {"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"}

Source: ``web-socket-streams.md`` and the futures market streams, read 2026-11-21. Futures add ``pu`` and
``T`` to updates, and ``e``, ``E``, ``T`` to the best prices. The venue time of a book is the event time ``E``
(its sending), that of a trade its own time ``T``.
"""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Final, TypeAlias

import msgspec
from msgspec import UNSET, Meta, UnsetType

from mm_binance.times import epoch_ns
from mm_framework.contracts.normalizer import MessageWriter
from mm_framework.model.events import ASK, BID, NULL

__all__ = ["AggTrade", "BookTicker", "Depth", "Levels", "PartialDepth", "Symbol", "Trade", "best"]

Symbol: TypeAlias = Annotated[str, Meta(pattern=r"^[^\s/:@\x00-\x1f]{1,64}\Z")]
"""An instrument's name; it may hold letters of any alphabet."""

Number: TypeAlias = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class Level(msgspec.Struct, array_like=True, gc=False):
    """``[price, size]``; recordings of 2018 have an empty list behind."""

    price: str
    size: str


class Levels(msgspec.Struct):
    """Both sides of a book in full, as REST and the streams of the best levels give them; best first."""

    bids: list[Level]
    asks: list[Level]
    number: Number = msgspec.field(name="lastUpdateId")
    time: int | UnsetType = msgspec.field(name="E", default=UNSET)

    def emit_book(self, symbol: str, out: MessageWriter) -> None:
        """Tell it as a snapshot of the book."""
        if out.begin("depth", "book", symbol, snapshot=True):
            _levels(self.bids, self.asks, out)
            out.end(last=self.number, ts_venue_ns=_time_ns(self.time))


class PartialDepth(msgspec.Struct):
    """The best levels as a futures stream has them: like an update by its keys, but a whole."""

    symbol: Symbol = msgspec.field(name="s")
    number: Number = msgspec.field(name="u")
    bids: list[Level] = msgspec.field(name="b")
    asks: list[Level] = msgspec.field(name="a")
    time: int = msgspec.field(name="E")


def best(shown: Levels | PartialDepth, channel: str, symbol: str, out: MessageWriter) -> None:
    """Tell the best prices of a stream of the best levels: a book of its own it is not."""
    if out.begin(channel, "ticker", symbol):
        bid, bid_size = (shown.bids[0].price, shown.bids[0].size) if shown.bids else (None, None)
        ask, ask_size = (shown.asks[0].price, shown.asks[0].size) if shown.asks else (None, None)
        out.top(bid, bid_size, ask, ask_size)
        out.end(last=shown.number, ts_venue_ns=_time_ns(shown.time), time_text=_time_text(shown.time))


class Depth(msgspec.Struct):
    """An update of a book: new absolute sizes."""

    symbol: Symbol = msgspec.field(name="s")
    first: Number = msgspec.field(name="U")
    last: Number = msgspec.field(name="u")
    bids: list[Level] = msgspec.field(name="b")
    asks: list[Level] = msgspec.field(name="a")
    time: int = msgspec.field(name="E")
    prev: Number | UnsetType = msgspec.field(name="pu", default=UNSET)

    def emit(self, out: MessageWriter) -> None:
        """Tell it: bids, then asks, each as written."""
        if out.begin("depth", "book", self.symbol):
            _levels(self.bids, self.asks, out)
            prev = NULL if self.prev is UNSET else self.prev
            out.end(first=self.first, last=self.last, prev=prev, ts_venue_ns=_time_ns(self.time))


class Trade(msgspec.Struct):
    """A trade. ``maker``: the buyer's order was in the book, so the taker sold."""

    symbol: Symbol = msgspec.field(name="s")
    number: Number = msgspec.field(name="t")
    price: str = msgspec.field(name="p")
    size: str = msgspec.field(name="q")
    time: int = msgspec.field(name="T")
    maker: bool = msgspec.field(name="m")

    channel: ClassVar[str] = "trade"

    def emit(self, out: MessageWriter) -> None:
        """Tell it with the taker's side."""
        if out.begin(self.channel, "trade", self.symbol):
            ns = epoch_ns(self.time)
            out.trade(ASK if self.maker else BID, self.price, self.size, self.number, ns)
            out.end(ts_venue_ns=ns)


class AggTrade(Trade):
    """All trades of one taker's order at one price; numbered on its own."""

    number: Number = msgspec.field(name="a")

    channel: ClassVar[str] = "aggTrade"


class BookTicker(msgspec.Struct):
    """Best prices with the number of the book's update that made them. A price or size of 0: no such side."""

    symbol: Symbol = msgspec.field(name="s")
    number: Number = msgspec.field(name="u")
    bid: str = msgspec.field(name="b")
    bid_size: str = msgspec.field(name="B")
    ask: str = msgspec.field(name="a")
    ask_size: str = msgspec.field(name="A")
    time: int | UnsetType = msgspec.field(name="E", default=UNSET)

    def emit(self, out: MessageWriter) -> None:
        """Tell them."""
        if out.begin("bookTicker", "ticker", self.symbol):
            out.top(*_side(self.bid, self.bid_size), *_side(self.ask, self.ask_size))
            out.end(last=self.number, ts_venue_ns=_time_ns(self.time), time_text=_time_text(self.time))


_ZERO: Final = re.compile(r"0(?:\.0+)?")


def _side(price: str, size: str) -> tuple[str | None, str | None]:
    return (None, None) if _ZERO.fullmatch(price) or _ZERO.fullmatch(size) else (price, size)


def _levels(bids: list[Level], asks: list[Level], out: MessageWriter) -> None:
    for side, levels in ((BID, bids), (ASK, asks)):
        for level in levels:
            out.level(side, level.price, level.size)


def _time_text(written: int | UnsetType) -> str | None:
    return None if written is UNSET else str(written)


def _time_ns(written: int | UnsetType) -> int:
    return NULL if written is UNSET else epoch_ns(written)
