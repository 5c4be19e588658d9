"""Own orders and positions as they are known here, in OWN blocks; `trading.own_orders` in kernels."""

from __future__ import annotations

from typing import Final

from mm_framework.kernels.jit import helper, inline
from mm_framework.kernels.memory import load_i8, store_8
from mm_framework.model.orders import IntentKind, OrderState
from mm_framework.trading.compiled.context import (
    CTX_FILLS,
    CTX_INSTRUMENTS,
    CTX_MAX_ORDERS,
    CTX_OWN,
    CTX_OWN_BYTES,
    OWN_ARRAYS,
    OWN_OPEN,
    OWN_POSITION,
)
from mm_framework.trading.compiled.desk_memory import DESK_OPEN
from mm_framework.trading.compiled.layout import (
    INTENT_ORDER,
    INTENT_PRICE,
    INTENT_SIDE,
    INTENT_SIZE,
    REPORT_FILLED,
    REPORT_KIND,
    REPORT_LEAVES,
    REPORT_ORDER,
    REPORT_PRICE,
    REPORT_REFUSAL,
    REPORT_SIDE,
    REPORT_SLOT,
    REPORT_STATE,
    RUN_HERE_SLOTS,
    SLOT_BYTES,
    SLOT_LOT,
    SLOT_TICK,
)

__all__ = [
    "LEAVES",
    "PRICES",
    "SIDES",
    "asked",
    "filled",
    "open_place",
    "order_word",
    "own_of",
    "slot_of",
    "told",
]

NUMBERS: Final = 0
SIDES: Final = 1
PRICES: Final = 2
LEAVES: Final = 3

_PLACE: Final = int(IntentKind.PLACE)
_REPLACE: Final = int(IntentKind.REPLACE)
_FILLED: Final = int(OrderState.FILLED)
_CANCELLED: Final = int(OrderState.CANCELLED)
_REJECTED: Final = int(OrderState.REJECTED)
_EXPIRED: Final = int(OrderState.EXPIRED)


@inline
def own_of(ctx: int, slot: int) -> int:
    """The OWN block of an instrument."""
    return load_i8(ctx + CTX_OWN) + slot * load_i8(ctx + CTX_OWN_BYTES)


@inline
def order_word(ctx: int, own: int, column: int, k: int) -> int:
    """The address of a number of the order at place ``k``."""
    return own + OWN_ARRAYS + (column * load_i8(ctx + CTX_MAX_ORDERS) + k) * 8


@helper
def open_place(ctx: int, own: int, number: int) -> int:
    """Where an order stands in the block, -1 if it is not open."""
    for k in range(load_i8(own + OWN_OPEN)):
        if load_i8(order_word(ctx, own, NUMBERS, k)) == number:
            return k
    return -1


@helper
def slot_of(ctx: int, number: int, near: int) -> int:
    """The instrument of an open order, -1 if there is none; the search begins at ``near``."""
    count = load_i8(ctx + CTX_INSTRUMENTS)
    if 0 <= near < count and open_place(ctx, own_of(ctx, near), number) >= 0:
        return near
    for slot in range(count):
        if open_place(ctx, own_of(ctx, slot), number) >= 0:
            return slot
    return -1


@helper
def asked(run: int, desk: int, ctx: int, slot: int, intent: int) -> None:
    """An order leaves and is pending, rounded against us to tick and lot."""
    own, market = own_of(ctx, slot), load_i8(run + RUN_HERE_SLOTS) + slot * SLOT_BYTES
    tick, lot = load_i8(market + SLOT_TICK), load_i8(market + SLOT_LOT)
    side, price = load_i8(intent + INTENT_SIDE), load_i8(intent + INTENT_PRICE)
    k = load_i8(own + OWN_OPEN)
    store_8(order_word(ctx, own, NUMBERS, k), load_i8(intent + INTENT_ORDER))
    store_8(order_word(ctx, own, SIDES, k), side)
    store_8(order_word(ctx, own, PRICES, k), price // tick * tick if side > 0 else -(-price // tick) * tick)
    store_8(order_word(ctx, own, LEAVES, k), load_i8(intent + INTENT_SIZE) // lot * lot)
    store_8(own + OWN_OPEN, k + 1)
    store_8(desk + DESK_OPEN, load_i8(desk + DESK_OPEN) + 1)


@helper
def _remove(desk: int, ctx: int, own: int, place: int) -> None:
    """An order ended: those behind it move up."""
    last = load_i8(own + OWN_OPEN) - 1
    for column in range(4):
        for k in range(place, last):
            store_8(order_word(ctx, own, column, k), load_i8(order_word(ctx, own, column, k + 1)))
        store_8(order_word(ctx, own, column, last), 0)
    store_8(own + OWN_OPEN, last)
    store_8(desk + DESK_OPEN, load_i8(desk + DESK_OPEN) - 1)


@helper
def told(desk: int, ctx: int, report: int) -> None:
    """The venue has said this: the order is as it says."""
    own = own_of(ctx, load_i8(report + REPORT_SLOT))
    k = open_place(ctx, own, load_i8(report + REPORT_ORDER))
    if k < 0:
        return
    kind, refusal = load_i8(report + REPORT_KIND), load_i8(report + REPORT_REFUSAL)
    leaves = order_word(ctx, own, LEAVES, k)
    if load_i8(report + REPORT_FILLED):
        store_8(leaves, load_i8(leaves) - load_i8(report + REPORT_FILLED))
    elif kind == _REPLACE and refusal == 0:
        store_8(order_word(ctx, own, PRICES, k), load_i8(report + REPORT_PRICE))
        store_8(leaves, load_i8(report + REPORT_LEAVES))
    if refusal == 0 or kind == _PLACE:
        state = load_i8(report + REPORT_STATE)
        if state in (_FILLED, _CANCELLED, _REJECTED, _EXPIRED):
            _remove(desk, ctx, own, k)


@helper
def filled(ctx: int, report: int) -> int:
    """A fill became known: the position after it. Gives + bought, - sold."""
    own = own_of(ctx, load_i8(report + REPORT_SLOT))
    signed = load_i8(report + REPORT_SIDE) * load_i8(report + REPORT_FILLED)
    store_8(own + OWN_POSITION, load_i8(own + OWN_POSITION) + signed)
    store_8(ctx + CTX_FILLS, load_i8(ctx + CTX_FILLS) + 1)
    return signed
