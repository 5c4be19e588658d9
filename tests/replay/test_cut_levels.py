"""A reader that never cuts a book has, with the removals told, the book that is cut."""

from __future__ import annotations

import attrs
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.model.book import OrderBook
from mm_framework.model.events import NULL, Kind, RowFlag, row_dtype
from mm_framework.model.instrument import Definition
from mm_framework.replay.cut_levels import CutLevels

DEFINITION = Definition(index=0, number=0, id="toy:A", venue_symbol="A", price_scale=2, size_scale=2, depth=3)
LEVEL = st.tuples(st.sampled_from([1, -1]), st.integers(1, 12), st.integers(0, 5))
MESSAGES = st.lists(st.lists(LEVEL, min_size=1, max_size=6), min_size=1, max_size=12)


@given(MESSAGES, st.integers(1, 4))
def test_the_book_is_the_same_without_cutting(messages: list[list[tuple[int, int, int]]], cuts: int) -> None:
    rows = np.zeros(sum(map(len, messages)), dtype=row_dtype())
    place = 0
    mine = OrderBook()
    for number, message in enumerate(messages):
        for side, price, size in message:
            rows[place]["side"], rows[place]["price"], rows[place]["size"] = side, price, size
            rows[place]["kind"], rows[place]["seq"], rows[place]["aux"] = Kind.LEVEL, number, NULL
            place += 1
            mine.apply(side, price, size)
        rows[place - 1]["flags"] = RowFlag.LAST
        mine.truncate(3)
    ends = np.flatnonzero(rows["flags"]) + 1
    cut = CutLevels([DEFINITION])
    blocks = np.split(rows, ends[cuts::cuts])
    told = np.concatenate([cut.told(block) for block in blocks])
    assert np.all(np.diff(told["seq"]) >= 0)
    theirs = OrderBook()
    for row in told:
        theirs.apply(int(row["side"]), int(row["price"]), int(row["size"]))
    assert (theirs.bids(), theirs.asks()) == (mine.bids(), mine.asks())
    removals = len(told) - len(rows)
    assert np.count_nonzero(told["size"] == 0) == np.count_nonzero(rows["size"] == 0) + removals


def test_a_book_that_is_never_cut_is_left_alone() -> None:
    rows = np.zeros(5, dtype=row_dtype())
    assert CutLevels([attrs.evolve(DEFINITION, depth=None)]).told(rows) is rows
