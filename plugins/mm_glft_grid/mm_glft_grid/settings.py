"""The settings of glft_grid: prices in ticks, times in seconds, inventory in orders."""

from __future__ import annotations

from fractions import Fraction
from typing import Final, Literal

import attrs
from attrs import validators

from mm_framework.contracts.decimal_text import above_zero
from mm_framework.settings import section, setting

__all__ = ["MAX_INVENTORY", "GlftGridSettings"]

MAX_INVENTORY: Final = 1000
"""Orders that ``max_position`` may hold: the length of the table of distances."""


@section("strategy.glft_grid")
@attrs.frozen
class GlftGridSettings:
    """Sizes are decimal text. The inventory q of the formulas is the position over ``size``: in orders."""

    size: str = setting("0.01", help="Size of each order; q counts the position in it.", validator=above_zero)
    max_position: str = setting(
        "0.1",
        help="Largest position, long or short, with all open orders of its side as if they were filled;"
        f" from 1 to {MAX_INVENTORY} orders.",
        validator=above_zero,
    )
    model: Literal["closed", "exact"] = setting(
        "exact",
        help="closed: the asymptotic formula, straight in q; exact: the solution for this largest position.",
    )
    gamma_per_tick: float = setting(
        0.1, help="Risk aversion per tick and order of `size`; 0: none.", validator=validators.ge(0)
    )
    sigma_ticks_per_sqrt_s: float = setting(
        1.0, help="Volatility of the mid: ticks per square root of a second.", validator=validators.ge(0)
    )
    a_per_s: float = setting(
        1.0, help="Rate of fills of an order at the mid, per second.", validator=validators.gt(0)
    )
    k_per_tick: float = setting(
        1.0,
        help="Decay of the rate of fills with the distance from the mid, per tick.",
        validator=validators.gt(0),
    )
    levels: int = setting(
        1, help="Orders a side.", validator=validators.and_(validators.ge(1), validators.le(50))
    )
    step_ticks: int = setting(
        1, help="Orders stand at multiples of so many ticks, one a multiple.", validator=validators.ge(1)
    )
    tick: str | None = setting(
        None,
        help="The price step, where the venue does not tell it; empty: the venue's.",
        validator=above_zero,
    )
    reference: Literal["mid", "weighted"] = setting(
        "mid", help="What it quotes around: the mid, or the mid weighted with the sizes at the best prices."
    )

    @property
    def largest_inventory(self) -> int:
        """Q: how many orders the largest position holds."""
        return int(Fraction(self.max_position) / Fraction(self.size))

    def __attrs_post_init__(self) -> None:
        if not 1 <= self.largest_inventory <= MAX_INVENTORY:
            raise ValueError(
                f"max_position {self.max_position} holds {self.largest_inventory} orders of size {self.size},"
                f" expected 1 to {MAX_INVENTORY}"
            )
