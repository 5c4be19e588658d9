"""The process that measures for `run_store.py`: one workload of one side, then a JSON line.

python benchmarks/store_worker.py SIDE NAME FOLDER RUN FROM_NS TO_NS
"""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path

import attrs
from machine import kernels
from store_peers import DUCKDB, POLARS
from store_workloads import OURS, Place

__all__ = ["SIDES", "peak_mib"]

SIDES = {"ours": {name: run for name, (run, _) in OURS.items()}, "duckdb": DUCKDB, "polars": POLARS}


def peak_mib() -> float:
    """The most memory that this process had, mapped files included."""
    status = Path("/proc/self/status")
    if status.exists():  # what `getrusage` tells begins with the memory of the parent
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return round(int(line.split()[1]) / 1024, 1)
    unit = 1 << 20 if sys.platform == "darwin" else 1 << 10
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)


def main(side: str, name: str, place: Place) -> None:
    """Measure and print."""
    os.environ.setdefault("POLARS_MAX_THREADS", "1")
    kernels()
    started_mib = peak_mib()
    measured = SIDES[side][name](place)
    figures = {figure: attrs.asdict(one) for figure, one in measured.items()}
    print(json.dumps({"figures": figures, "peak_mib": peak_mib(), "started_mib": started_mib}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Place(Path(sys.argv[3]), Path(sys.argv[4]), *map(int, sys.argv[5:7])))
