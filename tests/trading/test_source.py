"""What decide may say, where it is refused, and what the rewritten function means."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework import num
from mm_framework.model.orders import Side
from mm_framework.testing.strategies import check_source
from mm_framework.trading.source import Source
from mm_toy_spread.settings import ToySpreadSettings
from mm_toy_spread.strategy import decide as toy_decide
from mm_toy_spread.strategy import toy_spread

LIMIT = 7
RATIO = 0.5
BOOKS: list[int] = []


def half(x: int) -> int:
    """A helper."""
    return x // 2


def quarter(x: int) -> int:
    return half(half(x))


def endless(x: int) -> int:
    return endless(x)


def texts(function: Callable[..., Any]) -> list[str]:
    return [refusal.text for refusal in Source.of(function).refusals]


def test_the_strategy_of_this_repository_is_allowed() -> None:
    assert texts(toy_decide) == []
    check_source(toy_spread(ToySpreadSettings()))


def good(state: Any, wake: Any, market: Any, out: Any) -> None:
    """Everything that is allowed."""
    total: int = 0
    view = market[wake.instrument]
    for side in state.sides:
        total += side
    for k in range(len(market)):
        if (view.trusted and not state.done) or 1 < k <= LIMIT:
            total = total + quarter(8) - int(num.sqrt(16.0) * RATIO)
            continue
        elif k == 3:
            break
        else:
            pass
    while total < 20:
        total += abs(-3) if total % 2 else max(1, total // 4)
    state.at[0].x[1] = min(total, Side.BUY)
    out.place(0, Side.SELL, view.ask, total & 7, tag=-1)


def test_a_loop_over_something_else_is_refused_with_its_line() -> None:
    (refusal,) = Source.of(good).refusals
    assert refusal.text == "for goes over range(...) or a tuple of numbers"
    assert refusal.where.endswith(f"test_source.py:{good.__code__.co_firstlineno + 4}")


def b_import(state: Any) -> None:
    import os  # noqa: F401


def b_clock(state: Any) -> None:
    state.x = time.time()


def b_math(state: Any) -> None:
    state.x = math.exp(1.0)


def b_power(state: Any) -> None:
    state.x = state.x**3


def b_list(state: Any) -> None:
    state.x = len([1, 2])


def b_append(state: Any) -> None:
    BOOKS.append(1)


def b_typo(state: Any) -> None:
    state.x = LIMT  # type: ignore[name-defined]  # noqa: F821


def b_text(state: Any) -> None:
    state.x = "buy"


def b_try(state: Any) -> None:
    try:
        state.x = 1
    finally:
        state.x = 2


def b_slice(state: Any) -> None:
    state.x = state.y[1:]


def b_recursion(state: Any) -> None:
    state.x = endless(1)


def b_print(state: Any) -> None:
    print(state.x)


def b_nested(state: Any) -> None:
    def inner() -> None: ...


def b_chain(state: Any) -> None:
    state.x = 1 < state.draw() < 3


def b_augmented(state: Any) -> None:
    state.y[state.draw()] += 1


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (b_import, "import is not allowed in decide"),
        (b_clock, "time.time is neither a number nor a function of mm_framework.num"),
        (b_math, "math.exp is neither a number nor a function of mm_framework.num"),
        (b_power, "** gives other digits when compiled: use num.pow or num.powi"),
        (b_list, "a list is not allowed in decide"),
        (b_append, "BOOKS.append is neither a number nor a function of mm_framework.num"),
        (b_typo, "LIMT is not known here; did you mean LIMIT?"),
        (b_text, "'buy' is no number"),
        (b_try, "try is not allowed in decide"),
        (b_slice, "there are no slices: loop over the elements"),
        (b_recursion, "endless calls itself: loop instead"),
        (b_print, "print is not known here"),
        (b_nested, "a function in a function is not allowed in decide"),
        (b_chain, "a call within a chain of comparisons: compare twice"),
        (b_augmented, "a call on the left of an augmented assignment"),
    ],
)
def test_what_is_refused(function: Callable[..., Any], text: str) -> None:
    assert texts(function)[0].startswith(text)
    with pytest.raises(ValueError, match=r"test_source\.py:"):
        Source.of(function).function()


@pytest.mark.parametrize("odd", [len, SimpleNamespace, lambda state: None])
def test_what_has_no_source_of_its_own_is_refused(odd: Any) -> None:
    assert len(Source.of(odd).refusals) == 1


# meaning


def arithmetic(state: Any, a: Any, b: Any) -> None:
    state.add = a + b
    state.sub = a - b
    state.mul = a * b
    state.neg = -a
    state.least = min(a, b)
    state.most = max(a, b, 0)
    state.less = a < b
    state.between = -10 <= a <= b


NUMBERS = st.one_of(st.integers(-(2**30), 2**30), st.floats(-1e9, 1e9))


@given(a=NUMBERS, b=NUMBERS)
def test_it_means_what_python_means_while_numbers_are_small(a: float, b: float) -> None:
    one, two = SimpleNamespace(), SimpleNamespace()
    arithmetic(one, a, b)
    Source.of(arithmetic).function()(two, a, b)
    assert vars(one) == vars(two)


def product(state: Any, a: Any, b: Any) -> None:
    state.x = a * b // b


def quotient(state: Any, a: Any, b: Any) -> None:
    state.x = a / b


def whole(state: Any, a: Any, b: Any) -> None:
    state.x = a // b


def test_an_integer_beyond_int64_is_an_error_where_it_arises() -> None:
    state = SimpleNamespace()
    product(state, 2**40, 2**40)  # Python does not mind
    with pytest.raises(OverflowError, match="which int64 does not hold"):
        Source.of(product).function()(state, 2**40, 2**40)


def test_divisions() -> None:
    state = SimpleNamespace()
    for function in (quotient, whole):
        with pytest.raises(ZeroDivisionError):
            Source.of(function).function()(state, 1, 0)
    with pytest.raises(TypeError, match="is for integers"):
        Source.of(whole).function()(state, 1.0, 2)
    # As a machine divides: both become floats first. Python is more exact, and alone with that.
    a, b = 2**62 + 1, 3
    Source.of(quotient).function()(state, a, b)
    assert state.x == float(a) / float(b)


def forever(state: Any) -> None:
    while True:
        state.x += 1


def test_a_loop_without_an_end_is_stopped_and_counted_anew_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mm_framework.trading.machine.MAX_STEPS", 100)
    endless_one = Source.of(forever).function()
    for _ in range(2):
        state = SimpleNamespace(x=0)
        with pytest.raises(RuntimeError, match="would never end"):
            endless_one(state)
        assert state.x == 100


def helped(state: Any) -> None:
    state.x = quarter(state.x) + LIMIT * Side.SELL


def test_helpers_and_constants_come_along() -> None:
    state = SimpleNamespace(x=41)
    Source.of(helped).function()(state)
    assert state.x == 10 - 7


def test_values_of_a_closure_are_constants() -> None:
    depth = 3

    def decide(state: Any) -> None:
        state.x = depth

    state = SimpleNamespace()
    Source.of(decide).function()(state)
    assert state.x == 3
