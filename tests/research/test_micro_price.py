"""The micro-price of chains whose answer is known, and its symmetry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from research_markets import walk

from mm_framework.research.features import sample
from mm_framework.research.micro_price import NoMicroPrice, fit_micro_price


def fitted(columns: object, **options: object) -> object:
    samples = sample(columns, 100_000_000, 100_000_000, 0, 100_000_000)  # type: ignore[arg-type]
    return fit_micro_price(
        samples.values["imbalance"], samples.values["spread"], samples.mid, samples.segment, **options
    )  # type: ignore[arg-type]


def test_a_chain_with_two_states_has_the_value_of_its_series() -> None:
    """From heavy bids the mid rises by a tick with 3/4 and falls with 1/4, and what follows is even.

    g1 = +-1/2 tick; after a move the next state is either with 1/2, so that B g1 = 0 and G = +-1/2.
    """
    draw = np.random.default_rng(0)
    count = 400_000
    heavy = draw.random(count) < 0.5
    up = draw.random(count) < np.where(heavy, 0.75, 0.25)
    mid = 100.5 + np.concatenate([[0], np.cumsum(np.where(up, 1, -1))[:-1]])
    found = fit_micro_price(
        np.where(heavy, 0.6, -0.6), np.ones(count), mid, np.zeros(count, np.int64), bins=2, spreads=1
    )
    assert found.table[:, 0] == pytest.approx([-0.5, 0.5], abs=0.01)
    assert found.adjustment(np.array([-0.9, 0.9]), np.ones(2)) == pytest.approx(found.table[:, 0])


def test_momentum_is_summed_up_to_its_end() -> None:
    """The mid moves in each step, up from heavy bids; the state stays with 3/4.

    g1 = +-1; B = (3/4, 1/4) has the eigenvalue 1/2 on odd vectors: G = 1/(1 - 1/2) = 2.
    """
    draw = np.random.default_rng(1)
    count = 400_000
    flips = draw.random(count) < 0.25
    heavy = np.cumsum(flips) % 2 == 0
    mid = 100.5 + np.concatenate([[0], np.cumsum(np.where(heavy, 1, -1))[:-1]])
    found = fit_micro_price(
        np.where(heavy, 0.6, -0.6), np.ones(count), mid, np.zeros(count, np.int64), bins=2, spreads=1
    )
    assert found.table[:, 0] == pytest.approx([-2, 2], abs=0.03)
    assert found.terms > 10


@given(st.integers(0, 2**32), st.integers(2, 9), st.integers(1, 4), st.integers(60, 2000))
def test_the_table_is_odd_and_the_next_heavier_bin_is_the_mirror(
    seed: int, bins: int, spreads: int, count: int
) -> None:
    try:
        found = fitted(walk(count, seed, strength=0.8), bins=bins, spreads=spreads)
    except NoMicroPrice:
        return
    table = found.table  # type: ignore[attr-defined]
    assert np.all(np.isfinite(table))
    assert np.max(np.abs(table + table[::-1])) < 1e-6


def test_sizes_that_are_equal_foretell_nothing_and_mirrors_are_opposite() -> None:
    """Small whole sizes: most shares lie on the edge of a bin."""
    draw = np.random.default_rng(1)
    bids, asks = draw.integers(1, 4, (2, 20_000))
    imbalance = (bids - asks) / (bids + asks)
    up, moves = draw.random(20_000) < 0.5 + 0.4 * imbalance, draw.random(20_000) < 0.3
    mid = 1000 + np.concatenate([[0], np.cumsum(np.where(moves, np.where(up, 0.5, -0.5), 0.0))[:-1]])
    found = fit_micro_price(imbalance, np.ones(20_000), mid, np.zeros(20_000, np.int64), bins=10, spreads=1)
    values = found.adjustment(np.unique(imbalance), np.ones(len(np.unique(imbalance))))
    assert np.array_equal(values, -values[::-1])
    assert values[len(values) // 2] == 0
    assert np.all(np.diff(values) >= 0)
    assert values[-1] > 0.01


def test_more_bids_lift_it_where_bids_foretell_a_rise() -> None:
    table = fitted(walk(60_000, seed=5, strength=0.9), bins=5, spreads=1).table[:, 0]  # type: ignore[attr-defined]
    assert np.all(np.diff(table) > 0)


MID = np.array([100.0, 101.0, 101.0, 100.0, 101.0, 102.0, 102.0, 101.0])
SHARE = np.array([0.5, 0.5, -0.5, 0.5, 0.5, -0.5, -0.5, 0.5])


def test_a_pair_over_a_border_of_segments_is_none() -> None:
    with pytest.raises(NoMicroPrice, match="never moved"):
        fit_micro_price(SHARE, np.ones(8), MID, np.arange(8), bins=2, spreads=1)
    joined = fit_micro_price(SHARE, np.ones(8), MID, np.array([0] * 4 + [1] * 4), bins=2, spreads=1)
    assert joined.pairs == 6


def test_far_moves_are_left_out_and_counted() -> None:
    far = np.where(np.arange(8) >= 5, MID + 3, MID)
    found = fit_micro_price(SHARE, np.ones(8), far, np.zeros(8, np.int64), bins=2, spreads=1)
    assert (found.pairs, found.dropped) == (6, 1)


def test_a_market_that_stands_still_has_none() -> None:
    with pytest.raises(NoMicroPrice, match="never moved"):
        fit_micro_price(np.zeros(50), np.ones(50), np.full(50, 100.0), np.zeros(50, np.int64))
    empty = np.empty(0)
    with pytest.raises(NoMicroPrice, match="no sample"):
        fit_micro_price(empty, empty, empty, np.empty(0, np.int64))
