"""Rows and messages as `advance` gives them out, and the deadlines of the streams that they came on."""

from __future__ import annotations

from typing import Final

from mm_framework.kernels.codes import tally
from mm_framework.kernels.jit import helper
from mm_framework.kernels.layout import (
    CTX_BOUND,
    CTX_DIRTY,
    CTX_LIVE,
    CTX_MESSAGES,
    CTX_MONO,
    CTX_N_DIRTY,
    CTX_N_MESSAGES,
    CTX_N_ROWS,
    CTX_SEQ,
    CTX_WALL,
    HOT_UNPROVED,
    INSTRUMENT_EPOCH,
    INSTRUMENT_HOT_BOOK,
    INSTRUMENT_NUMBER,
    MESSAGE_BYTES,
    MESSAGE_CONNECTION,
    MESSAGE_FIRST_ROW,
    MESSAGE_FLAGS,
    MESSAGE_FRAME,
    MESSAGE_INSTRUMENT,
    MESSAGE_KIND,
    MESSAGE_NUMBERS,
    MESSAGE_ROWS,
    RECORD_CONNECTION,
    RECORD_INDEX,
    RECORD_MONO,
    ROW_AUX,
    ROW_BYTES,
    ROW_CONNECTION,
    ROW_EPOCH,
    ROW_FLAGS,
    ROW_FRAME,
    ROW_INSTRUMENT,
    ROW_KIND,
    ROW_RECV,
    ROW_SEQ,
    ROW_VENUE,
    STREAM_DEADLINE,
    STREAM_DIRTY,
    STREAM_IDLE,
    STREAM_LAST,
    STREAM_RETRY,
    TOLD_CHECKSUM,
    TOLD_FIRST,
    TOLD_LAST,
    TOLD_TIME,
    TOLD_UNPROVED,
)
from mm_framework.kernels.memory import copy, load_i8, load_u2, load_u4, store_1, store_2, store_4, store_8
from mm_framework.model.events import Kind, MessageFlag, RowFlag
from mm_framework.model.fixed import NULL

__all__ = ["emit", "heard"]

LEVEL: Final = int(Kind.LEVEL)
TRADE: Final = int(Kind.TRADE)
LAST: Final = int(RowFlag.LAST)
NO_VENUE_TIME: Final = int(RowFlag.NO_VENUE_TIME)
DEPTH_UNPROVED: Final = int(RowFlag.DEPTH_UNPROVED)
UNTRUSTED: Final = int(RowFlag.UNTRUSTED)
HAS_CHECKSUM: Final = int(MessageFlag.HAS_CHECKSUM)
MESSAGE_UNTRUSTED: Final = int(MessageFlag.UNTRUSTED)


@helper
def emit(ctx: int, record: int, told: int, instrument: int, kind: int, row: int, n: int) -> None:
    """Fill the rows' other columns and write the message. The rows stand where they belong."""
    mono, wall = load_i8(record + RECORD_MONO), load_i8(ctx + CTX_WALL)
    recv = NULL if wall == NULL else wall + mono
    seq, time = load_i8(ctx + CTX_SEQ), load_i8(told + TOLD_TIME)
    number, epoch = load_i8(instrument + INSTRUMENT_NUMBER), load_i8(instrument + INSTRUMENT_EPOCH)
    connection, frame = load_u2(record + RECORD_CONNECTION), load_u4(record + RECORD_INDEX)
    checksum = load_i8(told + TOLD_CHECKSUM)
    flags, trust = 0, 0
    if kind == LEVEL and load_i8(instrument + INSTRUMENT_HOT_BOOK) == HOT_UNPROVED:
        flags, trust = UNTRUSTED, MESSAGE_UNTRUSTED
    if kind == LEVEL and load_i8(told + TOLD_UNPROVED):
        flags |= DEPTH_UNPROVED
    at, end = row, row + n * ROW_BYTES
    while at < end:
        venue = load_i8(at + ROW_VENUE) if kind == TRADE else time
        store_8(at + ROW_RECV, recv)
        store_8(at + ROW_VENUE, venue)
        store_8(at + ROW_SEQ, seq)
        store_4(at + ROW_INSTRUMENT, number)
        store_2(at + ROW_CONNECTION, connection)
        store_1(at + ROW_KIND, kind)
        store_2(at + ROW_FLAGS, flags if venue != NULL else flags | NO_VENUE_TIME)
        store_2(at + ROW_EPOCH, epoch)
        store_4(at + ROW_FRAME, frame)
        at += ROW_BYTES
    at -= ROW_BYTES
    store_2(at + ROW_FLAGS, load_u2(at + ROW_FLAGS) | LAST)
    if kind == LEVEL:
        store_8(at + ROW_AUX, checksum if checksum != NULL else load_i8(told + TOLD_LAST))
    message = load_i8(ctx + CTX_MESSAGES) + load_i8(ctx + CTX_N_MESSAGES) * MESSAGE_BYTES
    copy(message + MESSAGE_NUMBERS, told + TOLD_FIRST, 40)
    store_4(message + MESSAGE_FRAME, frame)
    store_4(message + MESSAGE_INSTRUMENT, number)
    store_4(message + MESSAGE_FIRST_ROW, load_i8(ctx + CTX_N_ROWS))
    store_4(message + MESSAGE_ROWS, n)
    store_2(message + MESSAGE_CONNECTION, connection)
    store_1(message + MESSAGE_KIND, kind)
    store_1(message + MESSAGE_FLAGS, trust | (HAS_CHECKSUM if checksum != NULL else 0))
    store_4(message + MESSAGE_FLAGS + 1, 0)
    store_8(load_i8(ctx + CTX_MONO) + load_i8(ctx + CTX_N_MESSAGES) * 8, mono)
    tally(ctx, CTX_N_ROWS, n)
    tally(ctx, CTX_N_MESSAGES, 1)
    tally(ctx, CTX_SEQ, 1)


@helper
def heard(ctx: int, stream: int, mono: int) -> None:
    """A message of a stream came: its next deadline."""
    store_8(stream + STREAM_LAST, mono)
    if load_i8(stream + STREAM_DIRTY) == 0:
        store_8(stream + STREAM_DIRTY, 1)
        n = load_i8(ctx + CTX_N_DIRTY)
        store_8(load_i8(ctx + CTX_DIRTY) + n * 8, stream)
        store_8(ctx + CTX_N_DIRTY, n + 1)
    if load_i8(ctx + CTX_LIVE):
        deadline = mono + load_i8(stream + STREAM_IDLE)
        store_8(stream + STREAM_DEADLINE, deadline)
        bound = min(load_i8(ctx + CTX_BOUND), deadline, load_i8(stream + STREAM_RETRY))
        store_8(ctx + CTX_BOUND, bound)
