"""What happens next: the loop of `trading.backtest` as one kernel.

At each moment, in this order: market data at the venue, in its order; orders that expire; requests, as they
were sent; then here: market data, answers in the order of the venue, timers. The loop gives back control
after RUN_STEPS steps, and when something needs Python: a definition, room, the next rows, an error.
"""

from __future__ import annotations

from typing import Final

from mm_framework.contracts.strategy import On
from mm_framework.kernels.book import book_count
from mm_framework.kernels.jit import helper, inline, kernel
from mm_framework.kernels.layout import ROW_BYTES, ROW_FLAGS
from mm_framework.kernels.memory import load_i8, load_u2, store_8
from mm_framework.model.events import Kind, RowFlag
from mm_framework.model.fixed import MAX, NULL
from mm_framework.trading.compiled.bits import call
from mm_framework.trading.compiled.columns import added, room
from mm_framework.trading.compiled.desk import desk_answer, desk_changes, desk_timers
from mm_framework.trading.compiled.grid import keep_grid
from mm_framework.trading.compiled.layout import (
    CHANGE_BYTES,
    CHANGE_REASONS,
    CHANGE_SEQ,
    CHANGE_SLOT,
    CHANGE_TRADE,
    COLUMN_COUNT,
    INTENT_BYTES,
    INTENT_DUE,
    INTENT_SLOT,
    NUMBER_HERE,
    REPORT_BYTES,
    REPORT_HERE,
    RUN_ANSWER,
    RUN_ARRIVED,
    RUN_CHANGES,
    RUN_DESK,
    RUN_DESK_ANSWER,
    RUN_DESK_CHANGES,
    RUN_DESK_TIMERS,
    RUN_END,
    RUN_EVENTS,
    RUN_FEED_LATENCY,
    RUN_FILLS,
    RUN_FREE_COUNT,
    RUN_INTENTS,
    RUN_LAST_RECV,
    RUN_LAST_ROWS,
    RUN_MID_MOMENT,
    RUN_NEXT_EXPIRY,
    RUN_NEXT_GRID,
    RUN_NEXT_MARK,
    RUN_NEXT_TIMER,
    RUN_NOW,
    RUN_ORDER,
    RUN_PRINTED,
    RUN_RECEIVED,
    RUN_REPORTS,
    RUN_REQUESTS,
    RUN_RESTING,
    RUN_RING_HERE,
    RUN_RING_MASK,
    RUN_RING_READ,
    RUN_RING_VENUE,
    RUN_ROWS,
    RUN_ROWS_END,
    RUN_SEQ_HERE,
    RUN_SLOTS,
    RUN_START,
    RUN_STEPS,
    RUN_TAKEN,
    RUN_TOUCHED,
    RUN_UNTIL,
    RUN_VENUE_SLOTS,
    RUN_WAKES,
    RUN_WHO,
    SLOT_BOOK,
    SLOT_BYTES,
    SLOT_INDEX,
    SLOT_SOURCE,
    SLOT_TOUCH_REASONS,
    SLOT_TOUCH_SEQ,
    SLOT_TOUCHED,
    SLOT_TRUSTED,
    SLOT_VERSION,
    TAPE_COUNT,
    TAPE_KIND,
    TAPE_NUMBER,
    TAPE_RECV,
    TAPE_ROWS,
    TAPE_SEQ,
    TAPE_VENUE,
    Status,
)
from mm_framework.trading.compiled.market import QUOTED, SHARED, apply, apply_told, describe, settle, show
from mm_framework.trading.compiled.places import COUNT, ROOM, move_places
from mm_framework.trading.compiled.tape import entry_at, read_ahead
from mm_framework.trading.compiled.venue import venue_message
from mm_framework.trading.compiled.venue_orders import mark
from mm_framework.trading.compiled.venue_requests import expire, venue_request
from mm_framework.trading.compiled.way import send

__all__ = ["DESK_ROOM", "fill_places", "run_loop", "send_intent", "show_slot"]

DESK_ROOM: Final = 4096
"""Intents, requests and reports that a step of the desk has room for."""
STEP_ROOM: Final = 64
"""Beside what resting orders and levels may bring."""

