"""What Polymarket charges takers: ``shares x rate x (p(1-p))^exponent``, exact.

    100 shares at 0.50, rate 0.07 -> 1.75        at 0.99 -> 0.0693

Fees are in collateral, rounded to 5 decimals; the least fee that is charged is 0.00001. The venue does
not say which way it rounds: here always up, against us. Makers pay nothing; a share of the takers' fees
of a market is paid out to its makers daily, which no single fill can tell. The schedule belongs to the
market and not to the date. Source: docs.polymarket.com, trading fees, and REST samples of 2026-05-17 and
2026-06-23, read 2026-11-21.
"""

from __future__ import annotations

from fractions import Fraction
from math import ceil
from typing import Final

import attrs

from mm_polymarket.settings import PolymarketSettings

__all__ = ["CATEGORY_RATES", "FEE_DECIMALS", "FeeSchedule", "PolymarketFees", "charged", "taker_fee"]

FEE_DECIMALS: Final = 5

CATEGORY_RATES: Final = {
    "crypto": ("0.07", "0.2"),
    "sports": ("0.05", "0.15"),
    "finance": ("0.04", "0.25"),
    "politics": ("0.04", "0.25"),
    "mentions": ("0.04", "0.25"),
    "tech": ("0.04", "0.25"),
    "economics": ("0.05", "0.25"),
    "culture": ("0.05", "0.25"),
    "weather": ("0.05", "0.25"),
    "other": ("0.05", "0.25"),
    "geopolitics": ("0", "0"),
}
"""Category -> (taker's rate, makers' share of it), as published in 2026; sports paid 0.03 before July."""


@attrs.frozen
class FeeSchedule:
    """A market's own schedule: ``feeSchedule`` (gamma), ``fd`` (CLOB) or ``fee_schedule`` (new_market)."""

    rate: Fraction
    exponent: int = 1
    taker_only: bool = True
    rebate_rate: Fraction = Fraction(0)


def taker_fee(price: Fraction, shares: Fraction, schedule: FeeSchedule) -> Fraction:
    """The fee before rounding, in collateral. ``price`` is from 0 to 1."""
    return shares * schedule.rate * (price * (1 - price)) ** schedule.exponent


def charged(fee: Fraction) -> int:
    """What is charged, in units of 0.00001: rounded up, so 0 only for no fee at all."""
    return ceil(fee * 10**FEE_DECIMALS)


class PolymarketFees:
    """The fee of one fill, ``rate x notional x (1 - p)``, rounded up against us. Makers pay nothing.

    The venue's 5 decimals are those of ``--trading-fee-decimals 5``. Without a price the fee is a bound,
    ``rate x notional``: it charges too much, the more the nearer the price is to 1, and never too little.
    """

    def __init__(self, settings: PolymarketSettings | None = None) -> None:
        rate = (settings or PolymarketSettings()).fee_rate
        self._rate = Fraction(rate)
        self.name = f"polymarket taker {rate} x (1 - price) of the notional"

    def fee(self, notional: int, *, maker: bool, instrument: str) -> int:
        """The bound in the notional's unit, by exact ceiling; every instrument pays the same rate."""
        return 0 if maker else ceil(notional * self._rate)

    def fee_at(self, notional: int, price: Fraction, *, maker: bool, instrument: str) -> int:
        """The fee in the notional's unit, by exact ceiling; none at a price of 1 or more."""
        return 0 if maker else max(0, ceil(notional * self._rate * (1 - price)))
