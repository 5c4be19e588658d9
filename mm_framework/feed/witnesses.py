"""Books whose hash does not match any more: a witness is asked over REST, and decides.

    hash differs after one that held -> (no hash holds for `witness_wait_s`) -> Fetch
    answer -> what our book was at its time: it stays SYNCED     not so: a gap, and the book is asked for anew
           -> of no use: asked again, then the subscription is asked anew, whose snapshot decides

Where `SyncRules.hash` is not set, or the adapter is no `WitnessSource`, nothing here happens.
"""

from __future__ import annotations

from mm_framework.contracts.adapter import WitnessSource
from mm_framework.contracts.sync_engine import HashCheck
from mm_framework.feed.instrument import Instrument
from mm_framework.feed.links import Stream, ns
from mm_framework.feed.output import Fetch
from mm_framework.feed.session import Session
from mm_framework.model.events import NULL, Reason
from mm_framework.sync.book_state import BookMessage
from mm_framework.sync.doubt import Doubt, Verdict, fingerprint, told_book

__all__ = ["Witnesses"]


class Witnesses:
    """The doubts of a shard's books. Their state is that of the books (`BookState`)."""

    def __init__(self, session: Session, check: HashCheck | None) -> None:
        self._session, self._check, self._settings = session, check, session.settings
        asks = session.config.live and session.settings.witness_attempts > 0
        source = session.adapter if isinstance(session.adapter, WitnessSource) else None
        self._source = source if asks and check is not None else None

    # the stream

    def replaced(self, instrument: Instrument, message: BookMessage, connection: int, now_ns: int) -> None:
        """A whole book comes: of the same connection it must be the one that is doubted."""
        book = instrument.book
        doubt = book.s.doubt
        if doubt is None or not message.snapshot:
            return
        book.s.doubt = None
        if doubt.connection == connection and not book.is_same(message):
            book.lose(Reason.HASH_MISMATCH, now_ns)

    def compared(
        self,
        instrument: Instrument,
        message: BookMessage,
        equal: bool | None,
        connection: int,
        now_ns: int,
    ) -> None:
        """A message of the stream was applied; ``equal``: its hash is the book's, None without a hash."""
        state = instrument.book.s
        if equal:
            state.hashed, state.doubt = True, None
        elif equal is False and self._source is None:
            state.hashed = False
        elif equal is False and state.hashed and state.doubt is None:
            state.doubt = Doubt(connection, self._first_ns(state.witness_ns, now_ns))
        if state.doubt is not None and state.built:
            state.doubt.follow(instrument.book.book, message.ts_venue_ns)
            self._judge(instrument, state.doubt, now_ns)
        self._arm(instrument)

    def _first_ns(self, asked_ns: int | None, now_ns: int) -> int:
        """When a new doubt asks: the next hash may end it, and there is a pause between questions."""
        due_ns = now_ns + ns(self._settings.witness_wait_s)
        return due_ns if asked_ns is None else max(due_ns, asked_ns + ns(self._settings.witness_pause_s))

    # answers

    def answered(self, instrument: Instrument, message: BookMessage, now_ns: int) -> None:
        """What a witness tells of a book."""
        doubt = instrument.book.s.doubt
        if doubt is None or not self._is_whole(instrument, message):
            return
        doubt.told = message.ts_venue_ns, fingerprint(told_book(message.levels))
        doubt.asked = False
        doubt.due_ns = now_ns + ns(self._settings.witness_wait_s)  # what is on its way may come
        self._judge(instrument, doubt, now_ns)
        self._arm(instrument)

    def heard(self, instrument: Instrument, now_ns: int) -> None:
        """An answer was read, or there is none: a question that it left open is asked again."""
        doubt = instrument.book.s.doubt
        if doubt is not None and doubt.asked:
            self._again(doubt, now_ns)
            self._arm(instrument)

    def _is_whole(self, instrument: Instrument, message: BookMessage) -> bool:
        """Whether a witness is what the venue sent: its own hash holds."""
        if self._check is None or message.digest is None or message.ts_venue_ns == NULL:
            return False
        definition, told = instrument.definition, told_book(message.levels)
        scales = definition.price_scale, definition.size_scale
        equal = self._check.verify(told, scales, message.digest, instrument.venue_symbol)
        instrument.book.count("hashes_verified" if equal else "hashes_failed")
        return bool(equal)

    def _judge(self, instrument: Instrument, doubt: Doubt, now_ns: int) -> None:
        if doubt.told is None:
            return
        verdict = doubt.judge(*doubt.told)
        if verdict is Verdict.EQUAL:
            # Its hashes are not understood for now: none is doubted until one holds again.
            instrument.book.s.hashed, instrument.book.s.doubt = False, None
            instrument.book.count("witnesses_equal")
        elif verdict is Verdict.FALSE:
            self._refute(instrument, now_ns)
        elif verdict is Verdict.OLD:
            self._again(doubt, now_ns)

    def _refute(self, instrument: Instrument, now_ns: int) -> None:
        instrument.book.count("witnesses_refuted")
        instrument.book.lose(Reason.HASH_MISMATCH, now_ns)
        self._session.broken(instrument, now_ns)

    def _again(self, doubt: Doubt, now_ns: int) -> None:
        """The answer is of no use."""
        doubt.asked, doubt.told = False, None
        doubt.due_ns = now_ns + ns(self._settings.resync_backoff_s * 2.0 ** min(doubt.tries, 10))

    # deadlines

    def arm(self) -> None:
        """Find the next deadline."""
        for instrument in self._session.instruments.values() if self._source else ():
            self._arm(instrument)

    def _arm(self, instrument: Instrument) -> None:
        if instrument.book.s.doubt is not None:
            self._session.arm(instrument.book.s.doubt.due_ns)

    def due(self, now_ns: int) -> None:
        """Act on the deadlines that have passed."""
        for instrument in list(self._session.instruments.values()) if self._source else ():
            doubt = instrument.book.s.doubt
            if doubt is not None and now_ns >= doubt.due_ns:
                self._act(instrument, doubt, now_ns)

    def _act(self, instrument: Instrument, doubt: Doubt, now_ns: int) -> None:
        stream = next((s for s in self._session.streams_of(instrument) if s.carries == "book"), None)
        carried = stream is not None and self._session.carried(stream) and stream.spare is None
        if stream is None or not carried or not self._session.online:
            doubt.due_ns = now_ns + ns(self._settings.witness_pause_s)
        elif doubt.told is not None:
            self._refute(instrument, now_ns)  # nothing was on its way
        elif doubt.tries < self._settings.witness_attempts:
            self._ask(instrument, stream, doubt, now_ns)
        else:
            doubt.tries, doubt.asked = 0, False
            doubt.due_ns = now_ns + ns(self._settings.unverified_retry_s)
            self._session.renew(stream, now_ns)

    def _ask(self, instrument: Instrument, stream: Stream, doubt: Doubt, now_ns: int) -> None:
        assert self._source is not None
        self._session.commands.append(Fetch(self._source.witness_request(stream.subscription)))
        doubt.asked, doubt.tries = True, doubt.tries + 1
        doubt.due_ns = now_ns + ns(self._settings.snapshot_timeout_s)
        instrument.book.s.witness_ns = now_ns
        instrument.book.count("witnesses_asked")
