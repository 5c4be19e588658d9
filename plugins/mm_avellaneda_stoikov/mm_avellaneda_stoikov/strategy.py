"""One quote a side, at the prices of `formulas`, moved along as the market and the inventory move.

Each side has at most one order. Prices are rounded away from the mid after they are kept from crossing: a
quote is always a maker's. ``asked`` remembers the price that an order was last sent to: an order that is on
its way to another price is left alone until the answer is here, and a refusal forgets the price.

Sizes are cut so that ``max_position`` holds whatever happens on the way: the position, all open orders of a
side and what is asked for now must fit in together, also when an order is moved, for it may be filled before
the request arrives and then once more. Where that does not fit, the order is withdrawn first.
"""

from __future__ import annotations

from typing import Any

from mm_avellaneda_stoikov.formulas import (
    ask_price,
    bid_price,
    liquidity_spread,
    reservation_price,
    total_spread,
)
from mm_avellaneda_stoikov.settings import AvellanedaStoikovSettings
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

__all__ = ["avellaneda_stoikov", "decide"]

TAGS = ("quote", "move", "withdraw")
QUOTE = 0
MOVE = 1
WITHDRAW = 2

LEAVING = -1
"""``asked`` of an order whose end has been asked for."""


def decide(state: Any, wake: Wake, market: Market, out: Out) -> None:
    """One wake-up: compute both prices anew and bring the orders there."""
    i = wake.instrument
    if i < 0:
        return
    view = market[i]
    mine = state.at[i]
    if wake.reasons & On.OWN_REJECT:
        for side in range(2):
            if mine.order[side] == wake.order:
                mine.asked[side] = 0
        return
    if not view.trusted:
        return
    tick = max(mine.tick, view.tick)

    bid = 0
    ask = 0
    if view.has_bid and view.has_ask and view.bid < view.ask:
        left_s = state.horizon_s
        if not state.rolling:
            if state.began_ns == 0:
                state.began_ns = wake.now_ns
            left_s = state.horizon_s - (wake.now_ns - state.began_ns) % state.horizon_ns / 1e9
        share = 0.5
        if state.weighted and view.bid_size > 0 and view.ask_size > 0:
            share = view.bid_size / (view.bid_size + view.ask_size)
        mid = (view.bid + share * (view.ask - view.bid)) / tick
        risk = state.risk_per_s * left_s
        centre = reservation_price(mid, view.position / mine.size, risk)
        half = total_spread(risk, state.liquidity) / 2.0
        bid = bid_price(centre - half, view.ask, tick)
        ask = ask_price(centre + half, view.bid, tick)

    for side in (1, -1):
        own = 0 if side == 1 else 1
        price = bid if side == 1 else ask
        found = 0
        waiting = 0
        room = mine.limit - side * view.position
        for k in range(view.open_orders):
            if view.order_sides[k] == side:
                room -= view.order_leaves[k]
            if view.order_numbers[k] == mine.order[own]:
                found = 1
                if mine.asked[own] > 0 and view.order_prices[k] != mine.asked[own]:
                    waiting = 1
        size = floor_to(min(mine.size, room), view.lot)
        if found == 0:
            if price > 0 and size > 0:
                mine.order[own] = out.place(i, side, price, size, TimeInForce.GTC, Urgency.MAKER, QUOTE)
                mine.asked[own] = price
        elif mine.asked[own] != LEAVING:
            moved = abs(price - mine.asked[own]) > state.keep_ticks * tick
            if price == 0 or (moved and size <= 0 and waiting == 0):
                out.cancel(mine.order[own], WITHDRAW)
                mine.asked[own] = LEAVING
            elif moved and waiting == 0:
                out.replace(mine.order[own], price, size, MOVE)
                mine.asked[own] = price


def avellaneda_stoikov(settings: AvellanedaStoikovSettings) -> Strategy:
    """Build the strategy: what does not depend on the market is computed here, once."""

    def start(state: Any) -> None:
        state.risk_per_s = settings.gamma_per_tick * settings.sigma_ticks_per_sqrt_s**2
        state.liquidity = liquidity_spread(settings.gamma_per_tick, settings.k_per_tick)
        state.horizon_s = settings.horizon_s
        state.horizon_ns = max(1, round(settings.horizon_s * 1e9))
        state.rolling = int(settings.rolling)
        state.weighted = int(settings.reference == "weighted")
        state.keep_ticks = settings.keep_ticks

    def define(mine: Any, definition: Definition) -> None:
        mine.size = max(1, units(settings.size, definition.size_scale, up=False))
        mine.tick = 0 if settings.tick is None else units(settings.tick, definition.price_scale, up=True)
        mine.limit = units(settings.max_position, definition.size_scale, up=False)
        for own in range(2):
            mine.asked[own] = min(mine.asked[own], 0)

    return Strategy(
        decide,
        wakes=On.MARKET | On.OWN_FILL | On.OWN_REJECT | On.RESYNC,
        state={
            "risk_per_s": "f8",
            "liquidity": "f8",
            "horizon_s": "f8",
            "horizon_ns": "i8",
            "began_ns": "i8",
            "rolling": "i8",
            "weighted": "i8",
            "keep_ticks": "i8",
        },
        at={"size": "i8", "tick": "i8", "limit": "i8", "order": "i8[2]", "asked": "i8[2]"},
        tags=TAGS,
        orders=2,
        start=start,
        define=define,
    )
