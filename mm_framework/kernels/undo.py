"""What a frame has changed before it is known to be good, and how to take it back.

Levels and words go into a log of entries (what, where, key, old value); counts and output positions
stand in a block that has a shadow.
"""

from __future__ import annotations

from mm_framework.kernels.book import book_set
from mm_framework.kernels.jit import helper
from mm_framework.kernels.layout import (
    CTX_MUTABLE,
    CTX_MUTABLE_BYTES,
    CTX_SHADOW,
    CTX_UNDO,
    CTX_UNDO_AT,
    CTX_UNDO_END,
    UNDO_BYTES,
    UNDO_WORD,
)
from mm_framework.kernels.memory import copy, load_i8, store_8

__all__ = ["change", "remember", "set_level", "undo"]


@helper
def remember(ctx: int, what: int, where: int, key: int, old: int) -> int:
    """Note how to undo a change; 0 when there is no room."""
    at = load_i8(ctx + CTX_UNDO_AT)
    if at + UNDO_BYTES > load_i8(ctx + CTX_UNDO_END):
        return 0
    store_8(at, what)
    store_8(at + 8, where)
    store_8(at + 16, key)
    store_8(at + 24, old)
    store_8(ctx + CTX_UNDO_AT, at + UNDO_BYTES)
    return 1


@helper
def change(ctx: int, address: int, value: int) -> int:
    """Change a word of an instrument; 0 when there is no room to remember."""
    old = load_i8(address)
    if old == value:
        return 1
    if remember(ctx, UNDO_WORD, address, 0, old) == 0:
        return 0
    store_8(address, value)
    return 1


@helper
def undo(ctx: int) -> None:
    """Take back all that the frame has changed."""
    begin, at = load_i8(ctx + CTX_UNDO), load_i8(ctx + CTX_UNDO_AT)
    while at > begin:
        at -= UNDO_BYTES
        if load_i8(at) == UNDO_WORD:
            store_8(load_i8(at + 8), load_i8(at + 24))
        else:
            book_set(load_i8(at + 8), load_i8(at), load_i8(at + 16), load_i8(at + 24))
    store_8(ctx + CTX_UNDO_AT, begin)
    copy(ctx + CTX_MUTABLE, ctx + CTX_SHADOW, CTX_MUTABLE_BYTES)


@helper
def set_level(ctx: int, book: int, side: int, price: int, size: int) -> int:
    """Set a level, remembering it: the size before, -1 when there is no room to remember."""
    at = load_i8(ctx + CTX_UNDO_AT)
    if at + UNDO_BYTES > load_i8(ctx + CTX_UNDO_END):
        return -1
    old = book_set(book, side, price, size)
    if old != size:
        store_8(at, side)
        store_8(at + 8, book)
        store_8(at + 16, price)
        store_8(at + 24, old)
        store_8(ctx + CTX_UNDO_AT, at + UNDO_BYTES)
    return old
