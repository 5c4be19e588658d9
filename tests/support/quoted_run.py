"""A backtest of a maker on both sides of a random walk, with prints, one loss of the book, and its page."""

from __future__ import annotations

import random
from functools import cache
from pathlib import Path
from typing import Any

import attrs

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.model.orders import Side
from mm_framework.results.bundle import Result, read_result, write_result
from mm_framework.results.columns import RunColumns, columns_of
from mm_framework.results.path import market_paths
from mm_framework.results.path_table import table_of
from mm_framework.results.play import _account
from mm_framework.results.summary import summarize
from mm_framework.results.tables import tables_of
from mm_framework.testing.strategies import Tape, backtest, tape
from mm_framework.trading.latency import Constant

__all__ = ["DOCUMENT", "maker", "quoted_run", "walk", "written"]

DOCUMENT: dict[str, Any] = {
    "data": {
        "store": "store",
        "instruments": ["test:A/EUR"],
        "qa": "pass",
        "digest": "0123456789abcdef",
    },
    "models": {"latency": {"entry": "constant 1 ms", "response": "constant 1 ms"}, "queue": "risk_averse"},
    "timeline": {
        "messages": 900,
        "clipped_share": 0.02,
        "clocks": [{"venue": "test", "theta_ns": 500_000, "source": "estimated"}],
    },
    "versions": {"mm-framework": "0.0.0"},
    "configuration": {"strategies": {"<b>maker</b>": {"half_spread": 4}}},
    "ladder": [],
}


def walk(steps: int = 900, seed: int = 7) -> Tape:
    """Books of three levels around a price that walks by cents; a print at the best price each third step."""
    draw = random.Random(seed)
    market, mid = tape("test:A/EUR").latency(0.5).at(10), 10_000
    for step in range(steps):
        mid += draw.choice((-2, -1, 0, 0, 1, 2))
        sides = {
            name: [(f"{(mid + sign * (4 + 2 * k)) / 100:.2f}", str(30 + k)) for k in range(3)]
            for name, sign in (("bids", -1), ("asks", 1))
        }
        market.at(10 + 50 * (step + 1))
        if step == steps // 2:
            market.gap()
        market.book(**sides)
        if step % 3 == 2:
            side = draw.choice(("buy", "sell"))
            price = mid + (5 if side == "buy" else -5)
            market.trade(side, f"{price / 100:.2f}", f"{draw.randrange(1, 9)}.5")
    return market.wait(200)


def maker() -> Strategy:
    """One order a side, moved when the best price is another; no more than 3 units held."""

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        view = market[0]
        if not view.trusted or not view.has_bid or not view.has_ask:
            return
        unit = 10**view.size_scale
        seen = {1: False, -1: False}
        for k in range(view.open_orders):
            side, price = view.order_sides[k], view.order_prices[k]
            seen[side] = True
            best = view.bid if side == 1 else view.ask
            if price != best:
                out.replace(view.order_numbers[k], best, unit)
        if not seen[1] and view.position < 3 * unit:
            out.place(0, Side.BUY, view.bid, unit)
        if not seen[-1] and view.position > -3 * unit:
            out.place(0, Side.SELL, view.ask, unit)

    return Strategy(decide, wakes=On.MARKET | On.OWN_FILL, python_only=True)


@cache
def quoted_run() -> RunColumns:
    """The columns of the run."""
    market = walk()
    outcome = backtest({"maker": maker()}, market, entry=Constant(1_000_000), response=Constant(1_000_000))
    return columns_of(outcome, market_paths(market.messages()))


def written(market: Tape, folder: Path, latency_ms: int = 1) -> tuple[RunColumns, Result]:
    """The columns of the maker's run on a tape, and its result, read back from ``folder``."""
    outcome = backtest({"maker": maker()}, market, entry=Constant(latency_ms * 10**6), grid_ns=10**9)
    paths = market_paths(market.messages())
    run = columns_of(outcome, paths)
    definitions = [one.definition for one in market.messages() if one.definition is not None]
    found = tables_of(outcome, definitions, {name: path.instrument.quote for name, path in paths.items()})
    kept = ("id", "price_scale", "size_scale")
    document = {
        **DOCUMENT,
        "format": 1,
        "configuration": {"strategies": {"maker": {}}, "order-latency": {"entry_ms": latency_ms}},
        "instruments": [
            {**{name: getattr(one, name) for name in kept}, "quote": paths[one.id].instrument.quote}
            for one in definitions
        ],
        "accounts": [_account(one) for one in outcome.accounts],
        "summary": summarize(run),
    }
    write_result(folder, document, {**attrs.asdict(found, recurse=False), "tops": table_of(paths)})
    return run, read_result(folder)
