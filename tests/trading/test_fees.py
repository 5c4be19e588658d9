"""The flat fee model, a share of each fill's notional; rounding of fees; models that ask for the price."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Any

import pytest

from mm_framework.contracts.strategy import Strategy
from mm_framework.errors import PluginError
from mm_framework.model.instrument import Definition
from mm_framework.model.orders import Fill, Side, TimeInForce, Urgency
from mm_framework.testing.strategies import run, tape
from mm_framework.trading.fees import FeeRounding, Fees, FlatFee, FlatFeeSettings
from mm_framework.trading.settings import TradingSettings


@pytest.mark.parametrize(
    ("bps", "notional", "fee"),
    [
        (100, 10_000, 100),
        (100, 10_001, 101),
        (100, 1, 1),
        (0, 10_001, 0),
        (-1, 10_001, -1),  # a rebate is rounded against us, too: never more than its share
        (-1, 19_999, -1),
        (26, 10**30 + 1, 26 * 10**26 + 1),
    ],
)
def test_a_fee_is_rounded_up(bps: int, notional: int, fee: int) -> None:
    model = FlatFee(FlatFeeSettings(fee_bps=bps))
    assert model.fee(notional, maker=False, instrument="v:X") == fee
    assert model.fee(notional, maker=True, instrument="v:X") == fee


def test_the_default_is_one_hundred_basis_points() -> None:
    assert FlatFeeSettings().fee_bps == 100


def test_makers_may_pay_another_rate_or_be_paid() -> None:
    model = FlatFee(FlatFeeSettings(fee_bps=5, maker_bps=-1))
    assert model.fee(100_001, maker=False, instrument="v:X") == 51
    assert model.fee(100_001, maker=True, instrument="v:X") == -10
    assert FlatFee(FlatFeeSettings(fee_bps=5, maker_bps=0)).fee(100_001, maker=True, instrument="v:X") == 0


@pytest.mark.parametrize(
    ("fee", "up", "half_up", "down"),
    [
        (0, 0, 0, 0),
        (1, 100, 0, 0),
        (49, 100, 0, 0),
        (50, 100, 100, 0),
        (51, 100, 100, 0),
        (100, 100, 100, 100),
        (101, 200, 100, 100),
        (-1, 0, 0, -100),
        (-49, 0, 0, -100),
        (-50, 0, -100, -100),
        (-149, -100, -100, -200),
        (-150, -100, -200, -200),
        (10**40 + 50, 10**40 + 100, 10**40 + 100, 10**40),
    ],
)
def test_each_fee_is_rounded_at_the_decimals_of_the_venue(fee: int, up: int, half_up: int, down: int) -> None:
    roundings = [FeeRounding(mode, decimals=3) for mode in ("up", "half_up", "down")]
    assert [one.rounded(fee * 10**one.finer, 5) for one in roundings] == [up, half_up, down]


def test_without_decimals_or_with_more_than_money_has_the_money_unit_is_the_step() -> None:
    assert FeeRounding("down").rounded(7, 5) == FeeRounding("up", 9).rounded(7, 5) == 7
    for decimals in (5, 9):
        down, half_up = (FeeRounding(mode, decimals) for mode in ("down", "half_up"))
        assert down.rounded(8 * 10**down.finer - 1, 5) == 7
        assert half_up.rounded(75 * 10 ** (half_up.finer - 1), 5) == 8


@pytest.mark.parametrize(
    ("size", "bps", "found"),
    [
        (1, 1, (10, 10, 0)),  # 9.99 money units, a step is 10
        (1, -1, (0, -10, -10)),
        (4, 1, (40, 40, 30)),  # 39.96
        (5005, 1, (50_000, 50_000, 49_990)),  # 49,999.95
        (35, 1, (350, 350, 340)),  # 349.65
        (5, 1, (50, 50, 40)),  # 49.95
        (15, 3, (450, 450, 440)),  # 449.55
        (45, 1, (450, 450, 440)),
        (1502, 1, (15_010, 15_000, 15_000)),  # 15,004.98: up to 15,005 first, it would be the half
    ],
)
def test_a_fee_is_rounded_once(size: int, bps: int, found: tuple[int, int, int]) -> None:
    """A price of 99.90: money has 6 decimals, the venue's fees have 5."""
    definition = Definition(0, 0, "v:X", "X", 2, 3)
    model = FlatFee(FlatFeeSettings(fee_bps=bps))
    fees = [Fees(model, FeeRounding(mode, 5)) for mode in ("up", "half_up", "down")]
    assert tuple(one.charged(9990, size, definition, 6, maker=True) for one in fees) == found


class Priced:
    """A tenth of what is missing to a price of 1."""

    name = "priced"

    def fee(self, notional: int, *, maker: bool, instrument: str) -> int:
        """The bound: see the contract."""
        return -(-notional // 10)

    def fee_at(self, notional: int, price: Fraction, *, maker: bool, instrument: str) -> int:
        """See the contract."""
        return ceil(notional * (1 - price) / 10)


def bought(size: int, price: int) -> Fill:
    return Fill(0, 0, "s", "v:X/EUR", 1, Side.BUY, price, size, False)


def test_a_model_that_asks_for_the_price_is_told() -> None:
    definition = Definition(0, 0, "v:X/EUR", "X/EUR", price_scale=2, size_scale=3)
    exact = Fees(Priced()).of(bought(1000, 40), definition, 6)
    assert exact == 24_000, "0.40 x 0.6 / 10 at 6 decimals"
    assert Fees(Priced(), FeeRounding("up", 2)).of(bought(1000, 40), definition, 6) == 30_000


def test_the_settings_of_a_run_round_its_fees() -> None:
    book = tape().book(bids=[("99.90", "2")], asks=[("100.10", "2")])

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        out.place(0, Side.BUY, 10010, 123, TimeInForce.IOC, Urgency.TAKER)

    def fee(**settings: Any) -> int:
        trading = TradingSettings(slippage_bps=0, **settings)
        result = run(Strategy(decide, python_only=True), book, settings=trading)
        (account,) = result.accounts
        assert account.money.fees == result.fills[0].fee
        return account.money.fees

    assert fee() == 123_123, "1 % of 12.3123 at 6 decimals"
    assert fee(fee_decimals=2) == 130_000
    assert fee(fee_decimals=2, fee_rounding="half_up") == fee(fee_decimals=2, fee_rounding="down") == 120_000


class Mistaken:
    """A model of a plugin that does not do what the contract says."""

    name = "mistaken"

    def __init__(self, given: Any) -> None:
        self.given = given

    def fee(self, notional: int, *, maker: bool, instrument: str) -> Any:
        if self.given is None:
            raise KeyError(instrument)
        return self.given


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (None, "fee model mistaken raised KeyError: 'test:A/B'"),
        (1.5, "fee model mistaken gave 1.5, expected an integer"),
        ("1", "fee model mistaken gave '1', expected an integer"),
    ],
)
def test_a_mistake_of_a_model_is_told_as_its_plugins(given: Any, told: str) -> None:
    definition = Definition(0, 0, "test:A/B", "A/B", price_scale=2, size_scale=3)
    with pytest.raises(PluginError) as caught:
        Fees(Mistaken(given)).of(bought(1000, 40), definition, 6)
    assert str(caught.value) == told
