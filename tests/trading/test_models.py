"""Settings become models; a scale stretches every latency."""

from __future__ import annotations

import pytest

from mm_framework.errors import ConfigError
from mm_framework.trading.latency import Constant, FeedDerived, Measured, RandomLatency
from mm_framework.trading.models import execution_of, latencies_of
from mm_framework.trading.queue import optimistic
from mm_framework.trading.settings import LatencySettings, MatchingSettings, TradingSettings

MS = 1_000_000


def test_constant_latency_is_five_milliseconds_each_way_unless_told() -> None:
    ways = latencies_of(LatencySettings())
    assert (ways.entry, ways.response) == (Constant(5 * MS), Constant(5 * MS))


def test_a_scale_of_zero_leaves_no_latency() -> None:
    ways = latencies_of(LatencySettings(model="feed", scale=0.0))
    assert ways.entry.latency(0, 123 * MS, 1) == ways.response.latency(0, 123 * MS, 1) == 0


def test_the_scale_stretches_all_parts() -> None:
    feed = latencies_of(LatencySettings(model="feed", entry_ms=2.0, entry_factor=0.5, scale=2.0))
    assert feed.entry == FeedDerived(1_000_000, 4 * MS)
    chance = latencies_of(LatencySettings(model="random", response_ms=1.0, response_mean_ms=3.0, scale=0.5))
    assert chance.response == RandomLatency(1, MS // 2, 3 * MS // 2)


def test_the_two_ways_of_chance_draw_apart() -> None:
    ways = latencies_of(LatencySettings(model="random", seed=7))
    assert ways.entry.latency(0, 0, 1) != ways.response.latency(0, 0, 1)


def test_a_table_is_stretched_from_its_request_and_from_the_venue() -> None:
    rows = [Measured(1000, 1100, 1300), Measured(2000, 0, 2400)]
    ways = latencies_of(LatencySettings(model="table", table="t.csv", scale=2.0), rows)
    assert ways.entry.latency(500, 0, 1) == 200
    assert ways.entry.latency(2000, 0, 1) == -800, "refused, told after twice the round trip"
    assert ways.response.latency(1100, 0, 1) == 400


def test_a_table_needs_a_file() -> None:
    with pytest.raises(ValueError, match="belong together"):
        LatencySettings(model="table")
    with pytest.raises(ConfigError, match="is empty"):
        latencies_of(LatencySettings(model="table", table="t.csv"))


def test_slippage_and_size_cap_are_those_of_trading() -> None:
    rules = execution_of(
        MatchingSettings(queue="optimistic", on_gap="cancel"),
        TradingSettings(slippage_bps=7, max_fill_size="2"),
    )
    assert rules.queue is optimistic
    assert (rules.slippage_bps, rules.max_fill_size, rules.on_gap) == (7, "2", "cancel")
