"""Frames of a log lost, repeated, swapped and late, one at a time: what becomes of the books.

A log without faults is fed once; before each frame that is to be struck the state is kept as a
checkpoint. From there a new `Feed` reads on with the frame struck, and after every book frame that
leaves the book SYNCED its levels must be those that the whole log had at that frame, or at the newest
one that came.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import attrs

from mm_framework.feed import Feed, InstrumentView, VenueKit
from mm_framework.model.book import Level
from mm_framework.model.events import Kind, Reason, Row, SyncState, iter_rows
from mm_framework.model.frame import Record, RecordKind, encode_record, iter_records

__all__ = ["FAULTS", "Moment", "Story", "struck"]

Sides = tuple[list[Level], list[Level]]

FAULTS: Final[dict[str, int | None]] = {
    "drop": None,
    "duplicate": 0,
    "late duplicate": 1,
    "swap": 1,
    "delay": 3,
}
"""Every fault, and after how many frames of its kind the frame comes (again); None: never."""

_DATA = (Kind.LEVEL, Kind.SNAPSHOT_START, Kind.TRADE)
AFTER = 4
"""Frames of the same kind that are fed after the fault."""


@attrs.define
class Moment:
    """A frame of the log as the whole log has it.

    ``instrument`` that it is about, ``kind`` of its rows (LEVEL of an update, TRADE, SNAPSHOT_START),
    ``book`` after it, ``synced`` whether that is proved, before and after; ``checkpoint`` before it when
    it is one to strike.
    """

    place: int
    instrument: str
    kind: int
    book: Sides
    synced: bool
    checkpoint: bytes | None = None


class Story:
    """A log, its ``moments``, and those of up to ``most`` updates and as many messages of trades to strike.

    ``levels``: what the proof of the books covers, None: all.
    """

    def __init__(
        self, kits: Mapping[str, VenueKit], records: Sequence[bytes], levels: int | None, most: int
    ) -> None:
        self.kits, self.records, self.levels = kits, records, levels
        self.moments: list[Moment] = []
        self._following: dict[tuple[str, int], list[Moment]] = {}
        self._read()
        self._keep(most)

    def strikes(self, kind: int) -> list[Moment]:
        """The frames to strike whose rows are of this kind."""
        return [one for one in self.moments if one.kind == kind and one.checkpoint is not None]

    def following(self, moment: Moment) -> list[Moment]:
        """This moment and those of the same kind and instrument after it."""
        same = self._following[moment.instrument, moment.kind]
        at = bisect_left(same, moment.place, key=lambda one: one.place)
        return same[at : at + AFTER + 2]

    def truths(self, instrument: str) -> dict[int, Sides]:
        """The book after each of its messages, by the place of the frame."""
        kinds = (Kind.LEVEL, Kind.SNAPSHOT_START)
        return {
            one.place: one.book for one in self.moments if one.instrument == instrument and one.kind in kinds
        }

    def held(self, view: InstrumentView) -> Sides:
        """The levels that the proof covers, best first."""
        return view.book.bids()[: self.levels], view.book.asks()[: self.levels]

    def _read(self) -> None:
        """Feed the log and note what each frame is about."""
        feed, synced = Feed(self.kits, reference=True), set[str]()
        for place, raw in enumerate(self.records):
            (record,) = iter_records(raw)
            rows = feed.feed(raw).rows
            views = {view.definition.number: view for view in feed.instruments()}
            proved = {view.id for view in views.values() if view.state is SyncState.SYNCED}
            about = next((row for row in iter_rows(rows) if row.kind in _DATA), None)
            if record.kind == RecordKind.FRAME and about is not None:
                view = views[about.instrument]
                known = view.id in synced and view.id in proved
                moment = Moment(place, view.id, about.kind, self.held(view), known)
                self.moments.append(moment)
                self._following.setdefault((view.id, about.kind), []).append(moment)
            synced = proved

    def _fit(self, moment: Moment) -> bool:
        """Whether its loss must be seen: of a proved book, or of trades after others."""
        if moment.kind == Kind.TRADE:
            return moment is not self._following[moment.instrument, moment.kind][0]
        return moment.synced

    def _keep(self, most: int) -> None:
        """Feed it again, for the checkpoints."""
        chosen: dict[int, Moment] = {}
        for kind in (Kind.LEVEL, Kind.TRADE):
            fit = [one for one in self.moments if one.kind == kind and self._fit(one)]
            fit = [one for one in fit if len(self.following(one)) > AFTER]
            chosen |= {one.place: one for one in fit[:most]}
        feed = Feed(self.kits, reference=True)
        for place, raw in enumerate(self.records[: max(chosen, default=-1) + 1]):
            if place in chosen:
                chosen[place].checkpoint = feed.checkpoint()
            feed.feed(raw)


@attrs.frozen
class Step:
    """A `Feed` after a record. ``came``: the place of the frame in the whole log, None for other records."""

    feed: Feed
    rows: list[Row]
    came: int | None

    def lost(self) -> bool:
        """Whether a loss is declared here."""
        kinds = (Kind.GAP, Kind.CHECKSUM_MISMATCH)
        return any(row.kind in kinds and row.aux != Reason.SILENT for row in self.rows)


def struck(story: Story, moment: Moment, fault: str) -> Iterator[Step]:
    """Feed the log from the checkpoint before ``moment`` on, with that frame struck by one of FAULTS."""
    assert moment.checkpoint is not None
    following = story.following(moment)
    end = following[-1].place + 1
    places = list(range(moment.place, end))
    again, twice = FAULTS[fault], "duplicate" in fault
    order = [place for place in places if place != moment.place or twice]
    if again is not None:
        order.insert(order.index(following[again].place) + 1, moment.place)
    feed = Feed(story.kits, reference=True)
    (first,) = iter_records(story.records[moment.place])
    feed.feed(_again(first, RecordKind.CHECKPOINT, moment.checkpoint, first.mono_ns))
    mono_ns = first.mono_ns
    for place in order:
        (record,) = iter_records(story.records[place])
        mono_ns = max(mono_ns + 1, record.mono_ns)
        output = feed.feed(_again(record, RecordKind(record.kind), bytes(record.payload), mono_ns))
        came = place if record.kind == RecordKind.FRAME else None
        yield Step(feed, list(iter_rows(output.rows)), came)


def _again(record: Record, kind: RecordKind, payload: bytes, mono_ns: int) -> bytes:
    return encode_record(
        kind,
        payload,
        connection=record.connection,
        index=record.index,
        mono_ns=mono_ns,
        wall_ns=record.wall_ns,
        flags=record.flags,
    )
