"""The REPORTs of a compiled run as the objects that an outcome has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import attrs
import numpy as np

from mm_framework.model.fixed import NULL
from mm_framework.model.orders import IntentKind, OrderState, Refusal
from mm_framework.trading.backtest import Paid
from mm_framework.trading.compiled import layout
from mm_framework.trading.compiled.lazy import Lazy
from mm_framework.trading.compiled.memory import Part
from mm_framework.trading.matching import Report

__all__ = ["Told"]

_WORD: Final = 8
_UNSENT: Final = layout.REPORT_UNSENT // _WORD
_HERE: Final = layout.REPORT_HERE // _WORD


@attrs.frozen(eq=False)
class Told:
    """All reports of a run, ``received`` of them here. ``ids``, ``names``: of markets and strategies."""

    parts: Sequence[Part]
    received: int
    fills: Sequence[Paid]
    ids: Sequence[str]
    names: Sequence[str]

    def sequences(self) -> tuple[Sequence[Report], Sequence[int], Sequence[Report]]:
        """What the venue said, when each of it is here, and the answers to what never reached the venue."""
        return (
            Lazy(lambda: self._count(0), lambda: [self._report(row) for row in self._rows(0)]),
            Lazy(lambda: self._count(0), lambda: [row[_HERE] for row in self._rows(0)]),
            Lazy(lambda: len(self._lost()), lambda: [self._report(row) for row in self._lost()]),
        )

    def _count(self, unsent: int) -> int:
        return sum(int(np.count_nonzero(part.table[:, _UNSENT] == unsent)) for part in self.parts)

    def _rows(self, unsent: int) -> Iterator[list[int]]:
        for part in self.parts:
            table = part.table
            yield from table[table[:, _UNSENT] == unsent].tolist()

    def _lost(self) -> list[list[int]]:
        left, lost = self.received, []
        for part in self.parts:
            table = part.table[: max(0, left)]
            lost += table[table[:, _UNSENT] == 1].tolist()
            left -= part.count
        return lost

    def _report(self, record: list[int]) -> Report:
        ts_ns, slot, strategy, order, state, kind, refusal, price, size, leaves, fill = record[:11]
        ahead = record[layout.REPORT_AHEAD // _WORD]
        return Report(
            ts_ns,
            self.ids[slot],
            self.names[strategy],
            order,
            OrderState(state),
            IntentKind(kind) if kind else None,
            Refusal(refusal) if refusal else None,
            None if fill < 0 else self.fills[fill].fill,
            price,
            size,
            leaves,
            None if ahead == NULL else ahead,
        )
