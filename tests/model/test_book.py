"""The book, held to plain dicts."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from mm_framework.model.book import OrderBook, book_digest
from mm_framework.model.events import ASK, BID

SIDES = st.sampled_from([BID, ASK])
LEVELS = st.tuples(SIDES, st.integers(1, 12), st.integers(0, 3))
STEPS = st.lists(st.one_of(LEVELS, st.integers(0, 6)), max_size=60)

Plain = dict[int, dict[int, int]]


def best_first(plain: Plain, side: int) -> list[tuple[int, int]]:
    return sorted(plain[side].items(), reverse=side == BID)


@given(STEPS)
def test_it_is_two_dicts_with_a_best_end(steps: list[tuple[int, int, int] | int]) -> None:
    book = OrderBook()
    plain: Plain = {BID: {}, ASK: {}}
    for step in steps:
        if isinstance(step, int):
            kept = {side: dict(best_first(plain, side)[:step]) for side in (BID, ASK)}
            assert book.truncate(step) == sum(len(plain[side]) - len(kept[side]) for side in (BID, ASK))
            plain = kept
        else:
            side, price, size = step
            known = price in plain[side]
            assert book.apply(side, price, size) is (size > 0 or known)
            plain[side].pop(price, None)
            if size:
                plain[side][price] = size
        bids, asks = best_first(plain, BID), best_first(plain, ASK)
        assert (book.bids(), book.asks()) == (bids, asks)
        assert (book.bids(2), book.asks(2)) == (bids[:2], asks[:2])
        assert book.bids(0) == book.asks(0) == []
        assert book.best_bid == (bids[0] if bids else None)
        assert book.best_ask == (asks[0] if asks else None)
        assert book.crossed is bool(bids and asks and asks[0][0] < bids[0][0])
        assert len(book) == len(bids) + len(asks)
        for n in range(1, 4):
            assert book.bound(BID, n) == (bids[n - 1][0] if len(bids) >= n else None)
            assert book.bound(ASK, n) == (asks[n - 1][0] if len(asks) >= n else None)


def test_a_locked_book_is_not_crossed() -> None:
    book = OrderBook()
    book.load([(100, 1)], [(100, 1)])
    assert not book.crossed
    book.apply(ASK, 99, 1)
    assert book.crossed


def test_load_replaces_everything() -> None:
    book = OrderBook()
    book.load([(1, 1), (3, 1)], [(9, 9)])
    book.load([(2, 5)], [])
    assert (book.bids(), book.asks()) == ([(2, 5)], [])
    book.clear()
    assert len(book) == 0


def test_of_a_price_that_is_loaded_twice_the_last_level_counts() -> None:
    book = OrderBook()
    book.load([(1, 1), (3, 0), (2, 4), (1, 5)], iter([(9, 9), (8, 1), (9, 0)]))
    assert (book.bids(), book.asks()) == ([(2, 4), (1, 5)], [(8, 1)])


def test_the_digest_of_a_known_book() -> None:
    book = OrderBook()
    assert book_digest(book, 2, 3) == hashlib.sha256(b"").hexdigest()
    book.load([(9990, 1500), (10000, 2000)], [(10005, 1)])
    lines = b"b|100|2\nb|99.9|1.5\na|100.05|0.001\n"
    assert book_digest(book, 2, 3) == hashlib.sha256(lines).hexdigest()
