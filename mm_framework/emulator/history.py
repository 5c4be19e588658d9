"""What an emulated venue still shows of an instrument's past: its trades as they were told, and candles.

A trade keeps the stamp that the venue's clock gave it when it happened, whatever the clock does later.
Memory is bounded: the last `TRADES` trades and `MINUTES` candles of a minute; a candle that has lost a
part is not shown.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final, NamedTuple

import attrs

from mm_framework.contracts.emulator import Print, VenueClock

__all__ = ["MINUTES", "TRADES", "Candle", "Period", "Told", "TradeHistory", "unbroken"]

TRADES: Final = 10_000
"""Trades of an instrument that are kept."""

MINUTES: Final = 10_080
"""Candles of one minute that are kept: a week without a pause."""

_MS: Final = 1_000_000
_MINUTE_MS: Final = 60_000


class Told(NamedTuple):
    """A trade and its stamp, ns since the epoch."""

    time_ns: int
    made: Print

    @property
    def time_ms(self) -> int:
        """The stamp in whole ms."""
        return self.time_ns // _MS


class Candle(NamedTuple):
    """The trades of a period: prices, sizes at the listing's scales, ``notional`` as the history counts it.

    ``bought`` and ``bought_notional`` are those of takers that bought; ``trades``: how many.
    """

    open_ms: int
    open: int
    high: int
    low: int
    close: int
    size: int
    notional: int
    bought: int
    bought_notional: int
    trades: int


@attrs.frozen
class Period:
    """How long a candle is: ``length_ms``, counted from ``from_ms``; 0: a calendar month, UTC."""

    length_ms: int
    from_ms: int = 0

    def open_ms(self, at_ms: int) -> int:
        """The begin of the candle that holds a moment."""
        if self.length_ms:
            return at_ms - (at_ms - self.from_ms) % self.length_ms
        return _month(at_ms, 0)

    def next_ms(self, open_ms: int) -> int:
        """The begin of the candle after the one that begins then."""
        return open_ms + self.length_ms if self.length_ms else _month(open_ms, 1)


def _product(made: Print) -> int:
    return made.price * made.size


class TradeHistory:
    """The past of one instrument. ``trades`` are the last ones, oldest first.

    ``worth``: what a trade adds to a candle's ``notional``; price times size, at the sum of the scales.
    """

    def __init__(
        self, prints: Iterable[Print], clock: VenueClock, worth: Callable[[Print], int] = _product
    ) -> None:
        self._worth = worth
        self.trades: deque[Told] = deque(maxlen=TRADES)
        self._clock = clock
        self._minutes: dict[int, Candle] = {}
        self._lost_trade_ms = self._lost_minute_ms = -1
        self.add(prints)

    def add(self, prints: Iterable[Print]) -> None:
        """Take in trades that happen now."""
        for made in prints:
            told = Told(self._clock(made.time_ns), made)
            if len(self.trades) == TRADES:
                self._lost_trade_ms = max(self._lost_trade_ms, self.trades[0].time_ms)
            self.trades.append(told)
            _join(self._minutes, self._candle(told, told.time_ms - told.time_ms % _MINUTE_MS))
            if len(self._minutes) > MINUTES:
                lost_ms = min(self._minutes)
                del self._minutes[lost_ms]
                self._lost_minute_ms = max(self._lost_minute_ms, lost_ms)

    def candles(self, period: Period) -> list[Candle]:
        """The candles that have trades, oldest first; the last one may be running."""
        joined: dict[int, Candle] = {}
        whole = period.length_ms % _MINUTE_MS == 0 and period.from_ms % _MINUTE_MS == 0
        parts = (
            (self._minutes[at] for at in sorted(self._minutes))
            if whole
            else (self._candle(told, told.time_ms) for told in self.trades)
        )
        for part in parts:
            _join(joined, part._replace(open_ms=period.open_ms(part.open_ms)))
        lost_ms = self._lost_minute_ms if whole else self._lost_trade_ms
        return [joined[at] for at in sorted(joined) if at > lost_ms]

    def _candle(self, told: Told, open_ms: int) -> Candle:
        _, side, price, size, *_ = told.made
        notional, bought = self._worth(told.made), side > 0
        return Candle(
            open_ms, price, price, price, price, size, notional, size * bought, notional * bought, trades=1
        )


def unbroken(candles: Iterable[Candle], period: Period, now_ms: int) -> list[Candle]:
    """The candles, flat ones where there was no trade, up to the one that is running."""
    found: list[Candle] = []
    for candle in candles:
        _fill(found, period, candle.open_ms)
        found.append(candle)
    _fill(found, period, now_ms + 1)
    return found


def _fill(found: list[Candle], period: Period, until_ms: int) -> None:
    while found and (open_ms := period.next_ms(found[-1].open_ms)) < until_ms:
        close = found[-1].close
        found.append(Candle(open_ms, close, close, close, close, 0, 0, 0, 0, 0))


def _join(candles: dict[int, Candle], later: Candle) -> None:
    """Put a candle with the earlier one of the same begin."""
    old = candles.get(later.open_ms)
    if old is None:
        candles[later.open_ms] = later
        return
    candles[later.open_ms] = Candle(
        old.open_ms,
        old.open,
        max(old.high, later.high),
        min(old.low, later.low),
        later.close,
        old.size + later.size,
        old.notional + later.notional,
        old.bought + later.bought,
        old.bought_notional + later.bought_notional,
        old.trades + later.trades,
    )


def _month(at_ms: int, later: int) -> int:
    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    years, month = divmod(at.month - 1 + later, 12)
    return int(datetime(at.year + years, month + 1, 1, tzinfo=UTC).timestamp()) * 1000
