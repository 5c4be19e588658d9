"""Where things stand in the memory that kernels share with Python: byte offsets, codes, sizes.

All fields are int64s unless said otherwise. Rows and messages are those of `model.events`, records
those of `model.frame`.
"""

from __future__ import annotations

import enum
from typing import Final

WORD: Final = 8

MAX_DEPTH: Final = 24
"""Containers within one another in a value that is skipped; 64 would be the most that a word can tell."""

# A row of `model.events.ROW` and a message of `MESSAGE`, by byte.
ROW_BYTES: Final = 64
ROW_RECV: Final = 0
ROW_VENUE: Final = 8
ROW_SEQ: Final = 16
ROW_PRICE: Final = 24
ROW_SIZE: Final = 32
ROW_AUX: Final = 40
ROW_INSTRUMENT: Final = 48  # u4
ROW_CONNECTION: Final = 52  # u2
ROW_KIND: Final = 54  # u1
ROW_SIDE: Final = 55  # i1
ROW_FLAGS: Final = 56  # u2
ROW_EPOCH: Final = 58  # u2
ROW_FRAME: Final = 60  # u4
# As the scanner leaves a row, its first word holds the decimals written: of the price, of the size.
ROW_PRICE_DECIMALS: Final = 0  # u1
ROW_SIZE_DECIMALS: Final = 1  # u1
ROW_EMPTY: Final = 2  # u1: the level is gone, whatever its size says
ROW_STREAM: Final = ROW_SEQ  # of a row that names its instrument
ROW_DIGEST: Final = ROW_FLAGS  # i8: address of the hash that it carries, 0: none

MESSAGE_BYTES: Final = 64
MESSAGE_NUMBERS: Final = 0  # first, last, prev, checksum, ts_venue_ns
MESSAGE_FRAME: Final = 40  # u4
MESSAGE_INSTRUMENT: Final = 44  # u4
MESSAGE_FIRST_ROW: Final = 48  # u4
MESSAGE_ROWS: Final = 52  # u4
MESSAGE_CONNECTION: Final = 56  # u2
MESSAGE_KIND: Final = 58  # u1
MESSAGE_FLAGS: Final = 59  # u1

# A log record's header of `model.frame.HEADER`, by byte.
RECORD_LENGTH: Final = 4  # u4
RECORD_KIND: Final = 8  # u1
RECORD_CONNECTION: Final = 10  # u2
RECORD_INDEX: Final = 12  # u4
RECORD_MONO: Final = 16
RECORD_BYTES: Final = 32

# A message as the scanner leaves it. Decimals stand behind each number of a ticker.
TOLD_STREAM: Final = 0
TOLD_FIRST_ROW: Final = 8  # within the frame
TOLD_ROWS: Final = 16
TOLD_FIRST: Final = 24
TOLD_LAST: Final = 32
TOLD_PREV: Final = 40
TOLD_CHECKSUM: Final = 48
TOLD_TIME: Final = 56
TOLD_BID: Final = 64
TOLD_BID_SIZE: Final = 80
TOLD_ASK: Final = 96
TOLD_ASK_SIZE: Final = 112
TOLD_ORDER: Final = 128  # of the last rows
TOLD_TURN: Final = 136  # the row at which rows begin that belong before the others, -1
TOLD_UNPROVED: Final = TOLD_ORDER  # once it is applied, 1: a best price lies beyond its bound
TOLD_DIGEST: Final = 144  # address of its hash, 0 or less: none
TOLD_MARKET: Final = 152  # address and length of texts that the hash covers
TOLD_TIME_TEXT: Final = 168
TOLD_BYTES: Final = 184
MAX_TOLD: Final = 64
"""Messages of one frame; a frame with more is read by the reference path."""

# The scanner's own memory.
SCAN_ROWS: Final = 0  # where its rows go, and their end
SCAN_ROWS_END: Final = 8
SCAN_SYMBOLS: Final = 16  # table of names, and its size less one
SCAN_SYMBOL_MASK: Final = 24
SCAN_MESSAGES: Final = 32  # how many were told
SCAN_N_ROWS: Final = 40
SCAN_KNOWN: Final = 48  # 1 when a literal of the shape was seen and fits
SCAN_MINUTE: Final = 56  # 16 bytes of text, then its ns since the epoch
SCAN_CHANNEL: Final = 80
SCAN_CONNECTION: Final = 88
SCAN_NUMBER: Final = 96  # of the frame on its connection
SCAN_STACK: Final = 104  # (node, next child) a container
SCAN_STACK_BYTES: Final = 16 * 26
SCAN_TOLD: Final = SCAN_STACK + SCAN_STACK_BYTES
SCAN_BYTES: Final = SCAN_TOLD + TOLD_BYTES * MAX_TOLD

