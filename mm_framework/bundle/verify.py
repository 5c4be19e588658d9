"""Is a bundle what the venue said? CRCs, indexes, checkpoints recomputed, then `Feed` over every record.

The log is read once, shard by shard. At each CHECKPOINT record the state that `Feed` has come to is
compared with the one that was written. A damaged segment ends at the damage; the next one starts over
from its checkpoint. Whatever speaks against the recording is a `Failure`; none means ``ok``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import attrs
import msgspec

from mm_framework.bundle.frames import ShardReader
from mm_framework.bundle.index import IndexBuilder, encode_entries, index_path
from mm_framework.bundle.run import Run
from mm_framework.bundle.segment import Fault, SegmentReader, records_of, seal_holds
from mm_framework.bundle.tables import CONNECTION_KINDS, CONNECTIONS, INSTRUMENTS, connection_line, precedes
from mm_framework.bundle.verify_report import Failure, VerifyReport, proofs_json
from mm_framework.errors import CorruptFrame
from mm_framework.feed import Counts, Feed, InstrumentView, Output, VenueKit
from mm_framework.feed.output import Malformed
from mm_framework.model.book import book_digest
from mm_framework.model.events import BID, NULL, ROW, Kind, Message, Reason, Row, iter_messages, iter_rows
from mm_framework.model.fixed import text
from mm_framework.model.frame import Record, RecordKind, iter_records
from mm_framework.model.instrument import Definition

__all__ = ["verify"]

MAX_FAILURES: Final = 1000
"""Failures beyond these are counted and not kept."""

MAX_LEVELS: Final = 20


def verify(
    run: Run, kits: Mapping[str, VenueKit], progress: Callable[[int], object] = lambda _: None
) -> VerifyReport:
    """Verify a bundle. ``progress`` is told the bytes of each block.

    Raises PluginError's kinds only through ``kits``; whatever is wrong with the bundle is in the report.
    """
    verification = _Verification(run, kits, progress)
    for reader in run.shards:
        verification.shard(reader)
    verification.tables()
    return verification.report()


class _Verification:
    """The reading of one bundle, and what it has found so far."""

    def __init__(self, run: Run, kits: Mapping[str, VenueKit], progress: Callable[[int], object]) -> None:
        self.run, self.kits, self.progress = run, kits, progress
        self.whole = run.manifest.state not in ("running", "interrupted")
        self.counts = Counts()
        self.failures: list[Failure] = []
        self.n_failures = self.errors = self.crc_mismatch = self.torn_bytes = self.checkpoints = 0
        self.first_ns: int | None = None
        self.last_ns = 0
        self.unproved: set[str] = set()
        self.fallbacks: Counter[str] = Counter()
        self.instruments: dict[str, dict[str, Any]] = {}
        self._told_by: dict[str, int] = {}
        self.definitions: dict[int, Definition] = {}
        self.connections: list[dict[str, Any]] = []
        self.first_index: dict[int, int] = {}

    def shard(self, reader: ShardReader) -> None:
        """Read one shard."""
        shard, feed = reader.shard, Feed(self.kits, reader.shard)
        for stretch in reader.stretches():
            if stretch.missing:
                file = stretch.segment.path.name
                self._error("missing", shard, f"{stretch.missing} records are missing before {file}")
            fresh = stretch.fresh
            if fresh:
                self._leave(feed)
                feed = Feed(self.kits, shard)
            stored, builder, entries = _stored_index(stretch.segment), IndexBuilder(), []
            offset = stretch.cursor.offset
            for block in stretch.blocks():
                self._block(shard, feed, block, fresh=fresh)
                self.last_ns = max(self.last_ns, stretch.segment.end.mono_ns)
                fresh = False
                self.progress(len(block))
                entries += builder.add_block(offset, block)
                offset += len(block)
            if stretch.segment.fault is not None:
                self._fault(shard, stretch.segment.fault)
            elif stored is not None and stretch.segment.header is not None:
                self._index(shard, stretch.segment, stored, encode_entries(stretch.segment.header, entries))
            if stretch.segment.fault is None and not seal_holds(stretch.segment.path):
                file = stretch.segment.path.name
                self._error("seal", shard, f"{file}: its seal names another hash than its bytes have")
        self._leave(feed)

    def _leave(self, feed: Feed) -> None:
        """Take over what a Feed has counted and holds."""
        self.counts.add(feed.counts)
        self.unproved.update(feed.unproved_channels())
        self.fallbacks.update(feed.fallbacks)
        self.definitions |= {definition.index: definition for definition in feed.definitions}
        for view in feed.instruments():
            line, other = _at_the_end(view), self.instruments.get(view.id)
            elsewhere = self._told_by.get(view.id, feed.shard) != feed.shard
            if other is None or not elsewhere or line["levels"] > other["levels"]:
                self.instruments[view.id], self._told_by[view.id] = line, feed.shard
            if view.waiting:
                text = f"{view.id}: {view.waiting} updates wait for a snapshot that never came"
                self._add(Failure("waiting", text, feed.shard, instrument=view.id))

    def _block(self, shard: int, feed: Feed, block: memoryview, *, fresh: bool) -> None:
        first = next(iter_records(block))
        self.first_index.setdefault(shard, first.index)
        if first.kind == RecordKind.CHECKPOINT:
            self.checkpoints += 1
            if not fresh:
                self._checkpoint(shard, first, feed.checkpoint())
        before = _bad(feed.counts)
        failed = feed.counts.checksums_failed
        output = feed.feed(block)
        for record in records_of(block, CONNECTION_KINDS):
            self.connections.append(msgspec.json.decode(connection_line(shard, record)))
        self.first_ns = first.mono_ns if self.first_ns is None else min(self.first_ns, first.mono_ns)
        if _bad(feed.counts) != before:
            self._events(shard, feed, output)
            self._unverified(shard, first.index, feed.counts.checksums_failed - failed, output)

    def _checkpoint(self, shard: int, record: Record, computed: bytes) -> None:
        written = bytes(record.payload)
        if written != computed:
            text = f"the checkpoint differs from the state before it, {_difference(written, computed)}"
            self._error("checkpoint", shard, text, record.index)

    def _fault(self, shard: int, fault: Fault) -> None:
        if fault.torn:
            self.torn_bytes += fault.lost_bytes
            if not self.whole:
                return
        self.crc_mismatch += 1
        self._error("crc", shard, f"{fault.error()} ({fault.lost_bytes} bytes)", fault.index)

    def _index(self, shard: int, segment: SegmentReader, stored: bytes, computed: bytes) -> None:
        """An index file that is there is what the log gives; a run that goes on may be behind with it."""
        if stored != computed and (self.whole or not computed.startswith(stored)):
            file = index_path(segment.path).name
            self._error("index", shard, f"{file} does not fit its log: `mm recover` makes it anew")

    def _events(self, shard: int, feed: Feed, output: Output) -> None:
        """Gaps, mismatches and malformed frames of a block, in order."""
        definitions = {one.number: one for one in feed.definitions}
        previous: Message | None = None
        rows = output.rows
        failures = []
        for message in iter_messages(output.messages):
            if message.kind in (Kind.GAP, Kind.CHECKSUM_MISMATCH):
                cause = previous if previous is not None and _same_frame(previous, message) else None
                definition = definitions[message.instrument]
                row = next(_rows_of(rows, message))
                failures.append(_loss(shard, definition, row, _levels(rows, cause, definition)))
            elif message.kind in (Kind.LEVEL, Kind.SNAPSHOT_START):
                previous = message
        for notice in output.notices:
            if isinstance(notice, Malformed):
                told = f"frame {notice.frame} is malformed: {notice.error}"
                failures.append(Failure("malformed", told, shard, notice.frame))
        for failure in sorted(failures, key=lambda one: one.frame or 0):
            self._add(failure)

    def _unverified(self, shard: int, index: int, failed: int, output: Output) -> None:
        """Mismatches without an event: those of a book that was given up and is kept as unverified."""
        told = sum(message.kind == Kind.CHECKSUM_MISMATCH for message in iter_messages(output.messages))
        if failed > told:
            text = f"{failed - told} checksums of books kept as unverified failed, from frame {index} on"
            self._add(Failure("checksum", text, shard))

    def tables(self) -> None:
        """The tables beside the log say what the log gives; a run that goes on may be behind with them."""
        if not self.whole or self.errors:
            return
        try:
            instruments = self.run.instruments()
            connections = self.run.connections()
        except (CorruptFrame, FileNotFoundError) as error:
            self._error("table", 0, str(error))
            return
        expected = sorted(self.definitions.values(), key=lambda one: (one.valid_from_ns, one.index))
        if instruments != [one.as_json() for one in expected]:
            self._error("table", 0, f"{INSTRUMENTS} does not fit the log: `mm recover` makes it anew")
        since = [line for line in connections if not precedes(line, self.first_index)]
        if since != sorted(self.connections, key=lambda line: line["mono_ns"]):
            self._error("table", 0, f"{CONNECTIONS} does not fit the log: `mm recover` makes it anew")

    def _error(self, what: str, shard: int, text: str, frame: int | None = None) -> None:
        self.errors += 1
        self._add(Failure(what, text, shard, frame))

    def _add(self, failure: Failure) -> None:
        self.n_failures += 1
        if len(self.failures) < MAX_FAILURES:
            self.failures.append(failure)

    def report(self) -> VerifyReport:
        """Everything, when all was read."""
        manifest = self.run.manifest
        return VerifyReport(
            run_id=manifest.run_id,
            state=manifest.state,
            flags=manifest.flags,
            records=self.counts.records,
            errors=self.errors,
            crc_mismatch=self.crc_mismatch,
            torn_bytes=self.torn_bytes,
            span_s=(self.last_ns - (self.first_ns or 0)) / 1e9 if not manifest.untimed else None,
            counts=self.counts,
            checkpoints=self.checkpoints,
            unproved_channels=tuple(sorted(self.unproved)),
            instruments=dict(sorted(self.instruments.items())),
            failures=tuple(self.failures),
            n_failures=self.n_failures,
            fallbacks=dict(sorted(self.fallbacks.items())),
        )


def _stored_index(segment: SegmentReader) -> bytes | None:
    """The index file, which is read before its log: a run that goes on writes it after."""
    path = index_path(segment.path)
    return path.read_bytes() if path.exists() else None


def _bad(counts: Counts) -> tuple[int, int, int]:
    return counts.gaps, counts.checksums_failed, counts.malformed


def _same_frame(one: Message, other: Message) -> bool:
    return (one.frame, one.instrument) == (other.frame, other.instrument)


def _rows_of(rows: memoryview, message: Message) -> Iterator[Row]:
    first = message.first_row * ROW.size
    return iter_rows(rows[first : first + message.n_rows * ROW.size])


def _levels(
    rows: memoryview, message: Message | None, definition: Definition
) -> tuple[tuple[str, str, str], ...]:
    """The levels of the message that broke a book."""
    if message is None:
        return ()
    scales = definition.price_scale, definition.size_scale
    levels = [
        ("bid" if row.side == BID else "ask", text(row.price, scales[0]), text(row.size, scales[1]))
        for row in _rows_of(rows, message)
        if row.kind == Kind.LEVEL
    ]
    return tuple(levels[:MAX_LEVELS])


def _loss(shard: int, definition: Definition, row: Row, levels: tuple[tuple[str, str, str], ...]) -> Failure:
    """A gap or mismatch row in words."""
    reason = Reason(row.aux)
    where = f"{definition.id}: frame {row.frame}"
    expected = None if row.price == NULL else str(row.price)
    found = None if row.size == NULL else str(row.size)
    if row.kind == Kind.CHECKSUM_MISMATCH:
        what, told = "checksum", f"{where} says checksum {expected}, the book gives {found}"
    elif reason is Reason.CROSSED:
        expected, found = (text(price, definition.price_scale) for price in (row.price, row.size))
        what, told = "crossed", f"{where} leaves the book crossed, bid {expected} over ask {found}"
    else:
        what, told = "gap", f"{where}: continuity is lost, {reason.name}"
    if levels:
        told += "; its levels: " + ", ".join(" ".join(level) for level in levels)
    return Failure(what, told, shard, row.frame, definition.id, reason.name, expected, found, levels)


def _at_the_end(view: InstrumentView) -> dict[str, Any]:
    """An instrument as a reader of the report wants it; prices and sizes as shortest exact decimals."""
    definition, book = view.definition, view.book
    scales = definition.price_scale, definition.size_scale
    bid, ask = book.best_bid, book.best_ask
    return {
        "bid": text(bid[0], scales[0]) if bid else None,
        "ask": text(ask[0], scales[0]) if ask else None,
        "bid_size": text(bid[1], scales[1]) if bid else None,
        "ask_size": text(ask[1], scales[1]) if ask else None,
        "book_digest": book_digest(book, *scales),
        "levels": len(book),
        "state": view.state.name,
        "epoch": view.epoch,
        "precision": definition.precision,
        **proofs_json(attrs.asdict(view.proofs)),
    }


def _difference(written: bytes, computed: bytes) -> str:
    """Where two checkpoints part."""
    try:
        old, new = msgspec.json.decode(written), msgspec.json.decode(computed)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "it is not readable"
    path = "$"
    while type(old) is type(new):
        if isinstance(old, dict) and (keys := [k for k in sorted({*old, *new}) if old.get(k) != new.get(k)]):
            path, old, new = f"{path}.{keys[0]}", old.get(keys[0]), new.get(keys[0])
        elif isinstance(old, list) and len(old) == len(new) and old != new:
            place = next(n for n, (a, b) in enumerate(zip(old, new, strict=True)) if a != b)
            path, old, new = f"{path}[{place}]", old[place], new[place]
        else:
            break
    return f"first at {path}"
