"""Machine code means what the interpreted mode means: same numbers, same wishes, same errors."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mm_framework.kernels.mode import mode

pytest.importorskip("llvmlite", reason="needs llvmlite, which this platform has no wheel of")
if mode() == "off":
    pytest.skip("MM_KERNELS=off: nothing is compiled", allow_module_level=True)

from mm_framework import num
from mm_framework.contracts.strategy import Strategy
from mm_framework.num import floor_to
from tests.support.twin_decide import Seen, Twin, Woken

EDGE = 2**63
INTS = st.one_of(
    st.integers(-20, 20),
    st.integers(-EDGE, EDGE - 1),
    st.sampled_from([-EDGE, EDGE - 1, 2**53 + 1, -(2**53) - 1, 2**62, 3037000500]),
)
FLOATS = st.one_of(
    st.floats(),
    st.floats(-50, 50),
    st.sampled_from([0.0, -0.0, math.inf, -math.inf, math.nan, 2.0**63, -(2.0**63), 1e308, 1e-320, 0.5, 2.0]),
)
FIELDS = {"a": "i8", "b": "i8", "x": "f8", "y": "f8", "n": "i8", "f": "f8", "ns": "i8[3]", "fs": "f8[3]"}
SCALE = 3
HALF = 0.5


def d_add(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.n = state.a + state.b
    state.f = state.a + state.x


def d_sub(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.f = state.x - state.y
    state.n = state.a - state.b


def d_mul(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.f = state.x * state.y
    state.n = state.a * state.b


def d_div(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.f = state.a / state.b
    state.f = state.x / state.y
    state.f = state.x / state.b


def d_floor(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.n = state.a // state.b
    state.n = state.n + 1


def d_mod(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.n = state.a % state.b


def d_bits(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.n = state.a & state.b | 5 ^ state.a


def d_neg(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.f = -state.x
    state.f = state.f + abs(state.y)
    state.n = -state.a
    state.n = abs(state.b)
    state.n = +state.b


def d_int(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.f = float(state.a)
    state.ns[1] = bool(state.x)
    state.n = int(state.b) + int(state.a < state.b)
    state.n = int(state.x)


def d_compare(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.ns[0] = state.a < state.b <= state.x
    state.ns[1] = (state.x == state.y) + (state.x != state.y) * 2 + (state.a == state.x) * 4
    state.ns[2] = (state.x >= state.y) + (state.x > state.a) * 2 + (not state.x) * 4
    state.n = (state.a and state.b) or state.ns[0]
    state.f = (state.x or state.b) if state.y < state.x else state.a


def d_extremes(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.n = min(state.a, state.b, 3) + max(state.a, 0) // 2
    state.f = min(state.x, state.y, state.a)
    state.fs[0] = max(state.x, state.y)
    state.fs[1] = max(state.a, state.b, state.y)


def d_exp(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.f = num.exp(state.x)
    state.f = num.exp(state.a)


def d_log(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.f = num.log(state.x)
    state.f = num.log(state.a)


def d_sqrt(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.f = num.sqrt(state.x)
    state.f = num.sqrt(state.a)


def d_pow(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.f = num.pow(state.x, state.y)
    state.f = num.pow(state.a, HALF)


def d_powi(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.f = num.powi(state.x, state.b)
    state.f = num.powi(state.a, 3)


def d_steps(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.n = floor_to(state.a, state.b)
    state.n += num.ceil_to(state.a, state.b)


def d_index(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.fs[state.a] += state.x
    state.n = state.ns[state.b]


def d_loops(state: Any, wake: Any, market: Any, out: Any) -> None:
    for k in range(state.a % 7, state.b % 11, (state.a % 5) - 2):
        if k == 3:
            continue
        if k > 8:
            break
        state.n += k
    for x in (1, -2.5, 3):
        state.f += x
    j = 0
    while j < 5:
        j += 1
        for k in range(j):
            state.ns[k % 3] += k * SCALE


def choose(a: Any, b: Any) -> Any:
    """A helper whose result is a float as soon as one argument is."""
    if a > b:
        return a
    elif a == b:
        return 7
    return b


def d_helpers(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.n = choose(state.a, state.b)
    state.f = choose(state.a, state.x) + choose(state.x, state.y)


def d_meeting(state: Any, wake: Any, market: Any, out: Any) -> None:
    total = 0
    if state.x > 0:
        total = state.a
    elif state.y > 0:
        total = state.x
    total += state.b
    state.f = total


BODIES = [value for name, value in sorted(globals().items()) if name.startswith("d_")]
TWINS: dict[Any, Twin] = {}


@pytest.mark.parametrize("decide", BODIES, ids=lambda decide: decide.__name__[2:])
@settings(max_examples=80, deadline=None)
@given(a=INTS, b=INTS, x=FLOATS, y=FLOATS)
@example(a=-EDGE, b=-1, x=0.0, y=-math.inf)
@example(a=-7, b=2, x=-8.0, y=0.5)
@example(a=7, b=0, x=math.nan, y=0.0)
def test_numbers_and_errors_are_the_same(decide: Any, a: int, b: int, x: float, y: float) -> None:
    if decide not in TWINS:
        TWINS[decide] = Twin(Strategy(decide, state=FIELDS))
    twin = TWINS[decide]
    twin.show([Seen({})])
    twin.state.a, twin.state.b, twin.state.x, twin.state.y = a, b, x, y
    for name in ("n", "f"):
        setattr(twin.state, name, 0)
    for k in range(3):
        twin.state.ns[k] = twin.state.fs[k] = 0
    twin.compiled.state_fields.write(twin.state, twin.compiled.state)
    twin(Woken(1))
