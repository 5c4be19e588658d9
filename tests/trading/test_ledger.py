"""Conservative fills and PnL: the identity of domain section 3, by hand and by components."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.errors import PluginError
from mm_framework.model.orders import Side, TimeInForce, Urgency
from mm_framework.testing.strategies import Result, Tape, run, tape
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.ledger import Money, by_quote, least_scale, quote_of
from mm_framework.trading.settings import TradingSettings

BUY, SELL = Side
UNIT = 10**6
"""Money of the tapes' instruments: price scale 2 + size scale 3 + 1."""


def trading(plan: dict[int, tuple[Side, int]]) -> Strategy:
    """Takes ``size`` at wake-up number ``n``, whatever the price."""

    def decide(state: Any, wake: Any, views: Any, out: Any) -> None:
        state.n += 1
        if state.n in plan:
            side, size = plan[state.n]
            price = 10**9 if side is BUY else 1
            out.place(wake.instrument, side, price, size, TimeInForce.IOC, Urgency.TAKER)

    return Strategy(decide, wakes=On.MARKET, state={"n": "i8"}, python_only=True)


def play(plan: dict[int, tuple[Side, int]], market: Tape, bps: int = 0, **settings: Any) -> Result:
    return run(
        trading(plan),
        market,
        settings=TradingSettings(**{"slippage_bps": 0, **settings}),
        fee_model=FlatFee(FlatFeeSettings(fee_bps=bps)),
    )


def test_every_part_of_one_fill_by_hand() -> None:
    """Buy 2 at 101 with mid 100; after 1 s the mid is 103, at the end 104, marked at the bid 103."""
    market = (
        tape()
        .book(bids=[("99", "5")], asks=[("101", "5")])
        .at(500)
        .book(bids=[("100", "5")], asks=[("104", "5")])
        .at(1002)
        .book(bids=[("101", "5")], asks=[("105", "5")])
        .at(1003)
        .book(bids=[("103", "5")], asks=[("105", "5")])
    )
    (account,) = play({1: (BUY, 2000)}, market, bps=100).accounts
    money = account.money
    assert (account.position, account.fills, account.fills_without_mid, account.stale) == (2000, 1, 0, False)
    assert money.cash == -202 * UNIT
    assert money.fees == 2_020_000
    assert money.spread == -2 * UNIT
    assert money.adverse == 2 * 3 * UNIT  # the fill was at 2 ms: 1002 ms is the last stamp that counts
    assert money.inventory == 2 * 1 * UNIT
    assert money.mark_adjustment == -2 * UNIT
    assert money.total == (206 - 202) * UNIT - 2_020_000
    assert (money.realized, money.unrealized) == (0, 4 * UNIT)


def test_an_event_after_the_horizon_is_inventory_one_at_it_is_adverse() -> None:
    def adverse(ms: float) -> int:
        market = tape().book(bids=[("99", "5")], asks=[("101", "5")])
        market.at(ms).book(bids=[("109", "5")], asks=[("111", "5")]).wait(5000)
        return play({1: (BUY, 1000)}, market).accounts[0].money.adverse

    assert adverse(1002) == 10 * UNIT
    assert adverse(1002.000001) == 0


