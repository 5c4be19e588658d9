"""``mm report``: the page of a result that `mm backtest` wrote, and what it refuses."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from l1_store import l1_store
from toy_plugins import toy_plugins

from mm_framework import api
from mm_framework.cli import main
from mm_framework.cli.app import App

pytest.importorskip("plotly", reason="plotly is not installed")


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(App, "plugins", toy_plugins())
    monkeypatch.setattr(api, "_plugins", lambda config: toy_plugins())
    monkeypatch.chdir(tmp_path)


def mm(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def backtest(folder: Path, *arguments: str) -> dict[str, Any]:
    """A result of the name ``one``."""
    store = folder / "store" if (folder / "store").exists() else l1_store(folder, rows=12)
    words = (
        "--store",
        str(store),
        "--strategy",
        STRATEGY,
        "--qa",
        "any",
        "--id",
        "one",
        "--json",
        *arguments,
    )
    done = mm("backtest", *words, "--store-cache-max-gb", "0")
    assert done.exit_code == 0, (done.output, done.stderr)
    return json.loads(done.stdout)  # type: ignore[no-any-return]


STRATEGY = "trader"


def test_a_backtest_draws_its_page_and_report_draws_the_same_one(tmp_path: Path) -> None:
    page = Path(backtest(tmp_path)["report"])
    assert page == Path("data/results/one/report.html")
    first = page.read_text(encoding="utf-8")
    page.unlink()
    done = mm("report", "one")
    assert done.exit_code == 0, done.output
    assert "before you believe it" in done.output
    assert page.read_text(encoding="utf-8") == first
    assert f"<h1>{STRATEGY} on kraken:BTC/EUR</h1>" in first


def test_json_is_one_document_with_the_summary_and_the_doubts(tmp_path: Path) -> None:
    assert backtest(tmp_path, "--no-report")["report"] is None
    done = mm("report", "data/results/one", "--out", "pages/a.html", "--json")
    told = json.loads(done.stdout)
    assert (told["ok"], told["report"], told["result"]) == (True, "pages/a.html", "data/results/one")
    assert told["summary"]["fills"] > 0
    assert any("few" in one for one in told["doubts"])
    assert Path("pages/a.html").stat().st_size > 1_000_000
    assert not Path("data/results/one/report.html").exists()


def test_without_the_extra_a_backtest_has_no_page_and_report_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    l1_store(tmp_path, rows=12)
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    assert backtest(tmp_path)["report"] is None
    done = mm("report", "one")
    assert (done.exit_code, done.stderr.count("\n")) == (5, 1)
    assert "install mm-framework[plot]" in done.stderr


def test_open_opens_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backtest(tmp_path, "--no-report")
    opened: list[str] = []
    monkeypatch.setattr("click.launch", opened.append)
    assert mm("report", "one", "--open").exit_code == 0
    assert opened == [(tmp_path / "data/results/one/report.html").as_uri()]


@pytest.mark.parametrize(("content", "told"), [(None, "there is no result at"), ("{", "is not readable")])
def test_what_is_no_result_is_refused_in_one_line(tmp_path: Path, content: str | None, told: str) -> None:
    folder = tmp_path / "data/results/bad"
    if content is not None:
        folder.mkdir(parents=True)
        (folder / "result.json").write_text(content, encoding="utf-8")
    done = mm("report", "bad")
    assert (done.exit_code, done.stderr.count("\n")) == (4, 1)
    assert told in done.stderr
    assert not (folder / "report.html").exists()


def test_a_word_that_lacks_in_the_document_is_told(tmp_path: Path) -> None:
    backtest(tmp_path)
    document = tmp_path / "data" / "results" / "one" / "result.json"
    document.write_text(document.read_text().replace('"by_quote"', '"by_quotf"'))
    result = mm("report", "one")
    assert result.exit_code == 4
    assert "is not as this version writes it (KeyError: 'by_quote')" in result.stderr
