"""Machine code means what the interpreted mode means: same numbers, same wishes, same errors."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mm_framework.kernels.mode import mode

pytest.importorskip("llvmlite", reason="needs llvmlite, which this platform has no wheel of")
if mode() == "off":
    pytest.skip("MM_KERNELS=off: nothing is compiled", allow_module_level=True)

from mm_framework import num
from mm_framework.contracts.strategy import On, Side, Strategy, TimeInForce
from mm_framework.num import floor_to
from mm_toy_spread.settings import ToySpreadSettings
from mm_toy_spread.strategy import toy_spread
from tests.support.random_tapes import restless
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


# what decide sees and leaves


def d_sees(state: Any, wake: Any, market: Any, out: Any) -> None:
    i = wake.instrument
    view, mine = market[i], state.at[i]
    mine.seen += view.bid * 2 + view.ask_size - view.tick + view.lot + view.price_scale + view.size_scale
    mine.sum = view.trusted + view.has_bid * 2 + view.has_ask * 4 + view.bids * 8 + view.asks * 64
    for k in range(len(view.bid_prices)):
        mine.sum = (
            mine.sum * 3 + view.bid_prices[k] - view.bid_sizes[k] + view.ask_prices[k] * view.ask_sizes[k]
        )
    for k in range(view.open_orders):
        mine.own[k] = (
            view.order_numbers[k] * view.order_sides[k] + view.order_prices[k] - view.order_leaves[k]
        )
    state.calls, state.many = state.calls + 1, len(market) + len(state.at) * 10 + len(mine.own) * 100
    state.u = wake.uniform() * (1 if wake.reasons & On.TRADE else -1)
    state.told = (
        wake.trade_price + wake.trade_size * wake.trade_side + wake.order - wake.filled + wake.refusal
    )
    state.other = market[state.pick].position


def d_asks(state: Any, wake: Any, market: Any, out: Any) -> None:
    first = out.place(state.i, state.side, 10, state.size, state.tif, state.urgency, state.tag, state.due)
    out.place(0, Side.SELL, 5, 5, tag=1, expires_ns=wake.now_ns + 1, tif=TimeInForce.GTD)
    out.replace(first, state.size, 3, 0)
    out.cancel(state.order, tag=state.tag)
    out.cancel(out.place(0, Side.BUY, 1, 1))
    out.timer(state.due)


SMALL = st.integers(-1, 4)
PRICE = st.integers(1, 1000)


@st.composite
def views(draw: Any) -> list[Seen]:
    found = []
    for _ in range(2):
        levels = [draw(st.lists(st.tuples(PRICE, PRICE), max_size=2)) for _ in range(2)]
        orders = draw(st.lists(st.tuples(PRICE, st.sampled_from([1, -1]), PRICE, PRICE), max_size=2))
        names = ("trusted", "has_bid", "has_ask", "bid", "ask_size", "tick", "lot", "price_scale", "position")
        found.append(Seen({name: draw(st.integers(-9, 9)) for name in names}, *levels, orders))
    return found


SEES = Twin(
    Strategy(
        d_sees,
        state={"calls": "i8", "many": "i8", "u": "f8", "told": "i8", "other": "i8", "pick": "i8"},
        at={"seen": "i8", "sum": "i8", "own": "i8[2]"},
        depth=2,
        orders=2,
    ),
    2,
)
ASKED = ("i", "side", "size", "tif", "urgency", "tag", "due", "order")
ASKS = Twin(Strategy(d_asks, state=dict.fromkeys(ASKED, "i8"), tags=("a", "b")), 2)


@settings(max_examples=150, deadline=None)
@given(views(), SMALL, SMALL, st.tuples(*[SMALL] * 7))
def test_all_of_a_view_and_of_a_wake_up_is_seen(seen: list[Seen], i: int, pick: int, told: Any) -> None:
    SEES.show(seen)
    SEES.state.pick = pick
    SEES.compiled.state_fields.write(SEES.state, SEES.compiled.state)
    for k in range(2):
        SEES.ats[k].sum = SEES.ats[k].seen = 0
        SEES.compiled.at_fields.write(SEES.ats[k], SEES.compiled.at[k])
    error = SEES(Woken(5, i, *told))
    assert (error is None) == (i in (0, 1) and pick in (0, 1))


@settings(max_examples=300, deadline=None)
@given(st.tuples(*[SMALL] * 6), st.integers(-2, 12), st.integers(-1, 60))
@example((0, 1, 1, 4, 2, -1), 9, 1)
@example((1, -1, 2, 1, 1, 0), 9, 2)
def test_wishes_and_what_is_wrong_with_them(numbers: tuple[int, ...], due: int, order: int) -> None:
    ASKS.show([Seen({}), Seen({})])
    for name, number in zip(ASKED, (*numbers, due, order), strict=True):
        setattr(ASKS.state, name, number)
    ASKS.compiled.state_fields.write(ASKS.state, ASKS.compiled.state)
    before = ASKS.out.last_order
    if ASKS(Woken(5)) is None:
        assert ASKS.out.last_order == before + 3
    ASKS.level()


def d_floods(state: Any, wake: Any, market: Any, out: Any) -> None:
    for _ in range(state.n):
        if state.timers:
            out.timer(100)
        else:
            out.place(0, Side.BUY, 1, 1)


@pytest.mark.parametrize("timers", [0, 1])
def test_a_call_leaves_at_most_so_many_wishes(timers: int) -> None:
    twin = Twin(Strategy(d_floods, state={"n": "i8", "timers": "i8"}))
    twin.show([Seen({})])
    for n, error in ((1024, None), (1025, "RuntimeError: more than 1024")):
        twin.state.n, twin.state.timers = n, timers
        twin.compiled.state_fields.write(twin.state, twin.compiled.state)
        told = twin(Woken(1))
        assert told == error or str(told).startswith(str(error))


def d_endless(state: Any, wake: Any, market: Any, out: Any) -> None:
    while True:
        state.n += 1


def test_a_loop_without_an_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mm_framework.trading.machine.MAX_STEPS", 100)
    twin = Twin(Strategy(d_endless, state={"n": "i8"}))
    twin.show([Seen({})])
    error = twin(Woken(1))
    assert error is not None
    assert error.startswith("RuntimeError: a loop went around 100 times")


@pytest.mark.parametrize("strategy", [toy_spread(ToySpreadSettings()), restless()], ids=["toy", "restless"])
def test_strategies_of_this_repository_are_the_same_in_both_modes(strategy: Strategy) -> None:
    draw, twin = random.Random(1), Twin(strategy, 2)
    for now_ns in range(1000):
        seen = []
        for _ in range(2):
            bid, spread = draw.randrange(900, 1000), draw.randrange(1, 8)
            numbers = {
                "trusted": draw.randrange(2),
                "has_bid": 1,
                "has_ask": 1,
                "bid": bid,
                "ask": bid + spread,
            }
            numbers |= {"bid_size": 3, "ask_size": 4, "size_scale": 3, "position": draw.randrange(-3, 3)}
            known = min(twin.out.last_order, 2)
            orders = [(k + 1, draw.choice((1, -1)), bid, 5) for k in range(draw.randrange(known + 1))]
            seen.append(Seen(numbers, [(bid, 3)], [(bid + spread, 4)], orders))
        twin.show(seen)
        assert twin(Woken(now_ns, draw.randrange(2), draw.randrange(1, 64))) is None
    assert twin.out.last_order > 100


WEIGHT: float = 2


def weighed(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.f = state.a / WEIGHT


@pytest.mark.parametrize("weights", [(2, 3), (2, 2.5), (2, 2.0)])
def test_code_is_kept_for_the_constants_that_it_was_made_of(
    monkeypatch: pytest.MonkeyPatch, weights: tuple[float, float]
) -> None:
    made = []
    for weight in (*weights, weights[0]):
        monkeypatch.setitem(globals(), "WEIGHT", weight)
        twin = Twin(Strategy(weighed, wakes=On.TIMER, state=FIELDS))
        twin.state.a = 7
        twin.compiled.state[: len(FIELDS)] = [7, *([0] * (len(FIELDS) - 1))]
        twin.show([Seen({})])
        assert twin(Woken(1)) is None
        assert twin.state.f == 7 / weight
        made.append(twin.compiled.address)
    assert made[0] == made[2]
    assert made[0] != made[1]


def functions(state: Any, wake: Any, market: Any, out: Any) -> None:
    state.f = num.exp(state.x) + num.log(state.y) + num.pow(state.x, 2.5) + num.pow(state.y, 2.5)


def test_code_holds_no_address_of_this_process() -> None:
    from mm_framework.trading.compiled.emit import emit
    from mm_framework.trading.program import typed_of

    text, _ = emit(typed_of("one", Strategy(functions, wakes=On.MARKET, state=FIELDS)))
    for name in ("exp", "log", "pow"):
        assert sum(f'@"math.{name}"' in line for line in text.splitlines() if "declare" in line) == 1
    assert "inttoptr (i64" not in text
