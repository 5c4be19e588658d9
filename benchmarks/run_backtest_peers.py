"""How fast is a backtest beside other programs? Rounds of one process a side, JSON lines, then a table.

    python benchmarks/run_backtest_peers.py [NAME ...] [--quick] [--rounds N] [--part N] [--json FILE]

The tape is an hour of the day that `store_day` makes; see `backtest_peers` for the sides. A part of
`run_peers.py`. Exit code 5: a peer could not be installed or run.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from backtest_peers import PART, PEERS, QUICK_PART, TAPE, beside_peers, measured, notes, pythons_of, sides
from beside import beside_table
from figures import facts_list
from machine import kernels, machine
from peer_environments import Unavailable
from run_fills import BUILD, UNAVAILABLE
from tapes import make_tape

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the tape, measure and print; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all unless given: {', '.join(PEERS)}")
    parser.add_argument("--quick", action="store_true", help="a minute of the day, 1 round")
    parser.add_argument("--rounds", type=int, help="5 unless given")
    parser.add_argument("--part", type=float, help=f"how many times ten minutes; {PART:g} unless given")
    parser.add_argument("--build", type=Path, default=BUILD, help="where environments are made")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write one JSON document to FILE")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="also write the table to FILE")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - set(PEERS):
        parser.error(f"no peer is called {', '.join(sorted(unknown))}")
    about = machine([kernels()])
    print(json.dumps(about), flush=True)
    try:
        pythons = pythons_of(options.names or PEERS, options.build)
        with tempfile.TemporaryDirectory(prefix="mm-bench-") as text:
            store = make_tape(TAPE, Path(text), options.part or (QUICK_PART if options.quick else PART))
            all_sides = sides(store, Path(text), pythons)
            told = measured(all_sides, options.rounds or (1 if options.quick else 5))
    except Unavailable as error:
        print(f"bench-backtest-peers: {error}", file=sys.stderr)
        return UNAVAILABLE
    compared = beside_peers(told)
    for one in compared:
        print(json.dumps(one.to_json()))
    page = f"{facts_list(about)}\n{beside_table(compared)}\n{notes(told)}"
    print(f"\n{page}", end="")
    if options.markdown is not None:
        options.markdown.write_text(f"# Backtests beside other programs\n\n{page}", encoding="utf-8")
    if options.json is not None:
        document = {"machine": about, "rounds": told}
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
