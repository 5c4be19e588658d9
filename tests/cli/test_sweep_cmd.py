"""``mm sweep`` and ``mm compare``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from l1_store import l1_store
from toy_plugins import toy_plugins

from mm_framework import api
from mm_framework.cli import main
from mm_framework.cli.app import App
from mm_framework.cli.sweep_cmd import _cell

FREE = ("--fee-model", "free", "--trading-slippage-bps", "0", "--qa", "any", "--strategy", "trader")


@pytest.fixture(autouse=True)
def _store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(App, "plugins", toy_plugins())
    monkeypatch.setattr(api, "_plugins", lambda config: toy_plugins())
    monkeypatch.chdir(tmp_path)
    l1_store(tmp_path / "data")


def mm(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def swept(*arguments: str, code: int = 0) -> dict[str, Any]:
    result = mm("sweep", *FREE, *arguments, "--workers", "1", "--id", "s", "--no-report", "--json")
    assert result.exit_code == code, (result.output, result.stderr)
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def refused(result: Result, told: str, code: int = 2) -> None:
    assert result.exit_code == code, (result.output, result.stderr)
    assert told in result.stderr
    assert "Traceback" not in result.stderr


def test_without_a_name_the_same_command_goes_on_with_what_it_began() -> None:
    command = ("sweep", *FREE, "--set", "size=0.1,0.5", "--workers", "1", "--no-report", "--json")
    first, again = (json.loads(mm(*command).stdout) for _ in range(2))
    assert first["result"] == again["result"]
    assert Path(first["result"]).name.startswith("trader-sweep-")
    assert (first["played"], again["played"]) == (2, 0)
    other = json.loads(mm(*command[:-5], "size=0.1,0.2", *command[-4:]).stdout)
    assert other["result"] != first["result"]


def test_measures_are_told_to_ten_digits() -> None:
    assert _cell(101.28548690000001) == "101.2854869"
    assert _cell(7) == 7


def test_a_row_for_each_combination_and_profits_as_a_hand_computes_them() -> None:
    """2.5 with a size of 0.5, see `test_backtest_cmd`: it is in proportion to the size."""
    document = swept("--set", "size=0.1,0.5", "--set", "order-latency.entry_ms=0,5")
    rows = [(one["size"], one["order-latency.entry_ms"], one["EUR total"]) for one in document["points"]]
    assert rows == [("0.1", "0", "0.5"), ("0.1", "5", "0.5"), ("0.5", "0", "2.5"), ("0.5", "5", "2.5")]
    table = pq.read_table("data/results/s/table.parquet")
    assert table.to_pylist() == document["points"]
    lines = Path("data/results/s/table.csv").read_text().splitlines()
    assert len(lines) == 5
    assert lines[0].startswith("point,size,order-latency.entry_ms,ok,fills")
    kept = json.loads(Path("data/results/s/sweep.json").read_text())
    assert kept["points"][3]["summary"]["by_quote"]["EUR"]["pnl"]["total"] == "2.5"


def test_the_same_command_again_plays_nothing() -> None:
    arguments = ("--set", "size=0.1,0.2")
    assert swept(*arguments)["played"] == 2
    before = {path.name: path.read_bytes() for path in Path("data/results/s").glob("*.*")}
    assert swept(*arguments)["played"] == 0
    assert before == {path.name: path.read_bytes() for path in Path("data/results/s").glob("*.*")}
    assert swept("--set", "size=0.1,0.2,0.3")["played"] == 1


def test_samples_are_drawn_by_their_seed() -> None:
    document = swept("--set", "size=0.01..0.90", "--samples", "3", "--seed", "4")
    sizes = [one["size"] for one in document["points"]]
    assert len(set(sizes)) == 3
    assert swept("--set", "size=0.01..0.90", "--samples", "3", "--seed", "4")["played"] == 0


def test_a_point_that_fails_makes_the_exit_code_one() -> None:
    document = swept("--set", "size=0.1,-1x", code=1)
    good, bad = document["points"]
    assert (good["ok"], bad["ok"], bad["fills"]) == (True, False, 0)
    assert "-1x" in bad["error"]


def test_every_day_and_every_instrument_is_played_by_itself_and_read_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Five rows a day: it buys and sells in proportion to its size on each."""
    from mm_framework.results import sweep

    l1_store(tmp_path / "two", gap_after=4, gap_ms=86_400_000)
    read: list[object] = []
    load = sweep.load_tape
    monkeypatch.setattr(sweep, "load_tape", lambda *given: read.append(given[1]) or load(*given))
    each = ("--store", "two/store", "--each", "instrument", "--each", "day")
    document = swept(*each, "--set", "size=0.1,0.5")
    rows = [(one["day"], one["instrument"], one["size"]) for one in document["points"]]
    days = ("2025-10-09", "2025-10-10")
    assert rows == [(day, "kraken:BTC/EUR", size) for day in days for size in ("0.1", "0.5")]
    assert len(read) == 2
    fills = [one["fills"] for one in document["points"]]
    assert all(fills)
    alone = mm(
        "backtest", *FREE, "--store", "two/store", "--set", "size=0.5", "--from", "2025-10-10", "--json"
    )
    told = json.loads(alone.stdout)["summary"]
    assert told["by_quote"]["EUR"]["pnl"]["total"] == document["points"][3]["EUR total"]
    assert told["fills"] == fills[3]
    assert swept(*each, "--set", "size=0.1,0.5")["played"] == 0
    days_alone = swept("--store", "two/store", "--each", "day")
    assert [(one["day"], one["ok"]) for one in days_alone["points"]] == [(day, True) for day in days]


