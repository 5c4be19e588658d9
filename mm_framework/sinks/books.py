"""The books of a run as its rows tell them, for sinks: levels, state, epoch of each instrument."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

import attrs

from mm_framework.contracts.sink import Followed, Seen
from mm_framework.feed.state import FeedState
from mm_framework.model.book import Level
from mm_framework.model.events import ASK, BID, Kind, Message, Row, SyncState
from mm_framework.model.fixed import InexactValue, digits, text
from mm_framework.model.instrument import Definition
from mm_framework.sinks.ladder import Ladder

__all__ = ["Book", "BookTracker", "printed"]

BestTexts = tuple[str | None, str | None, str | None, str | None]
"""Best bid, its size, best ask, its size."""

_START: Final = int(Kind.SNAPSHOT_START)
_CHANGE: Final = int(Kind.SYNC_CHANGE)
_BOOK_KINDS: Final = frozenset({int(Kind.LEVEL), _START})


@attrs.define
class Book:
    """One instrument's book, its state and epoch. ``changed``: the sides that have, until it is cleared."""

    definition: Definition
    state: SyncState = SyncState.CONNECTING
    epoch: int = 1
    bids: Ladder = attrs.Factory(lambda: Ladder(BID))
    asks: Ladder = attrs.Factory(lambda: Ladder(ASK))
    changed: set[int] = attrs.Factory(lambda: {BID, ASK})
    _told: tuple[object, BestTexts] = (None, (None, None, None, None))

    def __attrs_post_init__(self) -> None:
        self._spell()

    @property
    def synced(self) -> bool:
        """Whether the book is provably the venue's."""
        return self.state is SyncState.SYNCED

    def price(self, value: int) -> str:
        """A price as the venue prints it where that is known, else its shortest decimals."""
        return printed(value, self.definition.price_scale, self.definition.price_decimals)

    def size(self, value: int) -> str:
        """A size, likewise."""
        return printed(value, self.definition.size_scale, self.definition.size_decimals)

    def best(self) -> BestTexts:
        """The best prices and sizes as text."""
        best = (self.bids.best, self.asks.best, self.definition)
        if best != self._told[0]:
            self._told = (best, (*self._texts(best[0]), *self._texts(best[1])))
        return self._told[1]

    def _texts(self, level: Level | None) -> tuple[str | None, str | None]:
        return (None, None) if level is None else (self.price(level[0]), self.size(level[1]))

    def define(self, definition: Definition) -> None:
        """Another definition is in force; under another number it is another book."""
        if definition is self.definition:
            return
        if definition.number != self.definition.number:
            self.load((), ())
        self.definition = definition
        self.changed |= {BID, ASK}
        self._spell()

    def apply(self, rows: Iterable[Row]) -> None:
        """The rows of one book message; the book is cut to its depth after them."""
        bids, asks, changed = self.bids, self.asks, self.changed
        for row in rows:
            if row.kind == _START:
                self.load((), ())
            elif row.side == BID:
                bids.apply(row.price, row.size)
                changed.add(BID)
            else:
                asks.apply(row.price, row.size)
                changed.add(ASK)
        depth = self.definition.depth
        if depth is not None:
            bids.truncate(depth)
            asks.truncate(depth)

    def load(self, bids: Iterable[Level], asks: Iterable[Level]) -> None:
        """Replace all levels."""
        self.bids.load(bids)
        self.asks.load(asks)
        self.changed |= {BID, ASK}

    def levels(self) -> tuple[list[Level], list[Level]]:
        """All levels of both sides, best first."""
        return self.bids.levels(), self.asks.levels()

    def _spell(self) -> None:
        for side in (self.bids, self.asks):
            side.spell_at(self.definition.price_scale, self.definition.size_scale)


class BookTracker:
    """All books. ``touched``: those whose levels the last record changed, in order."""

    def __init__(self) -> None:
        self.books: dict[str, Book] = {}
        self.touched: list[str] = []
        self._channels: dict[tuple[str, str], str] = {}

    def take(self, seen: Seen) -> None:
        """Apply a record."""
        self.touched = []
        for followed in seen.followed:
            self._note(followed)
        if seen.restored is not None:
            self._restore(seen.restored)
        for message in seen.messages:
            definition = seen.definitions[message.instrument]
            book = self.books.get(definition.id)
            if book is None:
                book = self.books[definition.id] = Book(definition)
            else:
                book.define(definition)
            self._apply(book, message, seen)

    def forget(self, instrument: str) -> None:
        """Nobody follows its book any more."""
        self.books.pop(instrument, None)
        for key in [key for key in self._channels if key[0] == instrument]:
            del self._channels[key]

    def best(self, instrument: str) -> BestTexts | None:
        """The best prices and sizes as text, None while they are not proved."""
        book = self.books[instrument]
        return book.best() if book.synced else None

    def symbols(self, channel: str | None) -> Iterator[tuple[str, str]]:
        """``(instrument, venue symbol)`` of the books on a channel."""
        return ((key[0], symbol) for key, symbol in self._channels.items() if key[1] == channel)

    def _note(self, followed: Followed) -> None:
        one = followed.subscription
        if followed.carries == "book":
            self._channels[one.instrument, one.channel] = one.venue_symbol

    def _restore(self, state: FeedState) -> None:
        for kept in state.instruments:
            if kept.definition is not None:
                book = Book(state.definitions[kept.definition], state=kept.book.state, epoch=kept.book.epoch)
                book.load(kept.bids, kept.asks)
                self.books[kept.id] = book

    def _apply(self, book: Book, message: Message, seen: Seen) -> None:
        if message.kind in _BOOK_KINDS:
            book.apply(seen.rows_of(message))
            if book.definition.id not in self.touched:
                self.touched.append(book.definition.id)
        elif message.kind == _CHANGE:
            (row,) = seen.rows_of(message)
            book.state, book.epoch = SyncState(row.size), row.epoch


def printed(value: int, scale: int, decimals: int | None) -> str:
    """A number as the venue prints it, with ``decimals`` where that is known and exact, else its shortest."""
    if decimals is None:
        return text(value, scale)
    try:
        return digits(value, scale, decimals)
    except InexactValue:
        return text(value, scale)
