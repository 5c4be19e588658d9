"""The trail of a doubted book, and what a witness says of it."""

from __future__ import annotations

import pytest

from mm_framework.model.book import OrderBook
from mm_framework.model.events import ASK, BID, NULL
from mm_framework.sync.doubt import MAX_TRAIL, Doubt, Verdict, fingerprint, told_book


def book_of(size: int) -> OrderBook:
    return told_book([(BID, 50, size), (ASK, 60, 1)])


def doubt_of(*trail: tuple[int, int]) -> Doubt:
    """A doubt whose book had these sizes at these times."""
    doubt = Doubt(0, 0)
    for time, size in trail:
        doubt.follow(book_of(size), time)
    return doubt


@pytest.mark.parametrize(
    ("time", "size", "verdict"),
    [
        (10, 1, Verdict.EQUAL),
        (15, 1, Verdict.EQUAL),  # it stands until the next message
        (20, 1, Verdict.EQUAL),  # of the same millisecond, before that message
        (20, 2, Verdict.EQUAL),
        (20, 3, Verdict.EQUAL),  # one of two messages of one time
        (30, 4, Verdict.EQUAL),
        (99, 4, Verdict.EQUAL),  # ours, still
        (5, 1, Verdict.OLD),
        (10, 9, Verdict.OLD),  # perhaps before a message of that time
        (15, 9, Verdict.FALSE),
        (20, 9, Verdict.FALSE),
        (25, 2, Verdict.FALSE),  # ours was another one by then
        (15, 4, Verdict.FALSE),  # ours only later
        (30, 9, Verdict.AHEAD),
        (99, 9, Verdict.AHEAD),
        (99, 3, Verdict.AHEAD),
    ],
)
def test_a_witness_is_held_against_the_book_of_its_time(time: int, size: int, verdict: Verdict) -> None:
    doubt = doubt_of((10, 1), (20, 2), (20, 3), (30, 4))
    assert doubt.judge(time, fingerprint(book_of(size))) is verdict


def test_a_time_that_falls_back_or_is_not_told_is_the_last_one() -> None:
    doubt = doubt_of((NULL, 0), (10, 1), (7, 2), (NULL, 3))
    assert [time for time, _ in doubt.trail] == [NULL, 10, 10, 10]


def test_only_the_newest_of_a_long_trail_are_remembered() -> None:
    doubt = doubt_of(*((time, time) for time in range(MAX_TRAIL + 5)))
    assert (len(doubt.trail), doubt.trail[0][0]) == (MAX_TRAIL, 5)
    assert doubt.judge(3, fingerprint(book_of(3))) is Verdict.OLD


def test_a_fingerprint_is_of_levels_and_not_of_their_order() -> None:
    levels = [(BID, 50, 2), (BID, 49, 1), (ASK, 60, 1)]
    assert fingerprint(told_book(levels)) == fingerprint(told_book(levels[::-1]))
    assert fingerprint(told_book(levels)) != fingerprint(told_book(levels[1:]))
    swapped = [(-side, price, size) for side, price, size in levels]
    assert fingerprint(told_book(levels)) != fingerprint(told_book(swapped))
