"""Books that the row cache keeps within a day: wherever a question begins, it gets what a walk gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_store import MIDNIGHT_NS, build_toy, opened, toy_run

from mm_framework.model.events import ASK, BID, NULL, ROW, Kind, RowFlag, row_dtype
from mm_framework.store import books, selection
from mm_framework.store.books import read_books, write_books
from mm_framework.store.follow import Follower
from mm_framework.store.reader import Store, open_store
from mm_framework.store.row_cache import RowCache

MS = 1_000_000
START_NS = MIDNIGHT_NS - 100 * MS


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Books are kept every few rows."""
    for module in (books, selection):
        monkeypatch.setattr(module, "EVERY", 7)
    monkeypatch.setattr(books, "_SHARE", 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("books")
    runs = [
        toy_run(folder / "one", seed=1, steps=300, disconnect_at=150),
        toy_run(folder / "two", seed=2, symbols=("E/F",), steps=300),
        toy_run(folder / "three", seed=3, start_ns=MIDNIGHT_NS + 250 * MS, steps=100),
    ]
    build_toy(folder / "store", *runs)
    return folder


@pytest.fixture(scope="module")
def plain(folder: Path) -> Store:
    return open_store(folder / "store", cache=RowCache(folder / "none", max_bytes=0))


def rows_between(store: Store, from_ns: int, to_ns: int, policy: Any = "any") -> Any:
    return np.concatenate(
        [np.empty(0, row_dtype()), *store.events((), from_ns, to_ns, policy).blocks()]
    ).tobytes()


@pytest.mark.parametrize("policy", ["any", "pass"])
def test_any_window_has_the_rows_that_a_walk_from_midnight_gives(
    folder: Path, plain: Store, policy: str
) -> None:
    store = opened(folder / "store", folder)
    for after_ms in range(0, 420, 23):
        window = START_NS + after_ms * MS, START_NS + (after_ms + 30) * MS
        assert rows_between(store, *window, policy) == rows_between(plain, *window, policy)
    kept = [read_books(path) for path in (folder / "cache").glob("*.books")]
    assert sum(len(one.entries) for one in kept if one is not None) > 10
    assert not (folder / "none").exists()


@pytest.mark.parametrize("instrument", ["toy:A/B", "toy:E/F"])
def test_a_book_at_an_instant_is_that_of_the_walk(folder: Path, plain: Store, instrument: str) -> None:
    store = opened(folder / "store", folder)
    found = []
    for after_ms in range(60, 460, 19):
        at = store.book_at(instrument, START_NS + after_ms * MS)
        assert at == plain.book_at(instrument, START_NS + after_ms * MS)
        found.append(len(at.bids))
    assert max(found) > 0


@pytest.mark.parametrize("harm", [b"", b"MMBOOK\0\1", b"x" * 640])
def test_a_harmed_file_is_made_anew(folder: Path, plain: Store, tmp_path: Path, harm: bytes) -> None:
    store = opened(folder / "store", tmp_path)
    window = START_NS + 200 * MS, START_NS + 230 * MS
    expected = rows_between(store, *window)
    for path in (tmp_path / "cache").glob("*.books"):
        path.write_bytes(harm)
    assert rows_between(opened(folder / "store", tmp_path), *window) == expected
    assert all(read_books(path) is not None for path in (tmp_path / "cache").glob("*.books"))


def level_rows(messages: int, levels: int, prices: int = 10**6) -> Any:
    """Messages of levels at so many prices, one after the other."""
    packed = bytearray()
    for seq in range(messages):
        for place in range(levels):
            number = (seq * levels + place) % prices
            side, price = (BID, 10**6 - number) if number % 2 else (ASK, 2 * 10**6 + number)
            flags = RowFlag.LAST if place == levels - 1 else 0
            packed += ROW.pack(seq, NULL, seq, price, 5, NULL, 0, 0, Kind.LEVEL, side, flags, 1, seq)
    return np.frombuffer(bytes(packed), dtype=row_dtype())


@pytest.mark.parametrize(("prices", "at_least"), [(10**6, 0), (200, 3), (10, 50)])
def test_books_take_no_more_than_their_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prices: int, at_least: int
) -> None:
    """Also of rows that are nothing but new levels: they are kept where rows are many for their levels."""
    monkeypatch.setattr(books, "_SHARE", 4)
    rows = level_rows(400, 10, prices)
    with (tmp_path / "x.books").open("wb") as file:
        write_books(file, [(rows, {0: None})])
    found = read_books(tmp_path / "x.books")
    assert found is not None
    assert len(found.rows) * 4 <= len(rows)
    assert len(found.entries) >= at_least


def test_a_book_is_kept_where_a_message_ends_and_makes_an_equal_follower(tmp_path: Path) -> None:
    rows = level_rows(60, 10)
    with (tmp_path / "x.books").open("wb") as file:
        write_books(file, [(rows[:0], {0: 3}), (rows, {0: 3})])
    found = read_books(tmp_path / "x.books")
    assert found is not None
    assert found.before(0, 600) is None
    for place in range(0, 601, 50):
        near = found.before(1, place)
        if near is None:
            assert place < 20
            continue
        after, kept = near
        assert after <= place
        assert rows["flags"][after - 1] & RowFlag.LAST
        walked, resumed = Follower({0: 3}), Follower({0: 3})
        walked.feed(rows[:after])
        resumed.feed(kept)
        assert (walked.book.bids(), walked.book.asks()) == (resumed.book.bids(), resumed.book.asks())
        assert (walked.state, walked.epoch) == (resumed.state, resumed.epoch)
