"""Our side of `run_backtest_peers.py`: how fast a backtest plays a store, six times in one process.

    python benchmarks/backtest_ours.py STORE CACHE LATENCY_NS

The best run after the first, which finds the engine loaded and the rows mapped, is told. Prints one JSON
object: rows, and for ``empty`` and ``every`` seconds of wall and of processor time, intents and fills, and
which engine played.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any, Final

from machine import kernels

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.replay.events import ReplayRequest
from mm_framework.replay.tape import Tape, load_tape
from mm_framework.store.reader import open_store
from mm_framework.store.row_cache import RowCache
from mm_framework.trading.engine import Engine
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.latency import Constant

__all__ = ["STRATEGIES", "main"]


def silent(state: Any, wake: Any, market: Any, out: Any) -> None:
    """Nothing."""
    state.bid += 1


def quote(state: Any, wake: Any, market: Any, out: Any) -> None:
    """Keep one order at the best price of each side."""
    view = market[0]
    if view.trusted == 0 or view.has_bid == 0 or view.has_ask == 0:
        return
    if view.bid != state.bid:
        if state.bid_order:
            out.cancel(state.bid_order)
        state.bid = view.bid
        state.bid_order = out.place(0, 1, view.bid, view.lot)
    if view.ask != state.ask:
        if state.ask_order:
            out.cancel(state.ask_order)
        state.ask = view.ask
        state.ask_order = out.place(0, -1, view.ask, view.lot)


RUNS: Final = 6
FIELDS: Final = {"bid": "i8", "ask": "i8", "bid_order": "i8", "ask_order": "i8"}
STRATEGIES: Final = {
    "empty": Strategy(silent, wakes=On.END, state=FIELDS),
    "every": Strategy(quote, wakes=On.MARKET | On.BOOK | On.TRADE, state=FIELDS),
}


def measure(name: str, tape: Tape, latency_ns: int) -> dict[str, Any]:
    """The best run after the first."""
    runs: list[dict[str, Any]] = []
    for _ in range(RUNS):
        engine = Engine(
            {"bench": STRATEGIES[name]},
            FlatFee(FlatFeeSettings(0)),
            entry=Constant(latency_ns),
            response=Constant(latency_ns),
        )
        wall_s, cpu_s = time.perf_counter(), time.process_time()
        outcome = engine.run(tape)
        told = {
            "seconds": time.perf_counter() - wall_s,
            "cpu_seconds": time.process_time() - cpu_s,
            "intents": len(outcome.intents),
            "fills": len(outcome.fills),
            "engine": outcome.engine,
            "why": outcome.why,
        }
        runs.append(told)
    return min(runs[1:], key=lambda one: one["cpu_seconds"])


def main(store: str, cache: str, latency_ns: int) -> dict[str, Any]:
    """Both runs."""
    kernels()
    tape = load_tape(open_store(store, cache=RowCache(Path(cache))), ReplayRequest(policy="any"))
    rows = sum(len(block) for block in tape.blocks())
    return {"rows": rows, **{name: measure(name, tape, latency_ns) for name in STRATEGIES}}


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:3], int(sys.argv[3]))))
