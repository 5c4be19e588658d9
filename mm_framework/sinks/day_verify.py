"""Is a day folder whole? Its updates are applied once more, to the engine that a capture uses.

    snapshot -> updates by recv_seq -> numbers, checksums, frames of the book -> gaps found and declared

After a gap the next tagged snapshot is taken. The folder alone is read; how the venue proves its books
comes from its plugin.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs

from mm_framework.contracts.sync_engine import SyncRules
from mm_framework.errors import CorruptFrame
from mm_framework.model.book import Level
from mm_framework.model.events import BID, NULL, Reason, SyncState
from mm_framework.model.fixed import BadNumber, ValueOverflow, decimals_of, parse, text
from mm_framework.model.instrument import Definition
from mm_framework.sinks.day_reader import DayEvent, DayReader, DaySnapshot
from mm_framework.sync.book import BookSync
from mm_framework.sync.book_state import BookMessage
from mm_framework.sync.counts import Counts
from mm_framework.sync.emit import Emitter

__all__ = ["DayReplay", "DayReport", "Finding", "scales_of", "verify_day"]

MAX_FINDINGS: Final = 1000


@attrs.frozen
class Finding:
    """Something that is wrong. ``what``: gap, checksum, frame, snapshot."""

    what: str
    recv_seq: int
    text: str


@attrs.define
class DayReport:
    """The answer. ``found``: what the replay shows; ``declared``: the gaps that the recorder knew of.

    ``found_at``: where all of what was found is; ``ignored``: updates before a snapshot. ``proof``:
    sequence, checksum or none.
    """

    path: Path
    exchange: str
    date: str
    proof: str
    runs: list[str] = attrs.Factory(list)
    snapshots: int = 0
    resyncs: int = 0
    diffs: int = 0
    ignored: int = 0
    frames_compared: int = 0
    frames_different: int = 0
    found: list[Finding] = attrs.Factory(list)
    n_found: int = 0
    found_at: list[int] = attrs.Factory(list)
    declared: list[dict[str, str]] = attrs.Factory(list)
    torn: list[str] = attrs.Factory(list)
    counts: Counts = attrs.Factory(Counts)

    @property
    def gaps(self) -> int:
        """All gaps; one that was declared right after the update that shows it counts once."""
        declared = {int(one["recv_seq"]) for one in self.declared}
        return len(self.declared) + sum(seq + 1 not in declared for seq in self.found_at)

    @property
    def ok(self) -> bool:
        """No gap at all."""
        return self.gaps == 0

    def add(self, what: str, recv_seq: int, text: str) -> None:
        """Add a finding; the first ones are kept."""
        self.n_found += 1
        self.found_at.append(recv_seq)
        if len(self.found) < MAX_FINDINGS:
            self.found.append(Finding(what, recv_seq, text))

    def to_json(self) -> dict[str, Any]:
        """The document of ``mm verify --json``."""
        counts = self.counts
        return {
            "ok": self.ok,
            "day_dir": str(self.path),
            "exchange": self.exchange,
            "date": self.date,
            "proof": self.proof,
            "runs": self.runs,
            "gaps": self.gaps,
            "found": [attrs.asdict(one) for one in self.found],
            "n_found": self.n_found,
            "declared": self.declared,
            "snapshots": self.snapshots,
            "resyncs": self.resyncs,
            "diffs": {"recorded": self.diffs, "ignored": self.ignored},
            "checksums": {"verified": counts.checksums_verified, "failed": counts.checksums_failed},
            "sequence": {
                "applied": counts.sequence_applied,
                "dropped": counts.sequence_dropped,
                "breaks": counts.sequence_breaks,
            },
            "frames": {"compared": self.frames_compared, "different": self.frames_different},
            "torn": self.torn,
        }


def verify_day(reader: DayReader, rules: SyncRules) -> DayReport:
    """Replay a day folder. Raises CorruptFrame where it is not readable."""
    return DayReplay(reader, rules).run()


class _Owner:
    """Implements `sync.book.Owner` for a book that no `Feed` holds."""

    defined = True

    def __init__(self, definition: Definition) -> None:
        self.definition = definition

    def redefine(self, *, price_decimals: int, size_decimals: int, precision: str) -> None:
        """See `sync.book.Owner`."""
        self.definition = attrs.evolve(
            self.definition, price_decimals=price_decimals, size_decimals=size_decimals, precision=precision
        )

    def state_changed(self, old: SyncState, new: SyncState, reason: Reason, epoch: int) -> None:
        """See `sync.book.Owner`."""


class DayReplay:
    """One pass over a folder. ``scales``: decimals of prices and sizes, the most of the folder by default."""

    def __init__(
        self, reader: DayReader, rules: SyncRules, scales: tuple[int, int] | None = None, name: str = "day"
    ) -> None:
        self._reader, self._rules = reader, rules
        self._scales = scales or scales_of(reader)
        self._owner, self._emitter = _Owner(Definition(0, 0, name, name, *self._scales)), Emitter()
        kind = "checksum" if rules.checksum else "none"
        if rules.sequence is not None and rules.sequence.scope == "instrument":
            kind = "sequence"
        self.report = DayReport(reader.path, reader.exchange, reader.date, kind)
        self._sync = BookSync(self._owner, rules, self._emitter, self.report.counts, 0)
        self._sync.connected()
        self._frames = reader.frames()
        self._frame = next(self._frames, None)
        self._applied = 0
        self._orphans: list[int] = []

    def run(self) -> DayReport:
        """All of it."""
        for seq, item in self._items():
            self._compare_until(seq)
            self._emitter.clear()
            self._take(seq, item)
        self._compare_until(None)
        self.report.declared = list(self._reader.gaps())
        self.report.torn = self._reader.torn
        return self.report

    def _take(self, seq: int, item: Any) -> None:
        """One line of the ledger, or one update."""
        if isinstance(item, DayEvent):
            self._event(item)
        else:
            self._tell_orphans()
            self._diff(seq, item)

    def _items(self) -> Iterator[tuple[int, Any]]:
        """The ledger and the updates by ``recv_seq``, which no two of them share."""
        events = ((event.recv_seq, 0, event) for event in self._reader.events())
        diffs = ((int(diff["recv_seq"]), 1, diff) for diff in self._reader.diffs())
        merged: Iterator[tuple[int, int, Any]] = heapq.merge(events, diffs, key=lambda one: one[:2])
        return ((seq, item) for seq, _, item in merged)

    def _event(self, event: DayEvent) -> None:
        report = self.report
        if event.run_id not in report.runs:
            report.runs.append(event.run_id)
        if event.word == "run_start":
            self._orphans = []  # a kill of the run before took their updates with it
            self._forget()
        elif event.word == "resync_start":
            report.resyncs += 1
            if self._sync.s.built:
                self._sync.lose(Reason.__members__.get(str(event.facts.get("reason")), Reason.NONE), 0)
        elif event.word == "snapshot_loaded":
            self._load(event)

    def _load(self, event: DayEvent) -> None:
        snapshot = self._reader.snapshot(event.event_id)
        if snapshot is None:
            self.report.add("snapshot", event.recv_seq, f"the snapshot of event {event.event_id} is missing")
            return
        self.report.snapshots += 1
        waiting = self._sync.s.waiting
        self._define(event.facts, snapshot)
        self._forget()
        self._sync.s.waiting = waiting
        number = snapshot.last_update_id or NULL
        message = self._message(list(snapshot.levels), event.recv_seq)
        message.snapshot, message.last = True, number
        message.checksum = NULL if snapshot.checksum is None else snapshot.checksum
        self._apply(message, event.recv_seq)

    def _define(self, facts: dict[str, Any], snapshot: DaySnapshot) -> None:
        """Depth and display precision as the ledger has them; an earlier one says neither."""
        depth, old = _whole(facts, "depth"), self._owner.definition
        if depth is None and self._rules.keeps_depth:
            bids = sum(side == BID for side, _, _ in snapshot.levels)
            depth = max(bids, len(snapshot.levels) - bids) or None
        decimals = _whole(facts, "price_decimals"), _whole(facts, "size_decimals")
        self._owner.definition = attrs.evolve(
            old,
            depth=depth,
            price_decimals=old.price_decimals if decimals[0] is None else decimals[0],
            size_decimals=old.size_decimals if decimals[1] is None else decimals[1],
        )

    def _diff(self, seq: int, diff: dict[str, Any]) -> None:
        self.report.diffs += 1
        try:
            levels = [(side, p, s) for side, key in ((1, "b"), (-1, "a")) for p, s in diff[key]]
            message = self._message(levels, seq)
            if self._rules.sequence is not None and self._rules.sequence.scope == "instrument":
                message.first, message.last = int(diff["U"]), int(diff["u"])
                message.prev = int(diff.get("pu", NULL))
            event_ms, checksum = diff.get("E"), diff.get("checksum")
            message.ts_venue_ns = int(event_ms) * 1_000_000 if event_ms else NULL
            message.checksum = NULL if checksum is None else int(checksum)
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptFrame(f"update {seq} of {self._reader.path} is not readable: {error!r}") from None
        if not self._sync.s.built:
            self.report.ignored += 1
        self._apply(message, seq)

    def _apply(self, message: BookMessage, seq: int) -> None:
        # What a crossed book means depends on the venue's status, which the recorder obeyed and declared.
        self._applied, before = seq, self.report.counts.checksums_failed
        broken = self._sync.apply(message, 0, online=False)
        if broken is None:
            return
        what = "checksum" if self.report.counts.checksums_failed > before else "gap"
        self.report.add(what, seq, f"recv_seq {seq}: {broken.name}")

    def _message(self, levels: list[tuple[int, str, str]], seq: int) -> BookMessage:
        parsed, price_decimals, size_decimals = [], 0, 0
        try:
            for side, price, size in levels:
                parsed.append((side, parse(price, self._scales[0]), parse(size, self._scales[1])))
                price_decimals = max(price_decimals, decimals_of(price))
                size_decimals = max(size_decimals, decimals_of(size))
        except (BadNumber, ValueOverflow) as error:
            raise CorruptFrame(f"recv_seq {seq} of {self._reader.path}: {error}") from None
        return BookMessage(False, parsed, (price_decimals, size_decimals))

    def _forget(self) -> None:
        """The next snapshot is taken whatever the book is."""
        state = self._sync.s
        state.built = state.bridging = False
        state.number, state.waiting = None, []

    def _compare_until(self, seq: int | None) -> None:
        """Hold the frames before ``seq`` against the book, which is now as it was after them."""
        while self._frame is not None and (seq is None or self._frame[0] < seq):
            number, cells = self._frame
            self._frame = next(self._frames, None)
            if not self._sync.s.built:
                continue
            if number != self._applied:
                self._orphans.append(number)
                continue
            self.report.frames_compared += 1
            if cells != self._frame_of(len(cells) // 4):
                self.report.frames_different += 1
                self.report.add("frame", number, f"recv_seq {number}: the frame is not the replayed book")

    def _tell_orphans(self) -> None:
        """Frames whose update is not there, although a later one of the run is."""
        for number in self._orphans:
            self.report.add("frame", number, f"recv_seq {number}: the update of this frame is missing")
        self._orphans = []

    def _frame_of(self, n: int) -> list[str]:
        book, cells = self._sync.book, []
        sides: list[list[Level]] = [book.bids(n), book.asks(n)]
        for k in range(n):
            for levels in sides:
                price, size = levels[k] if k < len(levels) else (0, 0)
                cells += [text(price, self._scales[0]), text(size, self._scales[1])]
        return cells


def _whole(facts: dict[str, Any], key: str) -> int | None:
    value = facts.get(key)
    return value if type(value) is int and 0 <= value <= 10**6 else None


def scales_of(reader: DayReader) -> tuple[int, int]:
    """The most decimals of any price and size of the folder."""
    price = size = 0
    try:
        for event in reader.events():
            snapshot = reader.snapshot(event.event_id) if event.word == "snapshot_loaded" else None
            for _, one, other in snapshot.levels if snapshot is not None else ():
                price, size = max(price, decimals_of(one)), max(size, decimals_of(other))
        for diff in reader.diffs():
            for one, other in (*diff["b"], *diff["a"]):
                price, size = max(price, decimals_of(one)), max(size, decimals_of(other))
    except (BadNumber, KeyError, TypeError, ValueError) as error:
        raise CorruptFrame(f"{reader.path} holds an update that is not readable: {error!r}") from None
    return price, size