def test_a_horizon_beyond_the_end_is_cut_there() -> None:
    market = tape().book(bids=[("99", "5")], asks=[("101", "5")])
    market.update(bids=[("100", "1")])
    money = play({1: (BUY, 1000)}, market).accounts[0].money
    assert (money.adverse, money.inventory) == (UNIT // 2, 0)


def test_positions_average_and_realize() -> None:
    """Buy 1 at 100 and 1 at 110, sell 1 at 120 and 2 at 90: realized 15, then 15 - 15, short 1 from 90."""
    market = tape().book(bids=[("99", "9")], asks=[("100", "9")])
    market.book(bids=[("109", "9")], asks=[("110", "9")])
    market.book(bids=[("120", "9")], asks=[("121", "9")])
    (long,) = play({1: (BUY, 1000), 2: (BUY, 1000), 3: (SELL, 1000)}, market).accounts
    assert (long.position, long.money.realized) == (1000, 15 * UNIT)
    assert long.money.unrealized == (120 - 105) * UNIT
    market.book(bids=[("90", "9")], asks=[("91", "9")])
    plan = {1: (BUY, 1000), 2: (BUY, 1000), 3: (SELL, 1000), 4: (SELL, 2000)}
    (short,) = play(plan, market).accounts
    assert (short.position, short.money.realized, short.money.unrealized) == (-1000, 0, -UNIT)


def test_a_closed_position_has_realized_everything_in_spite_of_thirds() -> None:
    market = tape().book(bids=[("0.99", "9")], asks=[("1", "9")])
    market.book(bids=[("1.99", "9")], asks=[("2.01", "9")]).update(asks=[("2.01", "8")])
    market.update(asks=[("2.01", "7")])
    plan = {1: (BUY, 2), 2: (BUY, 1), 3: (SELL, 1), 4: (SELL, 2)}
    (account,) = play(plan, market).accounts
    money = account.money
    assert account.position == 0
    assert money.unrealized == 0
    assert money.realized == money.cash == 3 * 1990 - 2 * 1000 - 2010


def test_marks_are_conservative_and_walk_the_book() -> None:
    market = tape().book(bids=[("99", "5")], asks=[("101", "5")])
    thin = [("98", "1"), ("97", "0.5")]
    market.book(bids=thin, asks=[("102", "1"), ("103", "0.5")])
    (long,) = play({1: (BUY, 3000)}, market).accounts
    assert long.money.unrealized == (98 + 48.5 + 1.5 * 97 - 303) * UNIT
    (short,) = play({1: (SELL, 3000)}, market).accounts
    assert short.money.unrealized == (297 - (102 + 51.5 + 1.5 * 103)) * UNIT
    assert not long.stale


@pytest.mark.parametrize("end", ["empty side", "gap"])
def test_a_mark_that_is_not_the_markets_is_the_last_one_flagged(end: str) -> None:
    market = tape().book(bids=[("99", "5")], asks=[("101", "5")])
    if end == "gap":
        market.gap()
    else:
        market.update(bids=[("99", "0")])
    (account,) = play({1: (BUY, 1000)}, market).accounts
    assert account.stale
    assert account.money.unrealized == -2 * UNIT


def test_an_orderly_stop_leaves_the_last_market_to_mark_at() -> None:
    (account,) = play({1: (BUY, 1000)}, tape().book(bids=[("99", "5")], asks=[("101", "5")]).stop()).accounts
    assert not account.stale
    after_loss = tape().book(bids=[("99", "5")], asks=[("101", "5")]).gap().stop()
    assert play({1: (BUY, 1000)}, after_loss).accounts[0].stale


def test_a_fill_without_any_mid_yet_is_counted_and_captures_nothing() -> None:
    market = tape().book(asks=[("101", "5")]).update(bids=[("99", "5")])
    (account,) = play({1: (BUY, 1000)}, market).accounts
    assert account.fills_without_mid == 1
    assert (account.money.spread, account.money.adverse) == (0, -UNIT)
    assert account.money.total == -2 * UNIT


def test_a_mid_that_is_gone_is_the_last_valid_one() -> None:
    market = tape().book(bids=[("99", "5")], asks=[("101", "5")]).update(bids=[("99", "0")])
    (account,) = play({2: (BUY, 1000)}, market).accounts
    assert (account.money.spread, account.fills_without_mid) == (-UNIT, 0)


def test_half_ticks_are_exact() -> None:
    market = tape().book(bids=[("99.00", "5")], asks=[("99.01", "5")])
    (account,) = play({1: (BUY, 1)}, market).accounts
    assert account.money.spread == -5


def test_scales_that_grow_change_no_amount() -> None:
    market = tape().book(bids=[("99", "5")], asks=[("101", "5")])
    before = play({1: (BUY, 1000)}, market, bps=33).accounts[0]
    market.instrument("test:A/B", price_scale=4, size_scale=6).book(bids=[("99", "5")], asks=[("101", "5")])
    after = play({1: (BUY, 1000)}, market, bps=33).accounts[0]
    assert after.money.scale == 11
    assert after.money == before.money.at(11)
    assert (after.position, after.size_scale) == (10**6, 6)


def test_a_price_that_stands_in_for_a_mid_grows_with_the_scale() -> None:
    market = tape().book(asks=[("101", "5")])
    market.instrument("test:A/B", price_scale=4, size_scale=3).book(asks=[("102", "5")])
    (account,) = play({1: (BUY, 1000)}, market).accounts
    assert account.fills_without_mid == 1
    assert (account.money.total, account.money.inventory, account.stale) == (0, 0, True)


def test_currencies_are_summed_apart_at_their_largest_scale() -> None:
    market = tape("v:A/EUR").book(bids=[("99", "5")], asks=[("101", "5")])
    market.instrument("v:B/EUR", price_scale=4).book(bids=[("99", "5")], asks=[("101", "5")])
    market.instrument("v:C/USD").book(bids=[("99", "5")], asks=[("101", "5")])
    result = play({1: (BUY, 1000), 2: (BUY, 1000), 3: (SELL, 500)}, market)
    sums = by_quote(result.accounts)
    assert {quote: (m.scale, m.cash) for quote, m in sums.items()} == {
        "EUR": (8, -202 * 10**8),
        "USD": (6, 99 * UNIT // 2),
    }


@pytest.mark.parametrize(("instrument", "quote"), [("v:A/EUR", "EUR"), ("v:A", "v:A"), ("v:A/B/C", "C")])
def test_the_quote_is_the_part_behind_the_slash_where_the_venue_does_not_say(
    instrument: str, quote: str
) -> None:
    market = tape(instrument).book(bids=[("99", "5")], asks=[("101", "5")])
    result = run(trading({1: (BUY, 1)}), market)
    slot = result.pipeline.markets.slots[0]
    slot.definition = attrs.evolve(slot.definition, quote=None)
    assert quote_of(slot) == quote
    slot.definition = attrs.evolve(slot.definition, quote="XYZ")
    assert quote_of(slot) == "XYZ"


def test_the_least_scale_keeps_every_digit() -> None:
    assert [least_scale(value, 9, 6) for value in (0, 1000, 1100, 1, -5_000_000)] == [6, 6, 7, 9, 6]
    money = Money("EUR", 9, cash=1100, fees=1000)
    assert money.least_scale(6) == 7
    assert (money.at(7).cash, money.at(12).fees) == (11, 10**6)


def test_a_fee_model_that_gives_a_float_is_named() -> None:
    class Bad:
        name = "bad"

        def fee(self, notional: int, *, maker: bool, instrument: str) -> Any:
            return notional * 0.01

    market = tape().book(bids=[("99", "5")], asks=[("101", "5")])
    with pytest.raises(PluginError, match="fee model bad gave"):
        run(trading({1: (BUY, 1000)}), market, fee_model=Bad())
