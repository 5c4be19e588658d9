"""The oracle: holds what a capture said against what the emulated venue knows to be true.

It is a listener, and believes rows and messages only: it rebuilds books and states from them, as a
reader of the run would. For each frame it takes the entry of the truth log that is this frame.

1. books: at every book message in state SYNCED the best ``n`` of each side are the truth's at that
   frame. So a loss that was not declared is outside of the best ``n``;
2. a book of which frames were suppressed does not stay SYNCED without a message for longer than
   ``patience_ns``;
3. no delta crosses an epoch: a book begins with a snapshot;
4. numbered trades: from the first captured number on, every number is either captured, once, or lies in
   a declared gap.
"""

from __future__ import annotations

from collections import Counter, deque
from decimal import Decimal

import attrs

from mm_framework.contracts.emulator import FrameKind, Level
from mm_framework.emulator.truth import Outcome, TruthEntry
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.feed import Output
from mm_framework.feed.output import Defined
from mm_framework.model.events import ASK, BID, NULL, Kind, Reason, Row, RowFlag, SyncState, iter_rows
from mm_framework.model.frame import RecordKind, iter_records
from mm_framework.model.instrument import Definition

__all__ = ["FalseBook", "Oracle"]

_BOOK_FRAMES = (FrameKind.BOOK, FrameKind.SNAPSHOT)


class FalseBook(AssertionError):
    """What was captured is not what the venue said."""


@attrs.define
class _Seen:
    """An instrument as its rows tell it. ``suppressed_ns``: first frame lost since the last message."""

    definition: Definition
    state: SyncState = SyncState.CONNECTING
    epoch: int = 0
    fresh: bool = True
    sides: dict[int, dict[int, int]] = attrs.field(factory=lambda: {BID: {}, ASK: {}})
    suppressed_ns: int | None = None

    def best(self, side: int, n: int) -> list[Level]:
        """The best n levels of a side, best first."""
        return sorted(self.sides[side].items(), reverse=side == BID)[:n]


