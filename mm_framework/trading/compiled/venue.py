"""The simulated venue in kernels: `trading.matching`, statement for statement.

Orders of a slot are a list, oldest first. Nothing here asks for room: the loop made sure that there is
enough for all that one step can bring.
"""

from __future__ import annotations

from typing import Final

from mm_framework.kernels.book import book_bound, book_size, book_worst
from mm_framework.kernels.jit import helper, inline
from mm_framework.kernels.layout import ROW_BYTES, ROW_FLAGS, ROW_KIND, ROW_PRICE, ROW_SIDE, ROW_SIZE
from mm_framework.kernels.memory import load_i8, load_u1, load_u2, store_8
from mm_framework.model.events import Kind, RowFlag
from mm_framework.model.fixed import NULL
from mm_framework.model.orders import OrderState
from mm_framework.trading.compiled.layout import (
    LIMIT,
    NUMBER_VENUE,
    ORDER_AHEAD,
    ORDER_BEFORE,
    ORDER_LEAVES,
    ORDER_LOT,
    ORDER_NEXT,
    ORDER_PRICE,
    ORDER_SEEN,
    ORDER_SIDE,
    ORDER_THROUGH,
    ORDER_TOLD,
    RUN_CANCEL_ON_GAP,
    RUN_MAKERS,
    RUN_PRINTED,
    RUN_PRINTS,
    RUN_SEQ_VENUE,
    RUN_TAKEN,
    RUN_THROUGH_PRINT,
    RUN_TOO_LARGE,
    SLOT_ASK,
    SLOT_BID,
    SLOT_BOOK,
    SLOT_BOUND_ASK,
    SLOT_BOUND_BID,
    SLOT_DEPTH,
    SLOT_EPOCH,
    SLOT_FIRST,
    SLOT_MID2,
    SLOT_MOMENT,
    SLOT_MOMENT_MID2,
    SLOT_SOURCE,
    SLOT_TICKER,
    SLOT_TRUSTED,
    TAPE_COUNT,
    TAPE_KIND,
    TAPE_NUMBER,
    TAPE_ROWS,
    TAPE_SEQ,
)
from mm_framework.trading.compiled.market import TICKER, apply, settle, tell_best
from mm_framework.trading.compiled.places import add_lots, drop_place, drop_slot, lots_at
from mm_framework.trading.compiled.queues import at_price, kept, lots, moved
from mm_framework.trading.compiled.venue_orders import end_order, fill_resting, order_lot

__all__ = ["displayed", "reaches", "venue_message"]

_TRADE: Final = int(Kind.TRADE)
_LEVEL: Final = int(Kind.LEVEL)
_SNAPSHOT_START: Final = int(Kind.SNAPSHOT_START)
_TOP: Final = int(Kind.TOP)
_SNAPSHOT: Final = int(RowFlag.SNAPSHOT)
_CANCELLED: Final = int(OrderState.CANCELLED)


@inline
def reaches(side: int, price: int, slot: int) -> int:
    """1 when a price is at or through the best one of the other side."""
    best = load_i8(slot + (SLOT_ASK if side > 0 else SLOT_BID))
    return 1 if best != NULL and side * (price - best) >= 0 else 0


@helper
def displayed(slot: int, side: int, price: int) -> int:
    """The size shown at a price; NULL when it is not known."""
    if load_i8(slot + SLOT_SOURCE) == TICKER:
        best = slot + SLOT_TICKER + (0 if side > 0 else 16)
        at = load_i8(best)
        if at == NULL or side * (price - at) > 0:
            return 0
        size = load_i8(best + 8) if price == at else 0
        return size if size != 0 else NULL
    book, depth = load_i8(slot + SLOT_BOOK), load_i8(slot + SLOT_DEPTH)
    size = book_size(book, side, price)
    if size != 0:
        return size
    if depth == 0:
        bound = load_i8(slot + (SLOT_BOUND_BID if side > 0 else SLOT_BOUND_ASK))
    else:
        bound = book_bound(book, side, depth)
    return 0 if bound == NULL or side * (price - bound) >= 0 else NULL


# what a message tells


@inline
def _tells_all(slot: int, kind: int) -> bool:
    """Whether a message tells all that is known of the market's sizes."""
    return kind == (_TOP if load_i8(slot + SLOT_SOURCE) == TICKER else _SNAPSHOT_START)


@inline
def _tells_levels(slot: int, kind: int) -> bool:
    """Whether a message tells the sizes of its own places."""
    return kind == _LEVEL and load_i8(slot + SLOT_SOURCE) != TICKER


