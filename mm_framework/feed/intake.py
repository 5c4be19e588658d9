"""A frame, or an HTTP body, on its way in: read whole or not at all, its names resolved, its order checked.

bytes -> normalizer -> texts (`writer`) -> integers -> is the frame the next one of its connection?
      -> controls, then messages
"""

from __future__ import annotations

from collections.abc import Callable

from mm_framework.contracts.adapter import Subscription
from mm_framework.contracts.normalizer import FrameClass
from mm_framework.errors import MalformedFrame
from mm_framework.feed.config import FeedConfig, VenueKit
from mm_framework.feed.controls import Controls
from mm_framework.feed.instrument import Instrument
from mm_framework.feed.links import Link, Stream
from mm_framework.feed.messages import Messages
from mm_framework.feed.names import Names
from mm_framework.feed.output import Malformed, Notice
from mm_framework.feed.roster import Roster
from mm_framework.feed.session import Session
from mm_framework.feed.turn import Turn
from mm_framework.feed.writer import BookDelta, FrameWriter, Overflow, Pending, Rescale
from mm_framework.model.events import Kind, Reason
from mm_framework.model.frame import RecordKind
from mm_framework.sync.counts import Counts
from mm_framework.sync.emit import Emitter
from mm_framework.sync.repeated import again

__all__ = ["Intake"]