class Oracle:
    """Implements `capture.recorder.Listener`; raises FalseBook.

    ``book``: the channel whose books are compared, None for none; ``numbered``: whether rule 4 holds.
    ``counts``: frames by outcome, messages compared, losses declared, states reached.
    """

    done = False

    def __init__(
        self,
        emulator: VenueEmulator,
        *,
        book: str | None = "book",
        n: int = 10,
        patience_ns: int,
        numbered: bool = True,
    ) -> None:
        if emulator.truth.levels < n:
            raise RuntimeError(f"the truth log keeps {emulator.truth.levels} levels, {n} are to be compared")
        self.emulator, self.book, self.n = emulator, book, n
        self.patience_ns, self.numbered = patience_ns, numbered
        self.counts: Counter[str] = Counter()
        self.seen: dict[int, _Seen] = {}
        self.trades: dict[str, list[int]] = {}
        self.holes: dict[str, list[range]] = {}
        self.altered_trades: set[int] = set()
        self._opened: list[int] = []
        self._wire: dict[int, deque[TruthEntry]] = {}

    # the listener

    def on_output(self, shard: int, record: bytes, mono_ns: int, output: Output) -> None:
        """See `capture.recorder.Listener`."""
        (decoded,) = iter_records(record)
        self._take_truth()
        if decoded.kind == RecordKind.OPEN:
            self._opened.append(decoded.connection)
        for notice in output.notices:
            if isinstance(notice, Defined):
                self._define(notice.definition)
        rows = list(iter_rows(output.rows))
        for row in rows:
            self._row(row)
        if decoded.kind == RecordKind.FRAME:
            self._frame(decoded.connection, rows)
        self._check_patience(mono_ns)

    def next_timer_ns(self) -> int | None:
        """See `capture.recorder.Listener`."""
        return None

    def on_end(self, mono_ns: int) -> None:
        """See `capture.recorder.Listener`."""
        for instrument, captured in self.trades.items() if self.numbered else ():
            self._check_trades(instrument, captured)

    # rows

    def _define(self, definition: Definition) -> None:
        self.seen.setdefault(definition.number, _Seen(definition)).definition = definition

    def _row(self, row: Row) -> None:
        seen = self.seen[row.instrument]
        match row.kind:
            case Kind.SNAPSHOT_START:
                seen.sides = {BID: {}, ASK: {}}
                seen.epoch, seen.fresh = row.epoch, False
            case Kind.LEVEL:
                if seen.fresh or row.epoch != seen.epoch:
                    raise FalseBook(f"{seen.definition.id}: a level of epoch {row.epoch} without a snapshot")
                self._level(seen, row)
            case Kind.SYNC_CHANGE:
                seen.state = SyncState(row.size)
                self.counts[seen.state.name] += 1
            case Kind.GAP if row.aux == Reason.TRADE_ID_GAP:
                self.holes.setdefault(seen.definition.id, []).append(range(row.price, row.size))
                self.counts["trade gaps"] += 1
            case Kind.GAP | Kind.CHECKSUM_MISMATCH:
                seen.fresh = True
                self.counts["books lost"] += 1
            case Kind.TRADE if row.aux != NULL:
                self.trades.setdefault(seen.definition.id, []).append(row.aux)

    def _level(self, seen: _Seen, row: Row) -> None:
        side = seen.sides[row.side]
        if row.size:
            side[row.price] = row.size
        else:
            side.pop(row.price, None)
        if row.flags & RowFlag.LAST and seen.definition.depth is not None:
            for sign in (BID, ASK):
                seen.sides[sign] = dict(seen.best(sign, seen.definition.depth))

    # truth

    def _take_truth(self) -> None:
        for entry in self.emulator.truth.drain():
            self.counts[entry.outcome] += 1
            if entry.wire is not None and entry.connection is not None:
                self._wire.setdefault(entry.connection, deque()).append(entry)
            elif entry.outcome == Outcome.SUPPRESSED and self._of_book(entry):
                self._suppress(entry)

    def _of_book(self, entry: TruthEntry) -> bool:
        return entry.kind in _BOOK_FRAMES and self.book is not None and entry.channel == self.book

    def _suppress(self, entry: TruthEntry) -> None:
        for seen in self.seen.values():
            if seen.definition.venue_symbol == entry.symbol and seen.suppressed_ns is None:
                seen.suppressed_ns = entry.at_ns

    def _frame(self, connection: int, rows: list[Row]) -> None:
        """Compare what the frame made of its book with what the venue knew when it made the frame.

        A frame that gave no levels (it was altered, and is malformed now) is a lost one.
        """
        entry = self._wire[self._opened.index(connection)].popleft()
        if entry.outcome == Outcome.ALTERED:
            self.altered_trades.update(row.aux for row in rows if row.kind == Kind.TRADE)
        if not self._of_book(entry) or entry.bids is None or entry.asks is None:
            return
        touched = {row.instrument for row in rows if row.kind in (Kind.LEVEL, Kind.SNAPSHOT_START)}
        for seen in self._of(entry.symbol):
            if seen.definition.number not in touched:
                self.counts["unread"] += 1
                self._suppress(entry)
                continue
            seen.suppressed_ns = None
            if seen.state is SyncState.SYNCED:
                self.counts["compared"] += 1
                self._compare(seen, BID, list(entry.bids), entry)
                self._compare(seen, ASK, list(entry.asks), entry)

    def _of(self, symbol: str | None) -> list[_Seen]:
        """The instrument of a symbol under its present number."""
        return [seen for seen in self.seen.values() if seen.definition.venue_symbol == symbol][-1:]

    def _compare(self, seen: _Seen, side: int, truth: list[Level], entry: TruthEntry) -> None:
        listing = self.emulator.market.listings[entry.symbol or ""]
        definition = seen.definition
        n = min(self.n, definition.depth or self.n)
        found = _at_scales(seen.best(side, n), definition.price_scale, definition.size_scale)
        if found != _at_scales(truth[:n], listing.price_scale, listing.size_scale):
            raise FalseBook(
                f"{definition.id} is SYNCED in epoch {seen.epoch} with a false book after frame"
                f" {entry.wire} of connection {entry.connection} ({entry.outcome} {entry.faults}):"
                f" side {side} is {found}, the truth {truth[:n]}"
            )

    def _check_patience(self, mono_ns: int) -> None:
        for seen in self.seen.values():
            lost_ns = seen.suppressed_ns
            if lost_ns is None:
                continue
            if seen.state is not SyncState.SYNCED:
                seen.suppressed_ns = None
            elif mono_ns - lost_ns > self.patience_ns:
                raise FalseBook(
                    f"{seen.definition.id} is SYNCED although it heard nothing since a frame was"
                    f" suppressed {(mono_ns - lost_ns) / 1e9:.1f} s ago"
                )

    def _check_trades(self, instrument: str, captured: list[int]) -> None:
        told = [number for number in captured if number not in self.altered_trades]
        holes = self.holes.get(instrument, [])
        if len(set(told)) != len(told):
            raise FalseBook(f"{instrument}: a trade was captured twice")
        for hole in holes:
            if doubly := [number for number in told if number in hole]:
                raise FalseBook(f"{instrument}: trades {doubly} are captured and declared lost")
        known = set(captured)
        for number in range(min(told, default=0), max(told, default=-1) + 1):
            if number not in known and not any(number in hole for hole in holes):
                raise FalseBook(f"{instrument}: trade {number} is neither captured nor declared lost")
        self.counts["trades"] += len(told)


def _at_scales(levels: list[Level], price_scale: int, size_scale: int) -> list[tuple[Decimal, Decimal]]:
    """Levels as exact decimals, so that different scales compare."""
    return [(Decimal(p).scaleb(-price_scale), Decimal(s).scaleb(-size_scale)) for p, s in levels]
