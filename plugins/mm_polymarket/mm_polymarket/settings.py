"""Settings of the Polymarket plugin, section ``[venue.polymarket]``."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Literal

import attrs
from attrs.validators import and_, ge, gt, le

from mm_framework.settings import section, setting

__all__ = ["PolymarketSettings"]


def _rate(instance: object, attribute: attrs.Attribute[str], value: str) -> None:
    try:
        valid = 0 <= Decimal(value) <= 1
    except InvalidOperation:
        valid = False
    if not valid:
        raise ValueError(f"{attribute.name} is {value!r}, expected a decimal number from 0 to 1")


@section("venue.polymarket")
@attrs.frozen
class PolymarketSettings:
    """How to talk to Polymarket, and what it charges."""

    url: str = setting(
        "wss://ws-subscriptions-clob.polymarket.com/ws/market", help="Public market channel (WebSocket)."
    )
    clob_url: str = setting("https://clob.polymarket.com", help="REST of the order books.")
    gamma_url: str = setting("https://gamma-api.polymarket.com", help="REST of the market list.")
    data_url: str = setting("https://data-api.polymarket.com", help="REST of past trades.")
    catalog: Literal["gamma", "clob"] = setting(
        "gamma",
        help="Where the list of markets comes from: gamma (open ones), or clob (all there ever were).",
    )
    idle_timeout_s: float = setting(
        30.0, help="Silence of a connection, of any kind, after which it counts as dead.", validator=gt(0)
    )
    ping_interval_s: float = setting(
        10.0, help="Time between application pings; without them the venue hangs up.", validator=gt(0)
    )
    max_assets: int = setting(
        200,
        help="Tokens a connection; above 500 the venue sends no first books.",
        validator=and_(ge(1), le(500)),
    )
    custom_features: bool = setting(
        True, help="Ask for best prices, new markets and resolutions beside books and trades."
    )
    fee_rate: str = setting(
        "0.07", help="Taker rate of the fee model: that of the dearest category.", validator=_rate
    )
