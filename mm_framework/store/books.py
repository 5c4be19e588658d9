"""Books within a day: of each instrument of a part, every so many rows, its book as SYNTHETIC rows.

    header, 64 bytes: magic "MMBOOK\\0\\1", schema u4, 4 bytes 0, rows u8, entries u8, 32 bytes 0
    rows, 64 bytes each, as `model.events` has them
    entries, 32 bytes each: place of the instrument in the part, rows of it before the book, first, count i8

They are a function of the rows of the part and take at most a sixteenth of their bytes: a book of many levels
is kept less often. Whoever begins in the middle of a day walks from the last book before.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.model.events import RowFlag, row_dtype
from mm_framework.store.follow import Follower
from mm_framework.store.mapped import give_back, map_rows
from mm_framework.store.schema import SCHEMA_VERSION

__all__ = ["EVERY", "Books", "Stream", "read_books", "write_books"]

Rows = npt.NDArray[Any]
Stream = tuple[Rows, Mapping[int, int | None]]
"""All rows of one instrument in a part, and its depths by number."""

EVERY: Final = 1 << 17
"""Rows of an instrument after which its book may be kept."""

MAGIC: Final = b"MMBOOK\0\1"
_HEADER = struct.Struct("<8sI4xQQ32x")
_ENTRY: Final = np.dtype([(name, "<i8") for name in ("instrument", "place", "first", "count")])
_SHARE: Final = 16
"""Rows since the last kept book for each level of the next one."""


@attrs.frozen(eq=False)
class Books:
    """The kept books of a part: ``rows`` of all of them, and ``entries`` in order of instrument and place."""

    rows: Rows
    entries: Rows

    def before(self, instrument: int, place: int) -> tuple[int, Rows] | None:
        """The last book of an instrument after at most ``place`` of its rows: after how many, and the book.

        ``instrument``: its place among the part's. None when there is none.
        """
        own = self.entries[self.entries["instrument"] == instrument]
        found = bisect_right(own["place"], place) - 1
        if found < 0:
            return None
        _, after, first, count = own[found].tolist()
        return after, self.rows[first : first + count]


def write_books(file: BinaryIO, streams: Iterable[Stream]) -> None:
    """Walk the rows of each instrument of a part, in their order there, and keep books."""
    file.write(bytes(_HEADER.size))
    entries, first = [], 0
    for instrument, (rows, depths) in enumerate(streams):
        for place, book in _kept(rows, depths):
            entries.append((instrument, place, first, len(book)))
            first += len(book)
            file.write(book.tobytes())
    file.write(np.array(entries, _ENTRY).tobytes())
    file.seek(0)
    file.write(_HEADER.pack(MAGIC, SCHEMA_VERSION, first, len(entries)))


def read_books(path: Path) -> Books | None:
    """The books of a file, mapped into memory; None when it is not there or not what it should be."""
    try:
        with path.open("rb") as file:
            magic, schema, n_rows, n_entries = _HEADER.unpack(file.read(_HEADER.size))
            end = _HEADER.size + row_dtype().itemsize * n_rows
            size = end + _ENTRY.itemsize * n_entries
            if magic != MAGIC or schema != SCHEMA_VERSION or size != path.stat().st_size:
                return None
            file.seek(end)
            entries = np.frombuffer(file.read(), _ENTRY)
        return Books(map_rows(path, _HEADER.size, n_rows) if n_rows else np.empty(0, row_dtype()), entries)
    except (OSError, struct.error, ValueError):
        return None


def _kept(rows: Rows, depths: Mapping[int, int | None]) -> Iterator[tuple[int, Rows]]:
    """Books with the number of rows before them."""
    follower, place, kept = Follower(depths), 0, 0
    while (end := _after_message(rows, place + EVERY)) < len(rows):
        follower.feed(rows[place:end])
        give_back(rows)
        place = end
        if place - kept >= _SHARE * (len(follower.book) + 2):
            kept = place
            yield place, follower.rows(int(rows["ts_recv_ns"][place - 1]))


def _after_message(rows: Rows, place: int) -> int:
    """The first place, at or behind ``place``, before which a message ends; the end when none does."""
    for start in range(place - 1, len(rows), EVERY):
        ends = np.flatnonzero(rows["flags"][start : start + EVERY] & RowFlag.LAST)
        if len(ends):
            return start + int(ends[0]) + 1
    return len(rows)
