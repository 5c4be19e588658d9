"""Settings of the Binance emulator, section ``[emulator.binance]``: how it counts, lags, bans and cuts."""

from __future__ import annotations

import attrs
from attrs.validators import ge, gt

from mm_framework.settings import section, setting

__all__ = ["BinanceEmulatorSettings"]


@section("emulator.binance")
@attrs.frozen
class BinanceEmulatorSettings:
    """REST and connections of every emulated market."""

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
    session_s: float = setting(
        86_400.0, help="Life of a connection, after which the venue cuts it.", validator=gt(0)
    )
    shutdown_s: float = setting(
        10.0, help="Time from the event serverShutdown to the end of a connection.", validator=ge(0)
    )
