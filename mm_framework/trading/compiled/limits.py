"""Limits on intents: `trading.allocator` in kernels."""

from __future__ import annotations

from typing import Final

from mm_framework.kernels.jit import helper, inline
from mm_framework.kernels.memory import load_i8, store_8
from mm_framework.model.orders import IntentKind, Refusal
from mm_framework.trading.compiled.context import CTX_MAX_ORDERS, OWN_OPEN, OWN_POSITION
from mm_framework.trading.compiled.desk_memory import (
    DESK_COUNT,
    DESK_MARKETS,
    DESK_OPEN,
    DESK_STRATEGIES,
    DESK_TOTAL_ORDERS,
    MARKET_BYTES,
    MARKET_ORDER_SIZE,
    MARKET_STRATEGY_POSITION,
    MARKET_TOTAL,
    MARKET_TOTAL_POSITION,
)
from mm_framework.trading.compiled.layout import (
    INTENT_KIND,
    INTENT_ORDER,
    INTENT_SIDE,
    INTENT_SIZE,
    LIMIT,
    RUN_TOO_LARGE,
)
from mm_framework.trading.compiled.own import LEAVES, SIDES, open_place, order_word, own_of

__all__ = ["refusal_of"]

_PLACE: Final = int(IntentKind.PLACE)
_CANCEL: Final = int(IntentKind.CANCEL)
_TOO_MANY_ORDERS: Final = int(Refusal.TOO_MANY_ORDERS)
_TOTAL_ORDERS: Final = int(Refusal.TOTAL_ORDERS)
_ORDER_TOO_LARGE: Final = int(Refusal.ORDER_TOO_LARGE)
_STRATEGY_POSITION: Final = int(Refusal.STRATEGY_POSITION)
_TOTAL_POSITION: Final = int(Refusal.TOTAL_POSITION)


@inline
def _bounded(run: int, number: int) -> int:
    """A sum that the compiled run holds; another one ends the run."""
    if abs(number) >= LIMIT:
        store_8(run + RUN_TOO_LARGE, 1)
        return 0
    return number


@helper
def _open_size(run: int, ctx: int, slot: int, side: int, changed: int) -> int:
    """What a strategy's open orders of a side add up to, but for the one that is changed."""
    own, total = own_of(ctx, slot), 0
    for k in range(load_i8(own + OWN_OPEN)):
        if k != changed and load_i8(order_word(ctx, own, SIDES, k)) == side:
            total = _bounded(run, total + load_i8(order_word(ctx, own, LEAVES, k)))
    return total


@helper
def _size_refusal(run: int, desk: int, ctx: int, slot: int, intent: int) -> int:
    """Limits of size and position, the order that a replace changes not counted twice."""
    own, market = own_of(ctx, slot), load_i8(desk + DESK_MARKETS) + slot * MARKET_BYTES
    changed = open_place(ctx, own, load_i8(intent + INTENT_ORDER))
    side = load_i8(intent + INTENT_SIDE)
    if changed >= 0:
        side = load_i8(order_word(ctx, own, SIDES, changed))
    size = _bounded(run, load_i8(intent + INTENT_SIZE))
    if size > load_i8(market + MARKET_ORDER_SIZE):
        return _ORDER_TOO_LARGE
    held = _bounded(run, size + _open_size(run, ctx, slot, side, changed))
    held = _bounded(run, held + side * load_i8(own + OWN_POSITION))
    if held > load_i8(market + MARKET_STRATEGY_POSITION):
        return _STRATEGY_POSITION
    total = _bounded(run, size + side * load_i8(market + MARKET_TOTAL))
    for k in range(load_i8(desk + DESK_COUNT)):
        other = load_i8(load_i8(desk + DESK_STRATEGIES) + 8 * k)
        total = _bounded(run, total + _open_size(run, other, slot, side, changed if other == ctx else -1))
    return _TOTAL_POSITION if total > load_i8(market + MARKET_TOTAL_POSITION) else 0


@helper
def refusal_of(run: int, desk: int, ctx: int, slot: int, intent: int) -> int:
    """Why an intent may not go out, 0 if it may."""
    kind = load_i8(intent + INTENT_KIND)
    if kind == _CANCEL:
        return 0
    if kind == _PLACE:
        if load_i8(own_of(ctx, slot) + OWN_OPEN) >= load_i8(ctx + CTX_MAX_ORDERS):
            return _TOO_MANY_ORDERS
        if load_i8(desk + DESK_OPEN) >= load_i8(desk + DESK_TOTAL_ORDERS):
            return _TOTAL_ORDERS
    return _size_refusal(run, desk, ctx, slot, intent)
