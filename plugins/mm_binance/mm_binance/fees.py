"""Fees of Binance spot and USD-M futures, by VIP level.

The venue's own page was not to be had. Spot: an announcement of 2022-05-31 for the regular level to VIP 2,
pages of others, undated, for the rest; futures: the venue's fee page of 360033544231 for the rules and
the discount, pages of others for the rates (all read 2026-11-21). They agree with each other, yet levels
above VIP 2 are unconfirmed; promotions without fees are not known here. What an account really pays it can
ask for at ``/api/v3/account/commission``. A level needs both a volume of 30 days and a holding of BNB.
"""

from __future__ import annotations

from typing import Final

import attrs

from mm_binance.markets import SPOT, USDM, Market
from mm_binance.settings import BinanceSettings

__all__ = ["SPOT_FEES", "USDM_FEES", "BinanceFees", "Schedule"]

UNIT: Final = 10_000_000
"""Rates are ten-millionths: 10,000 are 0.1 %, and a discount leaves them whole."""


@attrs.frozen
class Schedule:
    """``levels``: ``(maker, taker)`` in millionths, by VIP level; ``discount``: percent off in BNB."""

    market: Market
    levels: tuple[tuple[int, int], ...]
    discount: int


SPOT_FEES: Final = Schedule(
    SPOT,
    (
        (1000, 1000), (900, 1000), (800, 1000), (420, 600), (420, 540),
        (360, 480), (300, 420), (240, 360), (180, 300), (120, 240),
    ),
    discount=25,
)  # fmt: skip

USDM_FEES: Final = Schedule(
    USDM,
    (
        (200, 500), (160, 400), (140, 350), (120, 320), (100, 300),
        (80, 270), (60, 250), (40, 220), (20, 200), (0, 170),
    ),
    discount=10,
)  # fmt: skip


class BinanceFees:
    """The fee of one fill: the level's rate on the notional, in quote currency, rounded up against us.

    With ``bnb_fees`` the discount is taken; that the venue then charges BNB, at its price, is left out.
    """

    def __init__(self, schedule: Schedule, settings: BinanceSettings | None = None) -> None:
        venue = schedule.market.venue
        vip, in_bnb = (settings.vip, settings.bnb_fees) if settings is not None else (0, False)
        maker, taker = schedule.levels[vip]
        percent = 100 - schedule.discount if in_bnb else 100
        self.maker, self.taker = maker * percent // 10, taker * percent // 10
        paid = ", paid in BNB" if in_bnb else ""
        self.name = f"{venue} VIP {vip} maker {_percent(self.maker)} taker {_percent(self.taker)}{paid}"

    def fee(self, notional: int, *, maker: bool, instrument: str) -> int:
        """The fee in the notional's unit, by exact ceiling; every instrument pays the same rate."""
        rate = self.maker if maker else self.taker
        return -(-notional * rate // UNIT)


def _percent(rate: int) -> str:
    whole, rest = divmod(rate, UNIT // 100)
    return f"{whole}.{rest:05d} %"
