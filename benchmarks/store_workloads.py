"""What `run_store.py` measures of our store, each in a process of its own: see `store_worker.py`.

A workload is given a `Place` and returns figures by name. A rate is taken over one pass, a question is asked
of several moments of the day and its median told.
"""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.api import InstalledJudge, InstalledKits
from mm_framework.model.events import Kind
from mm_framework.replay.events import ReplayRequest, replay_events
from mm_framework.store.builder import Build, build
from mm_framework.store.inputs import find_source
from mm_framework.store.manifest import Part
from mm_framework.store.mapped import give_back
from mm_framework.store.query import query
from mm_framework.store.reader import Store, open_store
from mm_framework.store.row_cache import RowCache, part_rows
from mm_framework.store.schema import ROW_GROUP, Scales, event_columns, rows_of, writer

__all__ = ["OURS", "Measured", "Place", "ask", "bars", "rate", "windows"]

WINDOW_NS: Final = 10 * 10**9
ASKED: Final = 7
LEVELS: Final = 1_000_000
"""Level rows that are written and read beside another catalog."""


@attrs.frozen
class Place:
    """``folder`` for what is made; the bundle ``run``, its first and last moment."""

    folder: Path
    run: Path
    from_ns: int
    to_ns: int

    @property
    def store(self) -> str:
        """Where the store of the day stands."""
        return str(self.folder / "store")

    def opened(self, cache: str = "cache") -> Store:
        """The store, with a row cache in the folder."""
        return open_store(self.store, cache=RowCache(self.folder / cache))

    def file(self, table: str) -> str:
        """The Parquet file of a table."""
        store = self.opened()
        return store.root.location(_part(store).files[table][0])


@attrs.frozen
class Measured:
    """A figure: ``rows/s`` or ``ms`` of wall time, the same of processor time; ``facts`` beside it."""

    unit: str
    value: float
    cpu: float
    facts: dict[str, float] = attrs.field(factory=dict)


def rate(rows: int, work: Callable[[], object], **facts: float) -> Measured:
    """Rows a second of one pass."""
    start, cpu_start = time.perf_counter(), time.process_time()
    work()
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    return Measured("rows/s", rows / seconds, rows / cpu_seconds, facts)


def ask(questions: Sequence[Callable[[], int]]) -> Measured:
    """The median of several questions in ms, after one that is not counted; each returns its rows."""
    questions[0]()
    walls, cpus, rows = [], [], 0
    for question in questions:
        start, cpu_start = time.perf_counter(), time.process_time()
        rows += question()
        walls.append((time.perf_counter() - start) * 1e3)
        cpus.append((time.process_time() - cpu_start) * 1e3)
    if not rows:
        raise RuntimeError("the questions were answered without a row")
    return Measured(
        "ms", statistics.median(walls), statistics.median(cpus), {"rows": round(rows / len(questions))}
    )


def windows(place: Place) -> list[tuple[int, int]]:
    """Ten seconds each, over the whole day."""
    step = (place.to_ns - place.from_ns) // (ASKED + 1)
    starts = [place.from_ns + step * (number + 1) for number in range(ASKED)]
    return [(start, start + WINDOW_NS) for start in starts]


def bars(table: str) -> str:
    """SQL for bars of a second: of ``trades``, of the trades among ``events``, of all ``rows`` there."""
    if table == "trades":
        time_of, size, where, source = "ts_capture", "qty", "", "trades"
    else:
        time_of, size, source = "ts_recv_ns", "size", "events"
        where = f" WHERE kind = {int(Kind.TRADE)}" if table == "events" else ""
    return (
        f"SELECT {time_of} // 1000000000 AS second, arg_min(price, {time_of}) AS open, max(price) AS high,"
        f" min(price) AS low, arg_max(price, {time_of}) AS close, sum({size}) AS volume"
        f" FROM {source}{where} GROUP BY second ORDER BY second"
    )


def _build(place: Place) -> dict[str, Measured]:
    shutil.rmtree(place.store, ignore_errors=True)
    kits = InstalledKits()
    how = Build(kits, kits.versions, "benchmarks", judge=InstalledJudge(), temp_dir=str(place.folder))
    source = find_source(place.run)
    kits(source.venues)
    start, cpu_start = time.perf_counter(), time.process_time()
    report = build(place.store, [source], how)
    seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
    size = sum(path.stat().st_size for path in Path(place.store).rglob("*.parquet"))
    events = Path(place.file("events")).stat().st_size
    facts = {"bytes_a_row": events / report.rows, "all_tables_bytes_a_row": size / report.rows}
    return {"build": Measured("rows/s", report.rows / seconds, report.rows / cpu_seconds, facts)}


def _write(place: Place) -> dict[str, Measured]:
    store = place.opened()
    part = _part(store)
    rows, path = store.rows(part), place.folder / "written.parquet"
    work = lambda: _written(rows, path, part.run, _scales(store, part))  # noqa: E731
    one = rate(len(rows), work)
    return {"write": attrs.evolve(one, facts={"bytes_a_row": path.stat().st_size / len(rows)})}


