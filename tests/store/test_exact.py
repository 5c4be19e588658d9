"""Columns of text become integers as cell by cell, or are refused as there."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm_framework.errors import MMError
from mm_framework.model.fixed import NULL, parse
from mm_framework.store.exact import Extent, exact_integers, iso_times

NUMBERS = st.decimals(allow_nan=False, allow_infinity=False, places=6).map(str)
TEXTS = st.one_of(
    NUMBERS,
    st.sampled_from(
        ["", "1e2", "-0", "-1.25", "00.5", "x", "9223372036854775807", "-9223372036854775808", "1" * 25,
         "0.000000001", "92233720368.54775807", ".5", "+1", "1.", " 1", "1_0", "nan", "0x1", "1.50", "1E-3"]
    ),
)  # fmt: skip


def cell_by_cell(cell: str, scale: int) -> tuple[int, bool]:
    try:
        return (parse(cell, scale) if cell else NULL), False
    except MMError:
        return NULL, True


@given(st.lists(TEXTS, max_size=8), st.integers(0, 18))
@settings(deadline=None)
def test_a_column_is_read_as_its_cells_are(cells: list[str], scale: int) -> None:
    values, bad = exact_integers(pa.array(cells, pa.string()), scale)
    assert list(zip(values.tolist(), bad.tolist(), strict=True)) == [cell_by_cell(c, scale) for c in cells]


@pytest.mark.parametrize(
    ("cells", "scale"),
    [([], 0), (["1"], 0), (["1.50", "2"], 2), (["123456789012", "0.1234567890123"], 6), (["x", ""], 0)],
)
def test_the_scale_holds_the_largest_number(cells: list[str], scale: int) -> None:
    extent = Extent()
    extent.add(pa.array(cells, pa.string()))
    assert extent.scale == scale


def test_times_need_an_offset_and_keep_nanoseconds() -> None:
    told = ["2025-10-09T08:53:20.1Z", "", "2025-10-09T10:53:20.100000123+02:00"]
    values, bad = iso_times(pa.array(told))
    assert values.tolist() == [1_760_000_000_100_000_000, NULL, 1_760_000_000_100_000_123]
    assert not bad.any()
    values, bad = iso_times(pa.array(["2025-10-09T08:53:20Z", "yesterday", "2025-10-09T08:53:20", ""]))
    assert values.tolist() == [1_760_000_000_000_000_000, NULL, NULL, NULL]
    assert bad.tolist() == [False, True, True, False]
