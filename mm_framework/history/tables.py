"""One file of a range of history, CSV or Parquet by its ending; numbers stay exact decimals."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from mm_framework.bundle.disk import replace_file
from mm_framework.contracts.history import Candle, PastTrade
from mm_framework.errors import ConfigError
from mm_framework.store.schema import FIXED_POINT

__all__ = ["write_candles", "write_trades"]

_NUMBERS = ("open", "high", "low", "close", "volume", "price", "qty")


def write_candles(path: Path, instrument: str, interval: str, rows: Sequence[Candle]) -> None:
    """``ts_ms, open, high, low, close, volume, instrument, interval``. Raises ConfigError."""
    columns: dict[str, list[object]] = {
        name: [getattr(one, name) for one in rows] for name in ("ts_ms", *_NUMBERS[:5])
    }
    _write(path, columns | {"instrument": [instrument] * len(rows), "interval": [interval] * len(rows)})


def write_trades(path: Path, instrument: str, rows: Sequence[PastTrade]) -> None:
    """``ts_ns, trade_id, price, qty, side, instrument``. Raises ConfigError."""
    columns: dict[str, list[object]] = {
        "ts_ns": [one.ts_ns for one in rows],
        "trade_id": [one.id for one in rows],
        "price": [one.price for one in rows],
        "qty": [one.size for one in rows],
        "side": [one.side for one in rows],
    }
    _write(path, columns | {"instrument": [instrument] * len(rows)})


def _write(path: Path, columns: dict[str, list[object]]) -> None:
    sink = pa.BufferOutputStream()
    if path.suffix == ".csv":
        pa_csv.write_csv(pa.table(columns), sink, pa_csv.WriteOptions(quoting_style="none"))
    elif path.suffix == ".parquet":
        exact = {
            name: pa.array([Decimal(str(one)) for one in column], FIXED_POINT) if name in _NUMBERS else column
            for name, column in columns.items()
        }
        pq.write_table(pa.table(exact), sink)
    else:
        raise ConfigError(f"{path} ends with neither .csv nor .parquet", key="file", value=str(path))
    replace_file(path, sink.getvalue().to_pybytes())
