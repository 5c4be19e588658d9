"""What a venue says that is not market data, and what follows from it."""

from __future__ import annotations

from mm_framework.contracts.normalizer import (
    Alive,
    Control,
    Ended,
    GoingAway,
    InstrumentInfo,
    MetadataDone,
    Pong,
    Refused,
    Requested,
    Subscribed,
    VenueStatus,
)
from mm_framework.feed.instrument import Instrument
from mm_framework.feed.links import Stream
from mm_framework.feed.output import Acknowledged, Notice, StatusChanged
from mm_framework.feed.roster import Roster
from mm_framework.feed.session import Session
from mm_framework.feed.turn import Turn
from mm_framework.model.events import NULL, Kind
from mm_framework.sync.counts import Counts
from mm_framework.sync.emit import Emitter

__all__ = ["Controls", "is_local"]


def is_local(event: Control) -> bool:
    """Whether an event changes one instrument and no more, as a tick size beside each book does."""
    return isinstance(event, InstrumentInfo | Alive)


class Controls:
    """Control events of a frame, or of a message that we sent, one at a time."""

    def __init__(
        self,
        session: Session,
        roster: Roster,
        emitter: Emitter,
        counts: Counts,
        notices: list[Notice],
        turn: Turn,
    ) -> None:
        self._session, self._roster, self._emitter = session, roster, emitter
        self._counts, self._notices, self._turn = counts, notices, turn

    def take(self, event: Control) -> None:
        """Obey one event."""
        now, connection, session = self._turn.now_ns, self._turn.connection, self._session
        match event:
            case Subscribed(req_id=req_id):
                times = (event.time_in_ns, event.time_out_ns)
                session.clock_samples.answered(connection, req_id, times, now, "acknowledgement")
                self._subscribed(event)
            case Refused():
                self._refused(event)
            case Requested():
                session.clock_samples.requested(connection, event.req_id, now)
                for symbol in event.venue_symbols:
                    self._roster.told_depth(symbol, event.channel, event.depth)
            case Pong():
                session.pong(connection)
                times = (event.time_in_ns, event.time_out_ns)
                session.clock_samples.answered(connection, event.req_id, times, now, "pong")
            case Alive():
                self._alive(event)
            case VenueStatus():
                self._status(event)
            case Ended():
                self._ended(event)
            case GoingAway():
                self._notices.append(StatusChanged(event.text, session.online))
                session.going_away(connection, now, anew=event.anew)
            case InstrumentInfo():
                session.listed(connection, event.venue_symbol)
                self._turn.touched.add(self._roster.id_of(event.venue_symbol))
                self._roster.describe(event)
            case MetadataDone():
                session.metadata_done(connection, now)

    def _subscribed(self, event: Subscribed) -> None:
        instrument_id = self._id(event.venue_symbol)
        self._notices.append(Acknowledged(instrument_id, event.channel, event.active))
        if not event.active:
            return
        self._roster.told_depth(event.venue_symbol, event.channel, event.depth)
        for stream in self._meant(event, instrument_id):
            self._session.acknowledged(stream, self._turn.connection, self._turn.now_ns)

    def _meant(self, event: Subscribed, instrument_id: str | None) -> list[Stream]:
        """The streams that an acknowledgement is about: its symbol's, else all that the request asked for."""
        connection, session = self._turn.connection, self._session
        if instrument_id is not None:
            stream = session.known.get((instrument_id, event.channel))
            return [] if stream is None else [stream]
        if event.req_id is None:
            return []
        return [stream for stream in session.streams.values() if stream.awaits(connection, event.req_id)]

    def _refused(self, event: Refused) -> None:
        """A refusal names its symbol, or else the request: all that it asked for is refused."""
        self._counts.refusals += 1
        if not event.active:
            return
        instrument_id = self._id(event.venue_symbol)
        for stream in list(self._session.streams.values()):
            wanted = stream.subscription
            spare = stream.spare
            if spare is not None and spare.connection == self._turn.connection:
                if wanted.instrument == instrument_id if instrument_id else spare.req_id == event.req_id:
                    self._session.handover.refused(spare.connection, self._turn.now_ns)
                continue
            if stream.phase != "requested" or event.channel not in (None, wanted.channel):
                continue
            if wanted.instrument == instrument_id if instrument_id else stream.req_id == event.req_id:
                self._session.refused(stream, event.text)

    def _alive(self, event: Alive) -> None:
        stream = self._session.streams.get((self._roster.id_of(event.venue_symbol), event.channel))
        if stream is not None and stream.connection == self._turn.connection:
            self._turn.touched.add(stream.subscription.instrument)
            self._session.alive(stream, self._turn.now_ns)

    def _status(self, event: VenueStatus) -> None:
        if event.venue_symbol is not None:
            self._notices.append(StatusChanged(event.text, event.online, self._id(event.venue_symbol)))
            return
        if event.online == self._session.online:
            return
        self._session.online = event.online
        self._notices.append(StatusChanged(event.text, event.online))
        for instrument in self._roster.by_id.values():
            self._tell(instrument, online=event.online)

    def _tell(self, instrument: Instrument, *, online: bool) -> None:
        """Write into the rows whether an instrument is traded."""
        if instrument.defined:
            number, index = instrument.definition.number, instrument.definition.index
            self._emitter.event(Kind.STATUS, number, instrument.book.s.epoch, NULL, online, index)

    def _ended(self, event: Ended) -> None:
        """The last word about an instrument: no silence of it means anything any more."""
        instrument = self._roster.by_symbol.get(event.venue_symbol)
        if instrument is None or not any(stream.wanted for stream in self._session.streams_of(instrument)):
            return
        self._tell(instrument, online=False)
        streams = self._roster.end(instrument)
        self._notices.append(StatusChanged(event.text, online=False, instrument=instrument.id))
        self._session.unfollow(streams, phase="ended")
        self._roster.rest(streams)

    def _id(self, venue_symbol: str | None) -> str | None:
        return None if venue_symbol is None else self._roster.id_of(venue_symbol)
