"""The check of authors that machine code says what the source says."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from mm_framework.contracts.strategy import Side, Strategy
from mm_framework.errors import StrategyError
from mm_framework.kernels import loader
from mm_framework.kernels.cache import ENGINE
from mm_framework.kernels.mode import mode
from mm_framework.testing import engines
from mm_framework.testing.engines import engines_agree
from mm_framework.testing.strategies import Tape, tape


def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
    if market[0].open_orders == 0:
        out.place(0, Side.BUY, market[0].bid, 100)


def fails(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.n = 1 // market[0].open_orders


def market() -> Tape:
    begun = tape().book(bids=[("99.90", "2")], asks=[("100.10", "1")])
    return begun.at(50).trade("sell", "99.80", "9").at(90).update(bids=[("99.70", "1")])


@pytest.fixture
def compiled() -> None:
    if mode() != "on" or not (loader.active() and loader.active(ENGINE)):
        pytest.skip("nothing is compiled here")


@pytest.mark.usefixtures("compiled")
def test_engines_that_agree_give_what_was_done() -> None:
    outcome = engines_agree(Strategy(decide), market())
    assert [(paid.fill.price, paid.fill.size) for paid in outcome.fills] == [(9990, 100)]


@pytest.mark.usefixtures("compiled")
def test_a_difference_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    play = engines.run_backtest

    def other(*arguments: Any, choice: str, **options: Any) -> Any:
        outcome = play(*arguments, choice="interpreted", **options)
        return attrs.evolve(outcome, fills=outcome.fills[1:]) if choice == "compiled" else outcome

    monkeypatch.setattr(engines, "run_backtest", other)
    with pytest.raises(AssertionError, match="fills: compiled"):
        engines_agree(Strategy(decide), market())


@pytest.mark.usefixtures("compiled")
def test_a_strategy_that_fails_is_told_and_plain_python_agrees() -> None:
    with pytest.raises(StrategyError, match="ZeroDivisionError"):
        engines_agree(Strategy(fails, state={"n": "i8"}), market())
    engines_agree(Strategy(decide, python_only=True), market())


def test_where_nothing_is_compiled_the_test_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "at_hand", lambda: False)
    with pytest.raises(pytest.skip.Exception, match="mm warmup --engine"):
        engines_agree(Strategy(decide), market())
