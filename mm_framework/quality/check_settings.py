"""Limits of the checks of a day, one section a check."""

from __future__ import annotations

import attrs
from attrs import validators

from mm_framework.settings import section, setting

__all__ = [
    "BackwardLimits",
    "CrossedLimits",
    "GapLimits",
    "LatencyLimits",
    "SpikeLimits",
    "StaleLimits",
    "WidthLimits",
]


@section("check.crossed")
@attrs.frozen
class CrossedLimits:
    """Best ask below best bid on a book that is the venue's."""

    locked_share_warn: float = setting(
        0.0, help="A larger share of best prices that are locked (equal) is warned about."
    )


@section("check.backward-time")
@attrs.frozen
class BackwardLimits:
    """Venue times that go back within one stream. Best prices as a venue tells them have limits of their own,
    those of a file of best prices.
    """

    tolerance_ms: float = setting(
        0.0, help="A venue time may go back by so much.", validator=validators.ge(0)
    )
    share_warn: float = setting(0.0001, help="A larger share of messages that go back is warned about.")
    share_max: float = setting(0.001, help="A larger share fails.")
    jump_max_ms: float = setting(1000.0, help="A larger step back fails.", validator=validators.ge(0))
    tickers_tolerance_ms: float = setting(
        1.0, help="The same for best prices as the venue tells them.", validator=validators.ge(0)
    )
    tickers_share_warn: float = setting(0.001, help="The same for best prices as the venue tells them.")
    tickers_share_max: float = setting(0.05, help="The same for best prices as the venue tells them.")
    tickers_jump_max_ms: float = setting(
        5000.0, help="The same for best prices as the venue tells them.", validator=validators.ge(0)
    )


@section("check.gap")
@attrs.frozen
class GapLimits:
    """Times without a proved book."""

    share_max: float = setting(
        0.5, help="Out of sync for a larger share of the day's recording, the whole day fails."
    )


@section("check.spike")
@attrs.frozen
class SpikeLimits:
    """Mid prices that jump and come back."""

    deviations: float = setting(
        10.0, help="A jump of more median absolute changes.", validator=validators.gt(0)
    )
    ticks: float = setting(10.0, help="A jump of more ticks.", validator=validators.gt(0))
    within_s: float = setting(1.0, help="The time in which it comes back.", validator=validators.gt(0))


@section("check.width")
@attrs.frozen
class WidthLimits:
    """Spreads and best sizes far from usual."""

    times_median: float = setting(
        20.0, help="More than so many times the running median is warned about.", validator=validators.gt(1)
    )
    window: int = setting(
        1000, help="Changes of the best prices that the median is over.", validator=validators.ge(10)
    )


@section("check.stale")
@attrs.frozen
class StaleLimits:
    """Best prices that stand still while trades print elsewhere."""

    after_s: float = setting(60.0, help="Longest time without a change.", validator=validators.gt(0))
    trades: int = setting(
        3, help="So many prints outside of the best prices in that time.", validator=validators.ge(1)
    )


@section("check.latency")
@attrs.frozen
class LatencyLimits:
    """Ages adjusted by the venue's clock."""

    normal_max_ms: float = setting(20.0, help="Highest age that is normal.", validator=validators.ge(0))
    degraded_max_ms: float = setting(
        80.0, help="Highest age that is degraded; older data is unsafe.", validator=validators.ge(0)
    )
    unsafe_share_max: float = setting(0.01, help="A larger or equal share of unsafe ages is warned about.")
    normal_share_min: float = setting(0.9, help="A smaller or equal share of normal ages is warned about.")
    unsafe_share_fail: float = setting(0.5, help="A larger share of unsafe ages fails the day.")
    negative_ms: float = setting(1.0, help="An age further below zero is an error of the clock's offset.")
    negative_share_warn: float = setting(0.01, help="A larger share of such ages is warned about.")
