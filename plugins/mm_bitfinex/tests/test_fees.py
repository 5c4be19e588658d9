"""Fees by schedule, tier and LEO held, to the last unit and never in our favour."""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_bitfinex.fees import TIERS, BitfinexFees
from mm_bitfinex.settings import BitfinexSettings
from mm_framework.contracts.fee_model import FeeModel

BTC_USD, BTC_USDT, PERPETUAL = "bitfinex:BTC/USD", "bitfinex:BTC/USDT", "bitfinex:BTC/USDT:PERP"


def tiered(volume: int = 0, leo: int = 0) -> BitfinexFees:
    return BitfinexFees(BitfinexSettings(fee_schedule="2019-06-20", volume_30d_usd=volume, leo_usdt=leo))


def rates(model: FeeModel, instrument: str = BTC_USDT) -> tuple[Fraction, Fraction]:
    """Maker and taker in bps, from the fee of a large fill."""
    notional = 10**12
    maker, taker = (model.fee(notional, maker=maker, instrument=instrument) for maker in (True, False))
    return Fraction(maker * 10_000, notional), Fraction(taker * 10_000, notional)


@pytest.mark.parametrize("instrument", [BTC_USD, BTC_USDT, PERPETUAL])
def test_today_nobody_pays(instrument: str) -> None:
    assert rates(BitfinexFees(), instrument) == (0, 0)
    assert BitfinexFees().name == "bitfinex since 2025-12-17: no fees"


@pytest.mark.parametrize(
    ("volume", "maker", "taker"),
    [
        (0, 10, 20),
        (499_999, 10, 20),
        (500_000, 8, 20),
        (1_000_000, 6, 20),
        (2_500_000, 4, 20),
        (5_000_000, 2, 20),
        (7_500_000, 0, 20),
        (10_000_000, 0, 18),
        (15_000_000, 0, 16),
        (20_000_000, 0, 14),
        (25_000_000, 0, 12),
        (30_000_000, 0, 10),
        (300_000_000, 0, 9),
        (1_000_000_000, 0, Fraction("8.5")),
        (3_000_000_000, 0, Fraction("7.5")),
        (10_000_000_000, 0, 6),
        (30_000_000_000, 0, Fraction("5.5")),
    ],
)
def test_the_volume_of_30_days_chooses_the_tier(volume: int, maker: int, taker: Any) -> None:
    assert rates(tiered(volume)) == (maker, taker)
    assert rates(tiered(volume), BTC_USD) == (maker, taker)


@pytest.mark.parametrize(
    ("leo", "crypto", "national"),
    [
        (0, "20", "20"),
        (1, "20", "20"),
        (2, "17", "20"),
        (5_000, "17", "20"),
        (5_001, "15", "18"),
        (10_000, "15", "18"),
        (10_001, "14.98", "17.98"),
        (1_000_000, "13", "16"),
        (1_049_999, "13", "16"),
        (1_050_000, "12.99", "15.99"),
        (21_000_000, "9", "12"),
        (90_000_000, "9", "12"),
    ],
)
def test_leo_lowers_the_taker_s_fee(leo: int, crypto: str, national: str) -> None:
    assert rates(tiered(leo=leo)) == (10, Fraction(crypto))
    assert rates(tiered(leo=leo), BTC_USD) == (10, Fraction(national))


def test_no_discount_goes_below_two_and_a_half_bps() -> None:
    assert rates(tiered(30_000_000_000, 90_000_000)) == (0, Fraction("2.5"))


def test_derivatives_have_rates_of_their_own_without_discounts() -> None:
    assert rates(tiered(30_000_000, 90_000_000), PERPETUAL) == (2, Fraction("6.5"))


@given(st.integers(1, 10**40), st.booleans(), st.sampled_from(TIERS))
def test_a_fee_is_the_exact_ceiling_of_rate_times_notional(
    notional: int, maker: bool, tier: tuple[int, int, int]
) -> None:
    rate = Fraction(tier[1] if maker else tier[2], 1_000_000)
    assert tiered(tier[0]).fee(notional, maker=maker, instrument=BTC_USD) == ceil(rate * notional)


def test_the_name_tells_schedule_tier_and_holding() -> None:
    assert tiered(500_000, 7).name == "bitfinex since 2019-06-20: maker 8 bps taker 20 bps LEO 7 USDt"