_TRADE: Final = int(Kind.TRADE)
_TOP: Final = int(Kind.TOP)  # and less: what a venue tells of a market
_DEFINITION: Final = int(Kind.DEFINITION)
_SNAPSHOT: Final = int(RowFlag.SNAPSHOT)
_ON_BOOK: Final = int(On.BOOK)
_ON_TRADE: Final = int(On.TRADE)
_END: Final = int(Status.END)
_STEPS: Final = int(Status.STEPS)
_DEFINE_VENUE: Final = int(Status.DEFINE_VENUE)
_DEFINE_HERE: Final = int(Status.DEFINE_HERE)
_REPORTS: Final = int(Status.REPORTS)
_FILLS: Final = int(Status.FILLS)
_REQUESTS: Final = int(Status.REQUESTS)
_INTENTS: Final = int(Status.INTENTS)
_GRID: Final = int(Status.GRID)
_CHANGES: Final = int(Status.CHANGES)
_ORDERS: Final = int(Status.ORDERS)
_PLACES: Final = int(Status.PLACES)


# at the venue


@helper
def _venue_room(run: int, levels: int) -> int:
    """A status when one step could bring more reports, fills or places than there is room for."""
    needed = 2 * load_i8(run + RUN_RESTING) + levels + STEP_ROOM
    if room(run + RUN_REPORTS) < needed:
        return _REPORTS
    if room(run + RUN_FILLS) < needed:
        return _FILLS
    printed, taken = run + RUN_PRINTED, run + RUN_TAKEN
    if load_i8(printed + ROOM) - load_i8(printed + COUNT) < levels:
        return _PLACES
    return _PLACES if load_i8(taken + ROOM) - load_i8(taken + COUNT) < levels else 0


@helper
def _market_at_venue(run: int, v_ns: int) -> int:
    first = load_i8(run + RUN_RING_VENUE)
    tag = load_i8(load_i8(run + RUN_ORDER) + (first & load_i8(run + RUN_RING_MASK)) * 16 + 8)
    entry = entry_at(run, tag >> 1)
    if load_i8(run + RUN_NEXT_MARK) < v_ns:
        mark(run, v_ns)
    if load_i8(run + RUN_NEXT_GRID) < v_ns and keep_grid(run, v_ns):
        return _GRID
    if load_i8(entry + TAPE_KIND) == _DEFINITION:
        store_8(run + RUN_WHO, entry)
        return _DEFINE_VENUE
    if load_i8(run + RUN_START) == NULL:
        store_8(run + RUN_START, v_ns)
    code = _venue_room(run, load_i8(entry + TAPE_COUNT))
    if code == 0:
        code = venue_message(run, entry, v_ns)
    if code == 0:
        store_8(run + RUN_RING_VENUE, first + 1)
    return code


@helper
def _expiry(run: int, now_ns: int) -> int:
    code = _venue_room(run, 0)
    if code == 0:
        expire(run, now_ns)
    return code


@helper
def _request(run: int, now_ns: int) -> int:
    arrived = load_i8(run + RUN_ARRIVED)
    request = load_i8(run + RUN_REQUESTS) + arrived * INTENT_BYTES
    slot = load_i8(run + RUN_VENUE_SLOTS) + load_i8(request + INTENT_SLOT) * SLOT_BYTES
    book = load_i8(slot + SLOT_BOOK)
    code = _venue_room(run, book_count(book, 1) + book_count(book, -1))
    if code:
        return code
    if load_i8(run + RUN_FREE_COUNT) == 0:
        return _ORDERS
    if load_i8(run + RUN_NEXT_MARK) < now_ns:
        mark(run, now_ns)
    if load_i8(run + RUN_NEXT_GRID) < now_ns and keep_grid(run, now_ns):
        return _GRID
    venue_request(run, request, now_ns)
    store_8(run + RUN_ARRIVED, arrived + 1)
    return 0


# here


@inline
def _desk_room(run: int) -> int:
    """A status when a step of the desk could have no room for what it sends."""
    if room(run + RUN_REPORTS) < DESK_ROOM:
        return _REPORTS
    if room(run + RUN_REQUESTS) < DESK_ROOM:
        return _REQUESTS
    return _INTENTS if room(run + RUN_INTENTS) < DESK_ROOM else 0


@helper
def _desk(run: int, address: int) -> int:
    """A desk that is not compiled, by the address of its function; 0 for none."""
    function = load_i8(run + address)
    return call(function, run) if function else 0


