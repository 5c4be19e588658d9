"""One side of an emulated book, with ranks.

It shares no code with `model.book`: the emulator's book is the truth that tests hold the product's
books to.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from mm_framework.contracts.emulator import Level

__all__ = ["Ladder"]


class Ladder:
    """Levels of one side. ``keys`` is sorted so that the best is last: bids as prices, asks negated."""

    __slots__ = ("keys", "sign", "sizes")

    def __init__(self, sign: int) -> None:
        self.sign = sign
        self.keys: list[int] = []
        self.sizes: dict[int, int] = {}

    def __len__(self) -> int:
        return len(self.keys)

    def best(self) -> int:
        """The best price. The side must not be empty."""
        return self.keys[-1] * self.sign

    def worst(self) -> int:
        """The worst price. The side must not be empty."""
        return self.keys[0] * self.sign

    def price_at(self, rank: int) -> int:
        """The price at a rank, 0 is the best."""
        return self.keys[-1 - rank] * self.sign

    def set(self, price: int, size: int) -> int:
        """Set a level's size (over 0) and return its rank."""
        key = price * self.sign
        if price not in self.sizes:
            insort(self.keys, key)
        self.sizes[price] = size
        return len(self.keys) - 1 - bisect_left(self.keys, key)

    def remove_at(self, rank: int) -> int:
        """Remove the level at a rank and return its price."""
        price = self.keys.pop(-1 - rank) * self.sign
        del self.sizes[price]
        return price

    def top(self, n: int | None = None) -> list[Level]:
        """The best ``n`` levels, best first."""
        keys = self.keys[::-1] if n is None else self.keys[: -n - 1 : -1]
        sign, sizes = self.sign, self.sizes
        return [(key * sign, sizes[key * sign]) for key in keys]
