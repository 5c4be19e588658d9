"""Rows of a day into the store's files: events, best prices, trades, and what they come to."""

from __future__ import annotations

import hashlib
from pathlib import Path

import attrs
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mm_framework.bundle.digest import EventDigest
from mm_framework.bundle.disk import writing
from mm_framework.model.events import RowFlag
from mm_framework.store.judge import DayRows, Judge
from mm_framework.store.manifest import Part, Stretch
from mm_framework.store.partitions import Partition, part_name
from mm_framework.store.people import best_prices, trades
from mm_framework.store.root import Root
from mm_framework.store.schema import ROW_GROUP, Scales, event_columns, writer

__all__ = ["PartContext", "PartWriter"]


@attrs.frozen(eq=False)
class PartContext:
    """What all parts of an input share. ``source``: its file name."""

    run: str
    source: str
    judge: Judge


class PartWriter:
    """Writes the files of one run in one partition, instrument by instrument in order of ids."""

    def __init__(self, partition: Partition, context: PartContext, folder: Path) -> None:
        self._partition, self._run, self._source = partition, context.run, context.source
        self._judge = context.judge
        self._paths = {table: folder / f"{table}.parquet" for table in ("events", "bbo", "trades")}
        self._writers: dict[str, pq.ParquetWriter] = {}
        self._waiting: dict[str, list[pa.Table]] = {table: [] for table in self._paths}
        self._counts = dict.fromkeys(self._paths, 0)
        self._stretches: list[Stretch] = []
        self._synthetic = 0

    def add(self, day: DayRows) -> None:
        """Write an instrument's day. Raises EnvironmentFailed."""
        scales = {one.number: Scales(one.id, one.price_scale, one.size_scale) for one in day.definitions}
        ids = {one.number: one.id for one in day.definitions}
        digest, verdict = EventDigest([day.instrument]), self._judge(day)
        counted: list[int] = []
        for rows in day.chunks():
            self._write("events", event_columns(rows, self._run, scales))
            digest.update(rows, ids)
            places = np.flatnonzero(rows["flags"] & RowFlag.SYNTHETIC == 0)
            self._synthetic += len(rows) - len(places)
            counted += rows["ts_recv_ns"][places[[0, -1]]].tolist() if len(places) else []
            self._write("trades", trades(rows, day.instrument, self._run, scales))
        found = np.concatenate(day.tops())
        self._write("bbo", best_prices(found, day, self._run, self._source, verdict))
        if counted:
            self._stretches.append(
                Stretch(day.instrument, digest.rows, digest.hexdigest(), counted[0], counted[-1], verdict)
            )

    def finish(self, root: Root) -> Part | None:
        """Close the files and put them into the store; None when no row counts."""
        for table in self._paths:
            self._flush(table)
        for one in self._writers.values():
            one.close()
        if not self._stretches:
            return None
        files = {}
        for table in self._writers:
            path = self._paths[table]
            sha256 = _sha256(path)
            name = part_name(table, self._partition, self._run, sha256)
            root.put(path, name)
            files[table] = (name, sha256, self._counts[table] - self._synthetic * (table == "events"))
        return Part(self._partition, self._run, files, tuple(self._stretches), self._synthetic)

    def _write(self, table: str, columns: pa.Table) -> None:
        """Take rows; they wait until they are worth a row group."""
        if columns.num_rows:
            self._waiting[table].append(columns)
            self._counts[table] += columns.num_rows
        if sum(one.num_rows for one in self._waiting[table]) >= ROW_GROUP:
            self._flush(table)

    def _flush(self, table: str) -> None:
        waiting = self._waiting[table]
        if not waiting:
            return
        path = self._paths[table]
        with writing(path):
            if table not in self._writers:
                self._writers[table] = writer(path, table)
            self._writers[table].write_table(
                pa.concat_tables(waiting).unify_dictionaries(), row_group_size=ROW_GROUP
            )
        waiting.clear()


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
