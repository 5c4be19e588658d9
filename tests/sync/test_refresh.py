"""A snapshot that is joined to a book that is kept: news, what must be equal, what is newer."""

from __future__ import annotations

import random

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.contracts.sync_engine import SequenceSpec, SyncRules
from mm_framework.model.book import OrderBook
from mm_framework.model.events import ASK, BID, NULL, Kind, Reason, RowFlag, SyncState, iter_rows
from mm_framework.model.instrument import Definition
from mm_framework.sync.book import BookSync
from mm_framework.sync.book_state import BookMessage
from mm_framework.sync.counts import Counts
from mm_framework.sync.depth import KnownDepth
from mm_framework.sync.emit import Emitter
from mm_framework.sync.refresh import Joined, Refresh

DEPTH = 4
Level3 = tuple[int, int, int]


class Owner:
    """An instrument without surroundings."""

    definition = Definition(index=0, number=7, id="v:A/B", venue_symbol="AB", price_scale=2, size_scale=2)
    defined = True

    def redefine(self, *, price_decimals: int, size_decimals: int, precision: str) -> None:
        raise AssertionError("no checksum, nothing to learn")

    def state_changed(self, old: SyncState, new: SyncState, reason: Reason, epoch: int) -> None:
        pass


class Venue:
    """A true book whose updates have one number each, and the book that follows it."""

    def __init__(self, link: str = "first", seed: int = 0) -> None:
        self.true, self.number, self.draw = OrderBook(), 0, random.Random(seed)
        self.true.load([(100 - n, 5) for n in range(12)], [(101 + n, 5) for n in range(12)])
        self.counts, self.emitter = Counts(), Emitter()
        spec = SequenceSpec(link=link, bridge="rest")  # type: ignore[arg-type]
        rules = SyncRules(sequence=spec, crossed="resync")
        self.sync = BookSync(Owner(), rules, self.emitter, self.counts, 0)
        self.sync.connected()
        self.sync.s.asked = DEPTH
        self.read(self.change())
        self.answer()
        self.read(self.change())
        assert self.sync.s.state is SyncState.SYNCED

    def change(self, *levels: Level3) -> BookMessage:
        """The venue's next update, drawn where it is not said."""
        self.number += 1
        for side, price, size in levels or [self.drawn()]:
            self.true.apply(side, price, size)
            last = (side, price, size)
        told = list(levels) or [last]
        return BookMessage(False, told, first=self.number, last=self.number, prev=self.number - 1)

    def drawn(self) -> Level3:
        side = self.draw.choice((BID, ASK))
        best = self.true.best_ask if side == BID else self.true.best_bid
        assert best is not None
        price = best[0] - side * self.draw.randrange(1, 16)
        size = 0 if self.draw.random() < 0.45 and len(self.true.bids()) > 8 < len(self.true.asks()) else 5
        return side, price, size and self.draw.randrange(1, 9)

    def copy(self) -> BookMessage:
        """A snapshot as of now."""
        levels = [(BID, *one) for one in self.true.bids(DEPTH)] + [
            (ASK, *one) for one in self.true.asks(DEPTH)
        ]
        return BookMessage(True, levels, last=self.number)

    def read(self, update: BookMessage) -> Reason | None:
        return self.sync.apply(update, 0)

    def answer(self) -> Reason | None:
        return self.sync.apply(self.copy(), 0)

    def rows(self, kind: Kind) -> list[tuple[int, int, int, int]]:
        """(price, size, aux, flags) of the rows of a kind."""
        rows = iter_rows(self.emitter.rows())
        return [(row.price, row.size, row.aux, row.flags) for row in rows if row.kind == kind]

    def check(self) -> None:
        """What is known is true, and what the rows tell is the book."""
        book, known = self.sync.book, self.sync.s.bound
        for side, held, true in ((BID, book.bids(), self.true.bids()), (ASK, book.asks(), self.true.asks())):
            assert [one for one in held if known.knows(side, one[0])] == [
                one for one in true if known.knows(side, one[0])
            ]
            assert {*held} <= {*true}
        told = OrderBook()
        for row in iter_rows(self.emitter.rows()):
            if row.kind == Kind.SNAPSHOT_START:
                told.clear()
            elif row.kind == Kind.LEVEL:
                told.apply(row.side, row.price, row.size)
        assert (told.bids(), told.asks()) == (book.bids(), book.asks())


