"""Equity over time: cash less fees, and the position at a conservative mark; drawdown. Pure.

A long is worth the best bid, a short the best ask, at the last price that side had. Beyond the displayed
size the ledger walks the book, which a path of best prices does not hold: such moments are counted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.model.events import NULL
from mm_framework.results.columns import Fills, RunColumns
from mm_framework.results.path import Ints, TopPath

__all__ = ["Course", "Drawdown", "course", "drawdown", "equity", "event_times", "grid"]

Floats = npt.NDArray[np.float64]


@attrs.frozen(eq=False)
class Course:
    """An account at given times. ``position`` in size units; ``cash`` after fees and ``value`` of the
    position as exact integers of the money unit.

    ``beyond``: how many of the times hold more than the best level displays; ``stale``: how many are
    marked at a price that is no longer the market's.
    """

    position: Ints
    cash: npt.NDArray[np.object_]
    value: npt.NDArray[np.object_]
    beyond: int
    stale: int

    @property
    def equity(self) -> npt.NDArray[np.object_]:
        """Cash + value, Python integers."""
        return np.add(self.cash, self.value, dtype=object)


def course(fills: Fills, path: TopPath, times_ns: Ints) -> Course:
    """The account that the fills, all of one, make, at times; state after all that is stamped with them."""
    rows = np.searchsorted(fills.ts_ns, times_ns, side="right")
    position = np.concatenate([[0], np.cumsum(fills.signed)])[rows]
    moves = zip(fills.signed.tolist(), fills.price.tolist(), fills.fee, strict=True)
    cash = list(accumulate((-signed * price * 10 - fee for signed, price, fee in moves), initial=0))
    prices = np.concatenate([[0], fills.price])[rows]
    at = path.at(times_ns)
    long = position > 0
    mark = np.where(long, path.value(path.held(path.bid), at), path.value(path.held(path.ask), at))
    mark = np.where(mark == NULL, prices, mark)
    shown = np.where(long, path.value(path.bid_size, at), path.value(path.ask_size, at))
    held = position != 0
    return Course(
        position=position,
        cash=np.array(cash, object)[rows],
        value=position.astype(object) * mark.astype(object) * 10,
        beyond=int((held & (shown != NULL) & (np.abs(position) > shown)).sum()),
        stale=int((held & (shown == NULL)).sum()),
    )


def grid(start_ns: int, end_ns: int, step_ns: int) -> Ints:
    """The start, whole steps after it, and the end."""
    return np.append(np.arange(start_ns, end_ns, step_ns, dtype=np.int64), end_ns)


def event_times(run: RunColumns) -> Ints:
    """The moments at which equity may change: fills, and best prices of what is traded."""
    traded = {run.accounts[account][1] for account in np.unique(run.fills.account)}
    return np.unique(np.concatenate([run.fills.ts_ns, *(run.paths[name].ts_ns for name in sorted(traded))]))


def equity(
    run: RunColumns, quote: str, times_ns: Ints, wanted: Callable[[int], bool] = lambda account: True
) -> tuple[npt.NDArray[np.object_], int]:
    """``(amounts, scale)``: the sum over the accounts of a quote currency at times, exact integers."""
    accounts = [
        account
        for account, (_, name) in enumerate(run.accounts)
        if run.paths[name].instrument.quote == quote and wanted(account)
    ]
    scales = [run.path(account).instrument.money_scale for account in accounts]
    scale = max(scales, default=0)
    total = np.zeros(len(times_ns), object)
    for account, own in zip(accounts, scales, strict=True):
        total = total + course(run.fills.of(account), run.path(account), times_ns).equity * 10 ** (
            scale - own
        )
    return total, scale


@attrs.frozen
class Drawdown:
    """Falls of equity from its highest value before, the start included; in the unit of the equity.

    ``at``: the place of the deepest one, None when equity never fell. ``longest_ns``: the longest time from
    a peak until it was reached again, or until the end.
    """

    most: float
    mean: float
    longest_ns: int
    at: int | None


def drawdown(times_ns: Ints, values: Floats | Sequence[float], start: float = 0.0) -> Drawdown:
    """The drawdown of a series that stood at ``start`` when it began."""
    series = np.asarray(values, np.float64)
    if not len(series):
        return Drawdown(0.0, 0.0, 0, None)
    peak = np.maximum.accumulate(np.maximum(series, start))
    below = peak - series
    under = below > 0
    last_peak = np.maximum.accumulate(np.where(under, 0, np.arange(len(series))))
    ends = np.minimum(np.arange(len(series)) + 1, len(series) - 1)
    until = np.where(under, times_ns[ends], times_ns)
    deepest = int(np.argmax(below))
    return Drawdown(
        most=float(below[deepest]),
        mean=float(below.mean()),
        longest_ns=int((until - times_ns[last_peak]).max()),
        at=deepest if under.any() else None,
    )
