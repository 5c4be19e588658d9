"""The wall clock of an emulated venue, which faults may set and bend."""

from __future__ import annotations

__all__ = ["BentClock"]

_MILLION = 1_000_000


class BentClock:
    """``wall_ns(now_ns)`` for monotonic times that never go back; exact integers."""

    def __init__(self, start_ns: int, wall_ns: int) -> None:
        self._from_ns = start_ns
        self._wall_ns = wall_ns
        self._ppm = 0

    def wall_ns(self, now_ns: int) -> int:
        """What the venue's clock shows, ns since the epoch."""
        elapsed = now_ns - self._from_ns
        return self._wall_ns + elapsed + elapsed * self._ppm // _MILLION

    def jump(self, step_ns: int) -> None:
        """Set the clock forward, or back."""
        self._wall_ns += step_ns

    def skew(self, ppm: int, now_ns: int) -> None:
        """From now on the clock runs too fast by ``ppm`` millionths."""
        self._wall_ns = self.wall_ns(now_ns)
        self._from_ns = now_ns
        self._ppm = ppm
