"""Intents, orders and fills: what a strategy wishes, what the exchange holds, what was executed.

Prices and sizes are integers at the scales of the instrument's definition. Order numbers are a
strategy's own, from 1 on. Codes are a contract, as those of `model.events`: never renumber, only add.
"""

from __future__ import annotations

import enum

import attrs

__all__ = [
    "Fill",
    "Intent",
    "IntentKind",
    "Order",
    "OrderState",
    "Refusal",
    "Side",
    "TimeInForce",
    "Urgency",
]


class Side(enum.IntEnum):
    """The side of an order; its value is the sign of what it does to the position."""

    BUY = 1
    SELL = -1


class TimeInForce(enum.IntEnum):
    """How long an order lives: until cancelled, at once, at once and whole, until a time."""

    GTC = 1
    IOC = 2
    FOK = 3
    GTD = 4


class Urgency(enum.IntEnum):
    """Whether an order waits for others (and never takes), or takes what is there."""

    MAKER = 1
    TAKER = 2


class IntentKind(enum.IntEnum):
    """What a strategy asks for."""

    PLACE = 1
    CANCEL = 2
    REPLACE = 3


class OrderState(enum.IntEnum):
    """The life of an order."""

    NEW = 1
    PARTIALLY_FILLED = 2
    FILLED = 3
    CANCELLED = 4
    REJECTED = 5
    EXPIRED = 6
    PENDING = 7  # sent, not answered yet


class Refusal(enum.IntEnum):
    """Why an intent was not carried out. Codes below 20 come from the allocator, others from the venue."""

    TOO_MANY_ORDERS = 1
    ORDER_TOO_LARGE = 2
    STRATEGY_POSITION = 3
    TOTAL_POSITION = 4
    TOTAL_ORDERS = 5
    ORDER_NOTIONAL = 6
    STRATEGY_OPEN_SIZE = 7
    TOTAL_OPEN_SIZE = 8
    STRATEGY_RATE = 9
    TOTAL_RATE = 10
    STRATEGY_LOSS = 11
    TOTAL_LOSS = 12
    STALE_DATA = 13
    WIDE_SPREAD = 14
    VENUE_UNKNOWN = 20
    UNKNOWN_ORDER = 21
    BELOW_LOT = 22
    BELOW_TICK = 23
    WOULD_TAKE = 24
    NOT_DELIVERED = 25

    @property
    def text(self) -> str:
        """In words, as logs and result files have it: ``venue unknown``."""
        return self.name.lower().replace("_", " ")


@attrs.frozen
class Intent:
    """A strategy's wish. ``seq`` is the number of the message that caused it.

    ``instrument`` is an id, None for a cancel or replace of an order that is not open. A cancel has
    neither side, price, size, tif nor urgency; a replace has the new price and size. ``expires_ns``
    is given for GTD only. ``tag`` may be empty.
    """

    seq: int
    strategy: str
    kind: IntentKind
    order: int
    instrument: str | None = None
    side: Side | None = None
    price: int | None = None
    size: int | None = None
    tif: TimeInForce | None = None
    urgency: Urgency | None = None
    tag: str = ""
    expires_ns: int | None = None


@attrs.define
class Order:
    """An order as the exchange holds it. ``0 <= leaves <= size``; leaves is what may still fill."""

    strategy: str
    number: int
    instrument: str
    side: Side
    price: int
    size: int
    leaves: int
    tif: TimeInForce
    urgency: Urgency
    tag: str = ""
    expires_ns: int | None = None
    state: OrderState = OrderState.NEW


@attrs.frozen
class Fill:
    """An execution. ``mono_ns`` is the time at the venue; without latency that of the decision step.

    ``mid2``: best bid + best ask just before what caused it, the last valid ones; None before the first.
    """

    seq: int
    mono_ns: int
    strategy: str
    instrument: str
    order: int
    side: Side
    price: int
    size: int
    maker: bool
    mid2: int | None = None

    def scaled(self, price_factor: int, size_factor: int) -> Fill:
        """The same at larger scales."""
        return attrs.evolve(
            self,
            price=self.price * price_factor,
            size=self.size * size_factor,
            mid2=None if self.mid2 is None else self.mid2 * price_factor,
        )
