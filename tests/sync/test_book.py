"""A book and its proof: what is trusted, what is declared lost, and which epoch a row belongs to."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs
import pytest
from toy_venue import toy_checksum

from mm_framework.contracts.sync_engine import ChecksumSpec, SyncRules
from mm_framework.model.events import (
    ASK,
    BID,
    NULL,
    Kind,
    Reason,
    Row,
    RowFlag,
    SyncState,
    iter_messages,
    iter_rows,
)
from mm_framework.model.instrument import Definition
from mm_framework.sync.book import BookSync
from mm_framework.sync.book_state import MAX_EPOCH, BookMessage
from mm_framework.sync.counts import Counts
from mm_framework.sync.emit import Emitter

RULES = SyncRules(checksum=ChecksumSpec(depth=3))
UNPROVED = SyncRules(checksum=None)
STABLE_NS = 100

BIDS = [(99_00, 1_000), (98_00, 2_000), (97_00, 3_000)]
ASKS = [(101_00, 1_000), (102_00, 2_000)]


@attrs.define
class Owner:
    """An instrument of scales 2 and 3, its precision as the venue told it."""

    definition: Definition = attrs.field(
        factory=lambda: Definition(
            0, 7, "toy:A/B", "A/B", 2, 3, price_decimals=2, size_decimals=3, precision="metadata", depth=3
        )
    )
    defined: bool = True
    changes: list[tuple[SyncState, SyncState, Reason, int]] = attrs.Factory(list)

    def redefine(self, *, price_decimals: int, size_decimals: int, precision: str) -> None:
        self.definition = attrs.evolve(
            self.definition, price_decimals=price_decimals, size_decimals=size_decimals, precision=precision
        )

    def state_changed(self, old: SyncState, new: SyncState, reason: Reason, epoch: int) -> None:
        self.changes.append((old, new, reason, epoch))


class Bench:
    """A connected BookSync and what it emitted since the last look."""

    def __init__(self, rules: SyncRules = RULES, **definition: Any) -> None:
        self.owner, self.counts, self.emitter = Owner(), Counts(), Emitter()
        self.owner.definition = attrs.evolve(self.owner.definition, **definition)
        self.sync = BookSync(self.owner, rules, self.emitter, self.counts, STABLE_NS)
        self.sync.connected()
        self.now = 0

    def snapshot(
        self,
        bids: Iterable[tuple[int, int]] = BIDS,
        asks: Iterable[tuple[int, int]] = ASKS,
        *,
        c: int | None = None,
    ) -> Reason | None:
        levels = [(BID, *level) for level in bids] + [(ASK, *level) for level in asks]
        number = toy_checksum(bids, asks) if c is None else c
        return self.apply(BookMessage(True, levels, (2, 3), checksum=number))

    def delta(
        self, *levels: tuple[int, int, int], c: int | None = None, online: bool = True
    ) -> Reason | None:
        """An update; the checksum is that of the book after it unless given."""
        return self.apply(
            BookMessage(False, list(levels), (2, 3), checksum=self.after(levels) if c is None else c), online
        )

    def after(self, levels: Iterable[tuple[int, int, int]]) -> int:
        sides = {BID: dict(self.sync.book.bids()), ASK: dict(self.sync.book.asks())}
        for side, price, size in levels:
            sides[side].pop(price, None)
            if size:
                sides[side][price] = size
        return toy_checksum(sorted(sides[BID].items(), reverse=True), sorted(sides[ASK].items()))

    def apply(self, message: BookMessage, online: bool = True) -> Reason | None:
        self.now += 1
        return self.sync.apply(message, self.now, online=online)

    def rows(self) -> list[Row]:
        rows = list(iter_rows(self.emitter.rows()))
        self.emitter.clear()
        return rows

    def state(self) -> SyncState:
        return self.sync.s.state


def synced(rules: SyncRules = RULES) -> Bench:
    bench = Bench(rules)
    bench.snapshot()
    bench.rows()
    return bench


def test_a_proved_snapshot_makes_the_book_synced() -> None:
    bench = Bench()
    assert bench.state() is SyncState.SNAPSHOT
    assert bench.snapshot() is None
    assert bench.state() is SyncState.SYNCED
    assert [change[1:] for change in bench.owner.changes] == [
        (SyncState.SNAPSHOT, Reason.CONNECTED, 1),
        (SyncState.SYNCING, Reason.SNAPSHOT, 1),
        (SyncState.SYNCED, Reason.VERIFIED, 1),
    ]
    assert (bench.counts.epochs, bench.counts.checksums_verified, bench.counts.levels) == (1, 1, 5)


def test_the_rows_of_a_snapshot_and_their_flags() -> None:
    bench = Bench()
    bench.rows()
    bench.snapshot()
    start, *levels, syncing, done = bench.rows()
    number = toy_checksum(BIDS, ASKS)
    assert (start.kind, start.size, start.aux, start.price) == (Kind.SNAPSHOT_START, 5, number, NULL)
    assert [(row.side, row.price, row.size) for row in levels] == [(1, *x) for x in BIDS] + [
        (-1, *x) for x in ASKS
    ]
    assert all(row.flags & RowFlag.SNAPSHOT for row in (start, *levels))
    assert not any(row.flags & RowFlag.UNTRUSTED for row in (start, *levels))
    assert [bool(row.flags & RowFlag.LAST) for row in (start, *levels)] == [False] * 5 + [True]
    assert [row.aux for row in levels] == [NULL] * 4 + [number]
    assert (syncing.price, syncing.size, syncing.aux) == (
        SyncState.SNAPSHOT,
        SyncState.SYNCING,
        Reason.SNAPSHOT,
    )
    assert (done.price, done.size, done.aux) == (SyncState.SYNCING, SyncState.SYNCED, Reason.VERIFIED)
    assert syncing.flags & RowFlag.UNTRUSTED
    assert not done.flags & RowFlag.UNTRUSTED


def test_a_mismatch_is_declared_in_the_epoch_that_ends_with_both_numbers() -> None:
    bench = synced()
    right = bench.after([(BID, 99_00, 5)])
    assert bench.delta((BID, 99_00, 5), c=1234) is Reason.CHECKSUM_MISMATCH
    level, mismatch, change = bench.rows()
    assert (level.kind, level.epoch) == (Kind.LEVEL, 1)
    assert level.flags & RowFlag.UNTRUSTED
    assert (mismatch.kind, mismatch.price, mismatch.size, mismatch.aux, mismatch.epoch) == (
        Kind.CHECKSUM_MISMATCH, 1234, right, Reason.CHECKSUM_MISMATCH, 1,
    )  # fmt: skip
    assert (change.kind, change.size, change.epoch) == (Kind.SYNC_CHANGE, SyncState.RESYNCING, 2)
    assert (bench.counts.gaps, bench.counts.checksums_failed) == (0, 1)


def test_updates_of_a_lost_book_are_dropped_until_a_snapshot_begins_the_next_epoch() -> None:
    bench = synced()
    bench.delta((BID, 99_00, 5), c=1)
    bench.rows()
    assert bench.delta((BID, 99_00, 6)) is None
    assert bench.rows() == []
    assert bench.counts.orphan_deltas == 1
    bench.snapshot()
    assert {row.epoch for row in bench.rows()} == {2}
    assert bench.state() is SyncState.SYNCED
    assert bench.counts.epochs == 2


def test_an_update_before_the_first_snapshot_is_dropped() -> None:
    bench = Bench()
    bench.rows()
    assert bench.delta((BID, 1, 1)) is None
    assert bench.rows() == []
    assert bench.state() is SyncState.SNAPSHOT


def test_the_venues_own_replacement_of_the_book_is_no_loss() -> None:
    bench = synced()
    assert bench.snapshot(bids=[(90_00, 1)]) is None
    assert {row.epoch for row in bench.rows()} == {1}
    assert bench.state() is SyncState.SYNCED
    assert bench.sync.book.bids() == [(90_00, 1)]


def test_a_probe_that_finds_the_same_book_is_no_loss() -> None:
    bench = synced()
    bench.sync.s.probing = True
    assert bench.snapshot() is None
    assert bench.sync.s.epoch == 1
    assert Kind.GAP not in {row.kind for row in bench.rows()}
    assert not bench.sync.s.probing


def test_a_probe_that_finds_another_book_declares_what_was_lost_in_silence() -> None:
    bench = synced()
    bench.sync.s.probing = True
    assert bench.snapshot(bids=[(99_00, 7), *BIDS[1:]]) is None
    rows = bench.rows()
    assert [(row.kind, row.aux, row.epoch) for row in rows[:2]] == [
        (Kind.GAP, Reason.SILENT, 1),
        (Kind.SYNC_CHANGE, Reason.SILENT, 2),
    ]
    assert {row.epoch for row in rows[1:]} == {2}
    assert bench.state() is SyncState.SYNCED
    assert (bench.counts.gaps, bench.counts.epochs) == (1, 2)


def test_an_unverified_book_is_kept_flagged_and_claims_nothing() -> None:
    bench = Bench()
    bench.sync.accept_unverified()
    bench.rows()
    assert bench.snapshot(c=1) is None
    assert bench.delta((BID, 99_00, 5), c=2) is None
    assert bench.state() is SyncState.SYNCING
    rows = bench.rows()
    assert all(row.flags & RowFlag.UNTRUSTED for row in rows)
    assert not {row.kind for row in rows} & {Kind.GAP, Kind.CHECKSUM_MISMATCH}
    assert bench.counts.checksums_failed == 2
    assert bench.delta((BID, 99_00, 6)) is None
    assert bench.state() is SyncState.SYNCED
    assert not bench.sync.s.unverified


@pytest.mark.parametrize("rules", [RULES, UNPROVED], ids=["checksum", "none"])
def test_a_crossed_book_is_lost_while_the_venue_trades(rules: SyncRules) -> None:
    bench = synced(rules)
    assert bench.delta((BID, 101_50, 5)) is Reason.CROSSED
    gap = next(row for row in bench.rows() if row.kind == Kind.GAP)
    assert (gap.price, gap.size, gap.aux, gap.epoch) == (101_50, 101_00, Reason.CROSSED, 1)
    assert bench.state() is SyncState.RESYNCING
    assert bench.counts.crossed == 1


def test_a_crossed_book_is_an_auction_while_the_venue_does_not_trade() -> None:
    bench = synced()
    assert bench.delta((BID, 101_50, 5), online=False) is None
    assert bench.state() is SyncState.SYNCED
    assert bench.counts.crossed == 0


def test_a_venue_may_say_that_crossed_books_are_its_way() -> None:
    bench = synced(SyncRules(crossed="ignore"))
    assert bench.delta((BID, 101_50, 5)) is None
    assert bench.state() is SyncState.SYNCED


def test_the_book_is_cut_to_the_depth_before_it_is_proved() -> None:
    bench = synced()
    bids = [(100_00, 9), *BIDS[:2]]
    assert bench.delta((BID, 100_00, 9), c=toy_checksum(bids, ASKS)) is None
    assert bench.sync.book.bids() == bids
    assert bench.sync.s.bound.bid == 98_00
    assert bench.sync.s.bound.ask is None


def test_a_message_without_a_proof_keeps_the_state() -> None:
    bench = Bench()
    bench.snapshot(c=NULL)
    assert bench.state() is SyncState.SYNCING
    assert all(row.flags & RowFlag.UNTRUSTED for row in bench.rows())
    bench.delta((BID, 99_00, 5))
    assert bench.state() is SyncState.SYNCED
    bench.rows()
    bench.delta((BID, 99_00, 6), c=NULL)
    assert bench.state() is SyncState.SYNCED
    assert not any(row.flags & RowFlag.UNTRUSTED for row in bench.rows())


def test_an_empty_update_is_no_row_but_its_checksum_counts() -> None:
    bench = synced()
    assert bench.delta() is None
    assert bench.rows() == []
    assert bench.delta(c=5) is Reason.CHECKSUM_MISMATCH


def test_levels_under_the_proof_and_beyond_it_are_counted_apart() -> None:
    bench = Bench(depth=5)
    bids = [(99_00 - 100 * n, 1_000) for n in range(5)]
    bench.snapshot(bids=bids)
    assert (bench.counts.levels_covered, bench.counts.levels_not_covered) == (5, 2)


def test_the_deletion_of_an_unknown_level_is_counted_and_harmless() -> None:
    bench = synced()
    assert bench.delta((BID, 50_00, 0)) is None
    assert bench.counts.unknown_deletes == 1
    assert bench.state() is SyncState.SYNCED


def test_the_loss_of_the_connection_ends_the_epoch() -> None:
    bench = synced()
    bench.sync.s.probing = bench.sync.s.unverified = True
    bench.sync.disconnected(Reason.RESET, 5)
    gap, change = bench.rows()
    assert (gap.kind, gap.aux, gap.epoch) == (Kind.GAP, Reason.RESET, 1)
    assert (change.price, change.size, change.epoch) == (SyncState.SYNCED, SyncState.CONNECTING, 2)
    assert not bench.sync.s.probing
    assert not bench.sync.s.unverified


@pytest.mark.parametrize("reason", [Reason.SHUTDOWN, Reason.RECORDING_END])
def test_the_end_of_a_run_is_no_gap(reason: Reason) -> None:
    bench = synced()
    bench.sync.disconnected(reason, 5)
    bench.sync.stop()
    bench.sync.stop()
    bench.sync.disconnected(Reason.RESET, 6)
    (change,) = bench.rows()
    assert (change.kind, change.size, change.aux, change.epoch) == (
        Kind.SYNC_CHANGE, SyncState.STOPPED, Reason.SHUTDOWN, 1,
    )  # fmt: skip


def test_losses_in_a_row_count_and_a_stable_book_starts_again() -> None:
    bench = synced()
    for attempt in (1, 2, 3):
        bench.delta((BID, 99_00, 5), c=1)
        assert bench.sync.s.attempts == attempt
        bench.snapshot()
    bench.now += STABLE_NS
    bench.delta((BID, 99_00, 5), c=1)
    assert bench.sync.s.attempts == 1


def test_the_epoch_never_leaves_its_column() -> None:
    bench = synced()
    bench.sync.s.epoch = MAX_EPOCH
    bench.delta((BID, 99_00, 5), c=1)
    assert bench.sync.s.epoch == MAX_EPOCH == 65535


# display precision


def printed(bids: list[tuple[int, int]], asks: list[tuple[int, int]], price_up: int, size_up: int) -> int:
    """The venue's checksum when it prints more decimals than these integers have."""
    scaled_bids, scaled_asks = [
        [(p * 10**price_up, s * 10**size_up) for p, s in side] for side in (bids, asks)
    ]
    return toy_checksum(scaled_bids, scaled_asks)


