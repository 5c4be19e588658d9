"""What a sweep makes of its processors. A JSON line, then a sentence.

    python benchmarks/run_sweep.py [--points N] [--workers N] [--rows N]

`mm sweep` of toy_spread, each point under another seed of random latencies, over a part of the made day of
the store's benchmarks. The store is built before. ``wall_s`` and ``cpu_s`` are those of the command from its
start to its table, the reading of the data by each worker included; ``use`` is processor time over wall time
and workers: 1.0 would be no moment without work.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from machine import machine
from store_day import BUILD, INSTRUMENT, make

from mm_framework.kernels.mode import mode

POINTS, ROWS = 200, 1_000_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure once, and print it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", type=int, default=POINTS, help=f"runs of the sweep ({POINTS})")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes (all)")
    parser.add_argument("--rows", type=int, default=ROWS, help=f"rows of the tape, about ({ROWS:,})")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), options.points, options.workers, options.rows)
    print(json.dumps(machine([mode()])))
    print(json.dumps(found), flush=True)
    print(
        "{points} runs of {rows} rows: {wall_s} s, {cpu_s} s of CPU, use {use} of {workers}".format(**found)
    )
    return 0


def measure(folder: Path, points: int, workers: int, rows: int) -> dict[str, Any]:
    """Build the store, sweep over it."""
    day = make(BUILD, rows)
    _mm("store", "build", str(day.run), "--out", str(folder / "store"))
    begun, before = time.perf_counter(), _cpu_s()
    told = _mm(
        "sweep", INSTRUMENT, "--store", str(folder / "store"), "--data-dir", str(folder / "data"),
        "--strategy", "toy_spread", "--workers", str(workers), "--order-latency-model", "random",
        "--set", f"order-latency.seed={','.join(map(str, range(points)))}",
    )  # fmt: skip
    wall_s, cpu_s = time.perf_counter() - begun, _cpu_s() - before
    return {
        "bench": "sweep",
        "points": told["played"],
        "rows": day.rows,
        "workers": workers,
        "wall_s": round(wall_s, 2),
        "cpu_s": round(cpu_s, 2),
        "use": round(cpu_s / wall_s / workers, 3),
    }


def _mm(*words: str) -> dict[str, Any]:
    """What a command prints. Raises CalledProcessError."""
    command = [sys.executable, "-m", "mm_framework", *words, "--json"]
    found: dict[str, Any] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return found


def _cpu_s() -> float:
    """Processor time of the processes that were waited for, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    sys.exit(main())
