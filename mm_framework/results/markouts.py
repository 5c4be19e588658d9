"""Markouts: what a fill was worth some time later, split into edge and adverse selection. Pure.

    edge = s (M - p)    adverse = s (M(t + h) - M)    markout = edge + adverse = s (M(t + h) - p)

s is our side, M the mid just before the fill, M(t + h) that of the last change stamped at or before t + h.
Beyond the end of the run the horizon is cut there, and counted. Where a mid is not there, or the market was
not trusted at any moment in between, a markout is unknown, never zero.

Markouts of neighbouring fills look at the same future, so that errors are taken over blocks of time no
shorter than the horizon.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.model.events import NULL
from mm_framework.results.columns import Fills
from mm_framework.results.path import Ints, TopPath

__all__ = ["HORIZONS_NS", "BlockMean", "Curve", "Markouts", "block_mean", "curve", "markouts"]

HORIZONS_NS: Final = (100_000_000, 1_000_000_000, 5_000_000_000, 30_000_000_000, 60_000_000_000)
BLOCKS: Final = 30
"""Into how many blocks a run is cut, where horizons allow."""
Z95: Final = 1.959963984540054

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@attrs.frozen(eq=False)
class Markouts:
    """Of each fill at one horizon, in half price units; exact, and 0 where not ``known``.

    ``mid2``: M times two. ``cut``: the horizon was cut at the end of the run.
    """

    horizon_ns: int
    edge: Ints
    adverse: Ints
    mid2: Ints
    known: Flags
    cut: Flags

    @property
    def markout(self) -> Ints:
        """Edge + adverse."""
        return self.edge + self.adverse

    def bps(self, values: Ints) -> Floats:
        """``edge``, ``adverse`` or ``markout`` in basis points of M."""
        return 1e4 * values / np.where(self.known, self.mid2, 1)


def markouts(fills: Fills, path: TopPath, horizon_ns: int, end_ns: int) -> Markouts:
    """The markouts of fills of one instrument; the run ends at ``end_ns``."""
    due_ns = fills.ts_ns + horizon_ns
    cut = due_ns > end_ns
    before = np.where(fills.maker, path.before(fills.ts_ns), path.at(fills.ts_ns))
    after = path.at(np.minimum(due_ns, end_ns))
    mid2, later2 = path.value(path.mid2, before), path.value(path.mid2, after)
    known = (mid2 != NULL) & (later2 != NULL) & ~path.lost_between(before, after)
    mid2, later2 = np.where(known, mid2, 0), np.where(known, later2, 0)
    edge = np.where(known, fills.side * (mid2 - 2 * fills.price), 0)
    return Markouts(horizon_ns, edge, fills.side * (later2 - mid2), mid2, known, cut)


@attrs.frozen
class BlockMean:
    """A mean and its standard error over ``blocks``; None: of fewer than 1 value, or 2 blocks."""

    mean: float | None
    error: float | None
    blocks: int

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the mean."""
        if self.mean is None or self.error is None:
            return None
        return self.mean - Z95 * self.error, self.mean + Z95 * self.error


def block_mean(values: Floats, weights: Floats, blocks: Ints) -> BlockMean:
    """The weighted mean of values that depend on each other within a block, and its error.

    The error is that of a ratio of sums over blocks: sqrt(b / (b - 1) sum (S - mean W)^2) / sum W.
    """
    total = float(weights.sum())
    if not total:
        return BlockMean(None, None, 0)
    mean = float((values * weights).sum()) / total
    _, place = np.unique(blocks, return_inverse=True)
    residuals = np.bincount(place, weights * (values - mean))
    count = len(residuals)
    if count < 2:
        return BlockMean(mean, None, count)
    error = float(np.sqrt(count / (count - 1) * np.square(residuals).sum())) / total
    return BlockMean(mean, error, count)


@attrs.frozen
class Curve:
    """Markouts at one horizon in bps: weighted by size, and by fill. ``unknown``, ``cut`` count fills."""

    horizon_ns: int
    fills: int
    unknown: int
    cut: int
    block_ns: int
    edge: BlockMean
    adverse: BlockMean
    markout: BlockMean
    per_fill: BlockMean


def curve(
    fills: Fills, path: TopPath, span_ns: tuple[int, int], horizons_ns: Sequence[int] = HORIZONS_NS
) -> list[Curve]:
    """Means at each horizon over fills of one instrument, in a run over ``span_ns``."""
    start_ns, end_ns = span_ns
    found = []
    for horizon_ns in horizons_ns:
        one = markouts(fills, path, horizon_ns, end_ns)
        block_ns = max(horizon_ns, -(-(end_ns - start_ns) // BLOCKS), 1)
        known = one.known
        blocks = (fills.ts_ns[known] - start_ns) // block_ns
        sizes = fills.size[known].astype(np.float64)
        bps = [one.bps(values)[known] for values in (one.edge, one.adverse, one.markout)]
        means = [block_mean(values, sizes, blocks) for values in bps]
        found.append(
            Curve(
                horizon_ns,
                len(fills),
                int((~known).sum()),
                int((one.cut & known).sum()),
                block_ns,
                edge=means[0],
                adverse=means[1],
                markout=means[2],
                per_fill=block_mean(bps[2], np.ones(len(sizes)), blocks),
            )
        )
    return found
