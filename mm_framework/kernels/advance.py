"""`advance`: log records through scanner, book, checksum and output, as long as nothing surprises.

    record -> a data frame? before every deadline? -> scan -> each message: its stream as it should be?
           -> book, cut, checksum, crossed -> rows and messages -> commit, next record

It stops before the first record that is anything else, leaves no trace of it and says why (`Stop`).
What a frame changes before it is known to be good goes into an undo log (levels, words of the
instrument) or a shadow (counts, output positions).
"""

from __future__ import annotations

from typing import Final

from mm_framework.kernels.book_message import take_book
from mm_framework.kernels.codes import (
    DATA,
    DEADLINE,
    FRAMES,
    GOOD,
    HEARTBEATS,
    KIND,
    MESSAGES,
    NO_ROWS,
    RECORDS,
    REFUSED,
    SEQUENCE_APPLIED,
    STATE,
    tally,
)
from mm_framework.kernels.jit import helper, inline, kernel
from mm_framework.kernels.layout import (
    CARRIES_BOOK,
    CARRIES_HEARTBEAT,
    CARRIES_TRADE,
    CTX_BOUND,
    CTX_END,
    CTX_LINKS,
    CTX_MESSAGES_CAPACITY,
    CTX_MUTABLE,
    CTX_MUTABLE_BYTES,
    CTX_N_LINKS,
    CTX_N_MESSAGES,
    CTX_N_ROWS,
    CTX_N_SHAPES,
    CTX_NUMBERED,
    CTX_NUMBERS,
    CTX_POSITION,
    CTX_REFUSAL,
    CTX_ROWS,
    CTX_ROWS_CAPACITY,
    CTX_SCAN,
    CTX_SEQUENCE,
    CTX_SHADOW,
    CTX_SHAPES,
    CTX_STREAMS,
    CTX_UNDO,
    CTX_UNDO_AT,
    RECORD_BYTES,
    RECORD_CONNECTION,
    RECORD_KIND,
    RECORD_LENGTH,
    RECORD_MONO,
    ROW_BYTES,
    SCAN_CONNECTION,
    SCAN_KNOWN,
    SCAN_MESSAGES,
    SCAN_NUMBER,
    SCAN_ROWS,
    SCAN_ROWS_END,
    SCAN_TOLD,
    SEQUENCE_CONNECTION,
    SHAPE_BEGINS,
    SHAPE_BYTES,
    SHAPE_CARRIES,
    STREAM_BYTES,
    STREAM_CONNECTION,
    STREAM_HOT,
    STREAM_INSTRUMENT,
    TOLD_BYTES,
    TOLD_FIRST_ROW,
    TOLD_ROWS,
    TOLD_STREAM,
    Refusal,
)
from mm_framework.kernels.memory import copy, load_i8, load_u1, load_u2, load_u4, store_8
from mm_framework.kernels.output import emit, heard
from mm_framework.kernels.print_message import take_ticker, take_trades
from mm_framework.kernels.scan import scan
from mm_framework.kernels.undo import undo
from mm_framework.model.events import Kind
from mm_framework.model.fixed import NULL
from mm_framework.model.frame import RecordKind

__all__ = ["advance"]

FRAME: Final = int(RecordKind.FRAME)
LEVEL: Final = int(Kind.LEVEL)
TRADE: Final = int(Kind.TRADE)
TOP: Final = int(Kind.TOP)
OTHER_SHAPE: Final = int(Refusal.OTHER_SHAPE)
SNAPSHOT: Final = int(Refusal.SNAPSHOT)
ROOM: Final = int(Refusal.ROOM)


@helper
def _messages(ctx: int, record: int, carries: int) -> int:
    """Take all messages of a frame that was scanned."""
    s = load_i8(ctx + CTX_SCAN)
    told = s + SCAN_TOLD
    end = told + load_i8(s + SCAN_MESSAGES) * TOLD_BYTES
    room = load_i8(ctx + CTX_MESSAGES_CAPACITY) - load_i8(ctx + CTX_N_MESSAGES)
    if room < load_i8(s + SCAN_MESSAGES):
        return NO_ROWS
    connection, mono = load_u2(record + RECORD_CONNECTION), load_i8(record + RECORD_MONO)
    first = load_i8(s + SCAN_ROWS)
    while told < end:
        stream = load_i8(ctx + CTX_STREAMS) + load_i8(told + TOLD_STREAM) * STREAM_BYTES
        if load_i8(stream + STREAM_HOT) == 0 or load_i8(stream + STREAM_CONNECTION) != connection:
            return STATE
        instrument = load_i8(stream + STREAM_INSTRUMENT)
        row, n = first + load_i8(told + TOLD_FIRST_ROW), load_i8(told + TOLD_ROWS)
        if carries == CARRIES_BOOK:
            kind, stop = LEVEL, take_book(ctx, told, instrument, row)
        elif carries == CARRIES_TRADE:
            kind, stop = TRADE, take_trades(ctx, told, instrument, row)
        else:
            # A ticker's rows are not in the frame: they are made behind those that are.
            row, n = load_i8(ctx + CTX_ROWS) + load_i8(ctx + CTX_N_ROWS) * ROW_BYTES, 2
            if load_i8(ctx + CTX_N_ROWS) + 2 > load_i8(ctx + CTX_ROWS_CAPACITY):
                return NO_ROWS
            kind, stop = TOP, take_ticker(ctx, told, instrument, row)
        if stop:
            return stop
        if n:
            emit(ctx, record, told, instrument, kind, row, n)
        tally(ctx, MESSAGES, 1)
        told += TOLD_BYTES
    told = s + SCAN_TOLD
    while told < end:
        heard(ctx, load_i8(ctx + CTX_STREAMS) + load_i8(told + TOLD_STREAM) * STREAM_BYTES, mono)
        told += TOLD_BYTES
    return GOOD


