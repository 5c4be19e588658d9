"""Equity on a grid: each point is the state after all that happened up to its time."""

from __future__ import annotations

from decimal import Decimal

import pytest
from scripted_orders import WALL0_NS, place, scripted

from mm_framework.model.orders import Side, TimeInForce, Urgency
from mm_framework.testing.strategies import Tape, tape
from mm_framework.trading.backtest import Backtest, Outcome
from mm_framework.trading.equity import PART, EquityPoint, EquityPoints
from mm_framework.trading.fees import FlatFee, FlatFeeSettings

SECOND = 10**9


def played(market: Tape, *actions: object, grid_ns: int = SECOND) -> Outcome:
    fees = FlatFee(FlatFeeSettings(fee_bps=0))
    run = Backtest({"s": scripted(*actions)}, fees, grid_ns=grid_ns)  # type: ignore[arg-type]
    return run.run(market.messages(), WALL0_NS + market.steps[-1].mono_ns)


def money(point: EquityPoint) -> Decimal:
    """Prices and sizes of the tape have 2 and 3 decimals, and money one more."""
    return Decimal(point.cash + point.value - point.fees) / 10**6


def bought_at_101() -> Tape:
    market = tape().book(bids=[("99", "1")], asks=[("101", "5")])
    market.at(1500).update(bids=[("100", "5")])
    market.at(2500).update(bids=[("100", "0"), ("98", "5")])
    return market.at(3200).update(asks=[("101", "4")])


def test_a_point_is_marked_at_the_best_bid_of_its_time() -> None:
    buy = place(500, Side.BUY, 10100, 1000, tif=TimeInForce.IOC, urgency=Urgency.TAKER)
    outcome = played(bought_at_101(), buy)
    seconds = [(point.ts_ns - WALL0_NS) / 1e9 for point in outcome.equity]
    assert seconds == [1, 2, 3, 4], "multiples of a second, the last one not before the end"
    assert [money(point) for point in outcome.equity] == [-2, -1, -2, -2]
    assert [point.position for point in outcome.equity] == [1000] * 4
    total = outcome.accounts[0].money.total
    last = outcome.equity[-1]
    assert last.cash + last.value - last.fees == total


def test_what_happens_at_the_time_of_a_point_counts() -> None:
    market = tape().book(bids=[("99", "1")], asks=[("101", "5")])
    market.at(1000).update(bids=[("100", "5")]).at(1100).update(asks=[("101", "4")])
    buy = place(500, Side.BUY, 10100, 1000, tif=TimeInForce.IOC, urgency=Urgency.TAKER)
    first = played(market, buy, grid_ns=SECOND).equity[0]
    here_ns = market.messages()[-2].recv_ns
    assert here_ns == WALL0_NS + SECOND
    # Without venue times the market is there 5 ms before it is here.
    assert money(first) == -1


def test_a_position_larger_than_the_best_level_walks_the_book() -> None:
    market = tape().book(bids=[("99", "1"), ("98", "1"), ("97", "9")], asks=[("101", "5")])
    market.at(2000).update(asks=[("101", "4")])
    buy = place(500, Side.BUY, 10100, 3 * 1000, tif=TimeInForce.IOC, urgency=Urgency.TAKER)
    point = played(market, buy).equity[0]
    assert money(point) == -3 * 101 + 99 + 98 + 97
    assert not point.stale


def test_no_account_no_points() -> None:
    assert played(bought_at_101()).equity == []


def many(count: int, cash: int) -> tuple[EquityPoints, list[EquityPoint]]:
    """Points of two accounts, packed and plain."""
    packed, plain = EquityPoints(), []
    for number in range(count):
        name, mid2 = ("b", "a")[number % 2], None if number < 3 else 2 * number
        numbers = (number - 7, cash + number, 2 * number, -cash - number, number % 3 == 0)
        packed.add(number, (name, "x"), *numbers, -(2**63) if mid2 is None else mid2)
        plain.append(EquityPoint(number, name, "x", *numbers, mid2))
    return packed, plain


@pytest.mark.parametrize("cash", [5, 2**63 - PART, 10**30], ids=["small", "some beyond 64 bits", "wide"])
def test_packed_points_are_the_points_that_were_added(cash: int) -> None:
    packed, plain = many(2 * PART + 5, cash)
    assert packed == plain
    assert (len(packed), packed.accounts) == (len(plain), [("b", "x"), ("a", "x")])
    for at in (0, PART - 1, PART, 2 * PART, -1, -len(plain)):
        assert packed[at] == plain[at]
    assert packed[PART - 2 : PART + 2] == plain[PART - 2 : PART + 2]
    assert packed != plain[:-1]
    assert packed != [*plain[:-1], plain[0]]


def test_there_is_no_point_behind_the_last() -> None:
    packed, plain = many(3, 0)
    with pytest.raises(IndexError):
        packed[3]
    assert list(reversed(packed)) == plain[::-1]
