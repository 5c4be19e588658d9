"""Trade numbers: repetitions are dropped, holes are declared where they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mm_framework.model.events import NULL, Kind, Reason, Row, RowFlag, iter_messages, iter_rows
from mm_framework.sync.counts import Counts
from mm_framework.sync.emit import Emitter
from mm_framework.sync.trades import Print, TradeSync


def make(*, numbered: bool = True) -> tuple[TradeSync, Emitter, Counts]:
    emitter, counts = Emitter(), Counts()
    return TradeSync(emitter, counts, numbered=numbered), emitter, counts


def prints(*ids: int, ts: int = 5) -> list[Print]:
    return [Print(1, 100 + number % 7, 3, number, ts) for number in ids]


def told(emitter: Emitter) -> list[tuple[int, int, int, int]]:
    return [(row.kind, row.price, row.size, row.aux) for row in iter_rows(emitter.rows())]


def test_numbers_without_holes_are_one_group() -> None:
    sync, emitter, counts = make()
    assert sync.apply(7, 2, prints(4, 5, 6), snapshot=False) is None
    rows, (message,) = list(iter_rows(emitter.rows())), list(iter_messages(emitter.messages()))
    assert [row.aux for row in rows] == [4, 5, 6]
    assert [bool(row.flags & RowFlag.LAST) for row in rows] == [False, False, True]
    assert {(row.instrument, row.epoch, row.seq) for row in rows} == {(7, 2, 0)}
    assert (message.first, message.last, message.n_rows, message.kind) == (4, 6, 3, Kind.TRADE)
    assert counts.trades == 3


def test_a_hole_is_declared_between_the_prints_around_it() -> None:
    sync, emitter, counts = make()
    assert sync.apply(7, 2, prints(4, 7, 8), snapshot=False) is Reason.TRADE_ID_GAP
    assert told(emitter) == [
        (Kind.TRADE, 104, 3, 4),
        (Kind.GAP, 5, 7, Reason.TRADE_ID_GAP),
        (Kind.TRADE, 100, 3, 7),
        (Kind.TRADE, 101, 3, 8),
    ]
    assert [row.flags & RowFlag.LAST for row in iter_rows(emitter.rows())] == [1, 1, 0, 1]
    assert counts.gaps == 1


def test_a_number_seen_before_is_dropped() -> None:
    sync, emitter, counts = make()
    sync.apply(7, 2, prints(4, 5), snapshot=False)
    emitter.clear()
    assert sync.apply(7, 2, prints(3, 4, 5), snapshot=True) is None
    assert emitter.n_messages == emitter.n_rows == 0
    assert sync.apply(7, 2, prints(5, 6), snapshot=True) is None
    assert told(emitter) == [(Kind.TRADE, 106, 3, 6)]
    assert next(iter_rows(emitter.rows())).flags & RowFlag.SNAPSHOT
    assert (counts.trades, counts.duplicate_trades) == (3, 4)


def test_after_a_time_in_which_nobody_followed_what_is_missing_is_no_hole_and_what_is_known_is_dropped() -> (
    None
):
    sync, emitter, counts = make()
    sync.apply(7, 2, prints(4, 5), snapshot=False)
    sync.forget()
    sync.forget()
    emitter.clear()
    assert sync.apply(7, 2, prints(3, 4, 5, 9), snapshot=True) is None
    assert sync.apply(7, 2, prints(11), snapshot=False) is Reason.TRADE_ID_GAP
    assert [(kind, aux) for kind, _, _, aux in told(emitter)] == [
        (Kind.TRADE, 9),
        (Kind.GAP, Reason.TRADE_ID_GAP),
        (Kind.TRADE, 11),
    ]
    assert (counts.duplicate_trades, counts.gaps) == (3, 1)


def test_without_numbers_everything_is_kept() -> None:
    sync, emitter, counts = make(numbered=False)
    sync.apply(7, 2, prints(4, 9, 4, NULL), snapshot=False)
    assert [aux for *_, aux in told(emitter)] == [4, 9, 4, NULL]
    assert counts.gaps == counts.duplicate_trades == 0
    assert sync.s.last_id is None


def test_a_print_without_a_number_breaks_no_sequence() -> None:
    sync, _, counts = make()
    assert sync.apply(7, 2, prints(4, NULL, 5), snapshot=False) is None
    assert (counts.trades, counts.gaps) == (3, 0)


def test_each_print_keeps_its_time_and_says_when_it_has_none() -> None:
    sync, emitter, _ = make()
    sync.apply(7, 2, [Print(1, 1, 1, 1, 50), Print(0, 1, 1, 2, NULL)], snapshot=False)
    rows: list[Row] = list(iter_rows(emitter.rows()))
    assert [row.ts_venue_ns for row in rows] == [50, NULL]
    assert [bool(row.flags & RowFlag.NO_VENUE_TIME) for row in rows] == [False, True]
    assert next(iter_messages(emitter.messages())).ts_venue_ns == 50


@given(st.lists(st.lists(st.integers(1, 30), max_size=5), max_size=8))
def test_every_number_from_the_first_on_is_printed_once_or_lies_in_a_gap(batches: list[list[int]]) -> None:
    sync, emitter, counts = make()
    for batch in batches:
        sync.apply(7, 1, prints(*batch), snapshot=False)
    covered: list[int] = []
    for row in iter_rows(emitter.rows()):
        covered += [row.aux] if row.kind == Kind.TRADE else list(range(row.price, row.size))
    if covered:
        assert covered == list(range(covered[0], (sync.s.last_id or 0) + 1))
    assert counts.trades + counts.duplicate_trades == sum(map(len, batches))


def holes(emitter: Emitter) -> list[tuple[int, int]]:
    return [(row.price, row.size) for row in iter_rows(emitter.rows()) if row.kind == Kind.GAP]


def test_one_damaged_number_far_ahead_does_not_swallow_the_trades_after_it() -> None:
    sync, emitter, counts = make()
    for trade_id in (4, 9_000_005, 6, 7, 8):
        sync.apply(7, 2, prints(trade_id), snapshot=False)
    assert [row.aux for row in iter_rows(emitter.rows()) if row.kind == Kind.TRADE] == [4, 9_000_005, 6, 7, 8]
    assert holes(emitter) == [(5, 6)]
    assert counts.duplicate_trades == 0


def test_a_hole_however_wide_is_declared_whole_once_the_next_trade_follows_it() -> None:
    sync, emitter, _ = make()
    for trade_id in (4, 9_000_000, 9_000_000, 9_000_001, 9_000_002):
        sync.apply(7, 2, prints(trade_id), snapshot=False)
    assert holes(emitter) == [(5, 6), (6, 9_000_000)]
    assert sync.s.last_id == 9_000_002
    assert sync.s.suspect_id is None


def test_a_snapshot_of_trades_is_believed_at_once() -> None:
    sync, emitter, _ = make()
    sync.apply(7, 2, prints(4), snapshot=False)
    sync.apply(7, 2, prints(9_000_000, 9_000_001), snapshot=True)
    assert holes(emitter) == [(5, 9_000_000)]
