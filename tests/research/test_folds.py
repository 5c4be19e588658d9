"""Walk-forward folds: the past is learned from, nothing of it knows the test."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from research_markets import walk

from mm_framework.research.features import Samples, sample
from mm_framework.research.folds import folds

MS = 10**6


def samples(count: int = 400) -> Samples:
    return sample(walk(count, seed=0), 100 * MS, 1000 * MS, 0, 1000 * MS)


@given(
    st.integers(100, 900), st.integers(1, 8), st.integers(0, 3000), st.sampled_from(["expanding", "rolling"])
)
def test_no_label_of_training_is_known_later_than_the_test_begins(
    count: int, number: int, gap_ms: int, training: Any
) -> None:
    found = samples(count)
    try:
        parts = folds(found, number, gap_ms * MS, training)
    except ValueError:
        return
    assert len(parts) == number
    last = -1
    for part in parts:
        begins = found.ts_ns[part.test[0]] - gap_ms * MS
        assert found.label_end_ns[part.train].max() <= found.ts_ns[part.test[0]] - gap_ms * MS + 100 * MS
        assert found.ts_ns[part.train].max() < begins + 1
        assert part.test[0] > last
        last = int(part.test[-1])
        assert part.train.max() < part.test.min()


def test_labels_that_reach_into_the_test_are_purged_and_counted() -> None:
    part = folds(samples(), 1, 0, "expanding")[0]
    assert part.purged == 9  # the horizon is ten samples; the tenth ends as the test begins
    assert part.test[0] == part.train[-1] + 1 + part.purged


def test_rolling_forgets_what_expanding_keeps() -> None:
    found = samples()
    expanding, rolling = (folds(found, 4, 2000 * MS, how)[-1].train for how in ("expanding", "rolling"))  # type: ignore[arg-type]
    assert expanding[0] == 0
    assert rolling[0] > 200
    assert expanding[-1] == rolling[-1]
    assert np.all(np.diff(rolling) == 1)


def test_too_few_samples_are_an_error_that_says_so() -> None:
    with pytest.raises(ValueError, match=r"fold 1 of 5|too few"):
        folds(samples(30), 5, 0, "expanding")
