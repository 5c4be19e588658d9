"""The offset of a venue's clock: which samples count, what guards reject, what a step of ours does."""

from __future__ import annotations

import random

import pytest

from mm_framework.feed.clock_offset import ClockOffset, ClockOffsets, ClockSettings, OffsetDecision, Verdict
from mm_framework.feed.output import ClockSample, Output
from mm_framework.model.frame import RecordKind, encode_json, encode_record

S, MS = 1_000_000_000, 1_000_000
WALL0 = 1_750_000_000 * S


def sample(
    offset_ms: float, delay_ms: float = 20.0, source: str = "pong", connection: int = 0
) -> ClockSample:
    return ClockSample(connection, source, round(offset_ms * MS), round(delay_ms * MS))


class Desk:
    """A `ClockOffset`, with a wall clock that may be off the one of the run by ``wall_ms``."""

    def __init__(self, **settings: float) -> None:
        self.offset = ClockOffset(ClockSettings(**settings), WALL0, 0)
        self.wall_ms = 0.0

    def at(self, seconds: float, one: ClockSample) -> OffsetDecision | None:
        mono_ns = round(seconds * S)
        return self.offset.sampled(one, mono_ns, WALL0 + mono_ns + round(self.wall_ms * MS))

    @property
    def ms(self) -> float:
        return self.offset.offset_ns / MS


def test_before_any_good_sample_ages_stay_as_they_are() -> None:
    desk = Desk()
    assert (desk.offset.good, desk.ms) == (False, 0.0)
    decision = desk.at(1, sample(2000.1))
    assert decision is not None
    assert (decision.verdict, decision.in_force_ns) == (Verdict.REJECTED_ABS, None)
    assert (desk.offset.good, desk.ms) == (False, 0.0)


def test_the_first_sample_is_in_force_at_once_and_limits_belong_to_the_good_side() -> None:
    desk = Desk()
    decision = desk.at(1, sample(2000.0, 30))
    assert decision == OffsetDecision(S, 0, "pong", 2000 * MS, 30 * MS, Verdict.ACCEPTED, 2000 * MS)
    assert desk.at(901, sample(1500.0)) is not None
    assert desk.ms == 1500.0
    decision = desk.at(1801, sample(999.9))
    assert decision is not None
    assert decision.verdict is Verdict.REJECTED_JUMP
    assert decision.in_force_ns == 1500 * MS


def test_between_refreshes_the_offset_stands_and_the_quickest_of_the_last_ones_is_taken() -> None:
    desk = Desk()
    assert desk.at(0.1, sample(5, 40)) is not None
    assert desk.at(700, sample(9, 1)) is None
    assert desk.at(800, sample(6, 10)) is None
    assert desk.at(830, sample(7, 80)) is None
    decision = desk.at(900.1, sample(8, 70))
    assert decision is not None
    assert decision.offset_ns == 9 * MS
    for n in range(8):
        assert desk.at(910 + n, sample(20 + n, 50)) is None
    decision = desk.at(1801, sample(30, 60))
    assert decision is not None
    assert decision.offset_ns == 30 * MS  # all others are too old


def test_only_the_last_eight_count() -> None:
    desk = Desk()
    desk.at(0, sample(1))
    desk.at(880, sample(2, 1))
    for n in range(7):
        assert desk.at(881 + n, sample(3 + n, 30)) is None
    decision = desk.at(900, sample(50, 40))
    assert decision is not None
    assert decision.offset_ns == 9 * MS  # of those with 30 ms the newest


def test_an_acknowledgement_begins_a_session_and_decides_at_once() -> None:
    desk = Desk()
    desk.at(0, sample(1))
    decision = desk.at(400, sample(4, 15, "acknowledgement"))
    assert decision is not None
    assert desk.ms == 4.0
    assert desk.at(1290, sample(9, 1)) is None
    assert desk.at(1300, sample(6, 5)) is not None


def test_zero_switches_the_refresh_off_but_not_the_sessions() -> None:
    desk = Desk(offset_refresh_s=0)
    desk.at(0, sample(1))
    assert desk.at(1_000_000, sample(2)) is None
    assert desk.at(1_000_001, sample(3, 1, "acknowledgement")) is not None
    assert desk.ms == 3.0


