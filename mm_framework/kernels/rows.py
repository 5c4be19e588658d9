"""`walk_rows`: stored rows of one instrument into its book, and the best prices where they change.

    row -> snapshot start? forget the book. level? set it. last of its message? cut, look, tell

It stops when it has read all rows, when the book has no room for a level, or when there is no room to
tell a change; ``WALK_POSITION`` then says which row comes next.
"""

from __future__ import annotations

from typing import Final

from mm_framework.kernels.book import book_best, book_clear, book_set, book_size, book_truncate
from mm_framework.kernels.jit import helper, kernel
from mm_framework.kernels.layout import ROW_BYTES, ROW_FLAGS, ROW_KIND, ROW_PRICE, ROW_SIDE, ROW_SIZE
from mm_framework.kernels.memory import load_i8, load_u1, load_u2, store_8
from mm_framework.model.events import Kind, RowFlag
from mm_framework.model.fixed import NULL

__all__ = ["CHANGE_BYTES", "WALK_POSITION", "WALK_TOP", "WALK_WORDS", "walk_rows"]

WALK_POSITION: Final = 0  # the next row
WALK_TOUCHED: Final = 8  # 1 within a message that changed the book
WALK_TOP: Final = 16  # bid, its size, ask, its size as told last; NULL for no such side
WALK_WORDS: Final = 6

CHANGE_BYTES: Final = 40
"""A change: the row after which it holds, then bid, its size, ask, its size."""

_LEVEL: Final = int(Kind.LEVEL)
_SNAPSHOT_START: Final = int(Kind.SNAPSHOT_START)
_LAST: Final = int(RowFlag.LAST)


@helper
def _tell(b: int, walk: int, row: int, out: int) -> int:
    """Write the best prices if they are others than those told last; 1 when they are."""
    bid, ask = book_best(b, 1), book_best(b, -1)
    bid_size = NULL if bid == NULL else book_size(b, 1, bid)
    ask_size = NULL if ask == NULL else book_size(b, -1, ask)
    top = walk + WALK_TOP
    if (
        load_i8(top) == bid
        and load_i8(top + 8) == bid_size
        and load_i8(top + 16) == ask
        and load_i8(top + 24) == ask_size
    ):
        return 0
    store_8(top, bid)
    store_8(top + 8, bid_size)
    store_8(top + 16, ask)
    store_8(top + 24, ask_size)
    store_8(out, row)
    store_8(out + 8, bid)
    store_8(out + 16, bid_size)
    store_8(out + 24, ask)
    store_8(out + 32, ask_size)
    return 1


@kernel
def walk_rows(b: int, rows: int, n_rows: int, depth: int, walk: int, out: int, capacity: int) -> int:
    """Apply rows to the book ``b``, from the position of ``walk`` on; how many changes were written.

    ``depth``: levels a side to which each whole message cuts the book, 0 for none.
    """
    position, written = load_i8(walk + WALK_POSITION), 0
    touched = load_i8(walk + WALK_TOUCHED)
    while position < n_rows and written < capacity:
        row = rows + position * ROW_BYTES
        kind = load_u1(row + ROW_KIND)
        if kind == _LEVEL:
            side = 1 if load_u1(row + ROW_SIDE) == 1 else -1
            if book_set(b, side, load_i8(row + ROW_PRICE), load_i8(row + ROW_SIZE)) < 0:
                break
            touched = 1
        elif kind == _SNAPSHOT_START:
            book_clear(b)
            touched = 1
        if touched and load_u2(row + ROW_FLAGS) & _LAST:
            if depth:
                book_truncate(b, depth)
            written += _tell(b, walk, position, out + written * CHANGE_BYTES)
            touched = 0
        position += 1
    store_8(walk + WALK_POSITION, position)
    store_8(walk + WALK_TOUCHED, touched)
    return written
