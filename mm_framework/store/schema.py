"""The tables as Parquet: columns, encodings, and the way from 64-byte rows to columns and back.

``events`` holds every row as it is: integers at the scales that stand beside them, null where nothing
was told. ``bbo`` and ``trades`` are for people: exact decimals, best prices wherever they change.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mm_framework.bundle.digest import places_of
from mm_framework.errors import SchemaMismatch
from mm_framework.model.events import NULL, row_dtype

__all__ = [
    "BBO",
    "EVENTS",
    "FIXED_POINT",
    "INSTRUMENTS",
    "ROW_COLUMNS",
    "ROW_GROUP",
    "SCHEMA_VERSION",
    "TRADES",
    "Scales",
    "check_schema",
    "decimals",
    "event_columns",
    "rows_of",
    "writer",
]

Rows = npt.NDArray[Any]

SCHEMA_VERSION: Final = 1
ROW_GROUP: Final = 1 << 17
"""Rows of a row group, and of a piece in which rows are worked on: what a query leaves out, and small enough
that memory is used again instead of asked for."""

FIXED_POINT: Final = pa.decimal128(38, 18)
"""Prices and sizes of the tables for people: every scale up to 18 fits without rounding."""

_TEXT: Final = pa.dictionary(pa.int32(), pa.string())
_FLAGS: Final = pa.list_(pa.string())

EVENTS: Final = pa.schema(
    [
        pa.field("ts_recv_ns", pa.int64(), nullable=False),
        pa.field("ts_venue_ns", pa.int64()),
        pa.field("seq", pa.int64()),
        pa.field("price", pa.int64()),
        pa.field("size", pa.int64()),
        pa.field("aux", pa.int64()),
        pa.field("instrument", _TEXT, nullable=False),
        pa.field("run", _TEXT, nullable=False),
        pa.field("number", pa.uint32(), nullable=False),
        pa.field("connection", pa.uint16(), nullable=False),
        pa.field("kind", pa.uint8(), nullable=False),
        pa.field("side", pa.int8(), nullable=False),
        pa.field("flags", pa.uint16(), nullable=False),
        pa.field("epoch", pa.uint16(), nullable=False),
        pa.field("frame", pa.uint32(), nullable=False),
        pa.field("price_scale", pa.int8(), nullable=False),
        pa.field("size_scale", pa.int8(), nullable=False),
    ]
)

BBO: Final = pa.schema(
    [
        pa.field("exchange", _TEXT, nullable=False),
        pa.field("symbol", _TEXT, nullable=False),
        pa.field("ts_exchange", pa.int64()),
        pa.field("ts_capture", pa.int64(), nullable=False),
        pa.field("bid", FIXED_POINT),
        pa.field("ask", FIXED_POINT),
        pa.field("bid_qty", FIXED_POINT),
        pa.field("ask_qty", FIXED_POINT),
        pa.field("raw_age_ms", pa.float64()),
        pa.field("adjusted_age_ms", pa.float64()),
        pa.field("session_id", _TEXT, nullable=False),
        pa.field("source_file", _TEXT, nullable=False),
        pa.field("qa_status", _TEXT, nullable=False),
        pa.field("qa_flags", _FLAGS, nullable=False),
        pa.field("instrument", _TEXT, nullable=False),
        pa.field("epoch", pa.uint16(), nullable=False),
        pa.field("trusted", pa.bool_(), nullable=False),
        pa.field("source", _TEXT, nullable=False),
    ]
)

TRADES: Final = pa.schema(
    [
        pa.field("exchange", _TEXT, nullable=False),
        pa.field("symbol", _TEXT, nullable=False),
        pa.field("ts_exchange", pa.int64()),
        pa.field("ts_capture", pa.int64(), nullable=False),
        pa.field("price", FIXED_POINT, nullable=False),
        pa.field("qty", FIXED_POINT, nullable=False),
        pa.field("side", _TEXT),
        pa.field("trade_id", pa.int64()),
        pa.field("session_id", _TEXT, nullable=False),
        pa.field("instrument", _TEXT, nullable=False),
        pa.field("epoch", pa.uint16(), nullable=False),
        pa.field("from_snapshot", pa.bool_(), nullable=False),
    ]
)

INSTRUMENTS: Final = pa.schema(
    [
        pa.field("run", pa.string(), nullable=False),
        pa.field("id", pa.string(), nullable=False),
        pa.field("valid_from_ns", pa.int64(), nullable=False),
        pa.field("number", pa.uint32(), nullable=False),
        pa.field("index", pa.uint32(), nullable=False),
        pa.field("venue_symbol", pa.string(), nullable=False),
        pa.field("base", pa.string()),
        pa.field("quote", pa.string()),
        pa.field("price_scale", pa.int8(), nullable=False),
        pa.field("size_scale", pa.int8(), nullable=False),
        pa.field("tick_size", pa.string()),
        pa.field("lot_size", pa.string()),
        pa.field("price_decimals", pa.int8()),
        pa.field("size_decimals", pa.int8()),
        pa.field("precision", pa.string()),
        pa.field("depth", pa.int32()),
        pa.field("status", pa.string()),
    ]
)

TABLES: Final = {"events": EVENTS, "bbo": BBO, "trades": TRADES}

_SORTED: Final = frozenset({"ts_recv_ns", "ts_venue_ns", "ts_capture", "ts_exchange", "seq", "frame", "aux"})
"""Columns of numbers that mostly rise: stored as differences."""

_NULLABLE: Final = ("ts_venue_ns", "seq", "price", "size", "aux")
_TILE: Final = 1 << 14

ROW_COLUMNS: Final = tuple("number" if name == "instrument" else name for name in row_dtype().names or ())
"""The columns of ``events`` that rows are made of."""


@attrs.frozen
class Scales:
    """What the numbers of an instrument number mean."""

    instrument: str
    price: int
    size: int


def event_columns(rows: Rows, run: str, scales: dict[int, Scales]) -> pa.Table:
    """Rows of `row_dtype` as the ``events`` table; ``scales`` by instrument number."""
    numbers, inverse = places_of(rows["instrument"])
    known = [scales[number] for number in numbers.tolist()]
    columns: dict[str, pa.Array] = {}
    for name, values in _columns(rows).items():
        columns["number" if name == "instrument" else name] = (
            _nullable(values) if name in _NULLABLE else pa.array(values)
        )
    columns["instrument"] = _words(inverse, [one.instrument for one in known])
    columns["run"] = _words(np.zeros(len(rows), np.int32), [run])
    columns["price_scale"] = pa.array(np.array([one.price for one in known], np.int8)[inverse])
    columns["size_scale"] = pa.array(np.array([one.size for one in known], np.int8)[inverse])
    return pa.table([columns[name] for name in EVENTS.names], schema=EVENTS)


def rows_of(table: pa.Table) -> Rows:
    """The inverse of `event_columns`, from `ROW_COLUMNS` or more; instrument numbers are as in their runs."""
    columns: dict[str, npt.NDArray[Any]] = {}
    for name, stored in zip(row_dtype().names or (), ROW_COLUMNS, strict=True):
        column = table.column(stored)
        if column.null_count:
            column = column.fill_null(NULL)
        columns[name] = column.to_numpy()
    rows = np.empty(table.num_rows, dtype=row_dtype())
    for start in range(0, len(rows), _TILE):
        tile = rows[start : start + _TILE]
        for name, values in columns.items():
            tile[name] = values[start : start + _TILE]
    return rows


def decimals(values: npt.NDArray[np.int64], scales: npt.NDArray[np.int8]) -> pa.Array:
    """Integers at their scales as exact decimals; the smallest int64 is null."""
    if len(values) == 0:
        return pa.array([], type=FIXED_POINT)
    found = np.unique(scales)
    if len(found) == 1:
        return _at_scale(values, int(found[0]))
    order = np.argsort(scales, kind="stable")
    parts = [_at_scale(values[scales == scale], int(scale)) for scale in found]
    place = np.empty(len(values), np.int64)
    place[order] = np.arange(len(values))
    return pa.concat_arrays(parts).take(pa.array(place))


def writer(sink: Any, table: str) -> pq.ParquetWriter:
    """Writes a table with its encodings; rows that follow one another belong in one `write_table`."""
    schema = TABLES[table]
    rising = [name for name in schema.names if name in _SORTED]
    return pq.ParquetWriter(
        sink,
        schema,
        compression="zstd",
        compression_level=1,
        use_dictionary=[name for name in schema.names if name not in _SORTED],
        column_encoding=dict.fromkeys(rising, "DELTA_BINARY_PACKED"),
        write_statistics=[name for name in ("ts_recv_ns", "ts_capture") if name in schema.names],
        store_schema=True,
    )


def check_schema(found: pa.Schema, table: str, path: str) -> None:
    """Raises SchemaMismatch when a file is not one of this version's tables."""
    expected = TABLES[table]
    if found.remove_metadata().equals(expected.remove_metadata()):
        return
    missing = [name for name in expected.names if name not in found.names]
    other = [name for name in found.names if name not in expected.names]
    types = [
        f"{field.name} is {found.field(field.name).type}, not {field.type}"
        for field in expected
        if field.name in found.names and found.field(field.name).type != field.type
    ]
    told = [*(f"no column {name}" for name in missing), *(f"unknown column {name}" for name in other), *types]
    raise SchemaMismatch(
        f"{path} is no {table} table of schema {SCHEMA_VERSION}: {'; '.join(told) or 'its columns differ'};"
        " build the store anew from its bundles",
        path=path,
    )


def _columns(rows: Rows) -> dict[str, npt.NDArray[Any]]:
    """Each field by itself. A tile of rows stays in the processor's cache while all its fields are taken."""
    columns = {name: np.empty(len(rows), row_dtype()[name]) for name in row_dtype().names or ()}
    for start in range(0, len(rows), _TILE):
        tile = rows[start : start + _TILE]
        for name, column in columns.items():
            column[start : start + _TILE] = tile[name]
    return columns


def _nullable(values: npt.NDArray[np.int64]) -> pa.Array:
    null = values == NULL
    return pa.array(values, mask=null) if null.any() else pa.array(values)


def _words(places: npt.NDArray[Any], words: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(places.astype(np.int32)), pa.array(words, pa.string()))


@cache
def _unit(scale: int) -> pa.DataType:
    return pa.decimal128(38, scale)


def _at_scale(values: npt.NDArray[np.int64], scale: int) -> pa.Array:
    null = values == NULL
    whole = pa.array(np.where(null, 0, values)).cast(pa.decimal128(19, 0))
    mask = pa.array(~null)
    shifted = pa.Array.from_buffers(_unit(scale), len(values), [mask.buffers()[1], whole.buffers()[1]])
    return shifted.cast(FIXED_POINT)
