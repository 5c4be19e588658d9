"""A whole compiled run, desk and strategies too, against the reference: the same outcome on any tape."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.kernels import loader
from mm_framework.kernels.cache import ENGINE
from mm_framework.kernels.mode import mode

pytest.importorskip("numba", reason="needs numba, which this platform has no wheel of")
if mode() == "off":
    pytest.skip("MM_KERNELS=off: nothing is compiled", allow_module_level=True)

from mm_framework.testing.strategies import Tape
from mm_framework.trading.backtest import Backtest, Outcome
from mm_framework.trading.compiled.local import CompiledDesk
from mm_framework.trading.compiled.run import CompiledRun
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.settings import LimitSettings
from tests.support.compiled_desk import rows_of
from tests.support.random_tapes import random_tape, restless
from tests.trading.compiled.test_venue import any_rules, assert_equal

STRATEGIES = {"b": restless(), "a": restless(On.MARKET | On.TIMER | On.END), "c": restless(On.TRADE)}


@pytest.fixture(autouse=True, scope="module")
def _kernels() -> None:
    if not (loader.active() and loader.active(ENGINE)):
        pytest.skip("the kernels cannot be loaded here")


def both(
    strategies: dict[str, Strategy], market: Tape, limits: LimitSettings, rules: dict[str, Any]
) -> tuple[Outcome, Outcome]:
    fees, tape = FlatFee(FlatFeeSettings()), market.messages()
    until_ns = tape[-1].recv_ns + 10**9
    reference = Backtest(strategies, fees, limits=limits, **rules).run(tape, until_ns)
    desk = CompiledDesk(strategies, rules["settings"], limits, 8)
    compiled = CompiledRun(desk, fees, rows_of(tape), **rules).play(until_ns)
    return reference, compiled


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
@example(0)
def test_any_tape_gives_the_outcome_of_the_reference(seed: int) -> None:
    draw = random.Random(seed)
    market = random_tape(seed, steps=draw.choice((60, 150)))
    limits = LimitSettings(order_size=draw.choice((None, "1")), total_orders=draw.choice((1000, 3)))
    reference, compiled = both(STRATEGIES, market, limits, any_rules(draw))
    assert_equal(reference, compiled)
    assert list(map(str, compiled.errors)) == list(map(str, reference.errors))
