"""Fits of markets whose A, k and sigma are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from research_markets import T0_NS, columns, walk

from mm_framework.research.bursts import Exposure
from mm_framework.research.calibration import (
    block_fits,
    cells_of,
    fit_cells,
    fit_own_quotes,
    fit_regression,
    sigma_of,
)

S = 10**9


def law(count: int, k: float, seed: int = 0) -> np.ndarray:
    """Reaches beyond 0.5 ticks, multiples of half a tick, of the law exp(-k x)."""
    return 0.5 + np.floor(np.random.default_rng(seed).exponential(1 / k, count) / 0.5) * 0.5


@pytest.mark.parametrize("k", [0.05, 0.4, 2.0])
@pytest.mark.parametrize("cut", [None, 4.0])
def test_the_likeliest_fit_finds_the_law_within_its_error(k: float, cut: float | None) -> None:
    """20,000 bursts beyond 0.5 ticks in 1,000 s, all or those up to four mean distances: A = 20 exp(k/2)."""
    reach = law(20_000, k)
    most = None if cut is None else 0.5 + max(1.5, np.ceil(cut / k))
    found = fit_cells(cells_of(reach, np.arange(20_000), 0.5, 0.5, most), 1000.0)
    assert found is not None
    assert abs(found.k - k) < 4.0 * k / 20_000**0.5 * (1.0 if cut is None else 1.3)
    assert found.a == pytest.approx(20.0 * np.exp(k / 2), rel=0.05)


def test_the_fit_is_the_largest_likelihood() -> None:
    """Against a search over k of the likelihood of the cells, cut and not."""
    reach = law(500, 0.3, seed=4)
    for most in (None, 4.5):
        cells = cells_of(reach, np.arange(500), 0.5, 0.5, most)
        found = fit_cells(cells, 100.0)
        assert found is not None
        grid = np.linspace(0.01, 2, 20_001)
        x = grid * 0.5
        norm = (
            -np.log(-np.expm1(-x))
            if cells.cells is None
            else np.log(np.expm1(-x * cells.cells) / np.expm1(-x))
        )
        likelihood = -x * cells.index.sum() - len(cells.index) * norm
        assert found.k == pytest.approx(grid[np.argmax(likelihood)], abs=2e-4)


def test_distances_on_half_ticks_do_not_fall_into_the_cell_below() -> None:
    reach = np.array([0.5, 1.0, 1.1 - 0.1 + 0.5, 10000.5 - 9998.5, 3.0 - 1e-12, 0.4, 9.0])
    cells = cells_of(reach, np.arange(7), 0.5, 0.5, 4.0)
    assert cells.index.tolist() == [0, 1, 2, 3, 5]
    assert cells.cells == 7


def test_cells_of_a_tick_find_the_law_whether_distances_step_by_a_tick_or_by_half() -> None:
    drawn = np.random.default_rng(8).exponential(1 / 0.5, 20_000)
    for step in (1.0, 0.5):
        reach = 0.5 + np.floor(drawn / step) * step
        found = fit_cells(cells_of(reach, np.arange(20_000), 0.5, 1.0, None), 1000.0)
        assert found is not None
        assert found.k == pytest.approx(0.5, abs=4 * found.k_error)


def test_too_few_or_too_even_bursts_have_no_fit() -> None:
    none = np.empty(0, np.int64)
    assert fit_cells(cells_of(np.empty(0), none, 0.5, 0.5, None), 10.0) is None
    assert fit_cells(cells_of(np.array([0.5, 0.5]), np.arange(2), 0.5, 0.5, None), 10.0) is None
    rising = np.array([0.5, 3.5, 3.5, 3.5, 3.0])
    assert fit_cells(cells_of(rising, np.arange(5), 0.5, 0.5, 4.0), 10.0) is None
    assert fit_cells(cells_of(rising, np.arange(5), 0.5, 0.5, None), 0.0) is None


def test_the_line_finds_a_law_without_chance() -> None:
    """Counts beyond d that are 2**(10 - d): k = ln 2 a tick, A = 1024/50."""
    reach = np.repeat(np.arange(10.0), 2 ** np.arange(9, -1, -1))
    found = fit_regression(cells_of(np.append(reach, 9.0), np.arange(1024), 0.0, 1.0, None), 50.0)
    assert found == pytest.approx((1024 / 50, np.log(2)))
    assert fit_regression(cells_of(np.zeros(5), np.arange(5), 0.0, 1.0, None), 50.0) is None


@given(st.floats(0.05, 3.0), st.floats(0.1, 50.0))
def test_own_quotes_that_fill_as_the_law_says_give_it_back(k: float, a: float) -> None:
    distance = np.array([0.5, 1.0, 2.0, 4.0])
    seconds = np.array([100.0, 50.0, 300.0, 80.0])
    found = fit_own_quotes(distance, seconds, a * seconds * np.exp(-k * distance))
    assert found == pytest.approx((a, k), rel=1e-6)


def test_own_quotes_without_a_slope_have_no_fit() -> None:
    distance, seconds = np.array([1.0, 2.0]), np.array([10.0, 10.0])
    assert fit_own_quotes(distance, seconds, np.zeros(2)) is None
    assert fit_own_quotes(distance, seconds, np.array([3.0, 0.0])) is None


def test_sigma_of_a_walk_is_that_of_its_steps() -> None:
    """Steps of one tick with 0.3 in each tenth of a second: sqrt(3) ticks per square root of a second."""
    market = walk(50_000, seed=1)
    for apart in (0.1, 1.0):
        found = sigma_of(market, apart, 0, 2**62)
        assert found == pytest.approx(3**0.5, rel=0.05)


def test_sigma_crosses_no_hole() -> None:
    rows = [(T0_NS + k * S, 100.0 + 50 * (k > 4), 1.0, 101.0 + 50 * (k > 4), 1.0) for k in range(10)]
    assert sigma_of(columns(rows, segment=[0] * 5 + [1] * 5), 1.0, 0, 2**62) == 0.0
    assert sigma_of(columns(rows), 1.0, 0, 2**62) == pytest.approx((2500 / 9) ** 0.5, rel=0.15)
    assert sigma_of(columns(rows), 60.0, 0, 2**62) is None


def test_a_long_time_is_cut_into_a_thousand_blocks() -> None:
    """A week in blocks of 10 s would be 60,480: the intervals are those of a thousand longer ones."""
    week = 7 * 86_400 * S
    times = np.sort(np.random.default_rng(5).integers(0, week, 4000))
    cells = cells_of(law(4000, 0.5), times, 0.5, 0.5, None)
    k, a = block_fits(cells, Exposure(np.array([0]), np.array([week])), (0, week), 10.0, 200, 0)
    found = fit_cells(cells, week / S)
    assert found is not None
    assert (k.mean(), a.mean()) == pytest.approx((found.k, found.a), rel=0.02)


@pytest.mark.parametrize(("block_s", "told"), [(1000.0, False), (120.0, False), (100.0, True)])
def test_a_few_blocks_of_time_say_nothing_of_the_error(block_s: float, told: bool) -> None:
    times = np.sort(np.random.default_rng(3).integers(0, 1000 * S, 400))
    cells = cells_of(law(400, 0.5, seed=9), times, 0.5, 0.5, None)
    k, a = block_fits(cells, Exposure(np.array([0]), np.array([1000 * S])), (0, 1000 * S), block_s, 50, 0)
    assert len(k) == len(a) == 50
    assert np.isfinite(k).all() == np.isfinite(a).all() == told
    assert not told or k.std() > 0 < a.std()


def test_resampled_blocks_spread_as_the_standard_error_says() -> None:
    count = 4000
    times = np.sort(np.random.default_rng(3).integers(0, 1000 * S, count))
    cells = cells_of(law(count, 0.5, seed=9), times, 0.5, 0.5, None)
    exposure = Exposure(np.array([0]), np.array([1000 * S]))
    k, a = block_fits(cells, exposure, (0, 1000 * S), 10.0, 1000, 0)
    found = fit_cells(cells, 1000.0)
    assert found is not None
    assert k.mean() == pytest.approx(found.k, rel=0.01)
    assert a.mean() == pytest.approx(found.a, rel=0.01)
    assert k.std() == pytest.approx(found.k_error, rel=0.25)
    assert a.std() == pytest.approx(found.a_error, rel=0.35)
