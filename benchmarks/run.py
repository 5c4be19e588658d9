"""How fast is the reference path on this machine? One JSON line a figure.

    python benchmarks/run.py [--quick] [--json FILE]

The data is made here, by the emulator, from a fixed seed: Kraken, two instruments, book of depth 25,
trades and ticker. Every round runs every measurement once, so that a busy moment of the machine meets
them all; the median of the rounds is the figure, the rounds are printed too. There are no targets.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from workloads import Workload, workloads

PACKAGES = ("mm-framework", "mm-kraken", "msgspec", "numpy", "attrs")


def machine() -> dict[str, Any]:
    """What the figures belong to."""
    return {
        "bench": "machine",
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "versions": {name: version(name) for name in PACKAGES},
        "kernels": "off",
        "commit": _git("rev-parse", "HEAD"),
        "changed": bool(_git("status", "--porcelain")),
    }


def _processor() -> str:
    for line in _lines(Path("/proc/cpuinfo")):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines() if path.is_file() else []


def _git(*words: str) -> str | None:
    """What git says of this repository, None without git or outside of one."""
    command = ["git", "-C", str(Path(__file__).resolve().parent), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=10)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def seconds_of(action: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def measure(works: list[Workload], rounds: int) -> list[dict[str, Any]]:
    """Interleaved rounds; one result a workload."""
    rates: dict[str, list[float]] = {work.name: [] for work in works}
    for _ in range(rounds):
        for work in works:
            rates[work.name].append(work.amount / seconds_of(work.run))
    return [
        {
            "bench": work.name,
            "unit": f"{work.unit}/s",
            "median": round(statistics.median(rates[work.name])),
            "best": round(max(rates[work.name])),
            "rounds": [round(rate) for rate in rates[work.name]],
            "amount": work.amount,
            "what": work.what,
        }
        for work in works
    ]


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write one JSON document to FILE")
    parser.add_argument("--quick", action="store_true", help="less data and fewer rounds")
    options = parser.parse_args(arguments)
    about = machine()
    print(json.dumps(about), flush=True)
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as folder:
        works = workloads(Path(folder), seconds=3.0 if options.quick else 30.0)
        results = measure(works, rounds=2 if options.quick else 7)
    for result in results:
        print(json.dumps(result), flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps({"machine": about, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
