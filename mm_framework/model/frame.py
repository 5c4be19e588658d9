"""Log records: what enters `Feed`, as bytes. The frame log stores exactly these bytes.

A record is a 32-byte little-endian header and a payload:

    crc u4 | length u4 | kind u1 | flags u1 | connection u2 | index u4 | mono_ns i8 | wall_ns i8

``crc`` is the CRC-32 (zlib) of all bytes after it, ``length`` the payload's, ``index`` counts the
records of a shard from 0 without a hole. ``mono_ns`` is strictly increasing within a run, over all
shards: it is the order of processing. ``wall_ns`` is the wall clock as read, null (int64 minimum)
when the recording has no receive times. A **block** is one or more records back to back.
"""

from __future__ import annotations

import enum
import struct
import zlib
from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import msgspec

__all__ = [
    "HEADER",
    "MAX_FRAME_BYTES",
    "Block",
    "FrameFlag",
    "Record",
    "RecordKind",
    "encode_http",
    "encode_json",
    "encode_record",
    "iter_records",
    "split_http",
]

HEADER = struct.Struct("<IIBBHIqq")
_COVERED = struct.Struct("<IBBHIqq")
_CRC = struct.Struct("<I")

MAX_FRAME_BYTES: Final = 32 * 1024 * 1024
"""No payload is larger; a reader refuses a longer length unread."""

Block = bytes | bytearray | memoryview
"""Consecutive encoded records."""


class RecordKind(enum.IntEnum):
    """What a record is; `docs/reference/file-formats.md` gives each payload."""

    CONTROL = 1  # JSON: configuration of the shard (op start), later changes, orderly stop (op stop)
    OPEN = 2  # JSON: a connection is open (url, transport, negotiated)
    SENT = 3  # the message that we sent, verbatim
    FRAME = 4  # the message that the venue sent, verbatim
    LOST = 5  # JSON: a connection ended (reason, planned, code, detail) or could not be opened
    HTTP = 6  # one JSON line, "\n", body bytes
    TICK = 7  # a deadline was due; no payload
    CHECKPOINT = 8  # JSON: the state of Feed, a function of the records before it
    DROP = 9  # JSON: frames that were received and not kept (count, bytes, connection)
    CLOCK = 10  # JSON: the wall clock was stepped (before_ns, after_ns)


class FrameFlag(enum.IntFlag):
    """Bits of a record's ``flags``."""

    BINARY = 1


class Record(NamedTuple):
    """A decoded record. ``payload`` is a view of the block that it came from."""

    kind: int
    flags: int
    connection: int
    index: int  # type: ignore[assignment]  # hides tuple.index, which nobody asks of a record
    mono_ns: int
    wall_ns: int
    payload: memoryview


def encode_record(
    kind: int,
    payload: bytes,
    *,
    connection: int = 0,
    index: int,
    mono_ns: int,
    wall_ns: int,
    flags: int = 0,
) -> bytes:
    """Header and payload, ready for the log and for `Feed`. Raises ValueError over MAX_FRAME_BYTES."""
    if len(payload) > MAX_FRAME_BYTES:
        raise ValueError(f"payload of {len(payload)} bytes, at most {MAX_FRAME_BYTES}")
    covered = _COVERED.pack(len(payload), kind, flags, connection, index, mono_ns, wall_ns) + payload
    return _CRC.pack(zlib.crc32(covered)) + covered


def iter_records(block: Block) -> Iterator[Record]:
    """The records of a block, whose CRCs the reader of the log has checked."""
    view = memoryview(block)
    position, end = 0, len(view)
    unpack, size = HEADER.unpack_from, HEADER.size
    while position < end:
        _, length, kind, flags, connection, index, mono_ns, wall_ns = unpack(view, position)
        start = position + size
        position = start + length
        yield Record(kind, flags, connection, index, mono_ns, wall_ns, view[start:position])


def encode_json(value: object) -> bytes:
    """Canonical JSON: sorted keys, no spaces, UTF-8. One value, one byte string."""
    return msgspec.json.encode(value, order="sorted")


def encode_http(meta: dict[str, Any], body: bytes) -> bytes:
    """The payload of an HTTP record: one canonical JSON line and the body bytes as received."""
    return encode_json(meta) + b"\n" + body


def split_http(payload: Block) -> tuple[dict[str, Any], bytes]:
    """``(meta, body)`` of an HTTP record. Raises ValueError when it has no JSON line."""
    line, separator, body = bytes(payload).partition(b"\n")
    if not separator:
        raise ValueError("an HTTP record without its JSON line")
    meta = msgspec.json.decode(line)
    if not isinstance(meta, dict):
        raise ValueError("the JSON line of an HTTP record is not an object")
    return meta, body
