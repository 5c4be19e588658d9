"""What a venue shows at its prices, and what happened there since: prints, and what we took. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from mm_framework.model.events import ASK, BID, Kind, Message, Row
from mm_framework.trading.market import TICKER, Slot

__all__ = ["Place", "Shown", "told_sizes"]

Place = tuple[int, int]
"""``(side, price)``."""


class Shown:
    """All instruments of a venue. Sizes are in units of the definition, as in books."""

    def __init__(self) -> None:
        self._printed: dict[tuple[int, int, int], int] = {}
        self._taken: dict[tuple[int, int, int], int] = {}
        self._bounds: dict[tuple[int, int], int | None] = {}

    def size(self, slot: Slot, side: int, price: int) -> int | None:
        """The size shown at a price; None when it is not known."""
        if slot.source == TICKER:
            best = slot.ticker[0 if side == BID else 1]
            if best is None or side * (price - best[0]) > 0:
                return 0
            return (best[1] or None) if price == best[0] else None
        size = slot.book.size(side, price)
        if size:
            return size
        depth = slot.definition.depth
        bound = self._bounds.get((slot.index, side)) if depth is None else slot.book.bound(side, depth)
        return 0 if bound is None or side * (price - bound) >= 0 else None

    def bound(self, slot: Slot) -> None:
        """Behind the worst level of a snapshot nobody knows what there is."""
        for side, levels in ((BID, slot.book.bids()), (ASK, slot.book.asks())):
            self._bounds[slot.index, side] = levels[-1][0] if levels else None

    def note_print(self, slot: Slot, place: Place, size: int) -> None:
        """A print at a place."""
        key = (slot.index, *place)
        self._printed[key] = self._printed.get(key, 0) + size

    def printed(self, slot: Slot, place: Place) -> int:
        """What was printed at a place since it was told."""
        return self._printed.get((slot.index, *place), 0)

    def take(self, slot: Slot, place: Place, size: int) -> None:
        """We took this of what a place shows."""
        key = (slot.index, *place)
        self._taken[key] = self._taken.get(key, 0) + size

    def taken(self, slot: Slot, place: Place) -> int:
        """What we took at a place since it was told."""
        return self._taken.get((slot.index, *place), 0)

    def forget(self, slot: Slot, told: Iterable[Place] | None) -> None:
        """Prints and what we took, at places that were told anew; None: at all."""
        for kept in (self._printed, self._taken):
            if kept and told is not None:
                for place in told:
                    kept.pop((slot.index, *place), None)
            elif kept:
                for key in [key for key in kept if key[0] == slot.index]:
                    del kept[key]


def told_sizes(slot: Slot, message: Message, rows: list[Row]) -> dict[Place, int] | None:
    """The sizes that a message told, by place; None when it told the whole book or the best prices."""
    if message.kind == (Kind.TOP if slot.source == TICKER else Kind.SNAPSHOT_START):
        return None
    if message.kind != Kind.LEVEL or slot.source == TICKER:
        return {}
    return {(row.side, row.price): row.size for row in rows if row.kind == Kind.LEVEL}
