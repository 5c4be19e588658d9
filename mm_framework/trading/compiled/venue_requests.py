"""Requests as they arrive at the simulated venue: place, cancel, replace, and orders whose time ends."""

from __future__ import annotations

from typing import Final

from mm_framework.kernels.book import book_next, book_size
from mm_framework.kernels.jit import helper, inline
from mm_framework.kernels.memory import load_i8, store_8
from mm_framework.model.fixed import MAX, NULL
from mm_framework.model.orders import IntentKind, OrderState, Refusal, TimeInForce, Urgency
from mm_framework.trading.compiled.layout import (
    COLUMN_COUNT,
    INTENT_EXPIRES,
    INTENT_KIND,
    INTENT_ORDER,
    INTENT_PRICE,
    INTENT_SIDE,
    INTENT_SIZE,
    INTENT_SLOT,
    INTENT_STRATEGY,
    INTENT_TAG,
    INTENT_TIF,
    INTENT_URGENCY,
    ORDER_AHEAD,
    ORDER_EMPTIED,
    ORDER_EXPIRES,
    ORDER_LEAVES,
    ORDER_LOT,
    ORDER_NEXT,
    ORDER_NUMBER,
    ORDER_PRICE,
    ORDER_SEEN,
    ORDER_SIDE,
    ORDER_SIZE,
    ORDER_SLOT,
    ORDER_STATE,
    ORDER_STRATEGY,
    ORDER_TAG,
    ORDER_THROUGH,
    ORDER_TIF,
    ORDER_URGENCY,
    REPORT_AHEAD,
    RUN_BEST_ONLY,
    RUN_DEPLETION,
    RUN_NEXT_EXPIRY,
    RUN_RANKS,
    RUN_SEQ_VENUE,
    RUN_SLIPPAGE,
    RUN_TAKEN,
    RUN_TOO_LARGE,
    RUN_VENUE_SLOTS,
    SLOT_ASK,
    SLOT_BID,
    SLOT_BOOK,
    SLOT_BYTES,
    SLOT_CAP,
    SLOT_FIRST,
    SLOT_LOT,
    SLOT_MID2,
    SLOT_SOURCE,
    SLOT_TICK,
    SLOT_TRUSTED,
)
from mm_framework.trading.compiled.market import TICKER
from mm_framework.trading.compiled.places import add_lots, lots_at
from mm_framework.trading.compiled.queues import kept, lots
from mm_framework.trading.compiled.venue import displayed, reaches
from mm_framework.trading.compiled.venue_orders import (
    end_order,
    execute,
    find_order,
    free_order,
    new_order,
    refuse,
    remove,
    report,
    rest,
)

__all__ = ["expire", "venue_request"]

PRICED: Final = 1 << 47
"""Prices that are moved by slippage are below it: their product with 20,000 is in int64."""

_PLACE: Final = int(IntentKind.PLACE)
_CANCEL: Final = int(IntentKind.CANCEL)
_REPLACE: Final = int(IntentKind.REPLACE)
_NEW: Final = int(OrderState.NEW)
_CANCELLED: Final = int(OrderState.CANCELLED)
_REJECTED: Final = int(OrderState.REJECTED)
_EXPIRED: Final = int(OrderState.EXPIRED)
_VENUE_UNKNOWN: Final = int(Refusal.VENUE_UNKNOWN)
_UNKNOWN_ORDER: Final = int(Refusal.UNKNOWN_ORDER)
_BELOW_LOT: Final = int(Refusal.BELOW_LOT)
_BELOW_TICK: Final = int(Refusal.BELOW_TICK)
_WOULD_TAKE: Final = int(Refusal.WOULD_TAKE)
_IOC: Final = int(TimeInForce.IOC)
_FOK: Final = int(TimeInForce.FOK)
_MAKER: Final = int(Urgency.MAKER)
_TAKER: Final = int(Urgency.TAKER)


@inline
def _to_tick(side: int, price: int, tick: int) -> int:
    """A price rounded against us: a buy down, a sell up."""
    return price // tick * tick if side > 0 else -(-price // tick) * tick


@inline
def _unfit(price: int, size: int, market: bool) -> int:
    """Why a price and a size make no order; 0 when they do."""
    if size <= 0:
        return _BELOW_LOT
    return _BELOW_TICK if price <= 0 and not market else 0