def test_after_an_outlier_another_sample_is_looked_at_a_minute_later() -> None:
    desk = Desk()
    desk.at(0, sample(1))
    desk.at(890, sample(2, 40))
    rejected = desk.at(900, sample(900, 1))
    assert rejected is not None
    assert (rejected.verdict, desk.ms) == (Verdict.REJECTED_JUMP, 1.0)
    assert desk.at(930, sample(3, 30)) is None
    accepted = desk.at(960, sample(4, 20))
    assert accepted is not None
    assert (accepted.verdict, desk.ms) == (Verdict.ACCEPTED, 4.0)
    assert desk.offset.counts == {Verdict.ACCEPTED: 2, Verdict.REJECTED_JUMP: 1}


def test_the_offset_is_against_the_clock_as_read_and_steps_with_it() -> None:
    desk = Desk()
    desk.wall_ms = 250.0  # our wall clock is ahead of the run's own time
    desk.at(0, sample(10))
    assert desk.ms == -240.0
    desk.wall_ms -= 1000.0
    desk.offset.stepped(-1000 * MS)
    assert desk.ms == 760.0
    decision = desk.at(900, sample(12))
    assert decision is not None
    assert (decision.verdict, decision.offset_ns) == (Verdict.ACCEPTED, 762 * MS)


def test_a_wall_clock_that_is_set_right_is_trusted_from_then_on() -> None:
    desk = Desk()
    desk.wall_ms = -5000.0
    rejected = desk.at(0, sample(0))
    assert rejected is not None
    assert rejected.verdict is Verdict.REJECTED_ABS
    desk.wall_ms = 0.0
    desk.offset.stepped(5000 * MS)
    accepted = desk.at(70, sample(0))
    assert accepted is not None
    assert (accepted.verdict, desk.ms) == (Verdict.ACCEPTED, 0.0)


@pytest.mark.parametrize("refresh_s", [900.0, 300.0])
def test_a_day_with_drift_an_outlier_and_a_step(refresh_s: float) -> None:
    """The venue's clock runs 5 ppm fast; pings each 30 s with a delay of 20 to 200 ms, half wrong at
    worst; at 6 h one answer is off by 0.7 s, at 12 h our clock is set back by 1 s."""
    desk, draw = Desk(offset_refresh_s=refresh_s), random.Random(7)
    worst_ms, rejected = 0.0, []
    for n in range(86_400 // 30):
        now_s = n * 30
        if now_s == 43_200:
            desk.wall_ms = -1000.0
            desk.offset.stepped(-1000 * MS)
        true_ms = 10 + now_s * 0.005
        delay_ms = draw.uniform(20, 200)
        error_ms = draw.uniform(-0.5, 0.5) * (delay_ms - 20)
        if 21_600 <= now_s < 21_600 + refresh_s and not rejected:
            error_ms, delay_ms = 700.0, 1.0
        decision = desk.at(now_s, sample(true_ms + error_ms, delay_ms))
        if decision is not None and decision.verdict is not Verdict.ACCEPTED:
            rejected.append((now_s, decision.verdict))
        worst_ms = max(worst_ms, abs(desk.ms - desk.wall_ms * -1 - true_ms))
    assert [verdict for _, verdict in rejected] == [Verdict.REJECTED_JUMP]
    assert 21_600 <= rejected[0][0] < 21_600 + refresh_s
    assert worst_ms < 90 + refresh_s * 0.005 + 1
    assert desk.offset.counts[Verdict.ACCEPTED] >= 86_400 / refresh_s - 2


def output(*notices: ClockSample) -> Output:
    empty = memoryview(b"")
    return Output(empty, empty, empty.cast("q") if len(empty) else empty, [], list(notices))


def record(kind: RecordKind, payload: bytes, seconds: float) -> bytes:
    mono_ns = round(seconds * S)
    return encode_record(kind, payload, index=0, mono_ns=mono_ns, wall_ns=WALL0 + mono_ns)


def test_records_drive_the_offset_of_each_shard() -> None:
    offsets = ClockOffsets(ClockSettings(), WALL0, 0)
    frame = record(RecordKind.FRAME, b"{}", 1)
    assert offsets.take(0, frame, output()) == []
    (decision,) = offsets.take(0, frame, output(sample(40)))
    assert decision.verdict is Verdict.ACCEPTED
    step = encode_json({"before_ns": 10 * MS, "after_ns": 25 * MS})
    for shard in (0, 1):
        assert offsets.take(shard, memoryview(record(RecordKind.CLOCK, step, 2)), output()) == []
    assert offsets.of(0).offset_ns == 25 * MS
    assert not offsets.of(1).good


def test_a_decision_is_json() -> None:
    decision = Desk().at(1, sample(3))
    assert decision is not None
    assert encode_json(decision.to_json())
    assert decision.to_json()["verdict"] == "accepted"
