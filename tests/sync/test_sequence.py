"""Numbered updates: what follows, what repeats, what is missing; snapshots that are fetched."""

from __future__ import annotations

import itertools

import pytest

from mm_framework.contracts.sync_engine import SequenceSpec, SyncRules
from mm_framework.model.events import BID, Kind, Reason, SyncState, iter_messages, iter_rows
from mm_framework.model.instrument import Definition
from mm_framework.sync.book import BookSync
from mm_framework.sync.book_state import BookMessage
from mm_framework.sync.counts import Counts
from mm_framework.sync.emit import Emitter

SPOT = SequenceSpec(link="first", bridge="rest")
FUTURES = SequenceSpec(link="prev", bridge="rest")
CHANNEL = SequenceSpec(link="first", bridge="channel")


class Owner:
    """An instrument without surroundings."""

    definition = Definition(index=0, number=7, id="v:A/B", venue_symbol="AB", price_scale=2, size_scale=2)
    defined = True

    def redefine(self, *, price_decimals: int, size_decimals: int, precision: str) -> None:
        raise AssertionError("no checksum, nothing to learn")

    def state_changed(self, old: SyncState, new: SyncState, reason: Reason, epoch: int) -> None:
        pass


class Desk:
    """A book that is fed by hand. Update n sets the bid at price n to size n."""

    def __init__(self, spec: SequenceSpec) -> None:
        self.spec, self.counts, self.emitter = spec, Counts(), Emitter()
        self.sync = BookSync(
            Owner(), SyncRules(sequence=spec, crossed="ignore"), self.emitter, self.counts, 0
        )
        self.sync.connected()

    def update(self, first: int, last: int) -> Reason | None:
        """An update with the numbers ``first`` to ``last``."""
        levels = [(BID, n, n) for n in range(first, last + 1)]
        message = BookMessage(False, levels, first=first, last=last, prev=first - 1)
        return self.sync.apply(message, last)

    def snapshot(self, number: int) -> Reason | None:
        """The book after update ``number``."""
        return self.sync.apply(BookMessage(True, [(BID, n, n) for n in range(1, number + 1)], last=number), 0)

    @property
    def synced(self) -> bool:
        """Whether the book claims to be the venue's."""
        return self.sync.s.state is SyncState.SYNCED

    def levels(self) -> list[int]:
        """Which updates the book has."""
        return [price for price, _ in reversed(self.sync.book.bids())]

    def gaps(self) -> list[tuple[int, int]]:
        """(expected, found) of all gap rows."""
        return [(row.price, row.size) for row in iter_rows(self.emitter.rows()) if row.kind == Kind.GAP]


@pytest.mark.parametrize("spec", [SPOT, FUTURES])
def test_updates_wait_for_the_snapshot_and_join_it(spec: SequenceSpec) -> None:
    desk = Desk(spec)
    for n in range(1, 6):
        desk.update(n, n)
    assert desk.levels() == []
    assert not desk.synced
    desk.snapshot(3)
    assert desk.levels() == [1, 2, 3, 4, 5]
    assert desk.synced
    dropped = 3 if spec is SPOT else 2
    assert (desk.counts.sequence_applied, desk.counts.sequence_dropped) == (5 - dropped, dropped)


@pytest.mark.parametrize("spec", [SPOT, FUTURES])
def test_a_snapshot_without_updates_is_not_proved_until_one_joins(spec: SequenceSpec) -> None:
    desk = Desk(spec)
    desk.snapshot(3)
    assert not desk.synced
    desk.update(2, 5)
    assert desk.synced
    assert desk.levels() == [1, 2, 3, 4, 5]


def test_a_snapshot_that_is_too_old_is_refused_and_the_updates_go_on_waiting() -> None:
    desk = Desk(SPOT)
    desk.update(10, 11)
    assert desk.snapshot(5) is Reason.STALE_SNAPSHOT
    assert desk.levels() == []
    assert desk.counts.stale_snapshots == 1
    assert desk.snapshot(9) is None
    assert desk.synced
    assert desk.levels()[-2:] == [10, 11]


