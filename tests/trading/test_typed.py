"""What has no type of its own is refused with its line; what has one is converted where it must be."""

from __future__ import annotations

import ast
import math
from collections.abc import Callable
from typing import Any

import pytest

from mm_framework import num
from mm_framework.contracts.strategy import Strategy
from mm_framework.num import sqrt
from mm_framework.trading.typed import Typed

FIELDS = {"n": "i8", "x": "f8", "ns": "i8[3]"}


def typed(decide: Any) -> Typed:
    return Typed.of(Strategy(decide, state=FIELDS, at={"size": "i8"}, tags=("t",)))


def pair(a: Any, b: Any) -> Any:
    return a + b


def falls(a: Any) -> Any:
    if a > 0:
        return a


def b_float_field(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.n = 0.5


def b_unknown(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.n = market[0].bids_price


def b_undeclared(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.at[0].sise = 1


def b_float_price(state: Any, wake: Any, market: Any, out: Any) -> None:
    out.place(0, 1, market[0].bid * 0.5, 1)


def b_few(state: Any, wake: Any, market: Any, out: Any) -> None:
    out.place(0, 1, price=3)


def b_view(state: Any, wake: Any, market: Any, out: Any) -> None:
    market[0].bid = 1


def b_wake(state: Any, wake: Any, market: Any, out: Any) -> None:
    wake.now_ns = 1


def b_mixed(state: Any, wake: Any, market: Any, out: Any) -> None:
    view = 1
    if state.n:
        view = market[0]
    state.n = view


def b_early(state: Any, wake: Any, market: Any, out: Any) -> None:
    for k in range(state.n):
        last = k
    state.n = last


def b_branch(state: Any, wake: Any, market: Any, out: Any) -> None:
    if state.n:
        found = 1
    elif state.x:
        return
    state.n = found


def b_floor(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.x = state.x // 2


def b_index(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.n = state.ns[state.x]


def b_truth(state: Any, wake: Any, market: Any, out: Any) -> None:
    if market[0]:
        state.n = 1


def b_nothing(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.n = out.cancel(1)


def b_falls(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.n = falls(state.n)


def b_count(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.n = pair(1)


def b_result(state: Any, wake: Any, market: Any, out: Any) -> int:
    return 1


def b_large(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.n = 9223372036854775808


def b_tuple(state: Any, wake: Any, market: Any, out: Any) -> None:
    both = (1, 2)
    state.n = both[0]


def b_number(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.n = num.powi(state.x, 0.5)


def b_tick(state: Any, wake: Any, market: Any, out: Any) -> None:
    out.place(0, 1, num.floor_to(state.x - 1, market[0].tick), 1)


REFUSED = {
    b_float_field: "state.n is an integer (i8): convert with int(...)",
    b_unknown: "market[i] has no field bids_price; did you mean bid_prices?",
    b_undeclared: "state.at[i] has no field sise; did you mean size?",
    b_float_price: "market[0].bid * 0.5 is a float, expected an integer: int(...) cuts",
    b_few: "out.place needs i, side, price, size",
    b_view: "market[0].bid cannot be set: only fields of state can",
    b_wake: "wake.now_ns cannot be set: only fields of state can",
    b_mixed: "view is an integer here and market[i] elsewhere",
    b_early: "last may have no value here: assign it before",
    b_branch: "found may have no value here: assign it before",
    b_floor: "state.x is a float, expected an integer: int(...) cuts",
    b_index: "state.x is a float, expected an integer: int(...) cuts",
    b_truth: "market[0] is market[i], expected a number",
    b_nothing: "this call gives no value",
    b_falls: "may end without a return",
    b_count: "pair does not take 1 arguments",
    b_result: "decide returns nothing",
    b_large: "9223372036854775808 is beyond int64",
    b_tuple: "a tuple stands in `for` or on both sides of an assignment",
    b_number: "0.5 is a float, expected an integer: int(...) cuts",
    b_tick: "state.x - 1 is a float, expected an integer: int(...) cuts",
}


@pytest.mark.parametrize("decide", REFUSED, ids=lambda decide: decide.__name__[2:])
def test_what_has_no_type_is_refused_with_its_line(decide: Callable[..., Any]) -> None:
    (refusal,) = typed(decide).refusals
    assert refusal.text == REFUSED[decide]
    file, _, line = refusal.where.rpartition(":")
    assert file.endswith("test_typed.py")
    assert int(line) > 0
    with pytest.raises(ValueError, match=r"\.py:\d+: "):
        _ = typed(decide).decide


def meets(state: Any, wake: Any, market: Any, out: Any) -> None:
    """Integers and floats meet in a variable, in a choice, and in a helper's result."""
    total = 0
    for k in range(3):
        total += state.x * k
    state.x = pair(1, 2) + pair(1, state.x) + (1 if state.n else state.x)
    first, second = state.n, total
    state.x = first + second


def test_conversions_are_written_out() -> None:
    found = typed(meets)
    assert not found.refusals
    assert "total = float(0)" in ast.unparse(found.decide.body)  # type: ignore[arg-type]
    assert "(float(1) if state.n else state.x)" in ast.unparse(found.decide.body)  # type: ignore[arg-type]
    assert found.decide.variables["total"] == "f8"
    assert [routine.result for routine in found.routines.values()] == ["i8", "f8", "none"]


def ends_by_break(state: Any, wake: Any, market: Any, out: Any) -> None:
    while True:
        if state.n > 3:
            found = 1
            break
        state.n += 1
    state.n = found


def b_other_break(state: Any, wake: Any, market: Any, out: Any) -> None:
    while True:
        if state.n > 3:
            break
        found = 1
        if found:
            break
    state.n = found


def test_a_loop_without_a_condition_ends_at_its_breaks() -> None:
    assert not typed(ends_by_break).refusals
    (refusal,) = typed(b_other_break).refusals
    assert refusal.text == "found may have no value here: assign it before"


def takes_the_root(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.x = sqrt(state.x)


def test_a_name_that_means_something_else_by_now_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not typed(takes_the_root).refusals
    monkeypatch.setitem(globals(), "sqrt", math.isqrt)  # as another cell of a notebook does
    (refusal,) = typed(takes_the_root).refusals
    assert refusal.text == "sqrt is neither a number nor a function of mm_framework.num"
    monkeypatch.undo()
    assert not typed(takes_the_root).refusals
