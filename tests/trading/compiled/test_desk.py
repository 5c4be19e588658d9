"""A whole compiled run, desk and strategies too, against the reference: the same outcome on any tape.

By default ten tapes; ``MM_SEEDS=10000`` takes so many.
"""

from __future__ import annotations

import ctypes
import gc
import operator
import os
import random
import signal
import weakref
from typing import Any

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mm_framework.contracts.strategy import On, Side, Strategy, TimeInForce, Urgency
from mm_framework.kernels import loader
from mm_framework.kernels.cache import ENGINE
from mm_framework.kernels.mode import mode

pytest.importorskip("numba", reason="needs numba, which this platform has no wheel of")
if mode() != "on":
    pytest.skip("MM_KERNELS is off or checked: nothing is compiled", allow_module_level=True)

from mm_framework.testing.strategies import Tape
from mm_framework.trading.backtest import Backtest, Outcome
from mm_framework.trading.compiled.called import CalledStrategy
from mm_framework.trading.compiled.local import CompiledDesk, unsupported
from mm_framework.trading.compiled.run import CompiledRun
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.latency import Constant
from mm_framework.trading.settings import LimitSettings, TradingSettings
from mm_framework.trading.typed import VIEW_ARRAYS, VIEW_NUMBERS, WAKE_NUMBERS
from tests.support.compiled_desk import rows_of
from tests.support.random_tapes import random_tape, restless
from tests.support.sound import check_outcome
from tests.trading.compiled.test_venue import any_rules, assert_equal

EXAMPLES = int(os.environ.get("MM_SEEDS", "10"))


def three(depth: int) -> dict[str, Strategy]:
    """Strategies that see so many levels; with one, markets here have no books of their own."""
    wakes = {"b": 255, "a": On.MARKET | On.TIMER | On.END, "c": On.TRADE}
    return {name: restless(on, depth) for name, on in wakes.items()}


@pytest.fixture(autouse=True, scope="module")
def _kernels() -> None:
    if not (loader.active() and loader.active(ENGINE)):
        pytest.skip("the kernels cannot be loaded here")


def both(
    strategies: dict[str, Strategy],
    market: Tape,
    limits: LimitSettings,
    rules: dict[str, Any],
    played: dict[str, Strategy] | None = None,
) -> tuple[Outcome, Outcome]:
    """Of the reference, and of the compiled run, which may play others that mean the same."""
    fees, tape = FlatFee(FlatFeeSettings()), market.messages()
    until_ns = tape[-1].recv_ns + 10**9
    reference = Backtest(strategies, fees, limits=limits, **rules).run(tape, until_ns)
    desk = CompiledDesk(played or strategies, rules["settings"], limits, 4)
    compiled = CompiledRun(desk, fees, rows_of(tape), **rules).play(until_ns)
    return reference, compiled


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.integers(0, 2**32))
@example(0)
def test_any_tape_gives_the_outcome_of_the_reference(seed: int) -> None:
    draw = random.Random(seed)
    market = random_tape(seed, steps=draw.choice((60, 150)), rescales=False)
    limits = LimitSettings(order_size=draw.choice((None, "1")), total_orders=draw.choice((1000, 3)))
    strategies = three(draw.choice((1, 2)))
    plain = {name: attrs.evolve(one, python_only=draw.random() < 0.5) for name, one in strategies.items()}
    reference, compiled = both(strategies, market, limits, any_rules(draw), plain)
    assert_equal(reference, compiled)
    check_outcome(compiled)
    assert list(map(str, compiled.errors)) == list(map(str, reference.errors))


def fails(state: Any, wake: Any, market: Any, out: Any) -> None:
    """Ends at its fourth call, on what is known of the market then."""
    state.n += 1
    out.place(0, Side.BUY, 9000, 1000)
    state.x = market[0].bid / (4 - state.n)


def argues(state: Any, wake: Any, market: Any, out: Any) -> None:
    """Answers each refusal with a wish that is refused too: it never comes to rest."""
    out.place(0, Side.BUY, 1, 10_000_000, TimeInForce.IOC, Urgency.TAKER)


