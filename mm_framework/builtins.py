"""What the core itself offers, registered through the hooks that plugins use."""

from __future__ import annotations

from mm_framework.contracts.spec import FeeModelSpec, QACheckSpec, SinkSpec
from mm_framework.hookspecs import hookimpl
from mm_framework.quality import check_settings as limits
from mm_framework.quality import day_checks, price_checks
from mm_framework.sinks.bbo_csv import BboCsv, BboSettings
from mm_framework.sinks.day_files import DayFiles, LiveFiles
from mm_framework.sinks.day_settings import DaySettings
from mm_framework.trading.fees import FlatFee, FlatFeeSettings

__all__ = ["mm_register_fee_models", "mm_register_qa_checks", "mm_register_sinks"]


@hookimpl
def mm_register_fee_models() -> list[FeeModelSpec]:
    """The flat fee, which a run uses unless it names another model."""
    return [
        FeeModelSpec(
            name="flat",
            factory=FlatFee,
            settings=FlatFeeSettings,
            description="The same share of the notional for every fill",
        )
    ]


@hookimpl
def mm_register_qa_checks() -> list[QACheckSpec]:
    """What books, trades, times and prices of a day must look like."""
    checks = (
        (day_checks.Crossed, limits.CrossedLimits, "Best ask below best bid"),
        (day_checks.NonPositive, None, "Prices and sizes that are not above zero"),
        (day_checks.BackwardTime, limits.BackwardLimits, "Venue times that go back"),
        (day_checks.Gaps, limits.GapLimits, "Times without a proved book, missing trades"),
        (day_checks.Duplicates, None, "Trade numbers that come twice"),
        (price_checks.Spikes, limits.SpikeLimits, "Mid prices that jump and come back"),
        (price_checks.Widths, limits.WidthLimits, "Spreads and best sizes far from usual"),
        (price_checks.Stale, limits.StaleLimits, "Best prices that stand still while trades print elsewhere"),
        (price_checks.LatencyRegime, limits.LatencyLimits, "Ages of the best prices"),
    )
    return [
        QACheckSpec(name=check.name, factory=check, settings=settings, description=text)
        for check, settings, text in checks
    ]


@hookimpl
def mm_register_sinks() -> list[SinkSpec]:
    """The files of the earlier collectors."""
    return [
        SinkSpec(
            name="bbo-csv",
            factory=BboCsv,
            settings=BboSettings,
            capabilities=frozenset({"file"}),
            description="Best prices and the age of the data, one CSV of 12 columns",
        ),
        SinkSpec(
            name="day-files",
            factory=DayFiles,
            settings=DaySettings,
            description="Day folders: books, trades, ledger, gaps, snapshots, updates, live files",
        ),
        SinkSpec(
            name="live",
            factory=LiveFiles,
            settings=DaySettings,
            description="The rolling live files of the day folders alone",
        ),
    ]
