"""What a build needs to know of quality: a judge says for an instrument's day whether it may be used.

`judge_sync` looks at nothing but the book's own state; the checks of `mm qa` make a stricter judge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.bundle.times import DAY_NS
from mm_framework.model.events import Kind
from mm_framework.model.instrument import Definition
from mm_framework.store.holes import Holes
from mm_framework.store.manifest import Note, Verdict
from mm_framework.store.mapped import give_back
from mm_framework.store.people import BestPrices
from mm_framework.store.schema import ROW_GROUP

__all__ = ["DayRows", "Judge", "holes_of", "judge_sync", "notes_of"]

Rows = npt.NDArray[Any]


@attrs.frozen(eq=False)
class DayRows:
    """One instrument's rows of one day, in order. ``definitions``: of its numbers, in order.

    ``offsets``: receive time -> offset of the venue's clock in ms from then on; empty where it is not known.
    ``notes``: what its input shows and its rows do not.
    """

    instrument: str
    rows: Rows
    definitions: Sequence[Definition]
    offsets: Mapping[int, float] = attrs.field(factory=dict)
    notes: Sequence[Note] = ()
    _tops: list[Rows] = attrs.field(factory=list, init=False, repr=False)

    @property
    def source(self) -> str:
        """Where its best prices are from: ``book``, or ``ticker`` when no book was recorded."""
        return "book" if any((rows["kind"] == Kind.LEVEL).any() for rows in self.chunks()) else "ticker"

    def chunks(self) -> Iterator[Rows]:
        """The rows in pieces of a row group; a message may lie in two of them."""
        for start in range(0, len(self.rows), ROW_GROUP):
            yield np.ascontiguousarray(self.rows[start : start + ROW_GROUP])
            give_back(self.rows)

    def pieces(self) -> Iterator[Rows]:
        """The same, cut where another instrument number begins."""
        for chunk in self.chunks():
            yield from np.split(chunk, np.flatnonzero(np.diff(chunk["instrument"])) + 1)

    def tops(self) -> list[Rows]:
        """Where the best prices become others, of `top_dtype`, for each of the pieces; found once."""
        if not self._tops:
            prices = BestPrices(self.definitions, self.source)
            self._tops.extend(map(prices.feed, self.pieces()))
        return self._tops


Judge = Callable[[DayRows], Verdict]


def judge_sync(day: DayRows) -> Verdict:
    """QUARANTINE with the times in which the book was not the venue's, else PASS; REJECT of no rows."""
    if not len(day.rows):
        return Verdict("REJECT", ("empty",))
    holes = holes_of(day)
    tagged = tuple((from_ns, to_ns, flag) for _, from_ns, to_ns, flag in day.notes)
    flags = tuple(sorted({flag for _, _, flag in (*holes, *tagged)}))
    return Verdict("QUARANTINE" if holes else "PASS", flags, holes, tagged)


def notes_of(notes: Iterable[Note], instrument: str, day: int) -> tuple[Note, ...]:
    """The notes on an instrument's day, which counts from 1970-01-01."""
    start, end = day * DAY_NS, (day + 1) * DAY_NS
    return tuple(note for note in notes if note[0] == instrument and note[1] < end and note[2] > start)


def holes_of(day: DayRows) -> tuple[tuple[int, int, str], ...]:
    """When a book was not the venue's after it once was, and moments at which trades are missing.

    Half-open intervals of receive time with the reason as flag; one that is still open ends with the rows.
    """
    holes = Holes()
    for rows in day.chunks():
        holes.feed(rows)
    return holes.found(int(day.rows["ts_recv_ns"][-1]) + 1)
