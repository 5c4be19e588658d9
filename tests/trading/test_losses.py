"""Loss stops: drawdown from the peak, loss since the start, anew each period, each currency by itself."""

from __future__ import annotations

from typing import Any

import pytest

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.model.orders import IntentKind, Side, TimeInForce, Urgency
from mm_framework.testing.strategies import Result, Tape, backtest, run, tape
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.latency import Constant
from mm_framework.trading.settings import LimitSettings, TradingSettings
from mm_framework.trading.timeline import Clocks

BUY, SELL = Side
FREE = FlatFee(FlatFeeSettings(fee_bps=0))


def holder(instrument: int = 0) -> Strategy:
    """Buys one unit first, then asks for a small order at each change of the best prices."""

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        if wake.instrument != instrument:
            return
        if not state.done:
            state.done = 1
            out.place(instrument, BUY, market[instrument].ask, 1000, TimeInForce.IOC, Urgency.TAKER)
        else:
            out.place(instrument, BUY, 100, market[instrument].lot)

    return Strategy(decide, wakes=On.MARKET, state={"done": "i8"}, python_only=True)


def market(*bids: str) -> Tape:
    """Best bids, a second apart, each one below an offer that is 1.00 above."""
    found = tape()
    for second, bid in enumerate(bids, 1):
        found.at(1000 * second).book(bids=[(bid, "9")], asks=[(f"{float(bid) + 1:.2f}", "9")])
    return found


def refusals(strategies: Any, on: Tape, fee: Any = FREE, **limits: Any) -> list[str | None]:
    result = played(strategies, on, fee, **limits)
    return [answer.refusal and answer.refusal.text for answer in result.answers]


def played(strategies: Any, on: Tape, fee: Any = FREE, **limits: Any) -> Result:
    return run(
        strategies,
        on,
        settings=TradingSettings(slippage_bps=0),
        limits=LimitSettings(**{"on_loss": "keep", **limits}),
        fee_model=fee,
    )


def test_a_loss_of_the_limit_stops_orders_and_less_does_not() -> None:
    # Bought at 101 with a bid of 100: a loss of 1 at once; then 2, 3, 2.
    falling = market("100.00", "99.00", "98.00", "99.00")
    assert refusals(holder(), falling, strategy_loss="3.01") == [None] * 4
    assert refusals(holder(), falling, strategy_loss="3") == [None, None, *["strategy loss"] * 2]


def test_a_drawdown_is_measured_from_the_peak_a_loss_from_the_start() -> None:
    peaked = market("100.00", "110.00", "105.00", "101.00")
    assert refusals(holder(), peaked, strategy_loss="5") == [None, None, *["strategy loss"] * 2]
    assert refusals(holder(), peaked, strategy_loss="5", loss_from="start") == [None] * 4


def test_a_period_that_begins_anew_lets_orders_go_out_again() -> None:
    falling = market("100.00", "97.00", "96.99", "97.00", "96.99", "93.00")
    stopped = refusals(holder(), falling, strategy_loss="4", loss_period_s=3.0)
    # Looked at from the first intent on (1 s): anew at 4 s, from an equity of -4.
    assert stopped == [None, "strategy loss", "strategy loss", None, None, "strategy loss"]


def test_fees_are_part_of_a_loss() -> None:
    fee = FlatFee(FlatFeeSettings(fee_bps=100))  # 1.01
    assert refusals(holder(), market("100.00", "99.99"), fee, strategy_loss="2.02") == [None, "strategy loss"]
    assert refusals(holder(), market("100.00", "99.99"), fee, strategy_loss="2.03") == [None, None]


def test_a_loss_stops_its_own_strategy_or_all_of_them() -> None:
    falling = market("100.00", "98.00")
    other = Strategy(lambda s, w, m, out: out.place(0, BUY, 100, 1), python_only=True)
    both = {"holds": holder(), "other": other}
    assert refusals(both, falling, strategy_loss="3") == [None, None, "strategy loss", None]
    assert refusals(both, falling, total_loss="3") == [None, None, "total loss", "total loss"]


