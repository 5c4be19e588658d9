"""What was proved of one instrument's book, and by what; a ticker of the same number is a witness."""

from __future__ import annotations

import attrs

from mm_framework.model.book import Book, Level
from mm_framework.model.events import NULL

__all__ = ["Proofs", "TopWitness", "level"]


@attrs.define
class Proofs:
    """Counts of one instrument since the Feed was made; `Counts` has the totals of the same names.

    ``tops_compared``: tickers that carry the number of an update after which the book was looked at;
    ``tops_equal``: of those, both best prices and sizes were the book's. ``hashes_*``: digests of the
    whole book that were equal; could not be computed or differ (a message alone decides nothing); differ
    from a snapshot that was fetched.
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


MAX_TOPS = 4096
"""Tickers that wait for the update with their number; then the oldest go."""

Top = tuple[Level | None, Level | None]
"""Best bid and best ask."""


class TopWitness:
    """Tickers by their number, until the book is at that number or past it.

    They are no state: a comparison whose halves lie on both sides of a cut is not made.
    """

    def __init__(self) -> None:
        self.tops: dict[int, Top] = {}

    def tell(self, number: int, top: Top) -> None:
        """A ticker came."""
        if len(self.tops) >= MAX_TOPS:
            del self.tops[next(iter(self.tops))]
        self.tops[number] = top

    def look(self, book: Book, number: int | None) -> bool | None:
        """Whether the ticker with the book's number is equal; None without one. Older ones are forgotten."""
        if number is None or not self.tops:
            return None
        told = self.tops.get(number)
        self.tops = {later: top for later, top in self.tops.items() if later > number}
        return None if told is None else told == (book.best_bid, book.best_ask)


def level(price: int, size: int) -> Level | None:
    """A side of a ticker."""
    return None if price == NULL else (price, size)
