"""Summaries of a live run's ages, on virtual time."""

from __future__ import annotations

from toy_server import MS, S, World

from mm_framework.capture.age_summary import AgeSummaries
from mm_framework.capture.clock import Stamp, VirtualClock
from mm_framework.feed.clock_offset import ClockSettings
from mm_framework.feed.output import ClockSample, Output
from mm_framework.model.events import MESSAGE, NULL, Kind
from mm_framework.model.frame import RecordKind, encode_record
from mm_framework.quality.rolling import AgeSummary


def top(ts_venue_ns: int, kind: Kind = Kind.TOP) -> bytes:
    return MESSAGE.pack(NULL, NULL, NULL, NULL, ts_venue_ns, 0, 0, 0, 2, 0, kind, 0)


def test_ages_are_adjusted_and_told_every_five_seconds_of_the_records() -> None:
    clock = VirtualClock()
    told: list[AgeSummary] = []
    stamp = Stamp(clock)
    summaries = AgeSummaries(5.0, ClockSettings(), stamp, told.append)

    def hear(age_ms: int | None, *notices: ClockSample) -> None:
        wall_ns = clock.wall_ns()
        venue_ns = NULL if age_ms is None else wall_ns - age_ms * MS
        record = encode_record(RecordKind.FRAME, b"{}", index=0, mono_ns=clock.mono_ns(), wall_ns=wall_ns)
        view = memoryview(top(venue_ns) + top(wall_ns - 900 * MS, Kind.TRADE))
        output = Output(memoryview(b""), view, memoryview(b""), [], list(notices))
        summaries.on_output(0, record, clock.mono_ns(), output)
        clock.advance(S)

    hear(100)
    hear(None)
    hear(60, ClockSample(0, "pong", 40 * MS, 1 * MS))
    hear(60)
    hear(60)
    assert told == []
    hear(60)
    (one,) = told
    assert (one.count, one.p50_ms, one.max_ms) == (5, 100.0, 100.0)
    summaries.on_end(clock.mono_ns())
    assert told[1].count == 5
    assert summaries.next_timer_ns() is None


def test_a_run_without_a_ticker_tells_nothing() -> None:
    world, told = World(), list[AgeSummary]()
    listener = AgeSummaries(5.0, ClockSettings(), Stamp(world.clock), told.append)
    world.capture(12, listeners=(listener,))
    assert told == []
