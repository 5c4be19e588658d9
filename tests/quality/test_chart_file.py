"""Charts of a CSV of best prices: one a symbol, by the time of capture, with its runs and silences."""

from __future__ import annotations

from pathlib import Path

import bbo_files
import numpy as np
import pytest

from mm_framework.errors import StoreError
from mm_framework.quality.chart_file import charts_of_file
from mm_framework.quality.settings import FileCheckSettings

MS = 1_000_000


def test_a_clean_file_is_one_stretch_with_its_verdict(tmp_path: Path) -> None:
    (chart,) = charts_of_file(bbo_files.clean_hour(tmp_path / "hour.csv", step_ms=1000))
    assert (chart.name, chart.quote, chart.base, chart.status) == ("BTC/EUR", "EUR", "BTC", "PASS")
    assert (chart.rows, len(chart.tops), chart.marks) == (3601, 3602, [])
    assert chart.tops.ts_ns[0] == int(bbo_files.START_MS) * MS
    assert np.allclose(chart.tops.spread[:-1], 0.1)


def test_each_symbol_has_its_chart(tmp_path: Path) -> None:
    recv = bbo_files.times(50)
    lines = [
        *bbo_files.rows(recv, recv - 5, recv - recv + 5, recv - recv[0]),
        *bbo_files.rows(recv + 1, recv - 5, recv - recv + 5, recv - recv[0] + 1, "ETH/EUR"),
    ]
    path = bbo_files.write(tmp_path / "two.csv", sorted(lines, key=lambda line: line[1]))
    assert [(one.name, one.rows) for one in charts_of_file(path)] == [("BTC/EUR", 50), ("ETH/EUR", 50)]


def test_a_lost_connection_and_a_silence_are_marked_and_no_line_leads_over_the_loss(tmp_path: Path) -> None:
    recv = np.concatenate([bbo_files.times(20), bbo_files.times(20) + 90_000, bbo_files.times(20) + 200_000])
    e2e = np.concatenate([recv[:40] - recv[0], recv[40:] - recv[40]])
    path = bbo_files.write(tmp_path / "x.csv", bbo_files.rows(recv, recv - 5, np.full(60, 5.0), e2e))
    (chart,) = charts_of_file(path, FileCheckSettings(gap_s=60))
    assert [(one.kind, one.text) for one in chart.marks] == [
        ("gap", "no row, 1 min 28 s"),
        ("gap", "connection lost, 1 min 48 s"),
    ]
    assert np.flatnonzero(np.isnan(chart.tops.bid)).tolist() == [40, 61]


def test_times_are_chosen_half_open_by_the_time_of_capture(tmp_path: Path) -> None:
    path = bbo_files.clean_hour(tmp_path / "hour.csv", step_ms=1000)
    start = int(bbo_files.START_MS) * MS
    (chart,) = charts_of_file(path, from_ns=start + 10**9, to_ns=start + 5 * 10**9)
    assert chart.rows == 4
    with pytest.raises(StoreError, match="no row in that time: it holds 3601 rows"):
        charts_of_file(path, to_ns=start)


def test_earlier_files_and_failed_ones_have_charts(tmp_path: Path) -> None:
    (earlier,) = charts_of_file(bbo_files.earlier_file(tmp_path / "earlier.csv"))
    assert earlier.rows == 500
    (bad,) = charts_of_file(bbo_files.bad_day(tmp_path / "bad.csv"))
    assert bad.status == "FAIL"
    assert "FAIL: the venue time goes back in 5.90% of the rows" in bad.notes[1]


def test_a_time_of_capture_that_cannot_be_read_gives_way_to_that_of_receipt(tmp_path: Path) -> None:
    recv = bbo_files.times(10)
    lines = bbo_files.rows(recv, recv - 5, np.full(10, 5.0), recv - recv[0])
    lines[3][0] = "yesterday"
    (chart,) = charts_of_file(bbo_files.write(tmp_path / "x.csv", lines))
    assert (chart.tops.ts_ns[:-1] == (recv * MS).astype(np.int64)).all()