# A node of a shape.
NODE_KIND: Final = 0
NODE_FLAGS: Final = 8
NODE_BIT: Final = 16
NODE_TARGET: Final = 24  # byte offset in the row or the told message
NODE_VALUE: Final = 32  # of a choice's text; else the greatest integer, the form of a time
NODE_CHILD: Final = 40
NODE_CHILDREN: Final = 48
NODE_REQUIRED: Final = 56
NODE_SCOPE: Final = 64  # bits to forget when its scope opens
NODE_SIDE: Final = 72
NODE_ORDER: Final = 80
NODE_TEMPLATE: Final = 88
NODE_KEY_LENGTH: Final = 96
NODE_KEY: Final = 104  # 32 bytes, then their mask
NODE_KEY_MASK: Final = 136
NODE_LEAST: Final = 168  # of an integer
NODE_BYTES: Final = 176
MAX_KEY: Final = 30

# How a row's text usually runs: three literals of at most 16 bytes, each (length, 16 bytes, mask).
TEMPLATE_LITERAL_BYTES: Final = 40
TEMPLATE_BYTES: Final = 120

# A shape.
SHAPE_ROOT: Final = 0
SHAPE_CARRIES: Final = 8
SHAPE_CHANNEL: Final = 16
SHAPE_REQUIRED: Final = 24
SHAPE_BEGINS: Final = 32  # length, 32 bytes, mask
SHAPE_BYTES: Final = 104

CARRIES_HEARTBEAT: Final = 0
CARRIES_BOOK: Final = 1
CARRIES_TRADE: Final = 2
CARRIES_TICKER: Final = 3


class NodeKind(enum.IntEnum):
    """What stands at a place of a document."""

    OBJECT = 0
    TUPLE = 1
    ARRAY = 2
    SKIP = 3
    DECIMAL = 4
    INTEGER = 5
    TIME = 6
    SYMBOL = 7
    CHOICE = 8
    LITERAL = 9
    WHOLE_BOOK = 10
    TRUTH = 11
    ORDERS = 12
    ENDING = 13
    TEXT = 14
    DIGEST = 15
    OTHER = 16
    BEST = 17


class NodeFlag(enum.IntFlag):
    """Bits of a node's flags."""

    QUOTED = 1
    IN_ROW = 2
    CLOSED = 4
    MORE = 8
    MESSAGE = 16
    ROW = 32
    ROWS = 64
    POSITIVE = 128
    NEWEST = 256  # a time that counts for the message if no later one is told
    SIDE = 512  # a choice that says the row's side
    SIGNED = 1024  # a size whose sign says the row's side
    FRAME = 2048  # an integer about the whole frame
    BARE = 4096  # a symbol that is a number without quotes
    SPLIT = 8192  # a message whose rows name their instruments
    KEPT = 16384  # a text that a hash covers
    HASHED = 32768  # a message with a hash of its book


class TimeForm(enum.IntEnum):
    """How a time is written."""

    RFC3339 = 0
    SECONDS = 1
    MS = 2
    US = 3
    NS = 4
    EPOCH = 5


class Refusal(enum.IntEnum):
    """Why the scanner does not read a frame; zero: it does. ``OTHER_SHAPE``: a literal differs."""

    NONE = 0
    OTHER_SHAPE = 1
    SNAPSHOT = 2
    ROOM = 3
    SYNTAX = 4
    TRAILING = 5
    MISSING = 6
    DOUBLED = 7
    KEY = 8
    TEXT = 9
    NUMBER = 10
    SIGN = 11
    TIME = 12
    CHOICE = 13
    SYMBOL = 14
    SYMBOLS = 15
    MANY = 16


# Names of instruments, open addressing.
SYMBOL_LENGTH: Final = 0  # 0: nobody
SYMBOL_CHANNEL: Final = 8
SYMBOL_STREAM: Final = 16
SYMBOL_CONNECTION: Final = 24  # -1: the name is the same on all
SYMBOL_TEXT: Final = 32
SYMBOL_BYTES: Final = 128
MAX_SYMBOL: Final = 96
NOBODY: Final = -2
"""The stream of a name that nobody follows."""

