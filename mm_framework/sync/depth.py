"""Known depth: within a bound absence means zero, beyond it absence is unknown.

The bound of a side is the worst price of its last snapshot, or None when the snapshot held fewer
levels than were asked for (then the whole side is known). A venue that keeps the book cut to the
subscribed depth moves the bound with every message: the worst level of a full side.
"""

from __future__ import annotations

import attrs

from mm_framework.model.book import Book, Level
from mm_framework.model.events import BID

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
