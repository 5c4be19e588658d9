"""The allocator: limits for each strategy and for all, first come by name."""

from __future__ import annotations

from typing import Any

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.model.orders import Refusal, Side, TimeInForce, Urgency
from mm_framework.testing.strategies import Result, Tape, run, tape
from mm_framework.trading.settings import LimitSettings, TradingSettings

BUY, SELL = Side
IOC, TAKER = TimeInForce.IOC, Urgency.TAKER


def market() -> Tape:
    return tape().book(bids=[("99.90", "20")], asks=[("100.10", "10")])


def placing(*orders: tuple[Any, ...], slots: int = 16) -> Strategy:
    """Places these orders at the first wake-up, one after another."""

    def decide(state: Any, wake: Any, views: Any, out: Any) -> None:
        if not state.done:
            state.done = 1
            for order in orders:
                out.place(0, *order)

    return Strategy(decide, state={"done": "i8"}, orders=slots, python_only=True)


def play(strategies: Any, **limits: Any) -> Result:
    return run(strategies, market(), settings=TradingSettings(slippage_bps=0), limits=LimitSettings(**limits))


def test_without_limits_everything_goes_out() -> None:
    result = play(placing((BUY, 9900, 10**9), (BUY, 10010, 10**9, IOC, TAKER)))
    assert not result.refusals
    assert result.pipeline.submitted == 2


def test_a_single_order_is_limited() -> None:
    assert play(placing((BUY, 9900, 500), (BUY, 9900, 501)), order_size="0.5").refusals == ["order too large"]


def test_a_position_counts_with_all_open_orders_of_its_side() -> None:
    result = play(
        placing(
            (BUY, 10010, 400, IOC, TAKER),
            (BUY, 9900, 300),
            (BUY, 9900, 301),
            (BUY, 9900, 300),
            (SELL, 10100, 1400),
            (SELL, 10100, 1),
        ),
        strategy_position="1",
    )
    assert result.refusals == ["strategy position", "strategy position"]
    assert [order.leaves for order in result.pipeline.exchange.orders("test:A/B")] == [300, 300, 1400]


def test_a_replace_counts_the_order_once() -> None:
    def decide(state: Any, wake: Any, views: Any, out: Any) -> None:
        out.place(0, BUY, 9900, 600)
        out.replace(1, 9900, 1000)
        out.replace(1, 9900, 1001)

    assert play(Strategy(decide, python_only=True), strategy_position="1").refusals == ["strategy position"]


def test_a_cancel_is_never_refused_by_a_limit() -> None:
    def decide(state: Any, wake: Any, views: Any, out: Any) -> None:
        out.place(0, BUY, 9900, 600)
        out.cancel(1)

    assert not play(Strategy(decide, python_only=True), strategy_position="1", total_orders=1).refusals


def test_all_strategies_together_are_limited_and_the_first_by_name_is_served() -> None:
    both = {"b": placing((BUY, 10010, 700, IOC, TAKER)), "a": placing((BUY, 10010, 700, IOC, TAKER))}
    result = play(both, total_position="1")
    assert [filled.fill.strategy for filled in result.fills] == ["a"]
    assert result.refusals == ["total position"]
    assert result.pipeline.allocator.refused == {Refusal.TOTAL_POSITION: 1}


def test_positions_of_opposite_sign_net_in_the_total() -> None:
    both = {"a": placing((BUY, 10010, 900, IOC, TAKER)), "b": placing((SELL, 9990, 1800, IOC, TAKER))}
    assert not play(both, total_position="1").refusals


def test_open_orders_are_limited_for_each_strategy_and_for_all() -> None:
    three = placing((BUY, 9900, 1), (BUY, 9900, 1), (BUY, 9900, 1), slots=2)
    assert play(three).refusals == ["too many orders"]
    assert play({"a": three, "b": three}, total_orders=3).refusals == [
        "too many orders",
        "total orders",
        "total orders",
    ]


def test_a_limit_finer_than_the_size_scale_is_rounded_down() -> None:
    assert play(placing((BUY, 9900, 1000)), order_size="0.9999").refusals == ["order too large"]


def test_a_refused_intent_is_an_intent_but_not_submitted() -> None:
    woken = []

    def decide(state: Any, wake: Any, views: Any, out: Any) -> None:
        woken.append(wake.reasons)
        if wake.reasons & On.MARKET:
            out.place(0, BUY, 9900, 2000)

    result = play(Strategy(decide, wakes=On.MARKET | On.OWN_REJECT, python_only=True), order_size="1")
    assert (len(result.intents), result.pipeline.submitted) == (1, 0)
    assert woken == [On.MARKET, On.OWN_REJECT]
