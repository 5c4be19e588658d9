"""Settings of the emulated market."""

from __future__ import annotations

import attrs
from attrs.validators import and_, ge, gt, le

from mm_framework.settings import section, setting

__all__ = ["MarketSettings"]


@section("market")
@attrs.frozen
class MarketSettings:
    """Order flow of an emulated market. The same settings and seed give the same market."""

    rate: float = setting(
        100.0, help="Mean market events a second and instrument; 0: the market stands still.", validator=ge(0)
    )
    levels: int = setting(1200, help="Levels that each side of a book tends to.", validator=ge(1))
    volatility_bps: float = setting(
        0.5, help="Standard deviation of the fair price over one second, in basis points.", validator=ge(0)
    )
    trade_share: float = setting(
        0.06, help="Share of events that are market orders.", validator=and_(ge(0), le(1))
    )
    burst_factor: float = setting(
        6.0, help="Event rate in a burst, in multiples of the usual.", validator=gt(0)
    )
    quiet_factor: float = setting(
        0.05, help="Event rate in a quiet spell, in multiples of the usual.", validator=gt(0)
    )
    spell_s: float = setting(
        6.0, help="Mean time between a burst or quiet spell and the next one.", validator=gt(0)
    )
    tick_change_s: float = setting(
        0.0, help="Seconds after which every tick size becomes a tenth; 0: never.", validator=ge(0)
    )
