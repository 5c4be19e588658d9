"""Block resamples: what they sum, that dependence widens intervals, when days are drawn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.research.bootstrap import resamples

DAY_NS = 86_400 * 10**9


@given(st.integers(1, 200), st.integers(1, 50), st.integers(0, 99))
def test_a_resample_is_whole_blocks_of_a_ring_as_long_as_the_data(count: int, least: int, seed: int) -> None:
    drawn = resamples(np.arange(count), least, 7, seed)
    values = np.random.default_rng(seed).normal(size=count)
    for n, starts in enumerate(drawn.starts):
        rows = np.concatenate([np.arange(start, start + drawn.block) for start in starts])[:count] % count
        assert drawn.sums(values)[n] == pytest.approx(values[rows].sum(), abs=1e-9)
    assert drawn.sums(np.ones(count)) == pytest.approx([count] * 7)


def test_the_interval_of_independent_values_is_that_of_their_mean() -> None:
    values = np.random.default_rng(1).normal(3.0, 2.0, 10_000)
    low, high = resamples(np.arange(10_000), 1, 2000, 0).interval(values, np.ones(10_000))
    assert (low + high) / 2 == pytest.approx(values.mean(), abs=0.005)
    assert high - low == pytest.approx(2 * 1.96 * 2.0 / 100, rel=0.15)


def test_values_that_hang_together_count_as_few() -> None:
    """Ten thousand values in groups of fifty equal ones are two hundred."""
    groups = np.repeat(np.random.default_rng(2).normal(size=200), 50)
    low, high = resamples(np.arange(10_000), 500, 2000, 0).interval(groups, np.ones(10_000))
    assert high - low == pytest.approx(2 * 1.96 * groups.std() / 200**0.5, rel=0.45)
    assert high - low > 4 * (2 * 1.96 * groups.std() / 10_000**0.5)


def test_from_twenty_days_on_whole_days_are_drawn() -> None:
    times = np.repeat(np.arange(20), 10) * DAY_NS
    drawn = resamples(times, 5, 300, 0)
    assert (drawn.block, drawn.starts.shape) == (0, (300, 20))
    values = np.repeat(np.arange(20.0), 10)
    assert drawn.sums(values)[0] == pytest.approx(10 * drawn.starts[0].sum())
    assert resamples(times[:190], 5, 300, 0).days is None


def test_long_data_has_longer_blocks_not_more_of_them() -> None:
    drawn = resamples(np.arange(1_000_000), 51, 100, 0)
    assert (drawn.block, drawn.starts.shape) == (1000, (100, 1000))
    assert drawn.sums(np.ones(1_000_000)) == pytest.approx([1_000_000] * 100)


def test_the_same_seed_draws_the_same() -> None:
    first, again, other = (resamples(np.arange(500), 9, 50, seed).starts for seed in (3, 3, 4))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_ratio_without_a_bottom_has_no_interval() -> None:
    drawn = resamples(np.arange(50), 2, 100, 0)
    assert np.isnan(drawn.interval(np.ones(50), np.zeros(50))).all()


@pytest.mark.parametrize(("block", "told"), [(400, False), (50, False), (40, True)])
def test_a_few_blocks_give_no_interval(block: int, told: bool) -> None:
    """Of one block every resample is the whole ring: the interval would have no width."""
    drawn = resamples(np.arange(400), block, 200, 0)
    low, high = drawn.interval(np.random.default_rng(4).normal(size=400), np.ones(400))
    assert np.isnan([low, high]).all() or low < high
    assert np.isfinite([low, high]).all() == told
