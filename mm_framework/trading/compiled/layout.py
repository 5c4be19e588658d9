"""The memory of a compiled backtest: who writes what, and where it stands.

    tape -> RING of messages -> slots at the venue, ORDERs -> REPORTs --latency--> desk
                             -> slots here -> CHANGEs -------------------------> desk
                                                         venue <--latency-- REQUESTs

Everything hangs on one block, RUN, whose address is the first argument of every function. All fields are
int64s at byte offsets; NULL stands for None. Addresses change only while no kernel runs.

- `load` (Python) writes the settings, tables and buffers, and grows a buffer when a kernel asks for room.
- `market` writes SLOTs, those of the venue and those here, and the CHANGEs of one moment here.
- `venue` writes ORDERs (as the venue has them), REPORTs and FILLs.
- `way` writes REQUESTs and when a REPORT is here.
- `desk` reads slots here, CHANGEs and REPORTs as they arrive; it writes INTENTs, timers, positions and
  orders as they are known here, and sends by `way.send`. What it keeps hangs on RUN_DESK.
- `loop` decides what is next, and calls the desk by the addresses of RUN_DESK_CHANGES and those behind it.
"""

from __future__ import annotations

import enum
from typing import Final

LIMIT: Final = 1 << 61
"""Prices, sizes and times of a compiled run are below it, so that sums of two stay in int64."""

# One market, at the venue or here.
SLOT_BOOK: Final = 0  # address of a block of `kernels.book`
SLOT_SOURCE: Final = 8  # 0 the book, 1 the ticker, 2: the book, of which the venue told the best levels
SLOT_STATE: Final = 16
SLOT_EPOCH: Final = 24
SLOT_TRUSTED: Final = 32
SLOT_CURRENT: Final = 40
SLOT_WAS_TRUSTED: Final = 48
SLOT_WAS_EPOCH: Final = 56
SLOT_TICK: Final = 64
SLOT_LOT: Final = 72
SLOT_DEPTH: Final = 80  # levels to which the book is cut, 0: none
SLOT_PRICE_SCALE: Final = 88
SLOT_SIZE_SCALE: Final = 96
SLOT_BID: Final = 104  # NULL for no such side, its size too
SLOT_BID_SIZE: Final = 112
SLOT_ASK: Final = 120
SLOT_ASK_SIZE: Final = 128
SLOT_MID2: Final = 136
SLOT_LAST_BID: Final = 144
SLOT_LAST_ASK: Final = 152
SLOT_VERSION: Final = 160  # rises with every change that a view shows
SLOT_TICKER: Final = 168  # bid, its size, ask, its size, as from SLOT_BID on
SLOT_TICKER_LIVE: Final = 200
SLOT_TOUCHED: Final = 208  # 1 from a message on until the moment is settled
SLOT_TOUCH_SEQ: Final = 216
SLOT_TOUCH_REASONS: Final = 224
SLOT_INDEX: Final = 232
# At the venue alone.
SLOT_MOMENT: Final = 240  # the time of the last message, and the mid before all messages of that time
SLOT_MOMENT_MID2: Final = 248
SLOT_BOUND_BID: Final = 256  # the worst levels of the last snapshot
SLOT_BOUND_ASK: Final = 264
SLOT_FIRST: Final = 272  # address of the oldest resting order, 0: none
SLOT_LAST: Final = 280
SLOT_CAP: Final = 288  # most that one taker fills, in lots times the lot; NULL: no cap
SLOT_RANKED: Final = 296  # 1 once an order rested there
SLOT_TURNOVER: Final = 304  # size filled in all: no position is beyond it
# Here alone.
SLOT_VIEW: Final = 312  # address of its VIEW, 0 at the venue
SLOT_SHOWN: Final = 320  # the version that the view shows
SLOT_BYTES: Final = 328

# What strategies see of a market; levels beyond those that are there are 0.
VIEW_TRUSTED: Final = 0
VIEW_HAS_BID: Final = 8
VIEW_HAS_ASK: Final = 16
VIEW_BID: Final = 24
VIEW_BID_SIZE: Final = 32
VIEW_ASK: Final = 40
VIEW_ASK_SIZE: Final = 48
VIEW_BIDS: Final = 56  # how many levels there are, of the largest declared depth
VIEW_ASKS: Final = 64
VIEW_TICK: Final = 72
VIEW_LOT: Final = 80
VIEW_PRICE_SCALE: Final = 88
VIEW_SIZE_SCALE: Final = 96
VIEW_BID_PRICES: Final = 104  # addresses of arrays
VIEW_BID_SIZES: Final = 112
VIEW_ASK_PRICES: Final = 120
VIEW_ASK_SIZES: Final = 128
VIEW_BYTES: Final = 136