def _read(place: Place) -> dict[str, Measured]:
    store = place.opened()
    part = _part(store)
    return {"read": rate(part.rows + part.synthetic, lambda: _drain(part_rows(store.root, part)))}


def _window_sql(place: Place) -> dict[str, Measured]:
    store = place.opened()
    text = "SELECT * FROM events WHERE ts_recv_ns >= {} AND ts_recv_ns < {}"
    return {"window_sql": ask([_asked(store, text.format(*one)) for one in windows(place)])}


def _window_table(place: Place) -> dict[str, Measured]:
    store = place.opened()
    asked = [lambda one=one: len(store.table("events", (), *one, "any")) for one in windows(place)]
    return {"window_table": ask(asked)}


def _window_events(place: Place) -> dict[str, Measured]:
    store = place.opened()
    store.rows(_part(store))
    asked = [lambda one=one: len(store.events((), *one, "any").to_arrow()) for one in windows(place)]
    return {"window_events": ask(asked)}


def _bars(place: Place) -> dict[str, Measured]:
    store = place.opened()
    return {f"bars_{table}": ask([_asked(store, bars(table))] * 3) for table in ("trades", "events", "rows")}


def _cache(place: Place) -> dict[str, Measured]:
    shutil.rmtree(place.folder / "cache", ignore_errors=True)
    store = place.opened()
    part = _part(store)
    first = rate(part.rows + part.synthetic, lambda: store.rows(part))
    return {"cache_first": first, "cache_again": rate(part.rows, lambda: _drain([_summed(store, part)]))}


def _selection(place: Place) -> dict[str, Measured]:
    store = place.opened()
    rows = store.rows(_part(store))
    return {"selection": rate(len(rows), lambda: _drain(store.events(policy="any").blocks()))}


def _replay(place: Place) -> dict[str, Measured]:
    store = place.opened()
    rows = store.rows(_part(store))
    return {"replay": rate(len(rows), lambda: replay_events(store, ReplayRequest(policy="any")))}


def _levels(place: Place) -> dict[str, Measured]:
    store = place.opened()
    part, path = _part(store), place.folder / "levels.parquet"
    rows = levels_of(store)
    written = rate(len(rows), lambda: _written(rows, path, part.run, _scales(store, part)))
    facts = {"bytes_a_row": path.stat().st_size / len(rows)}
    return {
        "levels_write": attrs.evolve(written, facts=facts),
        "levels_read": rate(len(rows), lambda: _drain(_groups(path))),
    }


OURS: Final[dict[str, tuple[Callable[[Place], dict[str, Measured]], str]]] = {
    "build": (_build, "`mm store build`: log, books, verdict, digest, three tables; whole, one process"),
    "write": (_write, "event rows to the Parquet file of `events`, nothing else"),
    "cache": (_cache, "`cache_first`: Parquet to the row cache; `cache_again`: every price in it is read"),
    "read": (_read, "the Parquet file of `events` to event rows"),
    "window": (_window_sql, "all columns of ten seconds of `events` by SQL"),
    "window_table": (_window_table, "the same by `Store.table`"),
    "window_events": (_window_events, "the same by `Store.events`: in order, behind its book"),
    "bars": (_bars, "bars of a second of the day: of `trades`, of the trades in `events`, of all its rows"),
    "selection": (_selection, "the day in order from the row cache, numbered"),
    "replay": (_replay, "the same with its digest: `mm replay`"),
    "levels": (_levels, f"the first {LEVELS:,} levels written and read, as the other catalog does"),
}


def levels_of(store: Store, count: int = LEVELS) -> npt.NDArray[Any]:
    """The first levels of the day."""
    rows = store.rows(_part(store))[: 2 * count]
    return np.asarray(rows[rows["kind"] == Kind.LEVEL][:count])


def _part(store: Store) -> Part:
    (part,) = store.manifest.parts
    return part


def _scales(store: Store, part: Part) -> dict[int, Scales]:
    return {
        number: Scales(one.id, one.price_scale, one.size_scale)
        for (run, number), one in store.definitions.items()
        if run == part.run
    }


def _written(rows: npt.NDArray[Any], path: Path, run: str, scales: dict[int, Scales]) -> None:
    with writer(path, "events") as sink:
        for chunk in _chunks(rows):
            sink.write_table(event_columns(chunk, run, scales), row_group_size=ROW_GROUP)


def _groups(path: Path) -> Any:
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    return (rows_of(file.read_row_group(group, use_threads=False)) for group in range(file.num_row_groups))


def _asked(store: Store, sql: str) -> Callable[[], int]:
    return lambda: len(query(store, sql))


def _summed(store: Store, part: Part) -> int:
    return sum(int(rows["price"].sum()) for rows in _chunks(store.rows(part)))


def _chunks(rows: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    """Mapped rows as they go by, without staying in memory."""
    for start in range(0, len(rows), ROW_GROUP):
        yield rows[start : start + ROW_GROUP]
        give_back(rows)


def _drain(many: Any) -> None:
    for _ in many:
        pass
