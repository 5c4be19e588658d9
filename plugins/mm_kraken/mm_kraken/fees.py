"""Kraken's spot fees for crypto pairs, by the trader's volume of 30 days.

The tiers are those of the ``fees`` and ``fees_maker`` arrays of REST AssetPairs for XBT/USDT, November
2025; entry and top agree with a summary of 2026-05-30 (read 2026-11-21). Stablecoin and foreign
exchange pairs have a cheaper schedule of their own: for them this model charges too much, never too
little. Tiers above 10 million USD that were once tried are left out.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final

from mm_kraken.settings import KrakenSettings

__all__ = ["TIERS", "KrakenFees"]

TIERS: Final = (
    (0, 25, 40),
    (10_000, 20, 35),
    (50_000, 14, 24),
    (100_000, 12, 22),
    (250_000, 10, 20),
    (500_000, 8, 18),
    (1_000_000, 6, 16),
    (2_500_000, 4, 14),
    (5_000_000, 2, 12),
    (10_000_000, 0, 10),
)
"""``(USD traded in 30 days, at least; maker bps; taker bps)``."""


class KrakenFees:
    """The fee of one fill: the tier's rate on the notional, in quote currency, rounded up against us.

    The setting ``volume_30d_usd`` chooses the tier for the whole run: its fills do not raise it.
    """

    def __init__(self, settings: KrakenSettings | None = None) -> None:
        volume = (settings or KrakenSettings()).volume_30d_usd
        tier = bisect_right(TIERS, volume, key=lambda row: row[0]) - 1
        _, self.maker_bps, self.taker_bps = TIERS[tier]
        self.name = f"kraken maker {self.maker_bps} bps taker {self.taker_bps} bps"

    def fee(self, notional: int, *, maker: bool, instrument: str) -> int:
        """The fee in the notional's unit, by exact ceiling; every instrument pays the same rate."""
        rate_bps = self.maker_bps if maker else self.taker_bps
        return -(-notional * rate_bps // 10_000)
