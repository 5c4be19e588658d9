"""What was proved of one instrument's book, and by what; a ticker of the same number is a witness."""

from __future__ import annotations

from collections import deque
from typing import Protocol

import attrs

from mm_framework.model.book import Book, Level
from mm_framework.model.events import NULL

__all__ = ["MAX_TOPS", "Proofs", "Top", "TopWitness", "Witness", "level"]


@attrs.define
class Proofs:
    """Counts of one instrument since the Feed was made; `Counts` has the totals of the same names.

    ``tops_compared``: tickers that carry the number of an update after which the book was looked at;
    ``tops_equal``: of those, both best prices and sizes were the book's. ``hashes_*``: digests of the
    whole book that were equal; could not be computed or differ (a message alone decides nothing); differ
    from a snapshot that was fetched. ``witnesses_*``: books asked for because a hash did not match, that
    proved ours, that refuted it.
    """

    sequence_applied: int = 0
    sequence_dropped: int = 0
    sequence_breaks: int = 0
    tops_compared: int = 0
    tops_equal: int = 0
    hashes_verified: int = 0
    hashes_unverified: int = 0
    hashes_failed: int = 0
    depth_unproved_messages: int = 0
    witnesses_asked: int = 0
    witnesses_equal: int = 0
    witnesses_refuted: int = 0


MAX_TOPS = 512
"""Tickers that wait for the update with their number; then the oldest go."""

Top = tuple[Level | None, Level | None]
"""Best bid and best ask."""


class Witness(Protocol):
    """Tickers by their number, until the book is at that number or past it; see `TopWitness`."""

    def tell(self, number: int, top: Top) -> None:
        """A ticker came; one whose number is not above the last one's is left out."""
        ...

    def look(self, book: Book, number: int | None) -> bool | None:
        """Whether the ticker with the book's number is equal; None without one. Older ones are forgotten."""
        ...


class TopWitness:
    """Tickers are no state: a comparison whose halves lie on both sides of a cut is not made."""

    def __init__(self) -> None:
        self._tops: deque[tuple[int, Top]] = deque(maxlen=MAX_TOPS)
        self._last = NULL

    def tell(self, number: int, top: Top) -> None:
        """See `Witness`."""
        if number > self._last:
            self._last = number
            self._tops.append((number, top))

    def look(self, book: Book, number: int | None) -> bool | None:
        """See `Witness`."""
        if number is None:
            return None
        while self._tops and self._tops[0][0] < number:
            self._tops.popleft()
        if not self._tops or self._tops[0][0] != number:
            return None
        return self._tops.popleft()[1] == (book.best_bid, book.best_ask)


def level(price: int, size: int) -> Level | None:
    """A side of a ticker."""
    return None if price == NULL else (price, size)