def test_currencies_are_never_added() -> None:
    two = tape("test:A/EUR").instrument("test:A/USD")
    for bid in ("100.00", "98.00"):
        for name in ("test:A/EUR", "test:A/USD"):
            two.about(name).book(bids=[(bid, "9")], asks=[("101.00", "9")])
    both = {"eur": holder(0), "usd": holder(1)}
    assert refusals(both, two, total_loss="3.01") == [None] * 4
    assert refusals(both, two, total_loss="3") == [None, None, "total loss", "total loss"]


def test_a_cancel_goes_out_after_the_stop() -> None:
    def decide(state: Any, wake: Any, views: Any, out: Any) -> None:
        state.calls += 1
        if state.calls == 1:
            out.place(0, BUY, 9900, 10)
            out.place(0, BUY, 10100, 1000, TimeInForce.IOC, Urgency.TAKER)
        else:
            out.replace(1, 9800, 10)
            out.cancel(1)

    strategy = Strategy(decide, state={"calls": "i8"}, python_only=True)
    result = played(strategy, market("100.00", "98.00"), strategy_loss="1")
    assert result.refusals == ["strategy loss"]
    assert len(result.pipeline.exchange) == 0


def test_a_loss_keeps_its_value_when_scales_grow() -> None:
    fine = market("100.00").instrument("test:A/B", price_scale=4, size_scale=5)
    fine.at(3000).book(bids=[("98.00", "9")], asks=[("99.00", "9")])
    assert refusals(holder(), fine, strategy_loss="3") == [None, "strategy loss"]
    assert refusals(holder(), fine, strategy_loss="3.01") == [None, None]


@pytest.mark.parametrize("key", ["strategy_loss", "total_loss", "order_notional"])
def test_a_limit_of_no_money_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match=f"{key} is '0', expected a number above 0"):
        LimitSettings(**{key: "0"})


def test_a_loss_that_stops_orders_cancels_those_that_rest() -> None:
    # Two small orders rest when the third bid makes the loss 3; what is asked for later is refused.
    falling = market("100.00", "99.50", "99.00", "98.00", "97.00")
    result = played(holder(), falling, strategy_loss="3", on_loss="cancel")
    told = [(intent.kind.name, intent.order) for intent in result.intents]
    assert told[:3] == [("PLACE", 1), ("PLACE", 2), ("PLACE", 3)]
    assert told[3:] == [("CANCEL", 2), ("CANCEL", 3), ("PLACE", 4), ("PLACE", 5)]
    refused = [answer.refusal and answer.refusal.text for answer in result.answers]
    assert refused == [None] * 5 + ["strategy loss"] * 2


def test_the_loss_of_one_leaves_the_orders_of_others_and_that_of_all_does_not() -> None:
    falling = market("100.00", "98.00")
    other = Strategy(lambda s, w, m, out: out.place(0, BUY, 100, 1), wakes=On.MARKET, python_only=True)
    both = {"holds": holder(), "other": other}

    def cancelled(**limits: str) -> list[str]:
        result = played(both, falling, on_loss="cancel", **limits)
        return [intent.strategy for intent in result.intents if intent.kind is IntentKind.CANCEL]

    assert cancelled(strategy_loss="3") == []
    assert cancelled(total_loss="3") == ["other"]


def test_an_order_on_its_way_is_cancelled_behind_its_back() -> None:
    """The market falls while an order flies: the cancel leaves at once and finds it resting."""

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        state.n += 1
        if state.n == 1:
            out.place(0, BUY, market[0].ask, 1000, TimeInForce.IOC, Urgency.TAKER)
        elif state.n == 2:
            out.place(0, BUY, 9000, 1000)

    strategy = Strategy(decide, wakes=On.MARKET, state={"n": "i8"}, python_only=True)
    falling = tape().at(2).book(bids=[("100.00", "9")], asks=[("101.00", "9")])
    for at_ms, bid in ((50, "99.90"), (52, "90.00")):
        falling.at(at_ms).book(bids=[(bid, "9")], asks=[("101.00", "9")])
    falling.at(100).wait()
    ways = {"entry": Constant(5_000_000), "response": Constant(5_000_000), "clocks": Clocks(longest_ns=0)}
    result = backtest(strategy, falling, limits=LimitSettings(strategy_loss="5"), fee_model=FREE, **ways)
    assert [intent.kind for intent in result.intents] == [IntentKind.PLACE] * 2 + [IntentKind.CANCEL]
    assert [(report.order, report.state.name) for report in result.reports[-2:]] == [
        (2, "NEW"),
        (2, "CANCELLED"),
    ]
    assert result.refusals == []


