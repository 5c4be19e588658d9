"""What is odd about an input, gathered into few intervals."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from mm_framework.store.manifest import Note

__all__ = ["Noted"]

NEAR_NS: Final = 10**9
"""Moments that are no farther apart are one interval."""
MOST: Final = 1000
"""Intervals of an instrument and flag; of more, all together are one."""


class Noted:
    """Moments by instrument and flag."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], list[tuple[int, int]]] = {}

    def add(self, instrument: str, flag: str, times: npt.NDArray[np.int64]) -> None:
        """Moments in order of time, none of them before those that were added already."""
        if not len(times):
            return
        found = self._found.setdefault((instrument, flag), [])
        for part in np.split(times, np.flatnonzero(np.diff(times) > NEAR_NS) + 1):
            first, last = int(part[0]), int(part[-1]) + 1
            if found and first - found[-1][1] <= NEAR_NS:
                first = found.pop()[0]
            found.append((first, last))
        if len(found) > MOST:
            found[:] = [(found[0][0], found[-1][1])]

    def notes(self) -> tuple[Note, ...]:
        """All of them, sorted."""
        return tuple(
            sorted(
                (instrument, first, last, flag)
                for (instrument, flag), found in self._found.items()
                for first, last in found
            )
        )
