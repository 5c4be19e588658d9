"""Clocks, and the one stamp of a process.

`Stamp.next` gives every record its monotonic time, strictly increasing over all shards: it is the
order of processing, live and in replay. The wall clock is read beside it; a step of it is noticed,
never followed by ``mono_ns``.
"""

from __future__ import annotations

import time
from typing import Final, Protocol

import attrs

__all__ = ["Clock", "RealClock", "Stamp", "VirtualClock", "WallStep"]

STEP_NS: Final = 50_000_000
"""A difference of wall and monotonic clock that changes by more, between two readings, is a step.

NTP slews at most 500 ppm, and Windows before Python 3.13 reads the wall clock in steps of 16 ms.
"""


class Clock(Protocol):
    """Two clocks of one machine."""

    def mono_ns(self) -> int:
        """Monotonic nanoseconds, zero anywhere."""
        ...

    def wall_ns(self) -> int:
        """Nanoseconds since 1970, UTC."""
        ...


class RealClock:
    """The machine's clocks, the finest that it has."""

    def mono_ns(self) -> int:
        """See `Clock`."""
        return time.perf_counter_ns()

    def wall_ns(self) -> int:
        """See `Clock`."""
        return time.time_ns()


class VirtualClock:
    """A clock that stands still until it is advanced. ``wall_offset_ns`` may be changed: a step."""

    def __init__(self, mono_ns: int = 1_000_000_000, wall_offset_ns: int = 1_750_000_000_000_000_000) -> None:
        self.now_ns, self.wall_offset_ns = mono_ns, wall_offset_ns

    def mono_ns(self) -> int:
        """See `Clock`."""
        return self.now_ns

    def wall_ns(self) -> int:
        """See `Clock`."""
        return self.now_ns + self.wall_offset_ns

    def advance(self, duration_ns: int) -> None:
        """Let time pass. Raises RuntimeError for a negative duration."""
        if duration_ns < 0:
            raise RuntimeError(f"time cannot go back by {-duration_ns} ns")
        self.now_ns += duration_ns


@attrs.frozen
class WallStep:
    """The wall clock was stepped: it should have read ``before_ns`` and read ``after_ns``."""

    before_ns: int
    after_ns: int


class Stamp:
    """Stamps the records of a process. ``mono0_ns``, ``wall0_ns``: both clocks at its making."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.mono0_ns, self.wall0_ns = self._both()
        self._last_ns = self.mono0_ns - 1
        self._offset_ns = self.wall0_ns - self.mono0_ns
        self._step: WallStep | None = None

    def next(self) -> tuple[int, int]:
        """``(mono_ns, wall_ns)``; ``mono_ns`` is larger than any before."""
        mono, wall = self.clock.mono_ns(), self.clock.wall_ns()
        offset = wall - mono
        if -STEP_NS < offset - self._offset_ns < STEP_NS:
            self._offset_ns = offset
        else:
            self._suspect()
        self._last_ns = mono = max(self._last_ns + 1, mono)
        return mono, wall

    def take_step(self) -> WallStep | None:
        """The step of the wall clock that `next` has seen, once."""
        step, self._step = self._step, None
        return step

    def _suspect(self) -> None:
        """A step, or only a pause of this process between its two readings? Look again."""
        mono, wall = self._both()
        expected = mono + self._offset_ns
        if abs(wall - expected) >= STEP_NS:
            self._step = WallStep(before_ns=expected, after_ns=wall)
        self._offset_ns = wall - mono

    def _both(self) -> tuple[int, int]:
        """Both clocks at one instant: the quickest of three tries."""
        tries = []
        for _ in range(3):
            before, wall, after = self.clock.mono_ns(), self.clock.wall_ns(), self.clock.mono_ns()
            tries.append((after - before, after, wall))
        _, mono, wall = min(tries)
        return mono, wall
