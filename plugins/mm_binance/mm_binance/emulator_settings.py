"""Settings of the Binance emulator, section ``[emulator.binance]``: how its REST counts, lags and bans."""

from __future__ import annotations

import attrs
from attrs.validators import ge

from mm_framework.settings import section, setting

__all__ = ["BinanceEmulatorSettings"]


@section("emulator.binance")
@attrs.frozen
class BinanceEmulatorSettings:
    """REST of every emulated market."""

    weight: int = setting(0, help="Weight that a minute allows; 0: as the venue does.", validator=ge(0))
    snapshot_lag_ms: int = setting(
        0, help="REST snapshots are copies that may be so old: the venue's cache lags.", validator=ge(0)
    )
    ban_after: int = setting(
        5, help="Requests over the budget, in one minute, after which the client is banned.", validator=ge(1)
    )
    ban_s: float = setting(
        120.0, help="Length of the first ban; each one after it is twice as long.", validator=ge(0)
    )
    ban_at_s: float = setting(
        0.0, help="Seconds of market time after which the client is banned anyway; 0: never.", validator=ge(0)
    )
