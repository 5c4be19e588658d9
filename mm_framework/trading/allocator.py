"""The allocator: strategies share one book of limits; who comes first by name is served first. Pure.

An intent that would pass a limit is refused whole, before it reaches the exchange. A position counts
with all open orders of its side, as if they were filled; so limits hold whatever fills.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

from mm_framework.contracts.strategy import units
from mm_framework.model.orders import Intent, IntentKind, Refusal
from mm_framework.trading.exchange import Exchange
from mm_framework.trading.market import Slot
from mm_framework.trading.positions import Positions
from mm_framework.trading.settings import LimitSettings

__all__ = ["Allocator"]


class Allocator:
    """Checks intents one by one. ``refused`` counts by reason."""

    def __init__(self, limits: LimitSettings, exchange: Exchange, positions: Positions) -> None:
        self.limits, self.exchange, self.positions = limits, exchange, positions
        self.refused: Counter[Refusal] = Counter()

    def check(self, intent: Intent, slot: Slot, max_orders: int) -> Refusal | None:
        """Why the intent may not go out, None if it may. ``max_orders``: what the strategy declared."""
        refusal = None
        if intent.kind is IntentKind.PLACE:
            refusal = self._check_count(intent, slot, max_orders) or self._check_size(intent, slot)
        elif intent.kind is IntentKind.REPLACE:
            refusal = self._check_size(intent, slot)
        if refusal is not None:
            self.refused[refusal] += 1
        return refusal

    def _check_count(self, intent: Intent, slot: Slot, max_orders: int) -> Refusal | None:
        own = sum(order.strategy == intent.strategy for order in self.exchange.orders(slot.id))
        if own >= max_orders:
            return Refusal.TOO_MANY_ORDERS
        return Refusal.TOTAL_ORDERS if len(self.exchange) >= self.limits.total_orders else None

    def _check_size(self, intent: Intent, slot: Slot) -> Refusal | None:
        """Limits of size and position, the order that a replace changes not counted twice."""
        changed = self.exchange.order(intent.strategy, intent.order)
        side = intent.side if changed is None else changed.side
        size = intent.size
        if side is None or size is None:
            return None
        limits, own, total = self.limits, size, size
        for order in self.exchange.orders(slot.id):
            if order.side is side and order is not changed:
                total += order.leaves
                own += order.leaves if order.strategy == intent.strategy else 0
        held = self.positions.of(intent.strategy, slot).position
        if _exceeds(size, limits.order_size, slot):
            return Refusal.ORDER_TOO_LARGE
        if _exceeds(side * held + own, limits.strategy_position, slot):
            return Refusal.STRATEGY_POSITION
        if _exceeds(side * self.positions.total(slot.id) + total, limits.total_position, slot):
            return Refusal.TOTAL_POSITION
        return None


def _exceeds(size: int, limit: str | None, slot: Slot) -> bool:
    return limit is not None and size > _limit(limit, slot.definition.size_scale)


@cache
def _limit(limit: str, size_scale: int) -> int:
    return units(limit, size_scale, up=False)
