"""What of the past is meant, where no argument says it. The variables of the earlier tool are aliases."""

from __future__ import annotations

import attrs
from attrs import validators

from mm_framework.contracts.history import INTERVALS_MS
from mm_framework.settings import section, setting

__all__ = ["HistorySettings"]


@section("history")
@attrs.frozen
class HistorySettings:
    """What history is asked for. Its instrument is that of `[target]` where no argument names one."""

    type: str = setting(
        "candles",
        help="What `mm history` fetches without a verb: candles or trades.",
        aliases=("type",),
        validator=validators.in_(("candles", "trades")),
    )
    interval: str = setting(
        "1m",
        help="The length of candles, where --interval is not given.",
        aliases=("interval",),
        validator=validators.in_(tuple(INTERVALS_MS)),
    )
    start_ms: int = setting(
        0, help="The first time, ms since 1970, where --from is not given.", aliases=("start_ms",)
    )
    end_ms: int = setting(
        0, help="The time before which it ends, where --to is not given; 0: now.", aliases=("end_ms",)
    )
