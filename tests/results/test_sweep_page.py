"""The page of a sweep: what it tells, and that a browser draws it at two sizes without any request."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import browser, open_page

from mm_framework.results.sweep_page import sweep_page
from tests.results.test_heat import swept

pytest.importorskip("plotly", reason="plotly is not installed")

VALUES = {
    "day": ("2026-11-20", "2026-11-21"),
    "size": tuple(f"0.0{number}" for number in range(1, 9)),
    "<queue>": ("log", "power"),
}


def document(points: list[dict[str, Any]]) -> dict[str, Any]:
    """What ``sweep.json`` says."""
    data = {
        "instruments": ["kraken:BTC/EUR"],
        "from": None,
        "to": None,
        "qa": "any",
        "partitions": {"kraken 2026-11-20 BTC%2FEUR": {"digest": "ab", "qa_status": "WARN"}},
        "store_digest": "cd" * 32,
        "inputs": {"run": "ef" * 32},
        "made_by": "mm-framework 0.0.0",
    }
    configuration = {
        "strategies": {"toy_spread": {"size": "0.01"}},
        "fee_model": {"name": "flat", "settings": {}},
    }
    return {
        "data": data,
        "configuration": configuration,
        "points": points,
        "samples": None,
        "seed": 0,
        "versions": {"mm-framework": "0.0.0"},
    }


@pytest.fixture(scope="module")
def text() -> str:
    points = swept(VALUES, [10 * number - 105 for number in range(32)])
    points[31] |= {"ok": False, "error": "ValueError at event 7: <late>"}
    return sweep_page(document(points))


def test_it_tells_what_was_swept_and_what_to_doubt(text: str) -> None:
    assert "<h1>toy_spread over day, size, &lt;queue&gt;</h1>" in text
    assert "0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07, 0.08" in text
    assert "The best of 32 points looks better than it is" in text
    assert "Data of quality any was taken" in text
    assert "cd" * 32 in text
    assert "ValueError at event 7: &lt;late&gt;" in text
    assert "Median over &lt;queue&gt;." in text


def test_the_best_and_the_worst_points_are_ranked(text: str) -> None:
    best, worst = text.partition("the best 10")[2].partition("the worst 10")[::2]
    assert best.index("<td>30</td>") < best.index("<td>29</td>") < best.index("<td>21</td>")
    assert "<td>31</td>" not in best
    assert worst.index("<td>9</td>") < worst.index("<td>0</td>")


def test_a_sweep_that_traded_nothing_or_failed_has_a_page() -> None:
    points = swept({"size": ("1", "2")}, (0, 0))
    for one in points:
        one["summary"] = {"fills": 0, "intents": 0, "by_quote": {}}
    assert "<h2>Total</h2>" in sweep_page(document(points))
    for one in points:
        one |= {"ok": False, "error": "no", "summary": None}
    assert "No point was played to its end." in sweep_page(document(points))


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.mark.parametrize("width", [1280, 390])
def test_the_heat_map_is_drawn_within_the_window_without_any_request(
    chromium: Any, text: str, tmp_path: Path, width: int
) -> None:
    (tmp_path / "sweep.html").write_text(text, encoding="utf-8")
    opened = open_page(chromium, tmp_path / "sweep.html", width, 900)
    opened.page.wait_for_selector("body[data-drawn]")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    shown = opened.page.locator("#heat-0 .heatmap-label").all_text_contents()
    assert len(shown) == 16
    assert "\N{MINUS SIGN}100" in shown
    ground = opened.page.evaluate("document.querySelector('#heat-0').data[0].colorscale[2][1]")
    opened.page.click("#theme")
    opened.page.wait_for_selector("body[data-drawn=dark]")
    assert opened.page.evaluate("document.querySelector('#heat-0').data[0].colorscale[2][1]") != ground
    assert opened.colours() > 60
    assert (opened.requests, opened.complaints) == ([], [])
