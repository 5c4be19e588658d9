"""What a run leaves behind that an error ended: ``fatal.json``, and the last records of each shard.

    fatal.json                    the error, where it was raised, how far each shard had come
    last_frames_shard_00.bin      a frame log of one segment with the shard's last records

The records are those that the run held in memory, also when the disk no longer took them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from mm_framework.bundle.disk import Disk
from mm_framework.bundle.segment import SEGMENT_HEADER_BYTES, SegmentHeader, scan
from mm_framework.bundle.tables import read_document
from mm_framework.errors import CorruptFrame
from mm_framework.model.frame import HEADER, Record, encode_json, iter_records

__all__ = ["FATAL", "last_frames_name", "last_frames_shards", "read_fatal", "read_last_frames", "write_fatal"]

FATAL: Final = "fatal.json"
SCHEMA: Final = 1

_PREFIX: Final = "last_frames_shard_"
_SUFFIX: Final = ".bin"


def last_frames_name(shard: int) -> str:
    """The file of a shard's last records."""
    return f"{_PREFIX}{shard:02d}{_SUFFIX}"


def write_fatal(
    disk: Disk,
    path: Path,
    document: Mapping[str, Any],
    records: Mapping[int, Iterable[bytes]],
    clocks: tuple[int, int],
) -> None:
    """Write both into a bundle; ``records``: shard -> encoded records in order. ``clocks``: the run's
    wall0_ns and mono0_ns. Raises OSError.
    """
    disk.replace(path / FATAL, encode_json({"schema": SCHEMA, **document}) + b"\n")
    for shard, kept in records.items():
        kept = list(kept)
        if kept:
            first_index = HEADER.unpack_from(kept[0])[5]
            header = SegmentHeader(shard, 0, first_index, *clocks)
            disk.replace(path / last_frames_name(shard), header.encode() + b"".join(kept))


def read_fatal(path: Path) -> dict[str, Any] | None:
    """The document of ``fatal.json``, None when there is none. Raises CorruptFrame."""
    return read_document(path / FATAL)


def last_frames_shards(path: Path) -> list[int]:
    """The shards whose last records a bundle holds."""
    names = (file.name for file in path.glob(f"{_PREFIX}*{_SUFFIX}"))
    texts = (name.removeprefix(_PREFIX).removesuffix(_SUFFIX) for name in names)
    return sorted(int(text) for text in texts if text.isdecimal())


def read_last_frames(path: Path, shard: int) -> list[Record]:
    """The last records of a shard. Raises CorruptFrame, FileNotFoundError."""
    file = path / last_frames_name(shard)
    data = memoryview(file.read_bytes())
    header = SegmentHeader.decode(bytes(data[:SEGMENT_HEADER_BYTES]), file)
    place, index, mono_ns = SEGMENT_HEADER_BYTES, header.first_index, -(2**63)
    while place < len(data):
        place, index, mono_ns, wrong = scan(data, place, index, mono_ns)
        if wrong:
            raise CorruptFrame(f"record {index} of {file} {wrong}", path=file, offset=place, index=index)
    return list(iter_records(data[SEGMENT_HEADER_BYTES:]))
