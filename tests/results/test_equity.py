"""Known answers of equity and drawdown."""

from __future__ import annotations

import numpy as np
import pytest

from mm_framework.results.equity import course, drawdown, grid
from tests.support.run_columns import S, fills, path, seconds


def test_a_long_is_worth_the_bid_and_a_short_the_ask() -> None:
    market = path((0, 9900, 10100), (3, 9800, 10000))
    trades = fills((1, 1, 9900, 500), (4, -1, 10000, 1500), fee=(7, 11))
    one = course(trades, market, seconds(0, 1, 2, 3, 4))
    assert one.position.tolist() == [0, 500, 500, 500, -1000]
    assert one.cash.tolist() == [0, -49_500_007, -49_500_007, -49_500_007, 100_499_982]
    assert one.value.tolist() == [0, 49_500_000, 49_500_000, 49_000_000, -100_000_000]
    assert one.equity.tolist() == [0, -7, -7, -500_007, 499_982]


def test_at_the_mid_both_are_worth_the_last_valid_one() -> None:
    market = path((0, 9900, 10100), (3, 9800, None), (4, None, None), (5, 9800, 10000))
    trades = fills((1, 1, 9900, 500), (4, -1, 10000, 1500), fee=(7, 11))
    one = course(trades, market, seconds(0, 1, 3, 4, 5), at_mid=True)
    assert one.value.tolist() == [0, 50_000_000, 50_000_000, -100_000_000, -99_000_000]
    assert (one.stale, one.beyond) == (2, 0)
    before = course(fills((1, 1, 99, 10)), path((0, None, 101)), seconds(1), at_mid=True)
    assert (before.value.tolist(), before.stale) == ([9900], 1)


def test_a_side_that_is_gone_is_marked_at_its_last_price_and_counted() -> None:
    market = path((0, 99, 101), (2, None, 101), (3, None, None))
    one = course(fills((1, 1, 99, 10)), market, seconds(1, 2, 3))
    assert one.value.tolist() == [9900, 9900, 9900]
    assert (one.stale, one.beyond) == (2, 0)


def test_a_position_beyond_the_displayed_size_is_counted() -> None:
    one = course(fills((1, 1, 99, 11)), path((0, 99, 101), size=10), seconds(0, 1, 2))
    assert one.beyond == 2


def test_amounts_beyond_64_bits_stay_exact() -> None:
    price, size = 10**12 + 1, 10**9 + 1
    one = course(fills((1, 1, price, size)), path((0, price, price)), seconds(2))
    assert one.cash.tolist() == [-price * size * 10]
    assert one.equity.tolist() == [0]


def test_a_grid_stands_on_multiples_and_holds_the_whole_run() -> None:
    assert grid(3, 25, 10).tolist() == [0, 10, 20, 30]
    assert grid(10, 20, 10).tolist() == [10, 20]


def test_drawdown_counts_from_the_start_and_the_highest_value_before() -> None:
    times = seconds(0, 1, 2, 3, 4, 5, 6)
    one = drawdown(times, [-1, 3, 1, 2, 3, 2.5, 2])
    assert (one.most, one.at) == (2.0, 2)  # from 3 to 1
    assert one.mean == pytest.approx((1 + 0 + 2 + 1 + 0 + 0.5 + 1) / 7)
    assert one.longest_ns == 3 * S  # from the peak at 1 s until it is reached again at 4 s


def test_what_is_never_reached_again_is_under_water_until_the_end() -> None:
    one = drawdown(seconds(0, 10, 20, 30), [0, 5, 4, 4])
    assert (one.longest_ns, one.most) == (20 * S, 1.0)


def test_equity_that_never_falls_has_no_drawdown() -> None:
    one = drawdown(seconds(0, 1), [0, 1])
    assert (one.most, one.mean, one.longest_ns, one.at) == (0, 0, 0, None)
    assert drawdown(np.array([], np.int64), []).most == 0


def test_a_series_that_begins_below_its_start_is_under_water_at_once() -> None:
    one = drawdown(seconds(0, 1, 2), [-2, -1, 1])
    assert (one.most, one.at, one.longest_ns) == (2.0, 0, 2 * S)
