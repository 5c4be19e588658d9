"""Rows of a selection made whole for a backtest, which begins where the rows begin and knows nothing else.

- every instrument begins with its definition; ``aux`` of a definition is its place in one list;
- prices and sizes are at the finest scales that an id has anywhere on the tape, so that they never change;
- where an interval is left out the market is lost, until the book that stands behind it;
- best prices of a ticker are lost with their connection, and there again with the next quote;
- ``seq`` counts messages from 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.errors import ReplayError
from mm_framework.model.events import NULL, ROW, Kind, Reason, RowFlag, SyncState, row_dtype
from mm_framework.model.instrument import Definition

__all__ = ["Place", "Splicer"]

Rows = npt.NDArray[Any]

_OURS: Final = RowFlag.LAST | RowFlag.NO_VENUE_TIME | RowFlag.SYNTHETIC
_MOST: Final = 2**63 - 1


@attrs.frozen
class Place:
    """What an ``instrument`` of the rows stands for.

    ``definitions``: index as the run's rows have it -> its place in the tape's list; ``valid_from``: the
    receive times from which they hold. ``price_factor``, ``size_factor``: what brings the run's integers to
    the tape's scales. ``ticker``: its best prices are those of the ticker.
    """

    definition: Definition
    definitions: Mapping[int, int]
    valid_from: Sequence[tuple[int, int]]
    price_factor: int
    size_factor: int
    ticker: bool

    def at(self, ts_ns: int) -> int:
        """The place in the tape's list of the definition in force at a time, else the first."""
        in_force = [place for valid_ns, place in self.valid_from if valid_ns <= ts_ns]
        return in_force[-1] if in_force else self.valid_from[0][1]


