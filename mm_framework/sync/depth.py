"""Known depth: within a bound absence means zero, beyond it absence is unknown.

The bound of a side is the worst price of its last snapshot, or None when the snapshot held fewer
levels than were asked for (then the whole side is known). A snapshot that is joined to a book that is
kept (`sync.refresh`) only moves a bound outwards. A venue that keeps the book cut to the subscribed depth
moves the bound with every message: the worst level of a full side.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from mm_framework.model.book import Book, Level
from mm_framework.model.events import ASK, BID

__all__ = ["KnownDepth"]


@attrs.define
class KnownDepth:
    """Bounds of both sides, prices at the instrument's scale; None: no bound."""

    bid: int | None = None
    ask: int | None = None

    def update(self, book: Book, depth: int | None) -> None:
        """Set the bounds after a snapshot, or after a message of a venue that cuts to ``depth``."""
        if depth is None:
            self.bid = self.ask = None
            return
        bids, asks = book.bids(depth), book.asks(depth)
        self.bid = bids[-1][0] if len(bids) == depth else None
        self.ask = asks[-1][0] if len(asks) == depth else None

    @classmethod
    def of(cls, levels: Iterable[tuple[int, int, int]], depth: int | None) -> KnownDepth:
        """The bounds of a snapshot's levels (side, price, size), of which ``depth`` a side were asked for."""
        told = list(levels)
        bids = [price for side, price, _ in told if side == BID]
        asks = [price for side, price, _ in told if side == ASK]
        return cls(
            min(bids) if depth is not None and len(bids) >= depth else None,
            max(asks) if depth is not None and len(asks) >= depth else None,
        )

    def knows(self, side: int, price: int) -> bool:
        """Whether absence at a price means zero."""
        bound = self.bid if side == BID else self.ask
        return bound is None or (price >= bound if side == BID else price <= bound)

    def widen(self, other: KnownDepth) -> None:
        """What is known of the same book by another snapshot is known, too."""
        self.bid = None if self.bid is None or other.bid is None else min(self.bid, other.bid)
        self.ask = None if self.ask is None or other.ask is None else max(self.ask, other.ask)

    def unproved(self, book: Book) -> bool:
        """Whether a best price lies beyond its bound: better prices may exist that nobody told."""
        bid, ask = book.best_bid, book.best_ask
        return (self.bid is not None and (bid is None or bid[0] < self.bid)) or (
            self.ask is not None and (ask is None or ask[0] > self.ask)
        )

    def levels(self, book: Book, side: int, n: int) -> tuple[list[Level], bool]:
        """``(levels, complete)``: the best ``n`` of a side, and whether that is known to be all of them."""
        bound = self.bid if side == BID else self.ask
        levels = book.bids(n) if side == BID else book.asks(n)
        if bound is None:
            return levels, True
        within = all((price >= bound) if side == BID else (price <= bound) for price, _ in levels)
        return levels, len(levels) == n and within
