"""Results side by side: what differs, and each measure of each of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
from browser import browser, open_page

from mm_framework.results.bundle import Result
from mm_framework.results.compare_page import compare_page
from tests.support.quoted_run import walk, written

pytest.importorskip("plotly", reason="plotly is not installed")

SETTINGS = {"order-latency.entry_ms": [1, 40], "strategies.<b>": [None, 3]}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Result]:
    folder = tmp_path_factory.mktemp("compare")
    return {
        "fast": written(walk(300), folder / "fast")[1],
        "slow": written(walk(300), folder / "slow", latency_ms=40)[1],
    }


@pytest.fixture(scope="module")
def text(results: dict[str, Result]) -> str:
    return compare_page(results, SETTINGS)


def rows_of(text: str, heading: str) -> list[list[str]]:
    part = text.partition(f"<h2>{heading}</h2>")[2].partition("</section>")[0]
    return [re.findall(r"<t[dh][^>]*>([^<]*)</t[dh]>", row) for row in part.split("<tr>")[1:]]


def test_settings_that_differ_stand_first(text: str) -> None:
    dash = "\N{EN DASH}"
    assert rows_of(text, "What is different") == [
        ["setting", "fast", "slow"],
        ["order-latency.entry_ms", "1", "40"],
        ["strategies.&lt;b&gt;", dash, "3"],
    ]


def test_the_tables_tell_each_result(text: str, results: dict[str, Result]) -> None:
    told = {row[0]: row[1:] for row in rows_of(text, "maker in test:A/EUR")}
    fills = [one.summary["fills"] for one in results.values()]
    assert told["fills"] == [f"{one:,}" for one in fills]
    assert fills[0] > 20
    totals = {row[0]: row[1:] for row in rows_of(text, "Where the profit came from, EUR")}["total"]
    exact = [float(one.summary["by_quote"]["EUR"]["pnl"]["total"]) for one in results.values()]
    assert [float(one.replace("\N{MINUS SIGN}", "-")) for one in totals] == pytest.approx(exact, rel=1e-3)


def test_results_differ_by_more_than_their_colour(text: str) -> None:
    found = re.search(r'id="given">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    figures: dict[str, Any] = json.loads(found[1])["figures"]
    assert list(figures) == ["equity-0", "parts-0", "markouts-0"]
    assert len({one["line"]["dash"] for one in figures["equity-0"]["data"]}) == 2
    assert len({one["marker"]["pattern"]["shape"] for one in figures["parts-0"]["data"]}) == 2


def test_two_queue_models_settle_the_doubt_of_one(results: dict[str, Result], text: str) -> None:
    assert text.count("one queue model only") == 2
    fast = results["fast"]
    other = attrs.evolve(fast, document={**fast.document, "models": {"queue": "power"}})
    assert "one queue model only" not in compare_page({"fast": fast, "power": other}, {})


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as found:
        yield found


@pytest.mark.parametrize("width", [1280, 390])
def test_it_is_drawn_within_the_window_without_any_request(
    chromium: Any, text: str, tmp_path: Path, width: int
) -> None:
    (tmp_path / "compare.html").write_text(text, encoding="utf-8")
    opened = open_page(chromium, tmp_path / "compare.html", width, 900)
    opened.page.wait_for_selector("body[data-drawn]")
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    assert opened.page.locator("#equity-0 .legendtext").all_text_contents() == ["fast", "slow"]
    assert opened.colours() > 60
    assert (opened.requests, opened.complaints) == ([], [])