@given(st.integers(0, 10**6), st.sampled_from(["first", "prev"]), st.data())
def test_at_any_number_what_is_known_is_true_and_the_rows_tell_the_book(
    seed: int, link: str, data: st.DataObject
) -> None:
    """The snapshot is made at one update, and comes before, at or after that update does."""
    venue = Venue(link, seed)
    for _ in range(data.draw(st.integers(0, 60))):
        venue.read(venue.change())
    epoch, narrow = venue.sync.s.epoch, attrs.evolve(venue.sync.s.bound)
    venue.sync.begin_refresh()
    updates = [venue.change() for _ in range(data.draw(st.integers(0, 12)))]
    copy = venue.copy()
    updates += [venue.change() for _ in range(data.draw(st.integers(0, 12)))]
    updates.insert(data.draw(st.integers(0, len(updates))), copy)
    assert [venue.sync.apply(one, 0) for one in updates] == [None] * len(updates)
    venue.check()
    assert venue.sync.s.state is SyncState.SYNCED
    assert venue.sync.s.epoch == epoch
    assert venue.counts.refreshes_joined == 1
    bound = venue.sync.s.bound
    assert bound.knows(BID, narrow.bid or 0)
    assert bound.knows(ASK, narrow.ask or 0)
    ((bid, ask, reason, _),) = venue.rows(Kind.KNOWN_DEPTH)
    assert (bid, ask, reason) == (bound.bid, bound.ask, Reason.REFRESHED)


def test_what_nobody_knew_is_news_in_the_same_epoch() -> None:
    venue = Venue()
    for price in (100, 99, 98, 97):
        venue.read(venue.change((BID, price, 0)))
    assert venue.sync.book.bids() == []
    venue.sync.begin_refresh()
    assert venue.answer() is None
    assert venue.sync.book.bids() == [(96, 5), (95, 5), (94, 5), (93, 5)]
    assert not venue.sync.s.bound.unproved(venue.sync.book)
    news = venue.rows(Kind.LEVEL)[-4:]
    assert [price for price, *_ in news] == [96, 95, 94, 93]
    assert all(flags & RowFlag.SNAPSHOT for *_, flags in news)
    assert [aux for _, _, aux, _ in news] == [NULL, NULL, NULL, venue.number]


@pytest.mark.parametrize(
    ("harm", "told"),
    [((BID, 99, 7), (5, 7)), ((BID, 99, 0), (5, 0)), ((ASK, 103, 9), (5, 9)), ((ASK, 103, 0), (5, 0))],
)
def test_a_level_that_both_know_and_that_differs_is_a_gap(harm: Level3, told: tuple[int, int]) -> None:
    venue = Venue()
    venue.sync.book.apply(*harm)
    venue.sync.begin_refresh()
    assert venue.answer() is Reason.SNAPSHOT_DIFFERS
    assert venue.sync.s.state is SyncState.RESYNCING
    assert venue.sync.s.epoch == 2
    ((expected, found, reason, _),) = venue.rows(Kind.GAP)
    assert ((expected, found), reason) == (told, Reason.SNAPSHOT_DIFFERS)
    assert (venue.counts.gaps, venue.counts.refreshes_differing) == (1, 1)


def test_a_level_that_the_book_has_too_much_is_a_gap() -> None:
    venue = Venue()
    venue.read(venue.change((BID, 97, 0)))
    venue.sync.book.apply(BID, 97, 4)
    venue.sync.begin_refresh()
    assert venue.answer() is Reason.SNAPSHOT_DIFFERS
    assert venue.rows(Kind.GAP)[0][:2] == (0, 4)


def test_a_level_that_was_touched_after_the_snapshot_is_the_books() -> None:
    venue = Venue()
    venue.sync.begin_refresh()
    copy = venue.copy()
    venue.read(venue.change((BID, 99, 8), (BID, 98, 0)))
    assert venue.sync.apply(copy, 0) is None
    assert venue.sync.book.bids(2) == [(100, 5), (99, 8)]
    venue.check()


def test_a_snapshot_from_before_the_request_is_too_old() -> None:
    venue = Venue()
    copy = venue.copy()
    venue.read(venue.change())
    venue.sync.begin_refresh()
    assert venue.sync.apply(copy, 0) is Reason.STALE_SNAPSHOT
    assert venue.sync.s.refresh is not None
    assert (venue.counts.stale_snapshots, venue.counts.refreshes_joined) == (1, 0)
    assert venue.answer() is None
    assert venue.counts.refreshes_joined == 1


def test_without_a_request_a_snapshot_of_a_book_that_is_kept_is_left_out() -> None:
    venue = Venue()
    n = len(venue.emitter.rows())
    assert venue.answer() is None
    assert len(venue.emitter.rows()) == n
    assert venue.counts.refreshes_joined == 0


def test_a_book_that_is_lost_forgets_the_request() -> None:
    venue = Venue()
    venue.sync.begin_refresh()
    venue.change()
    assert venue.read(venue.change()) is Reason.SEQUENCE_GAP
    assert venue.sync.s.refresh is None


def test_a_side_that_is_told_whole_must_have_all_that_the_book_has() -> None:
    refresh = Refresh(1)
    refresh.hold(1, [(BID, 10, 1)], KnownDepth.of([(BID, 10, 1)], 2))
    book = OrderBook()
    book.load([(10, 1)], [])
    assert refresh.join(book, KnownDepth(10, None)) == Joined([])
    book.load([(10, 1), (8, 3)], [])
    assert refresh.join(book, KnownDepth(10, None)) == Joined([], (0, 3))
    known = KnownDepth(10, 12)
    known.widen(refresh.bound)
    assert known == KnownDepth(None, None)
