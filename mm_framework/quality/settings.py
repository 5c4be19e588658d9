"""Settings of the analysis of latency and of the check of a file."""

from __future__ import annotations

from typing import Any

import attrs
from attrs import validators

from mm_framework.settings import section, setting

__all__ = ["FileCheckSettings", "LatencySettings"]


@section("latency")
@attrs.frozen
class LatencySettings:
    """Regimes of the adjusted age. An age equal to a limit belongs to the better regime."""

    normal_max_ms: float = setting(
        20.0, help="Highest age that is normal.", aliases=("normal_max_ms",), validator=validators.ge(0)
    )
    degraded_max_ms: float = setting(
        80.0,
        help="Highest age that is degraded; older data is unsafe.",
        aliases=("degraded_max_ms",),
        validator=validators.ge(0),
    )
    warn_p50_ms: float = setting(250.0, help="A median age above it is warned about.")

    def __attrs_post_init__(self) -> None:
        """Refuse regimes that overlap."""
        if self.degraded_max_ms < self.normal_max_ms:
            raise ValueError(
                f"degraded_max_ms {self.degraded_max_ms:g} is below normal_max_ms {self.normal_max_ms:g}"
            )


def _share(instance: object, attribute: attrs.Attribute[Any], value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{attribute.name} {value:g} is no share: give a number from 0 to 1")


@section("quality")
@attrs.frozen
class FileCheckSettings:
    """Limits of ``mm qa FILE``. Shares are of the rows that have a venue time, from 0 to 1."""

    backward_tolerance_ms: float = setting(
        1.0, help="A venue time may go back by so much.", validator=validators.ge(0)
    )
    backward_share_warn: float = setting(
        0.001,
        help="A larger share of rows with a venue time that goes back is warned about.",
        validator=_share,
    )
    backward_share_max: float = setting(0.05, help="A larger share fails.", validator=_share)
    backward_jump_max_ms: float = setting(
        5000.0, help="A larger step back of the venue time fails.", validator=validators.ge(0)
    )
    gap_s: float = setting(
        60.0, help="A longer silence of a symbol is warned about.", validator=validators.gt(0)
    )
    stale_age_ms: float = setting(1000.0, help="Rows whose adjusted age is above it are stale.")
    stale_share_warn: float = setting(
        0.01, help="A larger share of stale rows is warned about.", validator=_share
    )
