"""Stretches of best prices, names of files, marks in words."""

from __future__ import annotations

import attrs
import charts
import numpy as np
import pytest

from mm_framework.report.chart import Mark, Tops
from mm_framework.report.depth import COLUMNS, ROWS, column_edges, depth_map
from mm_framework.report.marks import mark, within


def test_no_line_leads_from_one_stretch_into_the_next() -> None:
    whole = charts.tops(10)
    joined = Tops.joined([whole.part(slice(0, 4)), whole.part(slice(4, 10))])
    assert len(joined) == 12
    assert np.flatnonzero(np.isnan(joined.bid)).tolist() == [4, 11]
    assert joined.ts_ns[4] == whole.ts_ns[3] + 1


def test_chained_parts_are_as_the_whole() -> None:
    whole = charts.tops(10)
    chained = Tops.chained([whole.part(slice(0, 4)), whole.part(slice(4, 10))])
    assert all(
        (a == b).all()
        for a, b in zip(
            attrs.astuple(chained, recurse=False), attrs.astuple(whole, recurse=False), strict=True
        )
    )


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("kraken:BTC/EUR", "plot_kraken-BTC-EUR_20251121T"),
        ("BTC/EUR", "plot_BTC-EUR_20251121T"),
        ("../../etc", "plot_etc_20251121T"),
    ],
)
def test_the_name_of_a_file_leads_nowhere(name: str, stem: str) -> None:
    assert charts.chart(50, name=name).file_stem.startswith(stem)


@pytest.mark.parametrize(
    ("ns", "words"),
    [
        (1, "0.001 µs"),
        (12_500, "12.5 µs"),
        (260_000_000, "0.260 s"),
        (90 * 10**9, "1 min 30 s"),
        (3 * 3600 * 10**9 + 60 * 10**9, "3 h 1 min"),
    ],
)
def test_a_mark_tells_its_reason_and_its_length(ns: int, words: str) -> None:
    assert mark(5, 5 + ns, "out", "crossed").text == f"crossed, {words}"


def test_marks_are_cut_to_what_is_shown_and_keep_their_words() -> None:
    told = [Mark(50, 80, "gap", "later"), Mark(0, 10, "out", "before"), Mark(5, 30, "out", "into")]
    assert within(told, 20, 60) == [Mark(20, 30, "out", "into"), Mark(50, 60, "gap", "later")]


def test_sizes_of_one_row_of_the_map_are_added_up() -> None:
    edges = column_edges(0, 10 * COLUMNS - 1)
    levels = np.array([[100.0, 1.0], [100.1, 2.0], [140.0, 4.0]])
    found = depth_map(edges, [None, levels, *([levels] * (COLUMNS - 2))])
    assert found is not None
    assert found.sizes.shape == (ROWS, COLUMNS)
    assert np.isnan(found.sizes[:, 0]).all()
    assert (found.sizes[0, 1], found.sizes[-1, 1], found.sizes[:, 1].sum()) == (3.0, 4.0, 7.0)
    assert depth_map(edges, [None] * COLUMNS) is None


def test_the_panel_of_ages_reaches_nearly_all_and_the_normal_band() -> None:
    chart = charts.chart()
    ages = chart.tops.age_ms[~np.isnan(chart.tops.age_ms)]
    assert np.percentile(ages, 99.9) <= chart.age_limit_ms < charts.WORST_AGE_MS
    calm = attrs.evolve(chart, tops=attrs.evolve(chart.tops, age_ms=np.full(len(chart.tops), 0.5)))
    assert calm.age_limit_ms == 25.0
