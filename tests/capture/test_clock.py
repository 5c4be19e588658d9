"""The stamp: strictly increasing, and a step of the wall clock is told apart from a pause."""

from __future__ import annotations

from itertools import pairwise

import pytest

from mm_framework.capture.clock import RealClock, Stamp, VirtualClock, WallStep


class ScriptedClock:
    """Reads ``(mono, wall)`` pairs off a list; the last one stays."""

    def __init__(self, *readings: tuple[int, int]) -> None:
        self.readings = list(readings)

    def mono_ns(self) -> int:
        return self.readings[0][0]

    def wall_ns(self) -> int:
        return self.readings.pop(0)[1] if len(self.readings) > 1 else self.readings[0][1]


def test_a_clock_that_stands_still_gives_stamps_that_increase_by_one() -> None:
    stamp = Stamp(VirtualClock(5))
    assert [stamp.next()[0] for _ in range(3)] == [5, 6, 7]


def test_a_clock_that_goes_on_is_followed_but_never_backwards() -> None:
    clock = VirtualClock(5)
    stamp = Stamp(clock)
    assert stamp.next()[0] == 5
    clock.advance(100)
    assert stamp.next()[0] == 105
    clock.now_ns = 50
    assert stamp.next()[0] == 106


def test_time_cannot_be_advanced_backwards() -> None:
    with pytest.raises(RuntimeError, match="cannot go back by 1 ns"):
        VirtualClock().advance(-1)


def test_a_step_of_the_wall_clock_is_told_once_and_does_not_touch_the_order() -> None:
    clock = VirtualClock(1_000)
    stamp = Stamp(clock)
    stamp.next()
    clock.advance(10)
    clock.wall_offset_ns += 2_000_000_000
    mono, wall = stamp.next()
    assert (mono, wall) == (1_010, clock.wall_ns())
    assert stamp.take_step() == WallStep(clock.wall_ns() - 2_000_000_000, clock.wall_ns())
    assert stamp.take_step() is None
    clock.wall_offset_ns -= 100_000_000
    stamp.next()
    step = stamp.take_step()
    assert step is not None
    assert step.after_ns - step.before_ns == -100_000_000


def test_slewing_is_no_step() -> None:
    clock = VirtualClock()
    stamp = Stamp(clock)
    for _ in range(1_000):
        clock.advance(1_000_000_000)
        clock.wall_offset_ns += 500_000  # 500 ppm, the fastest that NTP slews
        stamp.next()
        assert stamp.take_step() is None


def test_a_pause_between_the_two_readings_is_no_step() -> None:
    """The process lost the processor after it had read one clock: a second look tells."""
    late = 80_000_000
    clock = ScriptedClock((0, 0), (0, 0), (0, 0), (10, 10 + late), (10 + late, 10 + late))
    stamp = Stamp(clock)
    assert stamp.next() == (10, 10 + late)
    assert stamp.take_step() is None


def test_real_clocks_are_nanoseconds() -> None:
    clock = RealClock()
    readings = [clock.mono_ns() for _ in range(100)]
    assert all(a <= b for a, b in pairwise(readings))
    assert 1.7e18 < clock.wall_ns() < 1e19
