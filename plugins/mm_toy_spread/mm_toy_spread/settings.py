"""The settings of toy_spread: what ``--set toy_spread.min_spread=0.10`` and ``mm.toml`` may change."""

from __future__ import annotations

from typing import Literal

import attrs

from mm_framework.contracts.decimal_text import above_zero, not_negative
from mm_framework.settings import section, setting

__all__ = ["ToySpreadSettings"]


@section("strategy.toy_spread")
@attrs.frozen
class ToySpreadSettings:
    """Prices and sizes are decimal text: they become integers once the instrument's scales are known."""

    min_spread: str = setting(
        "0.05", help="Least distance of best offer and best bid at which it acts.", validator=not_negative
    )
    size: str = setting("0.01", help="Size of each order.", validator=above_zero)
    urgency: Literal["maker", "taker"] = setting(
        "maker", help="maker: rest at the best prices; taker: buy and sell in turn, at once."
    )
