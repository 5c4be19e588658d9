"""Fewer rows that draw the same picture: of each slot of time the first, the last and the extremes.

A line drawn through what is kept covers the same pixels as one through all rows, as long as a slot is no
wider than a pixel: no peak of price, spread or age is lost, which averaging or taking each n-th row would.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mm_framework.report.chart import Tops

__all__ = ["ROWS_A_SLOT", "thin"]

ROWS_A_SLOT = 11
"""At most: first, last, first without a price, lowest and highest bid, ask, spread and age."""


def thin(tops: Tops, slots: int) -> Tops:
    """At most ``slots * ROWS_A_SLOT`` rows, in order; the same object when there are no more than that."""
    if len(tops) <= slots * ROWS_A_SLOT:
        return tops
    first, last = int(tops.ts_ns[0]), int(tops.ts_ns[-1])
    width = max(1, -(-(last - first + 1) // slots))
    slot = (tops.ts_ns - first) // width
    starts = np.flatnonzero(np.diff(slot, prepend=-1))
    kept = [starts, np.append(starts[1:], len(slot)) - 1, _first_empty(tops, slot)]
    kept += [_extremes(values, slot, starts) for values in (tops.bid, tops.ask, tops.spread, tops.age_ms)]
    return tops.part(np.unique(np.concatenate(kept)))


def _extremes(
    values: npt.NDArray[np.float64], slot: npt.NDArray[np.int64], starts: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Places of the lowest and the highest value of each slot, NaN left out."""
    order = np.lexsort((values, slot))  # NaN after all numbers
    numbers = np.add.reduceat(np.isfinite(values).astype(np.int64), starts)
    some = numbers > 0
    return np.concatenate([order[starts[some]], order[starts[some] + numbers[some] - 1]])


def _first_empty(tops: Tops, slot: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Of each slot the first row where a line breaks off."""
    empty = np.flatnonzero(np.isnan(tops.bid) | np.isnan(tops.ask))
    return empty[np.flatnonzero(np.diff(slot[empty], prepend=-1))]