def unknown() -> Bench:
    return Bench(price_scale=6, size_scale=8, price_decimals=None, size_decimals=None, precision="unknown")


def big(levels: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(price * 10**4, size * 10**5) for price, size in levels]


def test_precision_is_learned_from_the_first_checksum_that_it_explains() -> None:
    bench = unknown()
    levels = [(BID, *x) for x in big(BIDS)] + [(ASK, *x) for x in big(ASKS)]
    number = printed(BIDS, ASKS, 0, 2)  # prices with 2 decimals, sizes with 5
    assert bench.apply(BookMessage(True, levels, (0, 1), checksum=number)) is None
    definition = bench.owner.definition
    assert (definition.price_decimals, definition.size_decimals, definition.precision) == (2, 5, "learned")
    assert bench.state() is SyncState.SYNCED


def test_learned_precision_is_learned_again_when_more_decimals_are_seen() -> None:
    bench = unknown()
    levels = [(BID, 99 * 10**6, 5 * 10**8)]
    assert bench.apply(BookMessage(True, levels, (0, 0), checksum=toy_checksum([(99, 5)], []))) is None
    assert (bench.owner.definition.price_decimals, bench.owner.definition.size_decimals) == (0, 0)
    number = toy_checksum([(9905, 70), (9900, 50)], [])
    assert bench.apply(BookMessage(False, [(BID, 99_050000, 7 * 10**8)], (2, 1), checksum=number)) is None
    assert (bench.owner.definition.price_decimals, bench.owner.definition.size_decimals) == (2, 1)
    assert bench.state() is SyncState.SYNCED


