"""What the accounts of a run were worth on a grid of times. Pure.

The grid is the multiples of its step, from the first that is not before the run's first moment to the first
that is not before its end. A point is the state after all that happened up to its time, marked as the ledger
marks: a long at the bids, a short at the asks, beyond the best level too.
"""

from __future__ import annotations

import attrs

from mm_framework.trading.ledger import Ledger

__all__ = ["EquityGrid", "EquityPoint"]


@attrs.frozen
class EquityPoint:
    """One account at one time; money in the account's unit, ``position`` at the size scale.

    Its equity is ``cash + value - fees``. ``value``: position x mark; ``stale``: that mark was no longer the
    market's. ``mid2``: bid + ask at the price scale, the last valid one; None before the first.
    """

    ts_ns: int
    strategy: str
    instrument: str
    position: int
    cash: int
    fees: int
    value: int
    stale: bool
    mid2: int | None


class EquityGrid:
    """Reads a ledger each ``step_ns``; an account has points from its first fill on."""

    def __init__(self, ledger: Ledger, step_ns: int) -> None:
        if step_ns <= 0:
            raise ValueError(f"the grid of equity is {step_ns} ns, expected more than 0")
        self.points: list[EquityPoint] = []
        self._ledger, self._step_ns = ledger, step_ns
        self._next_ns: int | None = None

    def reach(self, now_ns: int) -> None:
        """Time reaches ``now_ns``, nothing of which has happened yet."""
        if self._next_ns is None:
            self._next_ns = self._at_or_after(now_ns)
        while self._next_ns < now_ns:
            if not self._ledger.accounts:
                self._next_ns = self._at_or_after(now_ns)
                return
            self._read(self._next_ns)
            self._next_ns += self._step_ns

    @property
    def next_ns(self) -> int:
        """The next time of the grid; 0 before the first `reach`."""
        return self._next_ns or 0

    def end(self, end_ns: int) -> None:
        """The run is over; all of ``end_ns`` has happened."""
        self.reach(self._at_or_after(end_ns) + 1)

    def _at_or_after(self, ts_ns: int) -> int:
        return -(-ts_ns // self._step_ns) * self._step_ns

    def _read(self, ts_ns: int) -> None:
        for (strategy, instrument), account in sorted(self._ledger.accounts.items(), key=_name):
            value, stale = account.mark()
            self.points.append(
                EquityPoint(
                    ts_ns,
                    strategy,
                    instrument,
                    account.position,
                    account.cash,
                    account.fees,
                    value,
                    stale,
                    account.slot.mid2,
                )
            )


def _name(item: tuple[tuple[str, str], object]) -> tuple[str, str]:
    return item[0]
