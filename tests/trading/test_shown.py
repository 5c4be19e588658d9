"""What is shown at a price, what is not known, and what was printed or taken there until it is told anew."""

from __future__ import annotations

import pytest

from mm_framework.model.events import ASK, BID
from mm_framework.model.instrument import Definition
from mm_framework.trading.market import TICKER, Slot
from mm_framework.trading.shown import Shown


def slot(source: str = "book", depth: int | None = None) -> Slot:
    made = Slot(0, Definition(0, 0, "v:X/EUR", "X/EUR", price_scale=2, size_scale=3, depth=depth), source)
    made.book.load([(100, 5), (98, 7)], [(101, 3), (104, 1)])
    return made


@pytest.mark.parametrize(
    ("side", "price", "size"),
    [(BID, 100, 5), (BID, 99, 0), (BID, 98, 7), (BID, 97, None), (ASK, 104, 1), (ASK, 105, None)],
)
def test_behind_the_worst_level_of_a_snapshot_nothing_is_known(
    side: int, price: int, size: int | None
) -> None:
    shown, market = Shown(), slot()
    shown.bound(market)
    market.book.apply(BID, 98, 7)
    assert shown.size(market, side, price) == size


def test_before_a_snapshot_and_in_a_book_that_is_whole_absence_is_no_size() -> None:
    assert Shown().size(slot(), BID, 50) == 0
    assert Shown().size(slot(depth=10), BID, 50) == 0
    assert Shown().size(slot(depth=2), BID, 97) is None


def test_a_ticker_tells_its_best_prices_and_what_is_better() -> None:
    market = slot(TICKER)
    market.ticker = ((100, 5), (101, 0))
    sizes = [Shown().size(market, side, price) for side, price in ((BID, 101), (BID, 100), (BID, 99))]
    assert sizes == [0, 5, None]
    assert Shown().size(market, ASK, 101) is None, "a size of zero was not told"


def test_prints_and_takes_add_up_until_their_place_is_told_anew() -> None:
    shown, market = Shown(), slot()
    for place in ((BID, 100), (ASK, 101)):
        shown.note_print(market, place, 2)
        shown.note_print(market, place, 3)
        shown.take(market, place, 4)
    shown.forget(market, [(BID, 100)])
    assert [shown.printed(market, (BID, 100)), shown.taken(market, (BID, 100))] == [0, 0]
    assert [shown.printed(market, (ASK, 101)), shown.taken(market, (ASK, 101))] == [5, 4]
    shown.forget(market, None)
    assert [shown.printed(market, (ASK, 101)), shown.taken(market, (ASK, 101))] == [0, 0]
