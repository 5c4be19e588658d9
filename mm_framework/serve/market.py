"""One instrument as the server knows it: book, latest trades, counts; and the messages that it gives.

    market.begin(ts_ms)           a run begins to tell of it: a new epoch if it was known before
    market.book_rows(rows)        one book message of a run -> Snapshot or Diff, Spread
    market.trade_row(row)         -> Trade
    market.event_row(row)         -> Event

Pure: time comes with the rows. What it returns is published by the `Hub`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final, cast

import attrs
import msgspec

from mm_framework.feed import InstrumentView
from mm_framework.model.book import Level as LevelInts
from mm_framework.model.events import ASK, BID, NULL, Kind, Reason, Row, RowFlag, SyncState
from mm_framework.model.instrument import Definition, parse_id
from mm_framework.serve.ages import Ages
from mm_framework.serve.bars import MinuteBars
from mm_framework.serve.book import Book
from mm_framework.serve.messages import (
    Data,
    Diff,
    Event,
    Level,
    Levels,
    Snapshot,
    Spread,
    State,
    Status,
    Trade,
    Volume,
    Word,
)
from mm_framework.serve.volume import DayVolume

__all__ = ["BookNow", "Market", "Said", "TradeNow", "spread_of"]

MS: Final = 1_000_000
_NOT_NEW: Final = RowFlag.SNAPSHOT | RowFlag.SYNTHETIC
"""What the venue told of the past when it was asked, or what nobody said."""


@attrs.frozen
class BookNow:
    """The best levels as ``(price, size)`` texts, best first; ``ts_ms`` of the last change or None."""

    bids: list[Level]
    asks: list[Level]
    epoch: int
    seq: int
    ts_ms: int | None
    state: State


@attrs.frozen
class TradeNow:
    """A trade and when we received it."""

    ts_ms: int
    trade: Trade


Said = tuple[str, int, Data]
"""Type, ``ts_ms`` and data of a message."""


class Market:
    """``id`` is ours, ``venue_symbol`` the venue's name. ``trades`` are kept, ``levels`` told a second.

    ``bars``: candles of the trades, of a minute each.
    """

    def __init__(self, id: str, venue_symbol: str, *, trades: int = 1000, levels: int = 20) -> None:
        self.id, self.venue_symbol = id, venue_symbol
        self.exchange, self.symbol = parse_id(id)
        self.messages = self.traded = self.gaps = self.mismatches = self.resyncs = 0
        self.seq = 0
        self.ages = Ages()
        self.bars = MinuteBars()
        self._book: Book | None = None
        self._state = SyncState.CONNECTING
        self._epoch = 1
        self._base = 0
        self._ts_ms: int | None = None
        self._recent: deque[TradeNow] = deque(maxlen=trades)
        self._volume = DayVolume()
        self._levels = levels
        self._told: dict[str, object] = {}
        self.teller: object | None = None
        """The run that tells of it: of several, the one that began last."""

    # what is known now

    def called(self, name: str) -> str:
        """The venue's symbol if this is it, in any case; else ours."""
        same = name.upper() == self.venue_symbol.upper() != self.symbol.upper()
        return self.venue_symbol if same else self.symbol

    @property
    def definition(self) -> Definition | None:
        """The definition in force, None before the first."""
        return None if self._book is None else self._book.definition

    @property
    def state(self) -> State:
        """The state of the book."""
        return cast(State, self._state.name)

    @property
    def epoch(self) -> int:
        """The epoch over all runs: it never falls."""
        return self._epoch

    @property
    def ts_ms(self) -> int | None:
        """Receive time of the last change of the book, None before one."""
        return self._ts_ms

    def best(self) -> tuple[str, str] | None:
        """The best bid and ask while the book is SYNCED and has both."""
        if self._book is None or self._state is not SyncState.SYNCED:
            return None
        bid, _, ask, _ = self._book.best()
        return None if bid is None or ask is None else (bid, ask)

    def book(self, depth: int | None = None) -> BookNow:
        """The best ``depth`` levels a side, all when None."""
        bids, asks = self._sides(depth)
        return BookNow(bids, asks, self.epoch, self.seq, self._ts_ms, self.state)

    def trades(self, limit: int | None = None) -> list[TradeNow]:
        """The latest trades, the newest last."""
        recent = list(self._recent)
        return recent if limit is None else recent[max(0, len(recent) - limit) :]

    def snapshot(self) -> Snapshot:
        """The whole book as a message; its ``seq`` is that of the last change."""
        bids, asks = self._sides(None)
        return Snapshot(self.epoch, self.seq, self.state, None, bids, asks)

    def spread(self) -> list[Spread]:
        """The spread of the best prices, nothing while there are none."""
        best = self.best()
        return [] if best is None else [spread_of(*best)]

    def status(self) -> Status:
        """State, counts and ages."""
        return Status(
            state=self.state,
            epoch=self.epoch,
            seq=self.seq,
            venue_symbol=self.venue_symbol,
            messages=self.messages,
            trades=self.traded,
            gaps=self.gaps,
            mismatches=self.mismatches,
            resyncs=self.resyncs,
            age_ms=self.ages.summary(),
            age_histogram=self.ages.histogram(),
        )

    def volume(self) -> Volume:
        """What was traded in the last 24 hours, as far as it was heard."""
        return self._volume.told()

    # what runs tell

    def begin(self, ts_ms: int) -> Iterator[Said]:
        """A run begins to tell of this instrument; after another run, its epochs go on behind that one's."""
        if self._book is None:
            return
        self._base = self._epoch
        old, self._state, self._book = self.state, SyncState.CONNECTING, None
        self._epoch += 1
        self._told.clear()
        yield "event", ts_ms, Event("state_change", self._epoch, Reason.START.name, old, self.state)

    def end(self, ts_ms: int) -> Iterator[Said]:
        """The run is over, perhaps without a word: nothing proves the book any more."""
        if self._book is not None and self._state is not SyncState.STOPPED:
            old, self._state = self.state, SyncState.STOPPED
            yield "event", ts_ms, Event("state_change", self._epoch, Reason.ENDED.name, old, self.state)

    def status_told(self, status: str, ts_ms: int) -> Iterator[Said]:
        """The venue says how it, or this market, is."""
        yield "event", ts_ms, Event("status", self._epoch, status=status)

    def define(self, definition: Definition, ts_ms: int) -> Iterator[Said]:
        """A definition comes into force."""
        if self._book is None:
            self._book = Book(definition)
        elif self._book.definition.number != definition.number:
            self._book.levels.clear()
        self._book.definition = definition
        yield (
            "event",
            ts_ms,
            Event(
                event="definition",
                epoch=self.epoch,
                tick_size=definition.tick_size,
                lot_size=definition.lot_size,
                status=definition.status,
            ),
        )

    def restore(self, view: InstrumentView, ts_ms: int) -> Iterator[Said]:
        """A run is taken up in the middle: this is its book."""
        self._book = book = Book(view.definition)
        book.levels.load(view.book.bids(), view.book.asks())
        old, self._state, self._epoch = self.state, view.state, self._base + view.epoch
        self._ts_ms = ts_ms
        self.seq += 1
        if old != self.state:
            yield "event", ts_ms, Event("state_change", self._epoch, None, old, self.state)
        yield "snapshot", ts_ms, self.snapshot()
        yield from self._spread(ts_ms)

    def book_rows(self, rows: Sequence[Row], ts_ms: int) -> Iterator[Said]:
        """One book message."""
        book = self._book
        if book is None or not rows:
            return
        first = rows[0]
        self._epoch = self._base + first.epoch
        self._age(first)
        fallen = _apply(book, rows)
        self.messages += 1
        self.seq += 1
        self._ts_ms = ts_ms
        venue_ms = _venue_ms(first)
        if first.kind == Kind.SNAPSHOT_START:
            yield "snapshot", ts_ms, msgspec.structs.replace(self.snapshot(), venue_ms=venue_ms)
        else:
            bids, asks = ([self._level(row) for row in rows if row.side == side] for side in (BID, ASK))
            bids += [(book.price(price), "0") for price, _ in fallen[0]]
            asks += [(book.price(price), "0") for price, _ in fallen[1]]
            yield "diff", ts_ms, Diff(self._epoch, self.seq, venue_ms, bids, asks)
        yield from self._spread(ts_ms)

    def trade_row(self, row: Row, ts_ms: int) -> Iterator[Said]:
        """One print. Those of a snapshot are told, but are in no candle, volume or age: they may be of long
        ago, and come again with every connection.
        """
        book = self._book
        if book is None:
            return
        self._age(row)
        venue_ms = _venue_ms(row)
        self.traded += 1
        if not row.flags & _NOT_NEW:
            scales = book.definition.price_scale, book.definition.size_scale
            self._volume.add(ts_ms, row.price, row.size, scales)
            self.bars.add(ts_ms if venue_ms is None else venue_ms, row.price, row.size, scales)
        trade = Trade(
            epoch=self._epoch,
            seq=self.traded,
            venue_ms=venue_ms,
            price=book.price(row.price),
            size=book.size(row.size),
            side={BID: "buy", ASK: "sell"}.get(row.side),  # type: ignore[arg-type]  # these words only
            trade_id=None if row.aux == NULL else str(row.aux),
        )
        self._recent.append(TradeNow(ts_ms, trade))
        yield "trade", ts_ms, trade

    def event_row(self, row: Row, ts_ms: int) -> Iterator[Said]:
        """A change of state, a gap or a checksum that did not hold."""
        self._epoch = self._base + row.epoch
        reason = Reason(row.aux).name
        if row.kind == Kind.SYNC_CHANGE:
            old, self._state = self.state, SyncState(row.size)
            self.resyncs += old == "SYNCED" and self._state is not SyncState.STOPPED
            yield "event", ts_ms, Event("state_change", self._epoch, reason, old, self.state)
            yield from self._spread(ts_ms)
            return
        gap = row.kind == Kind.GAP
        self.gaps, self.mismatches = self.gaps + gap, self.mismatches + (not gap)
        expected, found = (None if value == NULL else str(value) for value in (row.price, row.size))
        word: Word = "gap" if gap else "checksum_mismatch"
        yield "event", ts_ms, Event(word, self._epoch, reason, expected=expected, found=found)

    def beat(self, now_ms: int) -> Iterator[Said]:
        """What is said once a second, as far as it changed."""
        if self._changed("levels", (self._epoch, self.seq)) and self._book is not None:
            bids, asks = self._sides(self._levels)
            yield "levels", now_ms, Levels(self._epoch, self.seq, bids, asks)
        self._volume.pass_to(now_ms)
        for word, data in (("volume_24h", self.volume()), ("status", self.status())):
            if self._changed(word, data):
                yield word, now_ms, data

    def _spread(self, ts_ms: int) -> Iterator[Said]:
        best = self.best()
        if best is not None and self._changed("spread", best):
            yield "spread", ts_ms, spread_of(*best)

    def _changed(self, word: str, value: object) -> bool:
        """Whether this is not what was told last."""
        if self._told.get(word) == value:
            return False
        self._told[word] = value
        return True

    def _sides(self, depth: int | None) -> tuple[list[Level], list[Level]]:
        book = self._book
        if book is None:
            return [], []
        sides = (book.levels.bids(depth), book.levels.asks(depth))
        bids, asks = ([(book.price(price), book.size(size)) for price, size in side] for side in sides)
        return bids, asks

    def _level(self, row: Row) -> Level:
        assert self._book is not None
        return self._book.price(row.price), self._book.size(row.size) if row.size else "0"

    def _age(self, row: Row) -> None:
        if row.ts_venue_ns != NULL and row.ts_recv_ns != NULL and not row.flags & _NOT_NEW:
            self.ages.add((row.ts_recv_ns - row.ts_venue_ns) / MS)


def spread_of(bid: str, ask: str) -> Spread:
    """The spread of two best prices, exactly."""
    low, high = Decimal(bid), Decimal(ask)
    mid, width = (low + high) / 2, high - low
    bps = float(width / mid * 10_000) if mid else 0.0
    return Spread(bid, ask, f"{mid:f}", f"{width:f}", round(bps, 4))


def _apply(book: Book, rows: Sequence[Row]) -> tuple[list[LevelInts], list[LevelInts]]:
    """Apply the rows; the levels of each side that fell out of the depth."""
    depth, levels = book.definition.depth, book.levels
    for row in rows:
        if row.kind == Kind.SNAPSHOT_START:
            levels.clear()
        else:
            levels.apply(row.side, row.price, row.size)
    if depth is None:
        return [], []
    bids = levels.bids()[depth:] if levels.bound(BID, depth + 1) is not None else []
    asks = levels.asks()[depth:] if levels.bound(ASK, depth + 1) is not None else []
    levels.truncate(depth)
    return bids, asks


def _venue_ms(row: Row) -> int | None:
    return None if row.ts_venue_ns == NULL else row.ts_venue_ns // MS
