"""A part of a store as rows in the total order: instruments, a time range, a quality policy.

    for rows in selection.blocks(): ...       structured arrays of `row_dtype`
    selection.digest()

The order is (ts_recv_ns, run, shard, row). Where a selection begins in the middle of a run, or behind
an interval that the policy leaves out, the book stands as SYNTHETIC rows. In what comes out
``instrument`` is an index of ``definitions``, and ``seq`` counts messages from 0.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Literal

import attrs
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mm_framework.bundle.digest import EventDigest, places_of
from mm_framework.bundle.times import FIRST_NS
from mm_framework.model.events import RowFlag, row_dtype
from mm_framework.model.instrument import SHARD_SHIFT, Definition
from mm_framework.store.books import EVERY, Stream
from mm_framework.store.follow import Follower, Near
from mm_framework.store.manifest import Part, Stored, Verdict
from mm_framework.store.mapped import give_back
from mm_framework.store.overlap import without
from mm_framework.store.root import Root
from mm_framework.store.row_cache import RowCache
from mm_framework.store.schema import Scales, event_columns

__all__ = ["Policy", "Selection", "usable"]

Rows = npt.NDArray[Any]
Policy = Literal["pass", "warn", "any"]

_BLOCK: Final = 1 << 17


def usable(verdict: Verdict, policy: Policy) -> bool:
    """Whether a policy takes data of this verdict at all; of QUARANTINE what is in no interval."""
    taken = {"pass": ("PASS", "QUARANTINE"), "warn": ("PASS", "WARN", "QUARANTINE")}
    return policy == "any" or verdict.status in taken[policy]


@attrs.frozen(eq=False)
class Selection:
    """``partitions`` that the policy takes, of ``instruments`` (all of them when empty), between
    ``from_ns`` and ``to_ns`` (half-open). ``definitions``: (run, number) -> definition.
    """

    root: Root
    cache: RowCache
    partitions: Sequence[Stored]
    instruments: frozenset[str]
    from_ns: int
    to_ns: int
    policy: Policy
    known: Mapping[tuple[str, int], Definition]

    @property
    def definitions(self) -> list[Definition]:
        """What ``instrument`` of the rows counts: sorted by id, run and number."""
        return [definition for _, definition in self._numbered()]

    @property
    def origins(self) -> list[tuple[str, int]]:
        """Run and instrument number there of each of ``definitions``."""
        return [origin for origin, _ in self._numbered()]

    def left_out(self) -> list[tuple[str, str, int, int]]:
        """``(run, instrument, from_ns, to_ns)`` of the intervals that the policy leaves out."""
        if self.policy == "any":
            return []
        return sorted(
            {
                (part.run, stretch.instrument, from_ns, to_ns)
                for stored in self.partitions
                for from_ns, to_ns, _ in stored.verdict.intervals
                for part in stored.parts
                for stretch in part.stretches
                if not self.instruments or stretch.instrument in self.instruments
            }
        )

    def blocks(self, rows: int = _BLOCK) -> Iterator[Rows]:
        """All rows in order, about so many at a time. Raises StoreError for a part that is not as named."""
        numbers = {key: place for place, (key, _) in enumerate(self._numbered())}
        seq, last = -1, (-1, -1)
        for date in sorted({one.partition.date for one in self.partitions}):
            streams = [_Stream(*one, numbers) for one in self._streams(date)]
            while streams := [stream for stream in streams if stream.left]:
                until = min(stream.horizon(max(1, rows // len(streams))) for stream in streams)
                block, origins = _ordered([stream.take(until) for stream in streams])
                if not len(block):
                    continue
                begins = np.diff(origins, prepend=last[0]) != 0
                begins |= np.diff(block["seq"], prepend=last[1]) != 0
                last = int(origins[-1]), int(block["seq"][-1])
                block["seq"] = seq + np.cumsum(begins)
                seq = int(block["seq"][-1])
                yield block

    def digest(self) -> str:
        """The event digest of the selection."""
        digest = EventDigest(definition.id for definition in self.definitions)
        ids = dict(enumerate(definition.id for definition in self.definitions))
        for block in self.blocks():
            digest.update(block, ids)
        return digest.hexdigest()

    def count(self) -> int:
        """Rows without the SYNTHETIC ones."""
        return sum(int(np.count_nonzero(block["flags"] & RowFlag.SYNTHETIC == 0)) for block in self.blocks())

    def to_arrow(self) -> pa.Table:
        """All rows as a table of the ``events`` schema, in memory."""
        definitions = self.definitions
        scales = {
            place: Scales(one.id, one.price_scale, one.size_scale) for place, one in enumerate(definitions)
        }
        parts = [event_columns(block, "", scales) for block in self.blocks()]
        empty = event_columns(np.empty(0, row_dtype()), "", scales)
        return pa.concat_tables([empty, *parts]).drop_columns(["run"]).unify_dictionaries()

    def to_polars(self) -> Any:
        """The same as a `polars.DataFrame`; needs mm-framework[frames]."""
        import polars

        return polars.from_arrow(self.to_arrow())

    def to_pandas(self) -> Any:
        """The same as a `pandas.DataFrame`; needs mm-framework[frames]."""
        return self.to_arrow().to_pandas()

    def _numbered(self) -> list[tuple[tuple[str, int], Definition]]:
        runs = {part.run for one in self.partitions for part in one.parts}
        wanted = [
            (key, one)
            for key, one in self.known.items()
            if key[0] in runs and (not self.instruments or one.id in self.instruments)
        ]
        return sorted(wanted, key=lambda pair: (pair[1].id, pair[0]))

    def last_book(self) -> tuple[Follower, Definition, int] | None:
        """The book after the last row, its definition and the time of that row; of one instrument.

        It follows from all rows of the day, whatever the policy leaves out. None when there is no row.
        """
        found = []
        for date in sorted({one.partition.date for one in self.partitions}):
            for rows, _, part, instrument in self._whole(date):
                if end := bisect_left(rows["ts_recv_ns"], self.to_ns):
                    found.append((int(rows["ts_recv_ns"][end - 1]), part.run, rows[:end], part, instrument))
        if not found:
            return None
        last_ns, run, rows, part, instrument = max(found, key=lambda one: one[:2])
        follower = Follower({one.number: one.depth for one in self._own_definitions(part, instrument)})
        follower.reach(rows, 0, len(rows), self._near(part, instrument))
        assert follower.number is not None
        return follower, self.known[run, follower.number], last_ns

    def _streams(self, date: str) -> Iterator[tuple[Rows, str, int]]:
        """The rows of each instrument of each part of a day, with their run and its place among runs."""
        runs = {part.run for one in self.partitions if one.partition.date == date for part in one.parts}
        ranks = {run: rank for rank, run in enumerate(sorted(runs))}
        for rows, stored, part, instrument in self._whole(date):
            yield self._cut(rows, stored, part, instrument), part.run, ranks[part.run]

    def _whole(self, date: str) -> Iterator[tuple[Rows, Stored, Part, str]]:
        """All rows of each instrument of each part of a day, of the parts that the policy takes."""
        found = [(part, one) for one in self.partitions if one.partition.date == date for part in one.parts]
        for part, stored in sorted(found, key=lambda pair: (pair[0].run, pair[0].partition)):
            wanted = [
                one
                for one in part.stretches
                if (not self.instruments or one.instrument in self.instruments)
                and one.first_ns < self.to_ns
                and usable(one.verdict if len(part.stretches) > 1 else stored.verdict, self.policy)
            ]
            rows = self.cache.rows(self.root, part) if wanted else None
            for stretch in wanted:
                assert rows is not None
                yield self._own(rows, part, stretch.instrument), stored, part, stretch.instrument

    def _own(self, rows: Rows, part: Part, instrument: str) -> Rows:
        if len(part.stretches) == 1:
            return rows
        numbers = [one.number for one in self._own_definitions(part, instrument)]
        return np.asarray(rows[np.isin(rows["instrument"], numbers)])

    def _own_definitions(self, part: Part, instrument: str) -> list[Definition]:
        return [one for (run, _), one in self.known.items() if run == part.run and one.id == instrument]

    def _near(self, part: Part, instrument: str) -> Near:
        """Books that the row cache keeps; they are made when one is first wanted."""
        instruments = [one.instrument for one in part.stretches]

        def streams(rows: Rows) -> Iterator[Stream]:
            for one in instruments:
                depths = {known.number: known.depth for known in self._own_definitions(part, one)}
                yield self._own(rows, part, one), depths

        def near(place: int) -> tuple[int, Rows] | None:
            books = self.cache.books(self.root, part, streams) if place >= EVERY else None
            return None if books is None else books.before(instruments.index(instrument), place)

        return near

    def _cut(self, rows: Rows, stored: Stored, part: Part, instrument: str) -> Rows:
        """Without what lies outside of the time, and in intervals that the policy leaves out."""
        rows = rows[: bisect_left(rows["ts_recv_ns"], self.to_ns)]
        cuts = [] if self.policy == "any" else [(a, b) for a, b, _ in stored.verdict.intervals]
        if self.from_ns > int(rows["ts_recv_ns"][0]):
            cuts.append((FIRST_NS, self.from_ns))
        if cuts:
            own = self._own_definitions(part, instrument)
            rows = without(rows, cuts, own, ended=True, near=self._near(part, instrument))
        return rows[: bisect_left(rows["ts_recv_ns"], self.to_ns)]


class _Stream:
    """The rows of one instrument in one run, as far as they are taken."""

    def __init__(self, rows: Rows, run: str, rank: int, numbers: Mapping[tuple[str, int], int]) -> None:
        self._rows, self._times = rows, rows["ts_recv_ns"]
        self._run, self._rank, self._numbers, self._place = run, rank, numbers, 0

    @property
    def left(self) -> bool:
        """Whether rows are left."""
        return self._place < len(self._rows)

    def horizon(self, rows: int) -> int:
        """The receive time up to which there are about so many rows."""
        return int(self._times[min(self._place + rows, len(self._rows)) - 1])

    def take(self, until_ns: int) -> tuple[Rows, npt.NDArray[np.int64]]:
        """Rows up to a time; for each the run and shard whose messages ``seq`` counts."""
        end = bisect_right(self._times, until_ns, self._place)
        rows = np.array(self._rows[self._place : end])
        self._place = end
        give_back(self._rows)
        origins = (self._rank << SHARD_SHIFT) + (rows["instrument"].astype(np.int64) >> SHARD_SHIFT)
        found, places = places_of(rows["instrument"])
        wanted = np.array([self._numbers[self._run, number] for number in found.tolist()], np.uint32)
        rows["instrument"] = wanted[places]
        return rows, origins


def _ordered(parts: Sequence[tuple[Rows, npt.NDArray[np.int64]]]) -> tuple[Rows, npt.NDArray[np.int64]]:
    """Rows of several streams, each in order, in one order; ties by run, shard, message."""
    if len(parts) == 1:
        return parts[0]
    rows = np.concatenate([rows for rows, _ in parts])
    origins = np.concatenate([origins for _, origins in parts])
    order = np.lexsort((rows["seq"], origins, rows["ts_recv_ns"]))
    return rows[order], origins[order]
