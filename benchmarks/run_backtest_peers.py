"""How fast is a backtest beside hftbacktest? The same tape and market maker, rounds of one process a side.

    python benchmarks/run_backtest_peers.py [--quick] [--rounds N] [--part N] [--json FILE] [--markdown FILE]

The tape is an hour of the day that `store_day` makes, as a store; hftbacktest, at pinned versions below
``build/peers``, gets the event array that ``mm export --to hftbacktest`` writes of it. ``empty``: a strategy
that nothing wakes. ``every``: one order at the best price of each side, looked at after every message and
print, moved when that price has changed; constant latency, risk-averse queue. A process plays each twice and
tells the second run: nothing is compiled or read from a disk then. Rows are those of the store on both sides.
Exit code 5: hftbacktest could not be installed or run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from figures import Figure, facts_list, number, table, times
from machine import kernels, machine
from peer_environments import Unavailable, environment, told_by
from run_fills import BUILD, HERE, UNAVAILABLE, Grid
from tapes import make_tape

from mm_framework.replay.events import ReplayRequest, replay_events
from mm_framework.replay.hftbacktest import HftBacktestFile
from mm_framework.store.reader import Store

__all__ = ["main"]

LATENCY_NS: Final = 5_000_000
PART, QUICK_PART = 6.0, 0.1
REACH: Final = 0.5
"""How far from the first price hftbacktest's book reaches, as a share of it."""

WORKLOADS: Final = ("empty", "every")
OURS, THEIRS = "ours", "hftbacktest"


def commands(store: Store, folder: Path, python: Path) -> dict[str, list[str]]:
    """What each side runs."""
    grid = Grid.of(store)
    (definition,) = store.events(policy="any").definitions
    with HftBacktestFile(folder / "events.npz") as sink:
        replay_events(store, ReplayRequest(policy="any"), (sink,))
    unit, size_unit = 10**definition.price_scale, 10**definition.size_scale
    first = float(store.trades(policy="any")["price"][0].as_py())
    tick = grid.tick / unit
    reach = [round(first * share / tick) * tick for share in (1 - REACH, 1 + REACH)]
    numbers = [repr(one) for one in (tick, grid.lot / size_unit, *reach)]
    script = str(HERE / "peers" / "hftbacktest_speed.py")
    ours = [sys.executable, str(HERE / "backtest_ours.py"), store.root.url, str(folder / "cache")]
    theirs = [str(python), "-I", script, str(folder / "events.npz"), *numbers]
    return {OURS: [*ours, str(LATENCY_NS)], THEIRS: [*theirs, str(LATENCY_NS)]}


def measure(sides: dict[str, list[str]], rounds: int) -> dict[str, list[dict[str, Any]]]:
    """What each side tells, round by round; every second round begins with the other one."""
    told: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    for turn in range(rounds):
        for side in sorted(sides, reverse=turn % 2 == 1):
            one = told_by(sides[side], side)
            print(json.dumps({"bench": "backtest", "side": side, "round": turn + 1, **one}), flush=True)
            told[side].append(one)
    return told


def figures(told: dict[str, list[dict[str, Any]]], seconds: str) -> dict[tuple[str, str], Figure]:
    """Rows a second of each workload and side; ``seconds``: which of those that were told."""
    rows = told[OURS][0]["rows"]
    return {
        (name, side): Figure(name, side, "rows/s", tuple(rows / one[name][seconds] for one in rounds))
        for name in WORKLOADS
        for side, rounds in told.items()
    }


def markdown(told: dict[str, list[dict[str, Any]]]) -> str:
    """For readers."""
    wall, cpu = figures(told, "seconds"), figures(told, "cpu_seconds")
    head = [
        "workload",
        "side",
        "rows/s",
        "rows/s of processor time",
        "ours, times as fast",
        "by processor time",
    ]
    lines = [
        [
            name,
            side if side == THEIRS else f"{side}, {told[OURS][-1][name]['engine']}",
            number(wall[name, side].median),
            number(cpu[name, side].median),
            "-" if side == THEIRS else times(wall[name, side].ratios(wall[name, THEIRS])),
            "-" if side == THEIRS else times(cpu[name, side].ratios(cpu[name, THEIRS])),
        ]
        for name in WORKLOADS
        for side in (OURS, THEIRS)
    ]
    return table(head, lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the tape, measure and print; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a minute of the day, 1 round")
    parser.add_argument("--rounds", type=int, help="5 unless given")
    parser.add_argument("--part", type=float, help=f"how many times ten minutes; {PART:g} unless given")
    parser.add_argument("--build", type=Path, default=BUILD, help="where the environment is made")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write one JSON document to FILE")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="also write the table to FILE")
    options = parser.parse_args(arguments)
    about = machine([kernels()])
    print(json.dumps(about), flush=True)
    try:
        python = environment(options.build / "hftbacktest", HERE / "peers" / "hftbacktest.txt")
        with tempfile.TemporaryDirectory(prefix="mm-bench-") as text:
            store = make_tape("binance", Path(text), options.part or (QUICK_PART if options.quick else PART))
            sides = commands(store, Path(text), python)
            told = measure(sides, options.rounds or (1 if options.quick else 5))
    except Unavailable as error:
        print(f"bench-backtest-peers: {error}", file=sys.stderr)
        return UNAVAILABLE
    page = f"{facts_list(about)}\n{markdown(told)}"
    print(f"\n{page}", end="")
    if options.markdown is not None:
        options.markdown.write_text(f"# Backtests beside hftbacktest\n\n{page}", encoding="utf-8")
    if options.json is not None:
        document = {"machine": about, "rounds": told}
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
