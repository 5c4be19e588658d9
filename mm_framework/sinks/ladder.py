"""One side of a book whose levels are spelled once: a file that repeats the best ones copies their texts.

`model.book.OrderBook` answers any question about a book; a file asks the same one after every update, and
most levels of the answer are those of the time before.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from mm_framework.model.book import Level
from mm_framework.model.events import BID
from mm_framework.model.fixed import text

__all__ = ["Ladder"]

_UNSPELLED = ""


class Ladder:
    """The levels of ``side``, prices and sizes at the scales of `spell_at`."""

    __slots__ = ("_keys", "_price_scale", "_sign", "_size_scale", "_sizes", "_texts")

    def __init__(self, side: int) -> None:
        self._sign = 1 if side == BID else -1
        self._keys: list[int] = []  # sorted so that the best is last: bids as prices, asks negated
        self._sizes: list[int] = []
        self._texts: list[str] = []
        self._price_scale = self._size_scale = 0

    def spell_at(self, price_scale: int, size_scale: int) -> None:
        """The scales of what follows."""
        if (price_scale, size_scale) != (self._price_scale, self._size_scale):
            self._price_scale, self._size_scale = price_scale, size_scale
            self._texts = [_UNSPELLED] * len(self._keys)

    def apply(self, price: int, size: int) -> None:
        """Set a level's absolute size; 0 removes it."""
        key, keys = price * self._sign, self._keys
        place = bisect_left(keys, key)
        known = place < len(keys) and keys[place] == key
        if not size:
            if known:
                del keys[place], self._sizes[place], self._texts[place]
        elif known:
            self._sizes[place], self._texts[place] = size, _UNSPELLED
        else:
            keys.insert(place, key)
            self._sizes.insert(place, size)
            self._texts.insert(place, _UNSPELLED)

    def clear(self) -> None:
        """Forget all levels."""
        self._keys, self._sizes, self._texts = [], [], []

    def load(self, levels: Iterable[Level]) -> None:
        """Replace all levels; of a price that comes twice the last one counts, and a size of 0 is none."""
        found = sorted((price * self._sign, size) for price, size in dict(levels).items() if size)
        self._keys, self._sizes = [key for key, _ in found], [size for _, size in found]
        self._texts = [_UNSPELLED] * len(found)

    def truncate(self, depth: int) -> None:
        """Drop the worst levels over ``depth``."""
        excess = len(self._keys) - depth
        if excess > 0:
            del self._keys[:excess], self._sizes[:excess], self._texts[:excess]

    @property
    def best(self) -> Level | None:
        """The best price and its size, None when there is none."""
        return (self._keys[-1] * self._sign, self._sizes[-1]) if self._keys else None

    def levels(self) -> list[Level]:
        """All levels, best first."""
        sign = self._sign
        return [(key * sign, size) for key, size in zip(self._keys[::-1], self._sizes[::-1], strict=True)]

    def texts(self, n: int) -> list[str]:
        """``price,size`` of the best ``n`` levels, best first, in shortest decimals."""
        found = self._texts[: -n - 1 : -1]
        if _UNSPELLED in found:
            for i, known in enumerate(found):
                if known == _UNSPELLED:
                    found[i] = self._texts[-i - 1] = self._spelled(-i - 1)
        return found

    def _spelled(self, place: int) -> str:
        price, size = self._keys[place] * self._sign, self._sizes[place]
        return f"{text(price, self._price_scale)},{text(size, self._size_scale)}"
