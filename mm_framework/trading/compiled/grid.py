"""What accounts hold at the times of the equity's grid: `trading.equity` and `Account.mark` in a kernel.

RUN_HELD has a HELD for each strategy and market, kept up with the fills. At a time of the grid each account
that had a fill gets a POINT; cash and fees are made of the fills by Python, which knows from POINT_FILLS how
many of them there were.
"""

from __future__ import annotations

from typing import Final

from mm_framework.kernels.book import book_best, book_next, book_size
from mm_framework.kernels.jit import helper
from mm_framework.kernels.memory import load_i8, store_8
from mm_framework.model.fixed import NULL
from mm_framework.trading.compiled.columns import added, room
from mm_framework.trading.compiled.layout import (
    COLUMN_COUNT,
    FILL_BYTES,
    FILL_SIDE,
    FILL_SIZE,
    FILL_SLOT,
    FILL_STRATEGY,
    HELD_BYTES,
    HELD_HIGH,
    HELD_LOW,
    HELD_POSITION,
    HELD_STALE,
    HELD_TRADED,
    POINT_BYTES,
    POINT_FILLS,
    POINT_HELD,
    POINT_HIGH,
    POINT_LOW,
    POINT_MID2,
    POINT_POSITION,
    POINT_STALE,
    POINT_TS,
    RUN_AT_MID,
    RUN_FILLS,
    RUN_GRID,
    RUN_HELD,
    RUN_HELD_COUNT,
    RUN_HELD_FILLS,
    RUN_HELD_SLOTS,
    RUN_NEXT_GRID,
    RUN_POINTS,
    RUN_VENUE_SLOTS,
    SLOT_ASK,
    SLOT_BID,
    SLOT_BOOK,
    SLOT_BYTES,
    SLOT_CURRENT,
    SLOT_LAST_ASK,
    SLOT_LAST_BID,
    SLOT_MID2,
    SLOT_SOURCE,
    Status,
)
from mm_framework.trading.compiled.market import TICKER

__all__ = ["keep_grid"]

_HALF: Final = 31
"""Products are made of halves of so many bits, for their sums leave int64."""
_MASK: Final = (1 << _HALF) - 1

_GRID: Final = int(Status.GRID)


@helper
def _hold(run: int) -> None:
    """Positions after all fills."""
    fills, count = load_i8(run + RUN_FILLS), load_i8(run + RUN_FILLS + COLUMN_COUNT)
    slots = load_i8(run + RUN_HELD_SLOTS)
    for index in range(load_i8(run + RUN_HELD_FILLS), count):
        fill = fills + index * FILL_BYTES
        place = load_i8(fill + FILL_STRATEGY) * slots + load_i8(fill + FILL_SLOT)
        held = load_i8(run + RUN_HELD) + place * HELD_BYTES
        signed = load_i8(fill + FILL_SIDE) * load_i8(fill + FILL_SIZE)
        store_8(held + HELD_POSITION, load_i8(held + HELD_POSITION) + signed)
        store_8(held + HELD_TRADED, 1)
    store_8(run + RUN_HELD_FILLS, count)


@helper
def _add(held: int, size: int, price: int) -> None:
    """Add ``size x price`` to a value: HELD_HIGH x 2**62 + HELD_LOW."""
    upper, lower, above, below = size >> _HALF, size & _MASK, price >> _HALF, price & _MASK
    held_low = load_i8(held + HELD_LOW)
    low = lower * below + (held_low & _MASK)
    middle = upper * below + lower * above + (held_low >> _HALF) + (low >> _HALF)
    high = upper * above + (middle >> _HALF)
    store_8(held + HELD_LOW, ((middle & _MASK) << _HALF) | (low & _MASK))
    store_8(held + HELD_HIGH, load_i8(held + HELD_HIGH) + high)


