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


def test_the_notional_of_one_order_is_limited() -> None:
    exact = placing((BUY, 9900, 1000), (BUY, 9900, 1001))
    assert play(exact, order_notional="99").refusals == ["order notional"]


def test_a_market_order_counts_at_the_best_price() -> None:
    markets = placing((BUY, 0, 1000, IOC, TAKER), (SELL, 0, 1000, IOC, TAKER))
    result = play(markets, order_notional="100")
    assert result.refusals == ["order notional"]
    assert [filled.fill.side for filled in result.fills] == [SELL]


def test_a_market_order_that_nothing_prices_passes_no_limit_of_notional() -> None:
    one_sided = tape().book(bids=[("99.90", "1")]).wait()
    order = placing((BUY, 0, 1000, IOC, TAKER))
    assert run(order, one_sided, limits=LimitSettings(order_notional="1000000")).refusals == [
        "order notional"
    ]
    assert run(order, one_sided).refusals == []


def test_the_open_size_of_a_side_is_limited_whatever_the_position() -> None:
    orders = ((SELL, 9990, 1000, IOC, TAKER), (BUY, 9900, 600), (BUY, 9890, 401), (SELL, 10100, 1000))
    assert play(placing(*orders), strategy_open_size="1").refusals == ["strategy open size"]
    one, two = placing((BUY, 9900, 600)), placing((BUY, 9900, 401), (SELL, 10100, 1000))
    assert play({"a": one, "b": two}, total_open_size="1").refusals == ["total open size"]


def timed(*at_ms: float) -> Strategy:
    """Places an order at each of these times."""

    def decide(state: Any, wake: Any, views: Any, out: Any) -> None:
        if wake.reasons & On.MARKET and not state.done:
            state.done = 1
            for ms in at_ms:
                out.timer(round(ms * 1e6))
        elif wake.reasons & On.TIMER:
            out.place(0, BUY, 9900, 1)

    return Strategy(decide, wakes=On.MARKET | On.TIMER, state={"done": "i8"}, python_only=True)


def sent_at(strategies: Any, on: Tape | None = None, **limits: Any) -> list[tuple[str, int, str | None]]:
    """Strategy, milliseconds and refusal of each intent."""
    result = run(strategies, on or market().wait(5000), limits=LimitSettings(**limits))
    times = sorted((ms, name) for name, strategy in TIMES.items() for ms in strategy if name in strategies)
    found = zip(times, result.intents, result.answers, strict=True)
    return [
        (intent.strategy, ms, answer.refusal and answer.refusal.text) for (ms, _), intent, answer in found
    ]


TIMES = {"a": (10, 500, 900, 1011, 1499, 1500), "b": (11, 12)}


def test_the_rate_of_a_strategy_is_limited_within_any_second() -> None:
    a = {"a": timed(*TIMES["a"])}
    assert sent_at(a, strategy_rate=2) == [
        ("a", 10, None),
        ("a", 500, None),
        ("a", 900, "strategy rate"),
        ("a", 1011, None),
        ("a", 1499, "strategy rate"),  # what was refused does not count
        ("a", 1500, None),
    ]


def test_the_rate_of_all_is_limited_too() -> None:
    both = {name: timed(*times) for name, times in TIMES.items()}
    assert sent_at(both, total_rate=2) == [
        ("a", 10, None),
        ("b", 11, None),
        ("b", 12, "total rate"),
        ("a", 500, "total rate"),
        ("a", 900, "total rate"),
        ("a", 1011, None),
        ("a", 1499, None),
        ("a", 1500, "total rate"),
    ]


def test_orders_wait_for_news_of_the_market() -> None:
    quiet = market().at(600).update(bids=[("99.95", "1")]).at(1300).trade("buy", "100.10", "1").wait(5000)
    a = {"a": timed(*TIMES["a"])}
    assert sent_at(a, quiet, stale_s=0.4) == [
        ("a", 10, None),
        ("a", 500, "stale data"),
        ("a", 900, None),
        ("a", 1011, "stale data"),
        ("a", 1499, "stale data"),  # a print is no news of the best prices
        ("a", 1500, "stale data"),
    ]


def test_data_is_stale_beyond_its_age_not_at_it() -> None:
    a = {"a": timed(*TIMES["a"])}
    assert sent_at(a, stale_s=0.498)[1] == ("a", 500, None)
    assert sent_at(a, stale_s=0.4979)[1] == ("a", 500, "stale data")


def test_a_spread_is_too_wide_beyond_the_limit_not_at_it() -> None:
    order = placing((BUY, 9900, 1))
    assert not play(order, spread_bps=20).refusals  # 0.20 of 100.00
    assert play(order, spread_bps=19).refusals == ["wide spread"]
    one_sided = tape().book(bids=[("99.90", "20")])
    assert run(order, one_sided, limits=LimitSettings(spread_bps=10**6)).refusals == ["wide spread"]


def test_each_limit_has_a_counter_of_its_own() -> None:
    orders = placing((BUY, 9900, 600), (BUY, 9900, 100), (BUY, 9900, 450), (SELL, 10100, 100))
    result = play(orders, order_size="0.5", strategy_open_size="0.2", strategy_rate=1)
    assert result.pipeline.allocator.refused == {
        Refusal.ORDER_TOO_LARGE: 1,
        Refusal.STRATEGY_OPEN_SIZE: 1,
        Refusal.STRATEGY_RATE: 1,
    }
    assert result.pipeline.actors[0].refusals == result.pipeline.allocator.refused
    assert result.pipeline.actors[0].refused == 3


def test_a_refused_intent_is_an_intent_but_not_submitted() -> None:
    woken = []

    def decide(state: Any, wake: Any, views: Any, out: Any) -> None:
        woken.append(wake.reasons)
        if wake.reasons & On.MARKET:
            out.place(0, BUY, 9900, 2000)

    result = play(Strategy(decide, wakes=On.MARKET | On.OWN_REJECT, python_only=True), order_size="1")
    assert (len(result.intents), result.pipeline.submitted) == (1, 0)
    assert woken == [On.MARKET, On.OWN_REJECT]
