"""The REPORTs of a compiled run as the objects that an outcome has."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import numpy as np

from mm_framework.model.fixed import NULL
from mm_framework.model.orders import IntentKind, OrderState, Refusal
from mm_framework.trading.backtest import Paid
from mm_framework.trading.compiled import layout
from mm_framework.trading.compiled.lazy import Lazy
from mm_framework.trading.compiled.memory import Column
from mm_framework.trading.matching import Report

__all__ = ["Told"]

_WORD = 8


@attrs.frozen(eq=False)
class Told:
    """All reports of a run, ``received`` of them here. ``ids``, ``names``: of markets and strategies."""

    column: Column
    received: int
    fills: Sequence[Paid]
    ids: Sequence[str]
    names: Sequence[str]

    def sequences(self) -> tuple[Sequence[Report], Sequence[int], Sequence[Report]]:
        """What the venue said, when each of it is here, and the answers to what never reached the venue."""
        words = np.frombuffer(self.column.words, dtype=np.int64)
        table = words[: self.column.count * self.column.record_words].reshape(-1, self.column.record_words)
        unsent = table[:, layout.REPORT_UNSENT // _WORD] != 0
        told = np.flatnonzero(~unsent)
        lost = np.flatnonzero(unsent[: self.received])
        known_ns = table[told, layout.REPORT_HERE // _WORD]
        return (
            Lazy(len(told), lambda: [self._report(row) for row in table[told].tolist()]),
            Lazy(len(told), known_ns.tolist),
            Lazy(len(lost), lambda: [self._report(row) for row in table[lost].tolist()]),
        )

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
