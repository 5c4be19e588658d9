"""Settings of the Bitfinex plugin, section ``[venue.bitfinex]``."""

from __future__ import annotations

import attrs
from attrs.validators import ge, gt, in_

from mm_framework.settings import section, setting

__all__ = ["BitfinexSettings"]


@section("venue.bitfinex")
@attrs.frozen
class BitfinexSettings:
    """How to talk to Bitfinex, and what it charges."""

    url: str = setting("wss://api-pub.bitfinex.com/ws/2", help="Public WebSocket v2 endpoint.")
    rest_url: str = setting("https://api-pub.bitfinex.com/v2", help="Public REST up to and with the version.")
    idle_timeout_s: float = setting(
        30.0, help="Silence of a connection, of any kind, after which it counts as dead.", validator=gt(0)
    )
    ping_interval_s: float = setting(
        15.0, help="Time between application pings, which sample the venue's clock; 0: none.", validator=ge(0)
    )
    bulk_updates: bool = setting(
        False, help="Let the venue put several changes of a book into one frame (conf flag BULK_UPDATES)."
    )
    fee_schedule: str = setting(
        "2025-12-17",
        help="The schedule in force since that day: 2025-12-17 (no fees) or 2019-06-20 (tiers).",
        validator=in_(("2025-12-17", "2019-06-20")),
    )
    volume_30d_usd: int = setting(
        0,
        help="USD traded in the last 30 days: chooses the tier of a schedule that has any.",
        validator=ge(0),
    )
    leo_usdt: int = setting(
        0, help="Value in USDt of the LEO held, 30-day average: lowers the taker's fee.", validator=ge(0)
    )
