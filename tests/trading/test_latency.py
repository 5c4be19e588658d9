"""Latency models."""

from __future__ import annotations

import pytest

from mm_framework.errors import ConfigError
from mm_framework.trading.latency import Constant, FeedDerived, Interpolated, Measured, RandomLatency

ROWS = [Measured(0, 100, 300), Measured(1_000, 1_300, 1_700), Measured(2_000, 2_101, 2_201)]


def test_a_constant_and_one_that_follows_the_feed() -> None:
    assert Constant(5).latency(0, 99, 1) == 5
    assert FeedDerived(1_500_000, 10).latency(0, 101, 1) == 161
    assert FeedDerived(1_000_000, -500).latency(0, 100, 1) == 0
    assert FeedDerived().latency(0, -100, 1) == 0


@pytest.mark.parametrize(
    ("now", "entry"), [(-50, 100), (0, 100), (500, 200), (333, 166), (1_000, 300), (1_999, 102), (9_000, 101)]
)
def test_the_way_there_is_linear_in_the_time_of_the_request(now: int, entry: int) -> None:
    assert Interpolated(ROWS, "entry").latency(now, 0, 1) == entry


@pytest.mark.parametrize(("now", "back"), [(50, 200), (100, 200), (700, 300), (1_300, 400), (5_000, 100)])
def test_the_way_back_is_linear_in_the_time_at_the_venue(now: int, back: int) -> None:
    assert Interpolated(ROWS, "response").latency(now, 0, 1) == back


def test_beside_a_refused_request_requests_are_refused_after_the_round_trip() -> None:
    rows = [Measured(0, 100, 300), Measured(1_000, 0, 1_500), Measured(2_000, 2_100, 2_200)]
    entry = Interpolated(rows, "entry")
    assert [entry.latency(now, 0, 1) for now in (0, 500, 1_500, 2_000)] == [-300, -400, -350, 100]
    assert Interpolated(rows, "response").latency(1_100, 0, 1) == 150


def test_a_draw_belongs_to_its_order() -> None:
    model = RandomLatency(7, 1_000, 500)
    draws = [model.latency(0, 0, number) for number in range(1, 2_000)]
    assert draws == [model.latency(99, 5, number) for number in range(1, 2_000)]
    assert min(draws) >= 1_000
    assert 480 < sum(draws) / len(draws) - 1_000 < 520
    assert draws != [RandomLatency(8, 1_000, 500).latency(0, 0, number) for number in range(1, 2_000)]


def test_bad_tables_are_named() -> None:
    with pytest.raises(ConfigError, match="empty"):
        Interpolated([], "entry")
    with pytest.raises(ConfigError, match="do not ascend"):
        Interpolated([Measured(5, 6, 7), Measured(5, 7, 8)], "entry")
    with pytest.raises(ConfigError, match="reached the venue"):
        Interpolated([Measured(5, 0, 7)], "response")
    with pytest.raises(ConfigError, match="-1 ns"):
        Constant(-1)
