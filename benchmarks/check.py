"""What became slower on this machine? Ratios are measured anew and compared with those that were stored.

    python benchmarks/check.py [--peers] [--rounds N] [--store] [--ratios FILE]

A rate alone says little: machines differ, and so does one from hour to hour. So each is measured, in short
interleaved rounds and by processor time, beside something that a change of ours does not touch: work with
kernels beside the same without them; that, and backtests, beside a fixed loop of the interpreter; with
``--peers`` a backtest beside hftbacktest. A ratio is that of the best rounds of both, for what disturbs a
round only slows it. What fell by more than the
tolerance is measured once more; when it stays down it is told, and the exit code is 1. ``--store`` keeps the
ratios of this machine in ``benchmarks/ratios.json`` instead. Exit code 2: nothing is stored; 5: a peer could
not be installed or run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import attrs
import backtest_peers
import run_backtest
from content import make
from figures import rounded, table
from machine import kernels, machine
from peer_environments import Unavailable
from run import Worker
from run_fills import BUILD, UNAVAILABLE
from tapes import make_tape

from mm_framework.bundle.disk import replace_file

__all__ = ["RATIOS", "TOLERANCE", "Fallen", "all_measures", "fallen", "main", "stored_ratios"]

RATIOS: Final = Path(__file__).resolve().parent / "ratios.json"
TOLERANCE: Final = 0.2
"""A ratio may fall by a fifth."""
ROUNDS: Final = 5
SLOWER, NOTHING_STORED = 1, 2
PART, LEAST_S = 0.1, 0.1
CHECKED: Final = (
    *("verify_book10", "feed_mixed", "feed_binance", "feed_bitfinex", "feed_polymarket"),
    *("scan", "log_walk", "replay"),
)
"""Workloads of `workloads`, with and without kernels."""
PLAYED: Final = {"empty": "compiled", "every": "compiled", "best": "interpreted"}
INTERPRETED_ROWS: Final = 20_000
LOOP: Final = "the loop"

Pair = tuple[float, float]
"""A rate, and that of what it stands beside."""

Measure = Callable[[], dict[str, Pair]]
"""One round, by name."""


@attrs.frozen
class Fallen:
    """A ratio that is lower than it was by more than the tolerance."""

    name: str
    was: float
    now: float

    @property
    def text(self) -> str:
        """For readers."""
        return (
            f"{self.name}: {rounded(self.now)}, was {rounded(self.was)}: {1 - self.now / self.was:.0%} less"
        )


def fallen(was: Mapping[str, float], now: Mapping[str, float], tolerance: float = TOLERANCE) -> list[Fallen]:
    """What fell by more than ``tolerance``, a share; what only one of both has is not compared."""
    return [
        Fallen(name, was[name], ratio)
        for name, ratio in now.items()
        if name in was and ratio < was[name] * (1 - tolerance)
    ]


def loop_rate(least_s: float = LEAST_S) -> float:
    """Turns a second, of processor time, of a loop that no change of ours touches."""
    began_s, turns = time.process_time(), 0
    held: dict[int, int] = {}
    while (elapsed_s := time.process_time() - began_s) < least_s:
        for turn in range(10_000):
            key = turn * 7919 % 1009
            held[key] = held.get(key, 0) + len(str(turn))
        turns += 10_000
    return turns / elapsed_s


def of_frames(workers: Mapping[str, Worker]) -> list[Measure]:
    """With kernels beside without, where there are any; without beside the loop."""

    def one(name: str) -> dict[str, Pair]:
        rates = {mode: worker.measure(name)[name] for mode, worker in workers.items()}
        found = {f"{name}: {mode} beside off": (rates[mode], rates["off"]) for mode in rates if mode != "off"}
        return {**found, f"{name}: off beside {LOOP}": (rates["off"], loop_rate())}

    return [lambda name=name: one(name) for name in CHECKED]  # type: ignore[misc]  # bound at once


def of_backtests() -> list[Measure]:
    """Backtests of a made day, beside the loop."""
    tape = run_backtest.make(run_backtest.QUICK_EVENTS)
    short = run_backtest.MadeTape(tape.path.with_name("check.rows"))
    with tape.path.open("rb") as file:
        short.path.write_bytes(file.read(INTERPRETED_ROWS * 64))

    def one(name: str, engine: Any) -> dict[str, Pair]:
        rows = tape if engine == "compiled" else short
        rate = run_backtest.play(name, rows, engine)["million_events_per_s"] * 1e6
        return {f"backtest {name}: {engine} beside {LOOP}": (rate, loop_rate())}

    return [lambda name=name, engine=engine: one(name, engine) for name, engine in PLAYED.items()]  # type: ignore[misc]


def of_peers(folder: Path) -> list[Measure]:
    """A backtest beside hftbacktest. Raises Unavailable."""
    folder.mkdir()
    pythons = backtest_peers.pythons_of(["hftbacktest-roi"], BUILD)
    sides = backtest_peers.sides(make_tape(backtest_peers.TAPE, folder), folder, pythons)

    def one() -> dict[str, Pair]:
        compared = backtest_peers.beside_peers(backtest_peers.measured(sides, 1))
        return {f"{one.work}: beside {one.peer}": (one.cpu[0].best, one.cpu[1].best) for one in compared}

    return [one]


def measured(measures: Sequence[Measure], rounds: int) -> dict[str, list[Pair]]:
    """All rates, round by round; every second round the other way round."""
    found: dict[str, list[Pair]] = {}
    for index in range(rounds):
        print(f"round {index + 1} of {rounds}", file=sys.stderr)
        for measure in measures if index % 2 == 0 else reversed(measures):
            for name, pair in measure().items():
                found.setdefault(name, []).append(pair)
    return found


def ratios_of(found: Mapping[str, Sequence[Pair]]) -> dict[str, float]:
    """Best of the rounds beside best of the rounds."""
    return {name: max(a for a, _ in pairs) / max(b for _, b in pairs) for name, pairs in found.items()}


def stored_ratios(document: Mapping[str, Any]) -> dict[str, float]:
    """Those of a stored document."""
    return {name: float(ratio) for name, ratio in document["ratios"].items()}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and store or compare; the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", action="store_true", help="also beside hftbacktest, which is installed")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"{ROUNDS} unless given")
    parser.add_argument("--store", action="store_true", help="store the ratios of this machine")
    parser.add_argument("--ratios", type=Path, default=RATIOS, help="where they are stored")
    options = parser.parse_args(arguments)
    if not options.store and not options.ratios.is_file():
        print(f"bench-check: {options.ratios} is not there: store ratios with --store", file=sys.stderr)
        return NOTHING_STORED
    try:
        return _run(options)
    except Unavailable as error:
        print(f"bench-check: {error}", file=sys.stderr)
        return UNAVAILABLE


@contextlib.contextmanager
def all_measures(peers: bool) -> Iterator[list[Measure]]:
    """Everything that is measured, each run once already. Raises Unavailable."""
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as text, contextlib.ExitStack() as stack:
        folder = Path(text)
        make(folder, PART)
        workers = {mode: Worker(mode, folder, LEAST_S, "processor") for mode in ("off", kernels())}
        for worker in workers.values():
            stack.callback(worker.close)
        found = [*of_frames(workers), *of_backtests(), *(of_peers(folder / "tape") if peers else [])]
        for measure in found:
            measure()
        yield found


def _run(options: argparse.Namespace) -> int:
    about = {**machine([kernels()]), "date": f"{datetime.now(UTC):%Y-%m-%d}"}
    print(json.dumps(about), flush=True)
    with all_measures(options.peers) as measures:
        found = measured(measures, options.rounds)
        if options.store:
            return _store(options.ratios, about, found)
        was = json.loads(options.ratios.read_text(encoding="utf-8"))
        lost = fallen(stored_ratios(was), ratios_of(found))
        if lost:
            print(f"{len(lost)} fell; once more", file=sys.stderr)
            found = {name: found[name] + more for name, more in measured(measures, options.rounds).items()}
    return _told(about, was, found)


def _store(path: Path, about: Mapping[str, Any], found: Mapping[str, Sequence[Pair]]) -> int:
    ratios = {name: rounded(ratio) for name, ratio in ratios_of(found).items()}
    replace_file(path, (json.dumps({"machine": about, "ratios": ratios}, indent=1) + "\n").encode())
    print(f"{path}: {len(ratios)} ratios")
    return 0


def _told(about: Mapping[str, Any], was: Mapping[str, Any], found: Mapping[str, Sequence[Pair]]) -> int:
    """Say what fell; the exit code."""
    stored, now = stored_ratios(was), ratios_of(found)
    lost = {one.name: one for one in fallen(stored, now)}
    for name, ratio in now.items():
        line = {"bench": "check", "name": name, "was": stored.get(name), "now": rounded(ratio)}
        print(json.dumps({**line, "rounds": len(found[name]), "fell": name in lost}))
    rows = [
        [
            name,
            "-" if name not in stored else f"{stored[name]:g}",
            f"{rounded(ratio):g}",
            "fell" if name in lost else "",
        ]
        for name, ratio in now.items()
    ]
    print(f"\n{table(('ratio', 'was', 'now', ''), rows)}")
    for key in ("processor", "python"):
        if was["machine"][key] != about[key]:
            there = f"{was['machine'][key]}, here {about[key]}"
            print(f"stored on another machine ({there}): store your own with --store")
    left_out = sorted(stored.keys() - now.keys())
    if left_out:
        print(f"not measured: {', '.join(left_out)}")
    for one in lost.values():
        print(f"slower: {one.text}")
    if not lost:
        print(f"none of {len(now)} ratios fell by more than {TOLERANCE:.0%} since {was['machine']['date']}")
    return SLOWER if lost else 0


if __name__ == "__main__":
    sys.exit(main())
