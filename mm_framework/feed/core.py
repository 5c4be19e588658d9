"""`Feed`: one shard's pure core. Log records in; rows, messages, commands and notices out.

    feed(block) -> for each record: open, sent, frame, http, lost, drop, tick, control
                   frame -> normalizer -> controls (session) and messages (books, trades, tops)
                   -> deadlines that are due

It reads no clock and no socket: time is the records' ``mono_ns``. Live capture, verify, slices and
replay drive it with the same records and get the same output; any cut of the records into blocks
gives the same rows, messages, states, commands and checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import attrs
import cattrs
import msgspec

from mm_framework.contracts.adapter import Subscription
from mm_framework.contracts.normalizer import (
    ConnectionInfo,
    Control,
    FrameClass,
    GoingAway,
    InstrumentInfo,
    MetadataDone,
    Pong,
    Refused,
    Requested,
    Subscribed,
    VenueStatus,
    shapes_of,
)
from mm_framework.errors import MalformedFrame, PluginError, SchemaMismatch
from mm_framework.feed.config import FeedConfig, VenueKit
from mm_framework.feed.instrument import Definitions, Instrument
from mm_framework.feed.names import Name
from mm_framework.feed.output import Acknowledged, Command, Malformed, Notice, Output, StatusChanged
from mm_framework.feed.session import NEVER, Session, Stream
from mm_framework.feed.state import FeedState, InstrumentState, structure, unstructure
from mm_framework.feed.writer import BookDelta, FrameWriter, Overflow, Pending, Rescale, Tops, Trades
from mm_framework.kernels.loader import active
from mm_framework.model.book import Book, OrderBook
from mm_framework.model.events import NULL, Kind, Reason, SyncState
from mm_framework.model.frame import HEADER, Block, Record, RecordKind, encode_json, iter_records, split_http
from mm_framework.model.instrument import Definition
from mm_framework.sync.book import BookMessage
from mm_framework.sync.counts import Counts
from mm_framework.sync.depth import KnownDepth
from mm_framework.sync.emit import Emitter, Memory
from mm_framework.sync.proofs import Proofs, TopWitness, Witness, level
from mm_framework.sync.trades import TradeState

if TYPE_CHECKING:
    from mm_framework.feed.compiled import Compiled

__all__ = ["Feed", "InstrumentView"]

_RENAMING = (RecordKind.OPEN, RecordKind.SENT, RecordKind.FRAME, RecordKind.LOST)
"""Records after which a channel number of their connection may stand for something else."""


@attrs.frozen
class InstrumentView:
    """An instrument as it is now. ``book`` and ``bound`` are the Feed's own: look, do not touch.

    ``waiting``: updates that wait for a snapshot.
    """

    id: str
    definition: Definition
    state: SyncState
    epoch: int
    book: Book
    bound: KnownDepth
    proofs: Proofs
    waiting: int = 0


class Feed:
    """One shard. ``kits`` are the venue kits by venue; the first record says which one is used.

    Compiled kernels take what they can where the process has them (`kernels.loader`) and the venue
    declares shapes; ``reference`` keeps them out.
    """

    def __init__(self, kits: Mapping[str, VenueKit], shard: int = 0, *, reference: bool = False) -> None:
        self._kits, self.shard = kits, shard
        self._counts = Counts()
        self._compiled: Compiled | None = None
        self._kernels = not reference and active()
        self._make_book: Callable[[], Book] = OrderBook
        self._make_witness: Callable[[], Witness] = TopWitness
        self._emitter = Emitter(_kernel_memory()) if self._kernels else Emitter()
        self._names: list[Name] = []
        self._named: dict[tuple[str, str, int], Stream] = {}
        self._touched: set[str] = set()
        self._numbered = False
        self._commands: list[Command] = []
        self._notices: list[Notice] = []
        self._definitions = Definitions(shard, self._emitter, self._notices)
        self._instruments: dict[str, Instrument] = {}
        self._by_symbol: dict[str, Instrument] = {}
        self._depths: dict[tuple[str, str], int] = {}
        self._infos: dict[str, InstrumentInfo] = {}
        self._config: FeedConfig | None = None
        self._stopped = False
        self._record: Record = Record(0, 0, 0, 0, 0, NULL, memoryview(b""))
        self._handlers = {
            RecordKind.CONTROL: self._on_control,
            RecordKind.OPEN: self._on_open,
            RecordKind.SENT: self._on_sent,
            RecordKind.FRAME: self._on_frame,
            RecordKind.LOST: self._on_lost,
            RecordKind.HTTP: self._on_http,
            RecordKind.DROP: self._on_drop,
        }

    # what the world sees

    def feed(self, block: Block) -> Output:
        """Take one or more encoded records; what is returned is valid until the next call.

        Raises SchemaMismatch for a configuration or checkpoint of another format, PluginError when
        the venue's kit is not there, RuntimeError when the first record configures nothing.
        """
        emitter = self._emitter
        emitter.clear()
        commands, notices = self._commands, self._notices
        commands.clear()
        notices.clear()
        if self._kernels:
            self._run(memoryview(block))
        else:
            for record in iter_records(block):
                self._take(record)
        return Output(emitter.rows(), emitter.messages(), emitter.stamps(), commands[:], notices[:])

    def next_deadline_ns(self) -> int | None:
        """The mono_ns at or after which a TICK record is wanted; None when nothing is awaited."""
        if self._config is None or self._stopped:
            return None
        bound_ns = self._session.bound_ns if self._compiled is None else self._compiled.bound_ns
        return None if bound_ns == NEVER else bound_ns

    @property
    def counts(self) -> Counts:
        """What was counted so far; ask again after the next call."""
        self._pull()
        return self._counts

    @property
    def fallbacks(self) -> Mapping[str, int]:
        """Why the scanner refused frames of declared shapes, and how many."""
        return {} if self._compiled is None else dict(self._compiled.refusals)

    @property
    def config(self) -> FeedConfig:
        """The configuration that the log gave. RuntimeError before there is one."""
        if self._config is None:
            raise RuntimeError("the first record of a shard is its configuration or a checkpoint")
        return self._config

    @property
    def definitions(self) -> list[Definition]:
        """All definitions so far, in order of their index."""
        return self._definitions.all

    def instruments(self) -> list[InstrumentView]:
        """The instruments that have a definition, in the order in which they were followed."""
        self._pull()
        return [
            InstrumentView(
                i.id,
                i.definition,
                i.book.s.state,
                i.book.s.epoch,
                i.book.book,
                i.book.s.bound,
                i.book.proofs,
                len(i.book.s.waiting),
            )
            for i in self._instruments.values()
            if i.defined
        ]

    def unproved_channels(self) -> list[str]:
        """The names of the followed channels that prove nothing of their continuity."""
        if self._config is None:
            return []
        proofs = {channel.name: channel.proof.kind for channel in self._kit.adapter.channels}
        sequence = self._kit.rules.sequence
        if sequence is not None and sequence.scope == "connection" and not self.counts.sequence_applied:
            # Nobody asked for numbers on these connections.
            proofs = {name: "none" if kind == "sequence" else kind for name, kind in proofs.items()}
        followed = {channel for _, channel in self._session.streams}
        return sorted(name for name in followed if proofs.get(name, "none") == "none")

    def checkpoint(self) -> bytes:
        """The state as canonical JSON: a function of the records so far, whatever their blocks were."""
        self._pull()
        config, session = self.config.to_json(), self._session
        places = {definition.index: place for place, definition in enumerate(self.definitions)}
        state = FeedState(
            config=config,
            seq=self._emitter.seq,
            req_id=session.req_id,
            online=session.online,
            stopped=self._stopped,
            numbers=self._definitions.numbers,
            definitions=self.definitions,
            links=list(session.links.values()),
            streams=list(session.streams.values()),
            depths=[(*key, depth) for key, depth in self._depths.items()],
            infos=list(self._infos.values()),
            instruments=[
                InstrumentState(
                    id=i.id,
                    venue_symbol=i.venue_symbol,
                    info=i.info,
                    definition=places[i.definition.index] if i.defined else None,
                    book=i.book.s,
                    bids=i.book.book.bids(),
                    asks=i.book.book.asks(),
                    last_trade_id=i.trades.s.last_id,
                    suspect_trade_id=i.trades.s.suspect_id,
                    more_trades=[
                        (channel, trades.s.last_id, trades.s.suspect_id)
                        for channel, trades in i.more_trades.items()
                    ],
                )
                for i in self._instruments.values()
            ],
        )
        return encode_json(unstructure(state))

    # records

    def _run(self, block: memoryview) -> None:
        """Advance as far as it goes, take one record by the reference path, and so on."""
        position, loaded = 0, False
        while position < len(block):
            compiled = self._compiled
            if compiled is not None and not self._stopped:
                if not loaded:
                    compiled.load(block)
                    loaded = True
                position = compiled.run(position)
                if position == len(block):
                    return
                compiled.pull()
            record = next(iter_records(block[position:]))
            position += HEADER.size + len(record.payload)
            self._take(record)

    def _pull(self) -> None:
        if self._compiled is not None:
            self._compiled.pull()

    def _take(self, record: Record) -> None:
        """Take a record by the reference path."""
        instruments = self._touched
        instruments.clear()
        self._reference(record)
        if self._compiled is not None:
            plain = record.kind == RecordKind.FRAME and not self._writer.controls
            if not plain and record.kind in _RENAMING:
                self._forget_numbers(record.connection)
            self._compiled.touched(instruments if plain and not self._acted else None)

    def _forget_numbers(self, connection: int) -> None:
        """Channel numbers of a connection may stand for something else from now on: learn them anew."""
        for key in [key for key in self._named if key[2] == connection]:
            del self._named[key]
            self._names.append(Name(*key, None))

    def _reference(self, record: Record) -> None:
        self._record, self._acted = record, False
        self._counts.records += 1
        self._definitions.now_ns = now = record.mono_ns
        if self._config is not None:
            self._stamp(record)
        elif record.kind not in (RecordKind.CONTROL, RecordKind.CHECKPOINT):
            raise RuntimeError("the first record of a shard is its configuration or a checkpoint")
        if self._stopped:
            return
        handler = self._handlers.get(RecordKind(record.kind))
        if handler is not None:
            handler(record)
        elif record.kind == RecordKind.CHECKPOINT and self._config is None:
            self._restore(bytes(record.payload))
        deadline_ns = self.next_deadline_ns()
        if deadline_ns is not None and now >= deadline_ns:
            self._acted = True
            self._session.due(now)

    def _stamp(self, record: Record) -> None:
        config = self.config
        recv = NULL if config.untimed else config.wall0_ns + record.mono_ns - config.mono0_ns
        self._emitter.at(record.mono_ns, recv, record.connection, record.index)

    def _on_control(self, record: Record) -> None:
        body = msgspec.json.decode(record.payload)
        if body.get("op") == "start":
            try:
                config = FeedConfig.from_json(body["config"])
            except (cattrs.BaseValidationError, KeyError) as error:
                raise SchemaMismatch(
                    "the configuration in the log is not one that this version knows; a newer mm-framework "
                    "may read it"
                ) from error
            self._configure(config)
            self._stamp(record)
            for subscription in config.subscriptions:
                self._follow(subscription)
        elif body.get("op") == "stop":
            self._stopped = True
            for instrument in self._instruments.values():
                instrument.book.stop()

    def _on_open(self, record: Record) -> None:
        body = msgspec.json.decode(record.payload)
        for stream in self._session.streams.values():
            if stream.carries == "book" and stream.phase != "refused" and self.config.live:
                self._instruments[stream.subscription.instrument].book.connected()
        self._session.opened(record.connection, str(body.get("url", "")), record.mono_ns)

    def _on_lost(self, record: Record) -> None:
        body = msgspec.json.decode(record.payload)
        reason = Reason[body["reason"]]
        for stream in self._session.lost(record.connection):
            if stream.carries == "book":
                book = self._instruments[stream.subscription.instrument].book
                book.disconnected(reason, record.mono_ns)

    def _on_drop(self, record: Record) -> None:
        body = msgspec.json.decode(record.payload)
        self._counts.dropped_frames += int(body["count"])
        for stream in list(self._session.streams.values()):
            if stream.connection == record.connection and stream.carries == "book":
                instrument = self._instruments[stream.subscription.instrument]
                if instrument.book.s.built:
                    instrument.book.lose(Reason.DROPPED, record.mono_ns)
                    self._session.broken(instrument, record.mono_ns)

    def _on_sent(self, record: Record) -> None:
        info = self._connection(record)
        self._writer.reset()
        self._kit.normalizer.sent(bytes(record.payload), info, self._writer)
        for control in self._writer.controls:
            self._control(control)

    def _on_http(self, record: Record) -> None:
        self._counts.http += 1
        try:
            meta, body = split_http(record.payload)
        except (ValueError, msgspec.DecodeError, RecursionError) as error:
            self._malformed(str(error))
            return
        bad = bool(meta.get("error")) or not 200 <= int(meta.get("status") or 200) < 300
        snapshot, instrument = meta.get("what") == "snapshot", str(meta.get("instrument"))
        if snapshot:
            self._session.fetched_snapshot(instrument, record.mono_ns, good=not bad)
        if bad:
            return
        malformed = self._decode(lambda: self._kit.normalizer.http(meta, body, self._writer)) is None
        if malformed and snapshot:
            self._session.fetched_snapshot(instrument, record.mono_ns, good=False)

    def _on_frame(self, record: Record) -> None:
        self._counts.frames += 1
        link = self._session.links.get(record.connection)
        if link is not None:
            link.last_ns = record.mono_ns
        frame, info = bytes(record.payload), self._connection(record)
        kind = self._decode(lambda: self._kit.normalizer.decode(frame, info, self._writer))
        counts = self._counts
        match kind:
            case FrameClass.DATA:
                counts.data += 1
            case FrameClass.CONTROL:
                counts.control += 1
            case FrameClass.HEARTBEAT:
                counts.heartbeats += 1
            case FrameClass.UNKNOWN:
                counts.unknown += 1
            case None:
                counts.malformed += 1

    def _decode(self, read: Callable[[], FrameClass]) -> FrameClass | None:
        """Read a frame, all of it or nothing; None when it is malformed.

        A value that needs a larger scale changes the definition first; the messages of an instrument
        with a value that no scale holds are left out.
        """
        self._writer.reset()
        try:
            kind = read()
            messages = self._messages()
        except MalformedFrame as error:
            self._malformed(str(error))
            return None
        in_order = self._in_order()
        for control in self._writer.controls:
            self._control(control)
        for pending in messages if in_order else ():
            self._message(pending)
        return kind

    def _in_order(self) -> bool:
        """Whether a frame is not a repetition; one that does not follow loses the books of its connection."""
        number, rules = self._writer.number, self._kit.rules.sequence
        link = self._session.links.get(self._record.connection)
        self._numbered = False
        if number is None or rules is None or rules.scope != "connection" or link is None:
            return True
        self._numbered = True
        if link.number is not None and number <= link.number:
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

    def _hole(self, connection: int, expected: int, found: int) -> None:
        """Frames of a connection are missing, of whatever instrument: say so for each."""
        self._acted = True
        carried = [s for s in self._session.streams.values() if s.connection == connection]
        for name in dict.fromkeys(stream.subscription.instrument for stream in carried):
            instrument = self._instruments[name]
            if instrument.book.s.built:
                instrument.book.lose(Reason.SEQUENCE_GAP, self._record.mono_ns, expected, found)
                self._session.broken(instrument, self._record.mono_ns)
            elif instrument.defined:
                self._counts.gaps += 1
                self._emitter.event(
                    Kind.GAP,
                    instrument.definition.number,
                    instrument.book.s.epoch,
                    expected,
                    found,
                    Reason.SEQUENCE_GAP,
                )

    def _messages(self) -> list[Pending]:
        lost: list[Instrument] = []
        while True:
            try:
                messages = self._writer.messages()
                break
            except Rescale as wanted:
                if wanted.instrument.book.s.built:
                    lost.append(wanted.instrument)
                wanted.instrument.rescale(*wanted.scales)
                wanted.instrument.witness = self._make_witness()  # what was told is at the old scales
            except Overflow as overflow:
                self._overflow(overflow.instrument)
                self._writer.forget(overflow.instrument)
        whole = [m.instrument for m in messages if isinstance(m, BookDelta) and m.message.snapshot]
        for instrument in lost:
            if instrument not in whole:
                self._session.broken(instrument, self._record.mono_ns)
        return messages

    def _malformed(self, error: str) -> None:
        self._notices.append(Malformed(self._record.connection, self._record.index, error))

    def _overflow(self, instrument: Instrument) -> None:
        """The frame stays raw in the log; the book is not the venue's any more."""
        self._counts.overflows += 1
        known = instrument.book.s.built
        instrument.book.lose(Reason.VALUE_OVERFLOW, self._record.mono_ns)
        if known:  # else a snapshot was asked for, and its deadline runs
            self._session.broken(instrument, self._record.mono_ns)

    # messages

    def _message(self, pending: Pending) -> None:
        now, instrument = self._record.mono_ns, pending.instrument
        stream = self._session.streams[instrument.id, pending.channel]
        self._counts.messages += 1
        if isinstance(pending, BookDelta):
            if pending.message.snapshot or instrument.book.s.built:
                self._session.heard(stream, now)  # an update of a book not built yet puts off no deadline
            broken = instrument.book.apply(
                pending.message, now, online=self._session.online, numbered=self._numbered
            )
            self._look(instrument, pending.message)
            if broken is Reason.STALE_SNAPSHOT:
                self._session.fetched_snapshot(instrument.id, now, good=False)
            elif broken is not None:
                self._session.broken(instrument, now)
            elif instrument.book.s.waiting:
                self._session.want_snapshot(stream, now)
        elif isinstance(pending, Trades):
            known = self._counts.trades
            instrument.trades_on(pending.channel).apply(
                instrument.definition.number,
                instrument.book.s.epoch,
                pending.prints,
                snapshot=pending.snapshot,
            )
            self._session.heard(stream, now, news=self._counts.trades > known)
        else:
            self._session.heard(stream, now)
            self._counts.tops += 1
            self._witness(instrument, pending)
            self._emitter.group(
                Kind.TOP,
                instrument.definition.number,
                instrument.book.s.epoch,
                pending.entries,
                last=pending.last,
                ts_venue_ns=pending.ts_venue_ns,
            )

    def _look(self, instrument: Instrument, message: BookMessage) -> None:
        """Compare a book that a message has changed with what else the venue says of it."""
        book = instrument.book
        if book.s.state is SyncState.SYNCED:
            equal = instrument.witness.look(book.book, book.s.number)
            if equal is not None:
                book.count("tops_compared")
                book.count("tops_equal", equal)
        check = self._kit.rules.hash
        if check is None or message.digest is None or not book.s.built:
            return
        scales = instrument.definition.price_scale, instrument.definition.size_scale
        equal = check.verify(book.book, scales, message.digest, instrument.venue_symbol)
        if equal:
            book.count("hashes_verified")
        elif equal is False and self._record.kind == RecordKind.HTTP:
            book.count("hashes_failed")
        else:
            book.count("hashes_unverified")

    def _witness(self, instrument: Instrument, tops: Tops) -> None:
        """A ticker that carries the number of an update."""
        sequence = self._kit.rules.sequence
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

    def _resolve(
        self, channel: str, carries: str, venue_symbol: str, snapshot: bool, wire: str | None
    ) -> Instrument | None:
        """The followed instrument of a wire name; None when nobody asked for it here."""
        instrument = self._find(venue_symbol)
        if instrument is None:
            return None
        stream = self._session.streams.get((instrument.id, channel))
        if stream is None:
            if not self.config.discover:
                return None
            stream = self._stream(Subscription(instrument.id, venue_symbol, channel), carries)
        if self._compiled is not None:
            self._learn(channel, wire or venue_symbol, self._record.connection if wire else -1, stream)
        self._touched.add(instrument.id)
        if stream.connection not in (None, self._record.connection) and not snapshot:
            self._counts.foreign_frames += 1
            return None
        return instrument

    def _learn(self, channel: str, text: str, connection: int, stream: Stream) -> None:
        """Let the scanner know what a name stands for."""
        if self._named.get((channel, text, connection)) is not stream:
            self._named[channel, text, connection] = stream
            self._names.append(Name(channel, text, connection, stream))

    def _attach(self, instrument: Instrument, channel: str) -> None:
        """The present connection feeds the stream: nobody did, or a snapshot hands it over."""
        stream = self._session.streams[instrument.id, channel]
        if self._record.kind == RecordKind.FRAME:
            stream.connection = self._record.connection
        if stream.carries == "book":
            instrument.book.connected()

    def _find(self, venue_symbol: str) -> Instrument | None:
        if venue_symbol in self._by_symbol:
            return self._by_symbol[venue_symbol]
        instrument_id = self._kit.adapter.instrument_id(venue_symbol)
        instrument = self._instruments.get(instrument_id)
        if instrument is None and self._wanted(instrument_id, venue_symbol):
            instrument = self._instrument(instrument_id, venue_symbol)
            instrument.info = self._infos.pop(instrument_id, None)
        if instrument is not None:
            self._by_symbol[venue_symbol] = instrument
        return instrument

    def _wanted(self, instrument_id: str, venue_symbol: str) -> bool:
        config = self.config
        if not config.discover:
            return False
        return not config.symbols or instrument_id in config.symbols or venue_symbol in config.symbols

    def _define(
        self,
        instrument: Instrument,
        channel: str,
        first_price: str | None,
        depth: int | None,
        levels: int | None,
    ) -> None:
        """Choose the scales before the first value is read; know the depth before the first book."""
        adapter, stream = self._kit.adapter, self._session.streams[instrument.id, channel]
        if stream.carries == "book" and depth is None:
            depth = stream.subscription.depth or self._depths.get((instrument.id, channel))
            if depth is None and levels is not None:
                depth = adapter.default_depth(channel, levels)
        if stream.carries == "book" and not self._kit.rules.keeps_depth:
            instrument.book.s.asked, depth = depth if levels is not None else instrument.book.s.asked, None
        if not instrument.defined:
            scales = adapter.default_scales(instrument.venue_symbol, first_price)
            base_quote = adapter.base_quote(instrument.venue_symbol)
            instrument.define(scales, base_quote, depth if stream.carries == "book" else None)
        elif stream.carries == "book" and instrument.definition.depth is None:
            instrument.deepen(depth)

    # controls

    def _control(self, event: Control) -> None:
        now, connection, session = self._record.mono_ns, self._record.connection, self._session
        match event:
            case Subscribed():
                session.answered(
                    connection, event.req_id, (event.time_in_ns, event.time_out_ns), now, "acknowledgement"
                )
                self._subscribed(event)
            case Refused():
                self._refused(event)
            case Requested():
                session.requested(connection, event.req_id, now)
                for symbol in event.venue_symbols:
                    self._told_depth(symbol, event.channel, event.depth)
            case Pong():
                session.pong(connection)
                session.answered(connection, event.req_id, (event.time_in_ns, event.time_out_ns), now, "pong")
            case VenueStatus():
                self._status(event)
            case GoingAway():
                self._notices.append(StatusChanged(event.text, session.online))
                session.going_away(connection)
            case InstrumentInfo():
                self._describe(event)
            case MetadataDone():
                session.metadata_done(connection, now)

    def _subscribed(self, event: Subscribed) -> None:
        instrument_id = self._id(event.venue_symbol)
        self._notices.append(Acknowledged(instrument_id, event.channel, event.active))
        if not event.active:
            return
        self._told_depth(event.venue_symbol, event.channel, event.depth)
        session, connection = self._session, self._record.connection
        if instrument_id is None:  # all that the request asked for
            asked = [s for s in session.streams.values() if s.phase == "requested"]
            streams = [s for s in asked if event.req_id is not None and s.req_id == event.req_id]
        else:
            streams = [s for s in [session.streams.get((instrument_id, event.channel))] if s is not None]
        for stream in streams:
            if stream.connection == connection:
                session.acknowledged(stream, self._record.mono_ns)

    def _refused(self, event: Refused) -> None:
        """A refusal names its symbol, or else the request: all that it asked for is refused."""
        self._counts.refusals += 1
        if not event.active:
            return
        instrument_id = self._id(event.venue_symbol)
        for stream in self._session.streams.values():
            wanted = stream.subscription
            if stream.phase != "requested" or event.channel not in (None, wanted.channel):
                continue
            if wanted.instrument == instrument_id if instrument_id else stream.req_id == event.req_id:
                self._session.refused(stream, event.text)

    def _told_depth(self, venue_symbol: str | None, channel: str | None, depth: int | None) -> None:
        instrument_id = self._id(venue_symbol)
        if instrument_id is None or channel is None or depth is None or depth < 1:
            return
        self._depths[instrument_id, channel] = depth
        instrument = self._instruments.get(instrument_id)
        stream = self._session.streams.get((instrument_id, channel))
        keeps = self._kit.rules.keeps_depth
        if instrument is not None and stream is not None and stream.carries == "book" and keeps:
            instrument.deepen(depth)

    def _status(self, event: VenueStatus) -> None:
        if event.venue_symbol is not None:
            self._notices.append(StatusChanged(event.text, event.online, self._id(event.venue_symbol)))
            return
        if event.online == self._session.online:
            return
        self._session.online = event.online
        self._notices.append(StatusChanged(event.text, event.online))
        for instrument in self._instruments.values():
            if instrument.defined:
                number, index = instrument.definition.number, instrument.definition.index
                epoch = instrument.book.s.epoch
                self._emitter.event(Kind.STATUS, number, epoch, NULL, event.online, index)

    def _describe(self, info: InstrumentInfo) -> None:
        link = self._session.links.get(self._record.connection)
        if link is not None and self.config.live and not link.ready:
            link.listed.append(info.venue_symbol)
        instrument_id = self._id_of(info.venue_symbol)
        instrument = self._instruments.get(instrument_id)
        if instrument is not None:
            instrument.describe(info)
        elif self._wanted(instrument_id, info.venue_symbol):
            self._infos[instrument_id] = info

    def _id(self, venue_symbol: str | None) -> str | None:
        return None if venue_symbol is None else self._id_of(venue_symbol)

    def _id_of(self, venue_symbol: str) -> str:
        """The id of a name: as subscribed, else as the adapter makes it of the name alone."""
        known = self._by_symbol.get(venue_symbol)
        return self._kit.adapter.instrument_id(venue_symbol) if known is None else known.id

    # making and restoring

    def _configure(self, config: FeedConfig) -> None:
        kit = self._kits.get(config.venue)
        if kit is None:
            raise PluginError(
                f"the recording is of venue {config.venue!r}, and no installed plugin provides it; "
                f"install mm-{config.venue.split('-')[0]}"
            )
        self._config, self._kit = config, kit
        sequence = kit.rules.sequence
        fetched = sequence is not None and sequence.bridge == "rest"
        self._session = Session(kit.adapter, config, self._commands, self._notices, fetched=fetched)
        self._session.instruments = self._instruments
        self._names.clear()
        self._named.clear()
        self._writer = FrameWriter(self._resolve, self._attach, self._define)
        shapes = shapes_of(kit.normalizer) if self._kernels else ()
        if shapes:
            from mm_framework.feed.compiled import Compiled, new_book, new_witness

            self._make_book, self._make_witness = new_book, new_witness
            self._compiled = Compiled(
                config, self._session, self._emitter, self._counts, kit.rules, shapes, self._names
            )

    def _follow(self, subscription: Subscription) -> None:
        carries = {channel.name: channel.carries for channel in self._kit.adapter.channels}
        if subscription.instrument not in self._instruments:
            self._instrument(subscription.instrument, subscription.venue_symbol)
        # A subscription knows the id of its symbol, which the symbol alone may not tell.
        self._by_symbol[subscription.venue_symbol] = self._instruments[subscription.instrument]
        self._stream(subscription, carries.get(subscription.channel, subscription.channel))

    def _stream(self, subscription: Subscription, carries: str) -> Stream:
        stream = Stream(subscription, carries)
        self._session.streams[subscription.instrument, subscription.channel] = stream
        return stream

    def _instrument(self, instrument_id: str, venue_symbol: str) -> Instrument:
        stable_ns = round(self.config.settings.stable_s * 1e9)
        instrument = Instrument(
            instrument_id,
            venue_symbol,
            self._kit.rules,
            self._definitions,
            self._counts,
            stable_ns,
            self._make_book,
            self._make_witness,
            next((channel.name for channel in self._kit.adapter.channels if channel.carries == "trade"), ""),
        )
        self._instruments[instrument_id] = instrument
        return instrument

    def _connection(self, record: Record) -> ConnectionInfo:
        link = self._session.links.get(record.connection)
        if link is None:
            return ConnectionInfo(record.connection, "")
        return ConnectionInfo(link.index, link.url, link.memo)

    def _restore(self, payload: bytes) -> None:
        try:
            state = structure(msgspec.json.decode(payload))
            config = FeedConfig.from_json(state.config)
        except (cattrs.BaseValidationError, msgspec.DecodeError) as error:
            raise SchemaMismatch(
                "the checkpoint in the log is not one that this version knows; a newer mm-framework may "
                "read it"
            ) from error
        self._configure(config)
        self._stopped = state.stopped
        self._emitter.seq = state.seq
        self._definitions.all.extend(state.definitions)
        self._definitions.numbers = state.numbers
        self._depths = {(instrument, channel): depth for instrument, channel, depth in state.depths}
        session = self._session
        session.req_id, session.online = state.req_id, state.online
        session.links = {link.index: link for link in state.links}
        for stream in state.streams:
            session.streams[stream.subscription.instrument, stream.subscription.channel] = stream
        for info in state.infos:
            self._infos[self._kit.adapter.instrument_id(info.venue_symbol)] = info
        for kept in state.instruments:
            self._restore_instrument(kept)
        for stream in state.streams:
            wanted = stream.subscription
            self._by_symbol[wanted.venue_symbol] = self._instruments[wanted.instrument]
        session.rearm()

    def _restore_instrument(self, kept: InstrumentState) -> None:
        instrument = self._by_symbol[kept.venue_symbol] = self._instrument(kept.id, kept.venue_symbol)
        instrument.info, instrument.book.s = kept.info, kept.book
        instrument.trades.s = TradeState(kept.last_trade_id, kept.suspect_trade_id)
        for channel, last_id, suspect_id in kept.more_trades:
            instrument.trades_on(channel).s = TradeState(last_id, suspect_id)
        instrument.book.book.load(kept.bids, kept.asks)
        self._counts.epochs += kept.book.built
        if kept.definition is not None:
            instrument.current = self.definitions[kept.definition]


def _kernel_memory() -> Callable[[int], Memory]:
    """What allocates memory that kernels may touch."""
    from mm_framework.kernels.memory import Buffer

    return Buffer
