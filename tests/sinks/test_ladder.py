"""A ladder beside the plain book, under the same updates."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mm_framework.model.book import OrderBook
from mm_framework.model.events import ASK, BID
from mm_framework.model.fixed import text
from mm_framework.sinks.ladder import Ladder

UPDATES = st.lists(st.tuples(st.integers(1, 12), st.integers(0, 3)), max_size=40)
SHOWN = 3


def spelled(levels: list[tuple[int, int]], scales: tuple[int, int]) -> list[str]:
    return [f"{text(price, scales[0])},{text(size, scales[1])}" for price, size in levels]


@given(st.sampled_from([BID, ASK]), UPDATES, st.integers(1, 8), st.integers(0, 40))
def test_it_is_the_plain_book(side: int, updates: list[tuple[int, int]], depth: int, cut: int) -> None:
    ladder, book = Ladder(side), OrderBook()
    ladder.spell_at(2, 1)
    for number, (price, size) in enumerate(updates):
        ladder.apply(price, size)
        book.apply(side, price, size)
        if number == cut:
            ladder.truncate(depth)
            book.truncate(depth)
        plain = book.bids() if side == BID else book.asks()
        assert ladder.levels() == plain
        assert ladder.best == (plain[0] if plain else None)
        assert ladder.texts(SHOWN) == spelled(plain[:SHOWN], (2, 1))
    ladder.spell_at(4, 0)
    assert ladder.texts(SHOWN) == spelled(ladder.levels()[:SHOWN], (4, 0))


@given(UPDATES)
def test_levels_are_replaced_as_in_the_plain_book(updates: list[tuple[int, int]]) -> None:
    ladder, book = Ladder(ASK), OrderBook()
    ladder.apply(100, 1)
    ladder.load(updates)
    book.load([], updates)
    assert ladder.levels() == book.asks()
    assert ladder.texts(SHOWN) == spelled(book.asks(SHOWN), (0, 0))
    ladder.clear()
    assert (ladder.levels(), ladder.best, ladder.texts(SHOWN)) == ([], None, [])
