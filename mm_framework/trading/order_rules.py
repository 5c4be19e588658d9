"""What holds of every order: rounding against us, what can be no order, what reaches the other side. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from mm_framework.model.orders import Intent, Order, OrderState, Refusal, Side, Urgency
from mm_framework.num import ceil_to, floor_to
from mm_framework.trading.market import Slot

__all__ = ["NEVER", "expiry_of", "is_market", "order_of", "reaches", "rounded", "taker_price", "unfit"]

NEVER: Final = 2**63


def taker_price(side: Side, best: int, slippage_bps: int, tick: int) -> int:
    """The price of a taker: ``best`` moved against us, to the tick against us, at least one tick."""
    if not slippage_bps:
        return best
    if side is Side.BUY:
        return ceil_to(-(-best * (10_000 + slippage_bps) // 10_000), tick)
    return max(tick, floor_to(best * (10_000 - slippage_bps) // 10_000, tick))


def expiry_of(order: Order) -> int:
    """When an order ends by itself; NEVER for one that does not."""
    return NEVER if order.expires_ns is None else order.expires_ns


def is_market(order: Order) -> bool:
    """Whether an order takes at any price."""
    return order.price == 0 and order.urgency is Urgency.TAKER


def rounded(side: Side, price: int, size: int, slot: Slot) -> tuple[int, int]:
    """Price and size rounded against us: a buy down, a sell up to the tick, a size down to the lot."""
    to_tick: Callable[[int, int], int] = floor_to if side is Side.BUY else ceil_to
    return to_tick(price, slot.tick), floor_to(size, slot.lot)


def unfit(price: int, size: int, *, market: bool = False) -> Refusal | None:
    """Why a price and a size make no order; None when they do."""
    if size <= 0:
        return Refusal.BELOW_LOT
    return Refusal.BELOW_TICK if price <= 0 and not market else None


def order_of(intent: Intent, slot: Slot) -> Order:
    """The order that a place asks for, pending: price and size rounded against us to the tick and the lot."""
    assert intent.side is not None
    assert intent.price is not None
    assert intent.size is not None
    assert intent.tif is not None
    assert intent.urgency is not None
    price, size = rounded(intent.side, intent.price, intent.size, slot)
    return Order(
        strategy=intent.strategy,
        number=intent.order,
        instrument=slot.id,
        side=intent.side,
        price=price,
        size=size,
        leaves=size,
        tif=intent.tif,
        urgency=intent.urgency,
        tag=intent.tag,
        expires_ns=intent.expires_ns,
        state=OrderState.PENDING,
    )


def reaches(side: Side, price: int, slot: Slot) -> bool:
    """Whether a price is at or through the best one of the other side."""
    best = slot.top[1 if side is Side.BUY else 0]
    return best is not None and side * (price - best[0]) >= 0
