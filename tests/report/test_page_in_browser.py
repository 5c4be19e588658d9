"""The page in a browser: drawn at any size, detail when zoomed, reasons under the pointer, no request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import charts
import pytest
from browser import Opened, browser, open_page

from mm_framework.report.page import page

pytest.importorskip("plotly", reason="plotly is not installed")


COUNT = "document.getElementById('chart').data.find(one => one.name === 'best bid').x.length"
TITLES = {"Price, EUR", "Spread, EUR", "Size held in the book by price, EUR", "normal", "degraded"}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("page") / "chart.html"
    path.write_text(page(charts.chart(50_000)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def desk(chromium: Any, file: Path) -> Opened:
    """The page on a desk, opened once."""
    return drawn(chromium, file, 1200, 800)


def drawn(chromium: Any, file: Path, width: int, height: int) -> Opened:
    opened = open_page(chromium, file, width, height)
    opened.page.wait_for_selector("body[data-drawn]")
    return opened


def check_whole(opened: Opened, width: int) -> None:
    assert opened.page.inner_text("h1") == "kraken:BTC/EUR QUARANTINE"
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert {*opened.page.locator("#chart .annotation-text").all_text_contents()} >= TITLES
    legend = opened.page.locator(".legendtext").all_text_contents()
    assert legend == ["mid", "best ask", "best bid", "left out", "warned about", "no data"]
    assert opened.colours() > 100
    assert (opened.requests, opened.complaints) == ([], [])


def test_it_is_drawn_within_the_window_without_any_request(desk: Opened) -> None:
    check_whole(desk, 1200)


def test_it_fits_a_phone(chromium: Any, file: Path) -> None:
    check_whole(drawn(chromium, file, 390, 844), 390)


def test_the_peaks_of_the_day_are_among_what_is_drawn(desk: Opened) -> None:
    for name, peak in (("spread", charts.SPIKE), ("age, ms", charts.WORST_AGE_MS)):
        values = f"document.getElementById('chart').data.find(one => one.name === '{name}').y"
        most = desk.page.evaluate(f"Math.max(...{values}.filter((one) => !Number.isNaN(one)))")
        assert most == pytest.approx(peak)


@pytest.mark.parametrize(
    ("hour", "reason"), [(2.5, "checksum_mismatch"), (11.5, "latency <b>unsafe</b>"), (14.6, "not recorded")]
)
def test_the_pointer_tells_the_reason_of_a_mark(desk: Opened, hour: float, reason: str) -> None:
    left, width = desk.page.evaluate(
        "(({_offset, _length}) => [_offset, _length])(document.getElementById('chart')._fullLayout.xaxis)"
    )
    box = desk.page.locator("#chart").bounding_box()
    desk.page.mouse.move(box["x"] + left + width * hour / 24 - 3, box["y"] + 130)
    desk.page.mouse.move(box["x"] + left + width * hour / 24, box["y"] + 130)
    desk.page.locator(".hoverlayer text", has_text=reason).first.wait_for()


def test_a_day_is_drawn_by_few_points_and_a_minute_by_all(desk: Opened) -> None:
    assert 1_000 < desk.page.evaluate(COUNT) < 10_000
    start_ms = charts.START_NS // 1_000_000 + 3_600_000
    times = charts.chart(50_000).tops.ts_ns // 1_000_000
    inside = int(((times >= start_ms) & (times <= start_ms + 60_000)).sum())
    change = f"Plotly.relayout('chart', {{'xaxis.range': [{start_ms}, {start_ms + 60_000}]}})"
    desk.page.evaluate(change)
    desk.page.wait_for_function(f"{COUNT} <= {inside + 2}")
    assert desk.page.evaluate(COUNT) == inside + 2  # one before, one after, so that lines reach the edges
    assert desk.complaints == []
