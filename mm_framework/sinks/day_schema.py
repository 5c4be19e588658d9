"""Names and columns of a day folder: what is written, what is verified, what `schema.json` says.

    data/<exchange>/<SYMBOL_FS>/<YYYYMMDD>/orderbook_ws_depth_<SYMBOL_FS>_<YYYYMMDD>.csv.gz ...

Only here and in the recorder's logs symbols are stripped of ``/ - :`` and spaces.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import attrs

from mm_framework.bundle.names import symbol_to_disk
from mm_framework.errors import ConfigError
from mm_framework.model.instrument import parse_id

__all__ = [
    "DIFFS",
    "EVENTS",
    "GAPS",
    "LIVE_DIFFS",
    "LIVE_TRADES",
    "ORDERBOOK",
    "RAW_TRADES",
    "SCHEMA_FILE",
    "TRADES",
    "DayPlace",
    "columns_of",
    "place_of",
    "places",
    "schema_of",
    "utc_date",
]

ORDERBOOK: Final = "orderbook_ws_depth"
TRADES: Final = "trades_ws"
EVENTS: Final = "events"
GAPS: Final = "gaps"
DIFFS: Final = "diffs/depth_diffs"
RAW_TRADES: Final = "trades/trades_ws_raw"
LIVE_DIFFS: Final = "live/live_depth_diffs.ndjson"
LIVE_TRADES: Final = "live/live_trades.ndjson"
SCHEMA_FILE: Final = "schema.json"
VERSION: Final = 1

_COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    ORDERBOOK: ("event_time_ms", "recv_time_ms", "recv_seq", "run_id", "epoch_id"),
    TRADES: (
        "event_time_ms",
        "recv_time_ms",
        "recv_seq",
        "run_id",
        "trade_id",
        "trade_time_ms",
        "price",
        "qty",
        "is_buyer_maker",
        "side",
        "ord_type",
        "exchange",
        "symbol",
    ),
    EVENTS: ("event_id", "recv_time_ms", "recv_seq", "run_id", "type", "epoch_id", "details_json"),
    GAPS: ("recv_time_ms", "recv_seq", "run_id", "epoch_id", "event", "details"),
    DIFFS: ("recv_ms", "recv_seq", "E", "U", "u", "b", "a", "exchange", "symbol", "raw"),
    RAW_TRADES: (
        "recv_ms",
        "recv_seq",
        "event_time_ms",
        "trade_id",
        "price",
        "qty",
        "side",
        "exchange",
        "symbol",
        "raw",
    ),
}
_SNAPSHOT: Final = ("run_id", "event_id", "side", "price", "qty", "lastUpdateId")
_STRIPPED = re.compile(r"[/\-: ]")
_DATE = re.compile(r"\d{8}")


@attrs.frozen
class DayPlace:
    """Where an instrument's days are: ``<exchange>/<symbol_fs>`` under the data directory."""

    exchange: str
    symbol_fs: str

    def folder(self, root: Path, date: str) -> Path:
        """The folder of a day (``YYYYMMDD``)."""
        return root / self.exchange / self.symbol_fs / date

    def file(self, key: str, date: str) -> str:
        """The name of a growing file: ``diffs/depth_diffs_BTCEUR_20261121.ndjson.gz``."""
        ending = "ndjson.gz" if key in (DIFFS, RAW_TRADES) else "csv.gz"
        return f"{key}_{self.symbol_fs}_{date}.{ending}"

    def log(self, root: Path, date: str) -> Path:
        """The log of a day: ``recorder/<exchange>/<symbol_fs>/<YYYY-MM-DD>.log`` under the log folder."""
        name = f"{date[:4]}-{date[4:6]}-{date[6:]}.log"
        return root / "recorder" / self.exchange / self.symbol_fs / name


def place_of(instrument_id: str) -> DayPlace:
    """``kraken:BTC/EUR`` is at ``kraken/BTCEUR``. Raises ConfigError for a symbol of nothing else."""
    venue, symbol = parse_id(instrument_id)
    stripped = _STRIPPED.sub("", symbol).upper()
    if not stripped:
        raise ConfigError(f"{instrument_id} has no name for a folder", key="instrument", value=instrument_id)
    return DayPlace(venue.lower(), symbol_to_disk(stripped).upper())


def places(instruments: Iterable[str]) -> dict[str, DayPlace]:
    """The place of each instrument. Raises ConfigError when two share one."""
    taken: dict[DayPlace, str] = {}
    for instrument in instruments:
        place = place_of(instrument)
        other = taken.setdefault(place, instrument)
        if other != instrument:
            raise ConfigError(
                f"{other} and {instrument} would share the folder {place.exchange}/{place.symbol_fs}:"
                " record them into different data directories",
                key="instrument",
                value=instrument,
            )
    return {instrument: place for place, instrument in taken.items()}


def utc_date(ns: int) -> str:
    """``YYYYMMDD`` of epoch ns."""
    return f"{datetime.fromtimestamp(ns // 10**9, UTC):%Y%m%d}"


def columns_of(key: str, depth_levels: int, *, checksum: bool = False) -> tuple[str, ...]:
    """The columns of a growing file, or the keys of its lines; ``checksum``: of a venue that has one."""
    columns = _COLUMNS[key]
    if key == ORDERBOOK:
        names = ("bid{}_price", "bid{}_qty", "ask{}_price", "ask{}_qty")
        return (*columns, *(name.format(n) for n in range(1, depth_levels + 1) for name in names))
    if key == DIFFS and checksum:
        return (*columns[:7], "checksum", *columns[7:])
    return columns


def snapshot_columns(*, checksum: bool) -> tuple[str, ...]:
    """The columns of a snapshot's CSV."""
    return (*_SNAPSHOT, "checksum") if checksum else _SNAPSHOT


def schema_of(
    place: DayPlace, date: str, instrument: str, symbol: str, depth_levels: int, *, checksum: bool
) -> dict[str, Any]:
    """The content of ``schema.json``."""
    files: dict[str, dict[str, Any]] = {
        place.file(key, date): {"columns": list(columns_of(key, depth_levels, checksum=checksum))}
        for key in _COLUMNS
    }
    files["snapshots/snapshot_<event_id>_<tag>.csv"] = {"columns": list(snapshot_columns(checksum=checksum))}
    files["snapshots/snapshot_<event_id>_<tag>.json"] = {"content": "the payload as received"}
    for name, key in ((LIVE_DIFFS, DIFFS), (LIVE_TRADES, RAW_TRADES)):
        files[name] = {"columns": list(columns_of(key, depth_levels, checksum=checksum))}
    return {
        "schema": "mm-day-files",
        "version": VERSION,
        "exchange": place.exchange,
        "symbol": symbol,
        "symbol_fs": place.symbol_fs,
        "instrument": instrument,
        "date": date,
        "depth_levels": depth_levels,
        "files": files,
    }
