"""The states of an order, as a literal table. A cell that is missing is an error of ours. Pure.

    asked for:  PENDING, until the venue has answered
    the venue:  PENDING -> taken, refused or lapsed; taken ones execute, are replaced, and end
    own orders: what the venue reports, where the table leads from what was known to it

The documentation draws its diagram from `TRANSITIONS`.
"""

from __future__ import annotations

import enum
from typing import Final

from mm_framework.model.orders import OrderState

__all__ = ["ENDED", "TRANSITIONS", "OrderTrigger", "next_state", "reported_state"]


class OrderTrigger(enum.Enum):
    """What may happen to an order."""

    TAKEN = "the venue has accepted it"
    REFUSED = "the venue does not accept it, or it never got there"
    REPLACED = "it has another price or size"
    EXECUTED = "a part of what was left is filled"
    COMPLETED = "all that was left is filled"
    CANCELLED = "it was asked to end, or its market was lost under `on_gap = cancel`"
    LAPSED = "its time is over, or it takes at once or not at all and there is no more to take"


_OPEN: Final = {
    OrderTrigger.EXECUTED: OrderState.PARTIALLY_FILLED,
    OrderTrigger.COMPLETED: OrderState.FILLED,
    OrderTrigger.CANCELLED: OrderState.CANCELLED,
    OrderTrigger.LAPSED: OrderState.EXPIRED,
}

TRANSITIONS: Final[dict[OrderState, dict[OrderTrigger, OrderState]]] = {
    OrderState.PENDING: {
        OrderTrigger.TAKEN: OrderState.NEW,
        OrderTrigger.REFUSED: OrderState.REJECTED,
        OrderTrigger.LAPSED: OrderState.EXPIRED,
    },
    OrderState.NEW: {OrderTrigger.REPLACED: OrderState.NEW, **_OPEN},
    OrderState.PARTIALLY_FILLED: {OrderTrigger.REPLACED: OrderState.PARTIALLY_FILLED, **_OPEN},
    OrderState.FILLED: {},
    OrderState.CANCELLED: {},
    OrderState.REJECTED: {},
    OrderState.EXPIRED: {},
}

ENDED: Final = frozenset(state for state, row in TRANSITIONS.items() if not row)
"""States that nothing leads out of."""

_REPORTED: Final = {(old, new) for old, row in TRANSITIONS.items() for new in row.values()}


def next_state(state: OrderState, trigger: OrderTrigger) -> OrderState:
    """The state after ``trigger``. Raises RuntimeError where the table has no cell."""
    try:
        return TRANSITIONS[state][trigger]
    except KeyError:
        raise RuntimeError(f"no transition of an order from {state.name} on {trigger.name}") from None


def reported_state(known: OrderState, told: OrderState) -> OrderState:
    """``told``, after ``known``. Raises RuntimeError where no cell of the table leads there."""
    if (known, told) not in _REPORTED:
        raise RuntimeError(f"an order cannot be {told.name} after it was {known.name}")
    return told
