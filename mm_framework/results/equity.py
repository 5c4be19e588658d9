"""Equity over time: cash less fees, and the position at its mark; drawdown. Pure.

Marked at the mid a position is worth the last one that was valid. Marked conservatively a long is worth the
best bid, a short the best ask, at the last price that side had. Beyond the displayed size the ledger walks
the book, which a path of best prices does not hold: then its marks on a grid are used.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.model.events import NULL
from mm_framework.results.columns import Fills, RunColumns
from mm_framework.results.path import Ints, TopPath, moments

__all__ = [
    "Course",
    "Drawdown",
    "accounts_of",
    "balances",
    "beyond",
    "by_event",
    "course",
    "courses",
    "drawdown",
    "equity",
    "event_times",
    "finest",
    "grid",
]

Floats = npt.NDArray[np.float64]

_CHUNK: Final = 1 << 16


@attrs.frozen(eq=False)
class Course:
    """An account at given times. ``position`` in size units; ``cash`` after fees and ``value`` of the
    position as exact integers of the money unit.

    ``beyond``: how many of the times hold more than the best level displays; ``stale``: how many are
    marked at a price that is no longer the market's.
    """

    position: Ints
    cash: npt.NDArray[np.object_]
    value: npt.NDArray[np.object_]
    beyond: int
    stale: int

    @property
    def equity(self) -> npt.NDArray[np.object_]:
        """Cash + value, Python integers."""
        return np.add(self.cash, self.value, dtype=object)


def course(fills: Fills, path: TopPath, times_ns: Ints, *, at_mid: bool = False) -> Course:
    """The account that the fills, all of one, make, at times; state after all that is stamped with them.
    ``at_mid``: marked there, not conservatively.
    """
    return _Account(fills, path, at_mid).course(times_ns)


def courses(
    fills: Fills, path: TopPath, times_ns: Ints, *, at_mid: bool = False
) -> Iterator[tuple[slice, Course]]:
    """The same in parts, for its amounts are objects: which of the times, and the account then."""
    account = _Account(fills, path, at_mid)
    for first in range(0, len(times_ns), _CHUNK):
        part = slice(first, first + _CHUNK)
        yield part, account.course(times_ns[part])


def beyond(fills: Fills, path: TopPath, times_ns: Ints) -> int:
    """At how many of the times more is held than the best level displays."""
    return sum(found.beyond for _, found in courses(fills, path, times_ns))


class _Account:
    """What `course` looks up, made once for many times."""

    def __init__(self, fills: Fills, path: TopPath, at_mid: bool) -> None:
        self._fills, self._path, self._at_mid = fills, path, at_mid
        self._positions, self._cash = balances(fills)
        self._prices = np.concatenate([[0], fills.price])
        self._bid, self._ask = path.held(path.bid), path.held(path.ask)
        self._mid2 = path.held(path.mid2) if at_mid else path.mid2

    def course(self, times_ns: Ints) -> Course:
        path, at = self._path, self._path.at(times_ns)
        rows = np.searchsorted(self._fills.ts_ns, times_ns, side="right")
        position = self._positions[rows]
        if self._at_mid:
            return self._course_at_mid(position, rows, at)
        long = position > 0
        mark = np.where(long, path.value(self._bid, at), path.value(self._ask, at))
        mark = np.where(mark == NULL, self._prices[rows], mark)
        shown = np.where(long, path.value(path.bid_size, at), path.value(path.ask_size, at))
        held = position != 0
        return Course(
            position=position,
            cash=self._cash[rows],
            value=position.astype(object) * mark.astype(object) * 10,
            beyond=int((held & (shown != NULL) & (np.abs(position) > shown)).sum()),
            stale=int((held & (shown == NULL)).sum()),
        )

    def _course_at_mid(self, position: Ints, rows: Ints, at: Ints) -> Course:
        mark2 = self._path.value(self._mid2, at)
        mark2 = np.where(mark2 == NULL, 2 * self._prices[rows], mark2)
        sizes = (self._path.value(size, at) for size in (self._path.bid_size, self._path.ask_size))
        gone = np.logical_or(*(size == NULL for size in sizes))
        return Course(
            position=position,
            cash=self._cash[rows],
            value=position.astype(object) * mark2.astype(object) * 5,
            beyond=0,
            stale=int(((position != 0) & gone).sum()),
        )


def balances(fills: Fills) -> tuple[Ints, npt.NDArray[np.object_]]:
    """Position and cash after fees before the first of the fills, all of one account, and after each."""
    moves = zip(fills.signed.tolist(), fills.price.tolist(), fills.fee, strict=True)
    cash = list(accumulate((-signed * price * 10 - fee for signed, price, fee in moves), initial=0))
    return np.concatenate([[0], np.cumsum(fills.signed)]), np.array(cash, object)


def grid(start_ns: int, end_ns: int, step_ns: int) -> Ints:
    """Multiples of a step in UTC, from the last not after the start to the first not before the end."""
    first, last = start_ns // step_ns, -(-end_ns // step_ns)
    return np.arange(first, last + 1, dtype=np.int64) * step_ns


def event_times(run: RunColumns) -> Ints:
    """The moments at which equity may change: fills, best prices of what is traded; start and end too."""
    traded = {run.accounts[account][1] for account in np.unique(run.fills.account)}
    ends = np.array([run.start_ns, run.end_ns])
    return moments(ends, run.fills.ts_ns, *(run.paths[name].ts_ns for name in sorted(traded)))


def equity(run: RunColumns, quote: str, times_ns: Ints) -> Floats:
    """Equity in a quote currency at times: by the ledger's marks where the run has them, else `by_event`."""
    if not run.marks:
        return by_event(run, quote, times_ns)
    total = np.zeros(len(times_ns))
    for account, marks in run.marks.items():
        instrument = run.path(account).instrument
        if instrument.quote == quote:
            worth = np.zeros(len(marks.ts_ns) + 1)
            worth[1:] = _floats(marks.equity, instrument.money_scale)
            for first in range(0, len(times_ns), _CHUNK):
                chunk = slice(first, first + _CHUNK)
                total[chunk] += worth[np.searchsorted(marks.ts_ns, times_ns[chunk], side="right")]
    return total


