"""One segment file of a frame log: its name, its header, and the reader that survives damage.

    header (40 bytes) | record | record | ...

Records are those of `model.frame`, byte for byte. `SegmentReader.blocks` yields the longest valid
prefix as blocks of whole, checked records; what stopped it is its ``fault``.
"""

from __future__ import annotations

import hashlib
import os
import re
import struct
import zlib
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, cast

import attrs

from mm_framework.bundle.sealed import SealedFile, sealed_path
from mm_framework.errors import CorruptFrame, EnvironmentFailed, SchemaMismatch
from mm_framework.kernels.loader import active
from mm_framework.model.frame import HEADER, MAX_FRAME_BYTES, Record, RecordKind, iter_records

if TYPE_CHECKING:
    from mm_framework.kernels.log_reader import Chunk

__all__ = [
    "BLOCK_BYTES",
    "CUT_SHORT",
    "SEGMENT_HEADER_BYTES",
    "Cursor",
    "Fault",
    "SegmentHeader",
    "SegmentReader",
    "iter_encoded",
    "next_record",
    "open_segment",
    "parse_segment_name",
    "record_places",
    "records_of",
    "scan",
    "seal_holds",
    "segment_files",
    "segment_name",
    "segment_sha256",
    "segment_status",
]

MAGIC: Final = b"MMFRAMES"
FORMAT_VERSION: Final = 1
BLOCK_BYTES: Final = 1 << 20

_HEADER = struct.Struct("<8sHHIIqqI")
SEGMENT_HEADER_BYTES: Final = _HEADER.size
_NAME = re.compile(r"shard_([0-9]{2,5})(?:\.([0-9]{4,}))?\.frames")


def segment_name(shard: int, segment: int) -> str:
    """``shard_00.frames`` for the first segment, then ``shard_00.0001.frames``."""
    return f"shard_{shard:02d}.frames" if segment == 0 else f"shard_{shard:02d}.{segment:04d}.frames"


def segment_files(folder: Path) -> list[tuple[int, int, Path]]:
    """``(shard, segment, path)`` of all segments of a folder, in order.

    A sealed one has the path that it had before; `open_segment` reads it all the same.
    """
    paths = (path.with_suffix("") if path.name.endswith(".zst") else path for path in folder.iterdir())
    found = {(*parsed, path) for path in paths if (parsed := parse_segment_name(path.name))}
    return sorted(found)


def open_segment(path: Path) -> BinaryIO:
    """The bytes of a segment, sealed or not. Raises OSError, and CorruptFrame for a damaged seal."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        if not sealed_path(path).exists():
            raise
        return cast(BinaryIO, SealedFile(sealed_path(path)))


def segment_status(path: Path) -> tuple[int, int]:
    """Size of a segment, sealed or not, and when its file was changed last (ns). Raises OSError."""
    with open_segment(path) as file:
        size = file.seek(0, os.SEEK_END)
    return size, (path if path.exists() else sealed_path(path)).stat().st_mtime_ns


def segment_sha256(path: Path) -> str:
    """The SHA-256 (hex) of a segment's bytes, sealed or not. Raises OSError."""
    digest = hashlib.sha256()
    with open_segment(path) as file:
        while block := file.read(BLOCK_BYTES):
            digest.update(block)
    return digest.hexdigest()


def seal_holds(path: Path) -> bool:
    """Whether a segment's bytes have the hash that its seal names; True for one that is not sealed."""
    with open_segment(path) as file:
        named = file.raw_sha256 if isinstance(file, SealedFile) else None
    return named is None or named == segment_sha256(path)


def parse_segment_name(name: str) -> tuple[int, int] | None:
    """``(shard, segment)`` of a segment's file name, None for any other name."""
    match = _NAME.fullmatch(name)
    if match is None:
        return None
    shard, segment = int(match[1]), int(match[2] or 0)
    return (shard, segment) if segment_name(shard, segment) == name else None


@attrs.frozen
class SegmentHeader:
    """The first 40 bytes of a segment; ``first_index`` is the index of its first record.

    ``wall0_ns`` and ``mono0_ns`` are the run's pair of clocks: receive time = wall0 + mono - mono0.
    """

    shard: int
    segment: int
    first_index: int
    wall0_ns: int
    mono0_ns: int

    def encode(self) -> bytes:
        """The bytes at the start of the file."""
        numbers = (self.shard, self.segment, self.first_index, self.wall0_ns, self.mono0_ns)
        body = _HEADER.pack(MAGIC, FORMAT_VERSION, *numbers, 0)[:-4]
        return body + struct.pack("<I", zlib.crc32(body))

    @classmethod
    def decode(cls, data: bytes, path: Path) -> SegmentHeader:
        """Read a header. Raises CorruptFrame (also when it is cut short), or SchemaMismatch."""
        if len(data) < _HEADER.size:
            raise CorruptFrame(f"{path} ends inside its header", path=path, offset=0)
        magic, version, *numbers, crc = _HEADER.unpack_from(data)
        if magic != MAGIC:
            raise CorruptFrame(f"{path} is not a frame log: it begins with {magic!r}", path=path, offset=0)
        if crc != zlib.crc32(data[: _HEADER.size - 4]):
            raise CorruptFrame(f"the header of {path} fails its CRC", path=path, offset=0)
        if version != FORMAT_VERSION:
            raise SchemaMismatch(
                f"{path} has frame log format {version}, this version reads {FORMAT_VERSION}:"
                " use a newer mm-framework",
                path=path,
            )
        return cls(*numbers)


