"""Candles of a minute of the trades that this server heard, for a day. Exact integers until they are told.

A trade belongs to the minute of its venue time, of its receive time where the venue said none: so they are
the candles of the same trades in a store. The first minute may have begun before the server heard of it.
"""

from __future__ import annotations

from collections import OrderedDict
from decimal import Decimal
from typing import Final

import attrs

from mm_framework.contracts.history import Candle
from mm_framework.history.candles import plain
from mm_framework.model.fixed import text

__all__ = ["DAY_MINUTES", "MINUTE_MS", "MinuteBars", "joined"]

MINUTE_MS: Final = 60_000
DAY_MINUTES: Final = 24 * 60

Scales = tuple[int, int]


@attrs.define
class _Bar:
    """Numbers of one minute at the scales of its instrument's definition."""

    scales: Scales
    open: int
    high: int
    low: int
    close: int
    size: int

    def rescale(self, scales: Scales) -> None:
        """To other scales, which are never smaller."""
        price, size = (10 ** (now - old) for now, old in zip(scales, self.scales, strict=True))
        self.open, self.high = self.open * price, self.high * price
        self.low, self.close = self.low * price, self.close * price
        self.size *= size
        self.scales = scales

    def add(self, price: int, size: int) -> None:
        self.high, self.low, self.close = max(self.high, price), min(self.low, price), price
        self.size += size

    def candle(self, minute: int) -> Candle:
        first, high, low, last = (
            plain(text(value, self.scales[0])) for value in (self.open, self.high, self.low, self.close)
        )
        return Candle(minute * MINUTE_MS, first, high, low, last, plain(text(self.size, self.scales[1])))


class MinuteBars:
    """The candles of the last day, one instrument's. ``first_ms``: of the first trade, None before it."""

    def __init__(self) -> None:
        self._bars: OrderedDict[int, _Bar] = OrderedDict()
        self.first_ms: int | None = None

    def add(self, at_ms: int, price: int, size: int, scales: Scales) -> None:
        """One trade, integers at these scales."""
        if self.first_ms is None:
            self.first_ms = at_ms
        minute = at_ms // MINUTE_MS
        bar = self._bars.get(minute)
        if bar is None:
            self._bars[minute] = _Bar(scales, price, price, price, price, size)
            while len(self._bars) > DAY_MINUTES:
                self._bars.popitem(last=False)
            return
        if bar.scales != scales:
            larger = max(bar.scales[0], scales[0]), max(bar.scales[1], scales[1])
            price *= 10 ** (larger[0] - scales[0])
            size *= 10 ** (larger[1] - scales[1])
            bar.rescale(larger)
        bar.add(price, size)

    def candles(self, from_ms: int, to_ms: int) -> list[Candle]:
        """Those that begin in a range, in order; the last one may still run."""
        first, end = -(-from_ms // MINUTE_MS), -(-to_ms // MINUTE_MS)
        return [self._bars[minute].candle(minute) for minute in sorted(self._bars) if first <= minute < end]

    def close_at(self, minute: int) -> float | None:
        """The last price of a minute since 1970, None without a trade."""
        bar = self._bars.get(minute)
        return None if bar is None else float(bar.close / 10 ** bar.scales[0])

    def minutes(self) -> list[int]:
        """The minutes that have a candle, in order."""
        return sorted(self._bars)


def joined(candles: list[Candle], interval_ms: int) -> list[Candle]:
    """Candles of longer intervals out of shorter ones in order."""
    found: list[Candle] = []
    for one in candles:
        begin = one.ts_ms - one.ts_ms % interval_ms
        if not found or found[-1].ts_ms != begin:
            found.append(attrs.evolve(one, ts_ms=begin))
            continue
        last = found[-1]
        found[-1] = Candle(
            begin,
            last.open,
            max(last.high, one.high, key=Decimal),
            min(last.low, one.low, key=Decimal),
            one.close,
            plain(Decimal(last.volume) + Decimal(one.volume)),
        )
    return found