@inline
def _begins(shape: int, p: int) -> bool:
    """Whether a frame begins as the shape's usually do."""
    text, at, n = shape + SHAPE_BEGINS + 8, 0, load_i8(shape + SHAPE_BEGINS)
    while at < n:
        if (load_i8(p + at) & load_i8(text + 32 + at)) != load_i8(text + at):
            return False
        at += 8
    return True


@helper
def _scan(ctx: int, connection: int, p: int, end: int) -> tuple[int, int]:
    """``(refusal, shape)``: read a frame by the first shape that fits it, those first that look like it."""
    s, shapes = load_i8(ctx + CTX_SCAN), load_i8(ctx + CTX_SHAPES)
    rows, capacity = load_i8(ctx + CTX_ROWS), load_i8(ctx + CTX_ROWS_CAPACITY)
    store_8(s + SCAN_CONNECTION, connection)
    store_8(s + SCAN_ROWS, rows + load_i8(ctx + CTX_N_ROWS) * ROW_BYTES)
    store_8(s + SCAN_ROWS_END, rows + capacity * ROW_BYTES)
    last = shapes + load_i8(ctx + CTX_N_SHAPES) * SHAPE_BYTES
    for alike in (True, False):
        shape = shapes
        while shape < last:
            if _begins(shape, p) == alike:
                refusal = scan(s, shape, p, end)
                if refusal == 0 or refusal in (SNAPSHOT, ROOM) or load_i8(s + SCAN_KNOWN):
                    return refusal, shape
            shape += SHAPE_BYTES
    return OTHER_SHAPE, 0


@kernel
def advance(ctx: int) -> int:
    """Take records from CTX_POSITION on; returns why it stopped before the one that is there now."""
    end, n_links = load_i8(ctx + CTX_END), load_i8(ctx + CTX_N_LINKS)
    links, numbers = load_i8(ctx + CTX_LINKS), load_i8(ctx + CTX_NUMBERS)
    record = load_i8(ctx + CTX_POSITION)
    while record < end:
        if load_u1(record + RECORD_KIND) != FRAME:
            return KIND
        mono = load_i8(record + RECORD_MONO)
        if mono >= load_i8(ctx + CTX_BOUND):
            return DEADLINE
        behind = record + RECORD_BYTES + load_u4(record + RECORD_LENGTH)
        if behind > end:
            return KIND
        connection = load_u2(record + RECORD_CONNECTION)
        refusal, shape = _scan(ctx, connection, record + RECORD_BYTES, behind)
        if refusal:
            store_8(ctx + CTX_REFUSAL, refusal)
            return NO_ROWS if refusal == ROOM else REFUSED
        number = load_i8(load_i8(ctx + CTX_SCAN) + SCAN_NUMBER)
        numbered = load_i8(ctx + CTX_SEQUENCE) == SEQUENCE_CONNECTION and number != NULL
        if numbered and (connection >= n_links or load_i8(numbers + connection * 8) != number - 1):
            return STATE
        store_8(ctx + CTX_NUMBERED, 1 if numbered else 0)
        carries = load_i8(shape + SHAPE_CARRIES)
        if carries == CARRIES_HEARTBEAT:
            tally(ctx, HEARTBEATS, 1)
        else:
            copy(ctx + CTX_SHADOW, ctx + CTX_MUTABLE, CTX_MUTABLE_BYTES)
            stop = _messages(ctx, record, carries)
            if stop:
                undo(ctx)
                return stop
            store_8(ctx + CTX_UNDO_AT, load_i8(ctx + CTX_UNDO))
            tally(ctx, DATA, 1)
        tally(ctx, RECORDS, 1)
        tally(ctx, FRAMES, 1)
        if connection < n_links and load_i8(links + connection * 8) != NULL:
            store_8(links + connection * 8, mono)
        if numbered:
            store_8(numbers + connection * 8, number)
            tally(ctx, SEQUENCE_APPLIED, 1)
        record = behind
        store_8(ctx + CTX_POSITION, record)
    return GOOD