@attrs.frozen
class Cursor:
    """A place between records: byte ``offset`` and ``index`` of the next, ``mono_ns`` of the last one."""

    offset: int
    index: int
    mono_ns: int = -(2**63)


@attrs.frozen
class Fault:
    """Why reading a segment stopped before its end.

    ``torn``: the writer was interrupted and no valid record follows; otherwise the file is damaged.
    ``index`` is that of the record that cannot be read, None when the header itself cannot be;
    ``lost_bytes`` are all bytes from ``offset`` on.
    """

    path: Path
    offset: int
    index: int | None
    reason: str
    torn: bool
    lost_bytes: int

    def error(self) -> CorruptFrame:
        """The fault as an exception."""
        what = "the header" if self.index is None else f"record {self.index}"
        return CorruptFrame(
            f"{what} of {self.path} at byte {self.offset} {self.reason}:"
            " `mm verify` tells what can be read, `mm recover` cuts off the rest",
            path=self.path,
            offset=self.offset,
            index=self.index,
        )


CUT_SHORT: Final = "is cut short"


def scan(view: memoryview, position: int, index: int, mono_ns: int) -> tuple[int, int, int, str | None]:
    """Check the records of ``view`` from ``position`` on, the first having ``index``, after ``mono_ns``.

    Returns the position, index and mono_ns after the last good record and what is wrong with the next
    one (None when there is none). Stops before a CHECKPOINT that is not the first record, so that
    a checkpoint always begins a block.
    """
    start, end = position, len(view)
    unpack, crc32, header_bytes = HEADER.unpack_from, zlib.crc32, HEADER.size
    while position < end:
        payload = position + header_bytes
        if payload > end:
            return position, index, mono_ns, CUT_SHORT
        crc, length, kind, _, _, found, stamp, _ = unpack(view, position)
        stop = payload + length
        if length > MAX_FRAME_BYTES:
            return position, index, mono_ns, f"claims a length of {length} bytes"
        if stop > end:
            return position, index, mono_ns, CUT_SHORT
        if crc32(view[position + 4 : stop]) != crc:
            return position, index, mono_ns, "fails its CRC"
        if found != index:
            return position, index, mono_ns, f"has index {found} where {index} is due"
        if stamp <= mono_ns:
            return position, index, mono_ns, f"goes back in time, from mono_ns {mono_ns} to {stamp}"
        if kind == RecordKind.CHECKPOINT and position > start:
            break
        position, index, mono_ns = stop, index + 1, stamp
    return position, index, mono_ns, None


Scan = Callable[[int, int, int], tuple[int, int, int, str | None]]
"""`scan` for the bytes at hand."""


def _read(file: BinaryIO, rest: memoryview, size: int) -> tuple[memoryview, Scan]:
    """``rest`` and up to ``size`` more bytes of the file, and how to check their records."""
    if not active():
        view = memoryview(bytes(rest) + file.read(size))
        return view, partial(scan, view)
    from mm_framework.kernels.log_reader import Chunk

    chunk = Chunk(file, rest, size)
    return chunk.view, partial(_walk, chunk)


def _walk(chunk: Chunk, position: int, index: int, mono_ns: int) -> tuple[int, int, int, str | None]:
    """`scan` by the kernel; it leaves the record that is wrong to `scan` itself."""
    stop, index, mono_ns, wrong = chunk.walk(position, index, mono_ns)
    return scan(chunk.view, stop, index, mono_ns) if wrong else (stop, index, mono_ns, None)


def records_of(block: memoryview, kinds: Collection[int]) -> Iterator[Record]:
    """The records of these kinds, of a block that `SegmentReader.blocks` yields."""
    if not active():
        return (record for record in iter_records(block) if record.kind in kinds)
    from mm_framework.kernels.log_reader import places

    return (next(iter_records(block[place:])) for place in places(block, kinds))


def record_places(block: memoryview) -> Iterator[int]:
    """Where the records of a block of whole records begin."""
    position = 0
    while position < len(block):
        yield position
        position += HEADER.size + HEADER.unpack_from(block, position)[1]


def iter_encoded(block: memoryview) -> Iterator[memoryview]:
    """The records of a block of whole records, each with its header."""
    position = 0
    while position < len(block):
        stop = position + HEADER.size + HEADER.unpack_from(block, position)[1]
        yield block[position:stop]
        position = stop


