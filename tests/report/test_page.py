"""Pages: all is inside, nothing of the data can become markup, nothing is rounded away."""

from __future__ import annotations

import base64
import json
import re
import sys
import zlib
from typing import Any

import charts
import numpy as np
import pytest

from mm_framework.errors import EnvironmentFailed
from mm_framework.report.packing import pack
from mm_framework.report.page import page

pytest.importorskip("plotly", reason="plotly is not installed")


def unpack(packed: dict[str, str]) -> np.ndarray:
    """As `chart.js` does it."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(packed["data"])), np.uint8)
    dtype = np.dtype({"Float32Array": "<f4", "Float64Array": "<f8"}[packed["type"]])
    return np.ascontiguousarray(planes.reshape(dtype.itemsize, -1).T).view(dtype).ravel()


def given(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="given">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])  # type: ignore[no-any-return]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_packed_numbers_come_back_as_they_were(dtype: type) -> None:
    values = np.array([1.1, np.nan, -0.0, 5e300 if dtype is np.float64 else 5e30, 90_000.1], dtype)
    assert unpack(pack(values)).tobytes() == values.tobytes()
    assert len(unpack(pack(np.empty(0, dtype)))) == 0


def test_the_page_carries_every_row_exactly() -> None:
    chart = charts.chart()
    told = given(page(chart))
    assert np.array_equal(unpack(told["bid"]), chart.tops.bid, equal_nan=True)
    times_us = told["start_ms"] * 1000 + told["start_us"] + np.cumsum(unpack(told["steps_us"]))
    assert (times_us == chart.tops.ts_ns // 1000).all()


def test_of_more_rows_than_it_may_carry_the_extremes_are_left() -> None:
    chart = charts.chart(20_000)
    told = given(page(chart, most_rows=2_000))
    bid, ask = unpack(told["bid"]), unpack(told["ask"])
    assert len(bid) <= 2_000
    assert np.nanmax(ask - bid) == np.nanmax(chart.tops.spread)


def test_the_page_asks_the_network_for_nothing() -> None:
    text = page(charts.chart(200))
    own = re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r"https?://|src=|@import|url\(", own)
    assert "default-src 'none'" in own


def test_no_text_becomes_markup() -> None:
    text = page(charts.chart(200, name="x</script><img src=y>"))
    assert "<img" not in re.sub(r"<script>.*?</script>", "", text, flags=re.DOTALL)
    assert "latency &lt;b&gt;unsafe" in json.dumps(given(text)["marks"])


def test_the_layout_is_one_that_plotly_knows() -> None:
    from plotly.graph_objects import Layout

    layout = given(page(charts.chart(200)))["layout"]
    panels = layout.pop("panels")
    Layout(layout)
    assert list(panels) == ["marks", "price", "spread", "depth", "age"]


def test_without_plotly_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(EnvironmentFailed, match=r"install mm-framework\[plot\]"):
        page(charts.chart(10))
