"""Waiting for a moment of the wall clock: the start and the end of a recorder's window."""

from __future__ import annotations

import asyncio
from typing import Final

from mm_framework.capture.clock import Clock

__all__ = ["WINDOW_END", "wait_until"]

WINDOW_END: Final = "window_end"
"""What a run is stopped by when its window ends."""

LOOK_S: Final = 10.0
"""The clock is read at least so often: it may be stepped, and a machine that slept has lost no time."""


async def wait_until(clock: Clock, wall_ns: int) -> None:
    """Return when the wall clock reads ``wall_ns`` or later."""
    while (left_ns := wall_ns - clock.wall_ns()) > 0:
        await asyncio.sleep(min(left_ns / 1e9, LOOK_S))