# A message of the tape, in the ring.
TAPE_ROWS: Final = 0  # address of its first row
TAPE_COUNT: Final = 8
TAPE_RECV: Final = 16
TAPE_VENUE: Final = 24  # v_ns of `trading.timeline`
TAPE_SEQ: Final = 32
TAPE_NUMBER: Final = 40  # address of its NUMBER
TAPE_KIND: Final = 48
TAPE_EPOCH: Final = 56  # of the book at the venue once the message was there
TAPE_BEST: Final = 64  # and its best levels, as from SLOT_BID on, if it was trusted
TAPE_BYTES: Final = 96

# An instrument number: which slot it means at the venue and here, and the last stamp of each channel.
NUMBER_ID: Final = 0
NUMBER_VENUE: Final = 8  # address of the slot, 0: not defined
NUMBER_HERE: Final = 16
NUMBER_THETA: Final = 24
NUMBER_LAST: Final = 32  # book, prints, ticker: receive time and v_ns of each
NUMBER_EARLY: Final = 80  # 1: its next definition is the first of its id
NUMBER_BYTES: Final = 88

# A change here: what a moment brought. The desk reads those of RUN_CHANGES in order.
CHANGE_SLOT: Final = 0  # index
CHANGE_REASONS: Final = 8  # bits of `On`
CHANGE_SEQ: Final = 16
CHANGE_TRADE: Final = 24  # address of the print's row, 0: none
CHANGE_BYTES: Final = 32

# A wish, an intent and a request are one record; `Intent` says which fields a kind has, others are 0.
INTENT_SEQ: Final = 0
INTENT_STRATEGY: Final = 8  # index in order of name
INTENT_KIND: Final = 16
INTENT_ORDER: Final = 24
INTENT_SLOT: Final = 32  # index, -1: the order is not open
INTENT_SIDE: Final = 40
INTENT_PRICE: Final = 48
INTENT_SIZE: Final = 56
INTENT_TIF: Final = 64
INTENT_URGENCY: Final = 72
INTENT_TAG: Final = 80  # index in the strategy's tags, -1: none
INTENT_EXPIRES: Final = 88  # 0: never
INTENT_DUE: Final = 96  # of a request: when it is at the venue
INTENT_SENT: Final = 104  # when it was decided
INTENT_REFUSED: Final = 112  # the refusal with which it never left, 0: none
INTENT_BYTES: Final = 120

# An order. The venue has a pool of them, the desk another.
ORDER_NEXT: Final = 0  # younger one of the slot, or next free one; 0: none
ORDER_PREVIOUS: Final = 8
ORDER_STRATEGY: Final = 16
ORDER_NUMBER: Final = 24
ORDER_SLOT: Final = 32  # address of the slot
ORDER_SIDE: Final = 40
ORDER_PRICE: Final = 48
ORDER_SIZE: Final = 56
ORDER_LEAVES: Final = 64
ORDER_TIF: Final = 72
ORDER_URGENCY: Final = 80
ORDER_TAG: Final = 88
ORDER_EXPIRES: Final = 96  # MAX: never
ORDER_STATE: Final = 104
# At the venue alone.
ORDER_LOT: Final = 112
ORDER_AHEAD: Final = 120  # lots before it, as `queues` keeps them; NULL: unknown
ORDER_THROUGH: Final = 128
ORDER_EMPTIED: Final = 136
ORDER_BEFORE: Final = 144  # displayed size before the message; NULL: unknown
ORDER_TOLD: Final = 152  # what the message told of its level; NULL: nothing
ORDER_SEEN: Final = 160  # number of the print that last went by it
ORDER_BYTES: Final = 168

# A report of the venue, which is an answer once it is here. A fill has one of its own.
REPORT_TS: Final = 0
REPORT_SLOT: Final = 8  # index
REPORT_STRATEGY: Final = 16
REPORT_ORDER: Final = 24
REPORT_STATE: Final = 32
REPORT_KIND: Final = 40  # 0: no request caused it
REPORT_REFUSAL: Final = 48  # 0: none
REPORT_PRICE: Final = 56
REPORT_SIZE: Final = 64
REPORT_LEAVES: Final = 72
REPORT_FILL: Final = 80  # number of the fill, -1: none
REPORT_HERE: Final = 88  # when it is here
REPORT_SIDE: Final = 96  # of a fill
REPORT_FILLED: Final = 104  # its size, 0: no fill
REPORT_UNSENT: Final = 112  # 1: the request never reached the venue, which knows nothing of this
REPORT_AHEAD: Final = 120  # lots ahead of an order that comes to rest with this, NULL: none or unknown
REPORT_BYTES: Final = 128