@pytest.mark.parametrize("spec", [SPOT, FUTURES, CHANNEL])
def test_a_hole_is_found_at_the_next_update_and_declared_with_both_numbers(spec: SequenceSpec) -> None:
    desk = Desk(spec)
    desk.snapshot(3)
    desk.update(4, 4)
    assert desk.update(6, 6) is Reason.SEQUENCE_GAP
    assert desk.gaps() == ([(4, 5)] if spec is FUTURES else [(5, 6)])
    assert not desk.synced
    assert desk.counts.sequence_breaks == 1
    desk.snapshot(8)
    desk.update(9, 9)
    assert desk.synced
    assert desk.levels() == [1, 2, 3, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize("spec", [SPOT, FUTURES, CHANNEL])
def test_a_repetition_is_ignored_and_counted(spec: SequenceSpec) -> None:
    desk = Desk(spec)
    desk.snapshot(3)
    desk.update(4, 4)
    messages = len(list(iter_messages(desk.emitter.messages())))
    assert desk.update(4, 4) is None
    assert desk.update(2, 3) is None
    assert desk.synced
    assert desk.counts.sequence_dropped == 2
    assert len(list(iter_messages(desk.emitter.messages()))) == messages


def test_numbers_that_start_anew_are_followed_by_their_link_and_else_a_hole() -> None:
    desk = Desk(FUTURES)
    far = 10**9
    desk.sync.apply(BookMessage(True, [(BID, 1, 1)], last=far), 0)
    desk.sync.apply(BookMessage(False, [(BID, 2, 2)], first=far + 1, last=far + 1, prev=far), 1)
    assert desk.synced
    desk.sync.apply(BookMessage(False, [(BID, 3, 3)], first=1, last=1, prev=far + 1), 2)
    desk.update(2, 2)
    assert desk.synced
    assert desk.levels() == [1, 2, 3]


@pytest.mark.parametrize("spec", [SPOT, FUTURES, CHANNEL])
def test_a_restart_of_the_numbers_that_was_missed_is_a_hole(spec: SequenceSpec) -> None:
    desk = Desk(spec)
    far = 10**9
    desk.sync.apply(BookMessage(True, [(BID, 1, 1)], last=far), 0)
    desk.sync.apply(BookMessage(False, [(BID, 2, 2)], first=far + 1, last=far + 1, prev=far), 1)
    assert desk.update(7, 7) is Reason.SEQUENCE_GAP
    assert not desk.synced


def test_a_lost_connection_forgets_what_waited() -> None:
    desk = Desk(SPOT)
    desk.update(1, 1)
    desk.sync.disconnected(Reason.RESET, 5)
    desk.sync.connected()
    desk.update(5, 5)
    desk.snapshot(4)
    assert desk.synced
    assert desk.levels() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("spec", [SPOT, FUTURES])
@pytest.mark.parametrize("number", range(6))
def test_every_order_of_six_updates_and_a_snapshot_is_never_wrong_and_synced(
    spec: SequenceSpec, number: int
) -> None:
    reached = 0
    for order in itertools.permutations(range(1, 7)):
        for place in range(7):
            desk = Desk(spec)
            for position in range(7):
                if position == place:
                    desk.snapshot(number)
                if position < 6:
                    desk.update(order[position], order[position])
            if desk.synced:
                reached += 1
                held = desk.levels()
                assert held == list(range(1, len(held) + 1)), (order, place, number)
    assert reached


@pytest.mark.parametrize("spec", [SPOT, FUTURES])
def test_numbers_that_fell_far_do_not_join_a_snapshot(spec: SequenceSpec) -> None:
    """A changed digit: it is no repetition, and its numbers do not contain the snapshot's."""
    desk = Desk(spec)
    number = 3 * 10**7
    desk.sync.apply(BookMessage(True, [(BID, 5, 5)], last=number), 0)
    fallen = BookMessage(False, [(BID, 6, 6)], first=1, last=2, prev=0)
    assert desk.sync.apply(fallen, 0) is Reason.SEQUENCE_GAP
    assert not desk.synced
