"""Rows of a store in order: any start gives the tail of the whole, whatever is read at a time."""

from __future__ import annotations

import numpy as np
import pytest
from toy_store import MIDNIGHT_NS, build_toy, opened, toy_run

from mm_framework.bundle.digest import EventDigest
from mm_framework.errors import ConfigError, StoreError
from mm_framework.model.events import Kind, RowFlag, SyncState
from mm_framework.store.manifest import Verdict
from mm_framework.store.reader import Store
from mm_framework.store.selection import usable
from mm_framework.store.walk import BookWalk

MS = 1_000_000


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("store")
    runs = [
        toy_run(folder / "one", seed=1, steps=300),
        toy_run(folder / "two", seed=2, symbols=("E/F",), steps=300),
        toy_run(folder / "three", seed=3, start_ns=MIDNIGHT_NS + 500 * MS, steps=100),
    ]
    build_toy(folder / "store", *runs)
    return opened(folder / "store", folder)


def real(store: Store, *args: object) -> np.ndarray:
    rows = np.concatenate([*store.events(*args, policy="any").blocks()])  # type: ignore[arg-type]
    return rows[rows["flags"] & RowFlag.SYNTHETIC == 0]


def test_order_is_that_of_receive_time(store: Store) -> None:
    rows = np.concatenate([*store.events(policy="any").blocks()])
    assert (np.diff(rows["ts_recv_ns"]) >= 0).all()
    assert set(np.diff(rows["seq"]).tolist()) == {0, 1}


@pytest.mark.parametrize("block", [1, 7, 100, 10_000])
def test_how_much_is_read_at_a_time_changes_nothing(store: Store, block: int) -> None:
    whole = np.concatenate([*store.events(policy="any").blocks()])
    pieces = np.concatenate([*store.events(policy="any").blocks(block)])
    assert pieces.tobytes() == whole.tobytes()


@pytest.mark.parametrize("after_ms", [0, 1, 50, 99, 100, 101, 150, 320, 520, 599])
def test_any_start_gives_the_tail_of_the_whole(store: Store, after_ms: int) -> None:
    start = MIDNIGHT_NS - 100 * MS + after_ms * MS
    rows, tail = real(store), real(store, (), start)
    expected = rows[rows["ts_recv_ns"] >= start]
    digests = []
    for some in (expected, tail):
        digest = EventDigest(store.instruments)
        ids = dict(enumerate(one.id for one in store.events(policy="any").definitions))
        digest.update(memoryview(some.tobytes()), ids)
        digests.append(digest.hexdigest())
    assert digests[0] == digests[1]


@pytest.mark.parametrize("instrument", ["toy:A/B", "toy:E/F"])
@pytest.mark.parametrize("after_ms", [60, 100, 180, 320])
def test_any_start_gives_the_books_of_the_whole(store: Store, instrument: str, after_ms: int) -> None:
    start = MIDNIGHT_NS - 100 * MS + after_ms * MS
    books = []
    for from_ns in (-(2**63), start):
        selection = store.events([instrument], from_ns, start + 60 * MS, policy="any")
        walk = BookWalk(selection.definitions[0].depth)
        for block in selection.blocks():
            walk.feed(block)
        books.append((walk.book.bids(), walk.book.asks()))
    assert books[0] == books[1]
    assert books[0][0]


def test_a_book_at_an_instant_is_that_of_all_rows_before(store: Store) -> None:
    for after_ms in range(40, 300, 37):
        instant = MIDNIGHT_NS - 100 * MS + after_ms * MS
        at = store.book_at("toy:C/D", instant)
        walk = BookWalk(at.definition.depth)
        for block in store.events(["toy:C/D"], -(2**63), instant + 1, "any").blocks():
            walk.feed(block)
        assert (at.bids, at.asks) == (walk.book.bids(), walk.book.asks())
        assert at.state is SyncState.SYNCED


def test_an_instrument_that_is_not_there_is_named_with_the_nearest(store: Store) -> None:
    with pytest.raises(ConfigError, match="A/B"):
        store.events(["toy:A/C"])
    with pytest.raises(ConfigError, match="no instrument 'kraken:"):
        store.events(["kraken:*"])


def test_a_pattern_names_all_that_match(store: Store) -> None:
    assert store.matching(["toy:[AC]/*"]) == {"toy:A/B", "toy:C/D"}


def test_before_the_first_row_there_is_no_book(store: Store) -> None:
    with pytest.raises(StoreError, match="nothing of toy:A/B"):
        store.book_at("toy:A/B", MIDNIGHT_NS - 10**9)


@pytest.mark.parametrize(
    ("status", "policies"),
    [
        ("PASS", ["pass", "warn", "any"]),
        ("WARN", ["warn", "any"]),
        ("QUARANTINE", ["pass", "warn", "any"]),
        ("REJECT", ["any"]),
    ],
)
def test_policies_take_what_they_say(status: str, policies: list[str]) -> None:
    taken = [policy for policy in ("pass", "warn", "any") if usable(Verdict(status), policy)]  # type: ignore[arg-type]
    assert taken == policies


def test_tables_are_exact_and_carry_the_verdict(store: Store) -> None:
    trades = store.trades(["toy:A/B"], policy="any")
    rows = real(store, ["toy:A/B"])
    prints = rows[rows["kind"] == Kind.TRADE]
    scale = store.events(["toy:A/B"], policy="any").definitions[0].price_scale
    assert [round(price * 10**scale) for price in trades["price"].to_pylist()] == prints["price"].tolist()
    assert set(trades["verdict"].to_pylist()) == {"PASS"}
    bbo = store.bbo(["toy:A/B"], policy="any")
    assert (np.diff(bbo["ts_capture"].to_numpy()) >= 0).all()
    assert bbo.num_rows > 50
