"""`OrderBook` over the compiled book: the same interface and answers, its levels where kernels find them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from itertools import chain
from typing import Final

from mm_framework.kernels import book
from mm_framework.kernels.book_side import COUNT, SIDE_BYTES
from mm_framework.kernels.memory import Buffer
from mm_framework.model.book import Level
from mm_framework.model.events import ASK, BID
from mm_framework.model.fixed import NULL

__all__ = ["NativeBook"]

_CAPACITY: Final = 256
"""Levels a side that a new book has room for."""

_BIDS: Final = COUNT // 8
_ASKS: Final = (SIDE_BYTES + COUNT) // 8
"""Where the number of a side's levels is, in words of the block."""


class NativeBook:
    """Both sides of one instrument's book. Build the entry points of `kernels.book` first.

    It moves to a larger block when a side is full: read ``address`` after every change, not before.
    """

    __slots__ = ("_block", "_capacity", "_out", "_pairs", "_words", "address")

    def __init__(self) -> None:
        self._room_for(1)
        self._start(_CAPACITY)

    def clear(self) -> None:
        """Forget all levels."""
        book.clear_levels(self.address)

    def apply(self, side: int, price: int, size: int) -> bool:
        """Set the level's absolute size; 0 removes it. False for the removal of an unknown level."""
        old = book.set_level(self.address, side, price, size)
        if old < 0:
            self._move(2 * self._capacity)
            old = book.set_level(self.address, side, price, size)
        return bool(size or old)

    def grow(self, levels: int) -> None:
        """Make room for at least so many more levels on either side."""
        needed = levels + max(self._words[_BIDS], self._words[_ASKS])
        if needed > self._capacity:
            self._move(max(needed, 2 * self._capacity))

    def truncate(self, depth: int) -> int:
        """Cut each side to its best ``depth`` levels; return how many levels were dropped."""
        return book.truncate_levels(self.address, depth)

    @property
    def best_bid(self) -> Level | None:
        """The highest buy level, None when the side is empty."""
        return self._best(BID)

    @property
    def best_ask(self) -> Level | None:
        """The lowest sell level, None when the side is empty."""
        return self._best(ASK)

    @property
    def crossed(self) -> bool:
        """Best ask below best bid. A locked book (equal prices) is not crossed."""
        bid, ask = self.best_bid, self.best_ask
        return bid is not None and ask is not None and ask[0] < bid[0]

    def bids(self, n: int | None = None) -> list[Level]:
        """The best ``n`` buy levels (all when None), best first."""
        return self._top(BID, n)

    def asks(self, n: int | None = None) -> list[Level]:
        """The best ``n`` sell levels (all when None), best first."""
        return self._top(ASK, n)

    def bound(self, side: int, n: int) -> int | None:
        """The price of the n-th best level of a side, None when the side holds fewer."""
        price = book.bound_level(self.address, side, n)
        return price if price != NULL else None

    def load(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Replace the book by these levels, in any order; see `Book`."""
        self.clear()
        for side, levels in ((BID, bids), (ASK, asks)):
            words = array("q", chain.from_iterable(levels))
            count = len(words) // 2
            if count > self._capacity:
                self._move(count)
            if count:
                pairs = Buffer(16 * count)
                pairs.words()[:] = memoryview(words)
                book.load_levels(self.address, side, pairs.address, count)

    def __len__(self) -> int:
        return self._words[_BIDS] + self._words[_ASKS]

    def _best(self, side: int) -> Level | None:
        found = book.top_levels(self.address, side, 1, self._out.address)
        return (self._pairs[0], self._pairs[1]) if found else None

    def _top(self, side: int, n: int | None) -> list[Level]:
        count = self._words[_BIDS if side == BID else _ASKS]
        count = count if n is None else min(n, count)
        if 16 * count > self._out.size:
            self._room_for(2 * count)
        book.top_levels(self.address, side, count, self._out.address)
        words = self._pairs[: 2 * count].tolist()
        return list(zip(words[::2], words[1::2], strict=True))

    def _room_for(self, levels: int) -> None:
        """Levels are read through this buffer."""
        self._out = Buffer(16 * levels)
        self._pairs = self._out.words()

    def _move(self, capacity: int) -> None:
        """Go to a block with more room."""
        left = self._block
        self._start(capacity)
        book.move_book(left.address, self.address)

    def _start(self, capacity: int) -> None:
        """Begin an empty block."""
        self._block, self._capacity = Buffer(book.block_bytes(capacity)), capacity
        self._words, self.address = self._block.words(), self._block.address
        book.start_book(self.address, capacity)
