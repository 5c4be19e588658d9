"""Known answers of markouts, by hand: prices in hundredths, mids in halves of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mm_framework.results.markouts import block_mean, curve, markouts
from tests.support.run_columns import S, fills, path


def test_markout_is_edge_plus_adverse_on_both_sides() -> None:
    market = path((0, 9990, 10010), (2, 9980, 10000))
    bought, sold = (1, 1, 9990, 500), (1, -1, 10010, 500)
    one = markouts(fills(bought, sold), market, 1 * S, 10 * S)
    assert one.edge.tolist() == [20, 20]  # a tenth of a unit better than the mid of 100.00, in half cents
    assert one.adverse.tolist() == [-20, 20]  # the mid fell by ten cents
    assert one.markout.tolist() == [0, 40]
    assert one.bps(one.markout).tolist() == [0, pytest.approx(20.0)]


def test_the_last_mid_stamped_at_the_horizon_counts_and_a_later_one_does_not() -> None:
    market = path((0, 99, 101), (2, 101, 103), (2.000000001, 201, 203))
    assert markouts(fills((1, 1, 99, 1)), market, S, 9 * S).adverse.tolist() == [4]


def test_a_maker_meets_the_market_before_the_moment_of_the_fill_a_taker_that_after() -> None:
    market = path((0, 99, 101), (1, 97, 99))
    assert markouts(fills((1, 1, 98, 1)), market, S, 9 * S).edge.tolist() == [4]
    assert markouts(fills((1, 1, 98, 1), maker=False), market, S, 9 * S).edge.tolist() == [0]


@pytest.mark.parametrize(
    "market",
    [
        path((0, 99, 101), (1.5, None, None), (1.6, 99, 101)),  # lost and found within the horizon
        path((0, 99, 101), (1.5, None, 101)),  # no bid at the horizon
        path((0, 99, 101), (1.5, 103, 101)),  # crossed at the horizon
        path((0, None, 101), (1.5, 99, 101)),  # no bid before the fill
        path((1.5, 99, 101)),  # no market before the fill
    ],
)
def test_without_a_market_at_both_ends_and_between_a_markout_is_unknown(market: object) -> None:
    one = markouts(fills((1, 1, 99, 1)), market, S, 9 * S)  # type: ignore[arg-type]
    assert (one.known.tolist(), one.markout.tolist(), one.bps(one.markout).tolist()) == ([False], [0], [0])


def test_a_horizon_beyond_the_end_is_cut_there_and_told() -> None:
    market = path((0, 99, 101), (2, 100, 102))
    one = markouts(fills((1, 1, 99, 1), (1.5, 1, 99, 1)), market, S, 2 * S)
    assert one.cut.tolist() == [False, True]
    assert one.adverse.tolist() == [2, 2]


def test_means_by_size_and_by_fill_are_different_numbers() -> None:
    market = path((0, 9990, 10010))
    found = curve(fills((1, 1, 9990, 3000), (2, -1, 10000, 1000)), market, (0, 30 * S), (S,))
    (one,) = found
    assert one.edge.mean == pytest.approx(7.5)  # 3/4 of 10 bps and 1/4 of none
    assert one.per_fill.mean == pytest.approx(5.0)
    assert (one.block_ns, one.markout.blocks, one.unknown, one.cut) == (S, 2, 0, 0)


def test_a_block_is_never_shorter_than_the_horizon() -> None:
    found = curve(fills((1, 1, 99, 1)), path((0, 99, 101)), (0, 30 * S), (S // 10, 5 * S))
    assert [one.block_ns for one in found] == [S, 5 * S]


def test_the_error_is_that_of_blocks_not_of_fills() -> None:
    values, blocks = np.array([1.0, 1.0, 1.0, 3.0, 3.0, 3.0]), np.array([0, 0, 0, 7, 7, 7])
    one = block_mean(values, np.ones(6), blocks)
    # residual sums -3 and +3: sqrt(2 / 1 x 18) / 6 = 1, where six independent values would give 0.45
    assert (one.mean, one.blocks) == (2.0, 2)
    assert one.error == pytest.approx(1.0)
    assert one.interval == pytest.approx((2 - 1.96, 2 + 1.96), abs=1e-3)


def test_blocks_of_one_fill_each_give_the_textbook_error() -> None:
    values = np.array([1.0, 2.0, 4.0, 9.0])
    one = block_mean(values, np.ones(4), np.arange(4))
    assert one.error == pytest.approx(values.std(ddof=1) / math.sqrt(4))


def test_of_nothing_there_is_no_mean_and_of_one_block_no_error() -> None:
    assert block_mean(np.array([]), np.array([]), np.array([], np.int64)).mean is None
    one = block_mean(np.array([5.0]), np.array([2.0]), np.array([3]))
    assert (one.mean, one.error, one.interval) == (5.0, None, None)