FILL_SEQ: Final = 0
FILL_TS: Final = 8
FILL_STRATEGY: Final = 16
FILL_SLOT: Final = 24
FILL_ORDER: Final = 32
FILL_SIDE: Final = 40
FILL_PRICE: Final = 48
FILL_SIZE: Final = 56
FILL_MAKER: Final = 64
FILL_MID2: Final = 72  # before what caused it
FILL_MID2_THEN: Final = 80  # when it was booked
FILL_MID2_LATER: Final = 88  # at the end of the horizon, once that is past
FILL_BYTES: Final = 96

# What a strategy holds in a market at the venue; value and mark as they were at the last time of the grid.
HELD_POSITION: Final = 0
HELD_TRADED: Final = 8  # 1 from its first fill on
HELD_LOW: Final = 16  # size x mark (at the mid: x bid + ask), the lowest 62 bits, and the others
HELD_HIGH: Final = 24
HELD_STALE: Final = 32  # 1: that mark was no longer the market's
HELD_BYTES: Final = 40

# An account at a time of the grid.
POINT_TS: Final = 0
POINT_HELD: Final = 8  # the place of its HELD: strategy x RUN_HELD_SLOTS + market
POINT_POSITION: Final = 16
POINT_LOW: Final = 24
POINT_HIGH: Final = 32
POINT_STALE: Final = 40
POINT_MID2: Final = 48
POINT_FILLS: Final = 56  # how many fills there were, of all accounts
POINT_BYTES: Final = 64

# A latency model; what A, B, C mean is said in `way`.
LATENCY_MODEL: Final = 0
LATENCY_A: Final = 8
LATENCY_B: Final = 16
LATENCY_C: Final = 24
LATENCY_TABLE: Final = 32
LATENCY_ROWS: Final = 40
LATENCY_BYTES: Final = 48

# The run. Growing columns are three words: address, how many there are, how many there is room for.
COLUMN_ADDRESS: Final = 0
COLUMN_COUNT: Final = 8
COLUMN_ROOM: Final = 16
COLUMN_BYTES: Final = 24

