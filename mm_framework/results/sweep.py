"""Many runs over one tape, on any executor, into one table.

    points -> runs, each in a process that reads the data once -> points/<key>.json -> table, sweep.json

What a point came to is a function of its configuration and the data, which its key is a hash of: a sweep that
was interrupted goes on where it stopped, and the table is the same whatever the executor.
"""

from __future__ import annotations

import contextlib
import csv
import hashlib
import io
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future, as_completed
from pathlib import Path
from typing import Any, Final

import attrs
import pyarrow as pa
import pyarrow.parquet as pq

from mm_framework.bundle.disk import replace_file, writing
from mm_framework.errors import ConfigError, EnvironmentFailed, MMError
from mm_framework.replay.events import ReplayRequest
from mm_framework.replay.tape import Tape, load_tape
from mm_framework.results.bundle import result_text
from mm_framework.results.path import TopPath
from mm_framework.results.play import paths_of_tape, play, summary_of
from mm_framework.results.setup import Components, build
from mm_framework.store.reader import open_store
from mm_framework.store.row_cache import RowCache

__all__ = ["Point", "SweepData", "Swept", "play_point", "sweep", "table_of_points", "write_sweep"]

PNL = ("total", "spread", "adverse", "inventory", "fees", "mark_adjustment")


@attrs.frozen
class SweepData:
    """Data that a worker can open by itself. ``digest`` is what its content is.

    ``may_be_empty``: that nothing in it can be played is then told in the rows of its points.
    """

    url: str
    cache: RowCache = attrs.field(eq=False)
    request: ReplayRequest
    source: str
    sources: tuple[tuple[str, str], ...]
    digest: str
    may_be_empty: bool = False

    def tape(self) -> Tape:
        """Read it. Raises StoreError and its kinds."""
        store = open_store(self.url, cache=self.cache)
        return load_tape(store, self.request, self.source, dict(self.sources))


@attrs.frozen
class Point:
    """One run of a sweep: its number, the parameters that vary, its whole configuration."""

    number: int
    parameters: Mapping[str, str]
    configuration: Mapping[str, Any]
    data: SweepData
    components: Callable[[], Components]

    @property
    def key(self) -> str:
        """What its outcome is a function of, 32 hex digits."""
        text = json.dumps([self.data.digest, self.configuration], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]


@attrs.frozen
class Swept:
    """What came of all points, by number; ``played``: how many were not there already."""

    points: tuple[dict[str, Any], ...]
    played: int


