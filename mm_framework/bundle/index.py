"""The index of a segment: sparse places in the log, for seeking. Never needed to read.

    header (24 bytes) | entry (32 bytes) | entry | ...

An entry stands for the first record, for the first record that begins 64 KiB or more behind the last
entry, and for every CHECKPOINT: a function of the segment's records. `load_index` takes the entries
that fit the log and finds the others by reading it, so an index may be absent, late or damaged.
"""

from __future__ import annotations

import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import attrs

from mm_framework.bundle.segment import (
    BLOCK_BYTES,
    Cursor,
    SegmentHeader,
    SegmentReader,
    open_segment,
    record_places,
)
from mm_framework.kernels.loader import active
from mm_framework.model.frame import HEADER, RecordKind

__all__ = [
    "STRIDE_BYTES",
    "IndexBuilder",
    "IndexEntry",
    "encode_entries",
    "encode_index",
    "index_path",
    "last_entry",
    "load_index",
]

MAGIC: Final = b"MMINDEX\0"
FORMAT_VERSION: Final = 1
STRIDE_BYTES: Final = 1 << 16

_HEADER = struct.Struct("<8sHHII")
_ENTRY = struct.Struct("<QqIB7xI")
HEADER_BYTES: Final = _HEADER.size + 4


@attrs.frozen
class IndexEntry:
    """A record's byte ``offset`` in its segment, ``mono_ns``, ``index`` and ``kind``."""

    offset: int
    mono_ns: int
    index: int
    kind: int

    def encode(self) -> bytes:
        """The 32 bytes of the file."""
        body = _ENTRY.pack(self.offset, self.mono_ns, self.index, self.kind, 0)[:-4]
        return body + struct.pack("<I", zlib.crc32(body))

    @property
    def cursor(self) -> Cursor:
        """Where reading from this record begins."""
        return Cursor(self.offset, self.index, self.mono_ns - 1)


class IndexBuilder:
    """Decides which records get an entry; given each record in order, one by one or in blocks."""

    def __init__(self, last_offset: int | None = None) -> None:
        self._due = 0 if last_offset is None else last_offset + STRIDE_BYTES

    def add(self, offset: int, mono_ns: int, index: int, kind: int) -> IndexEntry | None:
        """The record's entry, or None when it needs none."""
        if offset < self._due and kind != RecordKind.CHECKPOINT:
            return None
        self._due = offset + STRIDE_BYTES
        return IndexEntry(offset, mono_ns, index, kind)

    def add_block(self, offset: int, block: memoryview) -> list[IndexEntry]:
        """The entries of a block at ``offset``, which `SegmentReader.blocks` yields."""
        entries = []
        for place in self._candidates(offset, block):
            _, _, kind, _, _, index, mono_ns, _ = HEADER.unpack_from(block, place)
            entry = self.add(offset + place, mono_ns, index, kind)
            if entry is not None:
                entries.append(entry)
        return entries

    def _candidates(self, offset: int, block: memoryview) -> Iterable[int]:
        """Where records begin: all of them, or those that will get an entry."""
        if active():
            from mm_framework.kernels.log_reader import places

            return places(block, (RecordKind.CHECKPOINT,), self._due - offset, STRIDE_BYTES)
        return record_places(block)


def index_path(segment: Path) -> Path:
    """``shard_00.idx`` beside ``shard_00.frames``."""
    return segment.with_suffix(".idx")


def index_header(shard: int, segment: int) -> bytes:
    """The first 24 bytes of an index."""
    body = _HEADER.pack(MAGIC, FORMAT_VERSION, shard, segment, 0)
    return body + struct.pack("<I", zlib.crc32(body))


def encode_entries(header: SegmentHeader, entries: Iterable[IndexEntry]) -> bytes:
    """The index file of the segment with this header."""
    first = index_header(header.shard, header.segment)
    return first + b"".join(entry.encode() for entry in entries)


def encode_index(reader: SegmentReader) -> bytes:
    """The whole index file of a segment, made from its valid records."""
    assert reader.header is not None, "a segment without a header has no index"
    return encode_entries(reader.header, _scan(reader, []))


def load_index(reader: SegmentReader) -> list[IndexEntry]:
    """The entries of a segment, in order; from the file as far as it fits the log, else by reading."""
    if reader.header is None:
        return []
    return _scan(reader, _stored(reader))


def last_entry(entries: list[IndexEntry], index: int) -> IndexEntry | None:
    """The last entry that begins at or before the record ``index``."""
    place = bisect_right(entries, index, key=lambda entry: entry.index)
    return entries[place - 1] if place else None


def _scan(reader: SegmentReader, known: list[IndexEntry]) -> list[IndexEntry]:
    """``known`` continued by reading from its last entry on."""
    entries = known[:-1]
    builder = IndexBuilder(entries[-1].offset if entries else None)
    cursor = known[-1].cursor if known else reader.start
    for block in reader.blocks(cursor, BLOCK_BYTES):
        entries += builder.add_block(cursor.offset, block)
        cursor = reader.end
    return entries


def _stored(reader: SegmentReader) -> list[IndexEntry]:
    """The leading entries of the index file that are whole, in order and match the log."""
    assert reader.header is not None
    path = index_path(reader.path)
    data = path.read_bytes() if path.is_file() else b""
    if data[:HEADER_BYTES] != index_header(reader.header.shard, reader.header.segment):
        return []
    entries: list[IndexEntry] = []
    with open_segment(reader.path) as log:
        for position in range(HEADER_BYTES, len(data) - _ENTRY.size + 1, _ENTRY.size):
            *fields, crc = _ENTRY.unpack_from(data, position)
            entry = IndexEntry(*fields)
            if crc != zlib.crc32(data[position : position + _ENTRY.size - 4]):
                break
            if entry.offset <= (entries[-1].offset if entries else 0):
                break
            log.seek(entry.offset)
            header = log.read(HEADER.size)
            if len(header) < HEADER.size:
                break
            _, _, kind, _, _, index, mono_ns, _ = HEADER.unpack(header)
            if (mono_ns, index, kind) != (entry.mono_ns, entry.index, entry.kind):
                break
            entries.append(entry)
    return entries
