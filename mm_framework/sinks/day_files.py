"""The day folders of the recorder as a sink: `day-files`, or its rolling live files alone: `live`.

record -> each instrument's tape -> lines -> its folder of the day
"""

from __future__ import annotations

import heapq
from typing import Final

from mm_framework.bundle.times import DAY_NS
from mm_framework.contracts.normalizer import Requested
from mm_framework.contracts.sink import Followed, Seen, SinkRun, Told
from mm_framework.errors import ConfigError, MMError
from mm_framework.feed.output import Fetch, StateChanged
from mm_framework.model.events import Message
from mm_framework.model.frame import RecordKind
from mm_framework.sinks.day_folder import DayFolder
from mm_framework.sinks.day_lines import DayLines, Line, Snapshot
from mm_framework.sinks.day_schema import DayPlace, place_of, places, utc_date
from mm_framework.sinks.day_settings import DaySettings
from mm_framework.sinks.day_tape import DayTape

__all__ = ["DayFiles", "LiveFiles"]

NEVER: Final = 2**63 - 1
_ABOUT_SOME: Final = frozenset(
    map(int, (RecordKind.FRAME, RecordKind.SENT, RecordKind.HTTP, RecordKind.TICK))
)
"""Records that concern only the instruments that they name; all others concern a whole shard."""


