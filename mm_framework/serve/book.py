"""One instrument's book, and how its prices and sizes are spelled."""

from __future__ import annotations

import attrs

from mm_framework.model.book import Level, OrderBook
from mm_framework.model.instrument import Definition
from mm_framework.sinks.books import printed

__all__ = ["Book"]


@attrs.define
class Book:
    """Levels as integers at the scales of ``definition``, and their texts."""

    definition: Definition
    levels: OrderBook = attrs.Factory(OrderBook)

    def price(self, value: int) -> str:
        """A price as the venue prints it where that is known, else its shortest decimals."""
        return printed(value, self.definition.price_scale, self.definition.price_decimals)

    def size(self, value: int) -> str:
        """A size, likewise."""
        return printed(value, self.definition.size_scale, self.definition.size_decimals)

    def best(self) -> tuple[str | None, str | None, str | None, str | None]:
        """Best bid, its size, best ask, its size; None where a side is empty."""
        return (*self._texts(self.levels.best_bid), *self._texts(self.levels.best_ask))

    def _texts(self, level: Level | None) -> tuple[str | None, str | None]:
        return (None, None) if level is None else (self.price(level[0]), self.size(level[1]))