def by_event(run: RunColumns, quote: str, times_ns: Ints) -> Floats:
    """Equity in a quote currency at any times, all of a position being marked at one price."""
    total = np.zeros(len(times_ns))
    for account in accounts_of(run, quote):
        path = run.path(account)
        for part, found in courses(run.fills.of(account), path, times_ns, at_mid=run.at_mid):
            total[part] += _floats(found.equity, path.instrument.money_scale)
    return total


def finest(run: RunColumns, quote: str) -> tuple[Ints, Floats]:
    """``(times, equity)`` in the finest detail that is right: each event, or the ledger's marks when a
    position was larger than what the best level showed.
    """
    times, walked = event_times(run), False
    if run.marks and not run.at_mid:
        walked = any(beyond(run.fills.of(one), run.path(one), times) for one in accounts_of(run, quote))
    if walked:
        times = moments(times[:1], *(marks.ts_ns for marks in run.marks.values()))
        return times, equity(run, quote, times)
    return times, by_event(run, quote, times)


def accounts_of(run: RunColumns, quote: str) -> list[int]:
    """The accounts that trade for a quote currency."""
    return [k for k in range(len(run.accounts)) if run.path(k).instrument.quote == quote]


def _floats(amounts: npt.NDArray[Any], scale: int) -> Floats:
    """Exact integers as the nearest floats."""
    most = max(int(amounts.max()), -int(amounts.min())) if len(amounts) else 0
    if amounts.dtype != object and scale <= 22 and most < 1 << 53:
        nearest: Floats = amounts / float(10**scale)  # both are exact
        return nearest
    unit = 10**scale
    return np.array([amount / unit for amount in amounts.tolist()], np.float64)


@attrs.frozen
class Drawdown:
    """Falls of equity from its highest value before, the start included; in the unit of the equity.

    ``at``: the place of the deepest one, None when equity never fell. ``longest_ns``: the longest time from
    a peak until it was reached again, or until the end.
    """

    most: float
    mean: float
    longest_ns: int
    at: int | None


def drawdown(times_ns: Ints, values: Floats | Sequence[float], start: float = 0.0) -> Drawdown:
    """The drawdown of a series that stood at ``start`` when it began."""
    series = np.asarray(values, np.float64)
    if not len(series):
        return Drawdown(0.0, 0.0, 0, None)
    below = np.maximum(series, start)
    np.maximum.accumulate(below, out=below)
    below -= series
    under = below > 0
    edges = np.diff(under, prepend=False, append=False)
    falls, rises = np.flatnonzero(edges)[::2], np.flatnonzero(edges)[1::2]
    longest = times_ns[np.minimum(rises, len(series) - 1)] - times_ns[np.maximum(falls - 1, 0)]
    deepest = int(np.argmax(below))
    return Drawdown(
        most=float(below[deepest]),
        mean=float(below.mean()),
        longest_ns=int(longest.max(initial=0)),
        at=deepest if len(falls) else None,
    )
