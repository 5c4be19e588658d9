"""The machine under a simulated run: a loop that is late, a wall clock that is set, time that is excused."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence

from mm_framework.capture.clock import VirtualClock
from mm_framework.simulate.troubles import Forecast, Window

__all__ = ["Excuses", "late_loop", "set_wall_clock"]

_MS = 1_000_000
_S = 1_000_000_000
_WALLS_S = (-3600.0, 3600.0, 0.2, -0.2, 20 * 365 * 86400.0)


class Excuses:
    """Spans of time in which nothing could be done: the machine was late, the disk took nothing."""

    def __init__(self) -> None:
        self._spans: list[tuple[int, int]] = []

    @property
    def spans(self) -> Sequence[tuple[int, int]]:
        """From when to when, in order of `add`."""
        return self._spans

    def add(self, start_ns: int, end_ns: int) -> None:
        """From ``start_ns`` to ``end_ns`` nothing could be done."""
        if end_ns > start_ns:
            self._spans.append((start_ns, end_ns))

    def within(self, start_ns: int, end_ns: int) -> int:
        """Excused nanoseconds from one time to another."""
        return sum(max(0, min(end, end_ns) - max(start, start_ns)) for start, end in self._spans)


def late_loop(
    forecast: Forecast, clock: VirtualClock, seed: int, excuses: Excuses
) -> Callable[[], int] | None:
    """How late the loop is after a wait: mostly not, often milliseconds, now and then seconds."""
    chance = forecast.chances.get("late", 0.0)
    if not chance:
        return None
    draw = random.Random(f"{seed}/late")

    def delay() -> int:
        if clock.now_ns >= forecast.end_ns or draw.random() >= chance:
            return 0
        size = draw.random()
        if size < 0.9:
            late_ns = draw.randrange(20 * _MS)
        elif size < 0.99:
            late_ns = draw.randrange(1500 * _MS)
        else:
            late_ns = draw.randrange(6 * _S)
        excuses.add(clock.now_ns, clock.now_ns + late_ns)
        return late_ns

    return delay


def set_wall_clock(forecast: Forecast, clock: VirtualClock) -> None:
    """Set the wall clock as the forecast says; to be called in the loop, at the start."""
    loop, right_ns = asyncio.get_running_loop(), clock.wall_offset_ns

    def begin(window: Window) -> None:
        choice = int(window.pick * (len(_WALLS_S) + 1))
        to_1970 = choice == len(_WALLS_S)
        clock.wall_offset_ns = -clock.now_ns if to_1970 else right_ns + round(_WALLS_S[choice] * _S)

    def end() -> None:
        clock.wall_offset_ns = right_ns

    for window in forecast.of("wall-clock"):
        loop.call_later(max(0, window.start_ns - clock.now_ns) / 1e9, begin, window)
        loop.call_later(max(0, window.end_ns - clock.now_ns) / 1e9, end)
