"""The daily report in a real browser: it fits the window, shows its strips and pictures, asks for nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import browser, open_page
from click.testing import CliRunner
from toy_store import build_toy, toy_run

from mm_framework.cli import main

pytest.importorskip("matplotlib", reason="matplotlib is not installed")
pytest.importorskip("plotly", reason="plotly is not installed")


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("daily")
    build_toy(folder / "store", toy_run(folder / "run", disconnect_at=60, steps=400))
    words = ["qa", "daily", "--store", str(folder / "store"), "--out", str(folder / "out"), "--plots"]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    return folder / "out" / "qa_2023-11-13.html"


@pytest.mark.parametrize(("width", "height"), [(1200, 800), (390, 844)])
def test_it_fits_the_window_and_asks_for_nothing(
    chromium: Any, report: Path, width: int, height: int
) -> None:
    opened = open_page(chromium, report, width, height)
    assert opened.page.inner_text("h1") == "Data quality of 2023-11-13 (UTC): QUARANTINE"
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.page.locator("svg.day").count() == 2
    shown = "[...document.images].every((one) => one.complete && one.naturalWidth === 1200)"
    assert (opened.page.locator("img").count(), opened.page.evaluate(shown)) == (2, True)
    assert opened.colours() > 100
    asked = [one for one in opened.requests if not one.startswith("data:")]
    assert (asked, opened.complaints) == ([], [])


def test_the_charts_that_it_leads_to_are_there(report: Path) -> None:
    names = sorted(path.suffix for path in (report.parent / "plots").iterdir())
    assert names == [".html"] * 4 + [".png"] * 4