def clock(state: Any, wake: Any, market: Any, out: Any) -> None:
    """Only timers, several at one moment and some twice; a last order at the end."""
    state.n += 1
    if wake.reasons & On.END:
        out.place(0, Side.SELL, 12000, 1000, tag=0)
    elif state.n < 50:
        for k in range(3):
            out.timer(wake.now_ns + 1_000_000 * (1 + (k * state.n) % 4))


def definer(at: Any, definition: Any) -> None:
    if definition.index:
        raise ValueError("one is enough")


def starter(state: Any) -> None:
    state.n = 2**62
    state.n *= 4


FIELDS = {"n": "i8", "x": "f8"}
ODD = {
    "argues": Strategy(argues, wakes=On.MARKET | On.OWN_REJECT),
    "clock": Strategy(clock, wakes=On.MARKET | On.TIMER | On.END, state=FIELDS, tags=("bye",)),
    "definer": Strategy(fails, state=FIELDS, define=definer),
    "fails": Strategy(fails, state=FIELDS),
    "restless": restless(),
    "starter": Strategy(fails, state=FIELDS, start=starter),
}


@pytest.mark.parametrize("python_only", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_strategies_that_fail_end_alone_and_with_the_same_words(seed: int, python_only: bool) -> None:
    odd = {name: attrs.evolve(one, python_only=python_only) for name, one in ODD.items()}
    market = random_tape(seed, steps=60, rescales=False)
    limits = LimitSettings(order_size="1")
    rules = any_rules(random.Random(seed)) | {"settings": TradingSettings()}
    reference, compiled = both(odd, market, limits, rules)
    assert_equal(reference, compiled)
    told = list(map(str, compiled.errors))
    assert told == list(map(str, reference.errors))
    assert [error.seq for error in compiled.errors] == [error.seq for error in reference.errors]
    ended = {text.split(":")[0].removeprefix("strategy ") for text in told}
    assert ended == {"argues", "definer", "fails", "starter"}
    assert any(intent.tag == "bye" for intent in compiled.intents)


def crosses(state: Any, wake: Any, market: Any, out: Any) -> None:
    """Answers each refusal of the venue with an order that it refuses, too."""
    state.n += 1
    out.place(0, Side.BUY, 2 * market[0].ask, 1000)


def test_answers_without_latency_end_a_strategy() -> None:
    market = random_tape(0, steps=6, rescales=False)
    strategies = {
        "crosses": Strategy(crosses, wakes=On.MARKET | On.OWN_REJECT, state=FIELDS),
        "restless": restless(),
    }
    at_once = {"entry": Constant(0), "response": Constant(0), "settings": TradingSettings()}
    rules = any_rules(random.Random(0)) | at_once
    reference, compiled = both(strategies, market, LimitSettings(), rules)
    assert_equal(reference, compiled)
    assert list(map(str, compiled.errors)) == list(map(str, reference.errors))
    assert "had 10000 answers at one moment" in str(compiled.errors[0])


def test_what_kernels_do_not_know_is_named() -> None:
    assert unsupported(LimitSettings(order_size="1", total_orders=3)) is None
    assert unsupported(LimitSettings(total_position="1")) == "limit total_position"


def sees_all(seen: list[Any]) -> Strategy:
    """Keeps in a list of its own all that it is shown."""

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        view = market[max(wake.instrument, 0)]
        shown = {name: getattr(view, name) for name in (*VIEW_NUMBERS, *VIEW_ARRAYS)}
        told = {name: getattr(wake, name) for name in WAKE_NUMBERS}
        seen.append((told, shown, len(market), wake.uniform(), state.n, state.at[0].k))
        state.n += 1
        state.at[0].k += 2
        if len(seen) % 3 == 0 and view.has_bid:
            out.place(max(wake.instrument, 0), Side.BUY, view.bid, 2 * view.lot, tag=len(seen) % 2)
        if len(seen) % 7 == 0:
            out.timer(wake.now_ns + 1_000_000)

    return Strategy(
        decide, wakes=255, state=FIELDS, at={"k": "i8"}, tags=("one", "two"), depth=3, python_only=True
    )


@pytest.mark.parametrize("seed", range(3))
def test_plain_python_sees_under_the_compiled_engine_what_the_reference_shows(seed: int) -> None:
    market, rules = random_tape(seed, steps=60, rescales=False), any_rules(random.Random(seed))
    seen: tuple[list[Any], list[Any]] = ([], [])
    reference, compiled = both(
        {"a": sees_all(seen[0])}, market, LimitSettings(), rules, {"a": sees_all(seen[1])}
    )
    assert len(seen[0]) > (60 if seed == 0 else 0)
    for one, other in zip(*seen, strict=True):
        assert one == other
    assert_equal(reference, compiled)


def misspells(state: Any, wake: Any, market: Any, out: Any) -> None:
    market[wake.instrument].best_bid  # noqa: B018


def cancels_true(state: Any, wake: Any, market: Any, out: Any) -> None:
    if not out.last_order:
        out.place(wake.instrument, Side.BUY, 1, 100)
        out.cancel(True)


def test_slips_of_plain_python_are_told_in_the_same_words() -> None:
    strategies = {one.__name__: Strategy(one, python_only=True) for one in (misspells, cancels_true)}
    reference, compiled = both(
        strategies, random_tape(0, steps=60, rescales=False), LimitSettings(), any_rules(random.Random(0))
    )
    assert_equal(reference, compiled)
    (told,) = map(str, compiled.errors)
    assert [told] == list(map(str, reference.errors))
    assert "has no attribute 'best_bid'" in told
    assert [intent.order for intent in compiled.intents] == [1, 1]


class Stopped(BaseException):
    """As Ctrl-C and the watchdog raise."""


def test_an_interruption_in_plain_python_ends_the_run() -> None:
    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        raise Stopped

    strategies = {"a": Strategy(decide, wakes=On.MARKET, python_only=True)}
    market, rules = random_tape(0, steps=60, rescales=False), any_rules(random.Random(0))
    desk = CompiledDesk(strategies, rules["settings"], LimitSettings(), 4)
    with pytest.raises(Stopped):
        CompiledRun(desk, FlatFee(FlatFeeSettings()), rows_of(market.messages()), **rules).play()


def test_a_signal_that_came_while_kernels_worked_interrupts() -> None:
    def stop(number: int, frame: Any) -> None:
        raise Stopped

    called = CalledStrategy("a", Strategy(lambda *_: None, python_only=True), seed=0)
    answer = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(called.address)
    come = ctypes.pythonapi.PyErr_SetInterruptEx
    earlier = signal.signal(signal.SIGINT, stop)
    try:  # no line of Python stands between the two
        answers = list(map(operator.call, (come, answer), (signal.SIGINT, called.context_address)))
    finally:
        signal.signal(signal.SIGINT, earlier)
    assert answers == [0, 1]
    assert isinstance(called.interruption, Stopped)


def test_views_that_plain_python_keeps_have_their_memory() -> None:
    kept: list[Any] = []

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        kept[:] = [market[wake.instrument]]

    strategies = {"a": Strategy(decide, wakes=On.MARKET, python_only=True)}
    market, rules = random_tape(0, steps=60, rescales=False), any_rules(random.Random(0))
    desk = CompiledDesk(strategies, rules["settings"], LimitSettings(), 4)
    run = CompiledRun(desk, FlatFee(FlatFeeSettings()), rows_of(market.messages()), **rules)
    run.play()
    memory = [weakref.ref(block) for block in (run._here._views, desk.strategies[0]._memory["own"])]
    assert kept[0].bid_prices[0] == kept[0].bid
    del run, desk
    gc.collect()
    assert all(block() is not None for block in memory)
    kept.clear()
    gc.collect()
    assert not any(block() for block in memory)
