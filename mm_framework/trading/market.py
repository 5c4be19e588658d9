"""What is known of each market: rows of `Feed` in, best prices and changes out. Pure.

`Markets` keeps one `Slot` an instrument (by id, numbered from 0 in the order of first definition).
Rows are applied message by message and looked at when the record that brought them is whole:
`Markets.changes` then says, for each slot that was touched, what became different. The best prices
come from the book or from the venue's ticker, as the run chose; the other one is ignored here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from mm_framework.contracts.strategy import On, units
from mm_framework.errors import ReplayError
from mm_framework.model.book import Book, Level, OrderBook
from mm_framework.model.events import ASK, BID, NULL, Kind, Message, Row, RowFlag, SyncState
from mm_framework.model.instrument import Definition
from mm_framework.model.tops import Top, TopEvent, e6

__all__ = ["BOOK", "TICKER", "Change", "Markets", "Slot", "factors"]

BOOK = "book"
TICKER = "ticker"

_NO_TOP: Top = (None, None)


class Change(NamedTuple):
    """What a record changed in one slot. ``trade`` is the print's row when reasons is On.TRADE."""

    slot: Slot
    reasons: int
    seq: int
    trade: Row | None = None


class Slot:
    """One instrument's market.

    ``top``: best prices while trusted, the last trusted ones otherwise. ``last_bid``, ``last_ask``:
    the last prices that each side had. ``mid2``: bid + ask of the last moment that had both and was
    not crossed. All are None before the first. ``current``: the top is the market's as of now, or as
    of an orderly end. ``version`` rises with every change that a view shows.
    """

    __slots__ = (
        "_was",
        "book",
        "connection",
        "current",
        "definition",
        "epoch",
        "id",
        "index",
        "last_ask",
        "last_bid",
        "lot",
        "mid2",
        "source",
        "state",
        "tick",
        "ticker",
        "ticker_live",
        "top",
        "trusted",
        "ts_venue_ns",
        "version",
    )

    def __init__(self, index: int, definition: Definition, source: str) -> None:
        self.index, self.id, self.source = index, definition.id, source
        self.book = OrderBook()
        self.state = SyncState.CONNECTING
        self.epoch = 0
        self.connection = 0
        self.ticker: Top = _NO_TOP
        self.ticker_live = False
        self.trusted = self.current = False
        self.top: Top = _NO_TOP
        self.mid2: int | None = None
        self.last_bid: int | None = None
        self.last_ask: int | None = None
        self.ts_venue_ns = NULL
        self.version = 0
        self._was = (False, 0)
        self.describe(definition)

    def describe(self, definition: Definition) -> None:
        """A definition comes into force; its scales are those of the last one or `rescale` was called."""
        self.definition = definition
        self.tick = _step(definition.tick_size, definition.price_scale, definition.price_decimals)
        self.lot = _step(definition.lot_size, definition.size_scale, definition.size_decimals)
        self.version += 1

    def rescale(self, price_factor: int, size_factor: int) -> None:
        """Scales became larger: bring what is kept along; the book waits for its snapshot."""
        self.book.clear()
        self.ticker = _scaled(self.ticker, price_factor, size_factor)
        self.top = _scaled(self.top, price_factor, size_factor)
        for name in ("mid2", "last_bid", "last_ask"):
            if (price := getattr(self, name)) is not None:
                setattr(self, name, price * price_factor)

    def levels(self, side: int, n: int | None = None) -> list[Level]:
        """The best ``n`` levels of a side (all when None), best first; none unless ``current``."""
        if not self.current:
            return []
        if self.source == BOOK:
            return self.book.bids(n) if side == BID else self.book.asks(n)
        level = self.top[0 if side == BID else 1]
        return [] if level is None else [level]

    def settle(self) -> int:
        """Look at the market after a whole record; returns the bits of `On` that became true."""
        if self.source == BOOK:
            self.trusted = self.state is SyncState.SYNCED
            now = (self.trusted, self.epoch)
        else:
            self.trusted = self.ticker_live and self.state is not SyncState.STOPPED
            now = (self.trusted, 0)
        reasons = 0
        if now != self._was:
            if self.trusted or self._was[0]:
                reasons |= On.RESYNC
            self._was = now
            self.version += 1
        if not self.trusted:
            if self.current and self.state is not SyncState.STOPPED:
                self.current = False
                self.version += 1
            return reasons
        self.current = True
        top = self.ticker if self.source == TICKER else (self.book.best_bid, self.book.best_ask)
        if top != self.top:
            self._take(top)
            reasons |= On.MARKET
        return reasons

    def _take(self, top: Top) -> None:
        self.top = bid, ask = top
        self.version += 1
        if bid is not None:
            self.last_bid = bid[0]
        if ask is not None:
            self.last_ask = ask[0]
        if bid is not None and ask is not None and ask[0] >= bid[0]:
            self.mid2 = bid[0] + ask[0]

    def event(self, seq: int, mono_ns: int) -> tuple[TopEvent, int]:
        """The canonical event of the present top, and how many of its numbers had to be rounded."""
        definition, rounded = self.definition, 0

        def round_to_e6(value: int | None, scale: int) -> int | None:
            nonlocal rounded
            if value is None:
                return None
            number, exact = e6(value, scale)
            rounded += not exact
            return number

        (bid, bid_size), (ask, ask_size) = (level or (None, None) for level in self.top)
        event = TopEvent(
            self.id,
            round_to_e6(bid, definition.price_scale),
            round_to_e6(bid_size or None, definition.size_scale),
            round_to_e6(ask, definition.price_scale),
            round_to_e6(ask_size or None, definition.size_scale),
            None if self.ts_venue_ns == NULL else self.ts_venue_ns,
            mono_ns,
            seq,
        )
        return event, rounded


