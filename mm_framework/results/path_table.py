"""Paths as an Arrow table, the ``tops.parquet`` of a result: one row a change of best prices.

ts_ns int64 · instrument string · bid, bid_size, ask, ask_size int64 at the scales of the instrument,
null where there is no such side · trusted bool
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mm_framework.model.events import NULL
from mm_framework.results.path import Instrument, Ints, TopPath

__all__ = ["SCHEMA", "paths_of", "table_of"]

_NUMBERS = ("bid", "bid_size", "ask", "ask_size")
SCHEMA = pa.schema(
    [
        pa.field("ts_ns", pa.int64(), nullable=False),
        pa.field("instrument", pa.dictionary(pa.int32(), pa.string()), nullable=False),
        *(pa.field(name, pa.int64()) for name in _NUMBERS),
        pa.field("trusted", pa.bool_(), nullable=False),
    ]
)


def table_of(paths: Mapping[str, TopPath]) -> pa.Table:
    """All paths, one after the other, by id."""
    names = sorted(paths)
    parts = []
    for place, name in enumerate(names):
        path = paths[name]
        index = pa.array(np.full(len(path), place, np.int32))
        numbers = [getattr(path, column) for column in _NUMBERS]
        columns = [
            pa.array(path.ts_ns),
            pa.DictionaryArray.from_arrays(index, pa.array(names, pa.string())),
            *(pa.array(one, mask=one == NULL) for one in numbers),
            pa.array(path.trusted),
        ]
        parts.append(pa.Table.from_arrays(columns, schema=SCHEMA))
    return pa.concat_tables(parts) if parts else SCHEMA.empty_table()


def paths_of(batches: Iterable[pa.RecordBatch], instruments: Iterable[Instrument]) -> dict[str, TopPath]:
    """The paths of such a table, some rows at a time; an instrument without a row has an empty one."""
    import pyarrow.compute as pc

    parts: dict[str, list[list[npt.NDArray[Any]]]] = {}
    for batch in batches:
        owner = batch["instrument"].cast(pa.string())
        for name in pc.unique(owner).to_pylist():
            own = batch.filter(pc.equal(owner, name))
            columns = [_ints(own[column]) for column in ("ts_ns", *_NUMBERS)]
            columns.append(own["trusted"].to_numpy(zero_copy_only=False))
            held = parts.setdefault(name, [[] for _ in columns])
            for column, part in zip(held, columns, strict=True):
                column.append(part)
    return {one.id: _path(one, parts.pop(one.id, None)) for one in instruments}


def _path(instrument: Instrument, columns: list[list[npt.NDArray[Any]]] | None) -> TopPath:
    """The parts of a column are let go of before the next is made."""
    if columns is None:
        return TopPath(instrument, *(np.empty(0, np.int64),) * 5, np.empty(0, bool))
    columns.reverse()
    times, bid, bid_size, ask, ask_size, trusted = (np.concatenate(columns.pop()) for _ in range(6))
    return TopPath(instrument, times, bid, bid_size, ask, ask_size, trusted)


def _ints(column: pa.Array) -> Ints:
    values: Ints = column.fill_null(NULL).to_numpy(zero_copy_only=False)
    return values
