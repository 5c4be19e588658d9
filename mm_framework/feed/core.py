"""`Feed`: one shard's pure core. Log records in; rows, messages, commands and notices out.

    feed(block) -> for each record: open, sent, frame, http, lost, drop, tick, control
                   frame -> intake -> controls (session) and messages (books, trades, tops)
                   -> deadlines that are due

It reads no clock and no socket: time is the records' ``mono_ns``. Live capture, verify, slices and
replay drive it with the same records and get the same output; any cut of the records into blocks
gives the same rows, messages, states, commands and checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import attrs
import msgspec

from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass, shapes_of
from mm_framework.errors import CorruptFrame, PluginError
from mm_framework.feed import log_bodies
from mm_framework.feed.admission import Admission
from mm_framework.feed.checkpoint import read_state, restore, save
from mm_framework.feed.config import FeedConfig, VenueKit
from mm_framework.feed.controls import Controls, is_local
from mm_framework.feed.instrument import Definitions
from mm_framework.feed.intake import Intake
from mm_framework.feed.links import NEVER
from mm_framework.feed.messages import Messages
from mm_framework.feed.names import Names
from mm_framework.feed.output import Command, Notice, Output
from mm_framework.feed.refresh import REFUSALS
from mm_framework.feed.roster import Roster
from mm_framework.feed.session import Session
from mm_framework.feed.turn import Turn
from mm_framework.feed.witnesses import Witnesses
from mm_framework.kernels.loader import active
from mm_framework.model.book import Book, OrderBook
from mm_framework.model.events import NULL, Reason, SyncState
from mm_framework.model.frame import HEADER, Block, Record, RecordKind, iter_records, split_http
from mm_framework.model.instrument import Definition
from mm_framework.sync.counts import Counts
from mm_framework.sync.depth import KnownDepth
from mm_framework.sync.emit import Emitter, Memory
from mm_framework.sync.proofs import Proofs, TopWitness, Witness

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
        self._emitter = Emitter(_kernel_memory()) if self._kernels else Emitter()
        self._names = Names()
        self._turn = Turn()
        self._commands: list[Command] = []
        self._notices: list[Notice] = []
        self._definitions = Definitions(shard, self._emitter, self._notices)
        self._config: FeedConfig | None = None
        self._stopped = False
        self._handlers = {
            RecordKind.CONTROL: self._on_control,
            RecordKind.OPEN: self._on_open,
            RecordKind.SENT: self._on_sent,
            RecordKind.FRAME: self._on_frame,
            RecordKind.LOST: self._on_lost,
            RecordKind.HTTP: self._on_http,
            RecordKind.DROP: self._on_drop,
            RecordKind.CHECKPOINT: self._on_checkpoint,
        }

    # what the world sees

    def feed(self, block: Block) -> Output:
        """Take one or more encoded records; what is returned is valid until the next call.

        Raises SchemaMismatch for a configuration or checkpoint of another format, CorruptFrame for a
        record that no runner writes there, PluginError when the venue's kit is not there.
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
        if self._config is None:
            return []
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
            for i in self._roster.by_id.values()
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
        followed = {channel for _, channel in self._session.known}
        return sorted(name for name in followed if proofs.get(name, "none") == "none")

    def checkpoint(self) -> bytes:
        """The state as canonical JSON: a function of the records so far, whatever their blocks were."""
        self._pull()
        return save(
            self.config.to_json(),
            self._session,
            self._roster,
            self._definitions,
            self._emitter,
            stopped=self._stopped,
        )

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
        turn = self._turn
        turn.begin(record)
        self._reference(record)
        if self._compiled is not None:
            controls = self._intake.writer.controls
            plain = record.kind == RecordKind.FRAME and all(map(is_local, controls))
            if not plain and record.kind in _RENAMING:
                self._names.forget(record.connection)
            self._compiled.touched(turn.touched if plain and not turn.acted else None)

    def _reference(self, record: Record) -> None:
        self._counts.records += 1
        self._definitions.now_ns = now = record.mono_ns
        handler = self._handlers.get(log_bodies.kind_of(record))
        if self._config is not None:
            self._stamp(record)
        else:
            log_bodies.check_first(record)
        if self._stopped:
            return
        if handler is not None:
            handler(record)
        if self._config is not None and self._session.handover.progress(now):
            self._turn.acted = True
        deadline_ns = self.next_deadline_ns()
        if deadline_ns is not None and now >= deadline_ns:
            self._turn.acted = True
            self._session.deadlines.due(now)

    def _stamp(self, record: Record) -> None:
        config = self.config
        recv = NULL if config.untimed else config.wall0_ns + record.mono_ns - config.mono0_ns
        self._emitter.at(record.mono_ns, recv, record.connection, record.index)

    def _on_control(self, record: Record) -> None:
        change = log_bodies.read_control(record)
        if isinstance(change, log_bodies.Start) is not (self._config is None):
            raise CorruptFrame(
                f"record {record.index} is out of place: a shard's log has its configuration at its begin,"
                " once",
                index=record.index,
            )
        match change:
            case log_bodies.Start(config):
                self._configure(config)
                self._stamp(record)
                for subscription in config.subscriptions:
                    self._roster.follow(subscription)
                for info in config.infos:
                    self._roster.describe(info)
            case log_bodies.Follow(subscriptions, infos):
                followed = [self._roster.follow(one) for one in subscriptions]
                self._names.heed()
                for info in infos:
                    self._roster.describe(info)
                self._session.follow([one for one in followed if one is not None], record.mono_ns)
            case log_bodies.Unfollow(subscriptions):
                left = [self._roster.unfollow(one) for one in subscriptions]
                gone = [one for one in left if one is not None]
                self._session.unfollow(gone)
                self._roster.rest(gone)
            case log_bodies.Rotation(reason):
                self._session.rotate(Reason[reason], record.mono_ns)
            case log_bodies.Stop():
                self._stopped = True
                for instrument in self._roster.by_id.values():
                    instrument.book.stop()

    def _on_open(self, record: Record) -> None:
        url, replaces = log_bodies.read_open(record), log_bodies.read_replaced(record)
        for stream in self._session.streams.values():
            if stream.carries == "book" and stream.wanted and self.config.live:
                self._roster.by_id[stream.subscription.instrument].book.connected()
        self._session.opened(record.connection, url, record.mono_ns, replaces)

    def _on_lost(self, record: Record) -> None:
        reason = log_bodies.read_lost(record)
        lost = self._session.lost(record.connection, record.mono_ns)
        for stream in lost:
            if stream.carries == "book":
                book = self._roster.by_id[stream.subscription.instrument].book
                book.disconnected(reason, record.mono_ns)
        if reason not in (Reason.SHUTDOWN, Reason.RECORDING_END):
            self._session.reassign(lost, record.mono_ns)

    def _on_drop(self, record: Record) -> None:
        self._counts.dropped_frames += log_bodies.read_drop(record)
        for stream in list(self._session.streams.values()):
            if stream.connection == record.connection and stream.carries == "book":
                instrument = self._roster.by_id[stream.subscription.instrument]
                if instrument.book.s.built:
                    instrument.book.lose(Reason.DROPPED, record.mono_ns)
                    self._session.broken(instrument, record.mono_ns)

    def _on_sent(self, record: Record) -> None:
        info, payload = self._connection(record), bytes(record.payload)
        self._intake.read_sent(lambda writer: self._kit.normalizer.sent(payload, info, writer))

    def _on_http(self, record: Record) -> None:
        self._counts.http += 1
        try:
            meta, body = split_http(record.payload)
        except (ValueError, msgspec.DecodeError, RecursionError) as error:
            self._intake.malformed(str(error))
            return
        status = int(meta.get("status") or 200)
        bad = bool(meta.get("error")) or not 200 <= status < 300
        if status in REFUSALS:
            self._session.refreshes.refused(meta, record.mono_ns)
        what, instrument = meta.get("what"), str(meta.get("instrument"))
        self._turn.witness = what == "witness"
        if what == "snapshot":
            if not self._session.awaits_snapshot(instrument):
                return
            self._session.fetched_snapshot(instrument, record.mono_ns, good=not bad)
        if what == "time" and not bad:
            self._session.clock_samples.told_time(body, int(meta.get("elapsed_ns") or 0), record.mono_ns)
        elif not bad:
            bad = self._intake.read(lambda writer: self._kit.normalizer.http(meta, body, writer)) is None
            if bad and what == "snapshot":
                self._session.fetched_snapshot(instrument, record.mono_ns, good=False)
        if what == "witness" and instrument in self._roster.by_id:
            self._witnesses.heard(self._roster.by_id[instrument], record.mono_ns)

    def _on_frame(self, record: Record) -> None:
        self._counts.frames += 1
        link = self._session.links.get(record.connection)
        if link is not None:
            link.last_ns = record.mono_ns
        frame, info = bytes(record.payload), self._connection(record)
        kind = self._intake.read(lambda writer: self._kit.normalizer.decode(frame, info, writer))
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

    def _on_checkpoint(self, record: Record) -> None:
        """A checkpoint in the middle of a log says nothing new; at its begin it is the state."""
        if self._config is not None:
            return
        config, state = read_state(bytes(record.payload))
        self._configure(config)
        self._stopped = state.stopped
        restore(state, self._session, self._roster, self._definitions, self._emitter, self._counts)

    def _connection(self, record: Record) -> ConnectionInfo:
        link = self._session.links.get(record.connection)
        if link is None:
            return ConnectionInfo(record.connection, "")
        return ConnectionInfo(link.index, link.url, link.memo)

    # making

    def _configure(self, config: FeedConfig) -> None:
        """Make the parts."""
        kit = self._kits.get(config.venue)
        if kit is None:
            raise PluginError(
                f"the recording is of venue {config.venue!r}, and no installed plugin provides it; "
                f"install mm-{config.venue.split('-')[0]}"
            )
        self._config, self._kit = config, kit
        emitter, counts, notices, turn = self._emitter, self._counts, self._notices, self._turn
        self._session = session = Session(kit.adapter, kit.rules, config, self._commands, notices)
        make_book, make_witness = self._compile(config, kit, session)
        self._roster = roster = Roster(
            kit, config, session, self._definitions, counts, make_book, make_witness, self._names
        )
        controls = Controls(session, roster, emitter, counts, notices, turn)
        self._witnesses = witnesses = Witnesses(session, kit.rules.hash)
        session.watched.append(witnesses)
        admission = Admission(kit.rules, session, turn)
        messages = Messages(kit.rules, session, emitter, counts, turn, admission, witnesses)
        names = None if self._compiled is None else self._names
        self._intake = Intake(
            kit, config, session, roster, messages, controls, emitter, counts, notices, turn, names
        )

    def _compile(
        self, config: FeedConfig, kit: VenueKit, session: Session
    ) -> tuple[Callable[[], Book], Callable[[], Witness]]:
        """The compiled path, if there is one; who keeps books and tickers."""
        shapes = shapes_of(kit.normalizer) if self._kernels else ()
        if not shapes:
            return OrderBook, TopWitness
        from mm_framework.feed.compiled import Compiled, new_book, new_witness

        self._compiled = Compiled(
            config, session, self._emitter, self._counts, kit.rules, shapes, self._names.fresh
        )
        return new_book, new_witness


def _kernel_memory() -> Callable[[int], Memory]:
    """What allocates memory that kernels may touch."""
    from mm_framework.kernels.memory import Buffer

    return Buffer
