"""The best levels of a book on a grid of times: what stands there, and the order flow of each rank. Pure.

Rank m of a side is its m-th best level, price b_m (a_m) and size Qb_m (Qa_m). From one state of the book to
the next, in base currency:

    e_m = 1[b'>=b] Qb' - 1[b'<=b] Qb - 1[a'<=a] Qa' + 1[a'>=a] Qa       all of rank m

which is the order flow of the best prices for m = 1, and for all ranks the vector of Xu, Gould and Howison,
"Multi-level order-flow imbalance in a limit order book" (Market Microstructure and Liquidity 4, 2019). A rank
without a level has size 0 at the worst price there is. Over a window the sums of e_m are divided by the mean
size of a level in it, (B_k + A_k)/(2k), B_k and A_k being what the best k levels hold, as Cont, Cucuringu and
Zhang do ("Cross-impact of order flow imbalance in equity markets", Quantitative Finance 23, 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.model.book import OrderBook
from mm_framework.model.events import Kind, RowFlag
from mm_framework.model.instrument import Definition

__all__ = ["LevelWalk", "Levels"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Rows = npt.NDArray[Any]

_NO_BID: Final = (-(1 << 62), 0)
_NO_ASK: Final = (1 << 62, 0)


@attrs.frozen(eq=False)
class Levels:
    """One row a time of the grid before which the best ``k`` levels changed: its first time afterwards.

    ``flow``: sums of e_m since the row before, ``(rows, k)``; ``bids``, ``asks``: B_k and A_k as they are;
    ``depth``: the sum of (B_k + A_k)/(2k) over the ``changes``; ``fewest``: levels of the shorter side, at
    most k.
    """

    k: int
    ts_ns: Ints
    flow: Floats
    bids: Floats
    asks: Floats
    depth: Floats
    changes: Ints
    fewest: Ints

    def __len__(self) -> int:
        return len(self.ts_ns)

    def at(self, ts_ns: Ints) -> Ints:
        """The rows in force at times of the grid; -1 before the first."""
        return np.searchsorted(self.ts_ns, ts_ns, side="right") - 1

    def imbalance(self, ts_ns: Ints) -> Floats:
        """(B_k - A_k)/(B_k + A_k), in [-1, 1]; NaN before the first row and of an empty book."""
        rows = self.at(ts_ns)
        if not len(self):
            return np.full(len(ts_ns), np.nan)
        with np.errstate(invalid="ignore"):
            found = (self.bids[rows] - self.asks[rows]) / (self.bids[rows] + self.asks[rows])
        return np.where(rows >= 0, found, np.nan)

    def flows(self, from_ns: Ints, to_ns: Ints) -> Floats:
        """``(times, k)``: the flow of each rank between two times of the grid, the first one excluded, in
        mean levels of that window; NaN before the first row.
        """
        before, now = self.at(from_ns), self.at(to_ns)
        if not len(self):
            return np.full((len(to_ns), self.k), np.nan)
        flow, depth, changes = (
            sums[now + 1] - sums[before + 1] for sums in map(_sums, (self.flow, self.depth, self.changes))
        )
        held = (self.bids[now] + self.asks[now]) / (2.0 * self.k)
        level = np.where(changes > 0, depth / np.maximum(changes, 1), held)[:, None]
        found = np.divide(flow, level, out=np.zeros_like(flow), where=level > 0)
        return np.where((before >= 0)[:, None], found, np.nan)


def _sums(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Of the rows before each, one more than there are rows."""
    return np.concatenate([np.zeros((1, *values.shape[1:]), values.dtype), np.cumsum(values, axis=0)])


