"""Frames of a log lost, repeated, swapped and late, one at a time: what becomes of the books.

A log without faults is fed once; before each frame that is to be struck the state is kept as a
checkpoint. From there a new `Feed` reads on with the frame struck, and after every book frame that
leaves the book SYNCED its levels must be those that the whole log had at that frame, or at the newest
one that came.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs

from mm_framework.feed import Feed, Output, VenueKit
from mm_framework.model.book import Level
from mm_framework.model.events import Kind, Reason, Row, SyncState, iter_rows
from mm_framework.model.frame import Record, RecordKind, encode_record, iter_records

__all__ = ["FAULTS", "Moment", "Story", "struck"]

Sides = tuple[list[Level], list[Level]]

FAULTS = {"drop": 0, "duplicate": 1, "swap": 1, "delay": 3}
"""Every fault, and by how many book frames it moves a frame."""

AFTER = 4
"""Frames of the same kind that are fed after the fault."""


@attrs.frozen
class Moment:
    """A frame of the log as the whole log has it.

    ``instrument`` that it is about, ``kind`` of its rows (LEVEL of an update, TRADE, SNAPSHOT_START),
    ``book`` after it, ``checkpoint`` before it when it is one to strike.
    """

    place: int
    instrument: str
    kind: int
    book: Sides
    checkpoint: bytes | None


@attrs.define
class Story:
    """A log, and its moments. ``levels``: what the proof of the books covers, None: all."""

    kits: Mapping[str, VenueKit]
    records: Sequence[bytes]
    levels: int | None
    moments: list[Moment] = attrs.Factory(list)

    def tell(self, most: int) -> None:
        """Feed the log, and keep up to ``most`` frames to strike of books and of trades each."""
        feed, left = Feed(self.kits, reference=True), {Kind.LEVEL: most, Kind.TRADE: most}
        for place, raw in enumerate(self.records):
            (record,) = iter_records(raw)
            before = feed.checkpoint() if record.kind == RecordKind.FRAME else None
            about = self._about(record, feed, feed.feed(raw))
            if about is None:
                continue
            instrument, kind = about
            strikes = left.get(Kind(kind), 0) > 0 and self._synced(feed, instrument)
            if strikes:
                left[Kind(kind)] -= 1
            self.moments.append(
                Moment(place, instrument, kind, self.book(feed, instrument), before if strikes else None)
            )
            if not any(left.values()):
                most = 0

    def book(self, feed: Feed, instrument: str) -> Sides:
        """The levels that the proof covers, best first."""
        for view in feed.instruments():
            if view.id == instrument:
                return view.book.bids()[: self.levels], view.book.asks()[: self.levels]
        return [], []

    def strikes(self, kind: int) -> list[Moment]:
        """The frames to strike whose rows are of this kind, with enough frames after them."""
        found = [one for one in self.moments if one.kind == kind and one.checkpoint is not None]
        return [one for one in found if len(self.following(one)) > AFTER]

    def following(self, moment: Moment) -> list[Moment]:
        """This moment and those of the same kind and instrument after it."""
        same = [one for one in self.moments if one.place >= moment.place and one.kind == moment.kind]
        return [one for one in same if one.instrument == moment.instrument][: AFTER + 2]

    def _about(self, record: Record, feed: Feed, output: Output) -> tuple[str, int] | None:
        """Instrument and kind of a frame's first data row."""
        if record.kind != RecordKind.FRAME:
            return None
        names = {view.definition.number: view.id for view in feed.instruments()}
        for row in iter_rows(output.rows):
            if row.kind in (Kind.LEVEL, Kind.SNAPSHOT_START, Kind.TRADE):
                return names[row.instrument], row.kind
        return None

    def _synced(self, feed: Feed, instrument: str) -> bool:
        return any(
            view.id == instrument and view.state is SyncState.SYNCED for view in feed.instruments()
        )


@attrs.frozen
class Step:
    """What a `Feed` was after a record: ``came`` is the place of the frame in the whole log, None for others."""

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
    moved = following[FAULTS[fault]].place if FAULTS[fault] else None
    order = [place for place in places if place != moment.place or fault == "duplicate"]
    if moved is not None:
        order.insert(order.index(moved) + 1, moment.place)
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
