"""`Follower`: the book and the state of one instrument as its rows go by, over all of its definitions.

follower = Follower({0: 10})        # instrument number -> depth
follower.feed(rows)
follower.rows(ts_recv_ns)           # the same again, as SYNTHETIC rows
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from mm_framework.model.book import Book, OrderBook
from mm_framework.model.events import Kind, SyncState
from mm_framework.store.mapped import give_back
from mm_framework.store.schema import ROW_GROUP
from mm_framework.store.synthetic import book_rows
from mm_framework.store.walk import BookWalk

__all__ = ["Follower", "Near"]

Rows = npt.NDArray[Any]
Near = Callable[[int], tuple[int, Rows] | None]
"""For a place in an instrument's rows: a known book not behind it, its place and its SYNTHETIC rows."""


class Follower:
    """``number``: of the definition in force, None before the first row; ``depths`` by number.

    A new number begins with an empty book. What `rows` gave, fed to a new follower, makes its equal.
    """

    def __init__(self, depths: Mapping[int, int | None]) -> None:
        self._depths = depths
        self._walk: BookWalk | None = None
        self.number: int | None = None
        self.state, self.epoch = SyncState.CONNECTING, 0

    @property
    def book(self) -> Book:
        """The book after the rows so far."""
        return OrderBook() if self._walk is None else self._walk.book

    def feed(self, rows: Rows) -> None:
        """The next rows, of `row_dtype`."""
        if len(rows) == 0:
            return
        for part in np.split(rows, np.flatnonzero(np.diff(rows["instrument"])) + 1):
            number = int(part["instrument"][0])
            if self._walk is None or number != self.number:
                self.number, self._walk = number, BookWalk(self._depths[number])
            self._walk.feed(part)
        changes = rows["size"][rows["kind"] == Kind.SYNC_CHANGE]
        self.state = SyncState(int(changes[-1])) if len(changes) else self.state
        self.epoch = int(rows["epoch"][-1])

    def reach(self, rows: Rows, place: int, end: int, near: Near) -> None:
        """Go on from ``place`` to ``end`` of an instrument's rows, or from a known book if that is nearer.

        Mapped rows do not stay in memory.
        """
        known = near(end)
        if known is not None and known[0] > place:
            place, self._walk = known[0], None
            self.feed(known[1])
        for start in range(place, end, ROW_GROUP):
            self.feed(rows[start : min(start + ROW_GROUP, end)])
            give_back(rows)

    def rows(self, ts_recv_ns: int) -> Rows:
        """State and book as SYNTHETIC rows of `row_dtype` of this time. Only after the first row."""
        assert self.number is not None
        return book_rows(self.book, self.number, self.state, self.epoch, ts_recv_ns)
