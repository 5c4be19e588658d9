"""Fees by tier, to the last unit and never in our favour."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.contracts.fee_model import FeeModel
from mm_kraken.fees import TIERS, KrakenFees
from mm_kraken.settings import KrakenSettings


def fees(volume: int = 0) -> KrakenFees:
    return KrakenFees(KrakenSettings(volume_30d_usd=volume))


@pytest.mark.parametrize(
    ("volume", "maker", "taker"),
    [
        (0, 25, 40),
        (9_999, 25, 40),
        (10_000, 20, 35),
        (50_000, 14, 24),
        (100_000, 12, 22),
        (250_000, 10, 20),
        (500_000, 8, 18),
        (999_999, 8, 18),
        (1_000_000, 6, 16),
        (2_500_000, 4, 14),
        (5_000_000, 2, 12),
        (10_000_000, 0, 10),
        (10**12, 0, 10),
    ],
)
def test_the_volume_of_30_days_chooses_the_tier(volume: int, maker: int, taker: int) -> None:
    model: FeeModel = fees(volume)
    assert model.fee(10_000, maker=True, instrument="kraken:BTC/USD") == maker
    assert model.fee(10_000, maker=False, instrument="kraken:BTC/USD") == taker
    assert model.name == f"kraken maker {maker} bps taker {taker} bps"


@given(st.integers(1, 10**40), st.booleans(), st.sampled_from(TIERS))
def test_a_fee_is_the_exact_ceiling_of_rate_times_notional(
    notional: int, maker: bool, tier: tuple[int, int, int]
) -> None:
    rate = Fraction(tier[1] if maker else tier[2], 10_000)
    assert fees(tier[0]).fee(notional, maker=maker, instrument="kraken:A/B") == ceil(rate * notional)


def test_the_smallest_fill_of_a_tier_with_a_fee_costs_one_unit() -> None:
    assert fees().fee(1, maker=True, instrument="kraken:A/B") == 1
    assert fees(10_000_000).fee(1, maker=True, instrument="kraken:A/B") == 0
