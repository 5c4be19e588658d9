"""Conservative simulated execution, rule by rule (requirement D8)."""

from __future__ import annotations

from typing import Any

import pytest

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.model.orders import OrderState, Refusal, Side, TimeInForce, Urgency
from mm_framework.num import ceil_to, floor_to
from mm_framework.testing.strategies import Result, Tape, run, tape
from mm_framework.trading.exchange import SimulatedExchange, answers_at_once, conservative
from mm_framework.trading.matching import Execution
from mm_framework.trading.order_rules import taker_price
from mm_framework.trading.settings import TradingSettings

GTC, IOC, FOK, GTD = TimeInForce
MAKER, TAKER = Urgency
BUY, SELL = Side


def market() -> Tape:
    return tape().book(bids=[("99.90", "2"), ("99.80", "9")], asks=[("100.10", "1"), ("100.20", "9")])


def orders(*placed: tuple[Any, ...], on: Tape | None = None, **settings: Any) -> Result:
    """Place all orders at the first wake-up; zero slippage unless told otherwise."""

    def decide(state: Any, wake: Any, views: Any, out: Any) -> None:
        if not state.done:
            state.done = 1
            for order in placed:
                out.place(0, *order)

    strategy = Strategy(decide, state={"done": "i8"}, python_only=True)
    return run(strategy, on or market(), settings=TradingSettings(**{"slippage_bps": 0, **settings}))


def fills(result: Result) -> list[tuple[int, int, int]]:
    return [(filled.fill.side, filled.fill.price, filled.fill.size) for filled in result.fills]


# takers


@pytest.mark.parametrize(
    ("side", "best", "bps", "tick", "price"),
    [
        (BUY, 10010, 10, 1, 10021),  # 10020.01 goes up
        (SELL, 9990, 10, 1, 9980),  # 9980.01 goes down
        (BUY, 10010, 0, 1, 10010),
        (SELL, 9990, 0, 1, 9990),
        (BUY, 10000, 10, 1, 10010),  # exact stays
        (BUY, 10010, 10, 25, 10025),
        (SELL, 9990, 10, 25, 9975),
        (SELL, 1, 9999, 1, 1),  # never below one tick
        (BUY, 10**17, 10, 1, 1001 * 10**14),
    ],
)
def test_a_takers_price_is_moved_against_us_and_rounded_against_us(
    side: Side, best: int, bps: int, tick: int, price: int
) -> None:
    assert taker_price(side, best, bps, tick) == price


def test_a_taker_fills_at_the_best_price_moved_by_ten_basis_points_by_default() -> None:
    result = orders((BUY, 10010, 500, IOC, TAKER), (SELL, 9990, 500, IOC, TAKER), slippage_bps=10)
    assert TradingSettings().slippage_bps == 10
    assert fills(result) == [(BUY, 10021, 500), (SELL, 9980, 500)]


def test_it_fills_at_most_the_displayed_size_of_the_best_level_and_the_rest_lapses() -> None:
    result = orders((BUY, 10020, 5000, GTC, TAKER))
    assert fills(result) == [(BUY, 10010, 1000)]
    assert result.answers[0].state is OrderState.EXPIRED
    assert len(result.pipeline.exchange) == 0


def test_a_full_fill_is_filled() -> None:
    assert orders((BUY, 10010, 1000, IOC, TAKER)).answers[0].state is OrderState.FILLED


def test_the_cap_limits_a_fill_beside_the_displayed_size() -> None:
    result = orders((BUY, 10010, 900, IOC, TAKER), (BUY, 10010, 100, IOC, TAKER), max_fill_size="0.25")
    assert fills(result) == [(BUY, 10010, 250), (BUY, 10010, 100)]


