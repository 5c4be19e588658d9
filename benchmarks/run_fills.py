"""Are our fills those of hftbacktest? The same orders on the same tapes, two programs, one table.

    python benchmarks/run_fills.py [NAME ...] [--quick] [--recording VENUE=FILE] [--json FILE]

A tape is made from a fixed seed, see `tapes`, recorded and stored as any other. From the store goes an event
array (`mm export --to hftbacktest`) to hftbacktest, which runs at pinned versions below ``build/peers``; the
same store plays in the reference engine of `trading.backtest`. Every second one order a side, of one lot and
post-only, joins the best price, stands behind it or improves on it, and is cancelled before the next one.
Latency is constant, the queue risk-averse. Compared are all fills: order, time at the venue to the
nanosecond, price, size; and which orders were refused. Exit code 1: they differ; 5: hftbacktest could not be
installed or run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt
from figures import table
from peer_environments import Unavailable, environment, told_by
from tapes import TAPES, imported, make_tape

from mm_framework.contracts.strategy import On, Strategy
from mm_framework.model.events import Kind
from mm_framework.model.orders import Refusal, Side
from mm_framework.replay.events import ReplayRequest, replay_events
from mm_framework.replay.hftbacktest import HftBacktestFile
from mm_framework.replay.tape import load_tape
from mm_framework.store.reader import Store
from mm_framework.store.walk import BookWalk
from mm_framework.trading.backtest import Backtest
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.latency import Constant
from mm_framework.trading.timeline import Clocks

__all__ = ["ENTRY_NS", "RESPONSE_NS", "Compared", "Grid", "Orders", "compare", "main", "orders_for", "ours"]

HERE: Final = Path(__file__).resolve().parent
BUILD: Final = HERE.parent / "build" / "peers"
SCRIPT: Final = HERE / "peers" / "hftbacktest_fills.py"
DIFFERENT, UNAVAILABLE = 1, 5
ENTRY_NS, RESPONSE_NS = 5_000_003, 4_000_007
EVERY_NS, LIFE_NS = 1_000_000_000, 900_000_000
MARGIN_NS: Final = 3 * EVERY_NS
"""No orders at either end of a tape; odd nanoseconds keep requests from meeting market data at one moment."""
AWAY: Final = (0, 1, 0, -1, 2, 0)
"""Ticks behind the best price, in turn; -1 is one better, which a narrow spread refuses."""

Orders = npt.NDArray[np.int64]
Fill = tuple[int, int, int, int]
"""Order, time at the venue, price in ticks, lots."""


@attrs.frozen
class Told:
    """What a program made of the orders."""

    fills: list[Fill]
    refused: list[int]


@attrs.frozen
class Compared:
    """Both on one tape. ``ours``, ``theirs`` without what arrives after the end of the tape."""

    tape: str
    events: int
    orders: int
    ours: Told
    theirs: Told
    version: str

    @property
    def equal(self) -> bool:
        """Whether every fill and every refusal is the same."""
        return self.ours == self.theirs

    def to_json(self) -> dict[str, Any]:
        """JSON values only; the fills that only one side has."""
        return {
            "tape": self.tape,
            "events": self.events,
            "orders": self.orders,
            "fills": len(self.ours.fills),
            "refused": len(self.ours.refused),
            "equal": self.equal,
            "hftbacktest": self.version,
            "only_ours": sorted({*self.ours.fills} - {*self.theirs.fills}),
            "only_theirs": sorted({*self.theirs.fills} - {*self.ours.fills}),
        }


@attrs.frozen
class Grid:
    """The coarsest tick and lot that all prices and sizes of a tape fit, at its scales."""

    tick: int
    lot: int

    @classmethod
    def of(cls, store: Store) -> Grid:
        """That of a store of one instrument."""
        tick = lot = 0
        for block in store.events(policy="any").blocks():
            rows = block[np.isin(block["kind"], (Kind.LEVEL, Kind.TRADE))]
            tick = int(np.gcd.reduce(rows["price"], initial=tick))
            lot = int(np.gcd.reduce(rows["size"], initial=lot))
        return cls(tick, lot)


def orders_for(store: Store, grid: Grid) -> Orders:
    """Rows ``at_ns, order, side, price, cancel`` in order of time; prices in ticks."""
    (definition,) = store.events(policy="any").definitions
    walk, changes = BookWalk(definition.depth), []
    for block in store.events(policy="any").blocks():
        found = walk.feed(block)
        times = block["ts_recv_ns"][found["row"]]
        changes.append(np.stack([times, found["bid"], found["ask"]], axis=1))
    tops = np.concatenate(changes)
    tops = tops[(tops[:, 1] > 0) & (tops[:, 2] > 0)]
    lines: list[tuple[int, int, int, int, int]] = []
    starts = range(int(tops[0, 0]) + MARGIN_NS + 17, int(tops[-1, 0]) - MARGIN_NS, EVERY_NS)
    for turn, at_ns in enumerate(starts):
        _, bid, ask = tops[np.searchsorted(tops[:, 0], at_ns) - 1].tolist()
        away = AWAY[turn % len(AWAY)]
        for order, side, best in ((2 * turn + 1, 1, bid), (2 * turn + 2, -1, ask)):
            lines.append((at_ns, order, side, best // grid.tick - side * away, 0))
            lines.append((at_ns + LIFE_NS, order, side, 0, 1))
    return np.array(sorted(lines, key=lambda line: (line[0], line[1])), dtype=np.int64)


def ours(store: Store, orders: Orders, grid: Grid, theta_ns: int) -> Told:
    """The reference engine on the tape of a store; ``theta_ns``: how far the venue's clock was ahead."""
    tape = load_tape(store, ReplayRequest(policy="any"))
    outcome = Backtest(
        {"script": _script(orders, grid)},
        FlatFee(FlatFeeSettings(0)),
        entry=Constant(ENTRY_NS),
        response=Constant(RESPONSE_NS),
        clocks=Clocks({one.number: theta_ns for one in tape.definitions}),
    ).run(tape)
    if outcome.errors:
        raise outcome.errors[0]
    fills = [
        (one.fill.order, one.fill.mono_ns, one.fill.price // grid.tick, one.fill.size // grid.lot)
        for one in outcome.fills
    ]
    refused = [report.order for report in outcome.reports if report.refusal is Refusal.WOULD_TAKE]
    return Told(sorted(fills), sorted(refused))


def compare(name: str, store: Store, python: Path, folder: Path) -> Compared:
    """Both programs on one tape. Raises Unavailable when hftbacktest fails."""
    grid = Grid.of(store)
    orders = orders_for(store, grid)
    np.save(folder / "orders.npy", orders)
    with HftBacktestFile(folder / "events.npz") as sink:
        replay_events(store, ReplayRequest(policy="any"), (sink,))
    (definition,) = store.events(policy="any").definitions
    tick, lot = grid.tick / 10**definition.price_scale, grid.lot / 10**definition.size_scale
    files = (str(folder / "events.npz"), str(folder / "orders.npy"))
    numbers = (repr(tick), repr(lot), str(ENTRY_NS), str(RESPONSE_NS))
    told = told_by([str(python), "-I", str(SCRIPT), *files, *numbers], "hftbacktest")
    theirs = Told(sorted(tuple(one) for one in told["fills"]), sorted(told["refused"]))
    own = ours(store, orders, grid, int(sink.facts["venue_time_shift_ns"]))
    return Compared(name, told["events"], len(orders) // 2, own, theirs, told["version"])


def _script(orders: Orders, grid: Grid) -> Strategy:
    """A strategy that sends the orders at their times, whatever it sees."""
    todo = orders.tolist()

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        if state.armed and not wake.reasons & On.TIMER:
            return
        while state.done < len(todo) and todo[state.done][0] <= wake.now_ns:
            _, order, side, price, cancel = todo[state.done]
            if cancel:
                out.cancel(order)
            else:
                out.place(0, Side(side), price * grid.tick, grid.lot)
            state.done += 1
        if state.done < len(todo):
            state.armed = 1
            out.timer(todo[state.done][0])

    return Strategy(decide, wakes=On.MARKET | On.TIMER, state={"done": "i8", "armed": "i8"}, python_only=True)


def _result(compared: Sequence[Compared]) -> str:
    head = ["tape", "events", "orders", "refused", "fills", "hftbacktest", "the same"]
    rows = [
        [
            one.tape,
            f"{one.events:,}",
            str(one.orders),
            f"{len(one.ours.refused)} / {len(one.theirs.refused)}",
            f"{len(one.ours.fills)} / {len(one.theirs.fills)}",
            one.version,
            "yes" if one.equal else "NO",
        ]
        for one in compared
    ]
    return table(head, rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the tapes, run both, print; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all unless given: {', '.join(TAPES)}")
    parser.add_argument("--quick", action="store_true", help="a fifth of each tape")
    parser.add_argument(
        "--recording", metavar="VENUE=FILE", help="another tape: a recording of one instrument"
    )
    parser.add_argument("--build", type=Path, default=BUILD, help="where the environment is made")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write one JSON document to FILE")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - {*TAPES}:
        parser.error(f"no tape is called {', '.join(sorted(unknown))}: there are {', '.join(TAPES)}")
    try:
        python = environment(options.build / "hftbacktest", HERE / "peers" / "hftbacktest.txt")
        compared = list(_compared(options, python))
    except Unavailable as error:
        print(f"compare-fills: {error}", file=sys.stderr)
        return UNAVAILABLE
    print(f"\n{_result(compared)}", end="")
    if options.json is not None:
        document = [one.to_json() for one in compared]
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0 if all(one.equal for one in compared) else DIFFERENT


def _compared(options: argparse.Namespace, python: Path) -> Iterator[Compared]:
    names = list(options.names or TAPES)
    venue, _, file = (options.recording or "").partition("=")
    for name in (*names, *(["recording"] if file else [])):
        with tempfile.TemporaryDirectory(prefix="mm-fills-") as text:
            folder = Path(text)
            if name == "recording":
                store = imported(Path(file), venue, folder / name)
            else:
                store = make_tape(name, folder, 0.2 if options.quick else 1.0)
            one = compare(name, store, python, folder)
        print(json.dumps(one.to_json()), flush=True)
        yield one


if __name__ == "__main__":
    sys.exit(main())
