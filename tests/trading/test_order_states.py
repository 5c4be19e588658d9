"""The table of the states of orders: whole, and what the simulated venue and the own orders obey."""

from __future__ import annotations

import itertools

import pytest

from mm_framework.model.orders import OrderState
from mm_framework.trading.order_states import ENDED, TRANSITIONS, OrderTrigger, next_state, reported_state

CELLS = [(old, trigger) for old in OrderState for trigger in OrderTrigger]


@pytest.mark.parametrize(("old", "trigger"), CELLS, ids=lambda one: one.name)
def test_a_cell_is_the_next_state_and_a_missing_one_is_an_error(
    old: OrderState, trigger: OrderTrigger
) -> None:
    new = TRANSITIONS[old].get(trigger)
    if new is not None:
        assert next_state(old, trigger) is new
        assert reported_state(old, new) is new
        return
    with pytest.raises(RuntimeError, match=f"no transition of an order from {old.name} on {trigger.name}"):
        next_state(old, trigger)


def test_every_state_has_a_row_and_can_be_reached_from_pending() -> None:
    assert set(TRANSITIONS) == set(OrderState)
    reached, frontier = {OrderState.PENDING}, [OrderState.PENDING]
    while frontier:
        found = set(TRANSITIONS[frontier.pop()].values()) - reached
        reached |= found
        frontier.extend(found)
    assert reached == set(OrderState)


def test_nothing_leads_out_of_an_end() -> None:
    assert {OrderState.FILLED, OrderState.CANCELLED, OrderState.REJECTED, OrderState.EXPIRED} == ENDED
    for old, new in itertools.product(ENDED, OrderState):
        with pytest.raises(RuntimeError, match=f"cannot be {new.name} after it was {old.name}"):
            reported_state(old, new)
