"""Our own trades of day folders: of windows in another time zone, and of recorders that keep no updates."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from mm_framework.errors import StoreError
from mm_framework.history.local import folder_trades
from mm_framework.sinks.day_schema import EVENTS, TRADES, columns_of

DAY = 1_795_046_400_000  # 2026-11-19
HOUR = 3_600_000
ID = "binance:BTC/USDT"


def day_folder(root: Path, date: str, *trades: tuple[int, int]) -> None:
    """A recorder's day with a ledger and these trades, ``(ms, number)``, but no updates of a book."""
    folder = root / "binance" / "BTCUSDT" / date
    folder.mkdir(parents=True)
    ledger = ",".join(columns_of(EVENTS, 20)) + "\n"
    lines = [",".join(columns_of(TRADES, 20))]
    for seq, (ms, number) in enumerate(trades):
        lines.append(f"{ms},{ms + 5},{seq},run,{number},{ms},{number}.5,0.1,0,buy,,binance,BTCUSDT")
    for name, text in ((EVENTS, ledger), (TRADES, "".join(f"{line}\n" for line in lines))):
        (folder / f"{name}_BTCUSDT_{date}.csv.gz").write_bytes(gzip.compress(text.encode()))


def test_a_day_of_utc_lies_in_two_folders_of_a_window_in_berlin(tmp_path: Path) -> None:
    day_folder(tmp_path, "20261119", (DAY - HOUR, 1), (DAY, 2), (DAY + 23 * HOUR, 3))
    # The windows overlap: the last trade of one is the first of the next.
    day_folder(tmp_path, "20261120", (DAY + 23 * HOUR, 3), (DAY + 24 * HOUR - 1, 4), (DAY + 24 * HOUR, 5))
    found = folder_trades(tmp_path, ID, DAY, DAY + 24 * HOUR)
    assert [(ms, price) for ms, price, _ in found] == [
        (DAY, Decimal("2.5")),
        (DAY + 23 * HOUR, Decimal("3.5")),
        (DAY + 24 * HOUR - 1, Decimal("4.5")),
    ]


def test_a_window_that_begins_in_the_evening_is_in_the_folder_of_the_day_before(tmp_path: Path) -> None:
    day_folder(tmp_path, "20261118", (DAY + HOUR, 7))
    assert [ms for ms, _, _ in folder_trades(tmp_path, ID, DAY, DAY + 24 * HOUR)] == [DAY + HOUR]


def test_days_without_a_folder_are_told(tmp_path: Path) -> None:
    day_folder(tmp_path, "20261118", (DAY - HOUR, 7))
    with pytest.raises(StoreError, match="20261119"):
        folder_trades(tmp_path, ID, DAY, DAY + 24 * HOUR)
