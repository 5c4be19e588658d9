"""Market orders as quotes see them: bursts of prints, how far each reached, when a quote was exposed. Pure.

One burst is what one aggressor did at one time of the match (of receipt where the venue tells none). Its
reach is the distance of its worst print from the mid just before, in ticks: a quote that far away would have
been reached. Prints whose aggressor is not told are left out, and so are prints without a mid before them.
"""

from __future__ import annotations

from typing import Final

import attrs
import numpy as np

from mm_framework.model.events import NULL
from mm_framework.research.columns import Columns, Floats, Ints

__all__ = ["Bursts", "Exposure", "bursts_of", "exposure_of"]

_S: Final = 10**9


@attrs.frozen(eq=False)
class Bursts:
    """``side``: 1 lifts asks, -1 hits bids; ``reach`` in ticks; ``prints`` used and ``unsaid`` left out."""

    ts_ns: Ints
    side: Ints
    reach: Floats
    prints: int
    unsaid: int

    def __len__(self) -> int:
        return len(self.ts_ns)


@attrs.frozen(eq=False)
class Exposure:
    """The stretches in which there was a mid: quotes could be reached then and only then."""

    begin_ns: Ints
    end_ns: Ints

    def seconds(self, from_ns: Ints, to_ns: Ints) -> Floats:
        """How much of each half-open range of time they cover."""
        return np.asarray((self._before(to_ns) - self._before(from_ns)) / _S)

    def _before(self, ts_ns: Ints) -> Ints:
        """Nanoseconds covered up to each time."""
        total = np.concatenate([[0], np.cumsum(self.end_ns - self.begin_ns)])
        place = np.searchsorted(self.begin_ns, ts_ns, side="right")
        inside = np.maximum(self.end_ns[np.maximum(place - 1, 0)] - ts_ns, 0) if len(self.begin_ns) else 0
        return np.asarray(total[place] - np.where(place > 0, inside, 0), np.int64)


def bursts_of(columns: Columns) -> Bursts:
    """The bursts of all prints, in order of receipt."""
    prints = columns.prints
    told = prints.side != 0
    times, side, price = prints.ts_ns[told], prints.side[told], prints.price[told]
    matched = np.where(prints.venue_ns[told] == NULL, times, prints.venue_ns[told])
    if not len(times):
        return Bursts(times, side, price, 0, len(prints))
    fresh = np.concatenate([[True], (np.diff(matched) != 0) | (np.diff(side) != 0)])
    first = np.flatnonzero(fresh)
    worst = np.maximum.reduceat(price * side, first)
    rows = np.searchsorted(columns.ts_ns, times[first], side="left") - 1
    mids = _mids(columns)
    before = np.where(rows >= 0, mids[np.maximum(rows, 0)], np.nan)
    reach = worst - before * side[first]
    known = ~np.isnan(reach)
    counts = np.diff(np.append(first, len(times)))
    return Bursts(
        times[first][known],
        side[first][known],
        reach[known],
        int(counts[known].sum()),
        len(prints) - int(counts[known].sum()),
    )


def exposure_of(columns: Columns) -> Exposure:
    """Where there is a mid, until the next row or the end of the data."""
    ends = np.append(columns.ts_ns[1:], columns.end_ns)
    there = ~np.isnan(_mids(columns)) & (ends > columns.ts_ns)
    return Exposure(columns.ts_ns[there], ends[there])


def _mids(columns: Columns) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.where(columns.ask > columns.bid, (columns.bid + columns.ask) / 2.0, np.nan)
