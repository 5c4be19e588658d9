"""Several quotes a side on a fixed grid of prices, the nearest at the distance of `formulas`.

    position -> q -> distance of bid and ask (a table, made once) -> first price of each side, on the grid
             -> ``levels`` prices a side, one step apart -> place, move, withdraw

An order whose price is still on the grid is left alone and keeps its place in the queue. One that is not is
moved to a price where an order is missing, and withdrawn if none is. Each order has a seat: ``order`` is its
number, ``asked`` the price that it was last sent to. An order that is on its way to another price is left
alone until the answer is here; a refusal forgets the price.

Sizes are cut so that ``max_position`` holds whatever happens on the way: the position, all open orders of a
side and what is asked for now must fit in together, also when an order is moved, for it may be filled before
the request arrives and then once more. Where that does not fit, the order is withdrawn first.
"""

from __future__ import annotations

from typing import Any

from mm_framework.contracts.strategy import (
    Market,
    On,
    Out,
    Strategy,
    TimeInForce,
    Urgency,
    Wake,
    units,
)
from mm_framework.model.instrument import Definition
from mm_framework.num import floor_to
from mm_glft_grid.formulas import ask_price, bid_price, closed_table, exact_table
from mm_glft_grid.settings import GlftGridSettings

__all__ = ["decide", "glft_grid"]

TAGS = ("quote", "move", "withdraw")
QUOTE = 0
MOVE = 1
WITHDRAW = 2

LEAVING = -1
"""``asked`` of an order whose end has been asked for."""


def between(q: float, largest: int) -> float:
    """Where ``q`` lies in the table of distances, from 0 to its last entry."""
    return min(max(q + largest, 0.0), 2.0 * largest - 1.0)


def on_grid(side: int, price: int, first: int, step: int, levels: int) -> bool:
    """Whether a price is one of ``levels`` from ``first`` on, away from the mid; never when first is 0."""
    behind = side * (first - price)
    return first > 0 and behind >= 0 and behind % step == 0 and behind < levels * step


def decide(state: Any, wake: Wake, market: Market, out: Out) -> None:
    """One wake-up: where the grid begins on both sides, then every order to its place."""
    i = wake.instrument
    if i < 0:
        return
    view = market[i]
    mine = state.at[i]
    if wake.reasons & On.OWN_REJECT:
        for seat in range(2 * state.levels):
            if mine.order[seat] == wake.order:
                mine.asked[seat] = 0
        return
    if not view.trusted:
        return
    tick = max(mine.tick, view.tick)

    step = state.step_ticks * tick
    quoting = view.has_bid and view.has_ask and view.bid < view.ask
    share = 0.5
    if state.weighted and view.bid_size > 0 and view.ask_size > 0:
        share = view.bid_size / (view.bid_size + view.ask_size)
    mid = (view.bid + share * (view.ask - view.bid)) / tick
    q = view.position / mine.size

    for side in (1, -1):
        first = 0
        if quoting:
            at = between(side * q, state.largest)
            k = int(at)
            after = min(k + 1, 2 * state.largest - 1)
            distance = state.distance[k] + (at - k) * (state.distance[after] - state.distance[k])
            if side == 1:
                first = bid_price((mid - distance) / state.step_ticks, view.ask, step)
            else:
                first = ask_price((mid + distance) / state.step_ticks, view.bid, step)
        seats = 0 if side == 1 else state.levels
        room = mine.limit - side * view.position
        for k in range(view.open_orders):
            if view.order_sides[k] == side:
                room -= view.order_leaves[k]
        for seat in range(seats, seats + state.levels):
            found = 0
            mine.waiting[seat] = 0
            for k in range(view.open_orders):
                if view.order_numbers[k] == mine.order[seat]:
                    found = 1
                    if mine.asked[seat] > 0 and view.order_prices[k] != mine.asked[seat]:
                        mine.waiting[seat] = 1
                        room -= mine.size
            if found == 0:
                mine.order[seat] = 0
                mine.asked[seat] = 0

        for level in range(state.levels):
            price = first - side * level * step
            size = floor_to(min(mine.size, room), view.lot)
            taken = 0
            spare = -1
            empty = -1
            for seat in range(seats, seats + state.levels):
                if mine.order[seat] == 0:
                    empty = seat
                elif mine.asked[seat] == price:
                    taken = 1
                elif (
                    mine.waiting[seat] == 0
                    and mine.asked[seat] != LEAVING
                    and not on_grid(side, mine.asked[seat], first, step, state.levels)
                ):
                    spare = seat
            if first > 0 and price > 0 and size > 0 and taken == 0:
                if spare >= 0:
                    out.replace(mine.order[spare], price, size, MOVE)
                    mine.asked[spare] = price
                    room -= size
                elif empty >= 0:
                    mine.order[empty] = out.place(i, side, price, size, TimeInForce.GTC, Urgency.MAKER, QUOTE)
                    mine.asked[empty] = price
                    room -= size

        for seat in range(seats, seats + state.levels):
            if (
                mine.order[seat] != 0
                and mine.asked[seat] != LEAVING
                and (mine.waiting[seat] == 0 or first == 0)
                and not on_grid(side, mine.asked[seat], first, step, state.levels)
            ):
                out.cancel(mine.order[seat], WITHDRAW)
                mine.asked[seat] = LEAVING


def glft_grid(settings: GlftGridSettings) -> Strategy:
    """Build the strategy: the table of distances is made here, once."""
    largest = settings.largest_inventory
    table = exact_table if settings.model == "exact" else closed_table
    distances = table(
        largest,
        gamma=settings.gamma_per_tick,
        sigma=settings.sigma_ticks_per_sqrt_s,
        a=settings.a_per_s,
        k=settings.k_per_tick,
    )

    def start(state: Any) -> None:
        state.largest = largest
        state.levels = settings.levels
        state.step_ticks = settings.step_ticks
        state.weighted = int(settings.reference == "weighted")
        for k, distance in enumerate(distances):
            state.distance[k] = distance

    def define(mine: Any, definition: Definition) -> None:
        mine.size = max(1, units(settings.size, definition.size_scale, up=False))
        mine.tick = 0 if settings.tick is None else units(settings.tick, definition.price_scale, up=True)
        mine.limit = units(settings.max_position, definition.size_scale, up=False)
        for seat in range(2 * settings.levels):
            mine.asked[seat] = min(mine.asked[seat], 0)

    seats = f"i8[{2 * settings.levels}]"
    return Strategy(
        decide,
        wakes=On.MARKET | On.OWN_FILL | On.OWN_REJECT | On.RESYNC,
        state={
            "largest": "i8",
            "levels": "i8",
            "step_ticks": "i8",
            "weighted": "i8",
            "distance": f"f8[{2 * largest}]",
        },
        at={"size": "i8", "tick": "i8", "limit": "i8", "order": seats, "asked": seats, "waiting": seats},
        tags=TAGS,
        orders=2 * settings.levels,
        start=start,
        define=define,
    )
