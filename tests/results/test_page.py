"""The page of a result: all is inside, the parts add up, nothing of the data becomes markup."""

from __future__ import annotations

import json
import re
import sys
from decimal import Decimal
from typing import Any

import pytest

from mm_framework.errors import EnvironmentFailed
from mm_framework.model.orders import Side
from mm_framework.results.columns import columns_of
from mm_framework.results.page import page
from mm_framework.results.path import market_paths
from mm_framework.testing.strategies import backtest, tape
from tests.support.quoted_run import DOCUMENT, quoted_run
from tests.support.random_tapes import random_tape, restless
from tests.support.scripted_orders import place, scripted

pytest.importorskip("plotly", reason="plotly is not installed")


def given(text: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="given">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])  # type: ignore[no-any-return]


def without_scripts(text: str) -> str:
    return re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)


@pytest.fixture(scope="module")
def text() -> str:
    return page(quoted_run(), DOCUMENT, title="maker on a walk")


def test_the_page_asks_the_network_for_nothing(text: str) -> None:
    assert not re.search(r"https?://|src=|@import|url\(", without_scripts(text))
    assert "default-src 'none'" in text


def test_the_same_run_gives_the_same_page(text: str) -> None:
    assert page(quoted_run(), DOCUMENT, title="maker on a walk") == text


def test_the_figures_are_such_as_plotly_knows(text: str) -> None:
    from plotly.graph_objects import Figure

    told = given(text)
    assert list(told["figures"]) == ["equity-0", "pnl-0", "inventory", "markout-0", "wait-0", "slice-0"]

    def coloured(value: Any) -> Any:
        if isinstance(value, dict):
            if list(value) == ["role"]:
                return told["themes"]["light"][value["role"]][:7]
            return {key: coloured(one) for key, one in value.items()}
        return [coloured(one) for one in value] if isinstance(value, list) else value

    for figure in told["figures"].values():
        Figure({"data": coloured(figure["data"]), "layout": coloured(figure["layout"])})


def test_the_parts_of_the_profit_add_up_as_they_are_printed(text: str) -> None:
    table = text.partition("exact, to the last digit")[2].partition("</table>")[0]
    cells = re.findall(r'<td class="n">([^<]+)</td>', table)
    numbers = [Decimal(cell.replace(",", "").replace("\N{MINUS SIGN}", "-")) for cell in cells]
    assert len(numbers) == 6
    assert sum(numbers[:-1]) == numbers[-1] != 0
    bars = given(text)["figures"]["pnl-0"]["data"][0]["y"]
    assert sum(bars[:-1]) == pytest.approx(bars[-1])


def test_it_tells_what_it_stands_on(text: str) -> None:
    told = without_scripts(text)
    for words in (
        "0123456789abcdef",
        "risk_averse",
        "estimated",
        "What this stands on",
        "By distance from the mid",
    ):
        assert words in told
    assert "2.0 % of the venue&#x27;s times had to be moved" in told


def test_the_ladder_of_latencies_is_a_table() -> None:
    parts = dict.fromkeys(("spread", "adverse", "inventory", "fees", "mark_adjustment"), "1.5")
    rungs = [{"scale": 0.0, "fills": 9, "by_quote": {"EUR": {**parts, "total": "4.5"}}}]
    rungs += [{"scale": 5.0, "fills": 0, "by_quote": {}}]
    text = page(quoted_run(), DOCUMENT | {"ladder": rungs})
    told = text.partition("If it were slower or faster")[2].partition("</section>")[0]
    rows = [re.findall(r"<td[^>]*>([^<]*)</td>", row) for row in told.split("<tr>")[2:]]
    less = "\N{MINUS SIGN}1.5"
    assert rows == [["x 0", "9", "1.5", "1.5", "1.5", less, "1.5", "4.5"], ["x 5", "0", *["0"] * 6]]


def test_times_are_told_as_times() -> None:
    text = page(quoted_run(), {"data": {"first_ns": 1_700_000_000_000_000_000, "left_out": [], "to": None}})
    assert "<td>first_ns</td><td>2023-11-14T22:13:20.000000000Z</td>" in text
    assert "<td>left_out</td><td>none</td>" in text


def test_no_text_becomes_markup(text: str) -> None:
    assert "<b>maker</b>" not in text
    title = page(quoted_run(), title="</title><script>alert(1)</script>")
    assert "<script>alert" not in title


def test_currencies_and_accounts_have_their_own_parts() -> None:
    market = random_tape(3, 300)
    run = columns_of(backtest(restless(), market), market_paths(market.messages()))
    told = page(run)
    figures = given(told)["figures"]
    assert {"equity-0", "equity-1", "markout-2", "slice-0"} <= set(figures)
    assert figures["inventory"]["data"][0]["name"] == "strategy, test:A/EUR"
    assert len({one["line"]["dash"] for one in figures["inventory"]["data"]}) == 3


def test_a_run_without_a_fill_has_a_page() -> None:
    market = tape().at(2).book(bids=[("99", "1")], asks=[("101", "1")]).at(50).wait()
    for script in (scripted(), scripted(place(3, Side.BUY, 9900, 1000))):
        run = columns_of(backtest(script, market), market_paths(market.messages()))
        assert "<h1>Backtest</h1>" in page(run)


def test_without_plotly_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    with pytest.raises(EnvironmentFailed, match=r"install mm-framework\[plot\]"):
        page(quoted_run())
