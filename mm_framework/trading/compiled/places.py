"""Lots by place (slot, side, price): what was printed there since it was told, what we took there.

    table | address | mask | count | room |     entry: key of slot and side, price, lots

Open addressing; an entry that goes is filled from those behind it, so that nothing ever piles up. At most
half of the entries are used: ``room`` is how many there may be, and Python doubles a table that is full.
"""

from __future__ import annotations

from typing import Final

from mm_framework.kernels.jit import helper, inline
from mm_framework.kernels.memory import copy, load_i8, shift_right, store_8
from mm_framework.trading.compiled.layout import LIMIT

__all__ = ["COUNT", "ENTRY_BYTES", "MASK", "ROOM", "add_lots", "drop_place", "drop_slot", "lots_at"]

MASK: Final = 8
COUNT: Final = 16
ROOM: Final = 24
ENTRY_BYTES: Final = 24

_MIX: Final = -7046029254386353131  # 0x9E3779B97F4A7C15


@inline
def _key(slot: int, side: int) -> int:
    """Never 0: a slot's address is even, and 0 is no address."""
    return slot | 1 if side > 0 else slot


@inline
def _home(table: int, key: int, price: int) -> int:
    mixed = (key ^ (price * _MIX)) * _MIX
    return int(shift_right(mixed, 20) & load_i8(table + MASK))


@helper
def _find(table: int, key: int, price: int) -> int:
    """The number of a place's entry, or of the free one where it would be."""
    at, mask, index = load_i8(table), load_i8(table + MASK), _home(table, key, price)
    while True:
        entry = at + index * ENTRY_BYTES
        found = load_i8(entry)
        if found == 0 or (found == key and load_i8(entry + 8) == price):
            return index
        index = (index + 1) & mask


@inline
def lots_at(table: int, slot: int, side: int, price: int) -> int:
    """The lots at a place, 0 for none."""
    if load_i8(table + COUNT) == 0:
        return 0
    entry = load_i8(table) + _find(table, _key(slot, side), price) * ENTRY_BYTES
    return load_i8(entry + 16) if load_i8(entry) != 0 else 0


@helper
def add_lots(table: int, slot: int, side: int, price: int, size: int) -> int:
    """Add lots at a place; there is room for one more. All that are there now."""
    key = _key(slot, side)
    entry = load_i8(table) + _find(table, key, price) * ENTRY_BYTES
    if load_i8(entry) == 0:
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
    while True:
        here = (here + 1) & mask
        entry = at + here * ENTRY_BYTES
        if load_i8(entry) == 0:
            break
        home = _home(table, load_i8(entry), load_i8(entry + 8))
        if ((here - home) & mask) >= ((here - free) & mask):
            copy(at + free * ENTRY_BYTES, entry, ENTRY_BYTES)
            free = here
    store_8(at + free * ENTRY_BYTES, 0)
    store_8(table + COUNT, load_i8(table + COUNT) - 1)


@inline
def drop_place(table: int, slot: int, side: int, price: int) -> None:
    """Forget a place."""
    if load_i8(table + COUNT):
        index = _find(table, _key(slot, side), price)
        if load_i8(load_i8(table) + index * ENTRY_BYTES) != 0:
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
