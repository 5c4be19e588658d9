"""Levels that fall out of a book which is kept to a depth, as removals that any reader understands.

Whoever reads our rows cuts such a book to its depth after each message, as the venue does without saying
so. Readers of other formats do not: they are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mm_framework.model.book import OrderBook
from mm_framework.model.events import ASK, BID, NULL, Kind, RowFlag
from mm_framework.model.instrument import Definition

__all__ = ["CutLevels"]

Rows = npt.NDArray[Any]

_USED: Final = ["kind", "side", "price", "size", "flags"]


class CutLevels:
    """Follows the books of ``definitions``, which ``instrument`` of the rows counts; blocks in order."""

    def __init__(self, definitions: Sequence[Definition]) -> None:
        self._depths = {place: one.depth for place, one in enumerate(definitions) if one.depth is not None}
        self._books = {place: OrderBook() for place in self._depths}

    def told(self, block: Rows) -> Rows:
        """The block with a row of size 0 for each level that its messages push out, behind the message."""
        places: list[int] = []
        removals: list[tuple[int, int]] = []
        for instrument, depth in self._depths.items():
            own = np.flatnonzero(block["instrument"] == instrument)
            for place, side, price in self._cut(block[_USED][own].tolist(), instrument, depth):
                places.append(int(own[place]))
                removals.append((side, price))
        if not places:
            return block
        order = np.argsort(places, kind="stable")
        rows = np.array(block[np.array(places)[order]])
        told = np.array(removals, dtype=np.int64)[order]
        rows["side"], rows["price"] = told[:, 0], told[:, 1]
        rows["kind"], rows["size"], rows["aux"] = Kind.LEVEL, 0, NULL
        return np.insert(block, np.array(places)[order] + 1, rows)

    def _cut(
        self, rows: list[tuple[int, int, int, int, int]], instrument: int, depth: int
    ) -> list[tuple[int, int, int]]:
        """``(place of the message's last row, side, price)`` of the levels that fall out."""
        book, found = self._books[instrument], []
        for place, (kind, side, price, size, flags) in enumerate(rows):
            if kind == Kind.SNAPSHOT_START:
                book.clear()
            elif kind == Kind.LEVEL:
                book.apply(side, price, size)
            else:
                continue
            if flags & RowFlag.LAST:
                if book.bound(BID, depth + 1) is not None:
                    found += [(place, BID, price) for price, _ in book.bids()[depth:]]
                if book.bound(ASK, depth + 1) is not None:
                    found += [(place, ASK, price) for price, _ in book.asks()[depth:]]
                book.truncate(depth)
        return found
