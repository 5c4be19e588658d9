"""What it costs to hold a position, beside the profit: reported, never a part of it. Pure.

to be flat   what the position would lose against the mid if it were closed at once, walking the book
             (half the spread on each unit, and more beyond the best level), and the fee of a taker
risk         sigma^2 integral of q^2 dt / 2: times gamma, the price of an aversion to risk
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.model.events import NULL
from mm_framework.results.columns import Fills, RunColumns
from mm_framework.results.equity import balances, courses, event_times, grid
from mm_framework.results.path import Instrument, Ints, TopPath

__all__ = ["Carrying", "Charge", "Cost", "carrying"]

Floats = npt.NDArray[np.float64]
Worth = npt.NDArray[Any]

Charge = Callable[[Instrument, int, int], int]
"""``charge(instrument, price, size)``: the fee of a taker, numbers at the scales of the instrument."""

_CHUNK = 1 << 16
_S = 1_000_000_000


@attrs.frozen
class Cost:
    """In quote currency: at the end, the mean by time and the most. None where there never was a market."""

    last: float | None
    mean: float | None
    most: float | None


@attrs.frozen
class Carrying:
    """Of one account. ``spread``: to be flat, against the mid, while there is one, and at the end against the
    last one; ``fee``: of a taker who
    closes the position as of each fill, None where fees are not known.

    ``risk``: quote currency squared; sigma is that of moves of the mid in a second. None without a move.
    """

    spread: Cost
    fee: Cost | None
    risk: float | None


def carrying(run: RunColumns, account: int, charge: Charge | None = None) -> Carrying:
    """``charge``: what a taker pays, None if nobody knows. Where the run has the ledger's marks the book is
    walked, at the times of its grid; else all of a position is closed at the best price, at every event.
    """
    fills, path, span_ns = run.fills.of(account), run.path(account), (run.start_ns, run.end_ns)
    times_ns, worth = _worth(run, account, fills)
    spread = _spread(fills, path, times_ns, worth)
    known = ~np.isnan(spread)
    spent = np.diff(times_ns, append=times_ns[-1:])
    cost = _cost(spread[known], spent[known])
    for one in run.results:
        if (one.strategy, one.instrument) == run.accounts[account] and not run.at_mid:
            cost = attrs.evolve(cost, last=-one.money.mark_adjustment / 10**one.money.scale)
    return Carrying(
        spread=cost,
        fee=None if charge is None else _fee(fills, path, span_ns, charge),
        risk=_risk(fills, path, span_ns),
    )


def _worth(run: RunColumns, account: int, fills: Fills) -> tuple[Ints, Iterator[tuple[slice, Worth]]]:
    """Times, and some of them at a time the equity at a conservative mark, in money units."""
    marks, path = run.marks.get(account), run.path(account)
    if marks is None or run.at_mid:
        times_ns = event_times(run)
        return times_ns, ((part, found.equity) for part, found in courses(fills, path, times_ns))
    parts = (slice(first, first + _CHUNK) for first in range(0, len(marks.ts_ns), _CHUNK))
    return marks.ts_ns, ((part, marks.equity[part]) for part in parts)


def _spread(fills: Fills, path: TopPath, times_ns: Ints, worth: Iterator[tuple[slice, Worth]]) -> Floats:
    """Equity at the mid less equity at the mark, in quote currency; NaN without a mid."""
    position, cash = balances(fills)
    found = np.full(len(times_ns), np.nan)
    unit = 10**path.instrument.money_scale
    for part, marked in worth:
        after = np.searchsorted(fills.ts_ns, times_ns[part], side="right")
        mid2 = path.value(path.mid2, path.at(times_ns[part]))
        at_mid = position[after].astype(object) * mid2.astype(object) * 5 + cash[after]
        lost = np.array([amount / unit for amount in (at_mid - marked).tolist()], np.float64)
        found[part] = np.where(mid2 == NULL, np.nan, lost)
    return found


def _fee(fills: Fills, path: TopPath, span_ns: tuple[int, int], charge: Charge) -> Cost:
    """A position is closed at the price that its side had when it came about; at the end, at the last one."""
    position, _ = balances(fills)
    times_ns = np.concatenate([[span_ns[0]], fills.ts_ns, [span_ns[1]]])
    at = path.at(times_ns)
    held = np.append(position, position[-1])
    bid, ask = (path.value(path.held(side), at) for side in (path.bid, path.ask))
    prices = np.where(held > 0, bid, ask)
    unit = 10**path.instrument.money_scale
    fees = np.array(
        [
            charge(path.instrument, price, abs(size)) / unit if size and price not in (0, NULL) else 0.0
            for size, price in zip(held.tolist(), prices.tolist(), strict=True)
        ]
    )
    return _cost(fees, np.append(np.diff(times_ns), 0))


def _cost(values: Floats, spent: Ints) -> Cost:
    if not len(values):
        return Cost(None, None, None)
    whole = int(spent.sum())
    return Cost(float(values[-1]), float(values @ spent / whole) if whole else None, float(values.max()))


def _risk(fills: Fills, path: TopPath, span_ns: tuple[int, int]) -> float | None:
    times_ns = grid(*span_ns, _S)
    rows = path.at(times_ns)
    mid2 = path.value(path.mid2, rows)
    moved = (mid2[1:] != NULL) & (mid2[:-1] != NULL)
    if not moved.any():
        return None
    moved &= ~path.lost_between(rows[:-1], rows[1:])
    moves = np.diff(mid2)[moved] * (path.instrument.price_unit / 2)
    if not len(moves):
        return None
    edges = np.clip(np.concatenate([[span_ns[0]], fills.ts_ns, [span_ns[1]]]), *span_ns)
    held = balances(fills)[0] * path.instrument.size_unit
    return float(moves @ moves / len(moves) * (np.square(held) @ np.diff(edges)) / 1e9 / 2)
