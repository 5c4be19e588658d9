"""Own orders as they are known here: what was asked for, and what the venue has said of it. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from mm_framework.model.orders import Intent, IntentKind, Order
from mm_framework.trading.market import Slot
from mm_framework.trading.matching import Report
from mm_framework.trading.order_rules import order_of
from mm_framework.trading.order_states import ENDED, reported_state

__all__ = ["OwnOrders"]


class OwnOrders:
    """The open and pending orders of all strategies, in the order in which they were asked for.

    Each request is answered once (``Report.kind``), in the order in which they were sent.
    """

    def __init__(self) -> None:
        self._orders: dict[str, dict[tuple[str, int], Order]] = {}
        self._by_key: dict[tuple[str, int], Order] = {}
        self._replaces: dict[tuple[str, int], deque[int]] = {}

    def __len__(self) -> int:
        """How many orders are open or pending."""
        return len(self._by_key)

    def order(self, strategy: str, number: int) -> Order | None:
        """An order that is open or pending, as far as we know."""
        return self._by_key.get((strategy, number))

    def orders(self, instrument: str) -> Iterable[Order]:
        """The orders of all strategies in one instrument, oldest first."""
        return self._orders.get(instrument, {}).values()

    def may_fill(self, order: Order) -> int:
        """The most that an open order may still add to the position.

        A replace on its way counts with what it replaces: the venue may fill that before, and the new size
        after it.
        """
        waiting = self._replaces.get((order.strategy, order.number))
        return order.leaves + sum(waiting) if waiting else order.leaves

    def rescale(self, slot: Slot, price_factor: int, size_factor: int) -> None:
        """The scales of an instrument became larger."""
        for order in self.orders(slot.id):
            order.price *= price_factor
            order.size *= size_factor
            order.leaves *= size_factor
            waiting = self._replaces.get((order.strategy, order.number), deque())
            waiting.extend(waiting.popleft() * size_factor for _ in range(len(waiting)))

    def asked(self, intent: Intent, slot: Slot) -> None:
        """An intent leaves: what it places is pending."""
        if intent.kind is IntentKind.PLACE:
            order = order_of(intent, slot)
            key = (order.strategy, order.number)
            self._by_key[key] = self._orders.setdefault(slot.id, {})[key] = order

    def sent(self, intent: Intent) -> None:
        """An intent is on its way: a replace counts (`may_fill`) until it is answered."""
        if intent.kind is IntentKind.REPLACE and intent.size is not None:
            self._replaces.setdefault((intent.strategy, intent.order), deque()).append(intent.size)

    def told(self, report: Report) -> None:
        """The venue has said this: the order is as it says."""
        key = (report.strategy, report.order)
        if self._replaces and report.kind is IntentKind.REPLACE:
            self._replaced(key)
        order = self._by_key.get(key)
        if order is None:
            return
        if report.fill is not None:
            order.leaves -= report.fill.size
        elif report.kind is IntentKind.REPLACE and report.refusal is None:
            order.size, order.price, order.leaves = report.size, report.price, report.leaves
        if report.refusal is None or report.kind is IntentKind.PLACE:
            order.state = reported_state(order.state, report.state)
            if order.state in ENDED:
                del self._by_key[key], self._orders[order.instrument][key]

    def _replaced(self, key: tuple[str, int]) -> None:
        """A replace was answered, the first that was sent."""
        waiting = self._replaces[key]
        waiting.popleft()
        if not waiting:
            del self._replaces[key]