class Splicer:
    """Takes the blocks of a selection in order. ``losses``: ``(ts_ns, instrument)``, ascending."""

    def __init__(self, places: Sequence[Place], losses: Iterable[tuple[int, int]]) -> None:
        self._places, self._losses = places, list(losses)
        self._seen: set[int] = set()
        self._lost: set[int] = set()
        self._seq = 0
        self._scaled = np.array([p.price_factor != 1 or p.size_factor != 1 for p in places])

    def feed(self, block: Rows) -> Rows:
        """The next rows, made whole, in place where nothing is added. Raises ReplayError for a value that the
        tape's scale does not hold.
        """
        rows = block if block.flags.writeable and block.flags.owndata else np.array(block)
        self._scale(rows)
        rows = _books_first(rows)
        rows = self._insert(rows, list(self._additions(rows)))
        begins = np.ones(len(rows), dtype=bool)
        number, seq = np.array(rows["instrument"]), np.array(rows["seq"])
        begins[1:] = (rows["flags"][:-1] & RowFlag.LAST != 0) | (number[1:] != number[:-1])
        begins[1:] |= seq[1:] != seq[:-1]
        rows["seq"] = self._seq - 1 + np.cumsum(begins)
        self._seq = int(rows["seq"][-1]) + 1 if len(rows) else self._seq
        return rows

    def _scale(self, rows: Rows) -> None:
        if not self._scaled.any():
            return
        priced = np.isin(rows["kind"], (Kind.LEVEL, Kind.TRADE, Kind.TOP))
        for number in np.flatnonzero(self._scaled).tolist():
            place = self._places[number]
            chosen = priced & (rows["instrument"] == number)
            for name, factor in (("price", place.price_factor), ("size", place.size_factor)):
                values = rows[name][chosen]
                told = values != NULL
                if factor > 1 and told.any() and int(np.abs(values[told]).max()) > _MOST // factor:
                    raise ReplayError(
                        f"{place.definition.id}: a {name} of the recording does not fit into 64 bits at the"
                        " finest scale of the instrument: choose a shorter range"
                    )
                rows[name][chosen] = np.where(told, values * factor, values)

    def _additions(self, rows: Rows) -> Iterator[tuple[int, bytes | None]]:
        """``(position, row before it)``; None: the row at that position goes."""
        yield from self._definitions(rows)
        yield from self._left_out(rows)
        for number in sorted(self._seen):
            if self._places[number].ticker:
                yield from self._quotes(rows, number)

    def _definitions(self, rows: Rows) -> Iterator[tuple[int, bytes]]:
        defining = np.flatnonzero(rows["kind"] == Kind.DEFINITION)
        for position in defining.tolist():
            place = self._places[int(rows["instrument"][position])]
            index, ts_ns = int(rows["aux"][position]), int(rows["ts_recv_ns"][position])
            rows["aux"][position] = place.definitions.get(index, place.at(ts_ns))
        counts = np.bincount(rows["instrument"], minlength=len(self._places))
        for number in np.flatnonzero(counts).tolist():
            if number in self._seen:
                continue
            self._seen.add(number)
            position = int(np.argmax(rows["instrument"] == number))
            if rows["kind"][position] != Kind.DEFINITION:
                ts_ns = int(rows["ts_recv_ns"][position])
                yield position, _event(ts_ns, number, Kind.DEFINITION, NULL, self._places[number].at(ts_ns))

    def _left_out(self, rows: Rows) -> Iterator[tuple[int, bytes]]:
        last_ns = int(rows["ts_recv_ns"][-1]) if len(rows) else NULL
        while self._losses and self._losses[0][0] <= last_ns:
            ts_ns, number = self._losses.pop(0)
            position = int(np.searchsorted(rows["ts_recv_ns"], ts_ns))
            if number in self._seen:
                yield position, self._loss(number, ts_ns)

    def _loss(self, number: int, ts_ns: int) -> bytes:
        ticker = self._places[number].ticker
        if ticker:
            self._lost.add(number)
        state = SyncState.STOPPED if ticker else SyncState.RESYNCING
        return _event(ts_ns, number, Kind.SYNC_CHANGE, state, Reason.DROPPED)

    def _quotes(self, rows: Rows, number: int) -> Iterator[tuple[int, bytes | None]]:
        """Losses and returns of a ticker instead of the states of its book."""
        own = rows["instrument"] == number
        changes = own & (rows["kind"] == Kind.SYNC_CHANGE)
        ends = changes & (rows["size"] == SyncState.STOPPED)
        ends |= own & (rows["kind"] != Kind.TOP) & _connection_lost(rows)
        quotes = own & (rows["kind"] == Kind.TOP) & (rows["flags"] & RowFlag.LAST != 0)
        for position in np.flatnonzero(changes | ends | quotes).tolist():
            ts_ns = int(rows["ts_recv_ns"][position])
            if changes[position]:
                yield position, None
            if ends[position] and number not in self._lost:
                yield position, self._loss(number, ts_ns)
            elif quotes[position] and number in self._lost:
                self._lost.discard(number)
                venue_ns = int(rows["ts_venue_ns"][position])
                back = _event(ts_ns, number, Kind.SYNC_CHANGE, SyncState.SYNCED, Reason.NONE, venue_ns)
                yield position + 1, back

    def _insert(self, rows: Rows, additions: list[tuple[int, bytes | None]]) -> Rows:
        if not additions:
            return rows
        added = sorted(((at, row) for at, row in additions if row is not None), key=lambda one: one[0])
        gone = [at for at, row in additions if row is None]
        new = np.frombuffer(b"".join(row for _, row in added), dtype=row_dtype())
        keep = np.ones(len(rows), dtype=bool)
        keep[gone] = False
        before = np.concatenate([[0], np.cumsum(keep)])
        return np.insert(rows[keep], before[[at for at, _ in added]], new)


def _connection_lost(rows: Rows) -> npt.NDArray[np.bool_]:
    told = np.isin(rows["kind"], (Kind.GAP, Kind.SYNC_CHANGE))
    lost: npt.NDArray[np.bool_] = told & (rows["aux"] >= Reason.CONNECT_FAILED)
    return lost


def _books_first(rows: Rows) -> Rows:
    """SYNTHETIC state changes behind the books that they speak of, as a venue would have it."""
    changes = np.flatnonzero(rows["kind"][:-1] == Kind.SYNC_CHANGE)
    changes = changes[rows["flags"][changes] & RowFlag.SYNTHETIC != 0]
    changes = changes[rows["kind"][changes + 1] == Kind.SNAPSHOT_START]
    changes = changes[rows["instrument"][changes] == rows["instrument"][changes + 1]]
    if not len(changes):
        return rows
    lasts = np.flatnonzero(rows["flags"] & RowFlag.LAST)
    order = np.arange(len(rows))
    for first in changes.tolist():
        last = int(lasts[np.searchsorted(lasts, first, side="right")])
        order[first:last], order[last] = order[first + 1 : last + 1].copy(), first
    return rows[order]


def _event(ts_ns: int, number: int, kind: Kind, size: int, aux: int, venue_ns: int = NULL) -> bytes:
    """A row of ours."""
    return ROW.pack(ts_ns, venue_ns, NULL, NULL, size, aux, number, 0, kind, 0, _OURS, 0, 0)