@inline
def _changed(run: int, slot: int, reasons: int, seq: int, trade: int) -> None:
    """Keep a change that wakes anybody."""
    if reasons & load_i8(run + RUN_WAKES):
        change = added(run + RUN_CHANGES, CHANGE_BYTES)
        store_8(change + CHANGE_SLOT, load_i8(slot + SLOT_INDEX))
        store_8(change + CHANGE_REASONS, reasons)
        store_8(change + CHANGE_SEQ, seq)
        store_8(change + CHANGE_TRADE, trade)


@helper
def _prints(run: int, slot: int, entry: int) -> None:
    rows, seq = load_i8(entry + TAPE_ROWS), load_i8(entry + TAPE_SEQ)
    for row in range(rows, rows + load_i8(entry + TAPE_COUNT) * ROW_BYTES, ROW_BYTES):
        if load_u2(row + ROW_FLAGS) & _SNAPSHOT == 0:
            _changed(run, slot, _ON_TRADE, seq, row)


@inline
def _touch(run: int, slot: int, seq: int, reasons: int) -> None:
    if load_i8(slot + SLOT_TOUCHED) == 0:
        store_8(slot + SLOT_TOUCHED, 1)
        store_8(slot + SLOT_TOUCH_REASONS, 0)
        store_8(added(run + RUN_TOUCHED, 8), slot)
    store_8(slot + SLOT_TOUCH_SEQ, seq)
    store_8(slot + SLOT_TOUCH_REASONS, load_i8(slot + SLOT_TOUCH_REASONS) | reasons)


@inline
def _receive(run: int, entry: int) -> int:
    """One message here; a status."""
    seq, slot = load_i8(entry + TAPE_SEQ), load_i8(load_i8(entry + TAPE_NUMBER) + NUMBER_HERE)
    if load_i8(entry + TAPE_KIND) == _DEFINITION:
        store_8(run + RUN_WHO, entry)
        return _DEFINE_HERE
    if slot != 0:
        if load_i8(entry + TAPE_KIND) == _TRADE:
            if load_i8(run + RUN_WAKES) & _ON_TRADE:
                _prints(run, slot, entry)
        else:
            shared = load_i8(slot + SLOT_SOURCE) == SHARED
            told = apply_told(slot, entry) if shared else apply(run, slot, entry)
            if told > 0:
                return told
            if told < 0:
                _touch(run, slot, seq, _ON_BOOK if told == QUOTED else 0)
    store_8(run + RUN_SEQ_HERE, seq)
    return 0


@helper
def _settle(run: int) -> int:
    """The moment is whole: what it changed goes to the desk; a status."""
    touched, count = load_i8(run + RUN_TOUCHED), load_i8(run + RUN_TOUCHED + COLUMN_COUNT)
    for place in range(count):
        slot = load_i8(touched + place * 8)
        reasons, quoted = settle(slot), load_i8(slot + SLOT_TOUCH_REASONS)
        if quoted and load_i8(slot + SLOT_TRUSTED) == 1:
            store_8(slot + SLOT_VERSION, load_i8(slot + SLOT_VERSION) + 1)
            reasons |= quoted
        store_8(slot + SLOT_TOUCHED, 0)
        show(run, slot)
        _changed(run, slot, reasons, load_i8(slot + SLOT_TOUCH_SEQ), 0)
    store_8(run + RUN_TOUCHED + COLUMN_COUNT, 0)
    code = 0
    if load_i8(run + RUN_CHANGES + COLUMN_COUNT):
        code = desk_changes(run) if load_i8(run + RUN_DESK) else _desk(run, RUN_DESK_CHANGES)
        store_8(run + RUN_CHANGES + COLUMN_COUNT, 0)
    return code


@helper
def _market_here(run: int, now_ns: int) -> int:
    """All messages of one time of receipt; a status. Entered again after a definition."""
    code = _desk_room(run)
    if code:
        return code
    store_8(run + RUN_MID_MOMENT, 1)
    store_8(run + RUN_NOW, now_ns)
    while True:
        place = load_i8(run + RUN_RING_HERE)
        entry = entry_at(run, place)
        if place == load_i8(run + RUN_RING_READ) or load_i8(entry + TAPE_RECV) != now_ns:
            break
        count = load_i8(entry + TAPE_COUNT)
        if room(run + RUN_CHANGES) < count + load_i8(run + RUN_SLOTS):
            return _CHANGES
        if load_i8(entry + TAPE_KIND) <= _TOP:
            store_8(run + RUN_FEED_LATENCY, now_ns - load_i8(entry + TAPE_VENUE))
        code = _receive(run, entry)
        if code:
            return code
        store_8(run + RUN_RING_HERE, place + 1)
        store_8(run + RUN_EVENTS, load_i8(run + RUN_EVENTS) + count)
    store_8(run + RUN_MID_MOMENT, 0)
    return _settle(run)


