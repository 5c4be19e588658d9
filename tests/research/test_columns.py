"""Columns of a store, of its bundles' rows: what they hold, where a stretch ends, what they are in ticks."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import toy_store

from mm_framework.errors import ConfigError, StoreError
from mm_framework.model.events import NULL
from mm_framework.research.columns import Columns, columns_of, read_columns
from mm_framework.store.people import top_dtype
from mm_framework.store.reader import Store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two runs of the toy venue: the first loses its connection, the second begins an hour later."""
    folder = tmp_path_factory.mktemp("store")
    start = toy_store.MIDNIGHT_NS + 10**9
    runs = [
        toy_store.toy_run(folder / "one", start_ns=start, disconnect_at=60),
        toy_store.toy_run(folder / "two", seed=2, start_ns=start + 3600 * 10**9),
    ]
    toy_store.build_toy(folder / "store", *runs)
    return toy_store.opened(folder / "store", folder)


def tops(rows: list[tuple[Any, ...]]) -> Any:
    """``(time, bid, its size, ask, its size, trusted, real)`` at scales 2 and 3."""
    found = np.zeros(len(rows), top_dtype())
    found["price_scale"], found["size_scale"], found["ts_venue_ns"] = 2, 3, NULL
    for place, row in enumerate(rows):
        names = ("ts_recv_ns", "bid", "bid_size", "ask", "ask_size", "trusted", "real")
        for name, value in zip(names, row, strict=True):
            found[name][place] = value
    return found


def shown(columns: Columns) -> list[tuple[int, float | None, int]]:
    bids = [None if np.isnan(bid) else float(bid) for bid in columns.bid]
    return list(zip(columns.ts_ns.tolist(), bids, columns.segment.tolist(), strict=True))


def test_prices_are_in_ticks_and_sizes_in_the_base_currency() -> None:
    found = columns_of(tops([(10, 9995, 1500, 10005, NULL, True, True)]), [], [], 20, Fraction("0.05"))
    assert (found.bid[0], found.ask[0], found.bid_size[0]) == (1999.0, 2001.0, 1.5)
    assert np.isnan(found.ask_size[0])


def test_after_a_hole_the_last_prices_told_hold_again_in_a_new_segment() -> None:
    rows = tops([(10, 100, 1, 200, 1, True, True), (50, 110, 1, 200, 1, True, True)])
    found = columns_of(rows, [(20, 30)], [], 60, Fraction(1, 100))
    assert shown(found) == [(10, 100.0, 0), (20, None, 1), (30, 100.0, 1), (50, 110.0, 1)]


def test_prices_that_arrive_within_a_hole_are_those_of_its_end() -> None:
    rows = tops([(10, 100, 1, 200, 1, True, True), (25, 120, 1, 200, 1, True, True)])
    found = columns_of(rows, [(20, 30)], [], 60, Fraction(1, 100))
    assert shown(found)[-1][:2] == (30, 120.0)
    assert [bid for ts, bid, _ in shown(found) if 20 <= ts < 30] == [None, None]


def test_a_single_print_that_is_missing_is_no_hole() -> None:
    rows = tops([(10, 100, 1, 200, 1, True, True)])
    assert shown(columns_of(rows, [(20, 21)], [], 60, Fraction(1, 100))) == [(10, 100.0, 0)]


def test_what_is_left_out_ends_a_stretch() -> None:
    """Synthetic rows stand behind what the policy leaves out; breaks are ends of runs."""
    rows = tops(
        [(10, 100, 1, 200, 1, True, True), (40, 105, 1, 200, 1, True, False), (80, 90, 1, 200, 1, True, True)]
    )
    found = columns_of(rows, [], [70], 90, Fraction(1, 100))
    assert shown(found) == [(10, 100.0, 0), (11, None, 1), (40, 105.0, 1), (70, None, 2), (80, 90.0, 2)]


def test_untrusted_rows_have_no_prices() -> None:
    rows = tops([(10, 100, 1, 200, 1, False, True), (40, 105, 1, 200, 1, True, True)])
    assert [bid for _, bid, _ in shown(columns_of(rows, [], [], 90, Fraction(1, 100)))] == [None, 105.0]


def test_a_store_gives_the_best_prices_that_its_book_has(store: Store) -> None:
    columns, note = read_columns(store, "toy:A/B", policy="any")
    assert (note.instrument, note.source, note.segments >= 3) == ("toy:A/B", "book", True)
    assert len(columns) == note.rows
    assert len(columns.prints) == note.prints > 0
    for place in np.flatnonzero(~np.isnan(columns.bid))[:: len(columns) // 7].tolist():
        ts = int(columns.ts_ns[place])
        last = int(columns.at(np.array([ts]))[0])
        book = store.book_at("toy:A/B", ts)
        unit = Fraction(note.tick) * 10**book.definition.price_scale
        assert float(book.bids[0][0] / unit) == pytest.approx(columns.bid[last])
        assert float(book.asks[0][0] / unit) == pytest.approx(columns.ask[last])


def test_nothing_bridges_what_a_policy_leaves_out(store: Store) -> None:
    """The rows that tell of the loss lie in the interval that is left out; the book comes back as it was."""
    ((begin, end),) = {(a, b) for _, _, a, b in store.events(["toy:A/B"]).left_out() if b - a > 1}
    for policy in ("any", "pass"):
        columns, _ = read_columns(store, "toy:A/B", policy=policy)
        rows = columns.at(np.arange(begin, end, (end - begin) // 20))
        assert np.isnan(columns.bid[rows]).all()
        before, after = columns.at(np.array([begin - 1, end + 10**8]))
        assert columns.segment[before] < columns.segment[after]
        assert not np.isnan(columns.bid[[before, after]]).any()


def test_the_note_makes_the_columns_again(store: Store) -> None:
    _, one = read_columns(store, "toy:A/B", policy="any")
    _, again = read_columns(store, "toy:A/B", policy="any")
    _, other = read_columns(store, "toy:C/D", policy="any")
    assert one == again
    assert one.event_digest == store.events(["toy:A/B"], policy="any").digest()
    assert one.event_digest != other.event_digest
    assert one.store_digest == other.store_digest


def test_a_range_of_time_is_obeyed(store: Store) -> None:
    whole, _ = read_columns(store, "toy:A/B", policy="any")
    border = int(whole.ts_ns[len(whole) // 2])
    early, note = read_columns(store, "toy:A/B", to_ns=border, policy="any")
    assert early.end_ns < border
    assert np.array_equal(early.bid, whole.bid[: len(early)], equal_nan=True)
    assert note.to_time is not None


def test_what_is_not_there_is_said(store: Store) -> None:
    with pytest.raises(ConfigError, match="no instrument 'toy:X/Y'"):
        read_columns(store, "toy:X/Y")
    with pytest.raises(ConfigError, match="stands for 2 instruments"):
        read_columns(store, "toy:*", policy="any")
    with pytest.raises(StoreError, match="no best price of toy:A/B"):
        read_columns(store, "toy:A/B", to_ns=toy_store.MIDNIGHT_NS - 1, policy="any")
    with pytest.raises(ConfigError, match="--tick -1"):
        read_columns(store, "toy:A/B", policy="any", tick="-1")
