"""The compiled venue, way and loop against the reference: same reports, fills, times, money, on any tape."""

from __future__ import annotations

import random
import weakref
from collections.abc import Iterator
from typing import Any

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.kernels import loader
from mm_framework.kernels.cache import ENGINE
from mm_framework.kernels.mode import mode

pytest.importorskip("numba", reason="needs numba, which this platform has no wheel of")
if mode() != "on":
    pytest.skip("MM_KERNELS is off or checked: nothing is compiled", allow_module_level=True)

from mm_framework.testing.strategies import Tape, tape
from mm_framework.trading.backtest import Backtest, Outcome
from mm_framework.trading.compiled.run import CompiledRun
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.latency import Constant, FeedDerived, Interpolated, Measured, RandomLatency
from mm_framework.trading.matching import Execution
from mm_framework.trading.queue import QUEUES, queue_model
from mm_framework.trading.settings import TradingSettings
from mm_framework.trading.timeline import Clocks
from tests.support.compiled_desk import PythonDesk, rows_of
from tests.support.random_tapes import random_tape, restless

SEEDS = st.integers(0, 2**32)
STRATEGIES = {"b": restless(), "a": restless(On.MARKET | On.TIMER | On.END), "c": restless(On.TRADE)}


@pytest.fixture(autouse=True, scope="module")
def _kernels() -> None:
    if not (loader.active() and loader.active(ENGINE)):
        pytest.skip("the kernels cannot be loaded here")


def any_latency(draw: random.Random, way: str) -> Any:
    base = 1_700_000_000_000_000_000
    at = sorted(draw.sample(range(0, 10**11, 10**8), 6))
    rows = []
    for k in at:
        there = 0 if draw.random() < 0.2 and k != at[0] else base + k + draw.randrange(10**7)
        rows.append(Measured(base + k, there, base + k + 2 * 10**7))
    return draw.choice(
        (
            Constant(0),
            Constant(draw.randrange(10**8)),
            FeedDerived(draw.randrange(3_000_000), draw.randrange(-(10**6), 10**7)),
            RandomLatency(draw.randrange(-99, 99), draw.randrange(10**7), draw.randrange(10**7)),
            Interpolated(rows, way),
        )
    )


def any_rules(draw: random.Random) -> dict[str, Any]:
    return {
        "entry": any_latency(draw, "entry"),
        "response": any_latency(draw, "response"),
        "execution": Execution(
            queue=queue_model(draw.choice(QUEUES), draw.choice((1, 2, 3))),
            makers=draw.random() < 0.9,
            takers=draw.choice(("levels", "best")),
            slippage_bps=draw.choice((0, 10)),
            max_fill_size=draw.choice((None, None, "0.7")),
            through=draw.choice(("whole", "print")),
            vanished=draw.choice(("first", "behind")),
            depletion=draw.random() < 0.5,
            on_gap=draw.choice(("keep", "cancel")),
        ),
        "clocks": Clocks(
            assumed_ns=draw.choice((5_000_000, 0)), longest_ns=draw.choice((60_000_000_000, 0, 10**6))
        ),
        "settings": TradingSettings(
            price_source=draw.choice(("book", "book", "ticker")), adverse_horizon_s=draw.choice((0, 0.5))
        ),
        "grid_ns": draw.choice((None, 10**8, 10**9)),
    }


def both(strategies: dict[str, Strategy], market: Tape, rules: dict[str, Any]) -> tuple[Outcome, Outcome]:
    """The outcome of the reference and that of the compiled venue."""
    fees, tape = FlatFee(FlatFeeSettings()), market.messages()
    until_ns = tape[-1].recv_ns + 10**9
    reference = Backtest(strategies, fees, **rules).run(tape, until_ns)
    desk = PythonDesk(strategies, tape, rules["settings"])
    try:
        compiled = CompiledRun(desk, fees, rows_of(tape), **rules).play(until_ns)
    finally:
        if desk.failure is not None:
            raise desk.failure
    return reference, compiled


def assert_equal(reference: Outcome, compiled: Outcome) -> None:
    for name in ("reports", "known_ns", "fills", "undelivered", "intents", "sent", "accounts", "equity"):
        assert list(getattr(compiled, name)) == list(getattr(reference, name)), name
    assert compiled.final_hash == reference.final_hash
    assert (compiled.start_ns, compiled.end_ns) == (reference.start_ns, reference.end_ns)
    for name in ("messages", "untimed", "clipped"):
        assert getattr(compiled.timeline, name) == getattr(reference.timeline, name), name


def test_a_tape_is_let_go_behind_the_run() -> None:
    """Half an hour in blocks of seven messages: some are held for the look-ahead, never all."""
    made = tape().book(bids=[("99.90", "2")], asks=[("100.10", "1")])
    for step in range(600):
        made.at(3000 * (step + 1)).update(bids=[("99.90", str(1 + step % 3))])
    rows, given = rows_of(made.messages()), []
    alive: list[int] = []

    def watched() -> Iterator[Any]:
        for block in rows.blocks():
            given.append(weakref.ref(block))
            alive.append(sum(one() is not None for one in given))
            yield block
            del block

    rules = any_rules(random.Random(0)) | {"clocks": Clocks(), "settings": TradingSettings()}
    desk = PythonDesk({"a": restless(On.TRADE)}, made.messages(), TradingSettings())
    CompiledRun(desk, FlatFee(FlatFeeSettings()), attrs.evolve(rows, blocks=watched), **rules).play()
    assert len(alive) > 80
    assert max(alive) < 12, "a block has 21 s, and a minute is held"


@settings(max_examples=30, deadline=None)
@given(SEEDS)
@example(0)
def test_any_tape_under_any_rules_gives_the_outcome_of_the_reference(seed: int) -> None:
    draw = random.Random(seed)
    market = random_tape(seed, steps=draw.choice((60, 150)), rescales=False)
    rules = any_rules(draw)
    assert_equal(*both(STRATEGIES, market, rules))
