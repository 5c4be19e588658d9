"""Loss stops: drawdown from the peak, loss since the start, anew each period, each currency by itself."""

from __future__ import annotations

from typing import Any

import pytest

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.model.orders import Side, TimeInForce, Urgency
from mm_framework.testing.strategies import Result, Tape, run, tape
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.settings import LimitSettings, TradingSettings

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
        limits=LimitSettings(**limits),
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
    with pytest.raises(ValueError, match=f"{key} is 0, expected an amount above 0"):
        LimitSettings(**{key: "0"})
