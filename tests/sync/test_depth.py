"""Known depth: what absence means."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mm_framework.model.book import OrderBook
from mm_framework.model.events import ASK, BID
from mm_framework.sync.depth import KnownDepth

SIDE = st.sets(st.integers(1, 30), max_size=8)


def book_of(bids: list[int], asks: list[int]) -> OrderBook:
    book = OrderBook()
    book.load([(price, 1) for price in bids], [(price, 1) for price in asks])
    return book


def bounds(book: OrderBook, depth: int | None) -> KnownDepth:
    known = KnownDepth()
    known.update(book, depth)
    return known


def test_a_full_side_is_known_down_to_its_worst_level() -> None:
    assert bounds(book_of([10, 9, 8], [11, 12]), 3) == KnownDepth(8, None)
    assert bounds(book_of([10, 9, 8], [11, 12]), 2) == KnownDepth(9, 12)
    assert bounds(book_of([10, 9, 8], [11, 12]), None) == KnownDepth(None, None)


def test_a_best_price_beyond_the_bound_is_unproved() -> None:
    book = book_of([10, 9], [11, 12])
    known = bounds(book, 2)
    assert not known.unproved(book)
    book.apply(BID, 10, 0)
    book.apply(BID, 8, 1)
    assert not known.unproved(book)
    book.apply(BID, 9, 0)
    assert known.unproved(book)
    book.apply(BID, 8, 0)
    assert known.unproved(book)
    assert not KnownDepth(None, None).unproved(book)
    book.load([(10, 1)], [])
    assert known.unproved(book)
    assert not KnownDepth(9, None).unproved(book)


def test_levels_say_whether_they_are_all() -> None:
    book = book_of([10, 9], [11])
    known = bounds(book, 2)
    assert known.levels(book, BID, 2) == ([(10, 1), (9, 1)], True)
    assert known.levels(book, BID, 3) == ([(10, 1), (9, 1)], False)
    assert known.levels(book, ASK, 3) == ([(11, 1)], True)
    book.apply(BID, 7, 1)
    assert known.levels(book, BID, 3) == ([(10, 1), (9, 1), (7, 1)], False)


@given(SIDE, SIDE, st.integers(1, 6), st.integers(1, 8))
def test_what_is_called_complete_is_the_truth_of_a_deeper_book(
    bids: set[int], asks: set[int], depth: int, n: int
) -> None:
    truth = book_of(list(bids), [price + 40 for price in asks])
    told = OrderBook()
    told.load(truth.bids(depth), truth.asks(depth))
    known = bounds(told, depth)
    for side, all_levels in ((BID, truth.bids(n)), (ASK, truth.asks(n))):
        levels, complete = known.levels(told, side, n)
        if complete:
            assert levels == all_levels
        else:
            assert len(levels) < n
