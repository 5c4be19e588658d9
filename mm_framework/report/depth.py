"""Books at regular times as one map of sizes by time and price."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from mm_framework.report.chart import Depth

__all__ = ["COLUMNS", "ROWS", "Levels", "column_edges", "depth_map"]

COLUMNS: Final = 400
ROWS: Final = 80

Levels = npt.NDArray[np.float64]
"""Of shape (levels, 2): price and size, both sides."""


def column_edges(start_ns: int, end_ns: int) -> npt.NDArray[np.int64]:
    """The edges of `COLUMNS` columns of equal width; the last edge lies behind ``end_ns``."""
    return np.linspace(start_ns, max(end_ns + 1, start_ns + COLUMNS), COLUMNS + 1).astype(np.int64)


def depth_map(edges: npt.NDArray[np.int64], columns: Sequence[Levels | None]) -> Depth | None:
    """The levels of each column (None: not known), added up in `ROWS` rows of equal height.

    The rows reach from where nearly all books begin to where they end. None when no column has a level.
    """
    known = [levels for levels in columns if levels is not None and len(levels)]
    if not known:
        return None
    low = float(np.percentile([levels[:, 0].min() for levels in known], 1))
    high = float(np.percentile([levels[:, 0].max() for levels in known], 99))
    prices = np.linspace(low, high if high > low else low * 1.0001, ROWS + 1)
    sizes = np.full((ROWS, len(columns)), np.nan, dtype=np.float32)
    for place, levels in enumerate(columns):
        if levels is not None:
            sizes[:, place] = np.histogram(levels[:, 0], prices, weights=levels[:, 1])[0]
    return Depth(edges, prices, sizes)
