"""What reads a frame log through the kernels of `log`; import it when `loader.active` says so."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO, Final

import numpy as np

from mm_framework.kernels.log import WRONG, select, walk
from mm_framework.kernels.memory import Buffer

__all__ = ["NEVER", "Chunk", "places"]

NEVER: Final = 1 << 60
"""A place behind every record, and a stride to there."""

_CAPACITY: Final = 512


class Chunk:
    """Bytes of a segment in memory of ours: ``rest``, and up to ``size`` more from the file."""

    def __init__(self, file: BinaryIO, rest: memoryview, size: int) -> None:
        self._buffer, self._result = Buffer(len(rest) + size), Buffer(24)
        self._buffer.view[: len(rest)] = rest
        count = file.readinto(self._buffer.view[len(rest) :])  # type: ignore[attr-defined]
        self.view = self._buffer.view[: len(rest) + count].toreadonly()

    def walk(self, position: int, index: int, mono_ns: int) -> tuple[int, int, int, bool]:
        """Check the records from ``position`` on, the first having ``index``, after ``mono_ns``.

        Returns the position, index and mono_ns after the last good one and whether the next is wrong.
        """
        first = self._buffer.address
        end = first + len(self.view)
        why = walk(first + position, end, index, max(mono_ns, -(2**63)), self._result.address)
        stop, index, mono_ns = self._result.words()
        return stop - first, index, mono_ns, why == WRONG


def places(block: memoryview, kinds: Iterable[int], due: int = NEVER, stride: int = NEVER) -> list[int]:
    """Where records of these kinds begin, and those at or behind ``due``, in a block of a `Chunk`.

    After each one the next is due ``stride`` bytes behind it.
    """
    address = int(np.frombuffer(block, dtype=np.uint8).ctypes.data)
    position, end = address, address + len(block)
    mask, due = sum(1 << kind for kind in kinds), address + due
    found: list[int] = []
    result = Buffer(16 + 8 * _CAPACITY)
    words = result.words()
    while position < end:
        count = select(position, end, mask, due, stride, result.address, _CAPACITY)
        position, due = words[0], words[1]
        found += [place - address for place in words[2 : 2 + count]]
    return found