class _Worker:
    """What a process keeps between points: the last data, and the best prices on its clocks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tapes: dict[SweepData, Tape] = {}
        self._paths: dict[str, dict[str, TopPath]] = {}

    def tape(self, data: SweepData) -> Tape:
        with self._lock:
            if data not in self._tapes:
                self._tapes, self._paths = {data: data.tape()}, {}
            return self._tapes[data]

    def paths(self, key: str, make: Callable[[], dict[str, TopPath]]) -> dict[str, TopPath]:
        with self._lock:
            if key not in self._paths:
                self._paths[key] = make()
            return self._paths[key]


_WORKER = _Worker()
_FAILED: Final = {"ok": False, "intents_hash": None, "summary": None}


def play_point(point: Point) -> dict[str, Any]:
    """Play one point in this process. What its strategy or its settings do wrong is told in the outcome."""
    told = {"point": point.number, "key": point.key, "parameters": dict(point.parameters)}
    try:
        tape = _WORKER.tape(point.data)
    except ConfigError as error:
        if not point.data.may_be_empty:
            raise
        return {**told, **_FAILED, "error": str(error)}
    try:
        setup = build(point.components(), point.configuration, f"point {point.number}")
        played = play(tape, setup)
        timeline = json.dumps([point.data.digest, point.configuration["backtest"]], sort_keys=True)
        paths = _WORKER.paths(timeline, lambda: paths_of_tape(tape, setup))
    except MMError as error:
        return {**told, **_FAILED, "error": str(error)}
    errors = played.outcome.errors
    return {
        **told,
        "ok": not errors,
        "error": str(errors[0]) if errors else None,
        "intents_hash": played.outcome.final_hash,
        "summary": summary_of(played, paths),
    }


def sweep(
    points: Sequence[Point],
    folder: Path,
    executor: Executor | None = None,
    progress: Callable[[int], object] = lambda points: None,
) -> Swept:
    """Play all points that ``folder`` does not hold yet, and keep each there when it is done.

    ``executor`` None plays them here, in order. Raises EnvironmentFailed when a worker is lost for good; what
    is done by then stays.
    """
    done = {point.key: found for point in points if (found := _kept(folder, point)) is not None}
    progress(len(done))
    todo = [point for point in points if point.key not in done]
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for outcome in _outcomes(todo, executor):
        replace_file(folder / f"{outcome['key']}.json", result_text(outcome).encode())
        done[outcome["key"]] = outcome
        progress(1)
    ordered = (
        {**done[point.key], "point": point.number, "parameters": dict(point.parameters)} for point in points
    )
    return Swept(tuple(ordered), len(todo))


def _kept(folder: Path, point: Point) -> dict[str, Any] | None:
    try:
        found = json.loads((folder / f"{point.key}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and found.get("key") == point.key else None


def _outcomes(points: Sequence[Point], executor: Executor | None) -> Iterator[dict[str, Any]]:
    if executor is None:
        yield from map(play_point, points)
        return
    futures: list[Future[dict[str, Any]]] = [executor.submit(play_point, point) for point in points]
    try:
        for future in as_completed(futures):
            yield future.result()
    except BrokenExecutor as error:
        raise EnvironmentFailed(
            f"a worker process died ({error}): give it more memory or fewer --workers, and run the same"
            " command again, which goes on with what is left"
        ) from None
    finally:
        for future in futures:
            future.cancel()


def table_of_points(points: Sequence[Mapping[str, Any]]) -> pa.Table:
    """One row a point: its parameters, what it came to in each quote currency, its hash.

    Amounts are exact decimal text; null where a point failed before it began or a measure has no value.
    """
    quotes = sorted({quote for one in points for quote in (one["summary"] or {}).get("by_quote", {})})
    columns: dict[str, pa.Array] = {"point": pa.array([one["point"] for one in points], pa.int64())}
    for name in dict.fromkeys(name for one in points for name in one["parameters"]):
        columns[name] = pa.array([one["parameters"].get(name) for one in points], pa.string())
    columns["ok"] = pa.array([one["ok"] for one in points], pa.bool_())
    for name in ("fills", "intents"):
        columns[name] = pa.array([(one["summary"] or {}).get(name) for one in points], pa.int64())
    for quote in quotes:
        found = [_of_quote(one["summary"], quote) for one in points]
        for name in PNL:
            values = [None if one is None else one["pnl"][name] for one in found]
            columns[f"{quote} {name}"] = pa.array(values, pa.string())
        most = [None if one is None else one["drawdown"]["most"] for one in found]
        columns[f"{quote} drawdown"] = pa.array(most, pa.float64())
    columns["intents_hash"] = pa.array([one["intents_hash"] for one in points], pa.string())
    columns["error"] = pa.array([one["error"] for one in points], pa.string())
    return pa.table(columns)


def _of_quote(summary: Mapping[str, Any] | None, quote: str) -> Mapping[str, Any] | None:
    """The measures of a point in a currency; all 0 where nothing was filled in it."""
    if summary is None:
        return None
    nothing = {"pnl": dict.fromkeys(PNL, "0"), "drawdown": {"most": 0.0}}
    found: Mapping[str, Any] = summary["by_quote"].get(quote, nothing)
    return found


def write_sweep(folder: Path, document: Mapping[str, Any], table: pa.Table) -> None:
    """``table.parquet``, ``table.csv``, ``sweep.json``; each appears whole."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    replace_file(folder / "table.parquet", sink.getvalue().to_pybytes())
    replace_file(folder / "table.csv", _csv(table).encode())
    replace_file(folder / "sweep.json", result_text(document).encode())


def _csv(table: pa.Table) -> str:
    text = io.StringIO()
    with contextlib.closing(text):
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(table.column_names)
        rows.writerows(zip(*(column.to_pylist() for column in table.columns), strict=True))
        return text.getvalue()
