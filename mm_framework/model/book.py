"""The L2 book, plainly: price -> size per side, prices kept sorted, best price at the end.

Prices and sizes are integers at the instrument's scales. The book knows nothing of venues: it is
given absolute sizes, is cut to a depth when told, and answers. It is the reference that compiled
books are held to.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, insort
from collections.abc import Iterable
from typing import Protocol

from mm_framework.model.events import BID
from mm_framework.model.fixed import text

__all__ = ["Book", "Level", "OrderBook", "book_digest"]

Level = tuple[int, int]
"""``(price, size)`` at the instrument's scales."""


class Book(Protocol):
    """What every book of one instrument can do; `OrderBook` says how it is meant."""

    def clear(self) -> None:
        """Forget all levels."""
        ...

    def apply(self, side: int, price: int, size: int) -> bool:
        """Set the level's absolute size; 0 removes it. False for the removal of an unknown level."""
        ...

    def truncate(self, depth: int) -> int:
        """Cut each side to its best ``depth`` levels; return how many levels were dropped."""
        ...

    @property
    def best_bid(self) -> Level | None:
        """The highest buy level, None when the side is empty."""
        ...

    @property
    def best_ask(self) -> Level | None:
        """The lowest sell level, None when the side is empty."""
        ...

    @property
    def crossed(self) -> bool:
        """Best ask below best bid."""
        ...

    def bids(self, n: int | None = None) -> list[Level]:
        """The best ``n`` buy levels (all when None), best first."""
        ...

    def asks(self, n: int | None = None) -> list[Level]:
        """The best ``n`` sell levels (all when None), best first."""
        ...

    def bound(self, side: int, n: int) -> int | None:
        """The price of the n-th best level of a side, None when the side holds fewer."""
        ...

    def load(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Replace the book by these levels, in any order; of a price that comes twice the last level counts,
        and a size of 0 is none.
        """
        ...

    def __len__(self) -> int: ...


class _Side:
    """One side. ``keys`` are sorted so that the best is last: bids as prices, asks negated."""

    __slots__ = ("keys", "sign", "sizes")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.sizes: dict[int, int] = {}
        self.keys: list[int] = []

    def apply(self, price: int, size: int) -> bool:
        """Set or remove a level; False when a level that is not there should be removed."""
        sizes = self.sizes
        if size:
            if price not in sizes:
                insort(self.keys, price * self.sign)
            sizes[price] = size
            return True
        if sizes.pop(price, None) is None:
            return False
        key = price * self.sign
        del self.keys[bisect_left(self.keys, key)]
        return True

    def load(self, levels: Iterable[Level]) -> None:
        """Replace all levels."""
        self.sizes = {price: size for price, size in dict(levels).items() if size}
        self.keys = sorted([price * self.sign for price in self.sizes])

    def truncate(self, depth: int) -> int:
        """Drop the worst levels over ``depth``; return how many."""
        excess = len(self.keys) - depth
        if excess <= 0:
            return 0
        for key in self.keys[:excess]:
            del self.sizes[key * self.sign]
        del self.keys[:excess]
        return excess

    def best(self) -> Level | None:
        if not self.keys:
            return None
        price = self.keys[-1] * self.sign
        return price, self.sizes[price]

    def top(self, n: int | None) -> list[Level]:
        keys = self.keys[::-1] if n is None else self.keys[: -n - 1 : -1]
        return [(key * self.sign, self.sizes[key * self.sign]) for key in keys]


class OrderBook:
    """Both sides of one instrument's book."""

    __slots__ = ("_ask", "_bid")

    def __init__(self) -> None:
        self._bid = _Side(1)
        self._ask = _Side(-1)

    def clear(self) -> None:
        """Forget all levels."""
        self._bid, self._ask = _Side(1), _Side(-1)

    def apply(self, side: int, price: int, size: int) -> bool:
        """Set the level's absolute size; 0 removes it. False for the removal of an unknown level."""
        return (self._bid if side == BID else self._ask).apply(price, size)

    def truncate(self, depth: int) -> int:
        """Cut each side to its best ``depth`` levels; return how many levels were dropped."""
        return self._bid.truncate(depth) + self._ask.truncate(depth)

    @property
    def best_bid(self) -> Level | None:
        """The highest buy level, None when the side is empty."""
        return self._bid.best()

    @property
    def best_ask(self) -> Level | None:
        """The lowest sell level, None when the side is empty."""
        return self._ask.best()

    @property
    def crossed(self) -> bool:
        """Best ask below best bid. A locked book (equal prices) is not crossed."""
        bid, ask = self.best_bid, self.best_ask
        return bid is not None and ask is not None and ask[0] < bid[0]

    def bids(self, n: int | None = None) -> list[Level]:
        """The best ``n`` buy levels (all when None), best first."""
        return self._bid.top(n)

    def asks(self, n: int | None = None) -> list[Level]:
        """The best ``n`` sell levels (all when None), best first."""
        return self._ask.top(n)

    def bound(self, side: int, n: int) -> int | None:
        """The price of the n-th best level of a side, None when the side holds fewer."""
        levels = self._bid if side == BID else self._ask
        return levels.keys[-n] * levels.sign if len(levels.keys) >= n else None

    def size(self, side: int, price: int) -> int:
        """The size at a price, 0 when there is no such level."""
        levels = self._bid if side == BID else self._ask
        return levels.sizes.get(price, 0)

    def load(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Replace the book by these levels, in any order; see `Book`."""
        self._bid.load(bids)
        self._ask.load(asks)

    def __len__(self) -> int:
        return len(self._bid.keys) + len(self._ask.keys)


def book_digest(book: Book, price_scale: int, size_scale: int) -> str:
    """SHA-256, hex, of all levels: ``b|price|size`` lines best first, then ``a|...``.

    Numbers are shortest exact decimals, each line ends with a line feed.
    """
    lines = [
        f"{name}|{text(price, price_scale)}|{text(size, size_scale)}\n"
        for name, levels in (("b", book.bids()), ("a", book.asks()))
        for price, size in levels
    ]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
