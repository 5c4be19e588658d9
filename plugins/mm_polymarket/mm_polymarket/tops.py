"""Checks of a market's books against what the venue says elsewhere: best prices, and the other token.

`SnapshotTops` takes the best levels of a book message twice: in full, which counts, and as
`model.tops.top_of_levels` takes it, which looks at a sample of the list (the venue's messages have the
best level last); where they differ is counted. `told_top` compares with the best prices that price
changes carry. `mirrored` compares the books of YES and NO: a bid for one at p is an ask for the other at
1 - p, of the same size. Prices are integers at a scale, as in books.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from mm_framework.errors import MMError
from mm_framework.model.book import Book, Level
from mm_framework.model.fixed import parse
from mm_framework.model.tops import Top, top_of_levels

__all__ = ["SnapshotTops", "full_top", "mirrored", "told_top"]


def full_top(bids: Sequence[Level], asks: Sequence[Level]) -> Top:
    """The highest bid and the lowest ask with a price and a size, whatever the order of the lists."""
    bid = max((level for level in bids if min(level) > 0), default=None)
    ask = min((level for level in asks if min(level) > 0), default=None)
    return bid, ask


@attrs.define
class SnapshotTops:
    """Counts the book messages that were looked at, and those whose sampled top is not the full one."""

    compared: int = 0
    mismatches: int = 0

    def take(self, bids: Sequence[Level], asks: Sequence[Level]) -> Top:
        """The full answer for a message's levels, in their order."""
        full = full_top(bids, asks)
        self.compared += 1
        self.mismatches += full != top_of_levels(bids, asks)
        return full


def told_top(book: Book, best_bid: str | None, best_ask: str | None, price_scale: int) -> bool | None:
    """Whether the book's best prices are those that a price change told; None when it told none.

    A bid of ``0`` and an ask of ``1`` (or an empty text) stand for an empty side; both ``0`` tell nothing.
    """
    if best_bid is None or best_ask is None or (best_bid, best_ask) == ("0", "0"):
        return None
    try:
        one = 10**price_scale
        bid, ask = parse(best_bid or "0", price_scale), parse(best_ask or "1", price_scale)
    except MMError:
        return None
    own_bid = book.best_bid[0] if book.best_bid is not None else 0
    own_ask = book.best_ask[0] if book.best_ask is not None else one
    return (own_bid, own_ask) == (bid, ask)


def mirrored(yes: Book, no: Book, price_scale: int) -> bool:
    """Whether each token's book is the other's in the mirror, levels and sizes alike."""
    one = 10**price_scale
    return _reflected(yes.bids(), one) == no.asks() and _reflected(yes.asks(), one) == no.bids()


def _reflected(levels: Sequence[Level], one: int) -> list[Level]:
    return [(one - price, size) for price, size in levels]
