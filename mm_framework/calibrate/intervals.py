"""Lines of the calibration logs into intervals of a grid, symbol by symbol. Pure.

A position is that of one run; a hole of the ticks that lies in two intervals counts in each as far as it lies
there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise
from typing import Final, NamedTuple

import attrs
import msgspec

from mm_framework.calibrate.lines import FillLine

__all__ = ["Cut", "Interval", "IntervalSums", "Tick", "Wanted"]

_SLACK_MS: Final = 1000
"""A run may begin so long before the one before it ended: the wall clock was set back meanwhile."""

Cut = tuple[int, int]
"""A stretch without a connection, ms."""


class Tick(msgspec.Struct, frozen=True, gc=False):
    """What a data set takes of a `TickLine`; the rest is not decoded."""

    ts: int
    symbol: str
    tick_total_ms: float | None
    cache_hit: bool
    cache_age_ms: float | None
    used_stale: bool
    deadline_miss: bool
    quotes: int = 0


@attrs.frozen
class Wanted:
    """What a data set is of. ``symbols``: all when empty; the filters as the command names them."""

    from_ms: int
    to_ms: int
    interval_sec: int = 300
    symbols: tuple[str, ...] = ()
    max_ws_gap_ms: int = 5000
    min_ticks: int = 10
    max_deadline_miss: float = 0.05

    @property
    def interval_ms(self) -> int:
        """The length of an interval."""
        return self.interval_sec * 1000


@attrs.define
class Interval:
    """What one symbol did in one interval. ``ticks``: lines; ``wakes``: wake-ups that they stand for."""

    fills: int = 0
    taker_fills: int = 0
    turnover: float = 0.0
    profit: float = 0.0
    slips: list[float] = attrs.field(factory=list)
    ticks: int = 0
    quotes: int = 0
    totals: list[float] = attrs.field(factory=list)
    hits: int = 0
    ages: list[float] = attrs.field(factory=list)
    misses: int = 0
    stale: int = 0
    widest_ms: int = 0


@attrs.define
class _Account:
    """What a symbol's profit is made of, in one run: the position and its last mid."""

    position: float = 0.0
    mid: float | None = None


class _Last(NamedTuple):
    """The last tick of a symbol: when, in which run, in which interval."""

    ts_ms: int
    run: int
    number: int
    interval: Interval


class IntervalSums:
    """The intervals, as the lines come: all fills, then all ticks. ``starts``: of the runs, ms, sorted."""

    def __init__(self, wanted: Wanted, starts: Sequence[int]) -> None:
        self._wanted, self._starts = wanted, starts
        self.found: dict[tuple[str, int], Interval] = {}
        self._accounts: dict[tuple[str, int], _Account] = {}
        self._last: dict[str, _Last] = {}
        self._spans: dict[str, list[list[int]]] = {}

    def add(self, line: FillLine | Tick) -> None:
        """A line of any time and symbol."""
        wanted = self._wanted
        if line.ts >= wanted.to_ms or (wanted.symbols and line.symbol not in wanted.symbols):
            return
        run = bisect_right(self._starts, line.ts)
        number = (line.ts - wanted.from_ms) // wanted.interval_ms
        if isinstance(line, FillLine):
            profit = _profit(line, self._accounts.setdefault((line.symbol, run), _Account()))
            if number >= 0:
                _add_fill(self._interval(line.symbol, number), line, profit)
        elif number >= 0:
            interval = self._interval(line.symbol, number)
            _add_tick(interval, line)
            self._hole(line.symbol, _Last(line.ts, run, number, interval))
            self._span(line.symbol, line.ts)

    def twice(self) -> tuple[str, int] | None:
        """A symbol of which two runs logged the same time, and when."""
        for symbol, spans in sorted(self._spans.items()):
            for (_, end_ms), (begin_ms, _) in pairwise(sorted(spans)):
                if begin_ms < end_ms - _SLACK_MS:
                    return symbol, begin_ms
        return None

    def _span(self, symbol: str, ts_ms: int) -> None:
        """Time goes on within a run; where it goes back, another one begins."""
        spans = self._spans.get(symbol)
        if spans is None:
            self._spans[symbol] = [[ts_ms, ts_ms]]
        elif ts_ms < spans[-1][1]:
            spans.append([ts_ms, ts_ms])
        else:
            spans[-1][1] = ts_ms

    def _interval(self, symbol: str, number: int) -> Interval:
        found = self.found.get((symbol, number))
        if found is None:
            found = self.found[symbol, number] = Interval()
        return found

    def _hole(self, symbol: str, now: _Last) -> None:
        """What lies between two ticks; of two intervals, each has of it what lies there.

        Nobody says where runs begin in logs without them: what spans an interval is no hole there.
        """
        last, self._last[symbol] = self._last.get(symbol), now
        if last is None or last.run != now.run or not (self._starts or now.number - last.number < 2):
            return
        if last.number == now.number:
            now.interval.widest_ms = max(now.interval.widest_ms, now.ts_ms - last.ts_ms)
            return
        first, step = self._wanted.from_ms, self._wanted.interval_ms
        before_ms = min(now.ts_ms, first + (last.number + 1) * step) - last.ts_ms
        here_ms = now.ts_ms - max(last.ts_ms, first + now.number * step)
        last.interval.widest_ms = max(last.interval.widest_ms, before_ms)
        now.interval.widest_ms = max(now.interval.widest_ms, here_ms)


def _profit(fill: FillLine, account: _Account) -> float:
    """What a fill makes, and the position before it from the mid before to the mid now."""
    signed = fill.qty if fill.side == "BUY" else -fill.qty
    mid = fill.mid_now if fill.mid_now is not None else account.mid
    profit = -fill.fee
    if mid is not None:
        if account.mid is not None:
            profit += account.position * (mid - account.mid)
        profit += signed * (mid - fill.price)
        account.mid = mid
    account.position += signed
    return profit


def _add_fill(interval: Interval, fill: FillLine, profit: float) -> None:
    interval.profit += profit
    interval.fills += 1
    interval.taker_fills += fill.taker
    interval.turnover += fill.price * fill.qty
    if fill.slip_bps is not None:
        interval.slips.append(fill.slip_bps)


def _add_tick(interval: Interval, tick: Tick) -> None:
    interval.ticks += 1
    interval.quotes += tick.quotes
    if tick.tick_total_ms is not None:
        interval.totals.append(tick.tick_total_ms)
    interval.hits += tick.cache_hit
    interval.misses += tick.deadline_miss
    interval.stale += tick.used_stale
    if tick.cache_age_ms is not None:
        interval.ages.append(tick.cache_age_ms)