@helper
def _mark_at_mid(slot: int, held: int) -> int:
    """Keep what a position is worth, twice; 0, or GRID where no mid is known."""
    position, mid2 = load_i8(held + HELD_POSITION), load_i8(slot + SLOT_MID2)
    store_8(held + HELD_STALE, 0)
    if position == 0:
        return 0
    if mid2 == NULL:
        return _GRID
    _add(held, abs(position), mid2)
    bid, ask = load_i8(slot + SLOT_BID), load_i8(slot + SLOT_ASK)
    if load_i8(slot + SLOT_SOURCE) != TICKER:
        bid, ask = book_best(load_i8(slot + SLOT_BOOK), 1), book_best(load_i8(slot + SLOT_BOOK), -1)
    told = load_i8(slot + SLOT_CURRENT) == 1 and bid != NULL and ask != NULL
    store_8(held + HELD_STALE, 0 if told else 1)
    return 0


@helper
def _mark(run: int, slot: int, held: int) -> int:
    """Keep what a position is worth; 0, or GRID where no price is known."""
    store_8(held + HELD_LOW, 0)
    store_8(held + HELD_HIGH, 0)
    if load_i8(run + RUN_AT_MID):
        return _mark_at_mid(slot, held)
    position = load_i8(held + HELD_POSITION)
    side = 1 if position > 0 else -1
    left, levels = side * position, 0
    price = load_i8(slot + (SLOT_LAST_BID if side > 0 else SLOT_LAST_ASK))
    if left and load_i8(slot + SLOT_CURRENT):
        if load_i8(slot + SLOT_SOURCE) == TICKER:
            best = slot + (SLOT_BID if side > 0 else SLOT_ASK)
            if load_i8(best) != NULL:
                price, size, levels = load_i8(best), load_i8(best + 8), 1
                taken = min(left, size) if size else left
                _add(held, taken, price)
                left -= taken
        else:
            book = load_i8(slot + SLOT_BOOK)
            level = book_best(book, side)
            while level != NULL and left:
                price, levels = level, 1
                taken = min(left, book_size(book, side, level))
                _add(held, taken, level)
                left -= taken
                level = book_next(book, side, level)
    if left and price == NULL:
        return _GRID
    if left:
        _add(held, left, price)
    store_8(held + HELD_STALE, int(position != 0 and levels == 0))
    return 0


@helper
def _mark_all(run: int, times: int) -> int:
    """The marks of all accounts; GRID where Python has to make them, or there is no room for all points."""
    held, slots, needed = load_i8(run + RUN_HELD), load_i8(run + RUN_HELD_SLOTS), 0
    for place in range(load_i8(run + RUN_HELD_COUNT)):
        if load_i8(held + HELD_TRADED):
            slot = load_i8(run + RUN_VENUE_SLOTS) + (place % slots) * SLOT_BYTES
            needed += times
            if needed > room(run + RUN_POINTS) or _mark(run, slot, held):
                return _GRID
        held += HELD_BYTES
    return 0


@helper
def keep_grid(run: int, now_ns: int) -> int:
    """Write the points before ``now_ns``; GRID, and none is written, where Python has to."""
    step_ns, grid_ns = load_i8(run + RUN_GRID), load_i8(run + RUN_NEXT_GRID)
    _hold(run)
    code = _mark_all(run, (now_ns - 1 - grid_ns) // step_ns + 1)
    if code:
        return code
    slots = load_i8(run + RUN_HELD_SLOTS)
    while grid_ns < now_ns:
        held = load_i8(run + RUN_HELD)
        for place in range(load_i8(run + RUN_HELD_COUNT)):
            if load_i8(held + HELD_TRADED):
                slot = load_i8(run + RUN_VENUE_SLOTS) + (place % slots) * SLOT_BYTES
                point = added(run + RUN_POINTS, POINT_BYTES)
                store_8(point + POINT_TS, grid_ns)
                store_8(point + POINT_HELD, place)
                store_8(point + POINT_POSITION, load_i8(held + HELD_POSITION))
                store_8(point + POINT_LOW, load_i8(held + HELD_LOW))
                store_8(point + POINT_HIGH, load_i8(held + HELD_HIGH))
                store_8(point + POINT_STALE, load_i8(held + HELD_STALE))
                store_8(point + POINT_MID2, load_i8(slot + SLOT_MID2))
                store_8(point + POINT_FILLS, load_i8(run + RUN_HELD_FILLS))
            held += HELD_BYTES
        grid_ns += step_ns
    store_8(run + RUN_NEXT_GRID, grid_ns)
    return 0
