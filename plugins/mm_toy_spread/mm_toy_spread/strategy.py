"""A strategy small enough to copy: it acts while the spread is wide.

- As a maker it keeps one order at the best bid and one at the best offer, moves them along, and takes
  them back when the spread becomes narrow.
- As a taker it buys when it holds nothing and sells what it holds, which costs the spread each time:
  good for a demonstration, not for an account.

`toy_spread` is the factory: settings in, `Strategy` out. `decide` is the strategy itself. It sees only
numbers: prices and sizes as integers at the instrument's scales, so that every comparison is exact.
"""

from __future__ import annotations

from typing import Any

from mm_framework.contracts.strategy import (
    Market,
    On,
    Out,
    Side,
    Strategy,
    TimeInForce,
    Urgency,
    Wake,
    units,
)
from mm_framework.model.instrument import Definition
from mm_toy_spread.settings import ToySpreadSettings

__all__ = ["decide", "toy_spread"]

# Tags mark intents in the intent hash and in result files; an intent names its tag by this index.
TAGS = ("quote", "take")
QUOTE = 0
TAKE = 1


def decide(state: Any, wake: Wake, market: Market, out: Out) -> None:
    """One wake-up: look at the instrument that changed, leave wishes in ``out``."""
    i = wake.instrument
    view = market[i]
    mine = state.at[i]
    if not view.trusted:
        return
    wide = view.has_bid and view.has_ask and view.ask - view.bid >= mine.min_spread

    if state.taker:
        if wide and view.position <= 0:
            out.place(i, Side.BUY, view.ask, mine.size, TimeInForce.IOC, Urgency.TAKER, TAKE)
        elif wide:
            out.place(i, Side.SELL, view.bid, view.position, TimeInForce.IOC, Urgency.TAKER, TAKE)
        return

    for side in (1, -1):
        best = view.bid if side == 1 else view.ask
        # The own order of this side, if one rests. The view knows; nothing needs to be remembered.
        number = 0
        resting = 0
        for k in range(view.open_orders):
            if view.order_sides[k] == side:
                number = view.order_numbers[k]
                resting = view.order_prices[k]
        if number == 0:
            if wide:
                out.place(i, side, best, mine.size, TimeInForce.GTC, Urgency.MAKER, QUOTE)
        elif not wide:
            out.cancel(number)
        elif resting != best:
            out.replace(number, best, mine.size)


def toy_spread(settings: ToySpreadSettings) -> Strategy:
    """Build the strategy. Everything that is text or a choice becomes a number here, outside ``decide``."""

    def start(state: Any) -> None:
        state.taker = settings.urgency == "taker"

    def define(mine: Any, definition: Definition) -> None:
        mine.min_spread = units(settings.min_spread, definition.price_scale, up=True)
        mine.size = units(settings.size, definition.size_scale, up=False)

    return Strategy(
        decide,
        wakes=On.MARKET | On.RESYNC,
        state={"taker": "i8"},
        at={"min_spread": "i8", "size": "i8"},
        tags=TAGS,
        orders=2,
        start=start,
        define=define,
    )
