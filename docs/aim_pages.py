"""What the design asks of speed and size, beside what the kept output of benchmarks says.

The numbers asked for are those of the design, fixed before the work was done; a floor is what has to hold, an
aim is what was hoped for. Figures come from ``benchmarks/results`` as those of `speed_pages` do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import attrs
from speed_pages import RESULTS, Recorded, Table, figure, read

__all__ = ["AIMS", "Aim", "regions"]

Line = Mapping[str, Any]


@attrs.frozen
class Aim:
    """A figure that was asked for. ``result`` and ``where`` name the line that has it, ``key`` its field;
    ``unit`` begins with ``<`` where less is better.
    """

    work: str
    unit: str
    floor: float | None
    aim: float | None
    result: str
    where: Mapping[str, object]
    key: str = "median"
    times: float = 1.0

    def told(self, folder: Path) -> float | None:
        """The figure, None where nothing is recorded."""
        found = read(folder, self.result)
        return None if found is None else self._in(found)

    def _in(self, found: Recorded) -> float | None:
        values = [
            float(line[self.key]) * self.times
            for line in found.lines
            if self.key in line and all(line.get(key) == value for key, value in self.where.items())
        ]
        return sorted(values)[len(values) // 2] if values else None

    def reached(self, value: float) -> str:
        """Which of the two it reaches."""
        less = self.unit.startswith("<")
        for name, asked in (("aim", self.aim), ("floor", self.floor)):
            if asked is not None and (value <= asked if less else value >= asked):
                return name
        return "neither"


def _kernel(bench: str) -> dict[str, object]:
    return {"bench": bench, "kernels": "on"}


_ROI = {"peer": "hftbacktest-roi"}
_HASHMAP = {"peer": "hftbacktest-hashmap"}
_AWAKE = {"work": "backtest, a market maker woken by every event"}
_ASLEEP = {"work": "backtest, nobody woken"}

AIMS = (
    Aim("`mm verify`, Kraken, depth 10", "frames/s", 7e5, 1e6, "data-path", _kernel("verify_book10")),
    Aim("`mm verify`, Kraken, depth 25", "frames/s", 7e5, 1e6, "data-path", _kernel("verify_book25")),
    Aim("Binance's updates of 40 levels", "frames/s", 1.5e5, 3e5, "data-path", _kernel("feed_binance")),
    Aim("one live frame in a tight loop, median", "< us", 4, None, "data-path", _kernel("feed_one_p50")),
    Aim("5,000 frames/s, received to told, p99", "< us", None, 200, "data-path", _kernel("live_p99")),
    Aim("backtest, market maker woken by every event", "rows/s", 8e6, 1e7, "peers", _AWAKE | _ROI, "ours"),
    Aim("the same beside hftbacktest, faster book", "times", 3, 4, "peers", _AWAKE | _ROI, "cpu_ratio"),
    Aim("the same beside hftbacktest, usual book", "times", 3, 4, "peers", _AWAKE | _HASHMAP, "cpu_ratio"),
    Aim("backtest, nobody woken", "rows/s", 1.5e7, 2e7, "peers", _ASLEEP | _ROI, "ours"),
    Aim(
        "the same beside hftbacktest, faster book", "times", None, 2.5,
        "peers", _ASLEEP | _ROI, "cpu_ratio",
    ),
    Aim(
        "strategy in plain Python", "wake-ups/s", 2.5e5, 5e5,
        "backtest", {"workload": "plain"}, "million_events_per_s", 1e6,
    ),
    Aim("store, L2 rows written", "rows/s", 3e6, 5e6, "store", {"bench": "write", "side": "ours"}, "wall"),
    Aim("store, Parquet to rows", "rows/s", 6e6, 12e6, "store", {"bench": "read", "side": "ours"}, "wall"),
    Aim("store, an L2 row", "< bytes", 10, 9, "store", {"bench": "write", "side": "ours"}, "bytes_a_row"),
    Aim("store, most memory", "< MiB", 500, 300, "store", {"bench": "build", "side": "ours"}, "peak_mib"),
    Aim("frame log appended", "records/s", 5e5, None, "data-path", _kernel("log_write")),
    Aim("`mm --help`", "< s", 0.3, 0.2, "start", {"workload": "help"}, "seconds"),
    Aim("a warm `mm backtest`, first event", "< s", 1.5, 0.8, "start", {"workload": "backtest"}, "seconds"),
    Aim("a new strategy compiled", "< s", 1.5, None, "start", {"workload": "new"}, "seconds"),
    Aim("one that is kept", "< s", 0.1, None, "start", {"workload": "kept"}, "seconds"),
)  # fmt: skip


def regions(table: Table, folder: Path = RESULTS) -> dict[str, Callable[[], str]]:
    """The function that writes the region."""
    return {"speed-aims": partial(_aims, table, folder)}


def _aims(table: Table, folder: Path) -> str:
    rows = []
    for aim in AIMS:
        value = aim.told(folder)
        asked = ["-" if one is None else figure(one) for one in (aim.floor, aim.aim)]
        told = ["not recorded", "-"] if value is None else [figure(value), aim.reached(value)]
        rows.append([aim.work, aim.unit, *asked, *told])
    return table(("work", "unit", "floor", "aim", "measured", "reaches"), rows)
