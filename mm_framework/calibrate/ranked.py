"""The 95th percentile of the last thousand samples, in constant time and memory. Pure."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left, insort
from typing import Final

__all__ = ["WINDOW", "Ranked"]

WINDOW: Final = 1000
"""Samples that count."""


class Ranked:
    """The last samples and their order: a ring and a sorted copy of it, 16 KB."""

    __slots__ = ("_next", "_ring", "_sorted")

    def __init__(self) -> None:
        self._ring, self._sorted, self._next = array("d"), array("d"), 0

    def add(self, value: float) -> None:
        """Keep one more; the oldest one goes when there are 1000."""
        if len(self._ring) < WINDOW:
            self._ring.append(value)
        else:
            del self._sorted[bisect_left(self._sorted, self._ring[self._next])]
            self._ring[self._next] = value
            self._next = (self._next + 1) % WINDOW
        insort(self._sorted, value)

    def p95(self) -> float | None:
        """The 95th percentile, nearest rank; None without samples."""
        count = len(self._sorted)
        return self._sorted[math.ceil(0.95 * count) - 1] if count else None