@helper
def _told(rows: int, count: int, side: int, price: int) -> int:
    """The size that levels tell for a place, the last one counts; NULL for none."""
    row = rows + count * ROW_BYTES
    while row > rows:
        row -= ROW_BYTES
        here = load_i8(row + ROW_PRICE) == price and load_u1(row + ROW_SIDE) == (side & 255)
        if here and load_u1(row + ROW_KIND) == _LEVEL:
            return load_i8(row + ROW_SIZE)
    return NULL


@helper
def _look(slot: int, kind: int, rows: int, count: int) -> None:
    """The sizes at our prices before a message, and what it tells of them."""
    levels, whole = _tells_levels(slot, kind), _tells_all(slot, kind)
    order = load_i8(slot + SLOT_FIRST)
    while order != 0:
        side, price = load_i8(order + ORDER_SIDE), load_i8(order + ORDER_PRICE)
        told = _told(rows, count, side, price) if levels else NULL
        store_8(order + ORDER_TOLD, told)
        if whole or told != NULL:
            store_8(order + ORDER_BEFORE, displayed(slot, side, price))
        order = load_i8(order + ORDER_NEXT)


@helper
def _forget_told(run: int, slot: int, rows: int, count: int) -> None:
    """Prints and what we took, at places that were told anew."""
    for row in range(rows, rows + count * ROW_BYTES, ROW_BYTES):
        if load_u1(row + ROW_KIND) == _LEVEL:
            side = 1 if load_u1(row + ROW_SIDE) == 1 else -1
            drop_place(run + RUN_PRINTED, slot, side, load_i8(row + ROW_PRICE))
            drop_place(run + RUN_TAKEN, slot, side, load_i8(row + ROW_PRICE))


@inline
def _forget(run: int, slot: int) -> None:
    """Prints and what we took in a slot."""
    drop_slot(run + RUN_PRINTED, slot)
    drop_slot(run + RUN_TAKEN, slot)


@helper
def _moved(run: int, slot: int, whole: bool) -> None:
    """Queues after a message."""
    order = load_i8(slot + SLOT_FIRST)
    while order != 0:
        side, price = load_i8(order + ORDER_SIDE), load_i8(order + ORDER_PRICE)
        new = displayed(slot, side, price) if whole else load_i8(order + ORDER_TOLD)
        if new != NULL:
            printed = lots_at(run + RUN_PRINTED, slot, side, price)
            moved(run, order, load_i8(order + ORDER_BEFORE), new, printed)
        order = load_i8(order + ORDER_NEXT)


@helper
def _cross(run: int, slot: int, seq: int, now_ns: int) -> None:
    """The other side moved to the price of resting orders, or through it: all of them fill."""
    order = load_i8(slot + SLOT_FIRST)
    while order != 0:
        following = load_i8(order + ORDER_NEXT)
        reached = reaches(load_i8(order + ORDER_SIDE), load_i8(order + ORDER_PRICE), slot)
        if reached == 0:
            store_8(order + ORDER_THROUGH, 0)
        elif load_i8(order + ORDER_THROUGH) == 0 and load_i8(run + RUN_MAKERS) == 1:
            fill_resting(run, order, load_i8(order + ORDER_LEAVES), seq, now_ns)
        order = following


# prints


@helper
def _next_reached(slot: int, side: int, price: int, serial: int) -> int:
    """The order that a print goes to next: best price first, then the oldest; 0 when none is left."""
    found, best = 0, 0
    order = load_i8(slot + SLOT_FIRST)
    while order != 0:
        if load_i8(order + ORDER_SIDE) == side and load_i8(order + ORDER_SEEN) != serial:
            distance = side * (load_i8(order + ORDER_PRICE) - price)
            if distance >= 0 and (found == 0 or distance > best):
                found, best = order, distance
        order = load_i8(order + ORDER_NEXT)
    return found


