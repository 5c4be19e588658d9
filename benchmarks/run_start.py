"""How soon does a command begin? A JSON line a workload, then a table.

    python benchmarks/run_start.py [NAME ...] [--rounds N] [--rows N]

``help``: ``mm --help``, from the start of its process to its end. ``backtest``: ``mm backtest`` of a strategy
on a small store, from the start of the process to its first event, with the engine and the strategy in the
cache; ``whole_s`` to its end, result written. ``new``: a strategy that nobody compiled before, from its text
to code that can be called, in a process that has begun; ``kept``: the same from the cache. The first round is
not counted. Told are the median and the best of the rounds in seconds of wall time, and the median of
processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from figures import table
from machine import kernels, machine
from store_day import BUILD, INSTRUMENT, make

ROUNDS, ROWS = 7, 2_000
NAMES: Final = ("help", "backtest", "new", "kept")
STRATEGY: Final = "glft_grid"


def first_event(arguments: Sequence[str]) -> dict[str, float]:
    """Run ``mm`` in this process. When it played its first event, on the clock that all processes share, and
    the processor time until then. Raises RuntimeError where nothing was played by the compiled engine.
    """
    from mm_framework.cli import main as mm
    from mm_framework.trading.compiled.run import CompiledRun

    found: dict[str, float] = {}
    go_on = CompiledRun.go_on

    def begin(run: CompiledRun) -> int:
        found.update(at_s=time.monotonic(), cpu_s=time.process_time())
        CompiledRun.go_on = go_on  # type: ignore[method-assign]
        return go_on(run)

    CompiledRun.go_on = begin  # type: ignore[method-assign]
    mm(list(arguments), standalone_mode=False)
    if not found:
        raise RuntimeError("the compiled engine played nothing")
    return found


def compiled(kept: bool) -> dict[str, float]:
    """How long a strategy takes to be ready in this process; ``kept``: whether the cache is asked."""
    import mm_framework.kernels.kept as cache
    from mm_framework.trading.compiled.strategy import CompiledStrategy
    from mm_glft_grid.settings import GlftGridSettings
    from mm_glft_grid.strategy import glft_grid

    if not kept:
        cache._read = lambda folder, path: None
    strategy = glft_grid(GlftGridSettings())
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    CompiledStrategy(STRATEGY, strategy, 0)
    return {"seconds": time.perf_counter() - wall_s, "cpu_s": time.process_time() - cpu_s}


def measure_backtest(store: str) -> dict[str, float]:
    """One process."""
    with tempfile.TemporaryDirectory() as data:
        words = ["-q", "backtest", INSTRUMENT, "--strategy", STRATEGY, "--store", store, "--data-dir", data]
        began_s = time.monotonic()
        found = _child("backtest", *words, "--no-report", "--json")
        whole_s = time.monotonic() - began_s
    return {"seconds": found["at_s"] - began_s, "cpu_s": found["cpu_s"], "whole_s": whole_s}


def measure_help() -> dict[str, float]:
    """One process."""
    began_s, before = time.perf_counter(), os.times()
    _mm("--help")
    after = os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return {"seconds": time.perf_counter() - began_s, "cpu_s": cpu_s}


def _mm(*words: str) -> None:
    """Run a command, and see nothing of it. Raises CalledProcessError."""
    subprocess.run([sys.executable, "-m", "mm_framework", *words], check=True, stdout=subprocess.DEVNULL)


def _child(*words: str) -> dict[str, float]:
    """What a process of this script tells in its last line. Raises CalledProcessError."""
    command = [sys.executable, __file__, "--child", *words]
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    found: dict[str, float] = json.loads(out.splitlines()[-1])
    return found


def _workloads(names: Sequence[str], folder: Path, rows: int) -> dict[str, Callable[[], dict[str, float]]]:
    """A function a workload, for one round of it."""
    kernels()
    _mm("warmup", "--engine")
    made: dict[str, Callable[[], dict[str, float]]] = {
        "help": measure_help,
        "new": partial(_child, "new"),
        "kept": partial(_child, "kept"),
    }
    if "backtest" in names:
        store, day = str(folder / "store"), make(BUILD, rows)
        _mm("store", "build", str(day.run), "--out", store)
        made["backtest"] = partial(measure_backtest, store)
    return {name: made[name] for name in names}


def told(name: str, rounds: Sequence[dict[str, float]]) -> dict[str, Any]:
    """The line of a workload."""
    facts = {key: round(statistics.median(one[key] for one in rounds), 3) for key in rounds[0]}
    return {"workload": name, **facts, "best": round(min(one["seconds"] for one in rounds), 3)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print it."""
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given[:1] == ["--child"]:
        what, *words = given[1:]
        print(json.dumps(first_event(words) if what == "backtest" else compiled(what == "kept")))
        return 0
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}; all when none is given"
    )
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"that are counted ({ROUNDS})")
    parser.add_argument("--rows", type=int, default=ROWS, help=f"rows of the store, about ({ROWS:,})")
    options = parser.parse_args(given)
    names = options.names or NAMES
    if unknown := sorted(set(names) - set(NAMES)):
        parser.error(f"{unknown[0]}: no workload of that name; there are {', '.join(NAMES)}")
    with tempfile.TemporaryDirectory() as folder:
        workloads = _workloads(names, Path(folder), options.rows)
        rounds = [{name: once() for name, once in workloads.items()} for _ in range(options.rounds + 1)]
    lines = [told(name, [one[name] for one in rounds[1:]]) for name in names]
    for line in lines:
        print(json.dumps(line))
    keys = ("workload", "seconds", "best", "cpu_s", "whole_s")
    print(table(keys, [tuple(str(line.get(key, "")) for key in keys) for line in lines]))
    print(json.dumps(machine([kernels()])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
