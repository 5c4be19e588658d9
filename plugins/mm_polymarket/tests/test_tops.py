"""Best prices and mirrors: two ways to the same answer, and what tells when they differ."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.model.book import Level, OrderBook
from mm_framework.model.fixed import parse
from mm_polymarket.tops import SnapshotTops, full_top, mirrored, told_top

LEVELS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 3)), max_size=12)


def book(bids: list[Level], asks: list[Level]) -> OrderBook:
    result = OrderBook()
    result.load(bids, asks)
    return result


def test_a_message_with_its_best_level_last_agrees_with_the_sample() -> None:
    tops = SnapshotTops()
    assert tops.take([(1, 5), (2, 5), (4, 7)], [(9, 1), (8, 1), (6, 2)]) == ((4, 7), (6, 2))
    assert tops.take([], []) == (None, None)
    assert (tops.compared, tops.mismatches) == (2, 0)


def test_a_list_that_only_looks_sorted_is_answered_in_full_and_counted() -> None:
    tops = SnapshotTops()
    bids = [(1, 1), (2, 1), (90, 1), (3, 1), (4, 1), (5, 1), (6, 1)]
    assert tops.take(bids, []) == ((90, 1), None)
    assert (tops.compared, tops.mismatches) == (1, 1)


@given(LEVELS, LEVELS)
def test_the_full_top_is_the_best_level_with_a_price_and_a_size(bids: list[Level], asks: list[Level]) -> None:
    bid, ask = full_top(bids, asks)
    assert (bid and bid[0]) == max((price for price, size in bids if price and size), default=None)
    assert (ask and ask[0]) == min((price for price, size in asks if price and size), default=None)


@pytest.mark.parametrize(
    ("bid", "ask", "verdict"),
    [
        ("0.33", "0.34", True),
        ("0.330", "0.34", True),
        ("0.32", "0.34", False),
        ("0.33", "1", False),
        ("0", "0", None),
        (None, "0.34", None),
        ("0.33", None, None),
        ("0.33", "high", None),
        ("0.3333333", "0.34", None),
    ],
)
def test_best_prices_of_a_price_change_are_held_to_the_book(
    bid: str | None, ask: str | None, verdict: bool | None
) -> None:
    assert told_top(book([(330_000, 1)], [(340_000, 1)]), bid, ask, 6) is verdict


@pytest.mark.parametrize(("bid", "ask"), [("0", "1"), ("", ""), ("0", "")])
def test_an_empty_side_is_told_as_0_or_1_or_nothing(bid: str, ask: str) -> None:
    assert told_top(book([], []), bid, ask, 6) is True
    assert told_top(book([(5, 1)], []), bid, ask, 6) is False


def test_a_bid_for_yes_is_an_ask_for_no() -> None:
    yes = book([(330, 7), (320, 2)], [(340, 5)])
    assert mirrored(yes, book([(660, 5)], [(670, 7), (680, 2)]), 3)
    assert not mirrored(yes, book([(660, 5)], [(670, 7), (680, 1)]), 3)
    assert not mirrored(yes, book([(660, 5)], [(670, 7)]), 3)


def test_recorded_books_of_three_markets_mirror_each_other(shared_data: Path) -> None:
    answers = json.loads((shared_data / "polymarket" / "clob_books_3markets_20260517.json").read_text())
    tops = SnapshotTops()
    markets: dict[str, list[OrderBook]] = {}
    for answer in answers:
        sides = [
            [(parse(level["price"], 6), parse(level["size"], 6)) for level in answer[side]]
            for side in ("bids", "asks")
        ]
        one = book(*sides)
        assert tops.take(*sides) == (one.best_bid, one.best_ask)
        markets.setdefault(answer["market"], []).append(one)
    assert [mirrored(*pair, 6) for pair in markets.values()] == [True] * 3
    assert (tops.compared, tops.mismatches) == (6, 0)
