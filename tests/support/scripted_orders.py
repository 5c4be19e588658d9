"""A strategy that does at given times of a tape what a test says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mm_framework.contracts.strategy import On, Strategy

__all__ = ["WALL0_NS", "cancel", "ms", "place", "replace", "scripted"]

WALL0_NS = 1_700_000_000_000_000_000
"""The receive time at which the tape of `testing.strategies` begins."""

Action = tuple[float, Callable[[Any], object]]


def ms(ts_ns: int) -> float:
    """A time of a backtest in milliseconds of the tape."""
    return (ts_ns - WALL0_NS) / 1e6


def place(at_ms: float, side: int, price: int, size: int, **options: Any) -> Action:
    """Place an order; orders are numbered from 1 in the order of the script."""
    return at_ms, lambda out: out.place(options.pop("i", 0), side, price, size, **options)


def cancel(at_ms: float, order: int) -> Action:
    """Cancel an order."""
    return at_ms, lambda out: out.cancel(order)


def replace(at_ms: float, order: int, price: int, size: int) -> Action:
    """Replace an order."""
    return at_ms, lambda out: out.replace(order, price, size)


def scripted(*actions: Action, seen: list[tuple[float, int, int, int]] | None = None) -> Strategy:
    """Does the actions at their times; ``seen`` collects ``(ms, reasons, position, open orders)``."""
    todo = sorted(
        ((WALL0_NS + round(at_ms * 1e6), act) for at_ms, act in actions), key=lambda action: action[0]
    )

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        if seen is not None:
            view = market[0]
            seen.append((ms(wake.now_ns), wake.reasons, view.position, view.open_orders))
        if state.armed and not wake.reasons & On.TIMER:
            return
        while state.done < len(todo) and todo[state.done][0] <= wake.now_ns:
            todo[state.done][1](out)
            state.done += 1
        if state.done < len(todo):
            state.armed = 1
            out.timer(todo[state.done][0])

    wakes = On.MARKET | On.TIMER | On.OWN_FILL | On.OWN_REJECT | On.RESYNC
    return Strategy(decide, wakes=wakes, state={"done": "i8", "armed": "i8"}, python_only=True)
