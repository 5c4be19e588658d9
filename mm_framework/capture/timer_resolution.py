"""The resolution of the timers of Windows: 15.6 ms unless a process asks for 1 ms. Elsewhere nothing."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import Any

__all__ = ["fine_timers"]

PERIOD_MS = 1


def _multimedia() -> Any:
    """The library of Windows that sets the resolution, None elsewhere."""
    if sys.platform != "win32":
        return None
    import ctypes

    return ctypes.WinDLL("winmm")


@contextlib.contextmanager
def fine_timers(enabled: bool, library: Any = None) -> Iterator[bool]:
    """Ask for timers of 1 ms while the block runs; whether they were granted.

    ``library``: in place of the one of Windows. A refusal is no error: timers stay as coarse as they were.
    """
    library = (library or _multimedia()) if enabled else None
    granted = library is not None and library.timeBeginPeriod(PERIOD_MS) == 0
    try:
        yield granted
    finally:
        if granted:
            library.timeEndPeriod(PERIOD_MS)
