from __future__ import annotations

import pytest

from mm_framework.model.events import ASK, BID, NULL, Kind, Row, RowFlag, SyncState
from mm_framework.model.instrument import Definition
from mm_framework.testing.oracle_book import FalseBook, Seen, Sides

TRUTH: Sides = {BID: [(100, 5), (99, 4), (98, 3)], ASK: [(101, 5), (102, 4), (103, 3)]}


def level(side: int, price: int, size: int, epoch: int = 1) -> Row:
    return Row(0, NULL, 0, price, size, NULL, 0, 0, Kind.LEVEL, side, RowFlag.LAST, epoch, 0)


def tell(seen: Seen, sides: Sides, epoch: int) -> None:
    """A snapshot of these levels."""
    seen.begin(epoch, whole=False)
    for side, levels in sides.items():
        for price, size in levels:
            seen.level(level(side, price, size, epoch), cut=False)
    seen.begun(lambda most: None)


def synced() -> Seen:
    """A book that is the truth's."""
    seen = Seen(Definition(0, 0, "toy:A/B", "A/B", 0, 0), SyncState.SYNCED)
    tell(seen, TRUTH, 1)
    seen.compare(TRUTH, 10, "the beginning")
    return seen


def altered(seen: Seen, *levels: tuple[int, int, int]) -> None:
    for side, price, size in levels:
        seen.level(level(side, price, size), cut=False)
    seen.altered(len(levels))


def test_an_altered_level_is_doubted_and_no_other() -> None:
    seen = synced()
    altered(seen, (BID, 99, 7))
    assert seen.doubt(TRUTH, "frame") == 1
    seen.compare(TRUTH, 10, "frame")
    seen.level(level(BID, 98, 9), cut=False)
    with pytest.raises(FalseBook, match="2 levels are wrong"):
        seen.compare(TRUTH, 10, "frame")


def test_an_altered_level_makes_two_false_and_not_three() -> None:
    seen = synced()
    altered(seen, (BID, 97, 4), (ASK, 104, 1))
    seen.level(level(BID, 96, 4), cut=False)
    with pytest.raises(FalseBook, match="2 altered levels made 3 false"):
        seen.doubt(TRUTH, "frame")


def test_the_doubt_of_a_level_ends_with_an_unharmed_message_of_it() -> None:
    seen = synced()
    altered(seen, (BID, 99, 7))
    seen.doubt(TRUTH, "frame")
    seen.level(level(BID, 99, 4), cut=False)
    assert seen.doubted == set()
    seen.compare(TRUTH, 10, "frame")


def test_doubts_end_with_the_loss_of_the_book_and_nothing_is_doubted_before_the_next_snapshot() -> None:
    """The frame that loses the book tells levels, too: its book holds all that was doubted before."""
    seen = synced()
    altered(seen, (BID, 99, 7))
    altered(seen, (BID, 98, 7))
    seen.doubt(TRUTH, "frame")
    seen.level(level(ASK, 90, 2), cut=False)
    seen.lost()
    seen.altered(1)
    assert seen.doubt(TRUTH, "the frame that crosses the book") == 0
    assert seen.doubted == set()


def test_what_an_altered_frame_did_to_a_lost_book_is_no_excuse_for_the_next_one() -> None:
    seen = synced()
    seen.level(level(ASK, 90, 2), cut=False)
    seen.lost()
    seen.altered(1)
    tell(seen, {**TRUTH, BID: [(100, 5), (99, 9), (98, 3)]}, 2)
    assert seen.harm == 0
    with pytest.raises(FalseBook, match="in epoch 2 with a false book"):
        seen.compare(TRUTH, 10, "frame")


def test_an_altered_frame_that_waits_for_the_snapshot_of_a_lost_book_may_harm_it() -> None:
    seen = synced()
    seen.lost()
    seen.altered(0)
    tell(seen, {**TRUTH, BID: [(100, 6), (99, 9)]}, 2)
    assert seen.doubt(TRUTH, "frame") == 3
    seen.compare(TRUTH, 10, "frame")
