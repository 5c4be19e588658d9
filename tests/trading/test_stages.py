"""The latency report: which points bound which stage, and its percentiles (requirement D10)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from mm_framework.trading.stages import STAGES, StageClock, TimedNormalizer


def clock_of(*times: int) -> tuple[StageClock, Iterator[int]]:
    ticks = iter(times)
    return StageClock(lambda: next(ticks)), ticks


def test_the_stages_are_those_of_the_requirement() -> None:
    assert list(STAGES) == [
        "recv_to_decode",
        "decode_to_normalize",
        "normalize_to_state",
        "state_to_strategy",
        "strategy_to_allocator",
        "allocator_to_execution",
        "execution_to_emit",
        "e2e_total",
        "e2e_intent_ready",
    ]


def test_a_record_that_goes_all_the_way_is_measured_at_every_stage() -> None:
    clock, _ = clock_of(1_030_000, 1_040_000, 1_050_000, 1_061_000, 1_072_000, 1_083_000, 1_099_000)
    clock.begin(1_000_000, 1_020_000)
    for point in ("state", "strategy", "allocator", "execution", "emitted", "done"):
        clock.point(point)
    medians = {stage: entry["p50_us"] for stage, entry in clock.report().items()}
    assert medians == {
        "recv_to_decode": 20.0,
        "decode_to_normalize": 10.0,
        "normalize_to_state": 10.0,
        "state_to_strategy": 10.0,
        "strategy_to_allocator": 11.0,
        "allocator_to_execution": 11.0,
        "execution_to_emit": 11.0,
        "e2e_total": 99.0,
        "e2e_intent_ready": 72.0,
    }


def test_a_stage_that_never_happened_has_no_figures() -> None:
    clock, _ = clock_of(30, 99)
    clock.begin(10, 20)
    clock.point("done")
    assert clock.report()["execution_to_emit"] == {
        "count": 0,
        "p50_us": None,
        "p90_us": None,
        "p99_us": None,
        "max_us": None,
    }
    assert clock.report()["e2e_total"]["count"] == 1


def test_records_that_are_no_frames_are_not_measured() -> None:
    clock, _ = clock_of()
    clock.begin(10, None)
    clock.point("strategy")
    clock.point("done")
    assert all(entry["count"] == 0 for entry in clock.report().values())


def test_percentiles_are_of_nearest_rank() -> None:
    clock = StageClock(lambda: 0)
    for duration_us in range(1, 201):
        clock.begin(0, duration_us * 1000)
    entry = clock.report()["recv_to_decode"]
    assert entry == {"count": 200, "p50_us": 100.0, "p90_us": 180.0, "p99_us": 198.0, "max_us": 200.0}


def test_a_stamp_that_was_pushed_ahead_of_the_clock_counts_as_zero() -> None:
    clock = StageClock(lambda: 0)
    clock.begin(10, 5)
    assert clock.report()["recv_to_decode"]["max_us"] == 0.0


def test_a_timed_normalizer_is_the_one_it_is_given() -> None:
    class Plain:
        version = "plain-1"

        def decode(self, frame: bytes, connection: Any, out: Any) -> str:
            if not frame:
                raise ValueError("empty")
            return f"decoded {frame!r}"

        def sent(self, message: bytes, connection: Any, out: Any) -> None:
            out.append(message)

        def http(self, meta: Any, body: bytes, out: Any) -> str:
            return f"http {body!r}"

    ticks = iter((7, 8))
    timed = TimedNormalizer(Plain(), lambda: next(ticks))
    out: list[bytes] = []
    assert timed.version == "plain-1"
    assert timed.take_decoded_ns() is None
    assert timed.decode(b"x", None, out) == "decoded b'x'"
    assert (timed.take_decoded_ns(), timed.take_decoded_ns()) == (7, None)
    with pytest.raises(ValueError, match="empty"):
        timed.decode(b"", None, out)
    assert timed.take_decoded_ns() == 8
    timed.sent(b"m", None, out)
    assert (out, timed.http({}, b"b", out)) == ([b"m"], "http b'b'")
