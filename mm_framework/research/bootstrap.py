"""Intervals of averages over samples that depend on their neighbours: resampling of whole blocks. Pure.

The circular block bootstrap: the samples stand in a ring, a resample is as many blocks from random places as
it takes, the last one cut. From 20 days on whole days are drawn instead. All ratios are of the same
resamples, so that differences are paired.
"""

from __future__ import annotations

import attrs
import numpy as np

from mm_framework.research.columns import Floats, Ints

__all__ = ["MAX_BLOCKS", "MIN_BLOCKS", "Resamples", "resamples"]

MIN_DAYS = 20
MIN_BLOCKS = 10
"""Fewer blocks do not tell how much an average varies; one would give an interval without width."""
MAX_BLOCKS = 1000
"""More blocks tell no more of an interval: longer ones are taken instead, and memory stays small."""

_DAY_NS = 86_400 * 10**9


@attrs.frozen(eq=False)
class Resamples:
    """How to draw: ``starts`` of blocks a resample, or days. ``block``: samples a block, 0 for days."""

    count: int
    block: int
    starts: Ints
    days: Ints | None

    def sums(self, values: Floats) -> Floats:
        """The sum of the values in each resample."""
        if self.days is not None:
            by_day = np.bincount(self.days, weights=values, minlength=int(self.days.max()) + 1)
            return np.asarray(by_day[self.starts].sum(axis=1))
        ring = np.concatenate([[0.0], np.cumsum(np.concatenate([values, values[: self.block]]))])
        rest = self.count - self.block * (self.starts.shape[1] - 1)
        whole, last = self.starts[:, :-1], self.starts[:, -1]
        total = (ring[whole + self.block] - ring[whole]).sum(axis=1)
        return np.asarray(total + ring[last + rest] - ring[last])

    def interval(self, top: Floats, bottom: Floats, level: float = 0.95) -> tuple[float, float]:
        """The percentile interval of sum(top)/sum(bottom).

        NaN of fewer than MIN_BLOCKS blocks, and when a bottom is 0 in too many resamples.
        """
        if self.starts.shape[1] < MIN_BLOCKS:
            return float("nan"), float("nan")
        with np.errstate(invalid="ignore", divide="ignore"):
            ratios = self.sums(top) / self.sums(bottom)
        good = ratios[np.isfinite(ratios)]
        if len(good) < 0.9 * len(ratios):
            return float("nan"), float("nan")
        low, high = np.quantile(good, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)


def resamples(ts_ns: Ints, least_block: int, times: int, seed: int) -> Resamples:
    """``times`` resamples; blocks are the longest of ``least_block``, cube root and thousandth of all."""
    count = len(ts_ns)
    draw = np.random.default_rng(seed)
    found, day = np.unique(ts_ns // _DAY_NS, return_inverse=True)
    if len(found) >= MIN_DAYS:
        starts = draw.integers(0, len(found), (times, len(found)))
        return Resamples(count, 0, starts, day.astype(np.int64))
    block = min(count, max(least_block, int(np.ceil(count ** (1 / 3))), -(-count // MAX_BLOCKS), 1))
    blocks = -(-count // block)
    return Resamples(count, block, draw.integers(0, count, (times, blocks)), None)
