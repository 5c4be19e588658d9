"""Closes of minutes: what was heard before what is stored, that before what was fetched; days are kept."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from toy_store import MIDNIGHT_NS, build_toy, toy_run

from mm_framework.contracts.history import Candle, HistoryQuery
from mm_framework.history.days import HistoryFiles
from mm_framework.serve import closes as module
from mm_framework.serve.bars import DAY_MINUTES, MINUTE_MS, MinuteBars
from mm_framework.serve.closes import DayCloses, last_of_each, with_live
from mm_framework.serve.past import Past

A = "toy:A/B"
T0 = MIDNIGHT_NS // 10**6
FIRST = T0 // MINUTE_MS
NAN = float("nan")


def fetched(folder: Path, *prices: tuple[int, str, str]) -> None:
    """Candles of minutes after midnight: minute, close, volume."""
    files = HistoryFiles(folder, A, "A/B", "candles", "1m")
    rows = [
        Candle(T0 + minute * MINUTE_MS, close, close, close, close, size) for minute, close, size in prices
    ]
    span = (T0, T0 + DAY_MINUTES * MINUTE_MS)
    files.put(HistoryQuery("candles", A, *span, "1m"), rows, [span])


def test_stored_prices_stand_before_fetched_ones(tmp_path: Path) -> None:
    build_toy(tmp_path / "store", toy_run(tmp_path / "r"))
    past = Past(str(tmp_path / "store"))
    stored = past.closes(A, FIRST // DAY_MINUTES)
    assert np.flatnonzero(~np.isnan(stored)).tolist() == [0]
    fetched(tmp_path, (0, "777", "1"), (3, "5.5", "2"), (4, "6", "0"))
    days = DayCloses(past, tmp_path)
    found = days.between(A, FIRST - 2, FIRST + 6).tolist()
    before = past.closes(A, FIRST // DAY_MINUTES - 1)[-1]
    np.testing.assert_equal(found, [NAN, before, stored[0], NAN, NAN, 5.5, NAN, NAN])


def test_a_day_is_read_again_when_its_file_changes_and_only_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    past = Past(str(tmp_path / "store"))
    days, read = DayCloses(past, tmp_path), []
    closes = past.closes
    monkeypatch.setattr(past, "closes", lambda id, day: read.append(day) or closes(id, day))
    for _ in range(3):
        assert np.isnan(days.between(A, FIRST, FIRST + 2)).all()
    fetched(tmp_path, (1, "9", "1"))
    assert days.between(A, FIRST, FIRST + 2).tolist()[1:] == [9.0]
    assert len(read) == 2


def test_so_many_days_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_DAYS", 3)
    days = DayCloses(Past(str(tmp_path / "store")), tmp_path)
    assert len(days.between(A, 0, 5 * DAY_MINUTES)) == 5 * DAY_MINUTES
    assert len(days._days) == 3


def test_a_damaged_file_of_candles_tells_nothing(tmp_path: Path) -> None:
    fetched(tmp_path, (1, "9", "1"))
    path = HistoryFiles(tmp_path, A, "A/B", "candles", "1m").path(T0)
    path.write_bytes(path.read_bytes()[:20])
    assert np.isnan(DayCloses(Past(str(tmp_path / "none")), tmp_path).between(A, FIRST, FIRST + 3)).all()


def test_what_was_heard_stands_before_all() -> None:
    bars = MinuteBars()
    for minute, price in ((FIRST - 5, 1), (FIRST + 1, 42), (FIRST + 9, 3)):
        bars.add(minute * MINUTE_MS, price, 1, (1, 0))
    past = np.array([1.0, 2.0, NAN])
    np.testing.assert_equal(with_live(past, bars, FIRST), [1.0, 4.2, NAN])
    np.testing.assert_equal(with_live(past, None, FIRST), past)


def test_the_last_price_of_an_interval_counts() -> None:
    closes = np.array([1.0, 2.0, 3.0, NAN, NAN, NAN])
    np.testing.assert_equal(last_of_each(closes, 2), [2.0, 3.0, NAN])
    np.testing.assert_equal(last_of_each(closes, 1), closes)
    np.testing.assert_equal(last_of_each(closes, 6), [3.0])
