"""Walk-forward folds: learn on the past, leave a gap, test on what follows; never the other way. Pure.

    |---- train ----|gap|-- test --|
    |---------- train ----------|gap|-- test --|        expanding; rolling keeps the length of the first

A training sample whose label is not known when the test begins is purged. The gap is at least as long as the
features look back, so that no feature of a test sample is made of training data.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import attrs
import numpy as np

from mm_framework.research.columns import Ints
from mm_framework.research.features import Samples

__all__ = ["Fold", "folds"]


@attrs.frozen(eq=False)
class Fold:
    """Rows of the samples to learn from and to test on; ``purged`` were taken out of the former."""

    train: Ints
    test: Ints
    purged: int


def folds(samples: Samples, count: int, gap_ns: int, training: Literal["expanding", "rolling"]) -> list[Fold]:
    """``count`` folds of tests of about equal numbers of samples; the first part is only learned from.

    Raises ValueError when there are too few samples for it.
    """
    return list(_folds(samples, count, gap_ns, training))


def _folds(samples: Samples, count: int, gap_ns: int, training: str) -> Iterator[Fold]:
    rows = np.arange(len(samples))
    borders = np.linspace(0, len(samples), count + 2).round().astype(np.int64)
    for number in range(1, count + 1):
        first, last = int(borders[number]), int(borders[number + 1])
        if last <= first or first == 0:
            raise ValueError(f"{len(samples)} samples are too few for {count} folds")
        begins_ns = int(samples.ts_ns[first])
        oldest = 0 if training == "expanding" else int(borders[number - 1])
        known = samples.label_end_ns[oldest:first] <= begins_ns
        test = rows[first:last][samples.ts_ns[first:last] >= begins_ns + gap_ns]
        train = rows[oldest:first][known]
        if not len(train) or not len(test):
            raise ValueError(
                f"fold {number} of {count} has {len(train)} samples to learn from and {len(test)} to test on"
            )
        yield Fold(train, test, int(np.count_nonzero(~known)))
