"""``mm compare --html``: results on one page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from l1_store import l1_store
from toy_plugins import toy_plugins

from mm_framework import api
from mm_framework.cli import main
from mm_framework.cli.app import App

pytest.importorskip("plotly", reason="plotly is not installed")


@pytest.fixture(autouse=True)
def _results(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Two results of one strategy that differ in one setting."""
    monkeypatch.setattr(App, "plugins", toy_plugins())
    monkeypatch.setattr(api, "_plugins", lambda config: toy_plugins())
    monkeypatch.chdir(tmp_path)
    store = l1_store(tmp_path, rows=12)
    for name, size in (("small", "0.5"), ("large", "1.5")):
        words = ("--store", str(store), "--strategy", "trader", "--set", f"size={size}", "--qa", "any")
        done = mm("backtest", *words, "--id", name, "--no-report", "--store-cache-max-gb", "0")
        assert done.exit_code == 0, done.output


def mm(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def test_the_page_is_written_and_named(tmp_path: Path) -> None:
    done = mm("compare", "small", "large", "--html", "pages/both.html", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["report"] == "pages/both.html"
    text = Path("pages/both.html").read_text(encoding="utf-8")
    assert "<h1>small, large</h1>" in text
    assert "<td>strategies.trader.size</td>" in text


def test_without_it_no_page_is_written(tmp_path: Path) -> None:
    done = mm("compare", "small", "large", "--json")
    assert json.loads(done.stdout)["report"] is None
    assert not list(tmp_path.glob("**/*.html"))


def test_a_page_that_cannot_be_written_is_one_line_and_code_5(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = mm("compare", "small", "large", "--html", "file/both.html")
    assert (done.exit_code, done.stderr.count("\n")) == (5, 1)
    assert "cannot write" in done.stderr
    assert done.stdout == ""
