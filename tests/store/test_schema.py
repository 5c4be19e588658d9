"""Rows become columns and rows again; decimals are exact; other files are refused."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm_framework.errors import SchemaMismatch
from mm_framework.model.events import NULL, ROW, row_dtype
from mm_framework.store.schema import EVENTS, Scales, check_schema, decimals, event_columns, rows_of, writer

SCALES = {0: Scales("toy:A/B", 2, 3), 65536: Scales("toy:C/D", 0, 18)}
I8 = st.integers(-(2**63), 2**63 - 1)
ROWS = st.lists(
    st.tuples(
        st.integers(0, 2**62), I8, I8, I8, I8, I8, st.sampled_from([0, 65536]), st.integers(0, 65535),
        st.integers(1, 10), st.integers(-1, 1), st.integers(0, 63), st.integers(0, 65535),
        st.integers(0, 2**32 - 1),
    ),
    max_size=20,
)  # fmt: skip


@given(ROWS)
@settings(deadline=None)
def test_rows_come_back_bit_for_bit(values: list[tuple[int, ...]]) -> None:
    rows = np.frombuffer(b"".join(ROW.pack(*one) for one in values), dtype=row_dtype())
    sink = pa.BufferOutputStream()
    with writer(sink, "events") as parquet:
        parquet.write_table(event_columns(rows, "run", SCALES))
    table = pq.read_table(pa.BufferReader(sink.getvalue()))
    assert rows_of(table).tobytes() == rows.tobytes()
    assert table["instrument"].to_pylist() == [SCALES[one[6]].instrument for one in values]
    assert table["price_scale"].to_pylist() == [SCALES[one[6]].price for one in values]


@given(st.lists(st.tuples(I8, st.integers(0, 18)), max_size=10))
@settings(deadline=None)
def test_decimals_are_exact(values: list[tuple[int, int]]) -> None:
    numbers = np.array([value for value, _ in values], dtype=np.int64)
    scales = np.array([scale for _, scale in values], dtype=np.int8)
    expected = [None if value == NULL else Decimal(value).scaleb(-scale) for value, scale in values]
    assert decimals(numbers, scales).to_pylist() == expected


def wrong_type() -> pa.Schema:
    return EVENTS.set(0, pa.field("ts_recv_ns", pa.string()))


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (EVENTS.remove(3), "no column price"),
        (EVENTS.append(pa.field("more", pa.int8())), "unknown column more"),
        (wrong_type(), "ts_recv_ns is string, not int64"),
    ],
)
def test_another_schema_is_named(schema: pa.Schema, told: str) -> None:
    with pytest.raises(SchemaMismatch, match=told):
        check_schema(schema, "events", "some.parquet")


def test_a_file_keeps_its_schema(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    rows: Any = np.empty(0, dtype=row_dtype())
    with writer(path, "events") as parquet:
        parquet.write_table(event_columns(rows, "run", SCALES))
    check_schema(pq.read_schema(path), "events", str(path))
