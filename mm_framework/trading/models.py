"""The models that a backtest's settings name: latency both ways, and the rules of the venue. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import attrs

from mm_framework.contracts.execution_model import LatencyModel
from mm_framework.trading.latency import Constant, FeedDerived, Interpolated, Measured, RandomLatency
from mm_framework.trading.matching import Execution
from mm_framework.trading.queue import queue_model
from mm_framework.trading.settings import LatencySettings, MatchingSettings, TradingSettings

__all__ = ["Latencies", "execution_of", "latencies_of"]


@attrs.frozen
class Latencies:
    """The model of each way."""

    entry: LatencyModel
    response: LatencyModel


def latencies_of(settings: LatencySettings, measured: Sequence[Measured] = ()) -> Latencies:
    """Both ways as the settings say; ``measured``: the rows of the table, ConfigError for a bad one."""
    scale = Fraction(settings.scale)
    if settings.model == "table":
        entry = Interpolated([_scaled_entry(row, scale) for row in measured], "entry")
        return Latencies(entry, Interpolated([_scaled_response(row, scale) for row in measured], "response"))
    ways = (
        (settings.entry_ms, settings.entry_factor, settings.entry_mean_ms, settings.seed * 2),
        (settings.response_ms, settings.response_factor, settings.response_mean_ms, settings.seed * 2 + 1),
    )
    return Latencies(*(_way(settings.model, scale, *way) for way in ways))


def _way(
    model: str, scale: Fraction, base_ms: float, factor: float, mean_ms: float, seed: int
) -> LatencyModel:
    base_ns = _ns(base_ms, scale)
    if model == "constant":
        return Constant(base_ns)
    if model == "feed":
        return FeedDerived(round(Fraction(factor) * scale * 1_000_000), base_ns)
    return RandomLatency(seed, base_ns, _ns(mean_ms, scale))


def _ns(ms: float, scale: Fraction) -> int:
    return round(Fraction(ms) * 1_000_000 * scale)


def _scaled_entry(row: Measured, scale: Fraction) -> Measured:
    start = row.request_ns
    venue_ns = start + round((row.venue_ns - start) * scale) if row.venue_ns > 0 else row.venue_ns
    return Measured(start, venue_ns, start + round((row.response_ns - start) * scale))


def _scaled_response(row: Measured, scale: Fraction) -> Measured:
    return attrs.evolve(row, response_ns=row.venue_ns + round((row.response_ns - row.venue_ns) * scale))


def execution_of(settings: MatchingSettings, trading: TradingSettings) -> Execution:
    """The rules of the venue as the settings say."""
    return Execution(
        queue=queue_model(settings.queue, settings.queue_power),
        makers=settings.makers,
        takers=settings.takers,
        slippage_bps=trading.slippage_bps,
        max_fill_size=trading.max_fill_size,
        through=settings.through,
        vanished=settings.vanished,
        depletion=settings.depletion,
        on_gap=settings.on_gap,
    )
