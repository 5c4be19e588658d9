"""Paths as an Arrow table, the ``tops.parquet`` of a result: one row a change of best prices.

ts_ns int64 · instrument string · bid, bid_size, ask, ask_size int64 at the scales of the instrument,
null where there is no such side · trusted bool
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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


def paths_of(table: pa.Table, instruments: Iterable[Instrument]) -> dict[str, TopPath]:
    """The paths of a table; an instrument without a row has an empty one."""
    owner = table["instrument"].cast(pa.string())
    found = {}
    for instrument in instruments:
        own = table.filter(pc.equal(owner, instrument.id))
        times, bid, bid_size, ask, ask_size = (_ints(own[name]) for name in ("ts_ns", *_NUMBERS))
        trusted = own["trusted"].to_numpy()
        found[instrument.id] = TopPath(instrument, times, bid, bid_size, ask, ask_size, trusted)
    return found


def _ints(column: pa.ChunkedArray) -> Ints:
    values: Ints = column.fill_null(NULL).to_numpy()
    return values