class SegmentReader:
    """Reads one segment. ``last``: no segment follows in its shard, so its end may be torn.

    ``header`` is None when it cannot be read, ``fault`` then says why and `blocks` yields nothing.
    Raises SchemaMismatch for a newer format, EnvironmentFailed when the file cannot be opened.
    """

    def __init__(self, path: Path, *, last: bool = True) -> None:
        self.path, self.last = path, last
        self.header: SegmentHeader | None = None
        self.fault: Fault | None = None
        self.end = Cursor(SEGMENT_HEADER_BYTES, 0)
        """The place after the last good record that `blocks` has yielded."""
        with _open(path) as file:
            self.size = file.seek(0, os.SEEK_END)
            file.seek(0)
            data = file.read(SEGMENT_HEADER_BYTES)
        try:
            header = SegmentHeader.decode(data, path)
        except CorruptFrame:
            torn = last and len(data) < SEGMENT_HEADER_BYTES
            self.fault = Fault(path, 0, None, CUT_SHORT if torn else "is damaged", torn, self.size)
            return
        if (header.shard, header.segment) == parse_segment_name(path.name):
            self.header = header
        else:
            self.fault = Fault(path, 0, None, "is that of another file", False, self.size)

    @property
    def start(self) -> Cursor:
        """The place of the first record."""
        return Cursor(SEGMENT_HEADER_BYTES, self.header.first_index if self.header else 0)

    def blocks(self, cursor: Cursor | None = None, block_bytes: int = BLOCK_BYTES) -> Iterator[memoryview]:
        """Blocks of whole, checked records from ``cursor`` (default: the first record) on.

        A block holds at most about ``block_bytes``, more when one record does, and stays valid as long
        as it is referred to. Sets ``end`` on the way and, when a record cannot be read, ``fault``.
        """
        if self.header is None:
            return
        self.fault = None
        self.end = cursor or self.start
        with _open(self.path) as file:
            file.seek(self.end.offset)
            rest, wrong = memoryview(b""), None
            while True:
                view, check = _read(file, rest, max(block_bytes - len(rest), len(rest), HEADER.size))
                if len(view) == len(rest):
                    break
                position = 0
                while position < len(view):
                    stop, index, mono_ns, wrong = check(position, self.end.index, self.end.mono_ns)
                    if stop > position:
                        self.end = Cursor(self.end.offset + stop - position, index, mono_ns)
                        yield view[position:stop]
                    position = stop
                    if wrong:
                        break
                if wrong and wrong != CUT_SHORT:
                    break
                rest = view[position:]
        if wrong:
            self._stop(wrong)

    def _stop(self, reason: str) -> None:
        """Record what is wrong with the record at ``end``."""
        with _open(self.path) as file:
            self.size = max(file.seek(0, os.SEEK_END), self.end.offset)
        torn = self.last and next_record(self.path, self.end) is None
        lost = self.size - self.end.offset
        self.fault = Fault(self.path, self.end.offset, self.end.index, reason, torn, lost)


def next_record(path: Path, cursor: Cursor) -> int | None:
    """The offset of a valid later record behind the bad one at ``cursor``; None when there is none.

    This tells damage from a torn end. Every byte offset is tried, most are ruled out in bulk.
    """
    import numpy as np

    with _open(path) as file, _open(path) as probe:
        offset = cursor.offset + 1
        while True:
            file.seek(offset)
            chunk = file.read(BLOCK_BYTES)
            if len(chunk) < HEADER.size:
                return None
            count = len(chunk) - HEADER.size + 1
            octets = np.frombuffer(chunk, dtype=np.uint8)
            kind, length_top = octets[8 : 8 + count], octets[7 : 7 + count]
            possible = (kind >= 1) & (kind <= max(RecordKind)) & (length_top <= MAX_FRAME_BYTES >> 24)
            for place in np.flatnonzero(possible).tolist():
                if _is_record(probe, offset + place, cursor):
                    return int(offset + place)
            offset += count


def _is_record(file: BinaryIO, offset: int, after: Cursor) -> bool:
    """Whether a valid record with a later index and stamp begins at ``offset``."""
    file.seek(offset)
    header = file.read(HEADER.size)
    crc, length, _, _, _, index, mono_ns, _ = HEADER.unpack(header)
    farthest = after.index + (offset - after.offset) // HEADER.size
    if not after.index < index <= farthest or mono_ns <= after.mono_ns or length > MAX_FRAME_BYTES:
        return False
    payload = file.read(length)
    return len(payload) == length and bool(zlib.crc32(payload, zlib.crc32(header[4:])) == crc)


def _open(path: Path) -> BinaryIO:
    try:
        return open_segment(path)
    except OSError as error:
        raise EnvironmentFailed(f"cannot read {path}: {error.strerror}") from error
