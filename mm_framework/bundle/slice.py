"""Cut a part out of a run into a bundle of its own, which gives the same events as the whole from there.

Each shard is read from its last checkpoint at or before the start up to the start; the new log begins
with a CHECKPOINT of the state there and goes on with the original records, byte for byte.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import attrs

import mm_framework
from mm_framework.bundle.frames import ShardReader
from mm_framework.bundle.index import load_index
from mm_framework.bundle.manifest import Manifest
from mm_framework.bundle.run import Run, RunWriter
from mm_framework.bundle.segment import Cursor, iter_encoded
from mm_framework.bundle.settings import BundleSettings
from mm_framework.bundle.tables import precedes
from mm_framework.bundle.times import format_utc
from mm_framework.errors import ConfigError
from mm_framework.feed import Feed, VenueKit
from mm_framework.model.frame import HEADER, RecordKind, encode_record
from mm_framework.model.instrument import Definition

__all__ = ["Cut", "SliceReport", "slice_run"]


@attrs.frozen
class Cut:
    """Which records: from ``start`` on, before ``end`` (None: open); mono_ns, or indexes (``by_index``)."""

    start: int | None = None
    end: int | None = None
    by_index: bool = False

    @classmethod
    def by_time(cls, manifest: Manifest, start_ns: int | None, end_ns: int | None) -> Cut:
        """Receive times, epoch ns. Raises ConfigError for a recording that has none."""
        if manifest.untimed:
            raise ConfigError(
                f"run {manifest.run_id} is untimed, it has no receive times: cut it with --from-index or"
                " --from-mono"
            )
        offset = manifest.mono0_ns - manifest.wall0_ns
        return cls(
            None if start_ns is None else start_ns + offset, None if end_ns is None else end_ns + offset
        )

    def started(self, index: int, mono_ns: int) -> bool:
        """Whether a record is at or behind the start."""
        return self.start is None or (index if self.by_index else mono_ns) >= self.start

    def ended(self, index: int, mono_ns: int) -> bool:
        """Whether a record is at or behind the end."""
        return self.end is not None and (index if self.by_index else mono_ns) >= self.end


@attrs.frozen
class SliceReport:
    """The bundle that was made, and how many records of the original it holds."""

    path: Path
    records: int

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        return {"run": str(self.path), "records": self.records}


def slice_run(
    run: Run,
    kits: Mapping[str, VenueKit],
    out: Path,
    cut: Cut,
    settings: BundleSettings | None = None,
) -> SliceReport:
    """Write the part ``cut`` of ``run`` to a new bundle at ``out``.

    Raises ConfigError when ``out`` exists or nothing lies in the range, CorruptFrame when the range
    is damaged. A run that is still written is cut as far as it goes.
    """
    if cut.by_index and len(run.shards) > 1:
        raise ConfigError(
            f"run {run.manifest.run_id} has {len(run.shards)} shards, each with indexes of its own: cut it"
            " by time or by mono_ns"
        )
    parts = [_Part(reader, kits, cut) for reader in run.shards]
    if not any(part.matched for part in parts):
        raise ConfigError(f"no record of run {run.manifest.run_id} lies in that range; {_span(run)}")
    manifest = attrs.evolve(
        run.manifest,
        run_id=out.name,
        state="running",
        made_by=f"mm-framework {mm_framework.__version__}",
        source={"run_id": run.manifest.run_id, **attrs.asdict(cut)},
        result=None,
        recovered=None,
    )
    firsts = {part.shard: part.first_index for part in parts}
    writer = RunWriter.create(out, manifest, settings=settings, first_index=firsts)
    try:
        for line in run.connections():
            if precedes(line, firsts):
                writer.connection(line)
        for _, shard, record in heapq.merge(*(part.records() for part in parts)):
            writer.append(shard, record)
        records = sum(part.originals for part in parts)
        for definition in _definitions(parts):
            writer.definition(definition)
        writer.close("sliced", {"records": records})
    except BaseException:
        writer.discard()
        raise
    return SliceReport(out, records)


class _Part:
    """One shard's part. Reads up to its first record at once, the others on demand."""

    def __init__(self, reader: ShardReader, kits: Mapping[str, VenueKit], cut: Cut) -> None:
        self.shard, self.cut = reader.shard, cut
        self.feed = Feed(kits, reader.shard)
        self.originals = 0
        stream = self._stream(reader)
        first = list(islice(stream, 1 if cut.start is None else 2))
        self.first_index = HEADER.unpack_from(first[0])[5] if first else 0
        self.matched = self.originals > 0
        self._records = chain(first, stream)

    def records(self) -> Iterator[tuple[int, int, bytes]]:
        """``(mono_ns, shard, record)`` of the new log, which passes through ``feed`` on the way."""
        for record in self._records:
            yield HEADER.unpack_from(record)[6], self.shard, record

    def _stream(self, reader: ShardReader) -> Iterator[bytes]:
        started, last = False, None
        for block in reader.blocks(begin=_checkpoint_before(reader, self.cut)):
            start = 0
            if not started:
                start, before = _place(block, self.cut.started)
                last = before or last
                self._take(block[:start])
                if start == len(block):
                    continue
                started = True
                if last is not None:
                    yield self._checkpoint(last)
            end, _ = _place(block, self.cut.ended)
            self._take(block[start:end])
            for record in iter_encoded(block[start:end]):
                self.originals += 1
                yield bytes(record)
            if end < len(block):
                return
        if not started and last is not None:
            yield self._checkpoint(last)

    def _take(self, block: memoryview) -> None:
        if block:
            self.feed.feed(block)

    def _checkpoint(self, last: memoryview) -> bytes:
        """The state after the record ``last``, in its place: same index, same stamps."""
        _, _, _, _, _, index, mono_ns, wall_ns = HEADER.unpack_from(last)
        payload = self.feed.checkpoint()
        return encode_record(RecordKind.CHECKPOINT, payload, index=index, mono_ns=mono_ns, wall_ns=wall_ns)


