"""The summary of whole backtests: it agrees with the ledger to the last digit, and is one JSON document."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mm_framework.model.events import NULL
from mm_framework.model.orders import Side
from mm_framework.results.columns import RunColumns, columns_of
from mm_framework.results.equity import course
from mm_framework.results.path import market_paths
from mm_framework.results.summary import summarize
from mm_framework.testing.strategies import backtest, tape
from mm_framework.trading.latency import Constant
from mm_framework.trading.settings import LimitSettings
from tests.support.random_tapes import random_tape, restless
from tests.support.scripted_orders import place, scripted


def random_run(seed: int) -> RunColumns:
    market = random_tape(seed, 300)
    outcome = backtest(restless(), market, entry=Constant(20_000_000), response=Constant(30_000_000))
    return columns_of(outcome, market_paths(market.messages()))


@pytest.mark.parametrize("seed", range(6))
def test_columns_give_what_the_ledger_gives_on_any_tape(seed: int) -> None:
    run = random_run(seed)
    assert run.results
    for result in run.results:
        account = run.accounts.index((result.strategy, result.instrument))
        fills, path = run.fills.of(account), run.path(account)
        end = course(fills, path, np.array([run.end_ns]))
        assert end.position.tolist() == [result.position]
        assert end.cash.tolist() == [result.money.cash - result.money.fees]
        if not end.beyond and not result.stale:
            assert end.equity.tolist() == [result.money.total]
        spread = sum(
            int(side) * int(size) * (int(mid2) * 5 - int(price) * 10)
            for side, size, mid2, price in zip(fills.side, fills.size, fills.mid2, fills.price, strict=True)
            if mid2 != NULL
        )
        if not result.fills_without_mid:
            assert spread == result.money.spread


def test_the_summary_is_json_and_names_all_accounts_and_currencies() -> None:
    found = summarize(random_run(3), LimitSettings(strategy_position="2"))
    assert json.loads(json.dumps(found, allow_nan=False))["fills"] == found["fills"] > 50
    assert list(found["by_quote"]) == ["EUR", "USD"]
    assert [one["instrument"] for one in found["accounts"]] == ["test:A/EUR", "test:B/EUR", "test:C/USD"]
    assert all(0 < one["inventory"]["at_limit"] <= 1 for one in found["accounts"])


@pytest.mark.parametrize(
    ("grid_s", "steps_s"),
    [
        (0.1, [1, 60, 86400]),
        (1, [1, 60, 86400]),
        (60, [60, 86400]),
        (20, [20, 60, 86400]),
        (0.7, [0.7]),
        (100, [100, 86400]),
    ],
)
def test_nothing_is_told_of_steps_that_are_shorter_than_those_of_the_marks(
    grid_s: float, steps_s: list[float]
) -> None:
    market = (
        tape().latency(0.1).at(2).book(bids=[("99.90", "2")], asks=[("100.10", "1")])
        .at(8).trade("sell", "99.90", "2.5").at(90_500).update(bids=[("99.90", "0"), ("99.00", "1")]).wait()
    )  # fmt: skip
    script = scripted(place(3, Side.BUY, 9990, 500))
    run = backtest(script, market, grid_ns=round(grid_s * 1e9))
    columns = columns_of(run, market_paths(market.messages()))
    found = summarize(columns, grid_ns=round(grid_s * 1e9))["by_quote"]["B"]
    assert [one["step_s"] for one in found["performance"]] == steps_s
    assert sum(one["mean"] * one["n"] for one in found["performance"][:1]) == pytest.approx(-0.45 - 0.4995)
    assert found["drawdown"]["longest_s"] <= (columns.end_ns - columns.start_ns) / 1e9


def test_a_run_without_any_trade_has_a_summary() -> None:
    market = tape().at(2).book(bids=[("99", "1")], asks=[("101", "1")]).at(50).wait()
    found = summarize(columns_of(backtest(scripted(), market), market_paths(market.messages())))
    assert (found["by_quote"], found["accounts"], found["fills"]) == ({}, [], 0)
    json.dumps(found, allow_nan=False)


def test_known_numbers_of_one_round_trip() -> None:
    market = (
        tape().latency(0.1).at(2).book(bids=[("99.90", "2")], asks=[("100.10", "1")])
        .at(8).trade("sell", "99.90", "2.5").at(9).update(bids=[("99.90", "0"), ("99.80", "1")])
        .at(10).trade("buy", "100.10", "2").at(2000).wait()
    )  # fmt: skip
    script = scripted(place(3, Side.BUY, 9990, 500), place(3, Side.SELL, 10010, 500))
    found = summarize(columns_of(backtest(script, market), market_paths(market.messages())))
    (account,) = found["accounts"]
    assert account["pnl"]["spread"] == "0.125"  # bought 0.10 below 100.00, sold 0.15 above 99.95
    assert account["inventory"]["most"] == "0.5"
    assert account["orders"]["fill_ratio_orders"] == 1.0
    assert account["markouts"][0]["edge"]["mean_bps"] == pytest.approx((10 / 100.0 + 15 / 99.95) * 100 / 2)
    assert found["by_quote"]["B"]["drawdown"]["most"] > 0
    assert account["queue_ahead"]["most"] == 2000