def test_learned_precision_does_not_excuse_a_wrong_book() -> None:
    bench = unknown()
    assert (
        bench.apply(
            BookMessage(True, [(BID, 99 * 10**6, 5 * 10**8)], (0, 0), checksum=toy_checksum([(99, 5)], []))
        )
        is None
    )
    wrong = toy_checksum([(9900, 60)], [])
    assert (
        bench.apply(BookMessage(False, [(BID, 99 * 10**6, 6 * 10**8)], (0, 0), checksum=wrong))
        is Reason.CHECKSUM_MISMATCH
    )
    assert bench.owner.definition.price_decimals == 0


def test_an_empty_book_teaches_no_precision() -> None:
    bench = unknown()
    assert bench.apply(BookMessage(True, [], (0, 0), checksum=0)) is None
    assert bench.state() is SyncState.SYNCED
    assert bench.owner.definition.precision == "unknown"
    number = toy_checksum([(9900, 500)], [])
    assert bench.apply(BookMessage(False, [(BID, 99 * 10**6, 5 * 10**8)], (0, 0), checksum=number)) is None
    assert (bench.owner.definition.price_decimals, bench.owner.definition.size_decimals) == (2, 2)


def test_told_precision_is_obeyed_and_a_finer_value_breaks_the_proof_not_the_program() -> None:
    bench = Bench(price_scale=4)
    levels = [(BID, 99_0000, 1_000)]
    assert bench.apply(BookMessage(True, levels, (0, 0), checksum=toy_checksum([(99_00, 1_000)], []))) is None
    finer = [(BID, 99_0005, 1_000)]
    assert bench.apply(BookMessage(False, finer, (4, 0), checksum=1)) is Reason.CHECKSUM_MISMATCH


