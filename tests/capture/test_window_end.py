"""Waiting for a moment of the wall clock on virtual time."""

from __future__ import annotations

import asyncio

from mm_framework.capture.clock import VirtualClock
from mm_framework.capture.virtual_loop import run_virtual
from mm_framework.capture.window import wait_until

S = 1_000_000_000


def test_the_wait_ends_at_the_moment() -> None:
    clock = VirtualClock(0, 0)
    run_virtual(lambda: wait_until(clock, 86_400 * S + 1), clock)
    assert clock.wall_ns() == 86_400 * S + 1
    run_virtual(lambda: wait_until(clock, 5), clock)
    assert clock.wall_ns() == 86_400 * S + 1


def test_a_step_of_the_wall_clock_is_noticed_within_ten_seconds() -> None:
    clock = VirtualClock(0, 0)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(100, lambda: setattr(clock, "wall_offset_ns", 3600 * S))
        loop.call_later(200, lambda: setattr(clock, "wall_offset_ns", -50 * S))
        await wait_until(clock, 3600 * S)

    run_virtual(main, clock)
    assert 100 * S <= clock.now_ns <= 110 * S  # an hour early for the monotonic clock
