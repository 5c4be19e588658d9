"""Samples of frames between two heartbeats."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mm_framework.capture.metrics import ShardMeter, Window


def test_a_window_keeps_the_latest_samples_and_is_empty_after_it_was_taken() -> None:
    window = Window(100)
    for value in range(1, 201):
        window.add(value)
    assert window.take() == {"count": 100, "p50": 150, "p95": 195, "p99": 199, "max": 200, "last": 200}
    assert window.take() is None


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=50))
def test_percentiles_are_samples_in_order(values: list[int]) -> None:
    window = Window(50)
    for value in values:
        window.add(value)
    taken = window.take()
    assert taken is not None
    ranked = [taken[name] for name in ("p50", "p95", "p99", "max")]
    assert ranked == sorted(ranked)
    assert set(ranked) <= set(values)
    assert (taken["max"], taken["last"], taken["count"]) == (max(values), values[-1], len(values))


def test_a_meter_counts_all_frames_and_samples_durations_in_milliseconds() -> None:
    meter = ShardMeter(2)
    for n in range(3):
        meter.frame(10, 1000, 2_001_000 + n, 5_001_000)
    assert (meter.frames, meter.bytes) == (3, 30)
    taken = meter.take()
    assert taken["recv_to_parsed_ms"]["count"] == 2
    assert (taken["recv_to_parsed_ms"]["p50"], taken["recv_to_parsed_ms"]["max"]) == (2.000001, 2.000002)
    assert taken["recv_to_applied_ms"]["p99"] == 5.0
    assert taken["queue_depth"] is None
