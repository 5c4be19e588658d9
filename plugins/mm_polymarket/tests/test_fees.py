"""Fees: the formula exactly, the model never in our favour."""

from __future__ import annotations

from fractions import Fraction
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.contracts.fee_model import FeeModel, PricedFeeModel
from mm_framework.model.instrument import Definition
from mm_framework.model.orders import Fill, Side
from mm_framework.trading.fees import FeeRounding, Fees
from mm_polymarket.fees import CATEGORY_RATES, FeeSchedule, PolymarketFees, charged, taker_fee
from mm_polymarket.settings import PolymarketSettings

PRICES = st.integers(1, 9999).map(lambda n: Fraction(n, 10_000))
SHARES = st.integers(1, 10**12).map(lambda n: Fraction(n, 10**6))


@pytest.mark.parametrize(
    ("price", "rate", "fee"),
    [
        ("0.50", "0.07", "1.75"),
        ("0.10", "0.07", "0.63"),
        ("0.99", "0.07", "0.0693"),
        ("0.50", "0.05", "1.25"),
    ],
)
def test_the_published_examples_of_100_shares(price: str, rate: str, fee: str) -> None:
    exact = taker_fee(Fraction(price), Fraction(100), FeeSchedule(Fraction(rate)))
    assert exact == Fraction(fee)
    assert charged(exact) == Fraction(fee) * 10**5


@given(PRICES, SHARES)
def test_a_fee_is_the_same_on_both_sides_of_a_half(price: Fraction, shares: Fraction) -> None:
    schedule = FeeSchedule(Fraction("0.05"))
    assert taker_fee(price, shares, schedule) == taker_fee(1 - price, shares, schedule)


def test_the_least_fee_is_one_unit_and_no_rate_is_no_fee() -> None:
    assert charged(taker_fee(Fraction("0.999"), Fraction("0.01"), FeeSchedule(Fraction("0.04")))) == 1
    assert charged(taker_fee(Fraction("0.5"), Fraction(1000), FeeSchedule(Fraction(0)))) == 0


def test_an_exponent_bends_the_curve() -> None:
    bent = FeeSchedule(Fraction("0.25"), exponent=2)
    assert taker_fee(Fraction("0.5"), Fraction(100), bent) == Fraction("1.5625")


@given(PRICES, SHARES, st.sampled_from(sorted(CATEGORY_RATES)))
def test_the_model_never_charges_less_than_the_formula(
    price: Fraction, shares: Fraction, category: str
) -> None:
    rate = CATEGORY_RATES[category][0]
    model: FeeModel = PolymarketFees(PolymarketSettings(fee_rate=rate))
    notional = price * shares * 10**10
    assert notional.denominator == 1
    fee = model.fee(int(notional), maker=False, instrument="polymarket:1")
    assert fee == ceil(notional * Fraction(rate))
    assert Fraction(fee, 10**10) >= taker_fee(price, shares, FeeSchedule(Fraction(rate)))


@given(PRICES, SHARES, st.sampled_from(sorted(CATEGORY_RATES)))
def test_with_a_price_the_model_is_the_formula_rounded_up(
    price: Fraction, shares: Fraction, category: str
) -> None:
    rate = CATEGORY_RATES[category][0]
    model: PricedFeeModel = PolymarketFees(PolymarketSettings(fee_rate=rate))
    notional = int(price * shares * 10**10)
    fee = model.fee_at(notional, price, maker=False, instrument="polymarket:1")
    assert fee == ceil(taker_fee(price, shares, FeeSchedule(Fraction(rate))) * 10**10)
    assert fee <= model.fee(notional, maker=False, instrument="polymarket:1")
    assert model.fee_at(notional, price, maker=True, instrument="polymarket:1") == 0


@pytest.mark.parametrize(
    ("price", "rate", "fee"),
    [(500, "0.07", 175_000), (100, "0.07", 63_000), (990, "0.07", 6_930), (500, "0.05", 125_000)],
)
def test_a_fill_of_100_shares_costs_what_the_venue_publishes(price: int, rate: str, fee: int) -> None:
    """In units of the 5 decimals to which the venue rounds; price at 3 decimals, shares at 6."""
    model = PolymarketFees(PolymarketSettings(fee_rate=rate))
    definition = Definition(0, 0, "polymarket:1", "1", price_scale=3, size_scale=6)
    fill = Fill(0, 0, "s", "polymarket:1", 1, Side.BUY, price, 100 * 10**6, False)
    assert Fees(model, FeeRounding("up", 5)).of(fill, definition, 10) == fee * 10**5


def test_makers_pay_nothing_and_the_default_is_the_dearest_category() -> None:
    model = PolymarketFees()
    assert model.fee(10**9, maker=True, instrument="polymarket:1") == 0
    assert model.fee(10**9, maker=False, instrument="polymarket:1") == 7 * 10**7
    assert model.fee(1, maker=False, instrument="polymarket:1") == 1
    assert max(Fraction(rate) for rate, _ in CATEGORY_RATES.values()) == Fraction("0.07")
    assert "0.07" in model.name
