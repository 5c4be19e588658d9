"""The page of a result in a browser: drawn at two sizes and in two themes, without any request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import Opened, browser, open_page

from mm_framework.results.page import page
from tests.support.quoted_run import DOCUMENT, quoted_run

pytest.importorskip("plotly", reason="plotly is not installed")

HEADINGS = [
    "Before you believe it",
    "Equity and drawdown, EUR",
    "Where the profit came from, EUR",
    "Inventory",
    "maker in test:A/EUR",
    "What this stands on",
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("result") / "report.html"
    path.write_text(page(quoted_run(), DOCUMENT, title="maker on a walk"), encoding="utf-8")
    return path


def drawn(chromium: Any, file: Path, width: int) -> Opened:
    opened = open_page(chromium, file, width, 900)
    opened.page.wait_for_selector("body[data-drawn]")
    return opened


@pytest.mark.parametrize("width", [1280, 390])
def test_it_is_drawn_within_the_window_without_any_request(chromium: Any, file: Path, width: int) -> None:
    opened = drawn(chromium, file, width)
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.page.locator("h2").all_text_contents() == HEADINGS
    assert opened.page.locator(".plot .main-svg").count() >= 6
    boxes = [one.bounding_box() for one in opened.page.locator(".plot").all()]
    assert all(box["width"] > 0.5 * min(width, 700) and box["height"] > 200 for box in boxes)
    assert opened.colours() > 100
    assert (opened.requests, opened.complaints) == ([], [])


def test_the_reader_chooses_the_colours(chromium: Any, file: Path) -> None:
    opened = drawn(chromium, file, 900)
    ground = "getComputedStyle(document.body).backgroundColor"
    assert opened.page.evaluate(ground) == "rgb(255, 255, 255)"
    opened.page.click("#theme")
    opened.page.wait_for_selector("body[data-drawn=dark]")
    assert opened.page.evaluate(ground) == "rgb(20, 24, 29)"
    line = "document.querySelector('#equity-0').data[0].line.color"
    assert opened.page.evaluate(line) == "#56b4e9"
    assert opened.page.inner_text("#theme") == "light colours"


def test_the_slice_shows_the_book_the_quotes_and_the_fills(chromium: Any, file: Path) -> None:
    opened = drawn(chromium, file, 1280)
    names = "document.getElementById('slice-0').data.map((one) => one.name)"
    shown = ["best ask", "best bid", "our asks", "our bids", "sold", "bought"]
    assert opened.page.evaluate(names) == shown
    assert opened.page.locator("#slice-0 .legendtext").all_text_contents() == shown
    assert opened.page.locator("#slice-0 .scatterlayer .point").count() > 10