RUN_NOW: Final = 0  # the time of the run, of whichever side
RUN_END: Final = 8  # MAX until the last message was received, then the last moment
RUN_SEQ_VENUE: Final = 16  # number of the last message at the venue
RUN_SEQ_HERE: Final = 24
RUN_FEED_LATENCY: Final = 32
RUN_SLOTS: Final = 40  # how many there are here
RUN_VENUE_SLOTS: Final = 48  # address of the first
RUN_HERE_SLOTS: Final = 56
RUN_STEPS: Final = 64  # after which the kernel gives back control
RUN_EVENTS: Final = 72  # rows that were received
RUN_WHO: Final = 80  # what a status is about: a slot's address, a ring entry, a number, a strategy
RUN_CODE: Final = 88  # error of a strategy
# The tape as it is read.
RUN_ROWS: Final = 96  # address of the next row
RUN_ROWS_END: Final = 104
RUN_LAST_ROWS: Final = 112  # 1: no rows follow
RUN_SEQ: Final = 120  # number of the next message
RUN_RING: Final = 128  # entries in order of receipt, a power of two of them
RUN_RING_MASK: Final = 136
RUN_RING_HERE: Final = 144  # the next one to be received
RUN_RING_READ: Final = 152  # the next one to be written
RUN_ORDER: Final = 160  # places in the ring in the order of the venue
RUN_RING_VENUE: Final = 168  # the next one at the venue, a place in RUN_ORDER
RUN_NUMBERS: Final = 176  # addresses of NUMBERs by a hash of the instrument number
RUN_NUMBERS_MASK: Final = 184
RUN_ASSUMED: Final = 192
RUN_LONGEST: Final = 200
RUN_MESSAGES: Final = 208
RUN_UNTIMED: Final = 216
RUN_CLIPPED: Final = 224
# The venue.
RUN_FREE: Final = 232  # address of a free order
RUN_FREE_COUNT: Final = 240
RUN_RESTING: Final = 248  # how many orders rest
RUN_RANKS: Final = 256  # column of slots in the order in which an order first rested there
RUN_NEXT_EXPIRY: Final = 280  # MAX: none
RUN_PRINTS: Final = 288  # how many there were
RUN_QUEUE: Final = 296  # code of `queues`
RUN_QUEUE_N: Final = 304  # its exponent, the bits of a float64
RUN_MAKERS: Final = 312
RUN_BEST_ONLY: Final = 320
RUN_SLIPPAGE: Final = 328
RUN_THROUGH_PRINT: Final = 336
RUN_BEHIND: Final = 344
RUN_DEPLETION: Final = 352
RUN_CANCEL_ON_GAP: Final = 360
RUN_PRINTED: Final = 368  # tables of `places`: lots printed, lots that we took
RUN_TAKEN: Final = 400
RUN_HORIZON: Final = 432
RUN_MARKED: Final = 440  # how many fills have their later mid
# The way.
RUN_ENTRY: Final = 448  # LATENCY_BYTES each
RUN_RESPONSE: Final = 496
RUN_REQUESTS: Final = 544  # column of INTENTs, and how many have arrived
RUN_ARRIVED: Final = 568
RUN_LAST_REQUEST: Final = 576
RUN_LAST_ANSWER: Final = 584
RUN_RECEIVED: Final = 592  # how many reports are here
# What comes out.
RUN_REPORTS: Final = 600
RUN_FILLS: Final = 624
RUN_INTENTS: Final = 648
RUN_CHANGES: Final = 672
RUN_TOUCHED: Final = 696  # column of addresses of slots here, in the order of touch
# The desk.
RUN_NEXT_TIMER: Final = 720  # MAX: none; written by the desk
RUN_DESK: Final = 728  # address of what the desk keeps
RUN_VIEWS: Final = 736  # address of the first view, and from one to the next
RUN_VIEW_BYTES: Final = 744
RUN_DEPTH: Final = 752  # the largest depth that a strategy declared
RUN_PAIRS: Final = 760  # room for so many levels
RUN_UNTIL: Final = 768  # the run goes on to here
RUN_LAST_RECV: Final = 776
RUN_NEXT_MARK: Final = 784  # when the next fill has its later mid; MAX: no fill waits
RUN_MID_MOMENT: Final = 792  # 1: a moment here was left for a definition
RUN_WAKES: Final = 800  # bits of `On` that wake any strategy
RUN_DESK_CHANGES: Final = 808  # addresses of ``int64 f(int64 run)``, which answer 0 or a status; 0: no desk
RUN_DESK_ANSWER: Final = 816  # the REPORT is RUN_ANSWER
RUN_DESK_TIMERS: Final = 824
RUN_ANSWER: Final = 832
RUN_SAFE: Final = 840  # no message is yet to be read that was at the venue before
RUN_TOO_LARGE: Final = 848  # 1: a number left the range that the compiled run holds
RUN_GRID: Final = 856  # step of the equity's grid, 0: none
RUN_NEXT_GRID: Final = 864  # its next time from the first fill on; MAX: none
RUN_LEVELS: Final = 872  # how many levels a book has to have room for
RUN_START: Final = 880  # when the first message that defines nothing was at the venue; NULL before it
RUN_BLOCK: Final = 888  # address of the first row of the block that is read
RUN_SURVEY: Final = 896  # for each SURVEYED rows of it: nothing from there on was at the venue before
RUN_BEYOND: Final = 904  # nothing of the blocks behind it was at the venue before; MAX: there is none
RUN_THETA: Final = 912  # the largest theta, 0 at least
RUN_HELD: Final = 920  # address of the first HELD
RUN_HELD_COUNT: Final = 928  # how many there are
RUN_HELD_SLOTS: Final = 936  # how many a strategy has
RUN_HELD_FILLS: Final = 944  # how many fills they are up to
RUN_POINTS: Final = 952  # column of POINTs
RUN_AT_MID: Final = 976  # 1: positions are marked at the mid
RUN_BYTES: Final = 1024


class Status(enum.IntEnum):
    """Why the loop gave back control."""

    END = 0  # nothing more will happen before RUN_END
    STEPS = 1
    ROWS = 2  # the tape is read
    RING = 3
    NUMBER = 4  # RUN_WHO: an instrument number that was never seen
    DEFINE_VENUE = 5  # RUN_WHO: the ring entry
    DEFINE_HERE = 6
    BOOK = 7  # RUN_WHO: address of a slot whose book needs more room
    REPORTS = 8
    FILLS = 9
    REQUESTS = 10
    INTENTS = 11
    CHANGES = 12
    ORDERS = 13
    PLACES = 14
    DESK = 15  # a buffer of the desk needs room
    GRID = 16  # RUN_NOW is behind RUN_NEXT_GRID, and there is no room for points or Python has to make them
    EPOCH = 20  # RUN_WHO: address of a row of another epoch than its book
    RANGE = 21  # RUN_WHO: address of a row with a number that the compiled run does not hold
    STRATEGY = 22  # RUN_WHO: its index, RUN_CODE: its error
    ROUNDS = 23  # RUN_WHO: index of a strategy that never comes to rest
    BACKWARDS = 24  # RUN_WHO: address of a row that was received before the one before it
