"""The oracle: holds what a capture said against what the emulated venue knows to be true.

It is a listener, and believes rows and messages only: it rebuilds books and states from them, as a
reader of the run would. For each frame it takes the entry of the truth log that is this frame.

1. books: at every book message in state SYNCED the best ``n`` of each side are the truth's at that
   frame. So a loss that was not declared is outside of the best ``n``. Where a snapshot is a part of the
   book, what is missing beyond the known depth is no error, and what is there must be true;
2. values: a digit that was changed on the way is outside of what numbers prove. The levels that such a
   frame made false are doubted, and no others: two of a book at most, or those that the frame told. A level
   is doubted until an unharmed message tells it, the book is lost or replaced, or a checksum covers it;
   with a checksum in each message none is ever doubted. If the digit is one of a number, some frames after
   it may seem to be repetitions, but few: then the loss is declared. A hash tells that something is wrong,
   and not what: where books are proved by it, one whose frames were harmed is compared again from the next
   whole book on, and may be false until then for no longer than ``patience_ns``;
3. a book of which frames were suppressed does not stay SYNCED without a message for longer than
   ``patience_ns``;
4. no delta crosses an epoch: a book begins with a snapshot;
5. trades: none is captured twice, and of a frame that came unharmed every one is captured. Where they are
   numbered without holes every number from the first captured one on is captured or lies in a declared gap,
   until nobody follows them. Of prints without numbers as many are captured as one connection says.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from functools import partial
from typing import Literal

import msgspec

from mm_framework.contracts.emulator import FrameKind, Level
from mm_framework.contracts.sync_engine import SyncRules
from mm_framework.emulator.truth import Outcome, TruthEntry
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.feed import FeedSettings, Output, VenueKit
from mm_framework.feed.log_bodies import Order, Unfollow, read_control
from mm_framework.feed.output import Defined
from mm_framework.model.events import ASK, BID, NULL, Kind, Reason, Row, RowFlag, SyncState, iter_rows
from mm_framework.model.frame import RecordKind, iter_records
from mm_framework.model.instrument import Definition, shard_of
from mm_framework.sync.depth import KnownDepth
from mm_framework.testing.oracle_book import HIDDEN_NS, FalseBook, Seen
from mm_framework.testing.oracle_trades import TradeLedger

__all__ = ["WHOLE", "FalseBook", "Oracle", "Values"]

WHOLE = 1000
"""Levels that are compared where a proof covers the whole book: more than an emulated market has."""


Values = Literal["each_message", "own_frame", "hash", "never"]
"""Where a venue proves the values of its books, beside that none is lost."""

_BOOK_FRAMES = (FrameKind.BOOK, FrameKind.SNAPSHOT)


def _whole(levels: int) -> int | None:
    """Nothing was asked for: a snapshot is the whole book."""
    return None


class Oracle:
    """Implements `capture.recorder.Listener`; raises FalseBook.

    ``book``: the channel whose books are compared, None for none; ``checked``: levels a side that a
    checksum covers; ``cut``: books are cut to their depth, else the venue itself deletes what falls out;
    ``connected``: frames are numbered by connection; ``numbered``: as `SyncRules.trade_ids`.
    ``asked(levels)``: how many levels a side were asked for of a snapshot that has so many, None: all.
    ``excused(from_ns, to_ns)``: nanoseconds in which the machine could do nothing, which rule 3 leaves out.
    ``counts``: frames by outcome, messages compared, levels doubted, losses declared, states reached.
    """

    done = False

    def __init__(
        self,
        emulator: VenueEmulator,
        *,
        book: str | None = "book",
        n: int = 10,
        patience_ns: int,
        numbered: bool | Literal["rising"] = True,
        values: Values = "each_message",
        checked: int = 0,
        cut: bool = True,
        connected: bool = False,
        asked: Callable[[int], int | None] = _whole,
        excused: Callable[[int, int], int] = lambda from_ns, to_ns: 0,
    ) -> None:
        if emulator.truth.levels < n:
            raise RuntimeError(f"the truth log keeps {emulator.truth.levels} levels, {n} are to be compared")
        self.emulator, self.book, self.n = emulator, book, n
        self.patience_ns, self.values, self.checked = patience_ns, values, checked
        self.cut, self.connected, self.asked, self.excused = cut, connected, asked, excused
        self.counts: Counter[str] = Counter()
        self.seen: dict[int, Seen] = {}
        self.trades = TradeLedger(numbered)
        self.channels: frozenset[str | None] | None = None
        """The channels that are followed, None: all; a venue may send prints of others unasked."""
        self.told_ns: dict[str, int] = {}
        """When the venue last made a book frame of each symbol, whatever became of it."""
        self._opened: dict[int, int] = {}
        self._shards: list[int] = []
        self._harmed: dict[str, int] = {}
        self._altered_ns: dict[int, int] = {}
        self._wire: dict[int, deque[TruthEntry]] = {}

    @classmethod
    def of(cls, emulator: VenueEmulator, kit: VenueKit, settings: FeedSettings) -> Oracle:
        """The oracle of a venue: it compares what the proof of the book's channel and the rules promise.

        The truth log must keep `WHOLE` levels.
        """
        rules, adapter = kit.rules, kit.adapter
        book = next((one for one in adapter.channels if one.carries == "book"), None)
        by_rest = rules.sequence is not None and rules.sequence.bridge == "rest"
        proved = book is not None and book.proof.kind in ("sequence", "checksum", "hash")
        silent_s = settings.stream_idle_s + settings.ack_timeout_s
        dead_s = adapter.idle_timeout_s + (adapter.ping_interval_s or 0) + settings.ping_timeout_s
        return cls(
            emulator,
            book=book.name if book is not None and proved else None,
            n=(book.proof.levels if book is not None else None) or WHOLE,
            patience_ns=round((max(silent_s, dead_s) + 10) * 1e9),
            numbered=rules.trade_ids,
            values=_values(rules),
            checked=0 if rules.checksum is None else rules.checksum.depth,
            cut=rules.checksum is not None and rules.checksum.truncate,
            connected=rules.sequence is not None and rules.sequence.scope == "connection",
            asked=partial(adapter.default_depth, book.name) if book is not None and by_rest else _whole,
        )

    # the listener

    def on_output(self, shard: int, record: bytes, mono_ns: int, output: Output) -> None:
        """See `capture.recorder.Listener`."""
        (decoded,) = iter_records(record)
        if decoded.kind == RecordKind.OPEN:
            self._opened[decoded.connection] = len(self._shards)
            self._shards.append(shard)
        self._take_truth()
        for notice in output.notices:
            if isinstance(notice, Defined):
                self._define(notice.definition)
        entry = None
        if decoded.kind == RecordKind.FRAME:
            entry = self._next(decoded.connection)
            self._came(entry, mono_ns)
        elif decoded.kind == RecordKind.CONTROL:
            self._control(read_control(decoded))
        elif decoded.kind == RecordKind.DROP:
            self._drop(decoded.connection, msgspec.json.decode(decoded.payload)["count"])
        rows = list(iter_rows(output.rows))
        for row in rows:
            self._row(row, entry)
        if entry is not None:
            self._frame(entry, rows, mono_ns)
        self._check_patience(mono_ns)

    def next_timer_ns(self) -> int | None:
        """See `capture.recorder.Listener`."""
        return None

    def on_end(self, mono_ns: int) -> None:
        """See `capture.recorder.Listener`."""
        self.counts["trades"] += self.trades.check()

    def _control(self, order: Order) -> None:
        for one in order.subscriptions if isinstance(order, Unfollow) else ():
            self.trades.left(one.instrument, one.channel)

    # rows

    def _define(self, definition: Definition) -> None:
        self.seen.setdefault(definition.number, Seen(definition)).definition = definition

    def _row(self, row: Row, entry: TruthEntry | None) -> None:
        seen = self.seen[row.instrument]
        channel = None if entry is None else entry.channel
        if row.kind in (Kind.SNAPSHOT_START, Kind.LEVEL) and entry is not None:
            seen.fed_by = row.connection
        match row.kind:
            case Kind.SNAPSHOT_START:
                seen.begin(row.epoch, whole=bool(row.flags & RowFlag.LAST))
            case Kind.LEVEL:
                seen.level(row, cut=self.cut and bool(row.flags & RowFlag.LAST))
                if seen.begins and row.flags & RowFlag.LAST:
                    seen.begun(self.asked)
            case Kind.KNOWN_DEPTH:
                bid, ask = (None if price == NULL else price for price in (row.price, row.size))
                seen.widened(KnownDepth(bid, ask))
                self.counts["refreshed"] += 1
            case Kind.SYNC_CHANGE:
                seen.state = SyncState(row.size)
                self.counts[seen.state.name] += 1
            case Kind.GAP if row.aux == Reason.TRADE_ID_GAP:
                self.trades.hole(seen.definition.id, channel, range(row.price, row.size))
                self.counts["trade gaps"] += 1
            case Kind.GAP | Kind.CHECKSUM_MISMATCH:
                seen.lost()
                self.counts["books lost"] += 1
            case Kind.TRADE if row.aux != NULL:
                self.trades.captured(seen.definition.id, channel, row.aux, altered=_altered(entry))

    # truth

    def _take_truth(self) -> None:
        for entry in self.emulator.truth.drain():
            self.counts[entry.outcome] += 1
            if entry.symbol is not None and self._of_book(entry):
                self.told_ns[entry.symbol] = entry.at_ns
            if entry.wire is not None and entry.connection is not None:
                self._wire.setdefault(entry.connection, deque()).append(entry)
            elif entry.outcome == Outcome.SUPPRESSED and self._of_book(entry):
                self._suppress(entry)
            if entry.faults and entry.symbol is not None and self._of_book(entry):
                self._harmed[entry.symbol] = entry.number

    def _of_book(self, entry: TruthEntry) -> bool:
        return entry.kind in _BOOK_FRAMES and self.book is not None and entry.channel == self.book

    def _next(self, connection: int) -> TruthEntry:
        """What the next frame of a connection is."""
        return self._wire[self._opened[connection]].popleft()

    def _drop(self, connection: int, count: int) -> None:
        """Frames that came and were not kept."""
        for entry in [self._next(connection) for _ in range(count)]:
            self.counts["dropped"] += 1
            if self._of_book(entry):
                self._suppress(entry)

    def _suppress(self, entry: TruthEntry) -> None:
        for seen in self._of(entry):
            if seen.suppressed_ns is None:
                seen.suppressed_ns = entry.at_ns

    def _came(self, entry: TruthEntry, mono_ns: int) -> None:
        """Note the trades of a frame, and whether it is as the venue made it, and where the venue put it."""
        hidden = self._hidden(entry, mono_ns)
        unharmed = not (hidden or _altered(entry) or "reorder" in entry.faults)
        for seen in self._of(entry) if entry.kind == FrameKind.TRADE else ():
            self.trades.came(seen.definition.id, entry.channel, entry.trade_ids, unharmed=unharmed)

    def _hidden(self, entry: TruthEntry, mono_ns: int) -> bool:
        """Whether a number of the connection may have been altered so lately that it hides the frame."""
        connection = entry.connection or 0
        if "corrupt" in entry.faults:
            self._altered_ns[connection] = mono_ns
        altered_ns = self._altered_ns.get(connection)
        return self.connected and altered_ns is not None and mono_ns - altered_ns <= HIDDEN_NS

    def _frame(self, entry: TruthEntry, rows: list[Row], mono_ns: int) -> None:
        """Compare what the frame made of its book with what the venue knew when it made the frame.

        A frame that gave no levels (it was altered, and is malformed now) is a lost one.
        """
        touched = Counter(row.instrument for row in rows if row.kind in (Kind.LEVEL, Kind.SNAPSHOT_START))
        if entry.kind == FrameKind.TRADE and not self.trades.numbered:
            self._prints(entry, {row.instrument for row in rows if row.kind == Kind.TRADE})
        if "corrupt" in entry.faults and self.values in ("own_frame", "never"):
            self._alter(entry, touched)
            for row in rows:
                if row.kind == Kind.KNOWN_DEPTH:  # by an altered number a refresh may be joined too early
                    self.seen[row.instrument].harm = None
        if entry.bids is None or entry.asks is None:
            return
        for seen in self._of(entry):
            if entry.kind == FrameKind.CHECKSUM:
                # During a handover the connection that does not feed the book speaks of another moment.
                if seen.fed_by is not None and self._opened[seen.fed_by] == entry.connection:
                    self._check_covered(seen, entry)
            elif self._of_book(entry) and seen.definition.number not in touched:
                if entry.at_ns <= seen.told_ns:
                    self.counts["told before"] += 1  # by another connection, during a handover
                    continue
                self.counts["unread"] += 1
                self._suppress(entry)
                if entry.outcome == Outcome.SENT:
                    seen.passed_over(mono_ns, _told(entry))
            elif self._of_book(entry):
                seen.suppressed_ns, seen.told_ns = None, max(seen.told_ns, entry.at_ns)
                self._compare(seen, entry)

    def _prints(self, entry: TruthEntry, taken: set[int]) -> None:
        if self.channels is not None and entry.channel not in self.channels:
            return
        for seen in self._of(entry):
            self.trades.printed(
                seen.definition.id,
                entry.channel,
                entry.connection,
                entry.at_ns,
                taken=seen.definition.number in taken,
                altered=_altered(entry),
            )

    def _of(self, entry: TruthEntry) -> list[Seen]:
        """The instrument of an entry under its present number, on the shard of its connection."""
        shard = self._shards[entry.connection or 0]
        return [
            seen
            for seen in self.seen.values()
            if seen.definition.venue_symbol == entry.symbol and shard_of(seen.definition.number) == shard
        ][-1:]

    def _compare(self, seen: Seen, entry: TruthEntry) -> None:
        truth = self._truth(seen, entry)
        if seen.harm != 0:
            self.counts["doubted"] += seen.doubt(truth, _told(entry))
        if self.values == "hash" and not seen.whole(entry, self._harmed.get(entry.symbol or "", -1)):
            self.counts["unproved"] += 1
            seen.harmed(truth, entry.at_ns, self.patience_ns, _told(entry))
        elif seen.state is SyncState.SYNCED:
            self.counts["compared"] += 1
            seen.compare(truth, min(self.n, seen.definition.depth or self.n), _told(entry))

    def _truth(self, seen: Seen, entry: TruthEntry) -> dict[int, list[Level]]:
        listing = self.emulator.market.listings[entry.symbol or ""]
        scales = listing.price_scale, listing.size_scale
        return {
            side: seen.scaled(levels, scales)
            for side, levels in ((BID, entry.bids or ()), (ASK, entry.asks or ()))
        }

    # altered values

    def _alter(self, entry: TruthEntry, touched: Counter[int]) -> None:
        """An altered frame may have harmed the book that it is for, and any that it gave levels to."""
        harmed = dict(touched)
        if self._of_book(entry):
            for seen in self._of(entry):
                harmed.setdefault(seen.definition.number, 0)
        for number, rows in harmed.items():
            self.seen[number].altered(rows)

    def _check_covered(self, seen: Seen, entry: TruthEntry) -> None:
        """A checksum that came unharmed and leaves the book SYNCED covers its best levels."""
        if seen.state is SyncState.SYNCED and not _altered(entry):
            levels = min(self.checked, seen.definition.depth or self.checked)
            self.counts["covered"] += 1
            seen.cover(self._truth(seen, entry), levels, _told(entry))

    def _check_patience(self, mono_ns: int) -> None:
        for seen in self.seen.values():
            lost_ns = seen.suppressed_ns
            if lost_ns is None:
                continue
            if seen.state is not SyncState.SYNCED:
                seen.suppressed_ns = None
            elif mono_ns - lost_ns - self.excused(lost_ns, mono_ns) > self.patience_ns:
                raise FalseBook(
                    f"{seen.definition.id} is SYNCED although it heard nothing since a frame was"
                    f" suppressed {(mono_ns - lost_ns) / 1e9:.1f} s ago"
                )


def _values(rules: SyncRules) -> Values:
    if rules.checksum is not None:
        return rules.checksum.when
    return "never" if rules.hash is None else "hash"


def _altered(entry: TruthEntry | None) -> bool:
    return entry is not None and bool({"corrupt", "checksum"} & {*entry.faults})


def _told(entry: TruthEntry) -> str:
    return f"frame {entry.wire} of connection {entry.connection} ({entry.outcome} {entry.faults})"