@inline
def _paid(side: int, level: int, slippage: int, tick: int) -> int:
    """The price of a taker: moved against us, to the tick against us, at least one tick."""
    if slippage == 0:
        return level
    if side > 0:
        dearer = -(-level * (10_000 + slippage) // 10_000)
        return -(-dearer // tick) * tick
    return max(tick, level * (10_000 - slippage) // 10_000 // tick * tick)


@inline
def _is_market(order: int) -> bool:
    return load_i8(order + ORDER_PRICE) == 0 and load_i8(order + ORDER_URGENCY) == _TAKER


# taking


@inline
def _level_behind(slot: int, side: int, price: int) -> int:
    """The level of a side behind a price, the best one behind NULL; NULL when there is none."""
    best = load_i8(slot + (SLOT_BID if side > 0 else SLOT_ASK))
    if price == NULL:
        return best
    return (
        NULL if load_i8(slot + SLOT_SOURCE) == TICKER else book_next(load_i8(slot + SLOT_BOOK), side, price)
    )


@inline
def _shown(slot: int, side: int, price: int) -> int:
    if load_i8(slot + SLOT_SOURCE) == TICKER:
        return load_i8(slot + (SLOT_BID if side > 0 else SLOT_ASK) + 8)
    return book_size(load_i8(slot + SLOT_BOOK), side, price)


@helper
def _take(run: int, order: int, want: int, seq: int, now_ns: int, execute_it: bool) -> int:
    """Go through the levels that an order reaches, best first; the sum of what it takes there."""
    slot, side = load_i8(order + ORDER_SLOT), load_i8(order + ORDER_SIDE)
    limit, market = load_i8(order + ORDER_PRICE), _is_market(order)
    left, taken, lot = want, 0, load_i8(slot + SLOT_LOT)
    slippage, tick = load_i8(run + RUN_SLIPPAGE), load_i8(slot + SLOT_TICK)
    level = _level_behind(slot, -side, NULL)
    while level != NULL and left != 0 and (market or side * (limit - level) >= 0):
        gone = lots_at(run + RUN_TAKEN, slot, -side, level)
        size = min(left, max(0, _shown(slot, -side, level) - gone) // lot * lot)
        if size and execute_it:
            if load_i8(run + RUN_DEPLETION) == 1:
                add_lots(run + RUN_TAKEN, slot, -side, level, size)  # at most what was shown
            price = _paid(side, level, slippage, tick)
            if slippage and level >= PRICED:
                store_8(run + RUN_TOO_LARGE, 1)
            execute(run, order, price, size, seq, now_ns, 0, load_i8(slot + SLOT_MID2))
        taken += size
        left -= size
        if load_i8(run + RUN_BEST_ONLY) == 1:
            break
        level = _level_behind(slot, -side, level)
    return taken


@inline
def _lapses(run: int, order: int) -> bool:
    """Whether what an order does not take at once ends."""
    tif = load_i8(order + ORDER_TIF)
    best_only = load_i8(run + RUN_BEST_ONLY) == 1 and load_i8(order + ORDER_URGENCY) == _TAKER
    return tif in (_IOC, _FOK) or best_only or _is_market(order)


@helper
def _enter(run: int, order: int, kind: int, seq: int, now_ns: int) -> None:
    """An order meets the book: it takes, rests, both, or neither."""
    slot, side, price = load_i8(order + ORDER_SLOT), load_i8(order + ORDER_SIDE), load_i8(order + ORDER_PRICE)
    takes = 1 if _is_market(order) else reaches(side, price, slot)
    if takes == 1 and load_i8(order + ORDER_URGENCY) == _MAKER:
        report(run, order, _REJECTED, now_ns, kind, _WOULD_TAKE)
        free_order(run, order)
        return
    want, cap, taken = load_i8(order + ORDER_LEAVES), load_i8(slot + SLOT_CAP), 0
    want = want if cap == NULL else min(want, cap)
    if takes == 1:
        taken = _take(run, order, want, seq, now_ns, False)
    if load_i8(order + ORDER_TIF) == _FOK and taken < load_i8(order + ORDER_LEAVES):
        taken = 0
    lapses = _lapses(run, order)
    shown = displayed(slot, side, price)
    ahead = NULL if shown == NULL else lots(shown, load_i8(order + ORDER_LOT))
    if taken != 0 or not lapses:
        made = report(run, order, load_i8(order + ORDER_STATE), now_ns, kind, 0)
        store_8(made + REPORT_AHEAD, NULL if takes == 1 or lapses else ahead)
    if taken != 0:
        _take(run, order, want, seq, now_ns, True)
    if load_i8(order + ORDER_LEAVES) == 0:
        free_order(run, order)
    elif lapses:
        report(run, order, _EXPIRED, now_ns, 0 if taken else kind, 0)
        free_order(run, order)
    else:
        store_8(order + ORDER_THROUGH, takes)
        store_8(order + ORDER_AHEAD, NULL if ahead == NULL else kept(run, ahead))
        store_8(order + ORDER_EMPTIED, 0)
        rest(run, order)
        expires = load_i8(order + ORDER_EXPIRES)
        store_8(run + RUN_NEXT_EXPIRY, min(load_i8(run + RUN_NEXT_EXPIRY), expires))


# requests


@helper
def _order_of(run: int, request: int, slot: int) -> int:
    """An order as a request asks for it, price and size rounded against us."""
    order, side = new_order(run), load_i8(request + INTENT_SIDE)
    lot, size = load_i8(slot + SLOT_LOT), load_i8(request + INTENT_SIZE)
    size = size // lot * lot
    expires = load_i8(request + INTENT_EXPIRES)
    store_8(order + ORDER_STRATEGY, load_i8(request + INTENT_STRATEGY))
    store_8(order + ORDER_NUMBER, load_i8(request + INTENT_ORDER))
    store_8(order + ORDER_SLOT, slot)
    store_8(order + ORDER_SIDE, side)
    store_8(order + ORDER_PRICE, _to_tick(side, load_i8(request + INTENT_PRICE), load_i8(slot + SLOT_TICK)))
    store_8(order + ORDER_SIZE, size)
    store_8(order + ORDER_LEAVES, size)
    store_8(order + ORDER_TIF, load_i8(request + INTENT_TIF))
    store_8(order + ORDER_URGENCY, load_i8(request + INTENT_URGENCY))
    store_8(order + ORDER_TAG, load_i8(request + INTENT_TAG))
    store_8(order + ORDER_EXPIRES, MAX if expires == 0 else expires)
    store_8(order + ORDER_STATE, _NEW)
    store_8(order + ORDER_LOT, lot)
    store_8(order + ORDER_SEEN, 0)
    return order


@helper
def _place(run: int, request: int, slot: int, seq: int, now_ns: int) -> None:
    order = _order_of(run, request, slot)
    market = load_i8(request + INTENT_PRICE) == 0 and load_i8(order + ORDER_URGENCY) == _TAKER
    refusal = _unfit(load_i8(order + ORDER_PRICE), load_i8(order + ORDER_SIZE), market)
    if refusal:
        refuse(run, order, _REJECTED, now_ns, _PLACE, refusal)
        free_order(run, order)
    elif load_i8(order + ORDER_EXPIRES) <= now_ns:
        report(run, order, _EXPIRED, now_ns, _PLACE, 0)
        free_order(run, order)
    else:
        _enter(run, order, _PLACE, seq, now_ns)


@helper
def _replace(run: int, order: int, request: int, seq: int, now_ns: int) -> None:
    slot, side = load_i8(order + ORDER_SLOT), load_i8(order + ORDER_SIDE)
    lot = load_i8(slot + SLOT_LOT)
    price = _to_tick(side, load_i8(request + INTENT_PRICE), load_i8(slot + SLOT_TICK))
    size = load_i8(request + INTENT_SIZE) // lot * lot
    refusal = _unfit(price, size, False)
    if refusal == 0 and load_i8(order + ORDER_URGENCY) == _MAKER and reaches(side, price, slot) == 1:
        refusal = _WOULD_TAKE
    if refusal:
        report(run, order, load_i8(order + ORDER_STATE), now_ns, _REPLACE, refusal)
        return
    leaves = load_i8(order + ORDER_LEAVES)
    keeps_place = price == load_i8(order + ORDER_PRICE) and size <= leaves
    store_8(order + ORDER_PRICE, price)
    store_8(order + ORDER_SIZE, load_i8(order + ORDER_SIZE) - leaves + size)
    store_8(order + ORDER_LEAVES, size)
    if keeps_place:
        report(run, order, load_i8(order + ORDER_STATE), now_ns, _REPLACE, 0)
    else:
        remove(run, order)
        store_8(order + ORDER_LOT, lot)
        _enter(run, order, _REPLACE, seq, now_ns)


@helper
def _refuse_request(run: int, request: int, slot: int, now_ns: int, refusal: int) -> None:
    """Refuse what is about no order of the venue."""
    order = _order_of(run, request, slot)
    refuse(run, order, _REJECTED, now_ns, load_i8(request + INTENT_KIND), refusal)
    free_order(run, order)


@helper
def venue_request(run: int, request: int, now_ns: int) -> None:
    """A request arrives; the pool has an order for it."""
    slot = load_i8(run + RUN_VENUE_SLOTS) + load_i8(request + INTENT_SLOT) * SLOT_BYTES
    kind, seq = load_i8(request + INTENT_KIND), load_i8(run + RUN_SEQ_VENUE)
    if load_i8(slot + SLOT_TRUSTED) == 0:
        _refuse_request(run, request, slot, now_ns, _VENUE_UNKNOWN)
        return
    if kind == _PLACE:
        _place(run, request, slot, seq, now_ns)
        return
    order = find_order(slot, load_i8(request + INTENT_STRATEGY), load_i8(request + INTENT_ORDER))
    if order == 0:
        _refuse_request(run, request, slot, now_ns, _UNKNOWN_ORDER)
    elif kind == _CANCEL:
        end_order(run, order, _CANCELLED, now_ns, _CANCEL)
    else:
        _replace(run, order, request, seq, now_ns)


@helper
def expire(run: int, now_ns: int) -> None:
    """End the orders whose time has come, in the order of the slots' first orders."""
    ranks, following = load_i8(run + RUN_RANKS), MAX
    for rank in range(load_i8(run + RUN_RANKS + COLUMN_COUNT)):
        order = load_i8(load_i8(ranks + rank * 8) + SLOT_FIRST)
        while order != 0:
            after = load_i8(order + ORDER_NEXT)
            if load_i8(order + ORDER_EXPIRES) <= now_ns:
                end_order(run, order, _EXPIRED, now_ns, 0)
            else:
                following = min(following, load_i8(order + ORDER_EXPIRES))
            order = after
    store_8(run + RUN_NEXT_EXPIRY, following)
