"""Candles as files of the day folders, a file a UTC day.

    <root>/<exchange>/<SYMBOL_FS>/<YYYYMMDD>/history/candles_<interval>_<SYMBOL_FS>_<YYYYMMDD>.csv.gz
    ts_ms,open,high,low,close,volume,exchange,symbol,interval

Numbers are the exact texts of the source; ``ts_ms`` is when a candle opens.
"""

from __future__ import annotations

import gzip
import itertools
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import attrs

from mm_framework.bundle.binance_files import Archive, archive_lines
from mm_framework.bundle.disk import move_all, writing
from mm_framework.contracts.history import Candle
from mm_framework.errors import ConfigError, StoreError
from mm_framework.formats.binance_data import time_ns
from mm_framework.model.events import NULL
from mm_framework.model.fixed import BadNumber, decimals_of
from mm_framework.sinks.day_schema import place_of, utc_date

__all__ = ["CandleSeries", "candle_lines", "klines", "write_candles"]

COLUMNS: Final = ("ts_ms", "open", "high", "low", "close", "volume", "exchange", "symbol", "interval")

_KLINE_COLUMNS: Final = 12


@attrs.frozen
class CandleSeries:
    """Candles of an ``instrument`` (an id, whose venue's name is ``symbol``), in order of time."""

    instrument: str
    symbol: str
    interval: str
    candles: Iterable[Candle]


def klines(archive: Archive) -> Iterator[Candle]:
    """The candles of a zip of Binance's public data. Raises StoreError, which names the line."""
    last_ms = -1
    for number, line in archive_lines(archive):
        candle = _candle(line.decode("ascii", "replace").split(","))
        if candle is None or candle.ts_ms <= last_ms:
            raise StoreError(
                f"{archive.path}, line {number}: found {line[:60].decode('ascii', 'replace')!r}, expected"
                f" {_KLINE_COLUMNS} columns of a candle behind the one before",
                path=archive.path,
            )
        last_ms = candle.ts_ms
        yield candle


def _candle(cells: list[str]) -> Candle | None:
    opened_ns = time_ns(cells[0])
    if len(cells) != _KLINE_COLUMNS or opened_ns == NULL or opened_ns % 1_000_000:
        return None
    try:
        for number in cells[1:6]:
            decimals_of(number)
    except BadNumber:
        return None
    return Candle(opened_ns // 1_000_000, *cells[1:6])


def candle_lines(candles: Iterable[Candle], exchange: str, symbol: str, interval: str) -> Iterator[str]:
    """The lines of a file, header first, each with its end."""
    yield ",".join(COLUMNS) + "\n"
    tail = f"{exchange},{symbol},{interval}\n"
    for one in candles:
        yield f"{one.ts_ms},{one.open},{one.high},{one.low},{one.close},{one.volume},{tail}"


def write_candles(root: Path, series: Iterable[CandleSeries]) -> tuple[list[Path], int]:
    """Write all of them or none; the files, and how many candles they hold.

    Raises ConfigError when a file is there already, or two series would share one; EnvironmentFailed.
    """
    with writing(root):
        root.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".candles-", dir=root))
    try:
        count = sum(_write(made, one) for one in series)
        files = sorted(path.relative_to(made) for path in made.rglob("*.csv.gz"))
        for file in files:
            _refuse(root / file)
        with writing(root):
            for file in files:
                (root / file).parent.mkdir(parents=True, exist_ok=True)
            move_all({made / file: root / file for file in files})
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return [root / file for file in files], count


def _write(root: Path, series: CandleSeries) -> int:
    place = place_of(series.instrument)
    count = 0
    for date, candles in itertools.groupby(series.candles, key=lambda one: utc_date(one.ts_ms * 1_000_000)):
        name = f"candles_{series.interval}_{place.symbol_fs}_{date}.csv.gz"
        path = place.folder(root, date) / "history" / name
        _refuse(path)
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with gzip.GzipFile(path, "wb", 6, mtime=0) as file:
                lines = list(candle_lines(candles, place.exchange, series.symbol, series.interval))
                file.write("".join(lines).encode())
                count += len(lines) - 1
    return count


def _refuse(path: Path) -> None:
    if path.exists():
        raise ConfigError(
            f"{path.name} exists and is never overwritten: choose another folder with --out",
            key="out",
            value=str(path),
        )