def test_the_page_is_drawn_again_from_what_is_kept() -> None:
    pytest.importorskip("plotly", reason="plotly is not installed")
    many = ("--set", "size=0.1,0.5", "--set", "order-latency.entry_ms=0,5")
    done = mm("sweep", *FREE, *many, "--workers", "1", "--id", "s")
    assert done.exit_code == 0, done.stderr
    page = Path("data/results/s/report.html")
    first = page.read_text(encoding="utf-8")
    assert "report.html" in done.stdout
    assert "<h1>trader over order-latency.entry_ms, size</h1>" in first
    page.unlink()
    again = mm("report", "s", "--json")
    assert json.loads(again.stdout) == {
        "ok": True,
        "result": "data/results/s",
        "report": str(page),
        "measure": "total",
    }
    assert page.read_text(encoding="utf-8") == first
    other = mm("report", "s", "--measure", "fills", "--x", "size", "--out", "fills.html")
    assert other.exit_code == 0, other.stderr
    assert "<h2>Fills</h2>" in Path("fills.html").read_text(encoding="utf-8")
    refused(mm("report", "s", "--x", "sise"), "did you mean 'size'")
    refused(mm("report", "s", "--measure", "profit"), "nothing of that name is measured")
    refused(mm("report", "s", "--explain", "1"), "is a sweep")
    Path("data/results/s/sweep.json").unlink()
    refused(mm("report", "s"), "was interrupted", code=4)


REFUSALS = [
    (("--set", "size=0.1"), "a sweep varies something"),
    (("--set", "size=0.1,0.2", "--set", "size=3,4"), "names one setting twice"),
    (("--set", "sice=1,2"), "has no setting 'sice'"),
    (("--set", "size=1,2", "--x", "spread"), "that was not swept"),
    (("--set", "size=1,2", "--measure", "profit"), "nothing of that name is measured"),
    (("--each", "day", "--from", "2027-01-01"), "the store holds nothing of that"),
    (("--set", "matching.queue=log,fifo"), "one of"),
    (("--set", "size=1,2", "--executor", "dask"), "belong together"),
    (("--set", "size=1..9", "--set", "order-latency.entry_ms=0.000001..9"), "--samples N"),
]


@pytest.mark.parametrize(("arguments", "told"), REFUSALS)
def test_what_cannot_be_swept_is_told_before_it_begins(arguments: tuple[str, ...], told: str) -> None:
    refused(mm("sweep", *FREE, *arguments, "--id", "s"), told)
    assert not Path("data/results/s").exists()


def test_a_backtest_is_no_sweep() -> None:
    assert mm("backtest", *FREE, "--id", "s", "--no-report").exit_code == 0
    refused(mm("sweep", *FREE, "--set", "size=1,2", "--id", "s"), "is no sweep")


def backtested(name: str, *arguments: str) -> None:
    result = mm("backtest", *FREE, "--id", name, "--no-report", *arguments)
    assert result.exit_code == 0, result.stderr


def test_a_comparison_has_the_settings_that_differ_and_the_differences() -> None:
    backtested("a", "--set", "size=0.5")
    backtested("b", "--set", "size=0.1")
    result = mm("compare", "a", "b", "--json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert document["settings"] == {"strategies.trader.size": ["0.5", "0.1"]}
    total = document["measures"]["by_quote.EUR.pnl.total"]
    assert total == {"values": ["2.5", "0.5"], "differences": ["-2.0"]}
    assert not document["same_intents"]
    shown = mm("compare", "a", "b").stdout
    assert "0.5 (-2.0)" in shown
    assert "strategies.trader.size" in shown


def test_results_on_other_data_are_compared_only_when_told() -> None:
    backtested("a", "--set", "size=0.5")
    backtested("b", "--set", "size=0.5", "--from", "2025-10-09T08:53:20.3")
    refused(mm("compare", "a", "b"), "a and b were played on different data: from is None")
    assert mm("compare", "a", "b", "--any-data").exit_code == 0


def test_a_comparison_needs_two_results_that_are_there() -> None:
    backtested("a", "--set", "size=0.5")
    refused(mm("compare", "a"), "name two results or more")
    refused(mm("compare", "a", "gone"), "there is no result at", code=4)