def _checkpoint_before(reader: ShardReader, cut: Cut) -> tuple[int, Cursor] | None:
    """The last checkpoint at or before the start: segment and place. None: read from the beginning."""
    found = None
    for position, segment in enumerate(reader.segments):
        for entry in load_index(segment):
            if cut.start is None or (entry.index if cut.by_index else entry.mono_ns) > cut.start:
                return found
            if entry.kind == RecordKind.CHECKPOINT:
                found = position, entry.cursor
    return found


def _place(block: memoryview, reached: Callable[[int, int], bool]) -> tuple[int, memoryview | None]:
    """Where the first record that ``reached`` begins (the block's end: none), and the record before it."""
    position, before = 0, None
    for record in iter_encoded(block):
        _, _, _, _, _, index, mono_ns, _ = HEADER.unpack_from(record)
        if reached(index, mono_ns):
            break
        position, before = position + len(record), record
    return position, before


def _definitions(parts: list[_Part]) -> list[Definition]:
    """All definitions, in the order in which they came into force."""
    found = [
        (one.valid_from_ns, part.shard, one.index, one) for part in parts for one in part.feed.definitions
    ]
    return [definition for *_, definition in sorted(found, key=itemgetter(0, 1, 2))]


def _span(run: Run) -> str:
    """What the run does span, for a message."""
    first, last = None, None
    for _, record in run.records():
        last = HEADER.unpack_from(record)
        first = first or last
    if first is None or last is None:
        return "it has no records"
    text = f"it has mono_ns {first[6]} to {last[6]}"
    offset = run.manifest.wall0_ns - run.manifest.mono0_ns
    if run.manifest.untimed:
        return text
    return f"{text}, that is {format_utc(first[6] + offset)} to {format_utc(last[6] + offset)}"
