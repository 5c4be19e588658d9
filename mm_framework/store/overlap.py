"""Two runs over one instrument at one time: the better one stands for the whole time that both have.

Better is the better verdict, then the earlier start, then the name. What is left of the other begins,
behind the cut, with its book as it was then.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.model.events import SyncState
from mm_framework.model.instrument import Definition
from mm_framework.store.follow import Follower, Near
from mm_framework.store.manifest import Overlap, Part

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
    rows: Rows,
    cuts: Sequence[Interval],
    definitions: Sequence[Definition],
    *,
    ended: bool = False,
    near: Near = lambda place: None,
) -> Rows:
    """An instrument's rows without those in the intervals; behind each its book, as SYNTHETIC rows, if the
    run goes on there or ``ended`` books are wanted, too. ``near``: a known book not behind a place, if any.
    """
    times, pieces, place = rows["ts_recv_ns"], [], 0
    follower = Follower({one.number: one.depth for one in definitions})
    for from_ns, to_ns in _united(cuts):
        first, end = bisect_left(times, from_ns), bisect_left(times, to_ns)
        pieces.append(rows[place:first])
        follower.reach(rows, place, end, near)
        goes_on = ended or end < len(rows) or follower.state is SyncState.SYNCED
        if follower.number is not None and goes_on:
            pieces.append(follower.rows(to_ns))
        place = end
    return np.concatenate([*pieces, rows[place:]])


def _united(cuts: Sequence[Interval]) -> list[Interval]:
    united: list[Interval] = []
    for from_ns, to_ns in sorted(cuts):
        if united and from_ns <= united[-1][1]:
            united[-1] = (united[-1][0], max(to_ns, united[-1][1]))
        else:
            united.append((from_ns, to_ns))
    return united
