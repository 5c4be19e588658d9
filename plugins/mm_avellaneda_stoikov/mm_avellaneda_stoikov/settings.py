"""The settings of avellaneda_stoikov: prices in ticks, times in seconds, inventory in orders."""

from __future__ import annotations

from typing import Literal

import attrs
from attrs import validators

from mm_framework.contracts.decimal_text import above_zero
from mm_framework.settings import section, setting

__all__ = ["AvellanedaStoikovSettings"]


@section("strategy.avellaneda_stoikov")
@attrs.frozen
class AvellanedaStoikovSettings:
    """Sizes are decimal text. The inventory q of the formulas is the position over ``size``: in orders."""

    size: str = setting("0.01", help="Size of each order; q counts the position in it.", validator=above_zero)
    max_position: str = setting(
        "0.1",
        help="Largest position, long or short, with all open orders of its side as if they were filled.",
        validator=above_zero,
    )
    gamma_per_tick: float = setting(
        0.1, help="Risk aversion per tick and order of `size`; 0: none.", validator=validators.ge(0)
    )
    sigma_ticks_per_sqrt_s: float = setting(
        1.0, help="Volatility of the mid: ticks per square root of a second.", validator=validators.ge(0)
    )
    k_per_tick: float = setting(
        1.0,
        help="Decay of the rate of fills with the distance from the mid, per tick.",
        validator=validators.gt(0),
    )
    horizon_s: float = setting(
        10.0, help="T: how long the inventory is thought to be held.", validator=validators.gt(0)
    )
    rolling: bool = setting(
        True,
        help="The horizon is always ahead; without it T - t falls to 0 and starts anew, again and again.",
    )
    tick: str | None = setting(
        None,
        help="The price step, where the venue does not tell it; empty: the venue's.",
        validator=above_zero,
    )
    reference: Literal["mid", "weighted"] = setting(
        "mid", help="What it quotes around: the mid, or the mid weighted with the sizes at the best prices."
    )
    keep_ticks: int = setting(
        0,
        help="A resting quote is left where it is while its price is at most so far off.",
        validator=validators.ge(0),
    )
