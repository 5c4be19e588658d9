"""How fast is the data path on this machine, with and without kernels? One JSON line a figure, then a table.

    python benchmarks/run.py [--quick] [--modes off,on] [--rounds N] [--json FILE] [--markdown FILE]

A process for each mode of the kernels (`MM_KERNELS`) is started once and asked in turn: in every round
each measurement is made by one mode directly after the other, so that a busy moment of the machine meets
both; every second round the other mode is first. The median of the rounds is the figure, all rounds are
printed. The recordings are made here, see `content`. There are no targets.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from content import make
from figures import Figure, facts_list, number, rounded, table, times
from machine import machine

QUICK_PART = 0.02


class Worker:
    """A process that measures in one mode, by the ``clock`` that `worker` knows."""

    def __init__(self, mode: str, folder: Path, least_s: float, clock: str = "wall") -> None:
        script = Path(__file__).resolve().with_name("worker.py")
        self._process = subprocess.Popen(
            [sys.executable, str(script), str(folder), str(least_s), clock],
            env={**os.environ, "MM_KERNELS": mode},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.told = self._answer()
        self.mode: str = self.told["kernels"]

    def measure(self, name: str) -> dict[str, float]:
        """One round of one measurement."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{name}\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """End it and wait."""
        self._process.communicate()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the measuring process ended with exit code {self._process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer


def measure(workers: Sequence[Worker], rounds: int) -> list[tuple[dict[str, Any], list[Figure]]]:
    """Interleaved rounds; for each figure its workload and the figures of all modes."""
    works = {work["name"]: work for work in workers[0].told["workloads"]}
    values: dict[str, dict[str, list[float]]] = {}
    of: dict[str, dict[str, Any]] = {}
    for index in range(rounds):
        print(f"round {index + 1} of {rounds}", file=sys.stderr)
        for name, work in works.items():
            for worker in workers if index % 2 == 0 else reversed(workers):
                for bench, value in worker.measure(name).items():
                    of[bench] = work
                    values.setdefault(bench, {}).setdefault(worker.mode, []).append(value)
    modes = [worker.mode for worker in workers]
    return [
        (work, [Figure(bench, mode, _unit(work), tuple(values[bench][mode])) for mode in modes])
        for bench, work in of.items()
    ]


def _unit(work: dict[str, Any]) -> str:
    return "us" if work["unit"] == "us" else f"{work['unit']}/s"


def lines(measured: Sequence[tuple[dict[str, Any], list[Figure]]]) -> list[dict[str, Any]]:
    """One JSON object for each figure and mode; all but the first mode tell their ratio to it."""
    result = []
    for work, figures in measured:
        for figure in figures:
            line = {"bench": figure.bench, "kernels": figure.side, **figure.to_json()}
            if figure is not figures[0]:
                line["ratio"] = [rounded(ratio) for ratio in figure.ratios(figures[0])]
            result.append({**line, "amount": work["amount"], "what": work["what"]})
    return result


def markdown(about: dict[str, Any], measured: Sequence[tuple[dict[str, Any], list[Figure]]]) -> str:
    """The same for readers."""
    modes = [figure.side for figure in measured[0][1]]
    head = ["figure", "unit", *modes, *(f"{mode} is faster than {modes[0]}" for mode in modes[1:])]
    rows = [
        [
            figures[0].bench,
            figures[0].unit,
            *(number(figure.median) for figure in figures),
            *(times(figure.ratios(figures[0])) for figure in figures[1:]),
        ]
        for _, figures in measured
    ]
    rounds = [
        [figure.bench, figure.side, *(number(value) for value in figure.rounds)]
        for _, figures in measured
        for figure in figures
    ]
    count = len(measured[0][1][0].rounds)
    told = {work["name"]: work["what"] for work, _ in measured}
    what = "".join(f"- `{name}`: {text}\n" for name, text in told.items())
    return (
        f"{facts_list(about)}\n"
        f"Medians of {count} interleaved rounds; in brackets the range of the rounds.\n\n"
        f"{table(head, rows)}\n{what}\nAll rounds:\n\n"
        f"{table(['figure', 'kernels', *map(str, range(1, count + 1))], rounds)}"
    )


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less data, 2 rounds")
    parser.add_argument("--modes", default="off,on", help="modes of the kernels, the first is the base")
    parser.add_argument("--rounds", type=int, help="5 unless given")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write one JSON document to FILE")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="also write the table to FILE")
    options = parser.parse_args(arguments)
    rounds = options.rounds or (2 if options.quick else 5)
    with tempfile.TemporaryDirectory(prefix="mm-bench-") as name:
        folder = Path(name)
        make(folder, QUICK_PART if options.quick else 1.0)
        workers: dict[str, Worker] = {}
        for mode in options.modes.split(","):
            worker = Worker(mode, folder, 0.02 if options.quick else 0.3)
            if worker.mode in workers:  # no numba: every mode is off
                worker.close()
            else:
                workers[worker.mode] = worker
        about = machine(list(workers))
        print(json.dumps(about), flush=True)
        measured = measure(list(workers.values()), rounds)
        for worker in workers.values():
            worker.close()
    results = lines(measured)
    for line in results:
        print(json.dumps(line))
    text = markdown(about, measured)
    print(f"\n{text}", end="")
    if options.json is not None:
        document = {"machine": about, "results": results}
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    if options.markdown is not None:
        options.markdown.write_text(f"# Benchmarks\n\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