class Markets:
    """All slots. ``source`` chooses between book and ticker, ``sources`` for single ids.

    ``only``: the ids to follow, all when empty.
    """

    def __init__(
        self, source: str = BOOK, sources: Mapping[str, str] | None = None, only: Sequence[str] = ()
    ) -> None:
        self._source, self._sources, self._only = source, dict(sources or {}), frozenset(only)
        self.slots: list[Slot] = []
        self.by_id: dict[str, Slot] = {}
        self._by_number: dict[int, Slot] = {}
        self._touched: dict[int, tuple[int, int]] = {}
        self._prints: list[Change] = []

    def define(self, definition: Definition) -> tuple[Slot, int, int] | None:
        """A definition comes into force: ``(slot, price_factor, size_factor)``, None if not followed.

        The factors are what numbers at the scales of the definition before have to be multiplied by;
        both are 0 for an instrument that is new.
        """
        if self._only and definition.id not in self._only:
            return None
        slot = self.by_id.get(definition.id)
        if slot is None:
            source = self._sources.get(definition.id, self._source)
            slot = self.by_id[definition.id] = Slot(len(self.slots), definition, source)
            self.slots.append(slot)
            scaled = (0, 0)
        else:
            scaled = factors(slot.definition, definition)
            if scaled != (1, 1):
                slot.rescale(*scaled)
            slot.describe(definition)
        self._by_number[definition.number] = slot
        return slot, *scaled

    def find(self, number: int) -> Slot | None:
        """The slot of an instrument number; None when it is not followed."""
        return self._by_number.get(number)

    def restore(self, definition: Definition, book: Book, state: SyncState, epoch: int, seq: int) -> None:
        """Take over a book from a checkpoint: what the records before it had built."""
        slot = self._by_number.get(definition.number)
        if slot is not None:
            slot.book.load(book.bids(), book.asks())
            slot.state, slot.epoch = state, epoch
            self._touch(slot, seq, 0)

    def apply(self, message: Message, rows: Iterator[Row], seq: int) -> None:
        """Apply one message; `changes` tells the outcome. ``seq`` is the message's number."""
        slot = self.find(message.instrument)
        if slot is None:
            return
        kind = message.kind
        if kind == Kind.TRADE:
            self._prints += [
                Change(slot, On.TRADE, seq, row) for row in rows if not row.flags & RowFlag.SNAPSHOT
            ]
        elif kind == Kind.SYNC_CHANGE:
            slot.state = SyncState(next(rows).size)
            self._touch(slot, seq, 0)
        elif kind == Kind.TOP and slot.source == TICKER:
            _apply_ticker(slot, rows)
            slot.connection, slot.ticker_live = message.connection, True
            self._quoted(slot, message, seq)
        elif kind in (Kind.LEVEL, Kind.SNAPSHOT_START) and slot.source == BOOK:
            _apply_book(slot, rows)
            self._quoted(slot, message, seq)

    def lost(self, connection: int, seq: int) -> None:
        """A connection is gone: the tickers that it fed are no longer the venue's."""
        for slot in self.slots:
            if slot.ticker_live and slot.connection == connection:
                slot.ticker_live = False
                self._touch(slot, seq, 0)

    def changes(self) -> list[Change]:
        """What the record brought: its prints, then each touched slot's change, in order of touch."""
        prints, self._prints = self._prints, []
        touched, self._touched = self._touched, {}
        settled = []
        for index, (seq, quoted) in touched.items():
            slot = self.slots[index]
            reasons = slot.settle()
            if quoted and slot.trusted:
                slot.version += 1
                reasons |= quoted
            if reasons:
                settled.append(Change(slot, reasons, seq))
        return prints + settled

    def _quoted(self, slot: Slot, message: Message, seq: int) -> None:
        if message.ts_venue_ns != NULL:
            slot.ts_venue_ns = message.ts_venue_ns
        self._touch(slot, seq, On.BOOK)

    def _touch(self, slot: Slot, seq: int, reasons: int) -> None:
        _, before = self._touched.get(slot.index, (seq, 0))
        self._touched[slot.index] = (seq, before | reasons)


