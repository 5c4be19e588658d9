"""Which engine plays a tape, why, and that both come to the same."""

from __future__ import annotations

import random
from typing import Any

import attrs
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.errors import ConfigError
from mm_framework.kernels import loader
from mm_framework.kernels.cache import ENGINE
from mm_framework.kernels.mode import mode
from mm_framework.model.orders import Side, TimeInForce, Urgency
from mm_framework.testing.engines import RowTape
from mm_framework.testing.strategies import Tape, tape
from mm_framework.trading.backtest import Outcome
from mm_framework.trading.engine import Engine, run_backtest
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.latency import Constant, FeedDerived, RandomLatency
from mm_framework.trading.matching import Execution
from mm_framework.trading.queue import QUEUES, queue_model
from mm_framework.trading.settings import LimitSettings, TradingSettings
from tests.support.random_tapes import random_tape, restless

FEES = FlatFee(FlatFeeSettings())


def eager(wakes: int) -> Strategy:
    """Does anything that can be compiled, from its own random stream."""

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        state.calls += 1
        u = wake.uniform()
        if wake.reasons & (On.OWN_FILL | On.OWN_REJECT) and u < 0.8:
            return
        i = int(wake.uniform() * len(market))
        view = market[i]
        size = 100 * int(1 + wake.uniform() * 8)
        if u < 0.3:
            tif = TimeInForce.FOK if wake.uniform() < 0.2 else TimeInForce.IOC
            price = view.ask
            side = 1
            if wake.uniform() < 0.5:
                price = view.bid
                side = -1
            out.place(i, side, price, size, tif, Urgency.TAKER, 0)
        elif u < 0.6:
            out.place(
                i, Side.BUY, view.bid - int(wake.uniform() * 3), size, TimeInForce.GTC, Urgency.MAKER, 1
            )
            out.place(i, Side.SELL, view.ask_prices[0] + int(wake.uniform() * 3), size)
        elif u < 0.65:
            expires_ns = wake.now_ns + int(1 + wake.uniform() * 1_000_000_000)
            out.place(i, Side.BUY, view.bid, size, TimeInForce.GTD, Urgency.MAKER, -1, expires_ns)
        elif u < 0.75 and view.open_orders:
            out.cancel(view.order_numbers[0])
        elif u < 0.85 and view.open_orders:
            out.replace(view.order_numbers[0], view.order_prices[0] + 1, view.order_leaves[0] + 100)
        elif u < 0.95:
            out.timer(wake.now_ns + int(1 + wake.uniform() * 1_000_000_000))

    return Strategy(decide, wakes=wakes, state={"calls": "i8"}, tags=("t", "m"), depth=2)


STRATEGIES = {"b": eager(255), "a": eager(On.MARKET | On.TIMER | On.END), "c": eager(On.TRADE | On.BOOK)}


def quiet() -> Tape:
    return tape().book(bids=[("99.90", "2")], asks=[("100.10", "1")]).at(5).trade("buy", "100.10", "1")


@pytest.fixture(scope="module")
def compiled() -> None:
    if mode() != "on" or not (loader.active() and loader.active(ENGINE)):
        pytest.skip("nothing is compiled here")


def any_options(draw: random.Random) -> dict[str, Any]:
    latencies = (
        Constant(draw.randrange(10**8)),
        FeedDerived(draw.randrange(3_000_000), draw.randrange(-(10**6), 10**7)),
        RandomLatency(draw.randrange(99), draw.randrange(10**7), draw.randrange(10**7)),
    )
    return {
        "entry": draw.choice(latencies),
        "response": draw.choice(latencies),
        "execution": Execution(
            queue=queue_model(draw.choice(QUEUES), draw.choice((1, 2, 3))),
            takers=draw.choice(("levels", "best")),
            depletion=draw.random() < 0.5,
        ),
        "limits": LimitSettings(total_orders=draw.choice((1000, 3)), order_size=draw.choice((None, "0.5"))),
        "settings": TradingSettings(
            seed=draw.randrange(9), mark=draw.choice(("conservative", "conservative", "mid"))
        ),
        "grid_ns": draw.choice((None, 10**9, 10**8)),
    }


def assert_equal(one: Outcome, other: Outcome) -> None:
    assert (one.engine, other.engine) == ("compiled", "interpreted")
    for field in attrs.fields(Outcome):
        if field.name in ("engine", "why", "timeline") or not field.eq:
            continue
        found, expected = getattr(one, field.name), getattr(other, field.name)
        if field.name == "errors":
            found, expected = [str(error) for error in found], [str(error) for error in expected]
        assert found == expected, field.name


