"""The frame log of one shard: `LogWriter` appends records to segment files, `ShardReader` reads them.

A log is a chain of segments. A new one begins when the writer is given a CHECKPOINT record and the
present one is full or old, so that every segment can be read without the ones before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs

from mm_framework.bundle.disk import DISK, AppendFile, Disk, writing
from mm_framework.bundle.index import IndexBuilder, index_header, index_path
from mm_framework.bundle.segment import (
    BLOCK_BYTES,
    SEGMENT_HEADER_BYTES,
    Cursor,
    Fault,
    SegmentHeader,
    SegmentReader,
    iter_encoded,
    segment_files,
    segment_name,
)
from mm_framework.bundle.settings import BundleSettings
from mm_framework.errors import CorruptFrame
from mm_framework.model.frame import HEADER, RecordKind

__all__ = ["LogWriter", "Rotation", "ShardReader", "Stretch"]

GOLDEN: Final = (5**0.5 - 1) / 2
"""Its multiples, without their whole part, lie evenly between 0 and 1, however many there are."""


class Rotation:
    """When a shard's next checkpoint and its next segment are due; decided on the records alone.

    The first ones of shard 0 come after their whole time, those of the others sooner, each at another
    moment: a checkpoint takes milliseconds, and dozens of them at once would hold a run up.
    """

    def __init__(self, settings: BundleSettings, shard: int = 0) -> None:
        self._interval_ns = int(settings.checkpoint_interval_s * 1e9)
        self._lead_ns = int(self._interval_ns * (shard * GOLDEN % 1))
        self._max_ns = int(settings.segment_max_s * 1e9)
        self._max_bytes = int(settings.segment_max_mib * (1 << 20))
        self._bytes = 0
        self._segment_ns: int | None = None
        self._checkpoint_ns = 0

    def segment_due(self, mono_ns: int) -> bool:
        """Whether a CHECKPOINT record stamped ``mono_ns`` begins a new segment."""
        if self._segment_ns is None:
            return False
        return self._bytes >= self._max_bytes or mono_ns - self._segment_ns >= self._max_ns

    def checkpoint_due(self, mono_ns: int) -> bool:
        """Whether the next record, stamped ``mono_ns`` or later, should be a CHECKPOINT."""
        if self._segment_ns is None:
            return False
        return mono_ns - self._checkpoint_ns >= self._interval_ns or self.segment_due(mono_ns)

    def note(self, kind: int, mono_ns: int, size: int) -> bool:
        """Count a record of ``size`` bytes; True when it begins a new segment."""
        if self._segment_ns is None:
            self._segment_ns = self._checkpoint_ns = mono_ns - self._lead_ns
        begins = kind == RecordKind.CHECKPOINT and self.segment_due(mono_ns)
        if begins:
            self._segment_ns, self._bytes = mono_ns, 0
        if kind == RecordKind.CHECKPOINT:
            self._checkpoint_ns = mono_ns
        self._bytes += size
        return begins


class LogWriter:
    """Appends the records of one shard. One thread writes; `sync` may be called from another.

    Records are kept back until ``flush_records`` are waiting or `flush` is called. Nothing that exists
    is overwritten. Raises EnvironmentFailed, which names the path, when the disk refuses.
    """

    def __init__(
        self,
        folder: Path,
        shard: int,
        *,
        wall0_ns: int,
        mono0_ns: int,
        settings: BundleSettings | None = None,
        first_index: int = 0,
        disk: Disk = DISK,
    ) -> None:
        settings = settings or BundleSettings()
        self.folder, self._disk = folder, disk
        self.next_index = first_index
        self._clocks = (wall0_ns, mono0_ns)
        self._shard, self._segment = shard, 0
        self._flush_records = settings.flush_records
        self._rotation = Rotation(settings, shard)
        self._last_ns = -(2**63)
        self._waiting: list[bytes] = []
        self._entries: list[bytes] = []
        self._begin_segment()

    @property
    def path(self) -> Path:
        """The segment that is written now."""
        return self.folder / segment_name(self._shard, self._segment)

    def append(self, record: bytes) -> None:
        """Append one encoded record. Raises RuntimeError when its index or stamp is out of order."""
        _, _, kind, _, _, index, mono_ns, _ = HEADER.unpack_from(record)
        if index != self.next_index or mono_ns <= self._last_ns:
            raise RuntimeError(
                f"record {index} at {mono_ns} ns appended after {self.next_index - 1} at {self._last_ns} ns"
            )
        if self._rotation.note(kind, mono_ns, len(record)):
            self._end_segment()
            self._segment += 1
            self._begin_segment()
        entry = self._index.add(self._offset, mono_ns, index, kind)
        if entry is not None:
            self._entries.append(entry.encode())
        self._waiting.append(record)
        self._offset += len(record)
        self._last_ns = mono_ns
        self.next_index = index + 1
        if len(self._waiting) >= self._flush_records:
            self.flush()

    def flush(self) -> None:
        """Hand everything to the operating system: it survives the end of this process."""
        waiting, self._waiting = self._waiting, []
        entries, self._entries = self._entries, []
        if waiting:
            self._log.write(b"".join(waiting))
        if entries:
            self._idx.write(b"".join(entries))

    def sync(self) -> None:
        """Force what was flushed to the disk: it survives a loss of power."""
        self._log.sync()

    def close(self) -> None:
        """Flush, sync and close; no call follows."""
        self._end_segment()

    def abandon(self) -> None:
        """Close the files and give up what was not flushed; for after an error."""
        self._log.close()
        self._idx.close()

    def _begin_segment(self) -> None:
        self._log = AppendFile(self.path, self._disk)
        self._idx = AppendFile(index_path(self.path), self._disk)
        header = SegmentHeader(self._shard, self._segment, self.next_index, *self._clocks)
        self._log.write(header.encode())
        self._idx.write(index_header(self._shard, self._segment))
        with writing(self.folder):
            self._disk.sync_folder(self.folder)
        self._offset = SEGMENT_HEADER_BYTES
        self._index = IndexBuilder()

    def _end_segment(self) -> None:
        self.flush()
        self.sync()
        self.abandon()


@attrs.frozen
class Stretch:
    """A segment to read and where. ``fresh``: what came before is missing, state starts over here.

    ``missing``: how many records are absent before it.
    """

    segment: SegmentReader
    cursor: Cursor
    fresh: bool
    missing: int = 0

    def blocks(self, block_bytes: int = BLOCK_BYTES) -> Iterator[memoryview]:
        """Blocks of whole, checked records; afterwards ``segment.fault`` tells what stopped them."""
        return self.segment.blocks(self.cursor, block_bytes)


class ShardReader:
    """Reads one shard's log. Two ways: strict (`blocks`, `records`), or `stretches` past damage."""

    def __init__(self, folder: Path, shard: int) -> None:
        self.shard = shard
        paths = [path for number, _, path in segment_files(folder) if number == shard]
        self.segments = tuple(
            SegmentReader(path, last=position == len(paths) - 1) for position, path in enumerate(paths)
        )
        self.torn: Fault | None = None
        """The torn end that reading came to, if it did."""

    @property
    def size(self) -> int:
        """Bytes of records in all segments when they were opened."""
        return sum(max(0, segment.size - SEGMENT_HEADER_BYTES) for segment in self.segments)

    def stretches(self, begin: tuple[int, Cursor] | None = None) -> Iterator[Stretch]:
        """The segments in order. Read each to its end before taking the next.

        ``begin``: a position in ``segments`` and a place in that one to start at.
        """
        self.torn = None
        end: Cursor | None = None
        whole = True
        skip, place = begin or (0, None)
        for segment in self.segments[skip:]:
            cursor, missing, place = place or segment.start, 0, None
            if segment.header is not None:
                expected = end.index if end else None
                if expected is not None and cursor.index > expected:
                    missing, whole = cursor.index - expected, False
                elif expected is not None and cursor.index < expected:
                    raise CorruptFrame(
                        f"{segment.path} begins with record {cursor.index}, but the segment before it"
                        f" ends with {expected - 1}",
                        path=segment.path,
                        index=cursor.index,
                    )
                cursor = attrs.evolve(cursor, mono_ns=end.mono_ns if end else cursor.mono_ns)
            yield Stretch(segment, cursor, fresh=end is None or not whole, missing=missing)
            if segment.header is not None:
                end, whole = segment.end, True
            if segment.fault is not None:
                whole = False
                self.torn = segment.fault if segment.fault.torn else None

    def blocks(
        self, block_bytes: int = BLOCK_BYTES, begin: tuple[int, Cursor] | None = None
    ) -> Iterator[memoryview]:
        """Blocks of whole, checked records in order; a torn end only sets ``torn``. ``begin``: see above.

        Raises CorruptFrame at damage, and where records are missing between segments.
        """
        for stretch in self.stretches(begin):
            if stretch.missing:
                raise CorruptFrame(
                    f"{stretch.missing} records are missing before {stretch.segment.path}:"
                    " `mm slice` can cut out what lies before or behind them",
                    path=stretch.segment.path,
                    index=stretch.cursor.index,
                )
            yield from stretch.blocks(block_bytes)
            fault = stretch.segment.fault
            if fault is not None and not fault.torn:
                raise fault.error()

    def records(self) -> Iterator[memoryview]:
        """Encoded records, one at a time, as `blocks` gives them."""
        for block in self.blocks():
            yield from iter_encoded(block)