# One instrument on one channel.
STREAM_INSTRUMENT: Final = 0  # address
STREAM_CONNECTION: Final = 8  # -1: nobody feeds it
STREAM_HOT: Final = 16  # 1: nothing is awaited of it but the next message
STREAM_IDLE: Final = 24
STREAM_RETRY: Final = 32
STREAM_DEADLINE: Final = 40
STREAM_LAST: Final = 48
STREAM_DIRTY: Final = 56
STREAM_BYTES: Final = 64

# One instrument.
INSTRUMENT_BOOK: Final = 0  # address
INSTRUMENT_NUMBER: Final = 8
INSTRUMENT_EPOCH: Final = 16
INSTRUMENT_PRICE_SCALE: Final = 24
INSTRUMENT_SIZE_SCALE: Final = 32
INSTRUMENT_HOT_BOOK: Final = 40  # see HOT_*
INSTRUMENT_DEFINED: Final = 48
INSTRUMENT_PRICE_DECIMALS: Final = 56
INSTRUMENT_SIZE_DECIMALS: Final = 64
INSTRUMENT_TOLD: Final = 72  # 1: the venue told the decimals
INSTRUMENT_DEPTH: Final = 80  # levels that the book is cut to, -1: not cut
INSTRUMENT_SEEN_PRICE: Final = 88
INSTRUMENT_SEEN_SIZE: Final = 96
INSTRUMENT_BOUND_BID: Final = 104
INSTRUMENT_BOUND_ASK: Final = 112
INSTRUMENT_TRADE: Final = 120  # number of the last trade, null before the first
INSTRUMENT_HOT_TRADES: Final = 128
INSTRUMENT_SYNCED: Final = 136  # 1: tickers may be compared with the book, whether it is hot or not
INSTRUMENT_LAST: Final = 144  # number of the last update of the book, null before the first
INSTRUMENT_APPLIED: Final = 152  # updates that followed, to be counted for the instrument
INSTRUMENT_UNPROVED: Final = 160  # messages that left the best price beyond its bound, likewise
INSTRUMENT_WITNESS: Final = 168  # address, 0: tickers have no numbers
INSTRUMENT_BIDS: Final = 176  # what is kept of each side for checksums or hashes
INSTRUMENT_ASKS: Final = 224
INSTRUMENT_WINDOW: Final = 272  # levels that the venue keeps the book to, 0: it does not
INSTRUMENT_COMPARED: Final = 280  # tickers compared, equal: to be counted for the instrument
INSTRUMENT_EQUAL: Final = 288
INSTRUMENT_HASHED: Final = 296  # hashes that held, that did not: likewise
INSTRUMENT_NOT_HASHED: Final = 304
INSTRUMENT_NAME: Final = 312  # address and length of the venue's name
INSTRUMENT_NAME_LENGTH: Final = 320
INSTRUMENT_ENDING: Final = 328  # the ending with which its last hash held
INSTRUMENT_HASH_HELD: Final = 336  # 1: the last hash held; one that does not is for the reference path
INSTRUMENT_WATCHED: Final = 344  # 1: something is done when the best price leaves its bound
INSTRUMENT_BYTES: Final = 352

# Tickers by their number: counters of the oldest and of the next, the last number, then MAX_TOPS entries.
WITNESS_HEAD: Final = 0
WITNESS_TAIL: Final = 8
WITNESS_LAST: Final = 16
WITNESS_ENTRIES: Final = 24
WITNESS_ENTRY_BYTES: Final = 40  # number, bid, its size, ask, its size
WITNESS_BYTES: Final = WITNESS_ENTRIES + 512 * WITNESS_ENTRY_BYTES

HOT_NOT: Final = 0
HOT_SYNCED: Final = 1  # defined, SYNCED, of known precision
HOT_UNPROVED: Final = 2  # likewise, but SYNCING: what proves the book is for the reference path

# What is kept of a side.
SIDE_VERSION: Final = 0  # of the side, for which the rest is right; -1: it is not
SIDE_TEXT: Final = 8  # address
SIDE_LENGTH: Final = 16
SIDE_CRC: Final = 24  # of the text alone, -1: not known
SIDE_BOUND: Final = 32  # price of the last level that the text holds
SIDE_ROOM: Final = 40  # bytes at SIDE_TEXT