@pytest.mark.usefixtures("compiled")
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32))
@example(0)
def test_both_engines_come_to_the_same(seed: int) -> None:
    draw = random.Random(seed)
    market = RowTape(random_tape(seed, steps=100, rescales=False))
    names = draw.sample(sorted(STRATEGIES), draw.choice((1, 2, 3)))
    options = any_options(draw)
    strategies = {name: STRATEGIES[name] for name in names}
    one, other = (
        run_backtest(strategies, FEES, market, choice=choice, **options)
        for choice in ("compiled", "interpreted")
    )
    assert_equal(one, other)


def why(strategy: Strategy, market: Any, **options: Any) -> str | None:
    outcome = run_backtest({"s": strategy}, FEES, market, **options)
    assert outcome.engine == "interpreted"
    return outcome.why


def test_messages_one_by_one_are_interpreted() -> None:
    assert why(eager(1), quiet().messages()) == "its tape is no array of rows"


@pytest.mark.usefixtures("compiled")
def test_plain_python_is_called_by_the_compiled_engine() -> None:
    market = RowTape(random_tape(3, steps=100, rescales=False))
    plain = {name: attrs.evolve(one, python_only=True) for name, one in STRATEGIES.items()}
    one, other = (run_backtest(plain, FEES, market, choice=choice) for choice in ("compiled", "interpreted"))
    assert one.intents
    assert_equal(one, other)


@pytest.mark.usefixtures("compiled")
def test_what_the_compiled_engine_cannot_do_is_told_by_name() -> None:
    market = RowTape(quiet())
    stale = LimitSettings(strategy_position="5")
    assert why(eager(1), market, limits=stale) == "limit strategy_position"
    own = Execution(queue=lambda ahead, old, new, printed: ahead)
    assert why(eager(1), market, execution=own) == "its queue model is not one of the built-in ones"
    far = Constant(2**60)
    assert "2**53" in str(why(eager(1), market, entry=far))


@pytest.mark.usefixtures("compiled")
def test_a_tape_whose_scales_grow_is_interpreted() -> None:
    market = quiet().instrument("test:A/B", price_scale=3).book(bids=[("99.9", "1")])
    assert why(eager(1), RowTape(market)) == "the scales of test:A/B change within the tape"


@pytest.mark.usefixtures("compiled")
def test_a_number_out_of_range_is_interpreted() -> None:
    huge = tape(size_scale=18).book(bids=[("99.90", "3")], asks=[("100.10", "1")])
    assert why(eager(1), RowTape(huge)) == "a price or a size is not in 0 to 2**61"


@pytest.mark.usefixtures("compiled")
@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**32))
def test_numbers_near_the_bound_neither_wrap_nor_lie(seed: int) -> None:
    """Prices of 10**18, sizes whose sums leave the range: the same outcome, and the same errors."""
    draw = random.Random(seed)
    finer = (draw.choice((11, 12)), draw.choice((12, 13, 14)))
    market = RowTape(random_tape(seed, steps=80, rescales=False, finer=finer))
    strategies = {"a": restless(), "b": eager(255)}
    options = any_options(draw)
    one, other = (
        run_backtest(strategies, FEES, market, choice=choice, **options) for choice in ("auto", "interpreted")
    )
    assert_equal(attrs.evolve(one, engine="compiled"), other)
    assert one.engine == "compiled" or one.why == "a number leaves the range that the compiled run holds"


@pytest.mark.usefixtures("compiled")
def test_the_compiled_engine_can_be_insisted_on() -> None:
    limits = LimitSettings(strategy_position="5")
    with pytest.raises(ConfigError, match="cannot play this: limit strategy_position"):
        run_backtest({"s": eager(1)}, FEES, RowTape(quiet()), choice="compiled", limits=limits)


@pytest.mark.usefixtures("compiled")
def test_progress_tells_of_every_row() -> None:
    told: list[int] = []
    market = RowTape(quiet())
    engine = Engine({"s": eager(1)}, FEES, choice="compiled")
    engine.run(market, progress=told.append)
    assert sum(told) == len(next(market.blocks()))
    assert engine.reached()[1] == f"after {sum(told)} rows"


def test_the_interpreted_engine_can_be_asked_for() -> None:
    assert why(eager(1), RowTape(quiet()), choice="interpreted") == "asked for"
