"""What a store answers with goes on to Arrow, Polars and pandas, the same values everywhere."""

from __future__ import annotations

from decimal import Decimal

import pyarrow as pa
import pytest

from mm_framework.store.result import StoreTable

TABLE = StoreTable(pa.table({"price": pa.array([Decimal("1.5"), Decimal("2.25"), None]), "side": [1, -1, 1]}))


def test_it_is_the_arrow_table() -> None:
    assert TABLE.to_arrow()["side"].to_pylist() == TABLE["side"].to_pylist() == [1, -1, 1]
    assert (len(TABLE), TABLE.num_rows, TABLE.column_names) == (3, 3, ["price", "side"])
    assert TABLE.to_pylist()[1] == {"price": Decimal("2.25"), "side": -1}


def test_batches_have_at_most_so_many_rows() -> None:
    assert [len(batch) for batch in TABLE.to_batches(2)] == [2, 1]
    assert [len(batch) for batch in TABLE.to_batches()] == [3]


def test_polars_and_pandas_have_the_same_values() -> None:
    polars = pytest.importorskip("polars")
    frame = TABLE.to_polars()
    assert frame["price"].to_list() == TABLE["price"].to_pylist()
    assert polars.DataFrame(TABLE).equals(frame)
    pytest.importorskip("pandas")
    assert TABLE.to_pandas()["side"].tolist() == [1, -1, 1]


def test_arrow_takes_it_as_a_stream() -> None:
    assert pa.table(TABLE).equals(TABLE.to_arrow())
