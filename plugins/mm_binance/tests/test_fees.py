"""Fees by level, with and without the discount, to the last unit and never in our favour."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_binance.fees import SPOT_FEES, USDM_FEES, BinanceFees, Schedule
from mm_binance.settings import SETTINGS
from mm_framework.contracts.fee_model import FeeModel

WHOLE = 10_000_000


def fees(schedule: Schedule, vip: int = 0, *, bnb_fees: bool = False) -> BinanceFees:
    return BinanceFees(schedule, SETTINGS[schedule.market.venue](vip=vip, bnb_fees=bnb_fees))


@pytest.mark.parametrize(
    ("schedule", "vip", "bnb", "maker", "taker"),
    [
        (SPOT_FEES, 0, False, "0.1", "0.1"),
        (SPOT_FEES, 0, True, "0.075", "0.075"),
        (SPOT_FEES, 1, True, "0.0675", "0.075"),
        (SPOT_FEES, 3, False, "0.042", "0.06"),
        (SPOT_FEES, 9, False, "0.012", "0.024"),
        (SPOT_FEES, 9, True, "0.009", "0.018"),
        (USDM_FEES, 0, False, "0.02", "0.05"),
        (USDM_FEES, 0, True, "0.018", "0.045"),
        (USDM_FEES, 9, True, "0", "0.0153"),
    ],
)
def test_level_and_discount_choose_the_rate(
    schedule: Schedule, vip: int, bnb: bool, maker: str, taker: str
) -> None:
    model: FeeModel = fees(schedule, vip, bnb_fees=bnb)
    for is_maker, percent in ((True, maker), (False, taker)):
        exact = Fraction(percent) / 100 * WHOLE
        assert model.fee(WHOLE, maker=is_maker, instrument="binance:BTC/USDT") == exact


def test_the_name_says_what_was_charged() -> None:
    assert BinanceFees(SPOT_FEES).name == "binance VIP 0 maker 0.10000 % taker 0.10000 %"
    named = fees(USDM_FEES, 1, bnb_fees=True).name
    assert named == "binance-usdm VIP 1 maker 0.01440 % taker 0.03600 %, paid in BNB"


@given(st.integers(1, 10**40), st.booleans(), st.integers(0, 9), st.booleans())
def test_a_fee_is_the_exact_ceiling_of_rate_times_notional(
    notional: int, maker: bool, vip: int, bnb: bool
) -> None:
    for schedule in (SPOT_FEES, USDM_FEES):
        rate = Fraction(schedule.levels[vip][0 if maker else 1], 1_000_000)
        rate *= Fraction(100 - schedule.discount if bnb else 100, 100)
        model = fees(schedule, vip, bnb_fees=bnb)
        assert model.fee(notional, maker=maker, instrument="binance:A/B") == ceil(rate * notional)


def test_no_level_pays_more_than_the_one_below() -> None:
    for schedule in (SPOT_FEES, USDM_FEES):
        assert len(schedule.levels) == 10
        for column in (0, 1):
            rates = [level[column] for level in schedule.levels]
            assert rates == sorted(rates, reverse=True)
