"""Bitfinex's ticks: a price has five significant digits, so the tick follows from the price.

Source: docs.bitfinex.com, "Introduction" (precision of prices), read 2026-11-21.
"""

from __future__ import annotations

from typing import Final

__all__ = ["SIGNIFICANT", "tick"]

SIGNIFICANT: Final = 5


def tick(price: int) -> int:
    """The tick at a price > 0, in the price's unit, which is the least there is.

    ``tick(99999) == 1``, ``tick(100000) == 10``, ``tick(10257) == 1``.
    """
    return int(10 ** max(0, len(str(price)) - SIGNIFICANT))