@pytest.mark.parametrize(("side", "price"), [(BUY, 10009), (SELL, 9991)])
@pytest.mark.parametrize("tif", [GTC, IOC, FOK])
def test_a_limit_that_does_not_reach_the_book_does_not_fill(side: Side, price: int, tif: TimeInForce) -> None:
    result = orders((side, price, 10, tif, TAKER))
    assert not result.fills
    assert result.answers[0].state is OrderState.EXPIRED
    assert result.answers[0].refusal is None


def test_fill_or_kill_fills_whole_or_not_at_all() -> None:
    result = orders((BUY, 10010, 1001, FOK, TAKER), (BUY, 10010, 1000, FOK, TAKER))
    assert fills(result) == [(BUY, 10010, 1000)]


def test_a_side_that_is_not_there_or_of_unknown_size_does_not_fill() -> None:
    assert not orders((BUY, 99999, 10, IOC, TAKER), on=tape().book(bids=[("1.00", "1")])).fills
    unknown = tape().ticker(("99.00", "1"), ("100.00", None))
    assert not orders((BUY, 99999, 10, IOC, TAKER), on=unknown, price_source="ticker").fills


# grids


def test_a_price_is_rounded_against_us_to_the_tick_and_a_size_down_to_the_lot() -> None:
    coarse = tape(tick="0.05", lot="0.01").book(bids=[("99.90", "2")], asks=[("100.10", "0.999")])
    result = orders((BUY, 9993, 19), (SELL, 10011, 19), (BUY, 10010, 5000, IOC, TAKER), on=coarse)
    resting = [(o.side, o.price, o.size) for o in result.pipeline.exchange.orders("test:A/B")]
    assert resting == [(BUY, 9990, 10), (SELL, 10015, 10)]
    assert fills(result) == [(BUY, 10010, 990)]


@pytest.mark.parametrize(
    ("order", "refusal"),
    [
        ((BUY, 100, 0), Refusal.BELOW_LOT),
        ((BUY, 100, -5), Refusal.BELOW_LOT),
        ((BUY, 0, 10), Refusal.BELOW_TICK),
        ((BUY, -3, 10), Refusal.BELOW_TICK),
        ((BUY, 100, 0, IOC, TAKER), Refusal.BELOW_LOT),
    ],
)
def test_what_is_nothing_on_the_grid_is_refused(order: tuple[Any, ...], refusal: Refusal) -> None:
    assert orders(order).refusals == [refusal.text]


def test_rounding_helpers_go_outward_for_any_sign() -> None:
    assert [floor_to(v, 5) for v in (-6, -5, 0, 4, 5)] == [-10, -5, 0, 0, 5]
    assert [ceil_to(v, 5) for v in (-6, -5, 0, 4, 5)] == [-5, -5, 0, 5, 5]


# makers


def test_makers_rest_and_do_not_fill_even_when_the_market_comes_to_them() -> None:
    crossing = market().update(asks=[("100.10", "0"), ("99.85", "5")]).trade("sell", "99.00", "100")
    result = orders((BUY, 9990, 10), on=crossing)
    assert result.answers[0].state is OrderState.NEW
    assert not result.fills
    assert len(result.pipeline.exchange) == 1


@pytest.mark.parametrize("order", [(BUY, 10010, 10), (SELL, 9990, 10), (SELL, 100, 10)])
def test_a_maker_that_would_take_is_refused(order: tuple[Any, ...]) -> None:
    assert orders(order).refusals == ["would take"]


@pytest.mark.parametrize("tif", [IOC, FOK])
def test_an_immediate_maker_lapses(tif: TimeInForce) -> None:
    result = orders((BUY, 9990, 10, tif, MAKER))
    assert result.answers[0].state is OrderState.EXPIRED
    assert len(result.pipeline.exchange) == 0


def test_good_till_date_ends_at_its_time() -> None:
    def left(ms: float) -> list[int]:
        result = orders(
            (BUY, 9000, 10, GTD, MAKER, -1, 5_000_000),
            (BUY, 9001, 10, GTD, MAKER, -1, 9_000_000),
            on=market().at(ms).wait(),
        )
        return [order.number for order in result.pipeline.exchange.orders("test:A/B")]

    assert left(4.999999) == [1, 2]
    assert left(5) == [2]
    assert left(9) == []


