"""A snapshot for a book that is kept: joined at its number, it widens what is known of the book.

    asked for at number r -> updates touch levels -> a snapshot of number n >= r -> the book is at n, or past
    it -> levels that no update after n has touched are the snapshot's: what nobody knew is news,
       what both know must be equal, everything else stays as it is

The book has every update up to its own number, so a level that was touched after n is newer than the
snapshot. A snapshot from before r is of no use: what was touched between is not known.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from mm_framework.model.book import Book
from mm_framework.model.events import ASK, BID
from mm_framework.sync.depth import KnownDepth

__all__ = ["Joined", "Refresh"]

Levels = list[tuple[int, int, int]]
"""``(side, price, size)`` at the instrument's scales."""


@attrs.frozen
class Joined:
    """What a snapshot says of the book: ``news`` are levels that it did not have.

    ``differs``: ``(size told, size held)`` of a level that both know, and not alike; None: there is none.
    """

    news: Levels
    differs: tuple[int, int] | None = None


@attrs.define
class Refresh:
    """A snapshot that was asked for when the book was at ``since``.

    ``touched``: side, price and number of the updates since, in their order. ``number``, ``levels`` and
    ``bound`` are the snapshot's, once it is there: it waits for the book to get to its number.
    """

    since: int
    touched: list[tuple[int, int, int]] = attrs.Factory(list)
    number: int | None = None
    levels: Levels = attrs.Factory(list)
    bound: KnownDepth = attrs.Factory(KnownDepth)

    def touch(self, levels: Iterable[tuple[int, int, int]], number: int) -> None:
        """An update was applied."""
        self.touched += [(side, price, number) for side, price, _ in levels]

    def hold(self, number: int, levels: Levels, bound: KnownDepth) -> None:
        """The snapshot is there."""
        self.number, self.levels, self.bound = number, levels, bound

    def reached(self, number: int | None) -> bool:
        """Whether a book at ``number`` can be joined to the snapshot, if there is one."""
        return self.number is not None and number is not None and number >= self.number

    def join(self, book: Book, known: KnownDepth) -> Joined:
        """Hold the snapshot against a book that has reached it, of which ``known`` is known."""
        news: Levels = []
        if self.number is None:
            raise RuntimeError("there is no snapshot to be joined")
        newer = {(side, price) for side, price, number in self.touched if number > self.number}
        for side, held in ((BID, dict(book.bids())), (ASK, dict(book.asks()))):
            told = {price: size for sign, price, size in self.levels if sign == side and size}
            for price, size in told.items():
                if (side, price) in newer or held.get(price) == size:
                    continue
                if price in held or known.knows(side, price):
                    return Joined([], (size, held.get(price, 0)))
                news.append((side, price, size))
            for price, size in held.items():
                if price not in told and self.bound.knows(side, price) and (side, price) not in newer:
                    return Joined([], (0, size))
        return Joined(news)
