"""The REPORTs of a compiled run as the objects that an outcome has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import attrs
import numpy as np
import numpy.typing as npt

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


Ints = npt.NDArray[np.int64]


def _places(record: str, *names: str) -> dict[str, int]:
    """Where the words of a record are, by the names that `OutcomeColumns` has for them."""
    return {
        "ts_ns" if name == "ts" else name: getattr(layout, f"{record}_{name.upper()}") // _WORD
        for name in names
    }


def _columns(places: Mapping[str, int], table: Ints) -> dict[str, Ints]:
    return {name: np.ascontiguousarray(table[:, place]) for name, place in places.items()}


_REPORT: Final = _places(
    "REPORT",
    *(
        "ts",
        "slot",
        "strategy",
        "order",
        "state",
        "kind",
        "refusal",
        "price",
        "size",
        "leaves",
        "filled",
        "ahead",
    ),
)
_FILL: Final = _places("FILL", "ts", "slot", "strategy", "order", "side", "price", "size", "maker", "mid2")
_PLACED: Final = _places("INTENT", "strategy", "order", "side")


@attrs.frozen(eq=False)
class Told:
    """All REPORTs of a run, ``received`` of them here. ``executions``: FILLs, as objects ``paid``, with their
    ``fees``; ``asked``: INTENTs; ``ids``, ``names``: of markets and strategies.
    """

    parts: Sequence[Part]
    received: int
    executions: Ints
    asked: Sequence[Part]
    paid: Sequence[Paid]
    fees: Sequence[int]
    ids: Sequence[str]
    names: Sequence[str]

    def sequences(self) -> tuple[Sequence[Report], Sequence[int], Sequence[Report]]:
        """What the venue said, when each of it is here, and the answers to what never reached the venue."""
        return (
            Lazy(lambda: self._count(0), lambda: [self._report(row) for row in self._rows(0)]),
            Lazy(lambda: self._count(0), lambda: [row[_HERE] for row in self._rows(0)]),
            Lazy(lambda: len(self._lost()), lambda: [self._report(row) for row in self._lost()]),
        )

    def reports(self) -> dict[str, Ints]:
        """As `OutcomeColumns`."""
        table = np.concatenate([part.table[part.table[:, _UNSENT] == 0] for part in self.parts])
        columns, fill = _columns(_REPORT, table), table[:, layout.REPORT_FILL // _WORD]
        columns["maker"] = np.zeros(len(table), np.int64)
        columns["maker"][fill >= 0] = self.executions[fill[fill >= 0], layout.FILL_MAKER // _WORD]
        return columns

    def fills(self) -> dict[str, Ints]:
        """As `OutcomeColumns`."""
        return _columns(_FILL, self.executions)

    def placed(self) -> dict[str, Ints]:
        """As `OutcomeColumns`."""
        kind = layout.INTENT_KIND // _WORD
        tables = [part.table[part.table[:, kind] == IntentKind.PLACE] for part in self.asked]
        return _columns(_PLACED, np.concatenate(tables))

    def refused(self) -> dict[int, int]:
        """As `OutcomeColumns`."""
        codes = np.concatenate([part.table[:, layout.INTENT_REFUSED // _WORD] for part in self.asked])
        found, counts = np.unique(codes[codes != 0], return_counts=True)
        return dict(zip(found.tolist(), counts.tolist(), strict=True))

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
            None if fill < 0 else self.paid[fill].fill,
            price,
            size,
            leaves,
            None if ahead == NULL else ahead,
        )
