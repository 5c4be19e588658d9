"""How fast is the store? A day of one instrument, each workload in a process of its own, then a table.

    python benchmarks/run_store.py [NAME ...] [--quick] [--rows N] [--rounds N] [--peers none|frames|all]

The day is made once, see `store_day`, and kept below ``build/store``. In a round every workload of every side
runs once, ours first in every second round and last in the others; ``duckdb`` and ``polars`` ask the same
Parquet files, ``nautilus`` keeps the same levels in its own catalog, in an environment of its own. Told are
the median of the rounds of wall time, the same of processor time, and the most memory of the process, mapped
files included. The load of the machine is noted before each process: on a busy one look at processor time.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import numpy as np
from figures import facts_list, number, rounded, table
from machine import kernels, machine
from peer_environments import Unavailable, environment, told_by
from store_day import BUILD, Day, make
from store_worker import SIDES
from store_workloads import OURS, Place, levels_of

from mm_framework.model.events import NULL, RowFlag

HERE: Final = Path(__file__).resolve().parent
NAUTILUS: Final = HERE / "peers" / "nautilus_catalog.py"
UNAVAILABLE: Final = 5
ROWS, QUICK_ROWS = 20_000_000, 1_000_000


@attrs.frozen
class Side:
    """One workload of one program, as a command."""

    name: str
    workload: str
    command: tuple[str, ...]

    def run(self) -> dict[str, Any]:
        """One process; what it tells. Raises Unavailable when it fails."""
        return told_by(self.command, f"{self.name} {self.workload}")


def sides(names: Sequence[str], peers: Sequence[str], place: Place) -> list[Side]:
    """Ours, and what the peers have of the same workloads."""
    where = (str(place.folder), str(place.run), str(place.from_ns), str(place.to_ns))
    worker = (sys.executable, str(HERE / "store_worker.py"))
    return [
        Side(side, name, (*worker, side, name, *where))
        for name in names
        for side in ("ours", *peers)
        if name in SIDES[side]
    ]


def nautilus(place: Place, build: Path) -> Side:
    """nautilus_trader with the levels in a file. Raises Unavailable when it cannot be installed."""
    python = environment(build / "nautilus", HERE / "peers" / "nautilus.txt")
    levels, catalog = place.folder / "levels.npy", place.folder / "catalog"
    store = place.opened()
    rows = levels_of(store)
    last = rows["flags"] & RowFlag.LAST
    ts_venue = np.where(rows["ts_venue_ns"] == NULL, rows["ts_recv_ns"], rows["ts_venue_ns"])
    # Scale 8 of both; the instrument prints 2 and 5 decimals.
    columns = [rows["ts_recv_ns"], ts_venue, rows["seq"], rows["price"] // 10**6]
    columns += [rows["size"] // 1000, rows["side"], last]
    np.save(levels, np.stack([np.asarray(column, np.int64) for column in columns], axis=1))
    return Side("nautilus", "levels", (str(python), "-I", str(NAUTILUS), str(levels), str(catalog)))


def measure(all_sides: Sequence[Side], rounds: int, folder: Path) -> list[dict[str, Any]]:
    """Every round of every side, printed as it comes: a line a figure."""
    lines = []
    for index in range(rounds):
        for side in all_sides if index % 2 == 0 else reversed(all_sides):
            shutil.rmtree(folder / "catalog", ignore_errors=True)
            load = os.getloadavg()[0]
            told = side.run()
            for figure, one in told["figures"].items():
                line = {"bench": figure, "side": side.name, "round": index + 1, "load": rounded(load)}
                line |= {"unit": one["unit"], "wall": rounded(one["value"]), "cpu": rounded(one["cpu"])}
                line |= {name: rounded(value) for name, value in one["facts"].items()}
                line["peak_mib"] = told["peak_mib"]
                print(json.dumps(line), flush=True)
                lines.append(line)
    return lines


def results(lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Medians of the rounds, ours first, in the order of the workloads."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for line in lines:
        found.setdefault((line["bench"], line["side"]), []).append(line)
    return [
        {
            **rounds[0],
            "round": len(rounds),
            "load": max(line["load"] for line in rounds),
            "wall": statistics.median(line["wall"] for line in rounds),
            "cpu": statistics.median(line["cpu"] for line in rounds),
            "peak_mib": max(line["peak_mib"] for line in rounds),
            "walls": [line["wall"] for line in rounds],
        }
        for _, rounds in sorted(found.items(), key=lambda pair: pair[1][0]["round"])
    ]


def markdown(about: dict[str, Any], medians: Sequence[dict[str, Any]]) -> str:
    """The same for readers."""
    head = ["figure", "side", "unit", "wall", "processor", "peak MiB", "bytes a row", "load", "rounds"]
    rows = [
        [
            one["bench"],
            one["side"],
            one["unit"],
            number(one["wall"]),
            number(one["cpu"]),
            number(one["peak_mib"]),
            number(one["bytes_a_row"]) if "bytes_a_row" in one else "-",
            number(one["load"]),
            " ".join(map(number, one["walls"])),
        ]
        for one in medians
    ]
    what = "".join(f"- `{name}`: {text}\n" for name, (_, text) in OURS.items())
    return f"{facts_list(about)}\n{table(head, rows)}\n{what}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the day, measure and print; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all unless given: {', '.join(OURS)}")
    parser.add_argument("--quick", action="store_true", help="a million rows, 1 round")
    parser.add_argument("--rows", type=int, help="of the day; 20 million unless given")
    parser.add_argument("--rounds", type=int, help="3 unless given")
    parser.add_argument(
        "--peers",
        choices=["none", "frames", "all"],
        default="all",
        help="beside whom: nobody, DuckDB and Polars, or nautilus_trader too, which is installed",
    )
    parser.add_argument("--build", type=Path, default=BUILD, help="where the day and the store are made")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write one JSON document to FILE")
    parser.add_argument("--markdown", metavar="FILE", type=Path, help="also write the table to FILE")
    options = parser.parse_args(arguments)
    if unknown := set(options.names) - OURS.keys():
        parser.error(f"no workload is called {', '.join(sorted(unknown))}: there are {', '.join(OURS)}")
    try:
        return _run(options)
    except Unavailable as error:
        print(f"bench-store: {error}", file=sys.stderr)
        return UNAVAILABLE


def _run(options: argparse.Namespace) -> int:
    rows = options.rows or (QUICK_ROWS if options.quick else ROWS)
    print(f"the day of {rows:,} rows, below {options.build}: minutes when it is new", file=sys.stderr)
    day: Day = make(options.build, rows)
    place = Place(options.build / f"{day.run.name}-work", day.run, day.from_ns, day.to_ns)
    place.folder.mkdir(exist_ok=True)
    names = options.names or list(OURS)
    peers = [] if options.peers == "none" else ["duckdb", "polars"]
    all_sides = sides(names, peers, place)
    about = {**machine([kernels()]), "rows": day.rows}
    print(json.dumps(about), flush=True)
    if "build" not in names or options.peers == "all":
        sides(["build"], [], place)[0].run()
    if options.peers == "all" and "levels" in names:
        all_sides.append(nautilus(place, options.build.parent / "peers"))
    medians = results(measure(all_sides, options.rounds or (1 if options.quick else 3), place.folder))
    text = markdown(about, medians)
    print(f"\n{text}", end="")
    if options.markdown is not None:
        options.markdown.write_text(f"# Benchmarks of the store\n\n{text}", encoding="utf-8")
    if options.json is not None:
        document = {"machine": about, "results": medians}
        options.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
