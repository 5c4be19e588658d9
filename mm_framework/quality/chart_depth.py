"""One pass over an instrument's rows: the book at regular times, and when it was not the venue's."""

from __future__ import annotations

from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.model.events import Kind, SyncState
from mm_framework.model.instrument import Definition
from mm_framework.report.chart import Depth
from mm_framework.report.depth import Levels, column_edges, depth_map
from mm_framework.store.holes import Holes
from mm_framework.store.selection import Selection
from mm_framework.store.walk import BookWalk

__all__ = ["BookView", "view_book"]

LEVELS: Final = 100
"""Levels a side that are looked at; what lies deeper does not fit into the picture of a day."""

Rows = npt.NDArray[Any]


@attrs.frozen(eq=False)
class BookView:
    """``depth``: None when no book was recorded. ``holes``: ``(from_ns, to_ns)``, half-open."""

    depth: Depth | None
    holes: tuple[tuple[int, int], ...]


def view_book(selection: Selection, start_ns: int, end_ns: int) -> BookView:
    """The book of the one instrument of a selection, at the end of each column between two times.

    Raises StoreError for a part of the store that is damaged.
    """
    edges = column_edges(start_ns, end_ns)
    walk, holes = _Walk(selection.definitions, edges), Holes()
    for block in selection.blocks():
        holes.feed(block)
        for rows in np.split(block, np.flatnonzero(np.diff(block["instrument"])) + 1):
            walk.feed(rows)
    walk.finish()
    # A single trade that is missing says nothing of the book.
    found = tuple((a, b) for a, b, _ in holes.found(end_ns + 1) if b - a > 1)
    return BookView(depth_map(edges, walk.columns), found)


class _Walk:
    """Follows the book and looks at it at the end of each column."""

    def __init__(self, definitions: list[Definition], edges: npt.NDArray[np.int64]) -> None:
        self._definitions, self._edges = definitions, edges
        self._walk: BookWalk | None = None
        self._number = -1
        self._state = SyncState.CONNECTING
        self.columns: list[Levels | None] = []

    def feed(self, rows: Rows) -> None:
        """The next rows of one instrument number."""
        while len(self.columns) < len(self._edges) - 1:
            end = int(np.searchsorted(rows["ts_recv_ns"], self._edges[len(self.columns) + 1]))
            if end == len(rows):
                break
            self._take(rows[:end])
            self._look()
            rows = rows[end:]
        self._take(rows)

    def finish(self) -> None:
        """The columns behind the last row."""
        while len(self.columns) < len(self._edges) - 1:
            self._look()

    def _take(self, rows: Rows) -> None:
        if not len(rows):
            return
        number = int(rows["instrument"][0])
        if self._walk is None or number != self._number:
            self._walk, self._number = BookWalk(self._definitions[number].depth), number
        self._walk.feed(rows)
        changes = rows["size"][rows["kind"] == Kind.SYNC_CHANGE]
        self._state = SyncState(int(changes[-1])) if len(changes) else self._state

    def _look(self) -> None:
        if self._walk is None or self._state is not SyncState.SYNCED:
            self.columns.append(None)
            return
        book, definition = self._walk.book, self._definitions[self._number]
        levels = np.array([*book.bids(LEVELS), *book.asks(LEVELS)], dtype=np.float64).reshape(-1, 2)
        self.columns.append(levels / (10.0**definition.price_scale, 10.0**definition.size_scale))
