"""Two runs over one instrument at one time: the better one stands for the whole time that both have.

Better is the better verdict, then the earlier start, then the name. What is left of the other begins,
behind the cut, with its book as it was then.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.model.events import Kind, SyncState
from mm_framework.model.instrument import Definition
from mm_framework.store.manifest import Overlap, Part
from mm_framework.store.mapped import give_back
from mm_framework.store.schema import ROW_GROUP
from mm_framework.store.synthetic import book_rows
from mm_framework.store.walk import BookWalk

__all__ = ["Resolved", "resolve", "without"]

Rows = npt.NDArray[Any]
Interval = tuple[int, int]


@attrs.frozen
class Resolved:
    """``cuts``: (partition as text, run) -> ``(instrument, from_ns, to_ns)`` to leave out."""

    overlaps: tuple[Overlap, ...]
    cuts: dict[tuple[str, str], tuple[tuple[str, int, int], ...]]


def resolve(parts: Sequence[Part], starts: Mapping[str, int]) -> Resolved:
    """Who wins where. ``parts`` as read, in any order; ``starts``: run -> its start in ns."""
    spans: dict[str, list[tuple[tuple[int, int, str], int, int, Part]]] = {}
    for part in parts:
        for one in part.stretches:
            better = (one.verdict.rank, starts[part.run], part.run)
            spans.setdefault(one.instrument, []).append((better, one.first_ns, one.last_ns + 1, part))
    overlaps: list[Overlap] = []
    cuts: dict[tuple[str, str], tuple[tuple[str, int, int], ...]] = {}
    for instrument, found in sorted(spans.items()):
        winners: list[tuple[int, int, str]] = []
        for (_, _, run), from_ns, to_ns, part in sorted(found, key=lambda span: span[0]):
            lost = [
                Overlap(instrument, winner, run, max(from_ns, first), min(to_ns, end))
                for first, end, winner in winners
                if winner != run and max(from_ns, first) < min(to_ns, end)
            ]
            winners.append((from_ns, to_ns, run))
            overlaps += lost
            if lost:
                key = (str(part.partition), run)
                cuts[key] = (*cuts.get(key, ()), *((instrument, one.from_ns, one.to_ns) for one in lost))
    ordered = sorted(overlaps, key=lambda one: (one.instrument, one.from_ns, one.winner, one.loser))
    return Resolved(tuple(ordered), {key: tuple(sorted(value)) for key, value in cuts.items()})


def without(
    rows: Rows, cuts: Sequence[Interval], definitions: Sequence[Definition], *, ended: bool = False
) -> Rows:
    """An instrument's rows without those in the intervals; behind each its book, as SYNTHETIC rows, if the
    run goes on there or ``ended`` books are wanted, too.
    """
    depths = {one.number: one.depth for one in definitions}
    times, pieces, place = rows["ts_recv_ns"], [], 0
    walk: BookWalk | None = None
    number, state = -1, SyncState.CONNECTING
    for from_ns, to_ns in (*_united(cuts), (None, None)):
        first = len(rows) if from_ns is None else bisect_left(times, from_ns)
        end = len(rows) if to_ns is None else bisect_left(times, to_ns)
        pieces.append(rows[place:first])
        for part in _pieces(rows[place:end]):
            if len(part):
                if walk is None or part["instrument"][0] != number:
                    number = int(part["instrument"][0])
                    walk = BookWalk(depths[number])
                walk.feed(part)
                changes = part[part["kind"] == Kind.SYNC_CHANGE]
                state = SyncState(int(changes["size"][-1])) if len(changes) else state
        goes_on = ended or end < len(rows) or state is SyncState.SYNCED
        if walk is not None and to_ns is not None and goes_on:
            epoch = int(rows["epoch"][end - 1])
            pieces.append(book_rows(walk.book, number, state, epoch, to_ns))
        place = end
    return np.concatenate(pieces)


def _pieces(rows: Rows) -> Iterator[Rows]:
    """Rows in pieces of one instrument number each, which do not stay in memory."""
    for start in range(0, len(rows), ROW_GROUP):
        chunk = rows[start : start + ROW_GROUP]
        yield from np.split(chunk, np.flatnonzero(np.diff(chunk["instrument"])) + 1)
        give_back(rows)


def _united(cuts: Sequence[Interval]) -> list[Interval]:
    united: list[Interval] = []
    for from_ns, to_ns in sorted(cuts):
        if united and from_ns <= united[-1][1]:
            united[-1] = (united[-1][0], max(to_ns, united[-1][1]))
        else:
            united.append((from_ns, to_ns))
    return united
