"""Known answers of what it costs to hold a position; over a book it is what the ledger's mark says."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import pytest

from mm_framework.model.events import NULL
from mm_framework.model.orders import Side, TimeInForce, Urgency
from mm_framework.results.carrying import Carrying, Cost, carrying
from mm_framework.results.columns import Fills, Marks, Reports, RunColumns, columns_of
from mm_framework.results.path import Instrument, TopPath, market_paths
from mm_framework.testing.strategies import backtest, tape
from tests.support.quoted_run import quoted_run
from tests.support.random_tapes import random_tape, restless
from tests.support.run_columns import S, fills, path
from tests.support.scripted_orders import place, scripted


def run_of(market: TopPath, traded: Fills, end_s: float, marks: Marks | None = None) -> RunColumns:
    none: Any = np.empty(0, np.int64)
    reports = Reports(*[none] * len(attrs.fields(Reports)))
    kept = {} if marks is None else {0: marks}
    name = market.instrument.id
    return RunColumns(0, round(end_s * S), (("one", name),), traded, reports, {name: market}, marks=kept)


def bps(one: Instrument, price: int, size: int) -> int:
    return price * 10 * size // 100


def test_half_the_spread_on_all_that_is_held_by_time() -> None:
    market = path((0, 9_990, 10_010), (4, 9_980, 10_020), (8, None, None))
    held = carrying(run_of(market, fills((2, 1, 10_000, 500), (6, -1, 10_000, 1_500)), 10), 0, bps)
    # flat 2 s; +0.5 at 0.10 for 2 s, at 0.20 for 2 s; -1 at 0.20 for 2 s; then no market
    assert (held.spread.last, held.spread.most) == (0.2, 0.2)
    assert held.spread.mean == pytest.approx((2 * 0.05 + 2 * 0.10 + 2 * 0.20) / 8)
    assert held.fee is not None
    # +0.5 at the bid of 99.90 for 4 s, -1 at the ask of 100.20 for 4 s, 1 % each
    assert held.fee.last == held.fee.most == pytest.approx(1.002)
    assert held.fee.mean == pytest.approx((4 * 0.4995 + 4 * 1.002) / 10)


def test_what_is_marked_at_the_mid_costs_as_much_to_close() -> None:
    market = path((0, 9_990, 10_010), (4, 9_980, 10_020))
    run = run_of(market, fills((2, 1, 10_000, 500)), 10)
    assert carrying(attrs.evolve(run, at_mid=True), 0).spread == carrying(run, 0).spread


def test_risk_is_the_variance_of_the_mid_times_that_of_the_position() -> None:
    market = path((0, 9_990, 10_010), (1, 10_000, 10_020), (2, 9_990, 10_010), (3, None, None), (4, 1, 3))
    held = carrying(run_of(market, fills((1, 1, 10_000, 2_000)), 5), 0)
    # two moves of 0.10 a second, none over the loss and one of 0 after; 2 units for 4 s
    assert held.risk == pytest.approx((0.01 + 0.01 + 0) / 3 * 4 * 4 / 2)
    assert held.fee is None


def test_without_a_market_or_a_fill_nothing_is_made_up() -> None:
    nothing = carrying(run_of(path(), fills(), 10), 0, bps)
    assert nothing == Carrying(Cost(None, None, None), Cost(0.0, 0.0, 0.0), None)
    flat = carrying(run_of(path((0, 9_990, 10_010)), fills(), 10), 0, bps)
    assert (flat.spread, flat.risk) == (Cost(0.0, 0.0, 0.0), 0.0)


def test_the_marks_of_the_ledger_walk_the_book() -> None:
    market = tape().at(2).book(bids=[("99", "1"), ("98", "5")], asks=[("101", "10")]).at(5_000).wait()
    script = scripted(place(3, Side.BUY, 10_100, 3_000, tif=TimeInForce.IOC, urgency=Urgency.TAKER))
    run = columns_of(backtest(script, market, grid_ns=S), market_paths(market.messages()))
    (result,) = run.results
    held = carrying(run, 0)
    assert held.spread.last == 1.0 + 2.0 + 2.0  # one at 99, two at 98, against 100
    assert held.spread.last == -result.money.mark_adjustment / 10**result.money.scale


def test_at_the_end_it_is_what_the_mark_adjusts() -> None:
    compared = 0
    for seed in range(5):
        market = random_tape(seed, 300)
        outcome = backtest(restless(), market, grid_ns=50_000_000)
        run = columns_of(outcome, market_paths(market.messages()))
        for account, key in enumerate(run.accounts):
            (result,) = (one for one in run.results if (one.strategy, one.instrument) == key)
            if int(run.path(account).mid2[-1]) != NULL and not result.stale:
                held = carrying(run, account)
                assert held.spread.last == -result.money.mark_adjustment / 10**result.money.scale
                compared += 1
    assert compared > 2


def test_the_walk_of_the_page_costs_something() -> None:
    held = carrying(quoted_run(), 0)
    assert held.spread.mean is not None
    assert 0 < held.spread.mean < 3 * 0.07
    assert held.risk is not None
    assert held.risk > 0
