"""Tapes and strategies that do anything, from a seed."""

from __future__ import annotations

import random
from typing import Any

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.model.orders import Side, TimeInForce, Urgency
from mm_framework.testing.strategies import Tape

__all__ = ["IDS", "random_tape", "restless"]

IDS = ("test:A/EUR", "test:B/EUR", "test:C/USD")


def random_tape(
    seed: int, steps: int = 60, *, rescales: bool = True, finer: tuple[int, int] = (0, 0)
) -> Tape:
    """Books, updates, prints, gaps, losses, silences, finer scales: three instruments.

    ``finer``: decimals more of prices and of sizes than they need.
    """
    draw = random.Random(seed)
    market = Tape()
    for position, name in enumerate(IDS):
        scales = {"price_scale": 2 + position + finer[0], "size_scale": 3 + finer[1]}
        market.instrument(name, **scales, depth=draw.choice((None, 2)))
    for step in range(steps):
        name = draw.choice(IDS)
        market.about(name)
        act = draw.random()
        if draw.random() < 0.2:
            market.at((market.steps[-1].mono_ns + draw.randrange(1, 3 * 1_000_000_000)) / 10**6)
        if step < 6 or act < 0.15:
            mid = draw.randrange(90, 110)
            market.book(bids=_levels(draw, mid, -1), asks=_levels(draw, mid, 1))
        elif act < 0.2:
            market.gap()
        elif act < 0.22:
            market.lost()
        elif act < 0.3:
            market.trade(draw.choice(("buy", "sell")), str(draw.randrange(90, 110)), "0.5")
        elif act < 0.35:
            market.wait(draw.randrange(1, 2000))
        elif act < 0.37 and rescales:
            market.instrument(name, price_scale=6, size_scale=5)
        elif market._instruments[name].state.name == "SYNCED":
            side = draw.choice(("bids", "asks"))
            level = (f"{draw.randrange(8800, 11200) / 100:.2f}", draw.choice(("0", "0", "1", "2.5")))
            market.update(**{side: [level]})
    return market


def _levels(draw: random.Random, mid: int, sign: int) -> list[tuple[str, str]]:
    count = draw.randrange(0, 4) if draw.random() < 0.2 else 3
    return [(f"{mid + sign * (k + 1) * 0.25:.2f}", str(draw.randrange(1, 4))) for k in range(count)]


def restless(wakes: int = 255, depth: int = 2) -> Strategy:
    """Does anything, from its own random stream."""

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        state.calls += 1
        u = wake.uniform()
        if wake.reasons & (On.OWN_FILL | On.OWN_REJECT) and u < 0.8:
            return
        i = int(wake.uniform() * len(market))
        view = market[i]
        unit = 1
        for _ in range(view.size_scale):
            unit *= 10
        if u < 0.35:
            side = Side.BUY if wake.uniform() < 0.5 else Side.SELL
            price = view.ask if side == Side.BUY else view.bid
            tif = TimeInForce.FOK if wake.uniform() < 0.2 else TimeInForce.IOC
            size = unit * int(1 + wake.uniform() * 4) // 2
            out.place(i, side, price, size, tif, Urgency.TAKER, 0)
        elif u < 0.6:
            out.place(i, Side.BUY, view.bid * 99 // 100, unit // 2, TimeInForce.GTC, Urgency.MAKER, 1)
            out.place(i, Side.SELL, view.ask * 101 // 100 + 1, unit // 2, TimeInForce.GTC)
        elif u < 0.7 and view.open_orders:
            out.cancel(view.order_numbers[0])
        elif u < 0.8 and view.open_orders:
            out.replace(view.order_numbers[0], view.order_prices[0] + 1, view.order_leaves[0] + 1)
        elif u < 0.9:
            out.timer(wake.now_ns + int(1 + wake.uniform() * 1_000_000_000))

    return Strategy(decide, wakes=wakes, state={"calls": "i8"}, tags=("t", "m"), depth=depth)
