"""The book of stored rows, compiled and plain, and where its best prices change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm_framework.kernels.loader import active
from mm_framework.model.events import ASK, BID, NULL, ROW, Kind, RowFlag, row_dtype
from mm_framework.store.walk import BookWalk, _Native, _Plain

LEVEL = st.tuples(st.sampled_from([BID, ASK]), st.integers(1, 40), st.integers(0, 3))
MESSAGE = st.tuples(st.booleans(), st.lists(LEVEL, min_size=1, max_size=6))


def rows_of(messages: list[tuple[bool, list[tuple[int, int, int]]]]) -> Any:
    packed = bytearray()
    for seq, (snapshot, levels) in enumerate(messages):
        entries = [(Kind.LEVEL, side, price, size) for side, price, size in levels]
        if snapshot:
            entries.insert(0, (Kind.SNAPSHOT_START, 0, NULL, len(levels)))
        for place, (kind, side, price, size) in enumerate(entries):
            flags = RowFlag.LAST if place == len(entries) - 1 else 0
            packed += ROW.pack(seq, NULL, seq, price, size, NULL, 0, 0, kind, side, flags, 1, seq)
    return np.frombuffer(bytes(packed), dtype=row_dtype())


def test_changes_name_the_row_after_which_they_hold() -> None:
    rows = rows_of([(True, [(BID, 10, 1), (ASK, 12, 2)]), (False, [(BID, 9, 5)]), (False, [(BID, 11, 4)])])
    changes = BookWalk().feed(rows)
    assert changes.tolist() == [(2, 10, 1, 12, 2), (4, 11, 4, 12, 2)]


def test_a_side_that_is_gone_is_null() -> None:
    rows = rows_of([(True, [(BID, 10, 1), (ASK, 12, 2)]), (False, [(ASK, 12, 0)])])
    assert BookWalk().feed(rows).tolist()[-1] == (3, 10, 1, NULL, NULL)


def test_a_message_may_be_cut_anywhere() -> None:
    rows = rows_of([(True, [(BID, 10, 1), (ASK, 12, 2)]), (False, [(BID, 11, 3), (BID, 10, 0)])])
    walk = BookWalk()
    assert [len(walk.feed(rows[place : place + 1])) for place in range(len(rows))] == [0, 0, 1, 0, 1]


def test_the_depth_that_the_venue_keeps_is_kept() -> None:
    walk = BookWalk(depth=2)
    walk.feed(rows_of([(True, [(BID, price, 1) for price in range(1, 6)])]))
    assert walk.book.bids() == [(5, 1), (4, 1)]


def test_a_book_of_many_levels_finds_room() -> None:
    walk = BookWalk()
    walk.feed(rows_of([(True, [(BID, 10 * price, 1) for price in range(1, 3000)])]))
    assert len(walk.book) == 2999


@given(st.lists(MESSAGE, max_size=40), st.sampled_from([None, 1, 3]), st.integers(1, 50))
@settings(max_examples=60, deadline=None)
def test_compiled_and_plain_agree_in_any_pieces(
    messages: list[tuple[bool, list[tuple[int, int, int]]]], depth: int | None, piece: int
) -> None:
    if not active():
        pytest.skip("no kernels here")
    rows = rows_of(messages)
    native, plain = _Native(depth), _Plain(depth)
    for start in range(0, len(rows), piece):
        some = rows[start : start + piece]
        assert native.feed(some).tolist() == plain.feed(some).tolist()
    assert (native.book.bids(), native.book.asks()) == (plain.book.bids(), plain.book.asks())
