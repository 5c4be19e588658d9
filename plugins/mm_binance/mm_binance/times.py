"""Binance's times, whole numbers since the epoch, to nanoseconds.

They are milliseconds, or microseconds on a connection with ``timeUnit=MICROSECOND``. The digits tell the
same as the address, and recordings often lack the address: from 2001 to 2286 milliseconds have 13
digits and microseconds 16.
"""

from __future__ import annotations

from typing import Final

from mm_framework.errors import MalformedFrame
from mm_framework.model.fixed import MAX

__all__ = ["epoch_ns"]

_MS: Final = range(10**12, 10**13)
_US: Final = range(10**15, 10**16)


def epoch_ns(written: int) -> int:
    """Nanoseconds of a time in milliseconds or microseconds. Raises MalformedFrame when it is neither."""
    ns = written * 1_000_000 if written in _MS else written * 1_000 if written in _US else None
    if ns is None or ns > MAX:
        raise MalformedFrame(
            f"found the time {written}, expected milliseconds of 13 digits or microseconds of 16"
        )
    return ns
