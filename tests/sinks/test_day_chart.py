"""Charts of a day folder: frames of the book, their depth, and when the book was lost."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np
import pytest
from sink_runs import SinkTape

from mm_framework.errors import CorruptFrame, StoreError
from mm_framework.sinks.day_chart import chart_of_day
from mm_framework.sinks.day_files import DayFiles

pytest.importorskip("mm_kraken")

MS = 1_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder whose book was lost once."""
    out = tmp_path_factory.mktemp("day")
    SinkTape.run("kraken", DayFiles(), out, seconds=20, rate=20.0, faults="reset@5")
    return next(out.glob("*/*/*/schema.json")).parent


def frames(folder: Path) -> list[dict[str, str]]:
    (path,) = folder.glob("orderbook_ws_depth_*.csv.gz")
    with gzip.open(path, "rt", newline="") as file:
        return [*csv.DictReader(file)]


def test_each_frame_is_a_best_price(folder: Path) -> None:
    chart, rows = chart_of_day(folder), frames(folder)
    shown = chart.tops.part(~np.isnan(chart.tops.bid))
    assert chart.rows == len(rows) == len(shown)
    assert shown.bid.tolist() == [float(row["bid1_price"]) for row in rows]
    assert shown.ts_ns.tolist() == [int(row["recv_time_ms"]) * MS for row in rows]
    assert chart.name.startswith("kraken:")
    assert chart.status is None


def test_the_loss_of_the_book_is_marked_and_breaks_the_line(folder: Path) -> None:
    chart = chart_of_day(folder)
    (lost,) = chart.marks
    assert (lost.kind, lost.text.partition(",")[0]) == ("gap", "reset")
    assert np.isnan(chart.tops.bid[chart.tops.ts_ns == lost.start_ns]).any()


def test_the_map_of_depth_is_the_frame_in_force(folder: Path) -> None:
    chart, rows = chart_of_day(folder), frames(folder)
    assert chart.depth is not None
    end = int(chart.depth.ts_ns[-1])
    last = [row for row in rows if int(row["recv_time_ms"]) * MS < end][-1]
    inside = [
        float(last[f"{side}{n}_qty"])
        for side in ("bid", "ask")
        for n in range(1, 21)
        if f"{side}{n}_price" in last
        and chart.depth.prices[0] <= float(last[f"{side}{n}_price"]) <= chart.depth.prices[-1]
    ]
    assert chart.depth.sizes[:, -1].sum() == pytest.approx(sum(inside), rel=1e-4)


def test_a_part_of_the_time_can_be_asked_for(folder: Path) -> None:
    start, _ = chart_of_day(folder).span_ns
    part = chart_of_day(folder, start, start + 2 * 10**9)
    assert 0 < part.rows < chart_of_day(folder).rows
    with pytest.raises(StoreError, match="no frame of the book in that time"):
        chart_of_day(folder, 0, 10)


def test_a_folder_without_frames_and_a_damaged_file_say_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nothing to draw"):
        chart_of_day(tmp_path)
    head = "event_time_ms,recv_time_ms,recv_seq,run_id,epoch_id,bid1_price,bid1_qty,ask1_price,ask1_qty"
    lines = [head, "1,1000,1,r,1,10,1,11,1", "2,x,2,r,1,10,1,11,1", "3,3000,3,r,1,10,1,11,1"]
    path = tmp_path / "orderbook_ws_depth_AB_20260101.csv.gz"
    path.write_bytes(gzip.compress("\n".join([*lines, ""]).encode()))
    with pytest.raises(CorruptFrame, match="cannot be read"):
        chart_of_day(tmp_path)
