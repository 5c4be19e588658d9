"""The chart of a day folder: the best of its frames of the book, their depth, its resyncs and losses."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from pyarrow import csv as arrow_csv

from mm_framework.errors import CorruptFrame, EnvironmentFailed, StoreError
from mm_framework.report.chart import Chart, Mark, Tops
from mm_framework.report.depth import Levels, column_edges, depth_map
from mm_framework.report.marks import mark, within
from mm_framework.sinks.day_schema import EVENTS, ORDERBOOK
from mm_framework.sinks.files import gzip_text, read_tail

__all__ = ["chart_of_day"]

_CHUNK: Final = 20_000
_MS: Final = 1_000_000
_MIN, _MAX = -(2**63), 2**63 - 1


def chart_of_day(
    folder: Path,
    from_ns: int = _MIN,
    to_ns: int = _MAX,
    progress: Callable[[int], object] = lambda frames: None,
) -> Chart:
    """A day folder between two receive times (half-open).

    Ages are raw, since a day folder has no offset of the venue's clock.
    Raises StoreError for a folder without frames of the book then, CorruptFrame for what cannot be read.
    """
    path = next(iter(sorted(folder.glob(f"{ORDERBOOK}_*.csv.gz"))), None)
    if path is None:
        raise StoreError(f"{folder} has no {ORDERBOOK}_*.csv.gz: there is nothing to draw", path=folder)
    frames = _Frames(path, from_ns, to_ns)
    for count in frames.read():
        progress(count)
    if not frames.tops:
        raise StoreError(f"{path} has no frame of the book in that time", path=path)
    marks = [*_resyncs(folder)]
    tops = _broken(Tops.chained(frames.tops), marks)
    start_ns, end_ns = int(tops.ts_ns[0]), int(tops.ts_ns[-1])
    symbol, date = path.name.removeprefix(f"{ORDERBOOK}_").removesuffix(".csv.gz").rsplit("_", 1)
    rows = sum(map(len, frames.tops))
    shown = [
        np.datetime_as_string(np.datetime64(ns, "ns"), "s").replace("T", " ") for ns in (start_ns, end_ns)
    ]
    return Chart(
        name=f"{folder.absolute().parent.parent.name}:{symbol}",
        tops=tops,
        rows=rows,
        notes=[f"{shown[0]} to {shown[1]} UTC, {rows} frames of the book in the folder of {date}; raw ages"],
        depth=depth_map(frames.edges, frames.columns(marks)),
        marks=within(marks, start_ns, end_ns),
    )


class _Frames:
    """The frames of a file. ``tops``: their best prices; ``edges``: of the columns of the map of depth."""

    def __init__(self, path: Path, from_ns: int, to_ns: int) -> None:
        self._path, self._from_ns, self._to_ns = path, from_ns, to_ns
        self.tops: list[Tops] = []
        self._last: dict[int, Levels] = {}
        first, last = self._ends()
        self.edges = column_edges(max(first, from_ns), min(last, to_ns - 1))

    def read(self) -> Iterator[int]:
        """Read all; gives numbers of frames as it goes. Raises CorruptFrame."""
        lines = self._lines()
        header = next(lines, "").split(",")
        kinds = {name: pa.float64() for name in header if name.endswith(("_ms", "_price", "_qty"))}
        convert = arrow_csv.ConvertOptions(column_types=kinds, include_columns=list(kinds))
        while chunk := [*itertools.islice(lines, _CHUNK)]:
            try:
                table = arrow_csv.read_csv(
                    io.BytesIO("\n".join(chunk).encode()),
                    arrow_csv.ReadOptions(column_names=header, use_threads=False),
                    convert_options=convert,
                )
            except pa.ArrowInvalid as error:
                raise CorruptFrame(f"{self._path} cannot be read: {error}", path=self._path) from None
            self._take({name: table[name].to_numpy() for name in kinds})
            yield len(chunk)

    def columns(self, marks: list[Mark]) -> list[Levels | None]:
        """The levels in force at the end of each column; None where the book was lost, or not yet there."""
        found: list[Levels | None] = []
        for place, end in enumerate(self.edges[1:].tolist()):
            lost = any(one.start_ns < end <= one.end_ns for one in marks)
            before = found[-1] if found else None
            found.append(None if lost else self._last.get(place, before))
        return found

    def _take(self, table: dict[str, Any]) -> None:
        times = table["recv_time_ms"].astype(np.int64) * _MS
        kept = (times >= self._from_ns) & (times < self._to_ns)
        if not kept.any():
            return
        table, times = {name: values[kept] for name, values in table.items()}, times[kept]
        bid, ask = (
            np.where(table[f"{one}1_price"] > 0, table[f"{one}1_price"], np.nan) for one in ("bid", "ask")
        )
        self.tops.append(Tops(times, bid, ask, table["recv_time_ms"] - table["event_time_ms"]))
        columns = np.searchsorted(self.edges, times, side="right") - 1
        for row in np.flatnonzero(np.diff(columns, append=-1)).tolist():
            self._last[int(columns[row])] = _levels(table, row)

    def _ends(self) -> tuple[int, int]:
        """The times of the first and the last frame."""
        first = next(itertools.islice(self._lines(), 1, None), None)
        last = read_tail(self._path).last
        if first is None or last is None:
            return 0, 0
        try:
            return int(first.split(",")[1]) * _MS, int(last.split(",")[1]) * _MS
        except (IndexError, ValueError):
            raise CorruptFrame(f"{self._path} has lines that are no frames", path=self._path) from None

    def _lines(self) -> Iterator[str]:
        try:
            yield from gzip_text(self._path)
        except OSError as error:
            raise EnvironmentFailed(f"cannot read {self._path}: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise CorruptFrame(f"{self._path} is not readable: {error}", path=self._path) from None


def _levels(table: dict[str, Any], row: int) -> Levels:
    prices = [float(values[row]) for name, values in table.items() if name.endswith("_price")]
    sizes = [float(values[row]) for name, values in table.items() if name.endswith("_qty")]
    levels = np.array([prices, sizes], dtype=np.float64).T
    return np.asarray(levels[levels[:, 0] > 0])


def _resyncs(folder: Path) -> Iterator[Mark]:
    """When the book was not the venue's after it once was, of the ledger."""
    path = next(iter(sorted(folder.glob(f"{EVENTS}_*.csv.gz"))), None)
    since: tuple[int, str] | None = None
    once, now_ns = False, 0
    for row in csv.DictReader(gzip_text(path) if path is not None else ()):
        try:
            now_ns, facts = int(row["recv_time_ms"]) * _MS, json.loads(row["details_json"] or "{}")
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptFrame(f"{path} has a line that is no event: {error!r}", path=path) from None
        if row["type"] != "state_change":
            continue
        if facts.get("to") == "SYNCED":
            if since is not None:
                yield mark(since[0], now_ns, "gap", since[1])
            once, since = True, None
        elif once and since is None:
            since = now_ns, str(facts.get("reason", "resync")).lower()
    if since is not None:
        yield mark(since[0], max(now_ns, since[0] + 1), "gap", since[1])


def _broken(tops: Tops, marks: list[Mark]) -> Tops:
    """No line leads over a time without a book."""
    starts = np.array([one.start_ns for one in marks if one.end_ns > one.start_ns], dtype=np.int64)
    starts = starts[(starts > tops.ts_ns[0]) & (starts <= tops.ts_ns[-1])]
    places = np.searchsorted(tops.ts_ns, starts, side="right")
    columns = (np.insert(values, places, np.nan) for values in (tops.bid, tops.ask, tops.age_ms))
    return Tops(np.insert(tops.ts_ns, places, starts), *columns)
