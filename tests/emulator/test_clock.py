"""The venue's clock: exact until it is bent."""

from __future__ import annotations

from mm_framework.emulator.clock import BentClock

SECOND = 1_000_000_000


def test_it_runs_with_the_monotonic_clock() -> None:
    clock = BentClock(5, 1_000)
    assert [clock.wall_ns(now) for now in (5, 6, 5 + SECOND)] == [1_000, 1_001, 1_000 + SECOND]


def test_a_jump_moves_all_later_times() -> None:
    clock = BentClock(0, 0)
    clock.jump(-7)
    assert clock.wall_ns(10) == 3


def test_skew_starts_where_the_clock_stands_and_a_second_one_replaces_the_first() -> None:
    clock = BentClock(0, 0)
    clock.skew(500, SECOND)
    assert clock.wall_ns(SECOND) == SECOND
    assert clock.wall_ns(2 * SECOND) == 2 * SECOND + 500_000
    clock.skew(-100, 2 * SECOND)
    assert clock.wall_ns(3 * SECOND) == 3 * SECOND + 500_000 - 100_000