@helper
def _answer(run: int) -> int:
    code = _desk_room(run)
    if code:
        return code
    received = load_i8(run + RUN_RECEIVED)
    store_8(run + RUN_RECEIVED, received + 1)
    store_8(run + RUN_ANSWER, load_i8(run + RUN_REPORTS) + received * REPORT_BYTES)
    return desk_answer(run) if load_i8(run + RUN_DESK) else _desk(run, RUN_DESK_ANSWER)


@helper
def _timers(run: int) -> int:
    code = _desk_room(run)
    if code:
        return code
    return desk_timers(run) if load_i8(run + RUN_DESK) else _desk(run, RUN_DESK_TIMERS)


# what is next


@inline
def _next_here(run: int) -> int:
    """When the next message is received, MAX for none; the end of the run is known with the last one."""
    place = load_i8(run + RUN_RING_HERE)
    if place != load_i8(run + RUN_RING_READ):
        return load_i8(entry_at(run, place) + TAPE_RECV)
    if load_i8(run + RUN_LAST_ROWS) == 1 and load_i8(run + RUN_ROWS) == load_i8(run + RUN_ROWS_END):
        store_8(run + RUN_END, max(load_i8(run + RUN_UNTIL), load_i8(run + RUN_LAST_RECV)))
    return MAX


@inline
def _next_request(run: int) -> int:
    arrived = load_i8(run + RUN_ARRIVED)
    if arrived == load_i8(run + RUN_REQUESTS + COLUMN_COUNT):
        return MAX
    return load_i8(load_i8(run + RUN_REQUESTS) + arrived * INTENT_BYTES + INTENT_DUE)


@inline
def _next_answer(run: int) -> int:
    received = load_i8(run + RUN_RECEIVED)
    if received == load_i8(run + RUN_REPORTS + COLUMN_COUNT):
        return MAX
    return load_i8(load_i8(run + RUN_REPORTS) + received * REPORT_BYTES + REPORT_HERE)


@inline
def _step(run: int) -> int:
    """The next thing; a status, 0 when it is done. END: nothing more happens."""
    if load_i8(run + RUN_MID_MOMENT) == 1:
        return _market_here(run, load_i8(run + RUN_NOW))
    venue = read_ahead(run)
    if venue < 0:
        return -venue
    here, now_ns = _next_here(run), load_i8(run + RUN_NOW)
    expiry, request = load_i8(run + RUN_NEXT_EXPIRY), _next_request(run)
    expiry = max(expiry, now_ns)
    at_venue = min(min(venue, expiry), request)
    answer, timer = _next_answer(run), load_i8(run + RUN_NEXT_TIMER)
    next_ns = min(min(at_venue, here), min(answer, timer))
    if next_ns > load_i8(run + RUN_END):
        return -1
    if next_ns == here and here < at_venue:
        return _market_here(run, next_ns)
    store_8(run + RUN_NOW, next_ns)
    if next_ns == venue:
        return _market_at_venue(run, venue)
    if next_ns == expiry:
        return _expiry(run, next_ns)
    if next_ns == request:
        return _request(run, next_ns)
    return _answer(run) if next_ns == answer else _timers(run)


@kernel
def run_loop(run: int) -> int:
    """Go on with a run; why it stopped, a `Status`."""
    steps = load_i8(run + RUN_STEPS)
    while steps > 0:
        code = _step(run)
        if code:
            return code if code > 0 else _END
        steps -= 1
    return _STEPS


@kernel
def send_intent(run: int, intent: int) -> int:
    """`way.send`, for a desk that is not compiled; 0."""
    send(run, intent)
    return 0


@kernel
def fill_places(table: int, entries: int, count: int) -> int:
    """Add what stands in the entries of another table, free ones among them; 0."""
    move_places(table, entries, count)
    return 0


@kernel
def show_slot(run: int, slot: int) -> int:
    """`market.show`, after a definition; 0."""
    describe(slot)
    show(run, slot)
    return 0
