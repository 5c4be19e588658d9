"""A recorder's day folder as an input of a store: its lines once more through the venue's rules.

    ledger, updates, prints by recv_seq -> the engine of a capture -> rows -> days

Books are proved as far as the folder goes: by numbers or checksums where the venue has them; what breaks
them, what the recorder declared and where it was started anew is a gap with the next epoch. Times are in
milliseconds, as the folder has them; a receive time that goes back is set to the one before it, and noted.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import numpy as np

from mm_framework.bundle.times import DAY_NS
from mm_framework.contracts.sync_engine import SyncRules
from mm_framework.errors import CorruptFrame, EnvironmentFailed, StoreError
from mm_framework.feed import VenueKit
from mm_framework.model.events import NULL, Kind, Reason, RowFlag, row_dtype
from mm_framework.model.fixed import BadNumber, ValueOverflow, decimals_of, parse
from mm_framework.model.instrument import parse_id
from mm_framework.sinks.day_reader import DayEvent, DayReader, DayTrade, is_day_folder
from mm_framework.sinks.day_verify import DayReplay, scales_of
from mm_framework.store.inputs import Dealt
from mm_framework.store.noted import Noted
from mm_framework.store.spill import Spill
from mm_framework.store.synthetic import book_rows

__all__ = ["DayFolderSource", "find_day_folder"]

_MS: Final = 1_000_000


@attrs.frozen
class DayFolderSource:
    """A day folder. ``instrument``: its id; ``symbols`` has it when the user gave it."""

    path: Path
    run: str
    sha256: str
    exchange: str
    instrument: str
    symbols: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def kind(self) -> str:
        """See `Source`."""
        return "day-folder"

    @property
    def venues(self) -> frozenset[str]:
        """See `Source`: the rules of the venue prove the books."""
        return frozenset({self.exchange})

    def files(self) -> dict[str, tuple[int, int]]:
        """See `Source`."""
        found = {}
        for path in DayReader(self.path).files():
            status = path.stat()
            found[path.relative_to(self.path.absolute()).as_posix()] = (status.st_size, status.st_mtime_ns)
        return found

    def fingerprint(self) -> str:
        """See `Source`."""
        return self.sha256

    def deal(self, kits: Mapping[str, VenueKit], spill: Spill) -> Dealt:
        """See `Source`."""
        replay = _Rows(DayReader(self.path), kits[self.exchange].rules, self.instrument, spill)
        replay.run()
        if replay.first_ns is None:
            raise StoreError(f"{self.path} holds no event", path=self.path)
        definition = attrs.evolve(replay.definition, valid_from_ns=replay.first_ns)
        report = replay.report
        counts = {"updates": report.diffs, "ignored": report.ignored, "trades": replay.trades}
        counts |= {"gaps": report.gaps, "frames_different": report.frames_different}
        counts |= {"torn": len(report.torn), "receive_time_back": replay.back}
        return Dealt((definition,), replay.first_ns, {}, replay.noted.notes(), counts)


def find_day_folder(path: Path, symbols: Mapping[str, str] | None = None) -> DayFolderSource | None:
    """The day folder at a path, None when there is something else; its name is that of its content.

    Raises StoreError when nothing of it can be replayed, ConfigError for a name that is no instrument's.
    """
    if not is_day_folder(path):
        return None
    reader = DayReader(path)
    given = dict(symbols or {})
    symbol = reader.instrument.partition(":")[2]
    instrument = given.get(symbol) or given.get("", reader.instrument)
    if instrument.endswith(":*"):
        instrument = f"{instrument[:-1]}{symbol}"
    parse_id(instrument)
    digest = hashlib.sha256()
    for one in reader.files():
        try:
            with one.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise EnvironmentFailed(f"cannot read {one}: {error.strerror or error}") from error
        digest.update(f"{one.relative_to(reader.path).as_posix()} {content}\n".encode())
    sha256 = digest.hexdigest()
    named = {symbol: instrument} if instrument != reader.instrument else {}
    return DayFolderSource(path, f"day-{sha256[:32]}", sha256, reader.exchange, instrument, named)


class _Rows(DayReplay):
    """A replay whose rows go to a store. ``definition``: as it was learned."""

    def __init__(self, reader: DayReader, rules: SyncRules, instrument: str, spill: Spill) -> None:
        super().__init__(reader, rules, _scales(reader), instrument)
        self._spill, self._day, self._last_ns = spill, -1, 0
        self.first_ns: int | None = None
        self.noted, self.back, self.trades = Noted(), 0, 0

    @property
    def definition(self) -> Any:
        """The definition at the end."""
        return self._owner.definition

    def _items(self) -> Iterator[tuple[int, Any]]:
        trades = ((trade.recv_seq, trade) for trade in self._reader.trades())
        return heapq.merge(super()._items(), trades, key=lambda one: one[0])

    def _take(self, seq: int, item: Any) -> None:
        self._at(seq, item)
        if isinstance(item, DayTrade):
            self._trade(item)
        else:
            super()._take(seq, item)
        rows = np.frombuffer(bytes(self._emitter.rows()), dtype=row_dtype())
        self._spill.add(self._day, rows)

    def _at(self, seq: int, item: Any) -> None:
        """Time goes on; a new day begins with the book as it is."""
        try:
            recv_ms = item.recv_ms if isinstance(item, DayEvent | DayTrade) else int(item["recv_ms"])
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptFrame(f"update {seq} of {self._reader.path} is not readable: {error!r}") from None
        told_ns, definition = recv_ms * _MS, self.definition
        ts_ns = max(told_ns, self._last_ns)
        self._last_ns = ts_ns
        if told_ns < ts_ns:
            self.back += 1
            self.noted.add(definition.id, "receive_time_back", np.array([ts_ns], np.int64))
        state, day = self._sync.s, ts_ns // DAY_NS
        if self.first_ns is not None and day != self._day:
            book = book_rows(self._sync.book, definition.number, state.state, state.epoch, day * DAY_NS)
            self._spill.add(day, book)
        self._day = day
        self._emitter.at(ts_ns, ts_ns, 0, seq & 0xFFFFFFFF)
        if self.first_ns is None:
            self.first_ns = ts_ns
            self._emitter.event(Kind.DEFINITION, definition.number, state.epoch, NULL, NULL, definition.index)

    def _event(self, event: DayEvent) -> None:
        if event.word == "run_start" and self._sync.s.built:
            self._sync.lose(Reason.RECORDING_END, 0)
        elif event.word == "trade_gap":
            self._trade_gap(event.facts)
        super()._event(event)

    def _trade(self, trade: DayTrade) -> None:
        try:
            price, size = parse(trade.price, self._scales[0]), parse(trade.size, self._scales[1])
        except (BadNumber, ValueOverflow) as error:
            raise CorruptFrame(f"recv_seq {trade.recv_seq} of {self._reader.path}: {error}") from None
        self.trades += 1
        number = NULL if trade.trade_id is None else trade.trade_id
        self._emitter.group(
            Kind.TRADE,
            self.definition.number,
            self._sync.s.epoch,
            [(Kind.TRADE, trade.side, price, size, number)],
            ts_venue_ns=NULL if trade.ts_ms is None else trade.ts_ms * _MS,
        )

    def _trade_gap(self, facts: Mapping[str, Any]) -> None:
        expected, found = (
            value if type(value := facts.get(key)) is int else NULL for key in ("expected", "found")
        )
        number, epoch = self.definition.number, self._sync.s.epoch
        reason, flags = Reason.TRADE_ID_GAP, RowFlag.UNTRUSTED
        self._emitter.event(Kind.GAP, number, epoch, expected, found, reason, flags=flags)


def _scales(reader: DayReader) -> tuple[int, int]:
    """The most decimals of any price and size of the folder, prints among them."""
    price, size = scales_of(reader)
    for trade in reader.trades():
        try:
            price, size = max(price, decimals_of(trade.price)), max(size, decimals_of(trade.size))
        except BadNumber as error:
            raise CorruptFrame(f"recv_seq {trade.recv_seq} of {reader.path}: {error}") from None
    return price, size
