"""Best prices at the venue over a tape, from a compiled run without strategies.

    tops = VenueRun(rows, clocks, settings).tops()     a market and its rows, each
                                                       (time, bid, its size, ask, its size, trusted)

The venue leaves its best prices with each message in the ring; they are read there before later messages
take the place, every few thousand steps of the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mm_framework.kernels.layout import ROW_SIZE
from mm_framework.model.events import Kind, SyncState
from mm_framework.model.fixed import NULL
from mm_framework.trading.compiled import layout
from mm_framework.trading.compiled.run import CompiledRun, Rows
from mm_framework.trading.fees import FlatFee, FlatFeeSettings
from mm_framework.trading.latency import Constant
from mm_framework.trading.market import Slot
from mm_framework.trading.matching import Execution
from mm_framework.trading.settings import TradingSettings
from mm_framework.trading.timeline import Clocks

__all__ = ["Ints", "VenueRun"]

Ints = npt.NDArray[np.int64]

RING: Final = 1 << 16
"""Messages that the ring has room for from the start."""
REDUCED: Final = 1 << 16
"""Rows of a market that are looked at together."""

_WORDS: Final = {name: getattr(layout, f"TAPE_{name}") // 8 for name in ("ROWS", "VENUE", "NUMBER", "KIND")}
_BEST: Final = layout.TAPE_BEST // 8
_LOST: Final = (NULL, NULL, NULL, NULL, 0)


class _Nobody:
    """The local half of a run in which nobody does anything."""

    names: Sequence[str] = ()
    errors: Final[list[Any]] = []
    wakes, depth = 0, 1

    def attach(self, run: Any, here: Any) -> None:
        """Nothing."""

    def define(self, slot: Slot) -> None:
        """Nothing."""

    def resume(self) -> None:
        """Nothing."""

    def end(self, end_ns: int) -> bool:
        """There was room."""
        return True

    def intents(self, parts: Any) -> tuple[list[Any], list[Any], str]:
        """None."""
        return [], [], ""


class _Tops:
    """The rows of one market, one a change; of a moment how it ends."""

    def __init__(self) -> None:
        self.trusted = False
        self._kept: list[Ints] = []
        self._told: list[Ints] = []
        self._waiting = 0

    def add(self, rows: Ints) -> None:
        """All rows of some time, in the order of the venue."""
        self._told.append(rows)
        self._waiting += len(rows)
        if self._waiting >= REDUCED:
            self._reduce()

    @property
    def empty(self) -> bool:
        """Whether nothing was told yet."""
        return not self._told

    def rows(self) -> Ints:
        """The changes."""
        last = self._reduce()
        return np.concatenate([np.empty((0, 6), np.int64), *self._kept, *last])

    def _reduce(self) -> list[Ints]:
        """Keep the changes of what was added. The last row may still be replaced by one of its moment, which
        is then held against the row before it: both are given, and looked at again.
        """
        if self._told:
            whole = np.concatenate(self._told)
            whole = whole[np.diff(whole[:, 0], append=NULL) != 0]
            other = (whole[1:, 1:] != whole[:-1, 1:]).any(axis=1)
            whole = whole[np.concatenate([[True], other])]
            self._kept.append(whole[:-2].copy())
            self._told, self._waiting = [whole[-2:].copy()], 0
        return self._told


class VenueRun(CompiledRun):
    """A run of the venue alone. Best prices are those of books. Raises NotCompiled as every run."""

    steps = 1 << 12

    def __init__(self, rows: Rows, clocks: Clocks, settings: TradingSettings) -> None:
        super().__init__(
            _Nobody(),
            FlatFee(FlatFeeSettings()),
            rows,
            entry=Constant(),
            response=Constant(),
            execution=Execution(),
            clocks=clocks,
            settings=settings,
            grid_ns=None,
        )
        while self.run[layout.RUN_RING_MASK] + 1 < RING:
            self._ring.grow()
        self._looked = 0
        self._tops: dict[int, _Tops] = {}

    def tops(self) -> list[tuple[Slot, Ints]]:
        """Play the tape: each market and its rows."""
        self.play()
        return [(slot, self._tops.get(slot.index, _Tops()).rows()) for slot in self._venue.slots]

    def go_on(self) -> int:
        """See there; what was at the venue is noted before anything else moves."""
        code = super().go_on()
        first, self._looked = self._looked, self.run[layout.RUN_RING_VENUE]
        if first < self._looked:
            self._look(self._ring.at_venue(first, self._looked))
        return code

    def _look(self, entries: Ints) -> None:
        numbers, which = np.unique(entries[:, _WORDS["NUMBER"]], return_inverse=True)
        slots = self._numbers.at_venue()
        found = np.array([slots[number] for number in numbers.tolist()], np.int64)[which]
        known = (found != 0) & (entries[:, _WORDS["KIND"]] != Kind.DEFINITION)
        for address in np.unique(found[known]).tolist():
            tops = self._tops.setdefault(self._venue.index_at(address), _Tops())
            self._note(tops, entries[known & (found == address)])

    def _note(self, tops: _Tops, entries: Ints) -> None:
        """Messages of one market; a print changes nothing, but may be the first of all."""
        printed = entries[:, _WORDS["KIND"]] == Kind.TRADE
        if tops.empty and printed[0]:
            tops.add(np.array([(entries[0, _WORDS["VENUE"]], *_LOST)], np.int64))
        entries = entries[~printed]
        if not len(entries):
            return
        rows = np.empty((len(entries), 6), np.int64)
        rows[:, 0], rows[:, 1:5] = entries[:, _WORDS["VENUE"]], entries[:, _BEST : _BEST + 4]
        rows[:, 5] = self._trust(tops, entries)
        for price in (1, 3):
            rows[rows[:, price] == NULL, price + 1] = NULL
        rows[rows[:, 5] == 0, 1:] = _LOST
        tops.add(rows)

    def _trust(self, tops: _Tops, entries: Ints) -> npt.NDArray[np.bool_]:
        """Whether the market was trusted after each message: its last state is what counts."""
        changes = np.flatnonzero(entries[:, _WORDS["KIND"]] == Kind.SYNC_CHANGE)
        states = [self._state(row) for row in entries[changes, _WORDS["ROWS"]].tolist()]
        values = [tops.trusted, *(state == SyncState.SYNCED for state in states)]
        tops.trusted = values[-1]
        return np.repeat(np.array(values, bool), np.diff([0, *changes.tolist(), len(entries)]))

    def _state(self, address: int) -> int:
        return int.from_bytes(self._row(address)[ROW_SIZE : ROW_SIZE + 8], "little")
