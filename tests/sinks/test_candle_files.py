"""Klines of a zip are the candle files of day folders: exact, a file a day, all or none."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from data_sets import T0_US, archive

from mm_framework.bundle.binance_files import Archive
from mm_framework.errors import ConfigError, StoreError
from mm_framework.sinks.candle_files import CandleSeries, klines, write_candles

MINUTE_US = 60_000_000
DAY_MINUTES = 1440


def kline(minute: int, *, unit: int = 1, start_us: int = T0_US) -> str:
    opened = (start_us + minute * MINUTE_US) // unit
    closed = (start_us + (minute + 1) * MINUTE_US) // unit - 1
    return f"{opened},4.15070000,4.1{minute % 9}870000,4.15,4.155,539.23,{closed},2240.39,13,401.82,1669.98,0"


def series(path: Path) -> CandleSeries:
    return CandleSeries("binance:BTC/USDT", "BTCUSDT", "1m", klines(Archive(path)))


@pytest.mark.parametrize("unit", [1, 1000])
def test_each_day_has_a_file_with_exact_numbers(tmp_path: Path, unit: int) -> None:
    lines = [kline(minute, unit=unit) for minute in range(DAY_MINUTES - 2, DAY_MINUTES + 3)]
    zipped = archive(tmp_path / "in", "BTCUSDT-1m-2023-11", lines)
    files, count = write_candles(tmp_path / "out", [series(zipped)])
    assert [str(path.relative_to(tmp_path / "out")) for path in files] == [
        f"binance/BTCUSDT/{day}/history/candles_1m_BTCUSDT_{day}.csv.gz" for day in ("20231115", "20231116")
    ]
    assert count == 5
    header, first, second = gzip.decompress(files[0].read_bytes()).decode().splitlines()
    assert header == "ts_ms,open,high,low,close,volume,exchange,symbol,interval"
    opened = T0_US // 1000 + (DAY_MINUTES - 2) * 60_000
    high = f"4.1{(DAY_MINUTES - 2) % 9}870000"
    assert first == f"{opened},4.15070000,{high},4.15,4.155,539.23,binance,BTCUSDT,1m"
    assert second.startswith(f"{opened + 60_000},")


def test_a_file_that_is_there_is_left_and_nothing_else_is_written(tmp_path: Path) -> None:
    first = archive(tmp_path / "in", "BTCUSDT-1m-2023-11-16", [kline(DAY_MINUTES)])
    files, _ = write_candles(tmp_path / "out", [series(first)])
    before = files[0].read_bytes()
    month = archive(tmp_path / "in", "BTCUSDT-1m-2023-11", [kline(0), kline(DAY_MINUTES)])
    with pytest.raises(ConfigError, match=r"candles_1m_BTCUSDT_20231116\.csv\.gz exists"):
        write_candles(tmp_path / "out", [series(month)])
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == files
    assert files[0].read_bytes() == before
    with pytest.raises(ConfigError, match="exists"):
        write_candles(tmp_path / "twice", [series(first), series(first)])
    assert list((tmp_path / "twice").iterdir()) == []


@pytest.mark.parametrize(
    "bad",
    [
        kline(0),
        kline(5).rpartition(",")[0],
        kline(5).replace("4.15,", "low,"),
        f"{T0_US + 300_000_001},1,1,1,1,1,1,1,1,1,1,0",
        "soon,1,1,1,1,1,1,1,1,1,1,0",
    ],
)
def test_a_line_that_is_no_candle_is_named(tmp_path: Path, bad: str) -> None:
    zipped = archive(tmp_path / "in", "BTCUSDT-1m-2023-11", [kline(0), bad])
    with pytest.raises(StoreError, match="line 2: found"):
        write_candles(tmp_path / "out", [series(zipped)])
    assert list((tmp_path / "out").iterdir()) == []


def test_the_published_sample_is_read(tmp_path: Path, shared_data: Path) -> None:
    name = "ADABTC-1m-2021-11-27"
    lines = (shared_data / "historical" / f"{name}.csv").read_text().split()
    files, count = write_candles(tmp_path / "out", [series(archive(tmp_path / "in", name, lines))])
    assert count == len(lines)
    told = [
        line.split(",")
        for path in files
        for line in gzip.decompress(path.read_bytes()).decode().splitlines()[1:]
    ]
    assert [cells[:6] for cells in told] == [line.split(",")[:6] for line in lines]
