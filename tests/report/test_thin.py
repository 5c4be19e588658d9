"""What is left of best prices draws the same picture: no extreme is lost, no line bridges a hole."""

from __future__ import annotations

import charts
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm_framework.report.chart import Tops
from mm_framework.report.thin import ROWS_A_SLOT, thin


def some(values: list[float | None], steps: list[int]) -> Tops:
    """Best prices of these bids; None where there are none."""
    bid = np.array([np.nan if value is None else value for value in values])
    times = np.cumsum(np.array(steps[: len(values)], np.int64))
    return Tops(times, bid, bid + np.arange(len(values)) % 3, bid * 2)


def test_few_rows_stay_as_they_are() -> None:
    tops = charts.tops(100)
    assert thin(tops, 10) is tops


@pytest.mark.parametrize("slots", [1, 7, 100, 400])
def test_the_extremes_of_the_whole_are_kept(slots: int) -> None:
    tops = charts.tops(5_000)
    less = thin(tops, slots)
    assert len(less) <= slots * ROWS_A_SLOT < len(tops)
    for name in ("bid", "ask", "spread", "age_ms"):
        whole, part = getattr(tops, name), getattr(less, name)
        assert (part.min(), part.max()) == (whole.min(), whole.max())
    assert (less.ts_ns[0], less.ts_ns[-1]) == (tops.ts_ns[0], tops.ts_ns[-1])


@settings(deadline=None)
@given(
    st.lists(st.none() | st.floats(1, 100), min_size=30, max_size=200),
    st.lists(st.integers(0, 50), min_size=200, max_size=200),
    st.integers(1, 3),
)
def test_each_slot_keeps_its_extremes_and_its_holes(
    values: list[float | None], steps: list[int], slots: int
) -> None:
    tops = some(values, steps)
    less = thin(tops, slots)
    width = max(1, -(-(int(tops.ts_ns[-1]) - int(tops.ts_ns[0]) + 1) // slots))
    for name in ("bid", "ask", "age_ms"):
        for slot in range(slots):
            found = []
            for one in (tops, less):
                inside = getattr(one, name)[(one.ts_ns - tops.ts_ns[0]) // width == slot]
                numbers = inside[~np.isnan(inside)]
                has_hole = bool(np.isnan(inside).any())
                found.append((numbers.min(initial=np.inf), numbers.max(initial=-np.inf), has_hole))
            assert found[0] == found[1]


def test_rows_keep_their_order_and_belong_together() -> None:
    tops = charts.tops(5_000)
    less = thin(tops, 50)
    places = np.searchsorted(tops.ts_ns, less.ts_ns)
    assert (np.diff(places) > 0).all()
    assert (tops.bid[places] == less.bid).all()
    assert (tops.age_ms[places] == less.age_ms).all()
