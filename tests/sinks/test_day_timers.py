"""What a ledger tells of time that passes: each thing once, at its time, and again after news."""

from __future__ import annotations

from mm_framework.sinks.day_timers import DayTimers

S = 1_000_000_000


def timers(heartbeat_s: float = 0, no_data_warn_s: float = 0, sync_warn_after_s: float = 0) -> DayTimers:
    return DayTimers(heartbeat_s, no_data_warn_s, sync_warn_after_s)


def told(found: DayTimers, now_s: float) -> list[tuple[str, float]]:
    """What is told at a time; all of it is due, and nothing more after it."""
    now_ns = round(now_s * S)
    due = found.due_ns is not None and found.due_ns <= now_ns
    words = list(found.passed(now_ns))
    assert bool(words) is due
    assert found.due_ns is None or found.due_ns > now_ns
    return words


def test_without_times_nothing_is_ever_due() -> None:
    found = timers()
    found.heard(S)
    found.arm(S, synced=False)
    assert found.due_ns is None
    assert told(found, 1e6) == []


def test_heartbeats_begin_with_the_first_record_and_go_on_from_when_they_were_told() -> None:
    found = timers(heartbeat_s=10)
    assert found.due_ns is None
    found.arm(5 * S, synced=True)
    found.arm(7 * S, synced=True)
    assert found.due_ns == 15 * S
    assert told(found, 14.9) == []
    assert told(found, 18) == [("heartbeat", 0.0)]
    assert found.due_ns == 28 * S


def test_a_silence_is_told_once_and_again_after_data() -> None:
    found = timers(no_data_warn_s=3)
    assert told(found, 100) == [], "before the first data nothing is silent"
    found.heard(100 * S)
    found.heard(102 * S)
    assert told(found, 104.9) == []
    assert told(found, 106) == [("ws_no_data", 4.0)]
    assert told(found, 200) == []
    found.rearmed = False
    found.heard(201 * S)
    assert found.rearmed
    assert found.due_ns == 204 * S


def test_more_data_only_moves_what_is_awaited_on() -> None:
    found = timers(no_data_warn_s=3)
    found.heard(S)
    found.rearmed = False
    found.heard(2 * S)
    assert not found.rearmed
    assert found.due_ns == 5 * S


def test_a_book_that_stays_out_of_step_is_told_once_and_the_next_one_again() -> None:
    found = timers(sync_warn_after_s=5)
    found.arm(S, synced=False)
    found.arm(3 * S, synced=False)
    assert told(found, 7.5) == [("sync_warning", 6.5)]
    found.arm(9 * S, synced=False)
    assert told(found, 50) == []
    found.arm(51 * S, synced=True)
    found.rearmed = False
    found.arm(60 * S, synced=False)
    assert found.rearmed
    assert told(found, 65) == [("sync_warning", 5.0)]


def test_a_book_in_step_is_no_reason_to_warn() -> None:
    found = timers(sync_warn_after_s=5)
    found.arm(S, synced=False)
    found.arm(2 * S, synced=True)
    assert found.due_ns is None


def test_all_that_is_due_is_told_at_once_and_nothing_after_a_rest() -> None:
    found = timers(1, 2, 3)
    found.heard(S)
    found.arm(S, synced=False)
    assert [word for word, _ in told(found, 10)] == ["heartbeat", "ws_no_data", "sync_warning"]
    found.rest()
    assert found.due_ns is None
    found.arm(20 * S, synced=True)
    assert found.due_ns == 21 * S
