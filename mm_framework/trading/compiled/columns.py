"""Columns that grow: three words (address, count, room), records of one size behind the address.

A kernel that finds no room stops before it changes anything; Python moves the column and runs it again.
"""

from __future__ import annotations

from mm_framework.kernels.jit import inline
from mm_framework.kernels.memory import load_i8, store_8
from mm_framework.trading.compiled.layout import COLUMN_COUNT, COLUMN_ROOM

__all__ = ["added", "record", "room"]


@inline
def record(column: int, index: int, size: int) -> int:
    """The address of a record."""
    return load_i8(column) + index * size


@inline
def room(column: int) -> int:
    """How many records more fit."""
    return load_i8(column + COLUMN_ROOM) - load_i8(column + COLUMN_COUNT)


@inline
def added(column: int, size: int) -> int:
    """The address of a new record, for which there is room; what it holds is left over."""
    count = load_i8(column + COLUMN_COUNT)
    store_8(column + COLUMN_COUNT, count + 1)
    return load_i8(column) + count * size
