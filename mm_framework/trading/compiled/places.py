"""Lots by place (slot, side, price): what was printed there since it was told, what we took there.

    table | address | mask | count | room |     entry: key of slot and side, price, lots
    memory | entries | one byte of the hash of each, 0 for one that is free |

Open addressing; an entry that goes is filled from those behind it, so that nothing ever piles up. At most
half of the entries are used: ``room`` is how many there may be, and Python doubles a table that is full.
Most places that are looked for are not there, which the bytes tell: they stay in the nearest cache.
"""

from __future__ import annotations

from typing import Final

from mm_framework.kernels.jit import helper, inline
from mm_framework.kernels.memory import copy, load_i8, load_u1, shift_right, store_1, store_8
from mm_framework.trading.compiled.layout import LIMIT

__all__ = [
    "COUNT",
    "ENTRY_BYTES",
    "MASK",
    "ROOM",
    "add_lots",
    "drop_place",
    "drop_slot",
    "lots_at",
    "move_places",
]

MASK: Final = 8
COUNT: Final = 16
ROOM: Final = 24
ENTRY_BYTES: Final = 24

_TAKEN: Final = 128
"""Set in the byte of every entry that is used."""

_MIX: Final = -7046029254386353131  # 0x9E3779B97F4A7C15


@inline
def _key(slot: int, side: int) -> int:
    """Never 0: a slot's address is even, and 0 is no address."""
    return slot | 1 if side > 0 else slot


@inline
def _mixed(key: int, price: int) -> int:
    return (key ^ (price * _MIX)) * _MIX


@inline
def _home(mixed: int, mask: int) -> int:
    """Where an entry belongs."""
    return int(shift_right(mixed, 20) & mask)


@inline
def _mark(table: int, index: int) -> int:
    """The address of an entry's byte."""
    return load_i8(table) + (load_i8(table + MASK) + 1) * ENTRY_BYTES + index


@helper
def _find(table: int, key: int, price: int) -> int:
    """The number of a place's entry, or of the free one where it would be."""
    at, mask, mixed = load_i8(table), load_i8(table + MASK), _mixed(key, price)
    index, marks, mark = _home(mixed, mask), _mark(table, 0), shift_right(mixed, 57) | _TAKEN
    while True:
        found = load_u1(marks + index)
        if found == 0:
            return index
        entry = at + index * ENTRY_BYTES
        if found == mark and load_i8(entry) == key and load_i8(entry + 8) == price:
            return index
        index = (index + 1) & mask


@helper
def lots_at(table: int, slot: int, side: int, price: int) -> int:
    """The lots at a place, 0 for none."""
    if load_i8(table + COUNT) == 0:
        return 0
    index = _find(table, _key(slot, side), price)
    return load_i8(load_i8(table) + index * ENTRY_BYTES + 16) if load_u1(_mark(table, index)) else 0


@helper
def add_lots(table: int, slot: int, side: int, price: int, size: int) -> int:
    """Add lots at a place; there is room for one more. All that are there now."""
    key = _key(slot, side)
    index = _find(table, key, price)
    entry = load_i8(table) + index * ENTRY_BYTES
    if load_u1(_mark(table, index)) == 0:
        store_1(_mark(table, index), shift_right(_mixed(key, price), 57) | _TAKEN)
        store_8(entry, key)
        store_8(entry + 8, price)
        store_8(entry + 16, 0)
        store_8(table + COUNT, load_i8(table + COUNT) + 1)
    there = load_i8(entry + 16) + size
    store_8(entry + 16, min(there, LIMIT))
    return there


@helper
def _remove(table: int, index: int) -> None:
    """Empty an entry; those behind it that belong before it move up."""
    at, mask, free, here = load_i8(table), load_i8(table + MASK), index, index
    marks = _mark(table, 0)
    while True:
        here = (here + 1) & mask
        if load_u1(marks + here) == 0:
            break
        entry = at + here * ENTRY_BYTES
        home = _home(_mixed(load_i8(entry), load_i8(entry + 8)), mask)
        if ((here - home) & mask) >= ((here - free) & mask):
            copy(at + free * ENTRY_BYTES, entry, ENTRY_BYTES)
            store_1(marks + free, load_u1(marks + here))
            free = here
    store_8(at + free * ENTRY_BYTES, 0)
    store_1(marks + free, 0)
    store_8(table + COUNT, load_i8(table + COUNT) - 1)


@inline
def drop_place(table: int, slot: int, side: int, price: int) -> None:
    """Forget a place."""
    if load_i8(table + COUNT):
        index = _find(table, _key(slot, side), price)
        if load_u1(_mark(table, index)) != 0:
            _remove(table, index)


@helper
def drop_slot(table: int, slot: int) -> None:
    """Forget all places of a slot."""
    index = 0
    while load_i8(table + COUNT) and index <= load_i8(table + MASK):
        key = load_i8(load_i8(table) + index * ENTRY_BYTES)
        if key != 0 and key & ~1 == slot:
            _remove(table, index)  # another one may stand here now
        else:
            index += 1


@helper
def move_places(table: int, entries: int, count: int) -> None:
    """Add what stands in the entries of another table; there is room for it."""
    for entry in range(entries, entries + count * ENTRY_BYTES, ENTRY_BYTES):
        key = load_i8(entry)
        if key != 0:
            add_lots(table, key & ~1, 1 if key & 1 else -1, load_i8(entry + 8), load_i8(entry + 16))
