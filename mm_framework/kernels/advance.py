"""`advance`: log records through scanner, book, checksum and output, as long as nothing surprises.

    record -> a data frame? before every deadline? -> scan -> each message: its stream as it should be?
           -> book, cut, checksum, crossed -> rows and messages -> commit, next record

It stops before the first record that is anything else, leaves no trace of it and says why (`Stop`).
What a frame changes before it is known to be good goes into an undo log (levels, words of the
instrument) or a shadow (counts, output positions).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from mm_framework.kernels.book import (
    book_best,
    book_bound,
    book_count,
    book_crossed,
    book_room,
    book_worst,
)
from mm_framework.kernels.digest import digest_holds
from mm_framework.kernels.jit import helper, inline, kernel
from mm_framework.kernels.layout import (
    CARRIES_BOOK,
    CARRIES_HEARTBEAT,
    CARRIES_TRADE,
    CTX_BOUND,
    CTX_CHECKSUM,
    CTX_COUNTS,
    CTX_DIRTY,
    CTX_END,
    CTX_FULL,
    CTX_HASH,
    CTX_LINKS,
    CTX_LIVE,
    CTX_MESSAGES,
    CTX_MESSAGES_CAPACITY,
    CTX_MONO,
    CTX_MUTABLE,
    CTX_MUTABLE_BYTES,
    CTX_N_DIRTY,
    CTX_N_LINKS,
    CTX_N_MESSAGES,
    CTX_N_ROWS,
    CTX_N_SHAPES,
    CTX_NUMBERED,
    CTX_NUMBERS,
    CTX_ONLINE,
    CTX_POSITION,
    CTX_REFUSAL,
    CTX_RESYNC_CROSSED,
    CTX_ROWS,
    CTX_ROWS_CAPACITY,
    CTX_SCAN,
    CTX_SEQ,
    CTX_SEQUENCE,
    CTX_SHADOW,
    CTX_SHAPES,
    CTX_STREAMS,
    CTX_TRADE_IDS,
    CTX_UNDO,
    CTX_UNDO_AT,
    CTX_WALL,
    HOT_NOT,
    HOT_SYNCED,
    HOT_UNPROVED,
    INSTRUMENT_APPLIED,
    INSTRUMENT_ASKS,
    INSTRUMENT_BIDS,
    INSTRUMENT_BOOK,
    INSTRUMENT_BOUND_ASK,
    INSTRUMENT_BOUND_BID,
    INSTRUMENT_COMPARED,
    INSTRUMENT_DEFINED,
    INSTRUMENT_DEPTH,
    INSTRUMENT_EPOCH,
    INSTRUMENT_EQUAL,
    INSTRUMENT_HASHED,
    INSTRUMENT_HOT_BOOK,
    INSTRUMENT_HOT_TRADES,
    INSTRUMENT_LAST,
    INSTRUMENT_NOT_HASHED,
    INSTRUMENT_NUMBER,
    INSTRUMENT_PRICE_DECIMALS,
    INSTRUMENT_PRICE_SCALE,
    INSTRUMENT_SEEN_PRICE,
    INSTRUMENT_SEEN_SIZE,
    INSTRUMENT_SIZE_DECIMALS,
    INSTRUMENT_SIZE_SCALE,
    INSTRUMENT_SYNCED,
    INSTRUMENT_TOLD,
    INSTRUMENT_TRADE,
    INSTRUMENT_UNPROVED,
    INSTRUMENT_WINDOW,
    INSTRUMENT_WITNESS,
    MESSAGE_BYTES,
    MESSAGE_CONNECTION,
    MESSAGE_FIRST_ROW,
    MESSAGE_FLAGS,
    MESSAGE_FRAME,
    MESSAGE_INSTRUMENT,
    MESSAGE_KIND,
    MESSAGE_NUMBERS,
    MESSAGE_ROWS,
    RECORD_BYTES,
    RECORD_CONNECTION,
    RECORD_INDEX,
    RECORD_KIND,
    RECORD_LENGTH,
    RECORD_MONO,
    ROW_AUX,
    ROW_BYTES,
    ROW_CONNECTION,
    ROW_EPOCH,
    ROW_FLAGS,
    ROW_FRAME,
    ROW_INSTRUMENT,
    ROW_KIND,
    ROW_PRICE,
    ROW_PRICE_DECIMALS,
    ROW_RECV,
    ROW_SEQ,
    ROW_SIDE,
    ROW_SIZE,
    ROW_SIZE_DECIMALS,
    ROW_VENUE,
    SCAN_CONNECTION,
    SCAN_KNOWN,
    SCAN_MESSAGES,
    SCAN_NUMBER,
    SCAN_ROWS,
    SCAN_ROWS_END,
    SCAN_TOLD,
    SEQUENCE_CONNECTION,
    SEQUENCE_FIRST,
    SEQUENCE_PREV,
    SHAPE_BEGINS,
    SHAPE_BYTES,
    SHAPE_CARRIES,
    SIDE_BOUND,
    STREAM_BYTES,
    STREAM_CONNECTION,
    STREAM_DEADLINE,
    STREAM_DIRTY,
    STREAM_HOT,
    STREAM_IDLE,
    STREAM_INSTRUMENT,
    STREAM_LAST,
    STREAM_RETRY,
    TOLD_ASK,
    TOLD_ASK_SIZE,
    TOLD_BID,
    TOLD_BID_SIZE,
    TOLD_BYTES,
    TOLD_CHECKSUM,
    TOLD_DIGEST,
    TOLD_FIRST,
    TOLD_FIRST_ROW,
    TOLD_LAST,
    TOLD_PREV,
    TOLD_ROWS,
    TOLD_STREAM,
    TOLD_TIME,
    Count,
    Refusal,
    Stop,
)
from mm_framework.kernels.memory import (
    copy,
    load_i8,
    load_u1,
    load_u2,
    load_u4,
    store_1,
    store_2,
    store_4,
    store_8,
)
from mm_framework.kernels.numbers import POWERS
from mm_framework.kernels.proof import checksum_of
from mm_framework.kernels.scan import scan
from mm_framework.kernels.undo import change, set_level, undo
from mm_framework.kernels.witness import witness_look, witness_tell
from mm_framework.model.events import Kind, MessageFlag, RowFlag
from mm_framework.model.fixed import MAX, NULL
from mm_framework.model.frame import RecordKind

__all__ = ["advance"]

LIMITS: Final = np.array([MAX // 10**n for n in range(19)], dtype=np.int64)

FRAME: Final = int(RecordKind.FRAME)
LEVEL: Final = int(Kind.LEVEL)
TRADE: Final = int(Kind.TRADE)
TOP: Final = int(Kind.TOP)
LAST: Final = int(RowFlag.LAST)
NO_VENUE_TIME: Final = int(RowFlag.NO_VENUE_TIME)
DEPTH_UNPROVED: Final = int(RowFlag.DEPTH_UNPROVED)
UNTRUSTED: Final = int(RowFlag.UNTRUSTED)
HAS_CHECKSUM: Final = int(MessageFlag.HAS_CHECKSUM)
MESSAGE_UNTRUSTED: Final = int(MessageFlag.UNTRUSTED)

GOOD: Final = int(Stop.END)
KIND: Final = int(Stop.KIND)
DEADLINE: Final = int(Stop.DEADLINE)
REFUSED: Final = int(Stop.REFUSED)
STATE: Final = int(Stop.STATE)
BROKEN: Final = int(Stop.BROKEN)
NO_ROWS: Final = int(Stop.ROWS)
NO_BOOK: Final = int(Stop.BOOK)
NO_UNDO: Final = int(Stop.UNDO)
NO_TEXT: Final = int(Stop.TEXT)

OTHER_SHAPE: Final = int(Refusal.OTHER_SHAPE)
SNAPSHOT: Final = int(Refusal.SNAPSHOT)
ROOM: Final = int(Refusal.ROOM)

RECORDS: Final = CTX_COUNTS + 8 * Count.records
FRAMES: Final = CTX_COUNTS + 8 * Count.frames
DATA: Final = CTX_COUNTS + 8 * Count.data
HEARTBEATS: Final = CTX_COUNTS + 8 * Count.heartbeats
MESSAGES: Final = CTX_COUNTS + 8 * Count.messages
LEVELS: Final = CTX_COUNTS + 8 * Count.levels
TRADES: Final = CTX_COUNTS + 8 * Count.trades
TOPS: Final = CTX_COUNTS + 8 * Count.tops
VERIFIED: Final = CTX_COUNTS + 8 * Count.checksums_verified
COVERED: Final = CTX_COUNTS + 8 * Count.levels_covered
NOT_COVERED: Final = CTX_COUNTS + 8 * Count.levels_not_covered
UNKNOWN_DELETES: Final = CTX_COUNTS + 8 * Count.unknown_deletes
SEQUENCE_APPLIED: Final = CTX_COUNTS + 8 * Count.sequence_applied
TOPS_COMPARED: Final = CTX_COUNTS + 8 * Count.tops_compared
TOPS_EQUAL: Final = CTX_COUNTS + 8 * Count.tops_equal
HASHES_VERIFIED: Final = CTX_COUNTS + 8 * Count.hashes_verified
HASHES_UNVERIFIED: Final = CTX_COUNTS + 8 * Count.hashes_unverified
UNPROVED: Final = CTX_COUNTS + 8 * Count.depth_unproved_messages


@inline
def _add(ctx: int, count: int, n: int) -> None:
    store_8(ctx + count, load_i8(ctx + count) + n)


@helper
def _scaled(value: int, decimals: int, scale: int) -> int:
    """``value * 10**-decimals`` at ``scale``; -1 when that is not exact or does not fit."""
    if decimals <= scale:
        power = np.uint64(scale - decimals)
        return value * POWERS[power] if value <= LIMITS[power] else -1
    unit = POWERS[decimals - scale]
    shortened = value // unit
    return shortened if shortened * unit == value else -1


@helper
def _cut(ctx: int, book: int, side: int, depth: int) -> int:
    """Cut a side to its best ``depth`` levels; its bound (null: fewer), or -1 without room to remember."""
    count = book_count(book, side)
    while count > depth:
        if set_level(ctx, book, side, book_worst(book, side), 0) < 0:
            return -1
        count -= 1
    return book_worst(book, side) if count == depth else NULL


@helper
def _prove(ctx: int, told: int, instrument: int, row: int, n: int) -> int:
    """Compare the checksum of a message; count the levels that it covers."""
    if checksum_of(ctx, instrument) != load_i8(told + TOLD_CHECKSUM):
        return BROKEN
    bid = load_i8(instrument + INSTRUMENT_BIDS + SIDE_BOUND)
    ask = load_i8(instrument + INSTRUMENT_ASKS + SIDE_BOUND)
    covered, end = 0, row + n * ROW_BYTES
    while row < end:
        price = load_i8(row + ROW_PRICE)
        if price >= bid if load_u1(row + ROW_SIDE) == 1 else price <= ask:
            covered += 1
        row += ROW_BYTES
    _add(ctx, VERIFIED, 1)
    _add(ctx, COVERED, covered)
    _add(ctx, NOT_COVERED, n - covered)
    return GOOD


@helper
def _unproved(instrument: int, book: int) -> int:
    """Whether a best price lies beyond its bound."""
    bid, ask = load_i8(instrument + INSTRUMENT_BOUND_BID), load_i8(instrument + INSTRUMENT_BOUND_ASK)
    # Without a level the best bid is null, the least of all integers.
    if bid != NULL and book_best(book, 1) < bid:
        return 1
    best = book_best(book, -1)
    return 1 if ask != NULL and (best == NULL or best > ask) else 0


@helper
def _follows(ctx: int, told: int, instrument: int) -> int:
    """Whether the numbers of an update say that it is the next one of its instrument."""
    link, last = load_i8(ctx + CTX_SEQUENCE), load_i8(told + TOLD_LAST)
    if link not in (SEQUENCE_FIRST, SEQUENCE_PREV) or last == NULL:
        return GOOD
    number = load_i8(instrument + INSTRUMENT_LAST)
    joins = load_i8(told + TOLD_FIRST) - 1 if link == SEQUENCE_FIRST else load_i8(told + TOLD_PREV)
    if number == NULL or last <= number or joins != number:
        return STATE
    _add(ctx, SEQUENCE_APPLIED, 1)
    applied = load_i8(instrument + INSTRUMENT_APPLIED) + 1
    fits = change(ctx, instrument + INSTRUMENT_APPLIED, applied)
    fits &= change(ctx, instrument + INSTRUMENT_LAST, last)
    return GOOD if fits else NO_UNDO


@helper
def _look(ctx: int, instrument: int) -> int:
    """Compare the book with the ticker of its number, if there is one."""
    witness, number = load_i8(instrument + INSTRUMENT_WITNESS), load_i8(instrument + INSTRUMENT_LAST)
    if witness == 0 or number == NULL:
        return GOOD
    equal = witness_look(ctx, witness, number, load_i8(instrument + INSTRUMENT_BOOK))
    if equal < 0:
        return NO_UNDO
    if equal == 2:
        return GOOD
    _add(ctx, TOPS_COMPARED, 1)
    _add(ctx, TOPS_EQUAL, equal)
    compared = load_i8(instrument + INSTRUMENT_COMPARED) + 1
    fits = change(ctx, instrument + INSTRUMENT_COMPARED, compared)
    fits &= change(ctx, instrument + INSTRUMENT_EQUAL, load_i8(instrument + INSTRUMENT_EQUAL) + equal)
    return GOOD if fits else NO_UNDO


@helper
def _hashed(ctx: int, told: int, instrument: int) -> int:
    """Compare the book with the hash of a message, if it has one."""
    if load_i8(ctx + CTX_HASH) == 0 or load_i8(told + TOLD_DIGEST) <= 0:
        return GOOD
    holds = digest_holds(ctx, told, instrument)
    if holds < 0:
        store_8(ctx + CTX_FULL, instrument)
        return NO_TEXT
    _add(ctx, HASHES_VERIFIED if holds else HASHES_UNVERIFIED, 1)
    count = instrument + (INSTRUMENT_HASHED if holds else INSTRUMENT_NOT_HASHED)
    return GOOD if change(ctx, count, load_i8(count) + 1) else NO_UNDO


@helper
def _book(ctx: int, told: int, instrument: int, row: int) -> int:
    """Apply one book message: levels, cut, checksum, crossed."""
    hot, numbered = load_i8(instrument + INSTRUMENT_HOT_BOOK), load_i8(ctx + CTX_NUMBERED)
    if hot == HOT_NOT:
        return STATE
    proof = load_i8(ctx + CTX_CHECKSUM) == 0 or load_i8(told + TOLD_CHECKSUM) != NULL or numbered != 0
    if hot == HOT_UNPROVED and proof:
        return STATE
    n, book = load_i8(told + TOLD_ROWS), load_i8(instrument + INSTRUMENT_BOOK)
    if book_room(book) < n:
        store_8(ctx + CTX_FULL, instrument)
        return NO_BOOK
    price_scale = load_i8(instrument + INSTRUMENT_PRICE_SCALE)
    size_scale = load_i8(instrument + INSTRUMENT_SIZE_SCALE)
    seen_price = load_i8(instrument + INSTRUMENT_SEEN_PRICE)
    seen_size = load_i8(instrument + INSTRUMENT_SEEN_SIZE)
    at, end = row, row + n * ROW_BYTES
    while at < end:
        price_decimals, size_decimals = load_u1(at + ROW_PRICE_DECIMALS), load_u1(at + ROW_SIZE_DECIMALS)
        price = _scaled(load_i8(at + ROW_PRICE), price_decimals, price_scale)
        size = _scaled(load_i8(at + ROW_SIZE), size_decimals, size_scale)
        if price < 0 or size < 0:
            return STATE
        seen_price, seen_size = max(seen_price, price_decimals), max(seen_size, size_decimals)
        old = set_level(ctx, book, 1 if load_u1(at + ROW_SIDE) == 1 else -1, price, size)
        if old < 0:
            return NO_UNDO
        if old == 0 and size == 0:
            _add(ctx, UNKNOWN_DELETES, 1)
        store_8(at + ROW_PRICE, price)
        store_8(at + ROW_SIZE, size)
        at += ROW_BYTES
    follows = _follows(ctx, told, instrument)
    if follows:
        return follows
    fits = change(ctx, instrument + INSTRUMENT_SEEN_PRICE, seen_price)
    fits &= change(ctx, instrument + INSTRUMENT_SEEN_SIZE, seen_size)
    depth = load_i8(instrument + INSTRUMENT_DEPTH)
    if depth >= 0:
        bid, ask = _cut(ctx, book, 1, depth), _cut(ctx, book, -1, depth)
        if bid == -1 or ask == -1:
            return NO_UNDO
        fits &= change(ctx, instrument + INSTRUMENT_BOUND_BID, bid)
        fits &= change(ctx, instrument + INSTRUMENT_BOUND_ASK, ask)
    window = load_i8(instrument + INSTRUMENT_WINDOW)
    if window > 0:
        fits &= change(ctx, instrument + INSTRUMENT_BOUND_BID, book_bound(book, 1, window))
        fits &= change(ctx, instrument + INSTRUMENT_BOUND_ASK, book_bound(book, -1, window))
    if fits == 0:
        return NO_UNDO
    if load_i8(ctx + CTX_CHECKSUM) != 0 and load_i8(told + TOLD_CHECKSUM) != NULL:
        if load_i8(instrument + INSTRUMENT_TOLD) == 0 and (
            seen_price > load_i8(instrument + INSTRUMENT_PRICE_DECIMALS)
            or seen_size > load_i8(instrument + INSTRUMENT_SIZE_DECIMALS)
        ):
            return STATE
        if _prove(ctx, told, instrument, row, n):
            return BROKEN
    if load_i8(ctx + CTX_RESYNC_CROSSED) and load_i8(ctx + CTX_ONLINE) and book_crossed(book):
        return BROKEN
    if n and _unproved(instrument, book):
        _add(ctx, UNPROVED, 1)
        if change(ctx, instrument + INSTRUMENT_UNPROVED, load_i8(instrument + INSTRUMENT_UNPROVED) + 1) == 0:
            return NO_UNDO
    _add(ctx, LEVELS, n)
    looked = _look(ctx, instrument) if hot == HOT_SYNCED else GOOD
    return looked if looked else _hashed(ctx, told, instrument)


@helper
def _trades(ctx: int, told: int, instrument: int, row: int) -> int:
    """Check the numbers of the trades of one message, and scale them."""
    if load_i8(instrument + INSTRUMENT_HOT_TRADES) == 0:
        return STATE
    n = load_i8(told + TOLD_ROWS)
    if n == 0:
        return STATE
    price_scale = load_i8(instrument + INSTRUMENT_PRICE_SCALE)
    size_scale = load_i8(instrument + INSTRUMENT_SIZE_SCALE)
    last, rule = load_i8(instrument + INSTRUMENT_TRADE), load_i8(ctx + CTX_TRADE_IDS)
    at, end = row, row + n * ROW_BYTES
    while at < end:
        number = load_i8(at + ROW_AUX)
        if rule and number != NULL:
            if last == NULL or number <= last or (rule == 1 and number != last + 1):
                return STATE
            last = number
        price = _scaled(load_i8(at + ROW_PRICE), load_u1(at + ROW_PRICE_DECIMALS), price_scale)
        size = _scaled(load_i8(at + ROW_SIZE), load_u1(at + ROW_SIZE_DECIMALS), size_scale)
        if price < 0 or size < 0:
            return STATE
        store_8(at + ROW_PRICE, price)
        store_8(at + ROW_SIZE, size)
        at += ROW_BYTES
    if change(ctx, instrument + INSTRUMENT_TRADE, last) == 0:
        return NO_UNDO
    store_8(told + TOLD_FIRST, load_i8(row + ROW_AUX))
    store_8(told + TOLD_LAST, load_i8(end - ROW_BYTES + ROW_AUX))
    _add(ctx, TRADES, n)
    return GOOD


@helper
def _ticker(ctx: int, told: int, instrument: int, row: int) -> int:
    """Make the two rows of a ticker."""
    if load_i8(instrument + INSTRUMENT_DEFINED) == 0:
        return STATE
    price_scale = load_i8(instrument + INSTRUMENT_PRICE_SCALE)
    size_scale = load_i8(instrument + INSTRUMENT_SIZE_SCALE)
    for side, price_at, size_at in ((1, TOLD_BID, TOLD_BID_SIZE), (255, TOLD_ASK, TOLD_ASK_SIZE)):
        price, size = load_i8(told + price_at), load_i8(told + size_at)
        if price == NULL:
            size = NULL
        else:
            price = _scaled(price, load_i8(told + price_at + 8), price_scale)
            size = NULL if size == NULL else _scaled(size, load_i8(told + size_at + 8), size_scale)
            if price < 0 or size == -1:
                return STATE
        store_8(row + ROW_PRICE, price)
        store_8(row + ROW_SIZE, size)
        store_8(row + ROW_AUX, load_i8(told + TOLD_LAST))
        store_1(row + ROW_SIDE, side)
        row += ROW_BYTES
    _add(ctx, TOPS, 1)
    witness, number = load_i8(instrument + INSTRUMENT_WITNESS), load_i8(told + TOLD_LAST)
    if witness == 0 or number == NULL:
        return GOOD
    if witness_tell(ctx, witness, number, row - 2 * ROW_BYTES) == 0:
        return NO_UNDO
    synced = load_i8(instrument + INSTRUMENT_SYNCED)
    return _look(ctx, instrument) if synced and number <= load_i8(instrument + INSTRUMENT_LAST) else GOOD


@helper
def _emit(ctx: int, record: int, told: int, instrument: int, kind: int, row: int, n: int) -> None:
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
    if kind == LEVEL and _unproved(instrument, load_i8(instrument + INSTRUMENT_BOOK)):
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
    _add(ctx, CTX_N_ROWS, n)
    _add(ctx, CTX_N_MESSAGES, 1)
    _add(ctx, CTX_SEQ, 1)


@helper
def _heard(ctx: int, stream: int, mono: int) -> None:
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
            kind, stop = LEVEL, _book(ctx, told, instrument, row)
        elif carries == CARRIES_TRADE:
            kind, stop = TRADE, _trades(ctx, told, instrument, row)
        else:
            # A ticker's rows are not in the frame: they are made behind those that are.
            row, n = load_i8(ctx + CTX_ROWS) + load_i8(ctx + CTX_N_ROWS) * ROW_BYTES, 2
            if load_i8(ctx + CTX_N_ROWS) + 2 > load_i8(ctx + CTX_ROWS_CAPACITY):
                return NO_ROWS
            kind, stop = TOP, _ticker(ctx, told, instrument, row)
        if stop:
            return stop
        if n:
            _emit(ctx, record, told, instrument, kind, row, n)
        _add(ctx, MESSAGES, 1)
        told += TOLD_BYTES
    told = s + SCAN_TOLD
    while told < end:
        _heard(ctx, load_i8(ctx + CTX_STREAMS) + load_i8(told + TOLD_STREAM) * STREAM_BYTES, mono)
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
            _add(ctx, HEARTBEATS, 1)
        else:
            copy(ctx + CTX_SHADOW, ctx + CTX_MUTABLE, CTX_MUTABLE_BYTES)
            stop = _messages(ctx, record, carries)
            if stop:
                undo(ctx)
                return stop
            store_8(ctx + CTX_UNDO_AT, load_i8(ctx + CTX_UNDO))
            _add(ctx, DATA, 1)
        _add(ctx, RECORDS, 1)
        _add(ctx, FRAMES, 1)
        if connection < n_links and load_i8(links + connection * 8) != NULL:
            store_8(links + connection * 8, mono)
        if numbered:
            store_8(numbers + connection * 8, number)
            _add(ctx, SEQUENCE_APPLIED, 1)
        record = behind
        store_8(ctx + CTX_POSITION, record)
    return GOOD
