"""What a decoded message does: to a book, to the numbering of trades, as best prices of a ticker."""

from __future__ import annotations

from mm_framework.contracts.sync_engine import SyncRules
from mm_framework.feed.admission import Admission
from mm_framework.feed.instrument import Instrument
from mm_framework.feed.links import Stream
from mm_framework.feed.session import Session
from mm_framework.feed.turn import Turn
from mm_framework.feed.witnesses import Witnesses
from mm_framework.feed.writer import BookDelta, Pending, Tops, Trades
from mm_framework.model.events import NULL, Kind, Reason, SyncState
from mm_framework.model.frame import RecordKind
from mm_framework.sync.book_state import BookMessage
from mm_framework.sync.counts import Counts
from mm_framework.sync.emit import Emitter
from mm_framework.sync.proofs import level

__all__ = ["Messages"]


class Messages:
    """Takes the messages of a frame one at a time and tells the session what to ask for."""

    def __init__(
        self,
        rules: SyncRules,
        session: Session,
        emitter: Emitter,
        counts: Counts,
        turn: Turn,
        admission: Admission,
        witnesses: Witnesses,
    ) -> None:
        self._rules, self._session, self._turn, self._witnesses = rules, session, turn, witnesses
        self._emitter, self._counts, self._admission = emitter, counts, admission

    def take(self, pending: Pending) -> None:
        """Apply one message of the present record, or hear the witness."""
        if self._turn.witness:
            if isinstance(pending, BookDelta):
                self._witnesses.answered(pending.instrument, pending.message, self._turn.now_ns)
            return
        stream = self._session.known[pending.instrument.id, pending.channel]
        if not self._admission.admits(stream, pending):
            self._counts.foreign_frames += 1
            return
        self._counts.messages += 1
        if isinstance(pending, BookDelta):
            self._book(stream, pending)
        elif isinstance(pending, Trades):
            self._trades(stream, pending)
        else:
            self._tops(stream, pending)

    def _book(self, stream: Stream, delta: BookDelta) -> None:
        now, instrument, session = self._turn.now_ns, delta.instrument, self._session
        built, snapshot = instrument.book.s.built, delta.message.snapshot
        if (snapshot and not (built and session.fetched)) or (built and not snapshot):
            # An update of a book not built yet puts off no deadline, nor does what was fetched for another.
            session.heard(stream, now)
        self._witnesses.replaced(instrument, delta.message, self._turn.connection, now)
        broken = instrument.book.apply(
            delta.message, now, online=session.online, numbered=self._turn.numbered
        )
        self._look(instrument, delta.message)
        session.watch_crossed(stream, instrument)
        session.refreshes.look(stream, instrument, broken, now)
        if broken is Reason.STALE_SNAPSHOT:
            session.stale_snapshot(stream, instrument, now)
        elif broken is not None:
            session.broken(instrument, now)
        elif instrument.book.s.waiting:
            session.want_snapshot(stream, now)

    def _trades(self, stream: Stream, trades: Trades) -> None:
        instrument, known = trades.instrument, self._counts.trades
        number, epoch = instrument.definition.number, instrument.book.s.epoch
        numbering = instrument.trades_on(trades.channel)
        numbering.apply(number, epoch, trades.prints, snapshot=trades.snapshot)
        self._session.heard(stream, self._turn.now_ns, news=self._counts.trades > known)

    def _tops(self, stream: Stream, tops: Tops) -> None:
        instrument = tops.instrument
        self._session.heard(stream, self._turn.now_ns)
        self._counts.tops += 1
        self._witness(instrument, tops)
        self._emitter.group(
            Kind.TOP,
            instrument.definition.number,
            instrument.book.s.epoch,
            tops.entries,
            last=tops.last,
            ts_venue_ns=tops.ts_venue_ns,
        )

    def _look(self, instrument: Instrument, message: BookMessage) -> None:
        """Compare a book that a message has changed with what else the venue says of it."""
        book = instrument.book
        if book.s.state is SyncState.SYNCED:
            equal = instrument.witness.look(book.book, book.s.number)
            if equal is not None:
                book.count("tops_compared")
                book.count("tops_equal", equal)
        equal = self._hash(instrument, message)
        if self._turn.record.kind == RecordKind.FRAME:
            turn = self._turn
            self._witnesses.compared(instrument, message, equal, turn.connection, turn.now_ns)

    def _hash(self, instrument: Instrument, message: BookMessage) -> bool | None:
        """Whether the hash of a message is that of the book after it; None when it tells none."""
        book, check = instrument.book, self._rules.hash
        if check is None or message.digest is None or not book.s.built:
            return None
        scales = instrument.definition.price_scale, instrument.definition.size_scale
        equal = check.verify(book.book, scales, message.digest, instrument.venue_symbol)
        if equal:
            book.count("hashes_verified")
        elif equal is False and self._turn.record.kind == RecordKind.HTTP:
            book.count("hashes_failed")
        else:
            book.count("hashes_unverified")
        return bool(equal)

    def _witness(self, instrument: Instrument, tops: Tops) -> None:
        """A ticker that carries the number of an update."""
        sequence = self._rules.sequence
        if tops.last == NULL or sequence is None or sequence.scope != "instrument":
            return
        bid, ask = (level(entry[2], entry[3]) for entry in tops.entries)
        book = instrument.book
        instrument.witness.tell(tops.last, (bid, ask))
        if book.s.state is SyncState.SYNCED and book.s.number is not None and tops.last <= book.s.number:
            equal = instrument.witness.look(book.book, book.s.number)
            if equal is not None:
                book.count("tops_compared")
                book.count("tops_equal", equal)
