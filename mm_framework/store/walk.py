"""`BookWalk`: rows of one instrument into its book, and the best prices wherever they change.

    walk = BookWalk(depth=10)
    changes = walk.feed(rows)           # structured array of `change_dtype`
    walk.book.bids(5)

With kernels the rows are read where they are; without, by the plain book. Both answer alike.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mm_framework.kernels.loader import active
from mm_framework.model.book import Book, OrderBook
from mm_framework.model.events import NULL, Kind, RowFlag, iter_rows, row_dtype

__all__ = ["BookWalk", "change_dtype"]

Rows = npt.NDArray[Any]

_CAPACITY: Final = 1 << 16


@cache
def change_dtype() -> np.dtype[np.void]:
    """``row``: place of the row after which it holds; best prices and sizes, null for no such side."""
    return np.dtype([(name, "<i8") for name in ("row", "bid", "bid_size", "ask", "ask_size")])


class BookWalk:
    """One instrument's book as its rows go by. ``depth``: levels a side that are kept, None keeps all."""

    def __init__(self, depth: int | None = None) -> None:
        self._walk: _Native | _Plain = _Native(depth) if active() else _Plain(depth)

    @property
    def book(self) -> Book:
        """The book after the rows so far."""
        return self._walk.book

    def feed(self, rows: Rows) -> Rows:
        """The next rows, of `row_dtype`; where the best prices changed."""
        return self._walk.feed(np.ascontiguousarray(rows, dtype=row_dtype()))


class _Plain:
    """In plain Python."""

    def __init__(self, depth: int | None) -> None:
        self.book = OrderBook()
        self._depth, self._touched = depth, False
        self._told = (NULL,) * 4

    def feed(self, rows: Rows) -> Rows:
        book, changes = self.book, []
        for place, row in enumerate(iter_rows(rows.tobytes())):
            if row.kind == Kind.LEVEL:
                book.apply(row.side, row.price, row.size)
                self._touched = True
            elif row.kind == Kind.SNAPSHOT_START:
                book.clear()
                self._touched = True
            if self._touched and row.flags & RowFlag.LAST:
                self._touched = False
                if self._depth:
                    book.truncate(self._depth)
                top = (*(book.best_bid or (NULL, NULL)), *(book.best_ask or (NULL, NULL)))
                if top != self._told:
                    self._told = top
                    changes.append((place, *top))
        return np.array(changes, dtype=change_dtype())


class _Native:
    """By the kernel."""

    def __init__(self, depth: int | None) -> None:
        from mm_framework.kernels.memory import Buffer
        from mm_framework.kernels.native_book import NativeBook
        from mm_framework.kernels.rows import CHANGE_BYTES, WALK_TOP, WALK_WORDS

        self.book = NativeBook()
        self._depth = depth or 0
        self._walk, self._out = Buffer(8 * WALK_WORDS), Buffer(CHANGE_BYTES * _CAPACITY)
        self._words = self._walk.words()
        for word in range(WALK_TOP // 8, WALK_WORDS):
            self._words[word] = NULL

    def feed(self, rows: Rows) -> Rows:
        from mm_framework.kernels.rows import walk_rows

        rows, kept = _reachable(rows)
        address, self._words[0] = int(rows.ctypes.data), 0
        parts = []
        while self._words[0] < len(rows):
            written = walk_rows(
                self.book.address,
                address,
                len(rows),
                self._depth,
                self._walk.address,
                self._out.address,
                _CAPACITY,
            )
            if written:
                size = written * change_dtype().itemsize
                parts.append(np.frombuffer(bytes(self._out.view[:size]), dtype=change_dtype()))
            if self._words[0] < len(rows) and written < _CAPACITY:
                self.book.grow(1)
        del kept
        return np.concatenate(parts) if parts else np.empty(0, dtype=change_dtype())


def _reachable(rows: Rows) -> tuple[Rows, object]:
    """The rows where range-checked kernels may read them, with what owns the memory."""
    from mm_framework.kernels.memory import CHECKED, Buffer

    if not CHECKED:
        return rows, rows
    memory = Buffer(max(rows.nbytes, 1))
    memory.view[: rows.nbytes] = rows.tobytes()
    return np.frombuffer(memory.view[: rows.nbytes], dtype=row_dtype()), memory
