"""Settings of the Kraken plugin, section ``[venue.kraken]``."""

from __future__ import annotations

import attrs
from attrs.validators import ge, gt

from mm_framework.settings import section, setting

__all__ = ["KrakenSettings"]


@section("venue.kraken")
@attrs.frozen
class KrakenSettings:
    """How to talk to Kraken, and what it charges."""

    url: str = setting("wss://ws.kraken.com/v2", help="Public WebSocket v2 endpoint.")
    rest_url: str = setting("https://api.kraken.com", help="Public REST.")
    idle_timeout_s: float = setting(
        10.0, help="Silence of a connection, of any kind, after which it counts as dead.", validator=gt(0)
    )
    ping_interval_s: float = setting(
        15.0, help="Time between application pings, which sample the venue's clock; 0: none.", validator=ge(0)
    )
    metadata: bool = setting(
        True, help="Ask for instrument definitions (tick, lot, precision) before the subscriptions."
    )
    tokenized_assets: bool = setting(
        False, help="Ask for the definitions of tokenized assets (AAPLx/USD), too."
    )
    volume_30d_usd: int = setting(
        0, help="USD traded in the last 30 days: chooses the tier of the fee model.", validator=ge(0)
    )