def test_a_market_that_moves_is_enough_to_be_stopped() -> None:
    """It sends nothing while the market falls; when it asks again the market is back."""
    once = Strategy(
        lambda s, w, m, out: (
            out.place(0, BUY, m[0].ask, 1000, TimeInForce.IOC, Urgency.TAKER) if m[0].bid == 10000 else None
        ),
        wakes=On.MARKET,
        python_only=True,
    )
    back = market("100.00", "90.00", "100.00")
    assert refusals(once, back, strategy_loss="5") == [None, "strategy loss"]


def closer(*orders: tuple[Side, int]) -> Strategy:
    """Buys one unit first, then asks for orders that rest, one at each change of the best prices."""

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        state.n += 1
        if state.n == 1:
            out.place(0, BUY, market[0].ask, 1000, TimeInForce.IOC, Urgency.TAKER)
        elif state.n <= len(orders) + 1:
            side, size = orders[state.n - 2]
            out.place(0, side, 100 if side is BUY else 20_000, size)

    return Strategy(decide, wakes=On.MARKET, state={"n": "i8"}, python_only=True)


@pytest.mark.parametrize("limit", ["strategy_loss", "total_loss"])
def test_what_only_makes_a_position_smaller_goes_out_after_the_stop(limit: str) -> None:
    falling = market("100.00", "90.00", "89.00", "88.00", "87.00", "86.00")
    stopped = limit.replace("_", " ")

    def told(*orders: tuple[Side, int]) -> list[str | None]:
        return refusals(closer(*orders), falling, **{limit: "5"})[1:]

    assert told((SELL, 1000), (BUY, 1)) == [None, stopped]
    assert told((SELL, 1001), (SELL, 1000)) == [stopped, None]
    # What rests on that side counts: together they would sell more than is held.
    assert told((SELL, 600), (SELL, 400), (SELL, 1)) == [None, None, stopped]


def test_a_position_is_closed_after_the_stop_and_then_nothing_goes_out() -> None:
    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        state.n += 1
        side = BUY if state.n == 1 else SELL
        price = market[0].ask if side is BUY else market[0].bid
        out.place(0, side, price, 1000, TimeInForce.IOC, Urgency.TAKER)

    strategy = Strategy(decide, wakes=On.MARKET, state={"n": "i8"}, python_only=True)
    result = played(strategy, market("100.00", "90.00", "89.00"), strategy_loss="5")
    assert [one.fill.side for one in result.fills] == [BUY, SELL]
    assert result.refusals == ["strategy loss"]


def test_a_replacement_counts_with_the_order_that_it_makes_larger() -> None:
    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        state.n += 1
        if state.n == 1:
            out.place(0, BUY, market[0].ask, 1000, TimeInForce.IOC, Urgency.TAKER)
        elif state.n == 2:
            out.place(0, SELL, 20_000, 500)
        elif state.n < 5:
            out.replace(2, 20_000, 1000 if state.n == 3 else 1001)

    strategy = Strategy(decide, wakes=On.MARKET, state={"n": "i8"}, python_only=True)
    falling = market("100.00", "90.00", "89.00", "88.00")
    assert refusals(strategy, falling, strategy_loss="5") == [None, None, None, "strategy loss"]


def test_what_another_strategy_holds_is_not_reduced() -> None:
    sells = Strategy(lambda s, w, m, out: out.place(0, SELL, 20_000, 1), wakes=On.MARKET, python_only=True)
    both = {"holds": holder(), "sells": sells}
    told = refusals(both, market("100.00", "90.00"), total_loss="5")
    assert told == [None, None, "total loss", "total loss"]
