"""A book whose hash did not match after one that did: what it was since, and what a witness says of it.

    a hash differs -> Doubt -> a later hash holds                        -> over, the book is proved
                            -> still open after a pause: a witness tells -> Verdict

A witness is another copy of the whole book, fetched beside the stream: it is true as of its own time, and
our book has moved on. So the doubt keeps a trail: the venue time and a fingerprint of the book after each
message. The witness must be what our book was at that time.
"""

from __future__ import annotations

import enum
import hashlib
from typing import Final

import attrs

from mm_framework.model.book import Book, OrderBook
from mm_framework.model.events import NULL

__all__ = ["MAX_TRAIL", "Doubt", "Verdict", "fingerprint", "told_book"]

MAX_TRAIL: Final = 1000
"""Messages that a doubt remembers; then the oldest go, and a witness that is so old says nothing."""


class Verdict(enum.Enum):
    """What a witness says."""

    EQUAL = "our book was that one at its time"
    FALSE = "our book was another one at its time"
    OLD = "it speaks of a time before the doubt"
    AHEAD = "our book is another one, and has perhaps not reached its time"


@attrs.define
class Doubt:
    """Of one book. ``connection`` fed it when the doubt began.

    ``due_ns``: mono_ns at which something is to be done; ``asked``: a witness is being fetched, the
    ``tries``-th; ``trail``: (venue time, fingerprint) of the book after each message since; ``told``: those
    of a witness that is ahead of our book.
    """

    connection: int
    due_ns: int
    asked: bool = False
    tries: int = 0
    trail: list[tuple[int, str]] = attrs.Factory(list)
    told: tuple[int, str] | None = None

    def follow(self, book: Book, ts_venue_ns: int) -> None:
        """A message was applied. Times that fall back, or are not told, count as the last one."""
        last_ns = self.trail[-1][0] if self.trail else NULL
        self.trail.append((max(last_ns, ts_venue_ns), fingerprint(book)))
        del self.trail[:-MAX_TRAIL]

    def judge(self, ts_venue_ns: int, told: str) -> Verdict:
        """Compare a witness of this time with the trail.

        A book stands from its message to the next one; of messages with one time any may be the one that
        the witness has seen last.
        """
        ends = [*(begin for begin, _ in self.trail[1:]), None]
        for (begin, ours), end in zip(self.trail, ends, strict=True):
            if ours == told and begin <= ts_venue_ns and (end is None or ts_venue_ns <= end):
                return Verdict.EQUAL
        if ts_venue_ns >= self.trail[-1][0]:
            return Verdict.AHEAD
        return Verdict.FALSE if ts_venue_ns > self.trail[0][0] else Verdict.OLD


def fingerprint(book: Book) -> str:
    """Equal for equal levels at the same scales."""
    return hashlib.blake2b(repr((book.bids(), book.asks())).encode(), digest_size=16).hexdigest()


def told_book(levels: list[tuple[int, int, int]]) -> OrderBook:
    """The book of a snapshot's levels (side, price, size)."""
    book = OrderBook()
    for side, price, size in levels:
        book.apply(side, price, size)
    return book