# cancel and replace


def change(act: Any) -> Result:
    """Place a maker buy of 10 at 99.00, then ``act(out)`` in the same call."""

    def decide(state: Any, wake: Any, views: Any, out: Any) -> None:
        out.place(0, BUY, 9900, 10)
        act(out)

    return run(Strategy(decide, python_only=True), market())


def test_a_cancel_ends_the_order() -> None:
    result = change(lambda out: out.cancel(1))
    assert result.answers[1].state is OrderState.CANCELLED
    assert len(result.pipeline.exchange) == 0


def test_a_replace_changes_price_and_open_size() -> None:
    result = change(lambda out: out.replace(1, 9905, 20))
    (order,) = result.pipeline.exchange.orders("test:A/B")
    assert (order.number, order.price, order.size, order.leaves) == (1, 9905, 20, 20)


def test_a_replace_that_would_take_is_refused_and_the_order_stays() -> None:
    result = change(lambda out: out.replace(1, 10010, 20))
    (order,) = result.pipeline.exchange.orders("test:A/B")
    assert result.refusals == ["would take"]
    assert (order.price, order.size) == (9900, 10)


def test_an_order_that_is_not_open_can_be_neither_cancelled_nor_replaced() -> None:
    def act(out: Any) -> None:
        out.cancel(1)
        out.cancel(1)
        out.replace(1, 9905, 20)

    assert change(act).refusals == ["unknown order"] * 2


# trust


@pytest.mark.parametrize("before", ["start", "gap", "stop"])
def test_no_request_is_accepted_while_the_venue_is_unknown(before: str) -> None:
    requests = Strategy(
        _all_requests, wakes=On.RESYNC | On.TIMER | On.END, state={"step": "i8"}, python_only=True
    )
    on = market()
    if before == "gap":
        on.gap()
    elif before == "stop":
        on.stop()
    result = run(requests, on.wait())
    trusted = result.refusals.count("venue unknown")
    assert trusted == (0 if before == "start" else 3)
    assert not result.fills


def _all_requests(state: Any, wake: Any, views: Any, out: Any) -> None:
    """Rests an order on a trusted market, then asks for everything on one that is not."""
    if wake.reasons & On.RESYNC and views[0].trusted:
        out.place(0, BUY, 9900, 10)
    elif wake.reasons & On.RESYNC:
        out.place(0, BUY, 10010, 10, IOC, TAKER)
        out.replace(1, 9905, 10)
        out.cancel(1)


def test_a_resting_order_survives_a_loss() -> None:
    result = orders((BUY, 9900, 10), on=market().gap().book(bids=[("99.00", "1")], asks=[("99.50", "1")]))
    assert len(result.pipeline.exchange) == 1


def test_resting_orders_keep_their_value_when_scales_grow() -> None:
    on = market().instrument("test:A/B", price_scale=3, size_scale=5)
    (order,) = orders((BUY, 9900, 10), on=on).pipeline.exchange.orders("test:A/B")
    assert (order.price, order.size, order.leaves) == (99_000, 1000, 1000)


# the rules


@pytest.mark.parametrize(
    "rules",
    [
        Execution(makers=True, takers="best"),
        Execution(makers=False, takers="levels"),
        Execution(makers=False, takers="best", depletion=True),
        Execution(makers=False, takers="best", on_gap="cancel"),
    ],
)
def test_an_exchange_that_answers_at_once_refuses_rules_that_need_the_market(rules: Execution) -> None:
    assert not answers_at_once(rules)
    with pytest.raises(RuntimeError, match="hears the market"):
        SimulatedExchange(rules)
    assert answers_at_once(conservative(TradingSettings(slippage_bps=3, max_fill_size="1")))
