"""How fast is a backtest? A made day of one instrument, mapped rows, the same strategy both ways.

    python benchmarks/run_backtest.py [NAME ...] [--events N] [--rounds N] [--quick]

``empty``: a strategy that nothing wakes: what reading, both clocks and both books cost. ``every``: a market
maker on both sides, woken by every message, print and fill. ``best``: the same, woken by changes of the best
prices and by fills. ``plain``: ``every`` as plain Python, which the compiled engine calls back, on fewer
events. ``interpreted``: ``best`` through the reference engine, on fewer events. ``cold``:
``every`` in a process of its own, from its start to the outcome, with the kernels in the cache.

In a round every workload runs once, in turn. Told are the median and the best of the rounds, in million
events (rows) a second of processor time: of the whole run, ledger and hash of the intents included, and of
the kernels alone. Objects that an outcome makes when somebody looks are not made.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import numpy as np
from figures import table
from machine import kernels, machine

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.model.events import ASK, BID, NULL, ROW, Kind, Message, Row, RowFlag, SyncState, row_dtype
from mm_framework.model.instrument import Definition
from mm_framework.trading.engine import Choice, Engine
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.latency import Constant
from mm_framework.trading.timeline import TapeMessage

BUILD: Final = Path(__file__).resolve().parent.parent / "build" / "backtest"
EVENTS, QUICK_EVENTS, ROUNDS = 4_000_000, 400_000, 5
TILE: Final = 200_000
START_NS: Final = 1_700_000_000_000_000_000
FEED_NS, ORDER_NS = 2_000_000, 5_000_000
LAST: Final = int(RowFlag.LAST)

DEFINITION: Final = Definition(
    0, 0, "bench:A/EUR", "A/EUR", 2, 3, quote="EUR", tick_size="0.01", lot_size="0.001"
)


@attrs.frozen
class MadeTape:
    """Rows of a file, mapped."""

    path: Path
    definitions: tuple[Definition, ...] = (DEFINITION,)

    def blocks(self) -> Iterator[Any]:
        """All rows, as one block."""
        yield np.memmap(self.path, dtype=row_dtype(), mode="r")

    def __iter__(self) -> Iterator[TapeMessage]:
        for values in np.memmap(self.path, dtype=row_dtype(), mode="r").tolist():
            row = Row(*values)
            message = Message(NULL, NULL, NULL, NULL, row.ts_venue_ns, 0, 0, 0, 1, 0, row.kind, 0)
            defined = DEFINITION if row.kind == Kind.DEFINITION else None
            yield TapeMessage(row.ts_recv_ns, row.seq, message, [row], defined)


class _Book:
    """A walk of the mid with levels around it: updates, prints, the levels that they leave."""

    def __init__(self, seed: int) -> None:
        self.draw, self.mid = random.Random(seed), 130_000
        self.levels: dict[int, dict[int, int]] = {BID: {}, ASK: {}}

    def start(self) -> list[tuple[int, int, int, int]]:
        """Levels on both sides."""
        return [
            self._set(side, self.mid - side * ticks, self.draw.randrange(1, 20_000))
            for side in (BID, ASK)
            for ticks in range(1, 60)
        ]

    def step(self) -> list[tuple[int, int, int, int]]:
        """What happens next, as (kind, side, price, size)."""
        draw, act = self.draw, self.draw.random()
        side = draw.choice((BID, ASK))
        if act < 0.04:
            self.mid -= side
            return [self._set(side, price, 0) for price in self._crossed(side)]
        if act < 0.14 and self.levels[side]:
            price = max(self.levels[side], key=lambda price: side * price)
            size = min(self.levels[side][price], draw.randrange(1, 5_000))
            left = self.levels[side][price] - size
            return [(int(Kind.TRADE), -side, price, size), self._set(side, price, left)]
        price = self.mid - side * (1 + int(draw.expovariate(1 / 8)))
        return [self._set(side, price, 0 if draw.random() < 0.35 else draw.randrange(1, 20_000))]

    def _crossed(self, side: int) -> list[int]:
        return [price for price in self.levels[side] if side * (price - self.mid) >= 0]

    def _set(self, side: int, price: int, size: int) -> tuple[int, int, int, int]:
        if size:
            self.levels[side][price] = size
        else:
            self.levels[side].pop(price, None)
        return int(Kind.LEVEL), side, price, size


def _tile(seed: int) -> list[tuple[int, int, int, int, int]]:
    """Some seconds of a market: (ns since its start, kind, side, price, size)."""
    book, now_ns = _Book(seed), 0
    made = [(0, *level) for level in book.start()]
    while len(made) < TILE:
        now_ns += book.draw.randrange(1_000, 400_000)
        made += [(now_ns, *act) for act in book.step()]
    return made


def make(events: int) -> MadeTape:
    """The rows, kept below ``build/backtest``."""
    path = BUILD / f"{events}.rows"
    if path.exists():
        return MadeTape(path)
    BUILD.mkdir(parents=True, exist_ok=True)
    tile, rows, start_ns, seq = _tile(1), bytearray(), START_NS, 0

    def add(ns: int, kind: int, side: int, price: int, size: int, epoch: int) -> None:
        nonlocal seq
        rows.extend(ROW.pack(ns + FEED_NS, ns, seq, price, size, 0, 0, 0, kind, side, LAST, epoch, 0))
        seq += 1

    add(start_ns, Kind.DEFINITION, 0, NULL, NULL, 0)
    for epoch in range(1, 1 + max(1, events // TILE)):
        add(start_ns, Kind.SNAPSHOT_START, 0, NULL, 0, epoch)
        add(start_ns, Kind.SYNC_CHANGE, 0, NULL, int(SyncState.SYNCED), epoch)
        for ns, kind, side, price, size in tile:
            add(start_ns + ns, kind, side, price, size, epoch)
        start_ns += tile[-1][0] + 1_000_000
    made = path.with_suffix(".part")
    made.write_bytes(rows)
    made.replace(path)
    return MadeTape(path)


def quote(state: Any, wake: Any, market: Any, out: Any) -> None:
    """Keep one order at the best price of each side, at most ten lots of a thousand long or short."""
    view = market[0]
    if view.trusted == 0 or view.has_bid == 0 or view.has_ask == 0:
        return
    filled = wake.reasons & 8
    if view.bid != state.bid or filled:
        if state.bid_order:
            out.cancel(state.bid_order)
            state.bid_order = 0
        if view.position < 10_000:
            state.bid_order = out.place(0, 1, view.bid, 1_000)
        state.bid = view.bid
    if view.ask != state.ask or filled:
        if state.ask_order:
            out.cancel(state.ask_order)
            state.ask_order = 0
        if view.position > -10_000:
            state.ask_order = out.place(0, -1, view.ask, 1_000)
        state.ask = view.ask


def silent(state: Any, wake: Any, market: Any, out: Any) -> None:
    """Nothing."""
    state.calls += 1


FIELDS: Final = {"bid": "i8", "ask": "i8", "bid_order": "i8", "ask_order": "i8"}
STRATEGIES: Final[dict[str, Strategy]] = {
    "empty": Strategy(silent, wakes=On.END, state={"calls": "i8"}),
    "every": Strategy(quote, wakes=On.MARKET | On.BOOK | On.TRADE | On.OWN_FILL, state=FIELDS),
    "best": Strategy(quote, wakes=On.MARKET | On.OWN_FILL, state=FIELDS),
}
STRATEGIES["plain"] = attrs.evolve(STRATEGIES["every"], python_only=True)
FIGURES: Final = ("million_events_per_s", "best", "in_kernels")
NAMES: Final = (*STRATEGIES, "interpreted", "cold")


def _timed_loop() -> list[float]:
    """Have every call of the loop note its processor time in what is returned."""
    from mm_framework.trading.compiled import loop, run

    spent: list[float] = []
    kernel = loop.run_loop

    def timed(address: int) -> int:
        began_s = time.process_time()
        status = kernel(address)
        spent.append(time.process_time() - began_s)
        return status

    run.run_loop = timed
    return spent


def play(name: str, tape: MadeTape, choice: Choice) -> dict[str, Any]:
    """One run of one strategy."""
    engine = Engine(
        {"bench": STRATEGIES[name]},
        FlatFee(FlatFeeSettings()),
        choice=choice,
        entry=Constant(ORDER_NS),
        response=Constant(ORDER_NS),
    )
    spent = _timed_loop() if choice == "compiled" else []
    began_s = time.process_time()
    outcome = engine.run(tape)
    seconds = time.process_time() - began_s
    rows = tape.path.stat().st_size // 64
    return {
        "million_events_per_s": rows / seconds / 1e6,
        **({"in_kernels": rows / sum(spent) / 1e6} if spent else {}),
        "events": rows,
        "intents": len(outcome.intents),
        "fills": len(outcome.fills),
        "hash": outcome.final_hash[:12],
        "engine": outcome.engine,
    }


def cold(tape: MadeTape) -> dict[str, Any]:
    """A whole process: start, kernels from the cache, the run."""
    began_s = time.perf_counter()
    command = (sys.executable, __file__, "--one", "every", "--events", str(tape.path.stem))
    told = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    seconds = time.perf_counter() - began_s
    return {**told, "million_events_per_s": told["events"] / seconds / 1e6}


def once(name: str, tape: MadeTape, short: MadeTape) -> dict[str, Any]:
    """One run of one workload."""
    if name == "cold":
        return cold(tape)
    if name == "interpreted":
        return play("best", short, "interpreted")
    return play(name, short if name == "plain" else tape, "compiled")


def main() -> None:
    """Measure, and tell a JSON line a workload and a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all when none is given"
    )
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--one", choices=list(STRATEGIES), help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.names or list(NAMES)
    if unknown := sorted(set(names) - set(NAMES)):
        parser.error(f"{unknown[0]}: no workload of that name; there are {', '.join(NAMES)}")
    tape = make(QUICK_EVENTS if options.quick else options.events)
    if options.one:
        print(json.dumps(play(options.one, tape, "compiled")))
        return
    short = make(TILE)
    rounds: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
    for _ in range(options.rounds):
        for name in names:
            rounds[name].append(once(name, tape, short))
    lines = []
    for name, told in rounds.items():
        facts = {
            key: round(statistics.median(one[key] for one in told), 3)
            for key in ("million_events_per_s", "in_kernels")
            if key in told[-1]
        }
        facts["best"] = round(max(one["million_events_per_s"] for one in told), 3)
        print(json.dumps({"workload": name, **told[-1], **facts}))
        lines.append((name, *(str(facts.get(key, "")) for key in FIGURES), str(told[-1]["fills"])))
    print(table(("workload", "M events/s", "best", "kernels alone", "fills"), lines))
    print(json.dumps(machine([kernels()])))


if __name__ == "__main__":
    main()
