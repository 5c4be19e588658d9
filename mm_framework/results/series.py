"""What the charts of a run show: equity, inventory, quotes in a slice of time. Pure.

Amounts become floats here: a chart is looked at, nothing is computed from it.
"""

from __future__ import annotations

from typing import Final

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.model.events import NULL
from mm_framework.results.columns import Fills, RunColumns
from mm_framework.results.equity import finest
from mm_framework.results.lives import Lives
from mm_framework.results.path import Ints, TopPath

__all__ = [
    "Line",
    "Slice",
    "busiest",
    "drawdown_line",
    "equity_line",
    "inventory_line",
    "prices",
    "slice_of",
    "thinned",
]

MOST_SLOTS: Final = 1_000
SLICE_NS: Final = 60_000_000_000
MOST_TOPS: Final = 3_000
MOST_LIVES: Final = 200

Floats = npt.NDArray[np.float64]


@attrs.frozen(eq=False)
class Line:
    """Values in force from their times on."""

    ts_ns: Ints
    values: Floats


def thinned(line: Line, slots: int = MOST_SLOTS) -> Line:
    """Of each slot of time the first, the lowest, the highest and the last value: the same picture."""
    if len(line.ts_ns) <= 4 * slots:
        return line
    first, last = int(line.ts_ns[0]), int(line.ts_ns[-1])
    slot = (line.ts_ns - first) // max(1, -(-(last - first + 1) // slots))
    starts = np.flatnonzero(np.diff(slot, prepend=-1))
    ends = np.append(starts[1:], len(slot)) - 1
    order = np.lexsort((line.values, slot))
    rows = np.unique(np.concatenate([starts, ends, order[starts], order[ends]]))
    return Line(line.ts_ns[rows], line.values[rows])


def equity_line(run: RunColumns, quote: str) -> Line:
    """Equity in the finest detail that there is."""
    return Line(*finest(run, quote))


def drawdown_line(line: Line) -> Line:
    """How far below its highest value before a line is, 0 or less."""
    return Line(line.ts_ns, line.values - np.maximum.accumulate(np.maximum(line.values, 0.0)))


def inventory_line(fills: Fills, path: TopPath, span_ns: tuple[int, int]) -> Line:
    """The position of one account over the run, in the base currency."""
    position = np.concatenate([[0], np.cumsum(fills.signed)])
    times = np.concatenate([[span_ns[0]], fills.ts_ns, [span_ns[1]]])
    return Line(times, np.append(position, position[-1]) * path.instrument.size_unit)


@attrs.frozen(eq=False)
class Slice:
    """A short time of one account: the best prices and own quotes and fills in it, prices as floats.

    ``tops``: row numbers of the path; ``quotes``, ``fills``: those that touch the time.
    """

    start_ns: int
    end_ns: int
    tops: Ints
    quotes: Lives
    fills: Fills


def busiest(fills: Fills, quotes: Lives, span_ns: tuple[int, int], width_ns: int) -> tuple[int, int]:
    """The time of a width with most fills, or with most new quotes where nothing filled."""
    start_ns, end_ns = span_ns
    moments = fills.ts_ns if len(fills) else np.sort(quotes.start_ns)
    if end_ns - start_ns <= width_ns or not len(moments):
        return start_ns, min(end_ns, start_ns + width_ns)
    inside = np.searchsorted(moments, moments + width_ns * 9 // 10, side="right") - np.arange(len(moments))
    first = int(moments[int(np.argmax(inside))]) - width_ns // 20
    first = min(max(first, start_ns), end_ns - width_ns)
    return first, first + width_ns


def slice_of(run: RunColumns, account: int, quotes: Lives, span_ns: tuple[int, int] | None = None) -> Slice:
    """A slice of an account that a chart can hold, or that of ``span_ns``. ``quotes``: the account's."""
    path, fills = run.path(account), run.fills.of(account)
    width_ns = SLICE_NS
    while True:
        start_ns, end_ns = span_ns or busiest(fills, quotes, (run.start_ns, run.end_ns), width_ns)
        first, last = path.at(np.array([start_ns, end_ns]))
        touching = (quotes.start_ns <= end_ns) & (quotes.end_ns >= start_ns)
        fits = last - first <= MOST_TOPS and int(touching.sum()) <= MOST_LIVES
        if fits or span_ns is not None or width_ns <= 10_000_000:
            break
        width_ns //= 2
    rows = np.flatnonzero((fills.ts_ns >= start_ns) & (fills.ts_ns <= end_ns))
    return Slice(
        start_ns, end_ns, np.arange(max(first, 0), last + 1), quotes.where(touching), fills.rows(rows)
    )


def prices(path: TopPath, column: Ints) -> Floats:
    """Prices as floats, NaN where there is none."""
    return np.where(column == NULL, np.nan, column * path.instrument.price_unit)
