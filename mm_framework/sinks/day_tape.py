"""One instrument's lines of a day folder: records in, lines and snapshots out. Pure.

Every line has a number of one counter, ``recv_seq``: an update of the book and the frame of the book after
it share theirs, so do a gap and the event that tells it. The ledger's events are told in the order in which
`Feed` came to them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import attrs
import msgspec

from mm_framework.contracts.adapter import HttpRequest
from mm_framework.contracts.normalizer import Requested
from mm_framework.contracts.sink import Followed, Seen, Told
from mm_framework.feed.log_bodies import Start, Stop, read_control
from mm_framework.feed.output import Fetch, StateChanged
from mm_framework.feed.state import InstrumentState
from mm_framework.model.book import Level
from mm_framework.model.events import (
    ASK,
    BID,
    NULL,
    Kind,
    Message,
    MessageFlag,
    Reason,
    Row,
    SyncState,
)
from mm_framework.model.fixed import text
from mm_framework.model.frame import RecordKind
from mm_framework.model.instrument import Definition
from mm_framework.sinks.books import Book
from mm_framework.sinks.day_lines import DayLines, Line, Snapshot, Texts, loss_facts, payload_of
from mm_framework.sinks.day_settings import DaySettings
from mm_framework.sinks.day_timers import DayTimers

__all__ = ["DayTape"]

WINDOW_END: Final = "window_end"
"""What a run with a window is stopped by when its time is over."""
_WIDENS: Final = int(MessageFlag.SNAPSHOT)
_LOSSES: Final = frozenset(map(int, (Kind.GAP, Kind.CHECKSUM_MISMATCH)))
_BOOK_KINDS: Final = frozenset(map(int, (Kind.LEVEL, Kind.SNAPSHOT_START)))
_ENDS: Final = (Reason.SHUTDOWN, Reason.RECORDING_END)


class DayTape:
    """``lines`` spells and numbers; `take` gives what one record adds to the folder.

    ``no_data_warn_s``: the silence of the instrument that the ledger tells, 0: none. ``timers``: what it
    tells when nothing happens.
    """

    def __init__(
        self, instrument: str, symbol: str, lines: DayLines, settings: DaySettings, no_data_warn_s: float
    ) -> None:
        self.instrument, self.symbol, self.lines = instrument, symbol, lines
        self._settings = settings
        self.timers = DayTimers(settings.heartbeat_s, no_data_warn_s, settings.sync_warn_after_s)
        self.book: Book | None = None
        self._state = SyncState.CONNECTING
        self._built = False
        self._feeder: int | None = None
        self._last_number, self._last_checksum = NULL, NULL
        self._channels: dict[str, str] = {}
        self._has_book = False
        self._links: set[int] = set()
        self._fed: set[tuple[int, str]] = set()
        self._resyncs = self._refreshes = self._waiting = self._frames = 0
        self._opened = self._resyncing = self._over = self._buffer_told = False
        self._cells: dict[int, list[str]] = {}
        self._no_level = ["0,0"] * settings.depth_levels

    def follow(self, followed: Followed) -> None:
        """The instrument is followed on a channel."""
        self._channels[followed.subscription.channel] = followed.carries
        self._has_book = self._has_book or followed.carries == "book"

    def unfollow(self, followed: Followed) -> bool:
        """A channel is followed no longer; whether another one is."""
        self._channels.pop(followed.subscription.channel, None)
        self._has_book = "book" in self._channels.values()
        return bool(self._channels)

    def rest(self) -> None:
        """Nothing of it is followed: no time passes, and the book holds nothing."""
        self.timers.rest()
        self._buffer_told = False
        if self.book is not None:
            self.book.load((), ())

    def restore(self, kept: InstrumentState, definition: Definition, links: set[int]) -> None:
        """Begin with the book of a checkpoint."""
        self.book = Book(definition)
        self.book.load(kept.bids, kept.asks)
        self._set_state(kept.book.state, kept.book.epoch)
        self._built, self._links, self._opened = kept.book.built, set(links), True
        self._last_number = NULL if kept.book.number is None else kept.book.number

    def begin_folder(self, recv_ns: int) -> list[Line | Snapshot]:
        """The first lines of another day's folder: the book as it is, so that its updates can be applied."""
        self.lines.recv_ms = recv_ns // 1_000_000
        if self._built:
            self._book_as_it_is("initial", {"carried_over": True})
        return self.lines.take()

    def take(self, seen: Seen, told: Sequence[Told], messages: Sequence[Message]) -> list[Line | Snapshot]:
        """What a record of the instrument's shard adds; ``told``, ``messages``: those of it that are its."""
        assert seen.ts_recv_ns is not None
        self.lines.recv_ms = seen.ts_recv_ns // 1_000_000
        if self._over:
            return []
        record = seen.record
        if record.kind in _LIFECYCLE:
            _LIFECYCLE[RecordKind(record.kind)](self, seen)
        self._first_data(seen, told)
        self._requests(seen)
        self._read(seen, told, messages)
        self.timers.arm(record.mono_ns, synced=self._state is SyncState.SYNCED or not self._has_book)
        if record.kind == RecordKind.CONTROL:
            self._stop(seen)
        return self.lines.take()

    # the life of the run

    def _on_control(self, seen: Seen) -> None:
        mine = [one for one in seen.followed if one.subscription.instrument == self.instrument]
        if isinstance(read_control(seen.record), Start):
            subscribed = [attrs.asdict(one.subscription) for one in mine]
            self.lines.event("run_start", {"instrument": self.instrument, "subscriptions": subscribed})
            self.lines.event("ws_connecting", {"attempt": 1})
        elif mine:
            self.lines.event("follow", {"subscriptions": [attrs.asdict(one.subscription) for one in mine]})
        gone = [one for one in seen.unfollowed if one.subscription.instrument == self.instrument]
        if gone:
            self.lines.event("unfollow", {"subscriptions": [attrs.asdict(one.subscription) for one in gone]})

    def _stop(self, seen: Seen) -> None:
        order = read_control(seen.record)
        if not isinstance(order, Stop):
            return
        if order.stopped_by == WINDOW_END:
            self.lines.event("window_end", {})
        if order.error:
            self.lines.event("fatal", {"error": order.error})
        self.lines.event("run_stop", {"stopped_by": order.stopped_by})
        self._over = True

    def _on_open(self, seen: Seen) -> None:
        body = msgspec.json.decode(seen.record.payload)
        self._links.add(seen.record.connection)
        facts = {"connection": seen.record.connection, "attempt": body.get("attempt"), "url": body.get("url")}
        self.lines.event("ws_reconnect_open" if self._opened else "ws_open", facts)
        self._opened = True

    def _on_lost(self, seen: Seen) -> None:
        body, connection = msgspec.json.decode(seen.record.payload), seen.record.connection
        was_open = connection in self._links
        self._links.discard(connection)
        self._fed = {key for key in self._fed if key[0] != connection}
        facts = {"connection": connection, **{key: body.get(key) for key in ("reason", "planned", "detail")}}
        self.lines.event("ws_lost" if was_open else "ws_connect_failed", facts)
        if Reason[body["reason"]] not in _ENDS and not self._links:
            self.lines.event("ws_connecting", {})

    def _on_drop(self, seen: Seen) -> None:
        self.lines.event("dropped", msgspec.json.decode(seen.record.payload))

    def _on_clock(self, seen: Seen) -> None:
        self.lines.event("clock_step", msgspec.json.decode(seen.record.payload))

    def _first_data(self, seen: Seen, mine: Sequence[Told]) -> None:
        if not mine or seen.record.kind != RecordKind.FRAME:
            return
        for told in mine:
            key = (seen.record.connection, told.channel)
            if key not in self._fed:
                self._fed.add(key)
                self.lines.event("ws_first_data", {"connection": key[0], "channel": told.channel})
        self.timers.heard(seen.record.mono_ns)

    def _requests(self, seen: Seen) -> None:
        """What asks for a snapshot: a subscription of the book, or a request over REST."""
        for control in seen.controls:
            if not isinstance(control, Requested) or not control.active:
                continue
            if self.symbol in control.venue_symbols and self._channels.get(control.channel or "") == "book":
                facts = {"channel": control.channel, "connection": seen.record.connection}
                self.lines.event("snapshot_request", facts)
        for command in seen.output.commands:
            if isinstance(command, Fetch) and _asks(command.request, self.instrument):
                self.lines.event("snapshot_request", {"url": command.request.url})

    # what is told when nothing happens

    @property
    def due_ns(self) -> int | None:
        """The mono_ns from which on `pass_time` has something to tell."""
        return None if self._over else self.timers.due_ns

    def pass_time(self, now_ns: int, recv_ns: int) -> list[Line | Snapshot]:
        """The ledger's lines about time that has passed, with the first record at or after it."""
        due_ns = self.due_ns
        if due_ns is None or now_ns < due_ns:
            return []
        self.lines.recv_ms = recv_ns // 1_000_000
        for word, for_s in self.timers.passed(now_ns):
            self.lines.event(word, self._of_passing(word, for_s))
        return self.lines.take()

    def _of_passing(self, word: str, for_s: float) -> dict[str, Any]:
        if word == "heartbeat":
            return {"state": self._state.name, "frames": self._frames}
        if word == "ws_no_data":
            return {"silent_s": for_s}
        return {"state": self._state.name, "for_s": for_s}

    # market data

    def _read(self, seen: Seen, mine: Sequence[Told], messages: Sequence[Message]) -> None:
        """Messages in the order in which `Feed` made them, each with what the frame said of it."""
        told = {message.first_row: one for one in mine for message in one.messages}
        rest = [one for one in mine if one.carries == "book" and not one.messages and not one.snapshot]
        if seen.output.notices:
            self._early_states(seen, sum(one.kind == Kind.SYNC_CHANGE for one in messages))
        if self._built and any(one.kind in _LOSSES for one in messages):
            for one in rest:  # what showed the loss stands before it
                self.lines.diff(seen, one)
            rest = []
        changed: Message | None = None
        for message in messages:
            self._define(seen.definitions[message.instrument])
            self._message(seen, message, told.get(message.first_row))
            changed = message if message.kind in _BOOK_KINDS else changed
        for one in rest:
            self._left_over(seen, one)
        for one in mine:
            for n, trade in enumerate(one.trades):
                self.lines.trade(seen, one, trade, first=n == 0)
        if changed is not None and self._state is SyncState.SYNCED:
            self._frame(changed)

    def _message(self, seen: Seen, message: Message, told: Told | None) -> None:
        if message.kind in _BOOK_KINDS:
            self._book_message(seen, message, told)
        elif message.kind in _LOSSES:
            self._gap(seen.rows_of(message)[0])
        elif message.kind == Kind.SYNC_CHANGE:
            row = seen.rows_of(message)[0]
            self._state_change(SyncState(row.price), SyncState(row.size), Reason(row.aux), row.epoch)

    def _early_states(self, seen: Seen, rows: int) -> None:
        """Changes of state before the first definition have no rows; ``rows``: those that have."""
        notices = [
            one
            for one in seen.output.notices
            if isinstance(one, StateChanged) and one.instrument == self.instrument
        ]
        for one in notices[: len(notices) - rows]:
            self._state_change(one.old, one.new, one.reason, one.epoch)

    def _define(self, definition: Definition) -> None:
        if self.book is None:
            self.book = Book(definition)
        else:
            self.book.define(definition)

    def _book_message(self, seen: Seen, message: Message, told: Told | None) -> None:
        assert self.book is not None
        self._feeder = message.connection
        rows = seen.rows_of(message)
        self.lines.epoch = rows[0].epoch
        if message.kind == Kind.SNAPSHOT_START:
            before = self.book.levels()
            self.book.apply(rows)
            self._last_number, self._last_checksum = message.last, message.checksum
            self._snapshot(seen, message, told, before)
            return
        self.book.apply(rows)
        if message.flags & _WIDENS:
            self._refreshes += 1
            self._book_as_it_is(f"refresh_{self._refreshes:06d}", {"widened_by": message.last})
            return
        self._last_number = message.last
        self._last_checksum = message.checksum
        if told is not None:  # else it waited for the snapshot, and was written when it came
            self.lines.diff(seen, told)

    def _snapshot(
        self, seen: Seen, message: Message, told: Told | None, before: tuple[list[Level], list[Level]]
    ) -> None:
        """A book that is replaced without a loss by the same one is no news."""
        assert self.book is not None
        same = before == self.book.levels()
        if self._built and same:
            return
        if self._built:
            self._refreshes += 1
            tag = f"refresh_{self._refreshes:06d}"
        else:
            tag = f"resync_{self._resyncs:06d}" if self._resyncs else "initial"
        self._built, self._waiting, self._buffer_told = True, 0, False
        levels = list(told.levels) if told is not None else list(self._levels_of(seen, message))
        definition = self.book.definition
        self.lines.snapshot(tag, levels, message.last, message.checksum, payload_of(seen), definition)

    def _book_as_it_is(self, tag: str, why: dict[str, Any]) -> None:
        """A snapshot that the venue did not send: of our book, at the number of its last update."""
        assert self.book is not None
        definition = self.book.definition
        levels = [
            (side, text(price, definition.price_scale), text(size, definition.size_scale))
            for side, one in zip((BID, ASK), self.book.levels(), strict=True)
            for price, size in one
        ]
        raw = msgspec.json.encode({**why, "epoch_id": self.lines.epoch, "levels": levels})
        self.lines.snapshot(tag, levels, self._last_number, self._last_checksum, raw, definition)

    def _levels_of(self, seen: Seen, message: Message) -> Iterator[Texts]:
        assert self.book is not None
        definition = self.book.definition
        for row in seen.rows_of(message):
            if row.kind == Kind.LEVEL:
                price = text(row.price, definition.price_scale)
                yield row.side, price, text(row.size, definition.size_scale)

    def _left_over(self, seen: Seen, told: Told) -> None:
        """What `Feed` made no message of: a checksum of its own, or an update that waits for a snapshot."""
        if self._built and (told.levels or self._feeder != seen.record.connection):
            return  # a repetition, or of a connection that does not feed the book
        if not self._built and told.levels:
            self._waiting += 1
            limit = self._settings.max_buffer_warn
            if limit and self._waiting >= limit and not self._buffer_told:
                self._buffer_told = True
                self.lines.event("buffer_warning", {"waiting": self._waiting})
        self.lines.diff(seen, told)

    def _frame(self, message: Message) -> None:
        """The best levels after a message of a proved book."""
        assert self.book is not None
        self._frames += 1
        if not self.lines.whole:
            return
        for side in self.book.changed:
            ladder = self.book.bids if side == BID else self.book.asks
            best = ladder.texts(self._settings.depth_levels)
            self._cells[side] = best + self._no_level[len(best) :]
        self.book.changed.clear()
        self.lines.frame(self._cells[BID], self._cells[ASK], message.ts_venue_ns)

    # losses and states

    def _gap(self, row: Row) -> None:
        """A loss: of trades, which the book survives, or of the book, which begins a resync."""
        word, facts = loss_facts(row)
        if word == "trade_gap":
            self.lines.event("trade_gap", facts)
        else:
            self._built = False
            begins = not self._resyncing
            if begins:
                self._resyncing, self._resyncs = True, self._resyncs + 1
            self.lines.event("resync_start" if begins else "gap", {"resync": self._resyncs, **facts})
        self.lines.gap(word, facts, row.epoch)

    def _state_change(self, old: SyncState, new: SyncState, reason: Reason, epoch: int) -> None:
        self._set_state(new, epoch)
        self.lines.event("state_change", {"from": old.name, "to": new.name, "reason": reason.name})
        if new is SyncState.SYNCED and self._resyncing:
            self._resyncing = False
            self.lines.event("resync_done", {"resync": self._resyncs})

    def _set_state(self, state: SyncState, epoch: int) -> None:
        self._state, self.lines.epoch = state, epoch


_LIFECYCLE: Final = {
    RecordKind.CONTROL: DayTape._on_control,
    RecordKind.OPEN: DayTape._on_open,
    RecordKind.LOST: DayTape._on_lost,
    RecordKind.DROP: DayTape._on_drop,
    RecordKind.CLOCK: DayTape._on_clock,
}


def _asks(request: HttpRequest, instrument: str) -> bool:
    return request.what == "snapshot" and request.instrument == instrument
