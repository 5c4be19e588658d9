"""How fast hftbacktest plays a file: with nobody awake, and with a market maker awake on every event.

    python hftbacktest_speed.py FILE.npz TICK_SIZE LOT_SIZE LOW HIGH LATENCY_NS roi|hashmap

Runs in an environment with hftbacktest (2.x). ``roi``: ``ROIVectorMarketDepthBacktest``, its faster book,
which holds prices from LOW to HIGH; ``hashmap``: ``HashMapMarketDepthBacktest``, that of its guides. Each
run is made six times; the best after the first, which finds the functions compiled and the file in memory,
is told. Prints one JSON object: rows of the file, and for ``empty`` and ``every`` seconds of wall and of
processor time, times awake and orders sent.
"""

from __future__ import annotations

import json
import sys
import time
from importlib.metadata import version
from typing import Any

import numpy as np
from hftbacktest import (
    GTX,
    LIMIT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
    ROIVectorMarketDepthBacktest,
)
from numba import njit

RUNS = 6
STEP_NS = 100_000_000
ENDED = 1
BOOKS = {"roi": ROIVectorMarketDepthBacktest, "hashmap": HashMapMarketDepthBacktest}


@njit
def empty(backtest: Any, lot_size: float, tick_size: float) -> tuple[int, int]:
    """Play to the end."""
    awake = 0
    while backtest.elapse(STEP_NS) != ENDED:
        awake += 1
    return awake, 0


@njit
def every(backtest: Any, lot_size: float, tick_size: float) -> tuple[int, int]:
    """Keep one order at the best price of each side."""
    awake = sent = 0
    bid = ask = bid_order = ask_order = 0
    while backtest.wait_next_feed(False, 10**18) != ENDED:
        awake += 1
        depth = backtest.depth(0)
        if np.isnan(depth.best_bid) or np.isnan(depth.best_ask):
            continue
        best_bid, best_ask = depth.best_bid_tick, depth.best_ask_tick
        if best_bid != bid:
            if bid_order and backtest.orders(0).get(bid_order).cancellable:
                backtest.cancel(0, bid_order, False)
            sent += 1
            bid, bid_order = best_bid, sent
            backtest.submit_buy_order(0, sent, best_bid * tick_size, lot_size, GTX, LIMIT, False)
        if best_ask != ask:
            if ask_order and backtest.orders(0).get(ask_order).cancellable:
                backtest.cancel(0, ask_order, False)
            sent += 1
            ask, ask_order = best_ask, sent
            backtest.submit_sell_order(0, sent, best_ask * tick_size, lot_size, GTX, LIMIT, False)
    return awake, sent


def measure(
    book: Any, play: Any, data: Any, tick: float, lot: float, low: float, high: float, latency_ns: int
) -> dict[str, Any]:
    """The best run after the first."""
    runs: list[dict[str, Any]] = []
    for _ in range(RUNS):
        asset = (
            BacktestAsset()
            .data(data)
            .linear_asset(1.0)
            .constant_order_latency(latency_ns, latency_ns)
            .risk_adverse_queue_model()
            .no_partial_fill_exchange()
            .trading_value_fee_model(0.0, 0.0)
            .tick_size(tick)
            .lot_size(lot)
            .roi_lb(low)
            .roi_ub(high)
            .last_trades_capacity(0)
        )
        backtest = book([asset])
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        awake, sent = play(backtest, lot, tick)
        told = {
            "seconds": time.perf_counter() - wall_s,
            "cpu_seconds": time.process_time() - cpu_s,
            "awake": awake,
            "orders": sent,
        }
        backtest.close()
        runs.append(told)
    return min(runs[1:], key=lambda one: one["cpu_seconds"])


def main(
    path: str, tick: float, lot: float, low: float, high: float, latency_ns: int, book: str
) -> dict[str, Any]:
    """Both runs."""
    with np.load(path) as file:
        data = file["data"]
    numbers = (tick, lot, low, high, latency_ns)
    runs = {play.__name__: measure(BOOKS[book], play, data, *numbers) for play in (empty, every)}
    return {"version": f"hftbacktest {version('hftbacktest')}", "rows": len(data), **runs}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], *map(float, sys.argv[2:6]), int(sys.argv[6]), sys.argv[7])))
