"""Known answers of execution statistics: of hand-made lives, and of orders on a tape."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from mm_framework.model.events import NULL
from mm_framework.model.orders import Side, TimeInForce, Urgency
from mm_framework.results.columns import RunColumns, columns_of
from mm_framework.results.execution import counts, kaplan_meier, own_share, quoting, time_to_fill
from mm_framework.results.lives import Ended, Lives, lives
from mm_framework.results.path import market_paths
from mm_framework.testing.strategies import Tape, backtest, tape
from mm_framework.trading.latency import Constant
from tests.support.run_columns import S, path, seconds
from tests.support.scripted_orders import cancel, ms, place, replace, scripted

BUY, SELL = Side.BUY, Side.SELL


def market() -> Tape:
    """2 lots of 1.000 at 99.90 and 1 at 100.10 from 2 ms on."""
    return tape().latency(0.1).at(2).book(bids=[("99.90", "2")], asks=[("100.10", "1"), ("100.20", "9")])


def run_of(script: Any, tape_: Tape, **options: Any) -> RunColumns:
    return columns_of(backtest(script, tape_, **options), market_paths(tape_.messages()))


def test_orders_and_sizes_are_counted() -> None:
    script = scripted(
        place(3, BUY, 9990, 1000),
        place(3, SELL, 10010, 500, tif=TimeInForce.IOC, urgency=Urgency.TAKER),  # takes nothing, lapses
        place(3, BUY, 10020, 400, urgency=Urgency.TAKER),  # takes 400
        place(3, BUY, 10020, 100),  # a maker that would take
        cancel(9, 1),
        place(9, SELL, 10030, 700),
        replace(10, 5, 10040, 700),
        cancel(13, 3),  # of an order that ended long ago
    )
    run = run_of(script, market().at(8).trade("sell", "99.90", "2.3").at(14).wait())
    found = counts(run.reports, run.fills)
    assert (found.placed, found.accepted, found.quotes) == (5, 4, 5)
    assert (found.filled_orders, found.fills, found.cancelled, found.expired) == (2, 2, 1, 1)
    assert (found.submitted, found.filled, found.taken, found.taker_fills) == (2600, 700, 400, 1)
    assert found.refused == {"would take": 1}
    assert (found.changes, found.too_late) == (2, 0)
    assert (found.fill_ratio_orders, found.fill_rate) == (0.5, 0.4)
    assert found.fill_ratio_volume == pytest.approx(700 / 2600)
    assert found.taker_share_count == 0.5
    assert found.taker_share_volume == pytest.approx(4 / 7)
    assert (found.cancel_to_fill, found.too_late_share) == (0.5, 0.0)


def test_a_cancel_that_meets_a_filled_order_is_too_late() -> None:
    script = scripted(place(3, BUY, 9990, 300), cancel(10, 1), cancel(10, 1))
    delayed = market().at(10.5).trade("sell", "99.90", "9").at(20).wait()
    run = run_of(script, delayed, entry=Constant(1_000_000), response=Constant(5_000_000))
    found = counts(run.reports, run.fills)
    assert (found.changes, found.too_late, found.too_late_share) == (2, 2, 1.0)


def test_without_orders_no_ratio_is_zero() -> None:
    run = run_of(scripted(), market())
    found = counts(run.reports, run.fills)
    ratios = (found.fill_ratio_orders, found.fill_ratio_volume, found.fill_rate, found.too_late_share)
    assert (*ratios, found.taker_share_count, found.cancel_to_fill) == (None,) * 6


def test_a_life_ends_when_the_order_moves_and_goes_on_when_it_keeps_its_place() -> None:
    script = scripted(
        place(3, BUY, 9990, 1000), replace(5, 1, 9990, 600), replace(7, 1, 9980, 600), cancel(9, 1),
        place(10, SELL, 10010, 200),
    )  # fmt: skip
    one = lives(*_reports(run_of(script, market().at(20).wait())))
    assert [(ms(a), ms(b)) for a, b in zip(one.start_ns.tolist(), one.end_ns.tolist(), strict=True)] == [
        (3, 7), (7, 9), (10, 20),
    ]  # fmt: skip
    assert one.price.tolist() == [9990, 9980, 10010]
    assert one.ended.tolist() == [Ended.MOVED, Ended.CANCELLED, Ended.OPEN]
    assert one.ahead[0] == 2000
    assert one.ahead[2] == 1000


def test_a_life_knows_its_first_fill_and_what_was_taken_is_not_part_of_it() -> None:
    script = scripted(place(3, SELL, 9990, 3000, urgency=Urgency.TAKER))
    busy = market().at(8).trade("buy", "99.90", "0.4").at(9).trade("buy", "99.90", "0.1").at(20).wait()
    one = lives(*_reports(run_of(script, busy)))
    assert (one.size.tolist(), one.filled.tolist(), one.ended.tolist()) == ([1000], [500], [Ended.OPEN])
    assert ms(int(one.first_fill_ns[0])) == 7.9
    assert math.isnan(one.ahead[0])


def _reports(run: RunColumns) -> tuple[Any, int]:
    return run.reports, run.end_ns


def test_kaplan_and_meier() -> None:
    """Six quotes: fills at 1, 3 and 3 s, gone at 2, 3 and 5 s."""
    lasted = np.array([1.0, 2.0, 3.0, 3.0, 3.0, 5.0])
    filled = np.array([True, False, True, True, False, False])
    one = kaplan_meier(lasted, filled)
    assert one.times_s.tolist() == [1.0, 3.0]
    assert one.share.tolist() == pytest.approx([1 / 6, 1 - 5 / 6 * 1 / 2])  # 6 at risk, then 4
    assert one.error[0] == pytest.approx(5 / 6 * math.sqrt(1 / (6 * 5)))
    assert one.error[1] == pytest.approx(5 / 12 * math.sqrt(1 / 30 + 2 / (4 * 2)))
    assert (one.within(0.5), one.median_s) == (0.0, 3.0)
    assert one.within(1.0) == pytest.approx(1 / 6)


def test_a_median_that_was_never_seen_is_none() -> None:
    one = kaplan_meier(np.array([1.0, 2.0, 3.0]), np.array([True, False, False]))
    assert (one.median_s, one.quotes, one.filled) == (None, 3, 1)
    nothing = kaplan_meier(np.array([]), np.array([], bool))
    assert (nothing.within(1.0), nothing.median_s) == (None, None)


def hand_made(*rows: tuple[int, int, float, float, float | None]) -> Lives:
    """``(side, price, from, to, first fill)`` of size 40."""
    side, price = (np.array([row[place] for row in rows], np.int64) for place in (0, 1))
    start, end = seconds(*(row[2] for row in rows)), seconds(*(row[3] for row in rows))
    first = np.array([NULL if row[4] is None else round(row[4] * S) for row in rows], np.int64)
    zeros = np.zeros(len(rows), np.int64)
    return Lives(
        zeros,
        zeros,
        side,
        price,
        zeros + 40,
        start,
        end,
        zeros + Ended.OPEN,
        zeros,
        first,
        zeros.astype(float),
    )


def test_times_to_a_fill_are_censored_by_other_ends() -> None:
    one = time_to_fill(hand_made((1, 99, 1, 3, 2), (1, 99, 4, 10, None)))
    assert (one.times_s.tolist(), one.share.tolist()) == ([1.0], [0.5])


def test_quoting_is_by_time_with_the_best_of_several_orders() -> None:
    market_ = path((0, 99, 101), (6, 98, 101))
    quotes = hand_made((1, 97, 0, 8, None), (1, 99, 2, 4, None), (-1, 101, 3, 5, None), (1, 98, 7, 7, 7))
    one = quoting(quotes, market_, (0, 10 * S))
    assert (one.bid, one.ask, one.both) == (0.8, 0.2, 0.2)
    assert (one.best_bid, one.best_ask) == (0.2, 0.2)  # 97 is never best, 99 is from 2 to 4 s
    assert quoting(quotes, market_, (5, 5)).bid is None


def test_an_order_at_a_price_where_another_one_ends_goes_on() -> None:
    quotes = hand_made((1, 99, 0, 5, None), (1, 99, 2, 10, None))
    assert quoting(quotes, path((0, 99, 101)), (0, 10 * S)).best_bid == 1.0


def test_own_share_is_of_what_the_best_level_shows() -> None:
    share = own_share(
        hand_made((1, 99, 1, 2, None), (-1, 101, 3, 4, None)), path((0, 99, 101), (3, 99, None))
    )
    assert share[0] == 0.04
    assert math.isnan(share[1])
