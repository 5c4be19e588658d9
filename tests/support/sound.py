"""What holds in the outcome of every backtest, whoever played it."""

from __future__ import annotations

from collections import defaultdict

from mm_framework.model.orders import IntentKind, OrderState
from mm_framework.trading.backtest import Outcome

__all__ = ["check_outcome"]

_ENDED = {OrderState.FILLED, OrderState.CANCELLED, OrderState.EXPIRED, OrderState.REJECTED}


def check_outcome(outcome: Outcome, *, rescales: bool = False) -> None:
    """Orders live once, leaves go down by fills, positions are sums of fills, money adds up."""
    _check_orders(outcome, rescales=rescales)
    held: dict[tuple[str, str], int] = defaultdict(int)
    fills: dict[tuple[str, str], int] = defaultdict(int)
    for paid in outcome.fills:
        key = (paid.fill.strategy, paid.fill.instrument)
        held[key] += paid.fill.side * paid.fill.size
        fills[key] += 1
    assert {(a.strategy, a.instrument): a.fills for a in outcome.accounts if a.fills} == fills
    for account in outcome.accounts:
        money = account.money
        parts = money.spread + money.adverse + money.inventory - money.fees + money.mark_adjustment
        assert money.total == parts
        if not rescales:
            assert account.position == held[account.strategy, account.instrument]


def _check_orders(outcome: Outcome, *, rescales: bool) -> None:
    left: dict[tuple[str, int], int] = {}
    over: set[tuple[str, int]] = set()
    last_ns = 0
    for report, known_ns in zip(outcome.reports, outcome.known_ns, strict=True):
        key = (report.strategy, report.order)
        assert last_ns <= report.ts_ns <= known_ns
        last_ns = report.ts_ns
        assert report.leaves >= 0
        if report.refusal is None or report.kind is IntentKind.PLACE:
            assert key not in over, "something happened to an order that had ended"
            if report.fill is not None and not rescales:
                assert report.fill.size > 0
                assert left.get(key, report.leaves + report.fill.size) == report.leaves + report.fill.size
            left[key] = report.leaves
        if report.refusal is None and report.state in _ENDED:
            over.add(key)