class DayFiles:
    """Implements `contracts.sink.Sink`: all files of a day folder."""

    with_files = True

    def __init__(self, settings: DaySettings | None = None) -> None:
        self._settings = settings or DaySettings()

    def open(self, run: SinkRun) -> None:
        """See the contract. Folders are made under ``out``, else under the data directory."""
        if run.untimed:
            raise ConfigError(
                f"run {run.run_id} has no receive times, and folders are days of receive time: "
                "import it with --assume-receive",
                key="to",
            )
        self._run = run
        self._root = run.out if run.out is not None else run.data_dir
        beside = run.out if run.out is not None else run.data_dir.parent
        self._logs = beside / self._settings.log_dir
        self._places: dict[str, DayPlace] = places(one.instrument for one in run.subscriptions)
        self._tapes: dict[str, _Kept] = {}
        self._symbols: dict[tuple[int | None, str], str] = {}
        self._time_ns = NEVER
        self._open_members: list[tuple[int, str]] = []
        self._has_open: set[str] = set()
        self._unsettled: set[_Kept] = set()
        self._day: int | None = None
        self._turn(run.start_ns)
        try:
            for one in dict.fromkeys((one.instrument, one.venue_symbol) for one in run.subscriptions):
                self._kept(*one)
        except MMError:
            self.close()
            raise

    def write(self, seen: Seen) -> None:
        """See the contract."""
        assert seen.ts_recv_ns is not None
        now_ns, recv_ns = seen.record.mono_ns, seen.ts_recv_ns
        self._flush(now_ns)
        if recv_ns // DAY_NS != self._day and not self._settings.folder_date:
            self._turn(recv_ns)
            self._tapes = {name: kept for name, kept in self._tapes.items() if kept.folder is not None}
            for kept in self._tapes.values():
                kept.close()
                kept.folder = self._folder(kept.tape)
                self._add(kept, kept.tape.begin_folder(recv_ns), now_ns, recv_ns)
        for followed in seen.followed:
            self._follow(seen, followed)
        if seen.restored is not None:
            self._restore(seen)
        if now_ns >= self._time_ns:
            self._pass_time(now_ns, recv_ns)
        told, messages = _by_instrument(seen)
        for kept in self._concerned(seen, {*told, *messages}):
            tape = kept.tape
            mine = tape.take(seen, told.get(tape.instrument, ()), messages.get(tape.instrument, ()))
            self._add(kept, mine, now_ns, recv_ns)
            if tape.timers.rearmed:
                tape.timers.rearmed = False
                self._time_ns = min(self._time_ns, tape.due_ns or NEVER)
        for gone in seen.unfollowed:
            self._unfollow(gone)

    def settle(self) -> None:
        """See `contracts.sink.Settling`: readers of live files see what came."""
        for kept in self._unsettled:
            if kept.folder is not None:
                kept.folder.settle()
        self._unsettled.clear()

    def close(self) -> None:
        """See the contract."""
        self._unsettled.clear()
        first: MMError | None = None
        for kept in self._tapes.values():
            try:
                kept.close()
            except MMError as error:
                first = first or error
        self._tapes = {}
        if first is not None:
            raise first

    def _concerned(self, seen: Seen, ids: set[str]) -> list[_Kept]:
        """The instruments of the shard that a record says something of; ``ids``: market data of these."""
        if seen.record.kind not in _ABOUT_SOME:
            return [kept for kept in self._tapes.values() if kept.shard == seen.shard]
        for notice in seen.output.notices:
            if isinstance(notice, StateChanged):
                ids.add(notice.instrument)
        for command in seen.output.commands:
            if isinstance(command, Fetch):
                ids.add(str(command.request.instrument))
        for control in seen.controls:
            if isinstance(control, Requested):
                ids |= {self._symbols.get((seen.shard, one), "") for one in control.venue_symbols}
        found = [self._tapes[one] for one in sorted(ids) if one in self._tapes]
        return [kept for kept in found if kept.shard == seen.shard]

    def _pass_time(self, now_ns: int, recv_ns: int) -> None:
        followed = [kept for kept in self._tapes.values() if kept.folder is not None]
        for kept in followed:
            self._add(kept, kept.tape.pass_time(now_ns, recv_ns), now_ns, recv_ns)
        self._time_ns = min((kept.tape.due_ns or NEVER for kept in followed), default=NEVER)

    def _add(self, kept: _Kept, out: list[Line | Snapshot], now_ns: int, recv_ns: int) -> None:
        if out and kept.folder is not None:
            kept.folder.add(out, now_ns, recv_ns // 1_000_000)
            self._unsettled.add(kept)
            if kept.tape.instrument not in self._has_open:
                self._wait_for(kept)

    def _wait_for(self, kept: _Kept) -> None:
        """Note when the first of a folder's open members is to be closed; those it opens later are later."""
        due_ns = None if kept.folder is None else kept.folder.due_ns
        if due_ns is not None:
            heapq.heappush(self._open_members, (due_ns, kept.tape.instrument))
            self._has_open.add(kept.tape.instrument)

    def _flush(self, now_ns: int) -> None:
        """Close the members whose time is over."""
        while self._open_members and self._open_members[0][0] <= now_ns:
            _, instrument = heapq.heappop(self._open_members)
            self._has_open.remove(instrument)
            kept = self._tapes.get(instrument)
            if kept is not None and kept.folder is not None:
                kept.folder.flush_if_due(now_ns)
                self._wait_for(kept)

    def _turn(self, recv_ns: int) -> None:
        self._day = recv_ns // DAY_NS
        self._date = self._settings.folder_date or utc_date(recv_ns)

    def _follow(self, seen: Seen, followed: Followed) -> None:
        one = followed.subscription
        kept = self._kept(one.instrument, one.venue_symbol)
        kept.shard = seen.shard
        if kept.folder is None:
            lines = kept.tape.lines
            told = lines.recv_seq, lines.event_id
            kept.folder = self._folder(kept.tape)
            lines.recv_seq, lines.event_id = max(told[0], lines.recv_seq), max(told[1], lines.event_id)
        self._symbols[seen.shard, one.venue_symbol] = one.instrument
        kept.tape.follow(followed)

    def _unfollow(self, followed: Followed) -> None:
        """With its last channel an instrument's files are closed, until it is followed again."""
        one = followed.subscription
        kept = self._tapes.get(one.instrument)
        if kept is not None and not kept.tape.unfollow(followed):
            self._symbols.pop((kept.shard, one.venue_symbol), None)
            kept.tape.rest()
            kept.shard = None
            kept.close()

    def _restore(self, seen: Seen) -> None:
        state = seen.restored
        assert state is not None
        links = {link.index for link in state.links}
        for kept in state.instruments:
            if kept.definition is not None and kept.id in self._tapes:
                tape = self._tapes[kept.id]
                tape.tape.restore(kept, state.definitions[kept.definition], links)
                assert seen.ts_recv_ns is not None
                out = tape.tape.begin_folder(seen.ts_recv_ns)
                self._add(tape, out, seen.record.mono_ns, seen.ts_recv_ns)

    def _kept(self, instrument: str, symbol: str) -> _Kept:
        """The tape of an instrument, with its folder open. Raises ConfigError when another shares it."""
        kept = self._tapes.get(instrument)
        if kept is not None:
            return kept
        place = place_of(instrument)
        if instrument not in self._places:
            self._places = places([*self._places, instrument])
        checksum = self._run.rules[instrument.partition(":")[0]].checksum is not None
        lines = DayLines(place, symbol, self._run.run_id, checksum=checksum, whole=self.with_files)
        tape = DayTape(instrument, symbol, lines, self._settings, self._run.no_data_warn_s)
        kept = self._tapes[instrument] = _Kept(tape, self._folder(tape))
        return kept

    def _folder(self, tape: DayTape) -> DayFolder:
        folder = DayFolder(
            self._root,
            self._logs,
            self._places[tape.instrument],
            self._date,
            tape.instrument,
            tape.symbol,
            self._settings,
            checksum=self._run.rules[tape.instrument.partition(":")[0]].checksum is not None,
            files=self.with_files,
            live=not self.with_files or self._settings.live_stream,
        )
        tape.lines.recv_seq, tape.lines.event_id = folder.recv_seq, folder.event_id
        return folder


def _by_instrument(seen: Seen) -> tuple[dict[str, list[Told]], dict[str, list[Message]]]:
    """What a record says, and what `Feed` made of it, by instrument."""
    told: dict[str, list[Told]] = {}
    for one in seen.told:
        told.setdefault(one.instrument, []).append(one)
    messages: dict[str, list[Message]] = {}
    for message in seen.messages:
        messages.setdefault(seen.definitions[message.instrument].id, []).append(message)
    return told, messages


class LiveFiles(DayFiles):
    """Implements `contracts.sink.Sink`: the rolling live files of the day folders, and nothing else."""

    with_files = False


class _Kept:
    """An instrument's tape, and, while it is followed, its open folder and the shard that carries it."""

    def __init__(self, tape: DayTape, folder: DayFolder) -> None:
        self.tape = tape
        self.folder: DayFolder | None = folder
        self.shard: int | None = None

    def close(self) -> None:
        """Close the folder, if it is open. Raises EnvironmentFailed."""
        folder, self.folder = self.folder, None
        if folder is not None:
            folder.close()
