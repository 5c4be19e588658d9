"""Candles of trades, and two sets of candles side by side. Exact: numbers stay decimals. Pure.

A candle of trades has the first price, the highest, the lowest, the last and the sum of the sizes; an
interval without a trade has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal

import attrs

from mm_framework.contracts.history import Candle

__all__ = ["Difference", "candles_of", "combine", "compare", "plain", "unbroken_spans"]


@attrs.frozen
class Difference:
    """An interval in which two candles differ; None: one of them is not there."""

    ts_ms: int
    local: Candle | None
    exchange: Candle | None

    @property
    def fields(self) -> tuple[str, ...]:
        """Which numbers differ."""
        local, exchange = self.local, self.exchange
        if local is None or exchange is None:
            return ()
        names = ("open", "high", "low", "close", "volume")
        return tuple(n for n in names if Decimal(getattr(local, n)) != Decimal(getattr(exchange, n)))


def plain(number: str | Decimal) -> str:
    """The shortest text of a decimal: ``106038.2`` of ``106038.20000``."""
    text = f"{Decimal(number):f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def candles_of(trades: Iterable[tuple[int, Decimal, Decimal]], interval_ms: int) -> Iterator[Candle]:
    """Candles of ``(ts_ms, price, size)`` in order of time. Raises ValueError for trades out of order."""
    begin: int | None = None
    first = high = low = last = volume = Decimal(0)
    for at_ms, price, size in trades:
        opened = at_ms - at_ms % interval_ms
        if begin is not None and opened < begin:
            raise ValueError(f"a trade at {at_ms} comes after the interval that begins at {begin}")
        if opened != begin:
            if begin is not None:
                yield _candle(begin, first, high, low, last, volume)
            begin, first, high, low, volume = opened, price, price, price, Decimal(0)
        high, low, last, volume = max(high, price), min(low, price), price, volume + size
    if begin is not None:
        yield _candle(begin, first, high, low, last, volume)


def _candle(at_ms: int, *numbers: Decimal) -> Candle:
    return Candle(at_ms, *(plain(one) for one in numbers))


def unbroken_spans(candles: Iterable[Candle], interval_ms: int) -> list[tuple[int, int]]:
    """The stretches without a hole of candles in order: from a time until before another, ms."""
    found: list[tuple[int, int]] = []
    for one in candles:
        if found and found[-1][1] == one.ts_ms:
            found[-1] = (found[-1][0], one.ts_ms + interval_ms)
        else:
            found.append((one.ts_ms, one.ts_ms + interval_ms))
    return found


def compare(local: Iterable[Candle], exchange: Iterable[Candle]) -> list[Difference]:
    """Where they differ. A flat candle without volume says as much as none."""
    ours, theirs = _by_time(local), _by_time(exchange)
    found = []
    for at_ms in sorted({*ours, *theirs}):
        one = Difference(at_ms, ours.get(at_ms), theirs.get(at_ms))
        if one.fields or one.local is None or one.exchange is None:
            found.append(one)
    return found


def combine(local: Iterable[Candle], exchange: Iterable[Candle]) -> list[Candle]:
    """Ours where we have them, else the exchange's; in order of time."""
    theirs = {one.ts_ms: one for one in exchange}
    both = theirs | {one.ts_ms: one for one in local}
    return [both[at_ms] for at_ms in sorted(both)]


def _by_time(candles: Iterable[Candle]) -> Mapping[int, Candle]:
    return {one.ts_ms: one for one in candles if Decimal(one.volume)}
