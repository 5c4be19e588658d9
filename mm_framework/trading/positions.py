"""What each strategy holds, as far as it knows: positions move when the report of a fill arrives. Pure."""

from __future__ import annotations

import attrs

from mm_framework.trading.market import Slot

__all__ = ["Position", "Positions"]


@attrs.define
class Position:
    """One strategy in one instrument; ``position`` at the size scale. ``version`` rises with each change
    of position or open orders.
    """

    strategy: str
    slot: Slot
    position: int = 0
    version: int = 0


class Positions:
    """All positions of a run."""

    def __init__(self) -> None:
        self._positions: dict[tuple[str, str], Position] = {}
        self._totals: dict[str, int] = {}

    def of(self, strategy: str, slot: Slot) -> Position:
        """The position of a strategy in an instrument, flat when it never traded."""
        key = (strategy, slot.id)
        if key not in self._positions:
            self._positions[key] = Position(strategy, slot)
        return self._positions[key]

    def total(self, instrument: str) -> int:
        """The position of all strategies together."""
        return self._totals.get(instrument, 0)

    def add(self, strategy: str, slot: Slot, signed: int) -> None:
        """A fill of ``signed``: + bought, - sold."""
        held = self.of(strategy, slot)
        held.position += signed
        held.version += 1
        self._totals[slot.id] = self.total(slot.id) + signed

    def rescale(self, slot: Slot, size_factor: int) -> None:
        """The size scale of an instrument became larger."""
        for held in self._positions.values():
            if held.slot is slot:
                held.position *= size_factor
                held.version += 1
        if slot.id in self._totals:
            self._totals[slot.id] *= size_factor
