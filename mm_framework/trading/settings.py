"""Settings of the trading part: simulated execution, limits, where best prices come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import attrs

from mm_framework.contracts.strategy import units
from mm_framework.settings import section, setting

__all__ = ["LimitSettings", "TradingSettings"]


def _not_negative(_: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if value < 0:
        raise ValueError(f"{attribute.name} is {value}, expected 0 or more")


def _size(_: object, attribute: attrs.Attribute[Any], value: str | None) -> None:
    if value is not None and units(value, 18, up=False) <= 0:
        raise ValueError(f"{attribute.name} is {value}, expected a size above 0")


@section("trading")
@attrs.frozen
class TradingSettings:
    """The simulated exchange and the market that strategies see."""

    slippage_bps: int = setting(
        10,
        help="What a taker's price is moved against us, in basis points of the best price.",
        validator=_not_negative,
    )
    max_fill_size: str | None = setting(
        None,
        help="Most that one taker order fills, beside the displayed size; empty: no such cap.",
        validator=_size,
    )
    adverse_horizon_s: float = setting(
        1.0,
        help="Time after a fill at which the mid splits adverse selection from inventory profit.",
        validator=_not_negative,
    )
    price_source: Literal["book", "ticker"] = setting(
        "book", help="Where best prices come from; the other one is only recorded."
    )
    price_sources: Mapping[str, str] = setting(
        {}, help="The same for single instruments: kraken:BTC/EUR=ticker."
    )
    seed: int = setting(0, help="Seed of the random streams that strategies draw from.")

    def __attrs_post_init__(self) -> None:
        for instrument, source in self.price_sources.items():
            if source not in ("book", "ticker"):
                raise ValueError(f"price source of {instrument} is {source!r}, expected book or ticker")


@section("limits")
@attrs.frozen
class LimitSettings:
    """Limits of the allocator, for each strategy and for all together; empty: none.

    Sizes are decimal text in units of the instrument. A position counts with all open orders of its
    side, as if they were filled.
    """

    order_size: str | None = setting(None, help="Largest size of one order.", validator=_size)
    strategy_position: str | None = setting(
        None, help="Largest position of one strategy in one instrument, long or short.", validator=_size
    )
    total_position: str | None = setting(
        None, help="Largest position of all strategies in one instrument, long or short.", validator=_size
    )
    total_orders: int = setting(
        1000, help="Most open orders of all strategies together.", validator=_not_negative
    )
