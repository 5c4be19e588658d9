"""What is in a bundle: counts and times, single records, and the rows that they give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice, zip_longest
from typing import Any

import attrs

from mm_framework.bundle.fatal import last_frames_name, last_frames_shards, read_fatal, read_last_frames
from mm_framework.bundle.feeding import feed_shard
from mm_framework.bundle.frames import ShardReader
from mm_framework.bundle.index import last_entry, load_index
from mm_framework.bundle.run import MISSING, Run
from mm_framework.bundle.segment import Fault
from mm_framework.bundle.tables import read_document
from mm_framework.bundle.times import format_utc
from mm_framework.feed import VenueKit
from mm_framework.model.events import NULL, Kind, Row, RowFlag, iter_rows
from mm_framework.model.fixed import text
from mm_framework.model.frame import FrameFlag, Record, RecordKind, iter_records
from mm_framework.model.instrument import Definition

__all__ = [
    "Selection",
    "describe",
    "hexdump",
    "kind_name",
    "payload_of",
    "rows",
    "select",
    "select_last",
    "summarize",
]


@attrs.frozen
class Selection:
    """Which records: of these kinds (all when empty), from an index on, of one shard (None: all)."""

    kinds: frozenset[int] = frozenset()
    shard: int | None = None
    from_index: int = 0
    limit: int | None = None


def kind_name(kind: int) -> str:
    """``frame`` for 4; the number for a kind that this version does not know."""
    try:
        return RecordKind(kind).name.lower()
    except ValueError:
        return str(kind)


def summarize(run: Run) -> dict[str, Any]:
    """Counts, times, connections and instruments of a bundle, JSON values only. Reads every record."""
    kinds: Counter[str] = Counter()
    payload_bytes: Counter[str] = Counter()
    shards = []
    for reader in run.shards:
        span = _Span()
        faults = []
        for stretch in reader.stretches():
            for block in stretch.blocks():
                for record in iter_records(block):
                    name = kind_name(record.kind)
                    kinds[name] += 1
                    payload_bytes[name] += len(record.payload)
                    span.add(record)
            if stretch.segment.fault is not None:
                faults.append(_fault_json(stretch.segment.fault))
        segments = [segment.path.name for segment in reader.segments]
        shards.append(
            {
                "shard": reader.shard,
                "segments": segments,
                "bytes": reader.size,
                **span.as_json(),
                "faults": faults,
            }
        )
    manifest = run.manifest
    return {
        "run_id": manifest.run_id,
        "state": manifest.state,
        "created": manifest.created,
        "flags": list(manifest.flags),
        "made_by": manifest.made_by,
        "venues": sorted({info.venue for info in manifest.shards}),
        "records": sum(kinds.values()),
        "kinds": {name: {"records": kinds[name], "bytes": payload_bytes[name]} for name in sorted(kinds)},
        "shards": shards,
        "connections": run.connections(),
        "instruments": run.instruments(),
        "fatal": read_fatal(run.path),
        "missing": read_document(run.path / MISSING),
        "last_frames": [_last_frames(run, shard) for shard in last_frames_shards(run.path)],
        "result": manifest.result,
        "recovered": manifest.recovered,
    }


def _last_frames(run: Run, shard: int) -> dict[str, Any]:
    span = _Span()
    for record in read_last_frames(run.path, shard):
        span.add(record)
    return {"shard": shard, "file": last_frames_name(shard), **span.as_json()}


def select_last(run: Run, selection: Selection) -> Iterator[tuple[int, Record]]:
    """`select` from the records that a fatal run kept from its memory."""
    wanted = (
        (shard, record)
        for shard in last_frames_shards(run.path)
        if selection.shard in (None, shard)
        for record in read_last_frames(run.path, shard)
        if record.index >= selection.from_index and (not selection.kinds or record.kind in selection.kinds)
    )
    return islice(wanted, selection.limit)


class _Span:
    """First and last record of a shard."""

    def __init__(self) -> None:
        self.records = 0
        self.first: Record | None = None
        self.last: Record | None = None

    def add(self, record: Record) -> None:
        self.records += 1
        self.first = self.first or record
        self.last = record

    def as_json(self) -> dict[str, Any]:
        first, last = self.first, self.last
        return {
            "records": self.records,
            "first_index": first.index if first else None,
            "last_index": last.index if last else None,
            "first_mono_ns": first.mono_ns if first else None,
            "last_mono_ns": last.mono_ns if last else None,
            "first_wall": _wall(first) if first else None,
            "last_wall": _wall(last) if last else None,
        }


def select(run: Run, selection: Selection) -> Iterator[tuple[int, Record]]:
    """``(shard, record)`` of the selection, shard by shard; damage is passed over."""
    wanted = (
        (reader.shard, record)
        for reader in run.shards
        if selection.shard in (None, reader.shard)
        for record in _records_from(reader, selection.from_index)
        if not selection.kinds or record.kind in selection.kinds
    )
    return islice(wanted, selection.limit)


def _records_from(reader: ShardReader, index: int) -> Iterator[Record]:
    """The records from ``index`` on; the index files spare reading what comes before."""
    following = [segment.start.index for segment in reader.segments[1:]]
    for segment, next_start in zip_longest(reader.segments, following):
        if segment is None or (next_start is not None and next_start <= index):
            continue
        entry = last_entry(load_index(segment), index) if index else None
        for block in segment.blocks(entry.cursor if entry else None):
            for record in iter_records(block):
                if record.index >= index:
                    yield record


def describe(shard: int, record: Record) -> dict[str, Any]:
    """A record as JSON values: its header, and its payload as text, or as hex when it is none."""
    payload = bytes(record.payload)
    described: dict[str, Any] = {
        "shard": shard,
        "index": record.index,
        "kind": kind_name(record.kind),
        "connection": record.connection,
        "binary": bool(record.flags & FrameFlag.BINARY),
        "mono_ns": record.mono_ns,
        "wall": _wall(record),
        "bytes": len(payload),
    }
    try:
        described["text"] = payload.decode()
    except UnicodeDecodeError:
        described["hex"] = payload.hex()
    return described


def payload_of(described: dict[str, Any]) -> bytes:
    """The payload of a record as `describe` gave it."""
    if "hex" in described:
        return bytes.fromhex(described["hex"])
    return str(described["text"]).encode()


def hexdump(payload: bytes) -> str:
    """Sixteen bytes a line: offset, hex, and what is printable."""
    lines = []
    for offset in range(0, len(payload), 16):
        part = payload[offset : offset + 16]
        shown = "".join(chr(octet) if 32 <= octet < 127 else "." for octet in part)
        lines.append(f"{offset:08x}  {part.hex(' '):<47}  {shown}")
    return "\n".join(lines)


def _wall(record: Record) -> str | None:
    return None if record.wall_ns == NULL else format_utc(record.wall_ns)


def _fault_json(fault: Fault) -> dict[str, Any]:
    return {
        "file": fault.path.name,
        "offset": fault.offset,
        "index": fault.index,
        "reason": fault.reason,
        "torn": fault.torn,
        "lost_bytes": fault.lost_bytes,
    }


def rows(run: Run, kits: Mapping[str, VenueKit], selection: Selection) -> Iterator[dict[str, Any]]:
    """The rows that the selected records give, as JSON values; kinds and flags by name.

    Prices and sizes of levels, trades and tops are decimal texts; elsewhere they are the codes of the
    row's kind. None where nothing was told.
    """
    return islice(_rows(run, kits, selection), selection.limit)


def _rows(run: Run, kits: Mapping[str, VenueKit], selection: Selection) -> Iterator[dict[str, Any]]:
    for reader in run.shards:
        if selection.shard not in (None, reader.shard):
            continue
        for fed in feed_shard(reader, kits):
            wanted = {
                record.index
                for record in iter_records(fed.block)
                if record.index >= selection.from_index
                and (not selection.kinds or record.kind in selection.kinds)
            }
            definitions = {one.number: one for one in fed.feed.definitions}
            for row in iter_rows(fed.output.rows):
                if row.frame in wanted:
                    yield _row_json(reader.shard, row, definitions.get(row.instrument))


def _row_json(shard: int, row: Row, definition: Definition | None) -> dict[str, Any]:
    decimal = definition is not None and row.kind in (Kind.LEVEL, Kind.TRADE, Kind.TOP)
    scales = (definition.price_scale, definition.size_scale) if definition and decimal else (None, None)

    def number(value: int, scale: int | None) -> str | int | None:
        if value == NULL:
            return None
        return value if scale is None else text(value, scale)

    return {
        "shard": shard,
        "frame": row.frame,
        "seq": row.seq,
        "instrument": definition.id if definition else None,
        "connection": row.connection,
        "epoch": row.epoch,
        "kind": Kind(row.kind).name.lower(),
        "side": row.side,
        "price": number(row.price, scales[0]),
        "size": number(row.size, scales[1]),
        "aux": number(row.aux, None),
        "flags": [flag.name.lower() for flag in RowFlag if row.flags & flag and flag.name],
        "ts_recv": None if row.ts_recv_ns == NULL else format_utc(row.ts_recv_ns),
        "ts_venue": None if row.ts_venue_ns == NULL else format_utc(row.ts_venue_ns),
    }
