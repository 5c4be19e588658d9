"""The strategy on tapes that these tests write: its prices, its limits, what it sends again and what not."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm_avellaneda_stoikov import mm_register_strategies
from mm_avellaneda_stoikov.formulas import (
    ask_price,
    bid_price,
    liquidity_spread,
    reservation_price,
    total_spread,
)
from mm_avellaneda_stoikov.settings import AvellanedaStoikovSettings
from mm_avellaneda_stoikov.strategy import avellaneda_stoikov
from mm_framework.errors import StrategyError
from mm_framework.model.orders import Intent, IntentKind, Side, Urgency
from mm_framework.testing.strategies import Tape, backtest, check_source, run, tape
from mm_framework.trading.latency import Constant

PLACE, REPLACE, CANCEL = IntentKind.PLACE, IntentKind.REPLACE, IntentKind.CANCEL


def built(**changes: Any) -> Any:
    """gamma sigma^2 T = 2 ticks, (2/gamma) ln(1 + gamma/k) = 20 ln 1.2 = 3.646 ticks."""
    options = {
        "size": "1",
        "max_position": "3",
        "gamma_per_tick": 0.1,
        "sigma_ticks_per_sqrt_s": 2.0,
        "k_per_tick": 0.5,
        "horizon_s": 5.0,
    }
    return avellaneda_stoikov(AvellanedaStoikovSettings(**{**options, **changes}))


def market(bid: str = "99.95", ask: str = "100.05") -> Tape:
    return tape().at(2).book(bids=[(bid, "5")], asks=[(ask, "5")])


def short(intent: Intent) -> tuple[Any, ...]:
    return (intent.kind, intent.order, intent.side, intent.price, intent.size)


# the formulas


def test_the_spread_without_risk_aversion_is_two_over_k() -> None:
    assert liquidity_spread(0.0, 1.5) == 2 / 1.5
    assert liquidity_spread(1e-9, 1.5) == pytest.approx(2 / 1.5, abs=1e-8)


@pytest.mark.parametrize("gamma", [0.01, 0.1, 0.5])
def test_half_of_the_liquidity_spread_earns_most_utility_a_fill(gamma: float) -> None:
    """An own quote at distance d gains exp(-k d) (1 - exp(-gamma d)): searched for its largest value."""
    low, high = 0.0, 10.0
    for _ in range(200):
        a, b = low + (high - low) / 3, high - (high - low) / 3
        worth = [math.exp(-1.5 * d) * -math.expm1(-gamma * d) for d in (a, b)]
        low, high = (a, high) if worth[0] < worth[1] else (low, b)
    assert liquidity_spread(gamma, 1.5) / 2 == pytest.approx(low, abs=1e-6)


def test_the_centre_moves_by_the_risk_of_each_order_held() -> None:
    """gamma 0.1, sigma 2, T 1 and k 1.5, the market of the paper: 0.4 an order, and a spread of 1.69."""
    risk = 0.1 * 2.0**2
    assert reservation_price(100.0, 3.0, risk) == pytest.approx(98.8)
    assert total_spread(risk, liquidity_spread(0.1, 1.5)) == pytest.approx(1.69, abs=0.001)


@given(st.floats(-1e6, 1e9), st.integers(1, 10**12), st.sampled_from([1, 5, 10, 250]))
def test_prices_are_on_the_grid_and_never_cross(ticks: float, best: int, tick: int) -> None:
    best *= tick
    bid, ask = bid_price(ticks, best, tick), ask_price(ticks, best, tick)
    assert bid % tick == 0 == ask % tick
    assert bid == 0 or (bid < best and bid <= ticks * tick)
    assert ask == 0 or (ask > best and ask >= ticks * tick)


def test_prices_are_rounded_away_from_the_mid() -> None:
    assert (bid_price(99.9, 1000, 5), ask_price(30.1, 100, 5)) == (495, 155)


# the strategy


def test_the_plugin_registers_avellaneda_stoikov_with_its_settings() -> None:
    (spec,) = mm_register_strategies()
    assert (spec.name, spec.settings) == ("avellaneda_stoikov", AvellanedaStoikovSettings)
    assert spec.factory(AvellanedaStoikovSettings()).orders == 2


def test_decide_keeps_to_what_can_be_compiled() -> None:
    check_source(built())


def test_without_inventory_it_quotes_around_the_mid() -> None:
    """Half the spread is (2 + 3.646) / 2 = 2.82 ticks: 9997.18 and 10002.82, rounded away from the mid."""
    result = run(built(), market())
    assert [short(i) for i in result.intents] == [
        (PLACE, 1, Side.BUY, 9997, 1000),
        (PLACE, 2, Side.SELL, 10003, 1000),
    ]
    assert {(i.urgency, i.tag) for i in result.intents} == {(Urgency.MAKER, "quote")}


def test_the_same_view_asks_for_nothing_more() -> None:
    assert len(run(built(), market().update(bids=[("99.95", "7")])).intents) == 2


def test_orders_follow_the_mid_and_keep_their_numbers() -> None:
    moved = market().update(bids=[("99.97", "5")], asks=[("100.05", "0"), ("100.07", "5")])
    assert [short(i) for i in run(built(), moved).intents[2:]] == [
        (REPLACE, 1, None, 9999, 1000),
        (REPLACE, 2, None, 10005, 1000),
    ]


def test_a_quote_that_is_near_its_price_stays() -> None:
    moved = market().update(bids=[("99.97", "5")], asks=[("100.05", "0"), ("100.07", "5")])
    assert len(run(built(keep_ticks=2), moved).intents) == 2
    assert len(run(built(keep_ticks=1), moved).intents) == 4


def test_a_fill_moves_both_quotes_against_the_inventory() -> None:
    """One order bought: r = M - 2, so 9995.18 and 10000.82; the bought one is placed anew."""
    sold = market().at(10).trade("sell", "99.90", "9").at(20).wait()
    result = backtest(built(), sold)
    assert [short(i) for i in result.intents[2:]] == [
        (PLACE, 3, Side.BUY, 9995, 1000),
        (REPLACE, 2, None, 10001, 1000),
    ]
    assert [paid.fill.price for paid in result.fills] == [9997]


def test_a_heavy_inventory_never_makes_a_taker_of_a_quote() -> None:
    strategy = built(gamma_per_tick=5.0, k_per_tick=50.0)
    result = backtest(strategy, market().at(10).trade("sell", "99.00", "9").at(20).wait())
    late = result.intents[2:]
    assert [(i.kind, i.order, i.price) for i in late] == [(PLACE, 3, 9849), (REPLACE, 2, 9996)]
    assert not result.refusals


def test_at_its_largest_position_the_adding_side_is_off() -> None:
    falls = market()
    for k in range(1, 5):
        falls.at(10 * k).trade("sell", "99.00", "9")
    result = backtest(built(), falls.at(60).wait())
    assert [paid.fill.size for paid in result.fills] == [1000, 1000, 1000]
    sides = [intent.side for intent in result.intents if intent.kind is PLACE]
    assert sides == [Side.BUY, Side.SELL, Side.BUY, Side.BUY]


def test_an_order_is_cut_to_what_the_limit_leaves() -> None:
    result = run(built(size="2", max_position="1.5"), market())
    assert [intent.size for intent in result.intents] == [1500, 1500]


def test_a_side_without_prices_withdraws_both_quotes_once() -> None:
    empty = market().update(asks=[("100.05", "0")]).update(bids=[("99.90", "1")])
    kinds = [(i.kind, i.order, i.tag) for i in run(built(), empty).intents[2:]]
    assert kinds == [(CANCEL, 1, "withdraw"), (CANCEL, 2, "withdraw")]


def test_a_request_on_its_way_is_not_sent_again() -> None:
    busy = market()
    for k in range(3, 10):
        busy.at(k).update(bids=[("99.90", str(k))], asks=[("100.10", str(k))])
        busy.at(k + 0.5).update(bids=[("99.95", str(k))])
    result = backtest(built(), busy.at(100).wait(), entry=Constant(20_000_000), response=Constant(20_000_000))
    assert [intent.kind for intent in result.intents] == [PLACE, PLACE]


def test_a_refused_request_is_sent_again_with_the_next_news() -> None:
    """The ask of 100.03 would take when it arrives; it is refused, and asked for anew."""
    jump = market().latency(0.1).at(4).update(bids=[("99.95", "0"), ("100.50", "5")], asks=[("100.60", "5")])
    jump.update(asks=[("100.05", "0")])
    result = backtest(
        built(), jump.at(9).update(bids=[("100.50", "1")]).at(20).wait(), entry=Constant(4_000_000)
    )
    assert "would take" in result.refusals
    assert [i.side for i in result.intents if i.kind is PLACE].count(Side.SELL) == 2


def test_a_session_without_rolling_narrows_as_its_end_comes_near() -> None:
    late = market().at(5000).update(bids=[("99.94", "1")], asks=[("100.05", "6")])
    rolling = run(built(), late).intents
    ending = run(built(rolling=False), late).intents
    assert len(rolling) == 2
    prices = [(i.order, i.price) for i in ending]
    assert prices == [(1, 9997), (2, 10003), (1, 9998), (2, 10002)]


def test_weighted_with_sizes_the_centre_moves_to_the_thin_side() -> None:
    heavy = tape().book(bids=[("99.95", "9")], asks=[("100.05", "1")])
    assert [i.price for i in run(built(reference="weighted"), heavy).intents] == [10001, 10007]


def test_it_does_not_trade_a_market_that_is_not_trusted() -> None:
    assert len(run(built(), market().gap().wait(10)).intents) == 2


def test_a_tick_that_the_venue_does_not_tell_may_be_given() -> None:
    untold = tape(price_scale=4, tick=None).book(bids=[("99.95", "5")], asks=[("100.05", "5")])
    assert [i.price for i in run(built(tick="0.01"), untold).intents] == [999700, 1000300]
    assert run(built(), untold).intents[0].price > 999900


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([0, 3_000_000]))
def test_on_any_tape_the_position_keeps_its_limit_and_no_quote_takes(seed: int, entry_ns: int) -> None:
    draw = random.Random(seed)
    wild, mid = market(), 10000
    for k in range(60):
        wild.at(4 + k * 2)
        mid += draw.choice((-9, -1, 0, 1, 9))
        if draw.random() < 0.4:
            wild.trade(draw.choice(("buy", "sell")), f"{(mid + draw.choice((-8, 8))) / 100:.2f}", "2")
        else:
            wild.book(bids=[(f"{(mid - 4) / 100:.2f}", "3")], asks=[(f"{(mid + 4) / 100:.2f}", "3")])
    result = backtest(
        built(size="0.7"), wild.at(500).wait(), entry=Constant(entry_ns), response=Constant(entry_ns)
    )
    held = 0
    for paid in result.fills:
        held += paid.fill.side * paid.fill.size
        assert abs(held) <= 3000
    assert all(intent.urgency in (Urgency.MAKER, None) for intent in result.intents)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("size", "0"),
        ("size", "x"),
        ("tick", "-1"),
        ("max_position", "-1"),
        ("k_per_tick", 0.0),
        ("horizon_s", 0.0),
    ],
)
def test_a_setting_that_means_nothing_is_refused(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        AvellanedaStoikovSettings(**{name: value})


def test_no_number_of_a_wild_market_stops_it() -> None:
    far = tape(price_scale=8, tick="0.00000001").book(
        bids=[("0.00000001", "0.001")], asks=[("90000000.0", "1")]
    )
    try:
        run(built(gamma_per_tick=1e6, sigma_ticks_per_sqrt_s=1e6), far)
    except StrategyError as error:  # pragma: no cover - what the test forbids
        raise AssertionError from error
    assert math.isfinite(liquidity_spread(1e6, 1e-6))
