"""The simulated exchange, conservative: answers each intent at once against the recorded market. Pure.

- An instrument whose market is not trusted: every request is refused, ``venue unknown``.
- An accepted price is rounded against us to the tick (a buy down, a sell up), a size down to the lot.
- A taker fills at the best opposite price, moved against us by the slippage buffer and rounded
  against us to the tick, at most the displayed size of that best level and the cap; the rest lapses.
  A limit that does not reach the best price does not fill. FOK fills whole or not at all. The buffer
  is a cost of doubt: it is charged even where it lies beyond the order's own limit.
- A maker order that would take is refused; otherwise it rests and never fills. IOC and FOK makers
  lapse at once, GTD ones at their time.

What flatters us: no latency, and the displayed size is there for every taker of the same moment.
What does not: makers earn nothing, every taker pays the buffer.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import attrs

from mm_framework.contracts.strategy import units
from mm_framework.model.orders import (
    Fill,
    Intent,
    IntentKind,
    Order,
    OrderState,
    Refusal,
    Side,
    TimeInForce,
    Urgency,
)
from mm_framework.num import floor_to
from mm_framework.trading.market import Slot
from mm_framework.trading.order_rules import NEVER, expiry_of, order_of, reaches, rounded, taker_price, unfit
from mm_framework.trading.settings import TradingSettings

__all__ = ["Answer", "Exchange", "SimulatedExchange"]


@attrs.frozen
class Answer:
    """What became of an intent: an order's state, a refusal, or both; the fill if there was one."""

    order: int
    state: OrderState
    refusal: Refusal | None = None
    fill: Fill | None = None


class Exchange(Protocol):
    """What strategies trade against, and the open orders as they are known here."""

    def __len__(self) -> int:
        """How many orders are open."""
        ...

    def order(self, strategy: str, number: int) -> Order | None:
        """An open order, None when there is none of that number."""
        ...

    def orders(self, instrument: str) -> Iterable[Order]:
        """The open orders of all strategies in one instrument, oldest first."""
        ...

    def submit(self, intent: Intent, slot: Slot, now_ns: int) -> Answer:
        """Send one intent; what is known of it at once. ``slot`` is the market of its instrument."""
        ...

    def rescale(self, slot: Slot, price_factor: int, size_factor: int) -> None:
        """The scales of an instrument became larger."""
        ...


class SimulatedExchange:
    """Holds the open orders of all strategies."""

    def __init__(self, settings: TradingSettings) -> None:
        self.slippage_bps, self._max_fill = settings.slippage_bps, settings.max_fill_size
        self._orders: dict[tuple[str, int], Order] = {}
        self._by_instrument: dict[str, dict[tuple[str, int], Order]] = {}
        self._next_expiry_ns = NEVER

    def __len__(self) -> int:
        """How many orders are open."""
        return len(self._orders)

    def order(self, strategy: str, number: int) -> Order | None:
        """An open order, None when there is none of that number."""
        return self._orders.get((strategy, number))

    def orders(self, instrument: str) -> Iterable[Order]:
        """The open orders of all strategies in one instrument, oldest first."""
        return self._by_instrument.get(instrument, {}).values()

    def expire(self, now_ns: int) -> list[Order]:
        """End the GTD orders whose time has come; returns them."""
        if now_ns < self._next_expiry_ns:
            return []
        due = [order for order in self._orders.values() if expiry_of(order) <= now_ns]
        for order in due:
            self._end(order, OrderState.EXPIRED)
        self._next_expiry_ns = min(map(expiry_of, self._orders.values()), default=NEVER)
        return due

    def submit(self, intent: Intent, slot: Slot, now_ns: int) -> Answer:
        """Carry out one intent. ``slot`` is the market of its instrument."""
        if not slot.trusted:
            return _refused(intent, Refusal.VENUE_UNKNOWN)
        if intent.kind is IntentKind.PLACE:
            return self._place(intent, slot, now_ns)
        order = self.order(intent.strategy, intent.order)
        if order is None:
            return _refused(intent, Refusal.UNKNOWN_ORDER)
        if intent.kind is IntentKind.CANCEL:
            return self._end(order, OrderState.CANCELLED)
        return self._replace(intent, order, slot)

    def rescale(self, slot: Slot, price_factor: int, size_factor: int) -> None:
        """The scales of an instrument became larger."""
        for order in self.orders(slot.id):
            order.price *= price_factor
            order.size *= size_factor
            order.leaves *= size_factor

    def _place(self, intent: Intent, slot: Slot, now_ns: int) -> Answer:
        order = order_of(intent, slot)
        if refusal := unfit(order.price, order.size):
            return _refused(intent, refusal)
        if order.urgency is Urgency.TAKER:
            return self._take(order, slot, intent.seq, now_ns)
        if reaches(order.side, order.price, slot):
            return _refused(intent, Refusal.WOULD_TAKE)
        if order.tif in (TimeInForce.IOC, TimeInForce.FOK):
            return Answer(order.number, OrderState.EXPIRED)
        key = (order.strategy, order.number)
        self._orders[key] = self._by_instrument.setdefault(slot.id, {})[key] = order
        self._next_expiry_ns = min(self._next_expiry_ns, expiry_of(order))
        return Answer(order.number, OrderState.NEW)

    def _take(self, order: Order, slot: Slot, seq: int, now_ns: int) -> Answer:
        size = self._available(order, slot)
        if not size:
            return Answer(order.number, OrderState.EXPIRED)
        best = _opposite(order.side, slot)
        assert best is not None
        price = taker_price(order.side, best[0], self.slippage_bps, slot.tick)
        fill = Fill(
            seq, now_ns, order.strategy, slot.id, order.number, order.side, price, size, False, slot.mid2
        )
        state = OrderState.FILLED if size == order.size else OrderState.EXPIRED
        return Answer(order.number, state, fill=fill)

    def _available(self, order: Order, slot: Slot) -> int:
        """What a taker gets: 0 when its limit does not reach, or FOK cannot be filled whole."""
        best = _opposite(order.side, slot)
        if best is None or not reaches(order.side, order.price, slot):
            return 0
        size = min(order.size, floor_to(best[1], slot.lot))
        if self._max_fill is not None:
            cap = units(self._max_fill, slot.definition.size_scale, up=False)
            size = min(size, floor_to(cap, slot.lot))
        return 0 if order.tif is TimeInForce.FOK and size < order.size else size

    def _replace(self, intent: Intent, order: Order, slot: Slot) -> Answer:
        assert intent.price is not None
        assert intent.size is not None
        price, size = rounded(order.side, intent.price, intent.size, slot)
        refusal = unfit(price, size)
        if refusal is None and reaches(order.side, price, slot):
            refusal = Refusal.WOULD_TAKE
        if refusal is not None:
            return Answer(order.number, order.state, refusal)
        order.price, order.size, order.leaves = price, size, size
        return Answer(order.number, order.state)

    def _end(self, order: Order, state: OrderState) -> Answer:
        key = (order.strategy, order.number)
        order.state = state
        del self._orders[key], self._by_instrument[order.instrument][key]
        return Answer(order.number, state)


def _opposite(side: Side, slot: Slot) -> tuple[int, int] | None:
    return slot.top[1 if side is Side.BUY else 0]


def _refused(intent: Intent, refusal: Refusal) -> Answer:
    return Answer(intent.order, OrderState.REJECTED, refusal)
