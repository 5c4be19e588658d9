"""The REPORTs of a compiled run as the objects that an outcome has."""

from __future__ import annotations

from collections.abc import Sequence

from mm_framework.model.fixed import NULL
from mm_framework.model.orders import IntentKind, OrderState, Refusal
from mm_framework.trading.backtest import Paid
from mm_framework.trading.compiled import layout
from mm_framework.trading.compiled.memory import Column, Run
from mm_framework.trading.matching import Report

__all__ = ["reports_of"]


def reports_of(
    run: Run, column: Column, fills: Sequence[Paid], ids: Sequence[str], names: Sequence[str]
) -> tuple[list[Report], list[int], list[Report]]:
    """What the venue said, when each of it is here, and the answers to what never reached the venue."""
    told, known_ns, undelivered = [], [], []
    received = run[layout.RUN_RECEIVED]
    for index in range(column.count):
        record = column.record(index)
        report = _report(record, fills, ids, names)
        if not record[layout.REPORT_UNSENT // 8]:
            told.append(report)
            known_ns.append(record[layout.REPORT_HERE // 8])
        elif index < received:
            undelivered.append(report)
    return told, known_ns, undelivered


def _report(record: list[int], fills: Sequence[Paid], ids: Sequence[str], names: Sequence[str]) -> Report:
    ts_ns, slot, strategy, order, state, kind, refusal, price, size, leaves, fill = record[:11]
    ahead = record[layout.REPORT_AHEAD // 8]
    return Report(
        ts_ns,
        ids[slot],
        names[strategy],
        order,
        OrderState(state),
        IntentKind(kind) if kind else None,
        Refusal(refusal) if refusal else None,
        None if fill < 0 else fills[fill].fill,
        price,
        size,
        leaves,
        None if ahead == NULL else ahead,
    )