def _apply_book(slot: Slot, rows: Iterator[Row]) -> None:
    """Levels of one message, then the cut to the depth that the venue keeps."""
    book = slot.book
    for row in rows:
        if row.kind == Kind.SNAPSHOT_START:
            book.clear()
            slot.epoch = row.epoch
        elif row.epoch == slot.epoch:
            book.apply(row.side, row.price, row.size)
        else:
            raise ReplayError(
                f"{slot.id}: a level of epoch {row.epoch} on a book of epoch {slot.epoch};"
                " no snapshot lies between them"
            )
    if slot.definition.depth is not None:
        book.truncate(slot.definition.depth)


def _apply_ticker(slot: Slot, rows: Iterator[Row]) -> None:
    """Two rows, bid and ask; a size that was not told becomes 0."""
    tops: dict[int, Level | None] = {
        row.side: None if row.price == NULL else (row.price, 0 if row.size == NULL else row.size)
        for row in rows
    }
    slot.ticker = (tops.get(BID), tops.get(ASK))


def _step(told: str | None, scale: int, decimals: int | None) -> int:
    """Tick or lot as an integer >= 1: as told, else one unit of the display precision."""
    if told is not None:
        return max(1, units(told, scale, up=True))
    return 1 if decimals is None else 10 ** max(0, scale - decimals)


def factors(old: Definition, new: Definition) -> tuple[int, int]:
    """What integers at the old scales are multiplied by. Raises ReplayError when scales get smaller."""
    price, size = new.price_scale - old.price_scale, new.size_scale - old.size_scale
    if price < 0 or size < 0:
        raise ReplayError(
            f"{new.id}: scales fall from {old.price_scale}, {old.size_scale} to {new.price_scale},"
            f" {new.size_scale} within a run; they may only grow"
        )
    return 10**price, 10**size


def _scaled(top: Top, price_factor: int, size_factor: int) -> Top:
    bid, ask = (None if level is None else (level[0] * price_factor, level[1] * size_factor) for level in top)
    return bid, ask
