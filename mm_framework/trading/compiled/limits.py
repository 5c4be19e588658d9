"""Limits on intents: those of `trading.allocator` that `local.unsupported` does not name."""

from __future__ import annotations

from typing import Final

from mm_framework.kernels.jit import helper
from mm_framework.kernels.memory import load_i8
from mm_framework.model.orders import IntentKind, Refusal
from mm_framework.trading.compiled.context import CTX_MAX_ORDERS, OWN_OPEN
from mm_framework.trading.compiled.desk_memory import DESK_OPEN, DESK_SIZES, DESK_TOTAL_ORDERS
from mm_framework.trading.compiled.layout import INTENT_KIND, INTENT_SIZE
from mm_framework.trading.compiled.own import own_of

__all__ = ["refusal_of"]

_PLACE: Final = int(IntentKind.PLACE)
_CANCEL: Final = int(IntentKind.CANCEL)
_TOO_MANY_ORDERS: Final = int(Refusal.TOO_MANY_ORDERS)
_TOTAL_ORDERS: Final = int(Refusal.TOTAL_ORDERS)
_ORDER_TOO_LARGE: Final = int(Refusal.ORDER_TOO_LARGE)


@helper
def refusal_of(desk: int, ctx: int, slot: int, intent: int) -> int:
    """Why an intent may not go out, 0 if it may."""
    kind = load_i8(intent + INTENT_KIND)
    if kind == _CANCEL:
        return 0
    if kind == _PLACE:
        if load_i8(own_of(ctx, slot) + OWN_OPEN) >= load_i8(ctx + CTX_MAX_ORDERS):
            return _TOO_MANY_ORDERS
        if load_i8(desk + DESK_OPEN) >= load_i8(desk + DESK_TOTAL_ORDERS):
            return _TOTAL_ORDERS
    large = load_i8(intent + INTENT_SIZE) > load_i8(load_i8(desk + DESK_SIZES) + 8 * slot)
    return _ORDER_TOO_LARGE if large else 0
