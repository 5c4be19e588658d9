"""The process that measures for `run.py`: one mode of the kernels, told line by line what to run.

    python benchmarks/worker.py FOLDER LEAST_S [wall|processor]

It runs each workload of the folder's recordings once, unmeasured, so that nothing is loaded or compiled
later; then it says what there is, and answers each name that it reads with the figures of one round: of wall
time, or of its processor time.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from machine import kernels
from workloads import workloads

CLOCKS: Final = {"wall": time.perf_counter, "processor": time.process_time}


def main(folder: Path, least_s: float, clock: str = "wall") -> None:
    """Serve until the input ends."""
    start, mode = time.perf_counter(), kernels()
    with tempfile.TemporaryDirectory(prefix="mm-bench-", dir=folder) as own:
        works = {work.name: work for work in workloads(folder, Path(own))}
        for work in works.values():
            work.warm()
        told = [{"name": w.name, "unit": w.unit, "amount": w.amount, "what": w.what} for w in works.values()]
        ready_s = round(time.perf_counter() - start, 2)
        print(json.dumps({"kernels": mode, "ready_s": ready_s, "workloads": told}), flush=True)
        for line in sys.stdin:
            print(json.dumps(works[line.strip()].measure(least_s, CLOCKS[clock])), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), *sys.argv[3:])