class Intake:
    """``writer`` holds the frame that is being read. ``names`` None: no scanner wants to learn any."""

    def __init__(
        self,
        kit: VenueKit,
        config: FeedConfig,
        session: Session,
        roster: Roster,
        messages: Messages,
        controls: Controls,
        emitter: Emitter,
        counts: Counts,
        notices: list[Notice],
        turn: Turn,
        names: Names | None,
    ) -> None:
        self._kit, self._config, self._session, self._roster = kit, config, session, roster
        self._messages, self._controls = messages, controls
        self._emitter, self._counts, self._notices = emitter, counts, notices
        self._turn, self._names = turn, names
        self.writer = FrameWriter(self._resolve, self._attach, roster.define)

    def read(self, decode: Callable[[FrameWriter], FrameClass]) -> FrameClass | None:
        """Read a frame, all of it or nothing; None when it is malformed.

        A value that needs a larger scale changes the definition first; the messages of an instrument
        with a value that no scale holds are left out.
        """
        self.writer.reset()
        try:
            kind = decode(self.writer)
            messages = self._whole()
        except MalformedFrame as error:
            self.malformed(str(error))
            return None
        in_order = self._in_order()
        for control in self.writer.controls:
            self._controls.take(control)
        for pending in messages if in_order else ():
            self._messages.take(pending)
        return kind

    def read_sent(self, decode: Callable[[FrameWriter], None]) -> None:
        """Read back a message that we sent."""
        self.writer.reset()
        decode(self.writer)
        for control in self.writer.controls:
            self._controls.take(control)

    def malformed(self, error: str) -> None:
        """The record cannot be read."""
        self._notices.append(Malformed(self._turn.connection, self._turn.record.index, error))

    # order

    def _in_order(self) -> bool:
        """Whether a frame is not a repetition; one that does not follow loses the books of its connection."""
        number, rules = self.writer.number, self._kit.rules.sequence
        link = self._session.links.get(self._turn.connection)
        if number is None or rules is None or rules.scope != "connection" or link is None:
            return True
        self._turn.numbered = True
        if link.number is not None and number <= link.number and self._repeats(link, link.number, number):
            self._counts.sequence_dropped += 1
            return False
        expected = None if link.number is None else link.number + 1
        link.number = number
        if expected is None or number == expected:
            self._counts.sequence_applied += 1
        else:
            self._counts.sequence_breaks += 1
            self._hole(link.index, expected, number)
        return True

    def _repeats(self, link: Link, above: int, number: int) -> bool:
        """Whether a number that is not above the last one is a repetition: it is, unless too many follow."""
        now_ns = self._turn.now_ns
        link.repeated = again(link.repeated, above=above, first=number, last=number, now_ns=now_ns)
        return not link.repeated.wrong(now_ns)

    def _hole(self, connection: int, expected: int, found: int) -> None:
        """Frames of a connection are missing, of whatever instrument: say so for each."""
        self._turn.acted = True
        now = self._turn.now_ns
        carried = [s for s in self._session.streams.values() if s.connection == connection]
        for name in dict.fromkeys(stream.subscription.instrument for stream in carried):
            instrument = self._roster.by_id[name]
            if instrument.book.s.built:
                instrument.book.lose(Reason.SEQUENCE_GAP, now, expected, found)
                self._session.broken(instrument, now)
            elif instrument.defined:
                self._counts.gaps += 1
                number, epoch = instrument.definition.number, instrument.book.s.epoch
                self._emitter.event(Kind.GAP, number, epoch, expected, found, Reason.SEQUENCE_GAP)

    # all or nothing

    def _whole(self) -> list[Pending]:
        lost: list[Instrument] = []
        while True:
            try:
                messages = self.writer.messages()
                break
            except Rescale as wanted:
                if wanted.instrument.book.s.built:
                    lost.append(wanted.instrument)
                wanted.instrument.rescale(*wanted.scales)
            except Overflow as overflow:
                self._overflow(overflow.instrument)
                self.writer.forget(overflow.instrument)
        applied = () if self._turn.witness else messages
        whole = [m.instrument for m in applied if isinstance(m, BookDelta) and m.message.snapshot]
        for instrument in lost:
            if instrument not in whole:
                self._session.broken(instrument, self._turn.now_ns)
        return messages

    def _overflow(self, instrument: Instrument) -> None:
        """The frame stays raw in the log; the book is not the venue's any more."""
        self._counts.overflows += 1
        self._session.spoken_of(instrument)
        known = instrument.book.s.built
        instrument.book.lose(Reason.VALUE_OVERFLOW, self._turn.now_ns)
        if known:  # else a snapshot was asked for, and its deadline runs
            self._session.broken(instrument, self._turn.now_ns)

    # names

    def _resolve(
        self, channel: str, carries: str, venue_symbol: str, snapshot: bool, wire: str | None
    ) -> Instrument | None:
        """The followed instrument of a wire name; None when nobody asked for it here."""
        instrument = self._roster.find(venue_symbol)
        known = None if instrument is None else self._session.known.get((instrument.id, channel))
        if instrument is None or (known is None and not self._config.discover):
            if self._names is not None and wire is None and not self._config.discover:
                self._names.ignore(channel, venue_symbol)
            return None
        stream = known or self._roster.add_stream(Subscription(instrument.id, venue_symbol, channel), carries)
        connection = self._turn.connection
        self._turn.touched.add(instrument.id)
        if stream.over:
            self._counts.unfollowed_frames += 1
            return None
        if self._names is not None:
            self._names.learn(channel, wire or venue_symbol, connection if wire else -1, stream)
        if not self._may_feed(stream, snapshot=snapshot):
            self._counts.foreign_frames += 1
            return None
        return instrument

    def _may_feed(self, stream: Stream, *, snapshot: bool) -> bool:
        """Whether the present connection has something to say of a stream."""
        connection, session = self._turn.connection, self._session
        if stream.connection in (None, connection) or self._turn.witness:
            return True
        if stream.spare is not None and stream.spare.connection == connection:
            return snapshot or not session.handover.by_snapshot(stream)
        return snapshot and not session.ends(connection)

    def _attach(self, instrument: Instrument, channel: str) -> None:
        """The present connection feeds the stream: nobody did, or a snapshot hands it over."""
        stream = self._session.known[instrument.id, channel]
        helps = stream.spare is not None and stream.spare.connection == self._turn.connection
        if self._turn.record.kind == RecordKind.FRAME and not helps:
            stream.connection = self._turn.connection
        if stream.carries == "book":
            instrument.book.connected()
