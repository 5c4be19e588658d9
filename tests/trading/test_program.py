"""Which function of a strategy a run calls, and what is refused."""

from __future__ import annotations

import inspect
import math
from typing import Any

import pytest

from mm_framework.contracts.strategy import Side, Strategy
from mm_framework.errors import PluginError, StrategyError
from mm_framework.testing.strategies import check_source, run, tape
from mm_framework.trading.program import decide_of

MARKET = tape().book(bids=[("99.90", "2")], asks=[("100.10", "1")])
LIMIT = 3


def library(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.x = math.exp(1.0)
    state.x = LIMT  # type: ignore[name-defined]  # noqa: F821


def product(state: Any, wake: Any, market: Any, out: Any) -> None:
    out.place(0, Side.BUY, state.factor * state.factor // state.factor, 1)


def start(state: Any) -> None:
    state.factor = 2**40


def test_a_strategy_beyond_the_allow_list_is_refused_with_its_line_when_a_run_is_made() -> None:
    line = inspect.getsourcelines(library)[1] + 1
    with pytest.raises(PluginError) as raised:
        run(Strategy(library, state={"x": "f8"}), MARKET)
    assert raised.value.exit_code == 3
    assert f"test_program.py:{line}: math.exp is neither a number" in str(raised.value)
    assert "(and 1 more)" in str(raised.value)
    assert "python_only=True" in str(raised.value)


def test_the_kit_names_every_line() -> None:
    with pytest.raises(AssertionError, match=r"(?s)math\.exp.*LIMT is not known here; did you mean LIMIT"):
        check_source(Strategy(library))
    check_source(Strategy(library, python_only=True))


def test_a_python_only_strategy_is_called_as_it_is() -> None:
    assert decide_of("x", Strategy(library, python_only=True)) is library


def test_a_run_calculates_as_a_machine_does() -> None:
    fields = {"factor": "i8"}
    with pytest.raises(StrategyError, match=r"raised OverflowError .* which int64 does not hold"):
        run(Strategy(product, state=fields, start=start), MARKET)
    assert run(Strategy(product, state=fields, start=start, python_only=True), MARKET).intents