class LevelWalk:
    """`Levels` as the rows of one instrument go by. ``step_ns``: the grid is its multiples."""

    def __init__(self, definitions: Sequence[Definition], k: int, step_ns: int) -> None:
        self._definitions = {one.number: one for one in definitions}
        self._k, self._step_ns = k, step_ns
        self._number, self._unit = -1, 1.0
        self._book, self._touched = OrderBook(), False
        self._bids, self._asks = [_NO_BID] * k, [_NO_ASK] * k
        self._grid_ns, self._changes, self._depth = 0, 0, 0
        self._flow = [0] * k
        self._found: list[tuple[int, list[float], float, float, float, int, int]] = []

    def feed(self, rows: Rows) -> None:
        """The next rows, of `row_dtype`."""
        for part in np.split(rows, np.flatnonzero(np.diff(rows["instrument"])) + 1) if len(rows) else []:
            number = int(part["instrument"][0])
            if number != self._number:
                self._define(number)
            self._feed(part, self._definitions[number].depth)

    def levels(self) -> Levels:
        """All that was found."""
        self._flush()
        columns: Any = list(zip(*self._found, strict=True)) or [[]] * 7
        ts_ns, flow, bids, asks, depth, changes, fewest = columns
        return Levels(
            self._k,
            np.array(ts_ns, np.int64),
            np.array(flow, np.float64).reshape(-1, self._k),
            np.array(bids, np.float64),
            np.array(asks, np.float64),
            np.array(depth, np.float64),
            np.array(changes, np.int64),
            np.array(fewest, np.int64),
        )

    def _define(self, number: int) -> None:
        """Another run or other scales: its book begins anew."""
        self._flush()
        self._number, self._unit = number, 10.0 ** self._definitions[number].size_scale
        self._book, self._touched = OrderBook(), False
        self._bids, self._asks = [_NO_BID] * self._k, [_NO_ASK] * self._k

    def _feed(self, rows: Rows, depth: int | None) -> None:
        kinds, flags = rows["kind"], rows["flags"]
        told = (kinds == Kind.LEVEL) | (kinds == Kind.SNAPSHOT_START) | (flags & RowFlag.LAST != 0)
        names = ("kind", "flags", "side", "price", "size", "ts_recv_ns")
        for kind, flag, side, price, size, ts_ns in zip(
            *(rows[name][told].tolist() for name in names), strict=True
        ):
            if kind == Kind.LEVEL:
                self._book.apply(side, price, size)
                self._touched = True
            elif kind == Kind.SNAPSHOT_START:
                self._book.clear()
                self._touched = True
            if self._touched and flag & RowFlag.LAST:
                self._touched = False
                if depth:
                    self._book.truncate(depth)
                self._look(ts_ns)

    def _look(self, ts_ns: int) -> None:
        """The book after a whole message."""
        bids, asks = self._book.bids(self._k), self._book.asks(self._k)
        bids += [_NO_BID] * (self._k - len(bids))
        asks += [_NO_ASK] * (self._k - len(asks))
        if bids == self._bids and asks == self._asks:
            return
        grid_ns = max(self._grid_ns, -(-ts_ns // self._step_ns) * self._step_ns)
        if grid_ns != self._grid_ns:
            self._flush()
            self._grid_ns = grid_ns
        ranks = zip(self._bids, bids, self._asks, asks, strict=True)
        for rank, ((b, qb), (b_, qb_), (a, qa), (a_, qa_)) in enumerate(ranks):
            bid_flow = (qb_ if b_ >= b else 0) - (qb if b_ <= b else 0)
            ask_flow = (qa_ if a_ <= a else 0) - (qa if a_ >= a else 0)
            self._flow[rank] += bid_flow - ask_flow
        self._bids, self._asks = bids, asks
        self._changes += 1
        self._depth += sum(size for _, size in bids) + sum(size for _, size in asks)

    def _flush(self) -> None:
        """The time of the grid is over."""
        if not self._changes:
            return
        unit, bids, asks = self._unit, self._bids, self._asks
        self._found.append(
            (
                self._grid_ns,
                [one / unit for one in self._flow],
                sum(size for _, size in bids) / unit,
                sum(size for _, size in asks) / unit,
                self._depth / (2 * self._k * unit),
                self._changes,
                min(sum(size > 0 for _, size in side) for side in (bids, asks)),
            )
        )
        self._flow, self._changes, self._depth = [0] * self._k, 0, 0
