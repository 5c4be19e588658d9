"""The messages of a frame as the scanner leaves them (TOLD_*), and the order of their rows."""

from __future__ import annotations

from typing import Final

from mm_framework.kernels.jit import helper, inline
from mm_framework.kernels.layout import (
    ROW_BYTES,
    ROW_DIGEST,
    ROW_STREAM,
    TOLD_BYTES,
    TOLD_DIGEST,
    TOLD_FIRST_ROW,
    TOLD_MARKET,
    TOLD_ORDER,
    TOLD_ROWS,
    TOLD_STREAM,
    TOLD_TURN,
    Refusal,
)
from mm_framework.kernels.memory import copy, load_i8, store_8
from mm_framework.model.fixed import NULL

__all__ = ["close_message", "note_rows", "open_message"]

READ: Final = int(Refusal.NONE)
ROOM: Final = int(Refusal.ROOM)
MISSING: Final = int(Refusal.MISSING)
MANY: Final = int(Refusal.MANY)


@helper
def open_message(told: int, first_row: int, hashed: int) -> None:
    """A message begins, with its rows at ``first_row``; ``hashed``: it may have a hash of its book."""
    at = told
    while at < told + TOLD_DIGEST:
        store_8(at, NULL)
        at += 8
    store_8(told + TOLD_DIGEST, 0)
    if hashed:
        store_8(told + TOLD_MARKET + 8, 0)
    store_8(told + TOLD_STREAM, -1)
    store_8(told + TOLD_FIRST_ROW, first_row)
    store_8(told + TOLD_ORDER, -1)
    store_8(told + TOLD_TURN, -1)


@inline
def note_rows(told: int, order: int, row: int) -> None:
    """The rows of one declaration begin; a message has them in the order of the declarations."""
    if order < load_i8(told + TOLD_ORDER):
        store_8(told + TOLD_TURN, row)
    store_8(told + TOLD_ORDER, order)


@helper
def close_message(
    told: int, split: int, room: int, first: int, row: int, rows_end: int
) -> tuple[int, int, int]:
    """``(refusal, messages, the end of the rows)``: the message is whole; it may be several.

    ``room``: how many messages it may be; ``first``: the frame's first row.
    """
    begin = first + load_i8(told + TOLD_FIRST_ROW)
    turn = load_i8(told + TOLD_TURN)
    if (split or turn >= 0) and row + (row - begin) > rows_end:
        return ROOM, 0, row
    if split:
        messages, row = _group(told, room, first, begin, row)
        return (MANY if messages < 0 else READ), messages, row
    if turn >= 0:
        _turn(begin, first + turn, row)
    store_8(told + TOLD_ROWS, (row - begin) // ROW_BYTES)
    return (READ if load_i8(told + TOLD_STREAM) >= 0 else MISSING), 1, row


@helper
def _turn(first: int, turn: int, end: int) -> None:
    """Put the rows from ``turn`` to ``end`` before those from ``first``; there is room behind ``end``."""
    front, back = turn - first, end - turn
    copy(end, first, front)
    copy(first, turn, back)
    copy(first + back, end, front)


@helper
def _group(told: int, room: int, first: int, begin: int, end: int) -> tuple[int, int]:
    """Make messages of the rows from ``begin`` to ``end``, one of each stream: ``(how many, the rows' end)``.

    -1 messages: more than ``room``. There is room for the rows once more behind ``end``.
    """
    count, row = 0, begin
    while row < end:
        stream = load_i8(row + ROW_STREAM)
        if stream >= 0:
            one, last = told, told + count * TOLD_BYTES
            while one < last and load_i8(one + TOLD_STREAM) != stream:
                one += TOLD_BYTES
            if one == last:
                if count == room:
                    return -1, end
                if count > 0:
                    copy(one, told, TOLD_BYTES)
                count += 1
                store_8(one + TOLD_STREAM, stream)
                store_8(one + TOLD_ROWS, 0)
            store_8(one + TOLD_ROWS, load_i8(one + TOLD_ROWS) + 1)
            store_8(one + TOLD_DIGEST, load_i8(row + ROW_DIGEST))
        row += ROW_BYTES
    place, one = begin, told
    for _ in range(count):
        store_8(one + TOLD_FIRST_ROW, place - first)
        place += load_i8(one + TOLD_ROWS) * ROW_BYTES
        one += TOLD_BYTES
    if count != 1 or place != end:
        copy(end, begin, end - begin)
        _scatter(told, count, first, end, 2 * end - begin)
    return count, place


@helper
def _scatter(told: int, count: int, first: int, row: int, end: int) -> None:
    """Put copies of rows, from ``row`` on, to the messages that they belong to."""
    for number in range(count):
        one = told + number * TOLD_BYTES
        store_8(one + TOLD_TURN, first + load_i8(one + TOLD_FIRST_ROW))
    while row < end:
        stream, one = load_i8(row + ROW_STREAM), told
        if stream >= 0:
            while load_i8(one + TOLD_STREAM) != stream:
                one += TOLD_BYTES
            place = load_i8(one + TOLD_TURN)
            copy(place, row, ROW_BYTES)
            store_8(one + TOLD_TURN, place + ROW_BYTES)
        row += ROW_BYTES
