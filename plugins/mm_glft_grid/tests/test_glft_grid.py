"""The strategy on tapes that these tests write: its grid, its limits, what stays and what moves."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm_framework.model.orders import Intent, IntentKind, Side, Urgency
from mm_framework.testing.strategies import Tape, backtest, check_source, run, tape
from mm_framework.trading.latency import Constant
from mm_glft_grid import mm_register_strategies
from mm_glft_grid.formulas import closed_form
from mm_glft_grid.settings import GlftGridSettings
from mm_glft_grid.strategy import glft_grid

PLACE, REPLACE, CANCEL = IntentKind.PLACE, IntentKind.REPLACE, IntentKind.CANCEL
MARKET = {"gamma": 0.1, "sigma": 2.0, "a": 1.0, "k": 0.5}


def built(**changes: Any) -> Any:
    """Closed form: 2.37 ticks at q = 0, and 1.09 ticks a unit of q; mid 100.00."""
    options = {
        "size": "1",
        "max_position": "3",
        "model": "closed",
        "gamma_per_tick": 0.1,
        "sigma_ticks_per_sqrt_s": 2.0,
        "a_per_s": 1.0,
        "k_per_tick": 0.5,
    }
    return glft_grid(GlftGridSettings(**{**options, **changes}))


def market(bid: str = "99.95", ask: str = "100.05") -> Tape:
    return tape().at(2).book(bids=[(bid, "5")], asks=[(ask, "5")])


def short(intent: Intent) -> tuple[Any, ...]:
    return (intent.kind, intent.order, intent.side, intent.price, intent.size)


def test_the_plugin_registers_glft_grid_with_its_settings() -> None:
    (spec,) = mm_register_strategies()
    assert (spec.name, spec.settings) == ("glft_grid", GlftGridSettings)
    assert spec.factory(GlftGridSettings()).orders == 2


def test_decide_keeps_to_what_can_be_compiled() -> None:
    check_source(built())


def test_one_level_stands_at_the_distances_of_the_formula() -> None:
    bid, ask = closed_form(0, **MARKET)
    assert (round(bid, 2), round(ask, 2)) == (2.37, 2.37)
    result = run(built(), market())
    assert [short(i) for i in result.intents] == [
        (PLACE, 1, Side.BUY, 9997, 1000),
        (PLACE, 2, Side.SELL, 10003, 1000),
    ]
    assert {(i.urgency, i.tag) for i in result.intents} == {(Urgency.MAKER, "quote")}


def test_levels_stand_one_step_apart_on_multiples_of_the_step() -> None:
    result = run(built(levels=3, step_ticks=5), market())
    assert [i.price for i in result.intents] == [9995, 9990, 9985, 10005, 10010, 10015]


def test_a_filled_order_moves_the_grid_against_the_inventory() -> None:
    """Bought one: the skew of closed_form(1) takes the bid down and the ask in."""
    bid, ask = closed_form(1, **MARKET)
    assert (10000 - bid, 10000 + ask) == pytest.approx((9996.54, 10001.28), abs=0.01)
    result = backtest(built(), market().at(10).trade("sell", "99.90", "9").at(20).wait())
    assert [short(i) for i in result.intents[2:]] == [
        (PLACE, 3, Side.BUY, 9996, 1000),
        (REPLACE, 2, None, 10002, 1000),
    ]


def test_a_part_of_a_fill_moves_the_grid_by_its_part() -> None:
    half = market().at(10).trade("sell", "99.97", "0.5").at(20).wait()
    moved = backtest(built(levels=1), half).intents[2:]
    assert [(i.order, i.price) for i in moved] == [(2, 10002)]


def test_orders_still_on_the_grid_are_left_alone() -> None:
    """The grid goes down one tick: only the order at the top moves, to the new end."""
    down = market().update(bids=[("99.93", "5"), ("99.95", "0")])
    result = run(built(levels=3, max_position="4"), down)
    bids = {1: 9997, 2: 9996, 3: 9995}
    assert {i.order: i.price for i in result.intents[:3]} == bids
    assert [(i.kind, i.order, i.price) for i in result.intents[6:]] == [
        (REPLACE, 1, 9994),
        (REPLACE, 6, 10002),
    ]


def test_at_its_largest_position_the_adding_side_is_off() -> None:
    falls = market()
    for k in range(1, 5):
        falls.at(10 * k).trade("sell", "99.00", "9")
    result = backtest(built(), falls.at(60).wait())
    assert [paid.fill.size for paid in result.fills] == [1000, 1000, 1000]


def test_the_nearest_levels_come_first_when_the_limit_is_small() -> None:
    result = run(built(levels=4, max_position="2.5"), market())
    assert [(i.price, i.size) for i in result.intents if i.side is Side.BUY] == [
        (9997, 1000),
        (9996, 1000),
        (9995, 500),
    ]


def test_a_side_without_prices_withdraws_all_quotes_once() -> None:
    empty = market().update(asks=[("100.05", "0")]).update(bids=[("99.90", "1")])
    kinds = [(i.kind, i.order, i.tag) for i in run(built(levels=2), empty).intents[4:]]
    assert sorted(kinds) == [(CANCEL, n, "withdraw") for n in (1, 2, 3, 4)]


def test_without_risk_aversion_only_exact_quotes_shy_away_from_the_limit() -> None:
    """gamma 0, k 0.1: 10 ticks; holding 2 of 3 the exact bid is ln(cos(pi/4) / cos(3 pi/8)) / k lower."""
    fall = market().at(10).trade("sell", "99.00", "9").at(20).trade("sell", "99.00", "9").at(30).wait()
    calm = {"gamma_per_tick": 0.0, "k_per_tick": 0.1}
    for model, price in (("closed", 9990), ("exact", 9983)):
        bids = [i.price for i in backtest(built(model=model, **calm), fall).intents if i.side is Side.BUY]
        assert bids[-1] == price


def test_a_request_on_its_way_is_not_sent_again() -> None:
    busy = market()
    for k in range(3, 10):
        busy.at(k).update(bids=[("99.94", str(k))], asks=[("100.06", str(k))])
        busy.at(k + 0.5).update(bids=[("99.95", str(k))])
    slow = Constant(20_000_000)
    result = backtest(built(levels=2), busy.at(100).wait(), entry=slow, response=slow)
    assert [intent.kind for intent in result.intents] == [PLACE] * 4


def test_it_does_not_trade_a_market_that_is_not_trusted() -> None:
    assert len(run(built(), market().gap().wait(10)).intents) == 2


def test_a_tick_that_the_venue_does_not_tell_may_be_given() -> None:
    untold = tape(price_scale=4, tick=None).book(bids=[("99.95", "5")], asks=[("100.05", "5")])
    assert [i.price for i in run(built(tick="0.01"), untold).intents] == [999700, 1000300]
    assert run(built(), untold).intents[0].price > 999900


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**32),
    st.sampled_from([0, 1_000_000, 7_000_000]),
    st.sampled_from([1, 3]),
    st.sampled_from(["closed", "exact"]),
)
def test_on_any_tape_the_position_keeps_its_limit(seed: int, way_ns: int, levels: int, model: str) -> None:
    draw = random.Random(seed)
    wild, mid = market(), 10000
    for k in range(80):
        wild.at(4 + k * 2)
        mid += draw.choice((-9, -1, 0, 1, 9))
        if draw.random() < 0.5:
            wild.trade(draw.choice(("buy", "sell")), f"{(mid + draw.choice((-8, 8))) / 100:.2f}", "0.9")
        else:
            wild.book(bids=[(f"{(mid - 4) / 100:.2f}", "0.2")], asks=[(f"{(mid + 4) / 100:.2f}", "0.2")])
    result = backtest(
        built(size="0.7", max_position="2", levels=levels, model=model),
        wild.at(500).wait(),
        entry=Constant(way_ns),
        response=Constant(way_ns),
    )
    held = 0
    for paid in result.fills:
        held += paid.fill.side * paid.fill.size
        assert abs(held) <= 2000
    assert all(intent.urgency in (Urgency.MAKER, None) for intent in result.intents)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("size", "0", "above 0"),
        ("size", "x", "above 0"),
        ("tick", "0", "above 0"),
        ("max_position", "0.001", "holds 0 orders"),
        ("max_position", "100", "holds 10000 orders"),
        ("a_per_s", 0.0, "a_per_s"),
        ("levels", 51, "levels"),
    ],
)
def test_a_setting_that_means_nothing_is_refused(name: str, value: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        GlftGridSettings(**{name: value})
