"""Measure what the README and the documentation tell, and keep it: the output as it was printed.

    python benchmarks/record.py [NAME ...] [--quick] [--results FOLDER]

The JSON lines of each benchmark go to ``benchmarks/results/NAME.jsonl``, behind a line with its command, the
day, the load of the machine before it and the seconds that it took; ``docs/generate.py`` then writes the
figures into the pages. A file is replaced when its benchmark has ended well. ``--quick`` measures little and
keeps it below ``build/results``, to see that everything runs. All of them need a quiet machine for three
quarters of an hour. Exit code 1: a benchmark failed; the others are kept.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import attrs

from mm_framework.bundle.disk import replace_file

__all__ = ["RECORDED", "RESULTS", "Recording", "main", "text_of"]

HERE: Final = Path(__file__).resolve().parent
RESULTS: Final = HERE / "results"
QUICK: Final = HERE.parent / "build" / "results"
FAILED: Final = 1


@attrs.frozen
class Recording:
    """A benchmark: its script, its arguments, and those that make it quick."""

    script: str
    arguments: tuple[str, ...] = ()
    quick: tuple[str, ...] = ("--quick",)

    def words(self, quick: bool) -> tuple[str, ...]:
        """What follows ``python``, seen from the repository."""
        return (f"benchmarks/{self.script}", *(self.quick if quick else self.arguments))


RECORDED: Final[Mapping[str, Recording]] = {
    "data-path": Recording("run.py"),
    "peers": Recording("run_peers.py"),
    "start": Recording("run_start.py", quick=("--rounds", "1")),
    "backtest": Recording("run_backtest.py", quick=("--quick", "--rounds", "2")),
    "sweep": Recording("run_sweep.py", quick=("--points", "8", "--rows", "20000")),
    "store": Recording(
        "run_store.py", ("--rounds", "3", "--peers", "frames"), ("--quick", "--peers", "frames")
    ),
    "relay": Recording(
        "run_serve.py",
        ("--seconds", "10", "--rates", "400,800"),
        ("--clients", "16", "--seconds", "1", "--rates", "200"),
    ),
}


def text_of(words: Sequence[str], output: str, seconds: float, now: datetime, load: float) -> str:
    """What is kept: a line about the run, then the JSON lines among its output.

    ``load``: how many processes wanted a processor in the minute before it began.
    """
    about = {
        "bench": "recorded",
        "command": " ".join(("python", *words)),
        "date": f"{now:%Y-%m-%d}",
        "seconds": round(seconds),
        "load": round(load, 1),
    }
    lines = [line for line in output.splitlines() if line.startswith("{")]
    return "\n".join([json.dumps(about), *lines]) + "\n"


def main(arguments: Sequence[str] | None = None, known: Mapping[str, Recording] = RECORDED) -> int:
    """Measure one after the other, then write the pages; the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all unless given: {', '.join(known)}")
    parser.add_argument("--quick", action="store_true", help="measure little")
    parser.add_argument("--results", type=Path, help="where they are kept, no page is written then")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - known.keys():
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    results = options.results or (QUICK if options.quick else RESULTS)
    results.mkdir(parents=True, exist_ok=True)
    failed = [
        name
        for name in options.names or known
        if not _record(results / f"{name}.jsonl", known[name].words(options.quick))
    ]
    if results == RESULTS:
        subprocess.run([sys.executable, str(HERE.parent / "docs" / "generate.py")], check=True)
    return FAILED if failed else 0


def _record(path: Path, words: Sequence[str]) -> bool:
    """Run one and keep it; whether it ended well."""
    print(f"measuring {path.stem}: python {' '.join(words)}", file=sys.stderr, flush=True)
    began_s, load = time.monotonic(), os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    command: list[Any] = [sys.executable, *words]
    done = subprocess.run(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        print(f"record: {path.stem} failed with exit code {done.returncode}", file=sys.stderr)
        return False
    text = text_of(words, done.stdout, time.monotonic() - began_s, datetime.now(UTC), load)
    replace_file(path, text.encode())
    return True


if __name__ == "__main__":
    sys.exit(main())
