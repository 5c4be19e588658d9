"""The allocator: strategies share one book of limits; who comes first by name is served first. Pure.

An intent that would pass a limit is refused whole, before it reaches the exchange; a cancel never is. A
position counts with all that orders of its side may still fill, in flight too; so limits hold whatever
fills. The first limit that is passed is the reason: number, sizes, news and spread of the market, losses,
and rates last, so that what another limit refuses does not count as sent. Losses refuse no order that, with
all that is open on its side, can only make its strategy's position smaller.
"""

from __future__ import annotations

from collections import Counter, deque
from functools import cache

from mm_framework.contracts.strategy import units
from mm_framework.model.orders import Fill, Intent, IntentKind, Order, Refusal, Side, Urgency
from mm_framework.trading.exchange import Exchange
from mm_framework.trading.fees import Fees
from mm_framework.trading.losses import Losses
from mm_framework.trading.market import Slot
from mm_framework.trading.positions import Positions
from mm_framework.trading.settings import LimitSettings

__all__ = ["Allocator"]

_SECOND_NS = 1_000_000_000


class Allocator:
    """Checks intents one by one. ``refused`` counts by reason. ``fees`` price fills for loss stops.

    ``stale_ns``: the age at which news of a market is too old; None: `quoted` need not be called.
    """

    def __init__(
        self,
        limits: LimitSettings,
        exchange: Exchange,
        positions: Positions,
        fees: Fees | None = None,
    ) -> None:
        self.limits, self.exchange, self.positions = limits, exchange, positions
        self.refused: Counter[Refusal] = Counter()
        self.losses = Losses(limits, fees)
        self.stale_ns = None if limits.stale_s is None else round(limits.stale_s * 1e9)
        self._quoted_ns: dict[int, int] = {}
        self._sent_ns: dict[str, deque[int]] = {}
        self._all_sent_ns: deque[int] = deque()
        open_limits = (
            limits.strategy_position,
            limits.total_position,
            limits.strategy_open_size,
            limits.total_open_size,
        )
        self._counts_open = any(limit is not None for limit in open_limits)

    def quoted(self, slot: Slot, now_ns: int) -> None:
        """There is news of the best prices of a market, or of its book."""
        self._quoted_ns[slot.index] = now_ns

    def filled(self, fill: Fill, slot: Slot, now_ns: int) -> None:
        """A fill became known."""
        self.losses.filled(fill, slot, now_ns)

    def rescale(self, slot: Slot, price_factor: int, size_factor: int) -> None:
        """The scales of an instrument became larger."""
        self.losses.rescale(slot, price_factor, size_factor)

    def check(self, intent: Intent, slot: Slot, max_orders: int, now_ns: int) -> Refusal | None:
        """Why the intent may not go out, None if it may. ``max_orders``: what the strategy declared."""
        if intent.kind is IntentKind.CANCEL:
            return None
        refusal = (
            self._check_count(intent, slot, max_orders)
            or self._check_size(intent, slot)
            or self._check_market(slot, now_ns)
            or self._check_losses(intent, slot, now_ns)
            or self._check_rate(intent, now_ns)
        )
        if refusal is not None:
            self.refused[refusal] += 1
        return refusal

    def _check_count(self, intent: Intent, slot: Slot, max_orders: int) -> Refusal | None:
        if intent.kind is not IntentKind.PLACE:
            return None
        own = sum(order.strategy == intent.strategy for order in self.exchange.orders(slot.id))
        if own >= max_orders:
            return Refusal.TOO_MANY_ORDERS
        return Refusal.TOTAL_ORDERS if len(self.exchange) >= self.limits.total_orders else None

    def _check_size(self, intent: Intent, slot: Slot) -> Refusal | None:
        """Limits of the order, then of all that orders of its side may fill."""
        changed = self.exchange.order(intent.strategy, intent.order)
        side = intent.side if changed is None else changed.side
        limits, size = self.limits, intent.size
        if side is None or size is None:
            return None
        if _exceeds(size, limits.order_size, slot):
            return Refusal.ORDER_TOO_LARGE
        if limits.order_notional is not None:
            notional = self._notional(intent, side, size, slot)
            scale = slot.definition.price_scale + slot.definition.size_scale
            if notional is None or notional > _limit(limits.order_notional, scale):
                return Refusal.ORDER_NOTIONAL
        return self._check_open(intent.strategy, side, size, slot, changed) if self._counts_open else None

    def _check_open(
        self, strategy: str, side: Side, size: int, slot: Slot, changed: Order | None
    ) -> Refusal | None:
        limits, (own, total) = self.limits, self._open(strategy, side, slot, changed)
        own, total = own + size, total + size
        if _exceeds(side * self.positions.of(strategy, slot).position + own, limits.strategy_position, slot):
            return Refusal.STRATEGY_POSITION
        if _exceeds(side * self.positions.total(slot.id) + total, limits.total_position, slot):
            return Refusal.TOTAL_POSITION
        if _exceeds(own, limits.strategy_open_size, slot):
            return Refusal.STRATEGY_OPEN_SIZE
        return Refusal.TOTAL_OPEN_SIZE if _exceeds(total, limits.total_open_size, slot) else None

    def _open(self, strategy: str, side: Side, slot: Slot, changed: Order | None) -> tuple[int, int]:
        """What orders of one side may fill: those of a strategy, those of all.

        An order that a replace changes counts too, unless nothing can happen to it before.
        """
        own = total = 0
        for order in self.exchange.orders(slot.id):
            if order.side is side and not (order is changed and self.exchange.at_once):
                size = self.exchange.may_fill(order)
                total += size
                own += size if order.strategy == strategy else 0
        return own, total

    def _notional(self, intent: Intent, side: Side, size: int, slot: Slot) -> int | None:
        """Price x size; a market order at the best price that it would take, None while there is none."""
        price = intent.price or 0
        if not price and intent.urgency is Urgency.TAKER:
            best = slot.top[1 if side is Side.BUY else 0]
            return None if best is None else best[0] * size
        return price * size

    def _check_market(self, slot: Slot, now_ns: int) -> Refusal | None:
        if self.stale_ns is not None:
            quoted_ns = self._quoted_ns.get(slot.index)
            if quoted_ns is None or now_ns - quoted_ns > self.stale_ns:
                return Refusal.STALE_DATA
        if self.limits.spread_bps is not None:
            bid, ask = slot.top
            if bid is None or ask is None or _spread_exceeds(bid[0], ask[0], self.limits.spread_bps):
                return Refusal.WIDE_SPREAD
        return None

    def _check_losses(self, intent: Intent, slot: Slot, now_ns: int) -> Refusal | None:
        """A stop by losses; what only makes a position smaller goes out all the same."""
        refusal = self.losses.refusal(intent.strategy, slot, now_ns)
        return None if refusal is not None and self._reduces(intent, slot) else refusal

    def _reduces(self, intent: Intent, slot: Slot) -> bool:
        """Whether the strategy's position becomes smaller, and does not change sides, whatever fills."""
        changed = self.exchange.order(intent.strategy, intent.order)
        side = intent.side if changed is None else changed.side
        if side is None or intent.size is None:
            return False
        held = -side * self.positions.of(intent.strategy, slot).position
        return self._open(intent.strategy, side, slot, changed)[0] + intent.size <= held

    def _check_rate(self, intent: Intent, now_ns: int) -> Refusal | None:
        """The last look: what passes it is sent."""
        limits = self.limits
        if limits.strategy_rate is None and limits.total_rate is None:
            return None
        own = self._sent_ns.setdefault(intent.strategy, deque())
        for sent in (own, self._all_sent_ns):
            while sent and sent[0] <= now_ns - _SECOND_NS:
                sent.popleft()
        if limits.strategy_rate is not None and len(own) >= limits.strategy_rate:
            return Refusal.STRATEGY_RATE
        if limits.total_rate is not None and len(self._all_sent_ns) >= limits.total_rate:
            return Refusal.TOTAL_RATE
        own.append(now_ns)
        self._all_sent_ns.append(now_ns)
        return None


def _exceeds(size: int, limit: str | None, slot: Slot) -> bool:
    return limit is not None and size > _limit(limit, slot.definition.size_scale)


def _spread_exceeds(bid: int, ask: int, limit_bps: int) -> bool:
    """Spread / mid > limit, exactly."""
    return 2 * (ask - bid) * 10_000 > limit_bps * (ask + bid)


@cache
def _limit(limit: str, scale: int) -> int:
    return units(limit, scale, up=False)
