"""A bundle's rows, dealt to days and instruments: what `parts` writes files of.

    blocks -> cut at midnight (UTC, receive time) -> Feed -> rows by (date, instrument number)

A day that begins in the middle of a run begins with its books as they are then: SYNTHETIC rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from mm_framework.bundle.disk import writing
from mm_framework.bundle.run import Run
from mm_framework.bundle.times import DAY_NS
from mm_framework.errors import StoreError
from mm_framework.feed import Feed, VenueKit
from mm_framework.model.events import row_dtype
from mm_framework.model.frame import HEADER, RecordKind
from mm_framework.model.instrument import Definition
from mm_framework.store.mapped import map_rows
from mm_framework.store.synthetic import book_rows

__all__ = ["Key", "Spill", "spill_run"]

Rows = npt.NDArray[Any]

_BUFFERED: Final = 1 << 17
"""Rows that wait in memory before they go to their files."""


class Key(NamedTuple):
    """Rows of one instrument number on one day; ``day`` counts from 1970-01-01."""

    day: int
    number: int


class Spill:
    """Rows by key, in files of a folder; those of one key keep their order."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: dict[Key, list[bytes]] = {}
        self._n_waiting = 0
        self.keys: set[Key] = set()

    def add(self, day: int, rows: Rows) -> None:
        """Take rows of one day, of any instruments."""
        numbers = rows["instrument"]
        if len(rows) == 0:
            return
        if numbers[0] == numbers[-1] and (numbers == numbers[0]).all():
            self._take(Key(day, int(numbers[0])), rows)
            return
        order = np.argsort(numbers, kind="stable")
        found, starts = np.unique(numbers[order], return_index=True)
        for number, places in zip(found.tolist(), np.split(order, starts[1:]), strict=True):
            self._take(Key(day, number), rows[places])

    def rows(self, key: Key) -> Rows:
        """All rows of a key, mapped into memory. Call `flush` before."""
        return map_rows(self._path(key))

    def flush(self) -> None:
        """Write what waits. Raises EnvironmentFailed."""
        for key, parts in self._waiting.items():
            path = self._path(key)
            with writing(path), path.open("ab") as file:
                file.writelines(parts)
        self._waiting.clear()
        self._n_waiting = 0

    def drop(self, key: Key) -> None:
        """Give back the space of a key."""
        self._path(key).unlink(missing_ok=True)

    def _take(self, key: Key, rows: Rows) -> None:
        self.keys.add(key)
        self._waiting.setdefault(key, []).append(rows.tobytes())
        self._n_waiting += len(rows)
        if self._n_waiting >= _BUFFERED:
            self.flush()

    def _path(self, key: Key) -> Path:
        return self._folder / f"{key.day}-{key.number}.rows"


def spill_run(run: Run, kits: Mapping[str, VenueKit], spill: Spill) -> list[Definition]:
    """Every record of a bundle through `Feed`; returns all definitions.

    Raises StoreError for a run without receive times, CorruptFrame at damage; a torn end is left out.
    """
    manifest = run.manifest
    if manifest.untimed:
        raise StoreError(
            f"run {manifest.run_id} has no receive times, by which a store is ordered: import the recording"
            " again with --assume-receive",
            path=run.path,
        )
    offset_ns = manifest.wall0_ns - manifest.mono0_ns
    definitions: list[Definition] = []
    for reader in run.shards:
        feed, today = Feed(kits, reader.shard), None
        for day, block in _by_day(reader.blocks(), offset_ns):
            if today is not None and day != today:
                spill.add(day, _books(feed, day * DAY_NS))
            elif today is None and _kind(block) == RecordKind.CHECKPOINT:
                first, block = _split_first(block)
                feed.feed(first)
                spill.add(day, _books(feed, _stamp(first) + offset_ns))
            today = day
            if len(block):
                spill.add(day, np.frombuffer(feed.feed(block).rows, dtype=row_dtype()))
        definitions += feed.definitions
    return definitions


def _by_day(blocks: Iterable[memoryview], offset_ns: int) -> Iterator[tuple[int, memoryview]]:
    """Blocks with their day, cut where a new one begins."""

    def day(block: memoryview) -> int:
        return (_stamp(block) + offset_ns) // DAY_NS

    before: memoryview | None = None
    for block in chain(blocks, [None]):
        if before is not None:
            if block is not None and day(block) == day(before):
                yield day(before), before
            else:
                yield from _cut(before, offset_ns)
        before = block


def _cut(block: memoryview, offset_ns: int) -> Iterator[tuple[int, memoryview]]:
    start = position = 0
    today = (_stamp(block) + offset_ns) // DAY_NS
    while position < len(block):
        day = (_stamp(block, position) + offset_ns) // DAY_NS
        if day != today:
            yield today, block[start:position]
            start, today = position, day
        position += HEADER.size + HEADER.unpack_from(block, position)[1]
    yield today, block[start:]


def _stamp(block: memoryview, position: int = 0) -> int:
    return int(HEADER.unpack_from(block, position)[6])


def _kind(block: memoryview) -> int:
    return int(HEADER.unpack_from(block)[2])


def _split_first(block: memoryview) -> tuple[memoryview, memoryview]:
    end = HEADER.size + HEADER.unpack_from(block)[1]
    return block[:end], block[end:]


def _books(feed: Feed, ts_recv_ns: int) -> Rows:
    """All books as they are, as SYNTHETIC rows of this time."""
    parts = [
        book_rows(view.book, view.definition.number, view.state, view.epoch, ts_recv_ns)
        for view in feed.instruments()
    ]
    return np.concatenate([np.empty(0, row_dtype()), *parts])