# The context of `advance`.
CTX_POSITION: Final = 0
CTX_END: Final = 8
CTX_WALL: Final = 16  # receive time less mono_ns; null: untimed
CTX_LIVE: Final = 24
CTX_ONLINE: Final = 32
CTX_SHAPES: Final = 40
CTX_N_SHAPES: Final = 48
CTX_STREAMS: Final = 56
CTX_LINKS: Final = 64  # last_ns by connection, null: no such connection
CTX_N_LINKS: Final = 72
CTX_ROWS: Final = 80
CTX_ROWS_CAPACITY: Final = 88
CTX_MESSAGES: Final = 96
CTX_MESSAGES_CAPACITY: Final = 104
CTX_MONO: Final = 112
CTX_SCAN: Final = 120
CTX_UNDO: Final = 128
CTX_UNDO_END: Final = 136
CTX_UNDO_AT: Final = 144
CTX_CHECKSUM: Final = 152  # compiled spec, 0: the venue has none
CTX_CHECKSUM_DEPTH: Final = 160
CTX_SCRATCH: Final = 168  # levels of both sides, then the checksum's text
CTX_RESYNC_CROSSED: Final = 176
CTX_TRADE_IDS: Final = 184  # 0: none, 1: consecutive, 2: rising
CTX_DIRTY: Final = 192  # streams that changed
CTX_REFUSAL: Final = 200
CTX_FULL: Final = 208  # the instrument whose book has no room
CTX_SEQUENCE: Final = 216  # see SEQUENCE_*
CTX_NUMBERS: Final = 224  # of the last frame by connection, null before the first
CTX_CHECKSUM_SIDES: Final = 232  # see CHECKSUM_*
CTX_CHECKSUM_SIGNED: Final = 240
CTX_NUMBERED: Final = 248  # 1: the frame has the number that was due on its connection
CTX_HASH: Final = 256  # compiled `HashText`, 0: the venue has none
CTX_HASH_STATES: Final = 264  # of two SHA-1s
# What a frame may change, kept in the shadow until it is known to be good.
CTX_MUTABLE: Final = 272
CTX_N_ROWS: Final = 272
CTX_N_MESSAGES: Final = 280
CTX_SEQ: Final = 288
CTX_COUNTS: Final = 296

CHECKSUM_MIXED: Final = 0
CHECKSUM_ASKS_FIRST: Final = 1
CHECKSUM_BIDS_FIRST: Final = 2

SEQUENCE_NONE: Final = 0
SEQUENCE_FIRST: Final = 1
SEQUENCE_PREV: Final = 2
SEQUENCE_CONNECTION: Final = 3


class Count(enum.IntEnum):
    """What `advance` counts, in the order of its words; names are those of `sync.counts`."""

    records = 0
    frames = 1
    data = 2
    heartbeats = 3
    messages = 4
    levels = 5
    trades = 6
    tops = 7
    checksums_verified = 8
    levels_covered = 9
    levels_not_covered = 10
    unknown_deletes = 11
    sequence_applied = 12
    depth_unproved_messages = 13
    tops_compared = 14
    tops_equal = 15
    hashes_verified = 16
    hashes_unverified = 17


CTX_SHADOW: Final = CTX_COUNTS + WORD * len(Count)
CTX_MUTABLE_BYTES: Final = CTX_SHADOW - CTX_MUTABLE
CTX_BOUND: Final = CTX_SHADOW + CTX_MUTABLE_BYTES
CTX_N_DIRTY: Final = CTX_BOUND + WORD
CTX_BYTES: Final = CTX_N_DIRTY + WORD

UNDO_BYTES: Final = 32
UNDO_WORD: Final = 0  # (UNDO_WORD, address, old value)
UNDO_LEVEL: Final = 1  # (side, book, price, old size)


class Stop(enum.IntEnum):
    """Why `advance` stopped before a record. ``REFUSED``: see `Refusal`."""

    END = 0
    KIND = 1
    DEADLINE = 2
    REFUSED = 3
    STATE = 4
    BROKEN = 5
    ROWS = 6
    BOOK = 7
    UNDO = 8
    TEXT = 9
