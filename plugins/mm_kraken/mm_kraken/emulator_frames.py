"""Frames of one emulated pair, as Kraken's WebSocket v2 writes them: book, trade, ticker, instrument.

    {"channel":"book","type":"update","data":[{"symbol":"MINA/GBP","bids":[{"price":0.0279,"qty":0.00000000}],
     "asks":[],"checksum":222201382,"timestamp":"2026-08-16T23:37:05.723653Z"}]}

Source: docs.kraken.com, WebSocket v2 ``book``, ``trade``, ``ticker``, ``instrument`` and the guide "Book
checksum (WebSocket v2)", read 2026-11-21; key order and number spelling as in a recording of
2026-08-16 (a MINA/GBP book). Numbers carry all their decimals, trailing zeros included. Increments are
written as doubles are (``1e-08``), as the venue does. Whether ``bbo`` follows the sizes of the best
prices, too, is not documented; here it does.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from mm_framework.contracts.emulator import (
    FrameKind,
    Level,
    Listing,
    MarketEvent,
    MarketView,
    Outgoing,
    Print,
    VenueClock,
)
from mm_framework.emulator.history import TRADES, TradeHistory
from mm_framework.emulator.market import visible

__all__ = ["PairFrames", "decimal", "instruments", "timestamp"]

CHECKSUM_LEVELS: Final = 10
TRADE_SNAPSHOT: Final = 50

_SECOND: Final = 1_000_000_000


def timestamp(wall_ns: int) -> str:
    """RFC 3339 in UTC with microseconds: ``2023-09-24T14:10:23.799685Z``."""
    second, rest = divmod(wall_ns, _SECOND)
    return f"{_second_text(second)}.{rest // 1000:06d}Z"


@lru_cache(maxsize=16)
def _second_text(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def decimal(value: int, decimals: int) -> str:
    """A value of ``10**-decimals`` units with all its decimals."""
    if not decimals:
        return str(value)
    sign, value = ("-", -value) if value < 0 else ("", value)
    whole, fraction = divmod(value, 10**decimals)
    return f"{sign}{whole}.{fraction:0{decimals}d}"


class PairFrames:
    """One pair: what its subscribers are told, encoded once for all of them.

    `observe` an event, then ask for the updates of it. ``listing`` is the present one.
    """

    def __init__(self, listing: Listing, market: MarketView, clock: VenueClock) -> None:
        self._market = market
        self._clock = clock
        self._symbol = listing.symbol
        self._updates: dict[int, Outgoing | None] = {}
        self._event = MarketEvent(0, listing.symbol, (), ())
        self._crc: int | None = None
        self._list(listing)
        self.history = TradeHistory(market.prints(self._symbol, TRADES), clock)
        prints = market.prints(self._symbol, TRADE_SNAPSHOT)
        self._first = prints[0].price
        self._low = self._high = self._first
        self._volume = self._turnover = 0
        self._count(prints)
        self._top = self._best()
        self._top_moved = False

    def observe(self, event: MarketEvent) -> None:
        """Take in an event of this pair."""
        self._event = event
        self._updates.clear()
        self._top_moved = False
        if event.listing is not None:
            self._list(event.listing)
            return
        if any(change.rank < CHECKSUM_LEVELS for change in event.changes):
            self._crc = None
            top = self._best()
            self._top_moved = top != self._top
            self._top = top
        self.history.add(event.prints)
        self._count(event.prints)

    # --- book

    def book_snapshot(self, depth: int, now_ns: int) -> Outgoing:
        """The best ``depth`` levels of each side, best first."""
        bids, asks = self._market.bids(self._symbol, depth), self._market.asks(self._symbol, depth)
        return self._book("snapshot", FrameKind.SNAPSHOT, depth, bids, asks, now_ns)

    def book_update(self, depth: int) -> Outgoing | None:
        """What the event changed within ``depth``, None for nothing."""
        if depth not in self._updates:
            bids, asks = visible(self._event, depth)
            self._updates[depth] = (
                self._book("update", FrameKind.BOOK, depth, bids, asks, self._event.time_ns)
                if bids or asks
                else None
            )
        return self._updates[depth]

    def _book(
        self, type_: str, kind: FrameKind, depth: int, bids: list[Level], asks: list[Level], at_ns: int
    ) -> Outgoing:
        head = (
            f'{{"channel":"book","type":"{type_}","data":[{{"symbol":"{self._symbol}",'
            f'"bids":[{self._levels(bids)}],"asks":[{self._levels(asks)}],"checksum":'
        )
        crc = str(self.checksum())
        payload = f'{head}{crc},"timestamp":"{self._stamp(at_ns)}"}}]}}'.encode()
        return Outgoing(
            payload, kind, "book", self._symbol, depth, checksum=(len(head), len(head) + len(crc))
        )

    def _levels(self, levels: list[Level]) -> str:
        price, size = self.price, self.size
        return ",".join([f'{{"price":{price(level[0])},"qty":{size(level[1])}}}' for level in levels])

    def checksum(self) -> int:
        """CRC-32 of the best 10 asks, then bids: digits of price and size without leading zeros."""
        if self._crc is None:
            unit = self._price_unit
            levels = self._market.asks(self._symbol, CHECKSUM_LEVELS)
            levels += self._market.bids(self._symbol, CHECKSUM_LEVELS)
            text = "".join([f"{price // unit}{size}" for price, size in levels])
            self._crc = zlib.crc32(text.encode())
        return self._crc

    # --- trades

    def trade_snapshot(self) -> Outgoing:
        """The last 50 trades."""
        return self._trades("snapshot", FrameKind.SNAPSHOT, self._market.prints(self._symbol, TRADE_SNAPSHOT))

    def trade_update(self) -> Outgoing | None:
        """The trades of the event, None for none."""
        prints = self._event.prints
        return self._trades("update", FrameKind.TRADE, prints) if prints else None

    def _trades(self, type_: str, kind: FrameKind, prints: Sequence[Print]) -> Outgoing:
        entries = ",".join(
            f'{{"symbol":"{self._symbol}","side":"{"buy" if one.side > 0 else "sell"}",'
            f'"price":{self.price(one.price)},"qty":{self.size(one.size)},'
            f'"ord_type":"{"limit" if one.limit_order else "market"}","trade_id":{one.trade_id},'
            f'"timestamp":"{self._stamp(one.time_ns)}"}}'
            for one in prints
        )
        payload = f'{{"channel":"trade","type":"{type_}","data":[{entries}]}}'.encode()
        return Outgoing(payload, kind, "trade", self._symbol, trade_ids=tuple(one.trade_id for one in prints))

    # --- ticker

    def ticker_snapshot(self, now_ns: int) -> Outgoing:
        """Best prices and statistics."""
        return self._ticker("snapshot", FrameKind.SNAPSHOT, now_ns)

    def ticker_update(self, trigger: str) -> Outgoing | None:
        """The same after the event, None when it does not trigger: ``bbo`` or ``trades``."""
        triggered = self._top_moved if trigger == "bbo" else bool(self._event.prints)
        return self._ticker("update", FrameKind.TICKER, self._event.time_ns) if triggered else None

    def _ticker(self, type_: str, kind: FrameKind, at_ns: int) -> Outgoing:
        (bid, bid_size), (ask, ask_size) = self._top
        price, size = self.price, self.size
        last = self._market.prints(self._symbol, 1)[0].price
        change = last - self._first
        percent = decimal(change * 10_000 // self._first, 2)
        payload = (
            f'{{"channel":"ticker","type":"{type_}","data":[{{"symbol":"{self._symbol}",'
            f'"bid":{price(bid)},"bid_qty":{size(bid_size)},"ask":{price(ask)},"ask_qty":{size(ask_size)},'
            f'"last":{price(last)},"volume":{size(self._volume)},"vwap":{price(self._vwap())},'
            f'"low":{price(self._low)},"high":{price(self._high)},"change":{price(change)},'
            f'"change_pct":{percent},"timestamp":"{self._stamp(at_ns)}"}}]}}'
        ).encode()
        return Outgoing(payload, kind, "ticker", self._symbol)

    def _vwap(self) -> int:
        return self._turnover // self._volume

    def _best(self) -> tuple[Level, Level]:
        return self._market.bids(self._symbol, 1)[0], self._market.asks(self._symbol, 1)[0]

    def _count(self, prints: Sequence[Print]) -> None:
        for one in prints:
            self._volume += one.size
            self._turnover += one.price * one.size
            self._low, self._high = min(self._low, one.price), max(self._high, one.price)

    # --- text

    def price(self, value: int) -> str:
        """A price as the wire shows it now."""
        return decimal(value // self._price_unit, self.listing.price_decimals)

    def size(self, value: int) -> str:
        """A size as the wire shows it."""
        return decimal(value, self.listing.size_decimals)

    def _stamp(self, at_ns: int) -> str:
        return timestamp(self._clock(at_ns))

    def _list(self, listing: Listing) -> None:
        self.listing = listing
        self._price_unit = 10 ** (listing.price_scale - listing.price_decimals)
        self._crc = None


def instruments(type_: str, listings: list[Listing]) -> Outgoing:
    """The ``instrument`` channel's snapshot, or its update with the pairs that changed."""
    codes = (
        sorted({code for one in listings for code in (one.base, one.quote)}) if type_ == "snapshot" else []
    )
    assets = ",".join(
        f'{{"id":"{code}","status":"enabled","precision":10,"precision_display":5,"borrowable":false,'
        '"collateral_value":0.0,"margin_rate":0.0}'
        for code in codes
    )
    pairs = ",".join(_pair(one) for one in listings)
    payload = f'{{"channel":"instrument","type":"{type_}","data":{{"assets":[{assets}],"pairs":[{pairs}]}}}}'
    return Outgoing(payload.encode(), FrameKind.METADATA, "instrument")


def _pair(one: Listing) -> str:
    tick, lot = 10.0**-one.price_decimals, 10.0**-one.size_decimals
    return (
        f'{{"symbol":"{one.symbol}","base":"{one.base}","quote":"{one.quote}","status":"online",'
        f'"qty_precision":{one.size_decimals},"qty_increment":{lot!r},'
        f'"price_precision":{one.price_decimals},"cost_precision":{one.price_decimals + 4},'
        f'"marginable":false,"has_index":false,"cost_min":0.50,"tick_size":{tick!r},'
        f'"price_increment":{tick!r},"qty_min":{decimal(_least_order(one), one.size_decimals)}}}'
    )


def _least_order(one: Listing) -> int:
    """A ten-thousandth of a usual order or so: of the usual size's magnitude, always 1 unit or more."""
    return int(10 ** max(0, len(str(one.size)) - 4))
