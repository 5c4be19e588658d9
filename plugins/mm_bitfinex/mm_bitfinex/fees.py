"""Bitfinex's fees, by schedule, the trader's volume of 30 days and the LEO held.

Since 17 December 2025 nobody pays a fee. Before, from 20 June 2019 on, spot had the tiers below and
derivatives 2 and 6.5 bps; holders of LEO paid less as takers:

    over 1 USDt       15 % less, unless the quote is a national currency
    over 5,000        25 % less; 10 % with a national currency
    over 10,000       the same, and 0.02 bps less for each 10,000 up to a million, 0.01 bps for each 50,000
                      above it, 6 bps at most and never below 2.5 bps

Source: bitfinex.com/fees and the announcement "Third Round Of UNUS SED LEO Discounts", read 2026-11-21; the
end of fees from reports of the announcement, which name day and month; the year is inferred. The
discount of LEO on derivatives and the cheaper fees of new listings are left out: there this model
charges too much, never too little.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from mm_bitfinex.names import split_pair
from mm_bitfinex.settings import BitfinexSettings

__all__ = ["TIERS", "BitfinexFees"]

TIERS: Final = (
    (0, 1000, 2000),
    (500_000, 800, 2000),
    (1_000_000, 600, 2000),
    (2_500_000, 400, 2000),
    (5_000_000, 200, 2000),
    (7_500_000, 0, 2000),
    (10_000_000, 0, 1800),
    (15_000_000, 0, 1600),
    (20_000_000, 0, 1400),
    (25_000_000, 0, 1200),
    (30_000_000, 0, 1000),
    (300_000_000, 0, 900),
    (1_000_000_000, 0, 850),
    (3_000_000_000, 0, 750),
    (10_000_000_000, 0, 600),
    (30_000_000_000, 0, 550),
)
"""``(USD traded in 30 days, at least; maker, taker in hundredths of a bp)``."""

_DERIVATIVES: Final = (200, 650)
_NATIONAL: Final = frozenset(["BRL", "CNH", "EUR", "GBP", "JPY", "MXN", "TRY", "USD"])
_TENTHS: Final = 10  # rates are kept in thousandths of a bp, which all discounts are whole numbers of
_LEAST_TAKER: Final = 250 * _TENTHS
_WHOLE: Final = 10_000_000


class BitfinexFees:
    """The fee of one fill: the rate on the notional, in quote currency, rounded up against us.

    Schedule, tier and holding are settings of the whole run: its fills change neither.
    """

    def __init__(self, settings: BitfinexSettings | None = None) -> None:
        settings = settings or BitfinexSettings()
        self._free = settings.fee_schedule == "2025-12-17"
        self._leo_usdt = settings.leo_usdt
        tier = bisect_right(TIERS, settings.volume_30d_usd, key=lambda row: row[0]) - 1
        _, self._maker, self._taker = TIERS[tier]
        if self._free:
            self.name = "bitfinex since 2025-12-17: no fees"
        else:
            self.name = (
                f"bitfinex since 2019-06-20: maker {self._maker / 100:g} bps taker {self._taker / 100:g} bps"
                f" LEO {self._leo_usdt} USDt"
            )

    def fee(self, notional: int, *, maker: bool, instrument: str) -> int:
        """The fee in the notional's unit, by exact ceiling."""
        return -(-notional * self._rate(instrument, maker=maker) // _WHOLE)

    def _rate(self, instrument: str, *, maker: bool) -> int:
        """Thousandths of a bp."""
        if self._free:
            return 0
        if instrument.endswith(":PERP"):
            return _DERIVATIVES[not maker] * _TENTHS
        if maker:
            return self._maker * _TENTHS
        return self._discounted(instrument)

    def _discounted(self, instrument: str) -> int:
        held, rate = self._leo_usdt, self._taker * _TENTHS
        pair = split_pair(instrument.partition(":")[2])
        if pair is None or pair[1] in _NATIONAL:
            percent = 10 if held > 5000 else 0
        else:
            percent = 25 if held > 5000 else 15 if held > 1 else 0
        less = rate * percent // 100
        if held > 10_000:
            steps = 2 * (min(held, 1_000_000) // 10_000) + max(0, held - 1_000_000) // 50_000
            less += min(steps, 600) * _TENTHS
        return max(min(rate, _LEAST_TAKER), rate - less)