@helper
def _print(run: int, slot: int, row: int, seq: int, now_ns: int) -> None:
    """A print: better prices first, then order of arrival; its lots are spent once."""
    price, left = load_i8(row + ROW_PRICE), load_i8(row + ROW_SIZE)
    aggressor = load_u1(row + ROW_SIDE)
    if aggressor == 0:
        return
    side = -1 if aggressor == 1 else 1
    if add_lots(run + RUN_PRINTED, slot, side, price, left) > LIMIT:
        store_8(run + RUN_TOO_LARGE, 1)
    serial = load_i8(run + RUN_PRINTS) + 1
    store_8(run + RUN_PRINTS, serial)
    order = _next_reached(slot, side, price, serial)
    while order != 0:
        store_8(order + ORDER_SEEN, serial)
        leaves = load_i8(order + ORDER_LEAVES)
        if load_i8(order + ORDER_PRICE) == price:
            size = at_price(run, order, left)
        else:
            lot = load_i8(order + ORDER_LOT)
            size = min(leaves, left // lot * lot) if load_i8(run + RUN_THROUGH_PRINT) == 1 else leaves
        left = max(0, left - size)
        if size:
            fill_resting(run, order, size, seq, now_ns)
        order = _next_reached(slot, side, price, serial)


# trust


@helper
def _lost(run: int, slot: int, now_ns: int) -> None:
    order = load_i8(slot + SLOT_FIRST)
    while order != 0 and load_i8(run + RUN_CANCEL_ON_GAP) == 1:
        following = load_i8(order + ORDER_NEXT)
        end_order(run, order, _CANCELLED, now_ns, 0)
        order = following


@helper
def _found(run: int, slot: int, seq: int, now_ns: int) -> None:
    """A new book: what crosses it fills, the others are last in line."""
    _forget(run, slot)
    order = load_i8(slot + SLOT_FIRST)
    while order != 0:
        shown = displayed(slot, load_i8(order + ORDER_SIDE), load_i8(order + ORDER_PRICE))
        ahead = NULL if shown == NULL else kept(run, lots(shown, order_lot(order)))
        store_8(order + ORDER_THROUGH, 0)
        store_8(order + ORDER_AHEAD, ahead)
        order = load_i8(order + ORDER_NEXT)
    _cross(run, slot, seq, now_ns)


@helper
def venue_message(run: int, entry: int, now_ns: int) -> int:
    """A message that is no definition reaches its moment at the venue; a status."""
    slot = load_i8(load_i8(entry + TAPE_NUMBER) + NUMBER_VENUE)
    seq, kind = load_i8(entry + TAPE_SEQ), load_i8(entry + TAPE_KIND)
    rows, count = load_i8(entry + TAPE_ROWS), load_i8(entry + TAPE_COUNT)
    if slot != 0:
        if kind != _TRADE:
            code = _market_message(run, slot, entry, kind, seq, now_ns)
            if code != 0:
                return code
        else:
            _moment(slot, now_ns)
            if load_i8(slot + SLOT_TRUSTED) == 1 and load_i8(run + RUN_MAKERS) == 1:
                for row in range(rows, rows + count * ROW_BYTES, ROW_BYTES):
                    if load_u2(row + ROW_FLAGS) & _SNAPSHOT == 0:
                        _print(run, slot, row, seq, now_ns)
    store_8(run + RUN_SEQ_VENUE, seq)
    return 0


@inline
def _moment(slot: int, now_ns: int) -> None:
    """The mid before all messages of one time."""
    if load_i8(slot + SLOT_MOMENT) != now_ns:
        store_8(slot + SLOT_MOMENT, now_ns)
        store_8(slot + SLOT_MOMENT_MID2, load_i8(slot + SLOT_MID2))


@helper
def _market_message(run: int, slot: int, entry: int, kind: int, seq: int, now_ns: int) -> int:
    """A message of the market itself; a status."""
    rows, count = load_i8(entry + TAPE_ROWS), load_i8(entry + TAPE_COUNT)
    resting = load_i8(slot + SLOT_FIRST) != 0
    trusted, epoch = load_i8(slot + SLOT_TRUSTED), load_i8(slot + SLOT_EPOCH)
    _moment(slot, now_ns)
    if resting:
        _look(slot, kind, rows, count)
    code = apply(run, slot, entry)
    if code > 0:
        return code
    settle(slot)
    tell_best(slot, entry)
    if kind == _SNAPSHOT_START:
        book = load_i8(slot + SLOT_BOOK)
        store_8(slot + SLOT_BOUND_BID, book_worst(book, 1))
        store_8(slot + SLOT_BOUND_ASK, book_worst(book, -1))
    now_trusted = load_i8(slot + SLOT_TRUSTED)
    if trusted == 1 and now_trusted == 0:
        _lost(run, slot, now_ns)
    elif now_trusted == 1 and (trusted == 0 or epoch != load_i8(slot + SLOT_EPOCH)):
        _found(run, slot, seq, now_ns)
    elif now_trusted == 1:
        whole = _tells_all(slot, kind)
        if resting:
            _moved(run, slot, whole)
        if whole:
            _forget(run, slot)
        elif _tells_levels(slot, kind):
            _forget_told(run, slot, rows, count)
        if resting:
            _cross(run, slot, seq, now_ns)
    return 0