def test_messages_carry_what_the_venue_said() -> None:
    bench = Bench(UNPROVED)
    bench.emitter.clear()
    bench.apply(BookMessage(True, [(BID, 1, 1)], first=4, last=6, prev=3, ts_venue_ns=9))
    message = next(iter_messages(bench.emitter.messages()))
    assert (message.first, message.last, message.prev, message.checksum) == (4, 6, 3, NULL)
    assert (message.ts_venue_ns, message.instrument, message.kind) == (9, 7, Kind.SNAPSHOT_START)
    assert [row.aux for row in bench.rows()][:2] == [6, 6]


def test_nothing_is_written_for_an_instrument_without_a_number() -> None:
    bench = Bench()
    bench.rows()
    bench.owner.defined = False
    bench.sync.disconnected(Reason.RESET, 5)
    bench.sync.lose(Reason.VALUE_OVERFLOW, 6)
    assert bench.rows() == []
    assert bench.state() is SyncState.CONNECTING


def test_a_changed_scale_loses_the_book_as_any_other_loss() -> None:
    bench = synced()
    bench.sync.lose(Reason.SCALE_CHANGE, 5)
    gap, change = bench.rows()
    assert (gap.aux, gap.epoch, change.epoch) == (Reason.SCALE_CHANGE, 1, 2)
    assert not bench.sync.s.built
