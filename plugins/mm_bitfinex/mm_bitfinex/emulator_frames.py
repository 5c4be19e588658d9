"""Data of one emulated pair, as Bitfinex writes it: rows of books, trades, tickers, and checksums.

    [204928,[2e-8,0,1],50]      [18788,"te",[5690221201,1734237017719,0.00991467,102570],2]

Here is what all subscribers share: the part between the channel number and the sequence number. Source:
docs.bitfinex.com, "Books", "Trades", "Ticker", "WebSocket checksum", read 2026-11-21; recordings of
2018-11-12 and 2021-04-17. Numbers are spelled as JavaScript does. The count of orders at a level is
made up from its size; trade ids are unique on the venue and leave holes within a pair.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from decimal import Decimal
from itertools import zip_longest
from typing import Final, NamedTuple

from mm_framework.contracts.emulator import Level, Listing, MarketEvent, MarketView, Print, VenueClock
from mm_framework.emulator.history import TRADES, Candle, TradeHistory
from mm_framework.model.events import ASK, BID

__all__ = ["PairData", "Window", "number"]

CHECKSUM_LEVELS: Final = 25
TRADE_SNAPSHOT: Final = 30

_MS: Final = 1_000_000
_TRADE_STEP: Final = 64
_MOST_ORDERS: Final = 9


def number(value: int, decimals: int) -> str:
    """``value * 10**-decimals`` as JavaScript prints it: ``0.000001``, but ``9.9e-7``."""
    if not value:
        return "0"
    sign, digits = ("-" if value < 0 else ""), str(abs(value)).rstrip("0")
    point = len(str(abs(value))) - decimals  # 0.<digits> * 10**point
    if point <= -6:
        mantissa = digits[0] + ("." + digits[1:] if len(digits) > 1 else "")
        return f"{sign}{mantissa}e-{1 - point}"
    if point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    if len(digits) <= point:
        return f"{sign}{digits.ljust(point, '0')}"
    return f"{sign}{digits[:point]}.{digits[point:]}"


def _double(value: float) -> str:
    """A binary floating-point number as JavaScript prints it, noise included."""
    _, digits, exponent = Decimal(repr(value)).as_tuple()
    assert isinstance(exponent, int)
    significant = int("".join(map(str, digits)))
    return number(significant * 10 ** max(0, exponent), max(0, -exponent))


class Window(NamedTuple):
    """The best levels of both sides, as far as a subscription reaches."""

    bids: dict[int, int]
    asks: dict[int, int]


class PairData:
    """One pair. `observe` an event, then ask for what subscribers are told of it.

    ``place`` is its place among the venue's pairs.
    """

    def __init__(self, listing: Listing, place: int, market: MarketView, clock: VenueClock) -> None:
        self.symbol, self._place = listing.symbol, place
        self._market, self._clock = market, clock
        self._windows: dict[int, Window] = {}
        self._changes: dict[int, list[str]] = {}
        self._list(listing)
        self.history = TradeHistory(market.prints(self.symbol, TRADES), clock)
        prints = market.prints(self.symbol, TRADE_SNAPSHOT)
        self._first = prints[0].price
        self._low = self._high = self._first
        self._volume = 0
        self._count(prints)

    def observe(self, event: MarketEvent) -> None:
        """Take in an event of this pair."""
        self._changes.clear()
        if event.listing is not None:
            self._list(event.listing)
            return
        best = min((change.rank for change in event.changes), default=None)
        for depth, window in self._windows.items():
            if best is not None and best < depth:
                self._windows[depth] = self._window(depth)
                self._changes[depth] = self._rows(window, self._windows[depth])
        self.history.add(event.prints)
        self._count(event.prints)

    # --- book

    def book_snapshot(self, depth: int) -> str:
        """The best ``depth`` levels: bids from the highest down, then asks from the lowest up."""
        self._windows[depth] = self._window(depth)
        return self.book_rows(depth)

    def book_rows(self, depth: int) -> str:
        """The same for somebody who does not follow it."""
        sides = _sides(self._window(depth))
        rows = [self._row(side, *level) for side, levels in sides for level in levels.items()]
        return f"[{','.join(rows)}]"

    def book_changes(self, depth: int) -> list[str]:
        """What the event changed within ``depth``, a row each; a level that falls out is removed."""
        return self._changes.get(depth, [])

    def checksum(self, depth: int) -> int:
        """The signed CRC-32 of the best 25 levels of a subscription."""
        levels = min(depth, CHECKSUM_LEVELS)
        bids, asks = self._market.bids(self.symbol, levels), self._market.asks(self.symbol, levels)
        tokens: list[str] = []
        for bid, ask in zip_longest(bids, asks):
            for side, level in ((BID, bid), (ASK, ask)):
                if level is not None:
                    tokens += (self._price(level[0]), self._size(side * level[1]))
        value = zlib.crc32(":".join(tokens).encode())
        return value - 2**32 if value >= 2**31 else value

    def _window(self, depth: int) -> Window:
        return Window(
            dict(self._market.bids(self.symbol, depth)), dict(self._market.asks(self.symbol, depth))
        )

    def _rows(self, old: Window, new: Window) -> list[str]:
        """Removals first, so that a side never has more levels than were asked for."""
        rows: list[str] = []
        for (side, before), (_, after) in zip(_sides(old), _sides(new), strict=True):
            rows += [f"[{self._price(price)},0,{side}]" for price in before if price not in after]
            rows += [
                self._row(side, price, size) for price, size in after.items() if before.get(price) != size
            ]
        return rows

    def _row(self, side: int, price: int, size: int) -> str:
        count = 1 + min(_MOST_ORDERS - 1, size // self._usual)
        return f"[{self._price(price)},{count},{self._size(side * size)}]"

    # --- trades

    def trade_snapshot(self) -> str:
        """The last 30 trades, newest first."""
        prints = self._market.prints(self.symbol, TRADE_SNAPSHOT)
        return f"[{','.join(self.trade(one) for one in reversed(prints))}]"

    def trade(self, one: Print) -> str:
        """``[id, ms, amount, price]``."""
        return self.trade_at(one, self._clock(one.time_ns) // _MS)

    def trade_at(self, one: Print, time_ms: int) -> str:
        """The same with a stamp that it had."""
        amount = self._size(one.side * one.size)
        return f"[{self.trade_id(one)},{time_ms},{amount},{self._price(one.price)}]"

    def trade_id(self, one: Print) -> int:
        """The venue's number of a trade."""
        return one.trade_id * _TRADE_STEP + self._place

    def candle(self, bar: Candle) -> str:
        """``[ms, open, close, high, low, volume]``."""
        prices = ",".join(self._price(price) for price in (bar.open, bar.close, bar.high, bar.low))
        return f"[{bar.open_ms},{prices},{self._size(bar.size)}]"

    # --- ticker

    def ticker(self) -> str:
        """Best prices, the amounts of the best 25 levels, change, last price, volume, high and low."""
        last = self._market.prints(self.symbol, 1)[0].price
        sides = (self._market.bids, self._market.asks)
        best = [side(self.symbol, CHECKSUM_LEVELS) for side in sides]
        parts = [part for levels in best for part in (self._price(levels[0][0]), self._sum(levels))]
        change = last - self._first
        parts += [self._price(change), number(change * 10_000 // self._first, 4), self._price(last)]
        parts += [self._size(self._volume), self._price(self._high), self._price(self._low)]
        return f"[{','.join(parts)}]"

    def _sum(self, levels: list[Level]) -> str:
        """As the venue adds: in binary floating point, whose noise is on the wire."""
        unit = 10.0**self._size_decimals
        return _double(sum(size / unit for _, size in levels))

    # --- text and state

    def _price(self, value: int) -> str:
        return number(value, self._price_scale)

    def _size(self, value: int) -> str:
        return number(value, self._size_decimals)

    def _list(self, listing: Listing) -> None:
        self._price_scale, self._size_decimals = listing.price_scale, listing.size_scale
        self._usual = listing.size

    def _count(self, prints: Iterable[Print]) -> None:
        for one in prints:
            self._volume += one.size
            self._low, self._high = min(self._low, one.price), max(self._high, one.price)


def _sides(window: Window) -> tuple[tuple[int, dict[int, int]], ...]:
    return (BID, window.bids), (ASK, window.asks)
