"""Paths: one row a change, at the time of the venue, at the last scales."""

from __future__ import annotations

import numpy as np

from mm_framework.model.events import NULL
from mm_framework.results.path import market_paths, moments
from mm_framework.testing.strategies import tape
from tests.support.run_columns import path, seconds
from tests.support.scripted_orders import ms

ID = "test:A/B"


def test_only_changes_of_the_best_prices_are_noted_with_the_time_of_the_venue() -> None:
    market = (
        tape(ID).latency(0.5).at(10).book(bids=[("99", "1")], asks=[("101", "2")])
        .at(20).update(bids=[("98", "7")]).at(30).trade("buy", "101", "1").at(40).update(asks=[("101", "1")])
    )  # fmt: skip
    one = market_paths(market.messages())[ID]
    assert [ms(int(now)) for now in one.ts_ns][-2:] == [9.5, 39.5]
    assert (one.bid[-2:].tolist(), one.ask_size[-2:].tolist()) == ([9900, 9900], [2000, 1000])
    assert one.mid2[-1] == 20000


def test_a_loss_is_a_row_without_prices_until_the_next_book() -> None:
    market = (
        tape(ID).at(10).book(bids=[("99", "1")], asks=[("101", "2")]).at(20).gap()
        .at(30).book(bids=[("99", "1")], asks=[("101", "2")])
    )  # fmt: skip
    one = market_paths(market.messages())[ID]
    assert one.trusted.tolist() == [True, False, True]
    assert one.bid.tolist() == [9900, NULL, 9900]
    assert one.held(one.bid).tolist() == [9900, 9900, 9900]


def test_of_one_moment_only_how_it_ends_is_noted() -> None:
    levels = [("99", "1")], [("101", "2")]
    market = tape(ID).at(10).book(*levels).at(20).book(*levels).at(30).book([("98", "1")], levels[1])
    one = market_paths(market.messages())[ID]
    assert one.bid.tolist() == [9900, 9800]
    assert one.trusted.tolist() == [True, True]


def test_a_finer_scale_holds_for_all_rows() -> None:
    market = tape(ID).at(10).book(bids=[("99", "1")], asks=[("101", "2")])
    market.at(20).instrument(ID, price_scale=4, size_scale=5).book(bids=[("99.5", "1")], asks=[("101", "2")])
    one = market_paths(market.messages())[ID]
    assert one.instrument.price_scale == 4
    assert [bid for bid in one.bid.tolist() if bid != NULL] == [990_000, 995_000]
    assert one.bid_size[-1] == 100_000
    assert [(ms(each.ts_ns), each.price_factor, each.size_factor) for each in one.rescaled] == [
        (15, 100, 100)
    ]


def test_rows_in_force_at_and_before_a_time() -> None:
    one = path((1, 99, 101), (2, 100, 102), (2, 100, 103))
    times = seconds(0.5, 1, 2, 3)
    assert one.at(times).tolist() == [-1, 0, 2, 2]
    assert one.before(times).tolist() == [-1, -1, 0, 2]
    assert one.value(one.ask, one.at(times)).tolist() == [NULL, 101, 103, 103]


def test_a_mid_needs_two_sides_that_are_not_crossed() -> None:
    one = path((1, 99, 101), (2, None, 101), (3, 102, 101), (4, 101, 101), (5, None, None))
    assert one.mid2.tolist() == [200, NULL, NULL, 202, NULL]


def test_a_loss_between_two_rows_is_found_wherever_it_is() -> None:
    one = path((1, 99, 101), (2, None, None), (3, 99, 101), (4, 98, 101))
    first, last = np.array([0, 0, 1, 2]), np.array([0, 2, 3, 3])
    assert one.lost_between(first, last).tolist() == [False, True, True, False]


def test_moments_rise_and_stand_once() -> None:
    assert moments(seconds(3, 1), seconds(2, 3), seconds()).tolist() == seconds(1, 2, 3).tolist()
    assert moments(seconds()).tolist() == []
