"""``mm backtest``: a known answer, the bundle that it writes, and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from l1_store import STEP_NS, T0_NS, l1_store
from logs import write_run
from toy_plugins import toy_plugins
from toy_store import MIDNIGHT_NS, build_toy, toy_run
from toy_venue import toy_session

from mm_framework import api
from mm_framework.cli import main
from mm_framework.cli.app import App
from mm_framework.cli.backtest_cmd import _engine
from mm_framework.results.bundle import read_result

MS = 1_000_000


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(App, "plugins", toy_plugins())
    monkeypatch.setattr(api, "_plugins", lambda config: toy_plugins())
    monkeypatch.chdir(tmp_path)


def mm(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["backtest", *arguments, "--store-cache-max-gb", "0"])


def played(*arguments: str) -> dict[str, Any]:
    result = mm(*arguments, "--json")
    assert result.exit_code == 0, (result.output, result.stderr)
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def refused(result: Result, code: int, told: str) -> None:
    assert result.exit_code == code, (result.output, result.stderr)
    assert told in result.stderr
    assert result.stderr.count("\n") == 1, "one line"
    assert "Traceback" not in result.stderr
    folder = Path("data/results")
    assert not folder.exists() or not list(folder.iterdir())


def taker(store: Path, *arguments: str) -> tuple[str, ...]:
    free = ("--fee-model", "free", "--trading-slippage-bps", "0", "--qa", "any", "--id", "one")
    half = ("--set", "size=0.5")
    return ("--store", str(store), "--strategy", "trader", *half, *free, *arguments)


@pytest.fixture
def book_store(tmp_path: Path) -> Path:
    run = toy_run(tmp_path / "runs" / "run", steps=150, start_ns=MIDNIGHT_NS)
    build_toy(tmp_path / "books", run)
    return tmp_path / "books"


def test_best_prices_alone_give_the_profit_that_a_hand_computes(tmp_path: Path) -> None:
    """It buys 0.5 at 90001 + 2 k and sells it a row later at 90002 + 2 k; the last sale is under way at the
    end of the ten rows, and the rest is marked at the same bid.
    """
    document = played(*taker(l1_store(tmp_path)))
    pnl = document["summary"]["by_quote"]["EUR"]["pnl"]
    assert (pnl["total"], pnl["spread"], pnl["fees"]) == ("2.5", "-2.25", "0")
    parts = ("spread", "adverse", "inventory", "mark_adjustment")
    assert sum(Decimal(pnl[name]) for name in parts) == Decimal("2.5")
    fills = pq.read_table("data/results/one/fills.parquet").to_pylist()
    assert [(one["side"], one["price"]) for one in fills[:4]] == [
        (1, 90001), (-1, 90002), (1, 90005), (-1, 90006),
    ]  # fmt: skip
    assert fills[0]["ts_ns"] == T0_NS + 5 * MS, "5 ms to the venue"
    assert fills[0]["known_ns"] == T0_NS + 10 * MS, "and 5 ms back"
    assert fills[0]["mid"] == Decimal("90000.5")
    assert document["timeline"]["clocks"] == [
        {
            "run": document["timeline"]["clocks"][0]["run"],
            "venue": "kraken",
            "theta_ns": 0,
            "source": "measured",
        }
    ]


def test_marked_at_the_mid_there_is_no_mark_adjustment(tmp_path: Path) -> None:
    """The 0.5 that is left is marked 0.5 higher than at the bid; files, summary and page agree on it."""
    document = played(*taker(l1_store(tmp_path)), "--trading-mark", "mid", "--backtest-grid-s", "0.1")
    pnl = document["summary"]["by_quote"]["EUR"]["pnl"]
    assert (pnl["total"], pnl["mark_adjustment"]) == ("2.75", "0")
    rows = pq.read_table("data/results/one/equity.parquet").to_pylist()
    assert all(row["value"] == row["position"] * row["mid"] for row in rows)
    assert rows[-1]["equity"] == Decimal("2.75")
    result = read_result(Path("data/results/one"))
    assert result.columns().at_mid
    assert "2.75" in result.page()


def test_the_files_of_a_result_agree_with_each_other(tmp_path: Path) -> None:
    document = played(*taker(l1_store(tmp_path)), "--backtest-grid-s", "0.1")
    folder = Path(document["result"])
    tables = {path.stem: pq.read_table(path) for path in folder.glob("*.parquet")}
    assert set(tables) == {"fills", "orders", "reports", "equity", "tops"}
    orders = tables["orders"].to_pylist()
    assert len(orders) == 10
    assert [one["state"] for one in orders] == ["filled"] * 9 + ["sent"]
    assert orders[1]["sent_ns"] == T0_NS + STEP_NS
    assert orders[1]["accepted_ns"] == T0_NS + STEP_NS + 5 * MS
    assert sum(one["filled"] for one in orders) == sum(one["size"] for one in tables["fills"].to_pylist())
    reports = tables["reports"].to_pylist()
    assert [one["fill"] for one in reports if one["fill"] is not None] == list(range(9))
    equity = tables["equity"].to_pylist()
    assert equity[-1]["equity"] == Decimal("2.5")
    assert equity[0]["equity"] == equity[0]["cash"] - equity[0]["fees"] + equity[0]["value"]
    assert {one["ts_ns"] % 100_000_000 for one in equity} == {0}
    assert tables["tops"].num_rows == 10


ELSEWHERE = """
import sys
sys.path[:0] = {path!r}
from toy_plugins import toy_plugins
from mm_framework import api
from mm_framework.cli import main
from mm_framework.cli.app import App
App.plugins = toy_plugins()
api._plugins = lambda config: toy_plugins()
main()
"""


def test_the_same_run_in_another_process_is_the_same_bytes_but_for_its_timing(book_store: Path) -> None:
    how = ["--store", str(book_store), "--strategy", "trader", "--qa", "any", "--id"]
    played(*how, "first")
    script = ["-c", ELSEWHERE.format(path=sys.path), "backtest", *how, "second", "--store-cache-max-gb", "0"]
    subprocess.run(
        [sys.executable, *script],
        env={**os.environ, "PYTHONHASHSEED": "12345"},
        check=True,
        capture_output=True,
        timeout=300,
    )
    for path in Path("data/results/first").iterdir():
        other = Path("data/results/second") / path.name
        if path.suffix == ".json":
            one, two = json.loads(path.read_text()), json.loads(other.read_text())
            assert one.pop("timing").keys() == two.pop("timing").keys()
            assert one == two
        else:
            assert path.read_bytes() == other.read_bytes(), path.name


def test_the_engine_that_was_asked_for_plays_and_the_result_says_so(book_store: Path) -> None:
    how = ("--store", str(book_store), "--strategy", "trader", "--qa", "any")
    asked = played(*how, "--backtest-engine", "interpreted")
    assert asked["timing"]["engine"] == {"name": "interpreted", "why": "asked for"}
    assert played(*how)["hashes"] == asked["hashes"], "whichever it is"


def test_a_bundle_gives_what_its_store_gives(tmp_path: Path, book_store: Path) -> None:
    how = ("--strategy", "trader", "--qa", "any")
    stored = played("--store", str(book_store), *how)
    from_run = played("--run", str(tmp_path / "runs" / "run"), *how)
    assert stored["hashes"] == from_run["hashes"]
    assert stored["summary"] == from_run["summary"]
    assert from_run["data"]["store"] is None


def test_settings_reach_the_strategy_and_the_models(book_store: Path) -> None:
    settings = (
        "size=2", "trader.side=buy", "order-latency.entry_ms=7", "matching.queue=log", "fee.flat.fee_bps=3",
    )  # fmt: skip
    flags = [word for one in settings for word in ("--set", one)]
    played("--store", str(book_store), "--strategy", "trader", "--qa", "any", "--id", "set", *flags)
    kept = json.loads(Path("data/results/set/result.json").read_text())
    configuration = kept["configuration"]
    assert configuration["strategies"] == {"trader": {"size": "2", "side": "buy"}}
    assert configuration["order-latency"]["entry_ms"] == 7.0
    assert configuration["fee_model"]["settings"]["fee_bps"] == 3
    assert kept["models"]["queue"] == "log"
    assert kept["versions"]["toy"] == "1"


@pytest.mark.parametrize(("model", "told"), [("flat", "flat, 100 bps of each fill"), ("free", "free")])
def test_the_summary_names_what_a_fill_costs(tmp_path: Path, model: str, told: str) -> None:
    arguments = (
        "--store",
        str(l1_store(tmp_path)),
        "--strategy",
        "trader",
        "--set",
        "size=0.5",
        "--qa",
        "any",
    )
    result = CliRunner().invoke(main, ["backtest", *arguments, "--fee-model", model, "--no-report"])
    assert result.exit_code == 0, result.output
    (line,) = (line for line in result.stdout.splitlines() if line.startswith("fees"))
    assert line.removeprefix("fees").strip().startswith(told)


def test_a_model_of_a_plugin_takes_the_place_of_the_settings(book_store: Path) -> None:
    how = ("--store", str(book_store), "--strategy", "trader", "--qa", "any", "--execution", "front")
    document = played(*how, "--set", "execution.front.lots=7", "--id", "front")
    assert document["timing"]["engine"]["name"] == "interpreted"
    kept = json.loads(Path("data/results/front/result.json").read_text())
    assert kept["configuration"]["execution"] == {"front": {"lots": 7}}
    assert (kept["models"]["queue"], kept["models"]["plugins"]) == ("front", {"queue": "front"})
    told = CliRunner().invoke(main, ["report", "front", "--explain", "1", "--json"])
    assert told.exit_code == 0, told.stderr


def test_a_ladder_without_factors_has_the_usual_ones(tmp_path: Path) -> None:
    document = played(*taker(l1_store(tmp_path), "--latency-ladder"))
    assert [rung["scale"] for rung in document["ladder"]] == [0.0, 2.0, 5.0]


def test_a_ladder_tells_the_profit_under_other_latencies(tmp_path: Path) -> None:
    document = played(*taker(l1_store(tmp_path), "--latency-ladder", "0,1,40"))
    profits = {rung["scale"]: rung["by_quote"].get("EUR", {}).get("total") for rung in document["ladder"]}
    assert profits[1.0] == document["summary"]["by_quote"]["EUR"]["pnl"]["total"] == "2.5"
    assert profits[0.0] == "2.5"
    assert profits[40.0] != "2.5", "after 200 ms the price that was seen is gone"


def test_a_strategy_that_fails_leaves_a_result_that_names_the_event(book_store: Path) -> None:
    result = mm("--store", str(book_store), "--strategy", "failing", "--qa", "any", "--id", "bad", "--json")
    assert result.exit_code == 1
    document = json.loads(result.stdout)
    assert not document["ok"]
    assert document["errors"][0]["event"] > 0
    assert "decide raised ValueError at event" in result.stderr
    assert json.loads(Path("data/results/bad/result.json").read_text())["errors"] == document["errors"]


REFUSALS = [
    (("--strategy", "traitor"), 2, "did you mean 'trader'?"),
    (("--strategy", "trader", "kraken:BTC/EUR"), 2, "has no instrument 'kraken:BTC/EUR'"),
    (("--strategy", "trader", "--from", "2030-01-01"), 2, "nothing to backtest"),
    (("--strategy", "trader", "--set", "sice=1"), 2, "did you mean 'size'"),
    (("--strategy", "trader", "--set", "sise.size=1"), 2, "nothing here is called 'sise'"),
    (("--strategy", "trader", "--set", "size"), 2, "not of the form KEY=VALUE"),
    (("--strategy", "trader", "--order-latency-entry-ms", "-1"), 2, "are 0 or more"),
    (
        ("--strategy", "trader", "--limits-order-size", "x"),
        2,
        "limits.order_size: order_size is 'x'",
    ),
    (("--strategy", "trader", "--latency-ladder", "a"), 2, "expected factors of 0 or more"),
    (("--strategy", "trader", "--id", "../up"), 2, "cannot be used"),
    (("--strategy", "trader", "--set", "order-latency.model=table"), 2, "belong together"),
    (("--strategy", "unbuilt"), 3, "cannot be built: ZeroDivisionError"),
    (("--strategy", "nothing"), 3, "expected a Strategy"),
]


REFUSALS += [
    (("--strategy", "trader", "--execution", "fronk"), 2, "did you mean 'front'?"),
    (("--strategy", "trader", "--execution", "front", "--execution", "front"), 2, "names one twice"),
    (("--strategy", "trader", "--execution", "none"), 3, "expected a queue model"),
    (("--strategy", "trader", "--execution", "broken"), 3, "'broken': latency raised ZeroDivisionError"),
    (
        ("--strategy", "trader", "--execution", "front", "--set", "execution.front.lot=1"),
        2,
        "did you mean 'lots'?",
    ),
]


@pytest.mark.parametrize(("arguments", "code", "told"), REFUSALS)
def test_what_cannot_be_played_is_told_in_one_line(
    book_store: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    refused(mm("--store", str(book_store), "--qa", "any", *arguments), code, told)


def test_the_summary_names_what_was_refused(book_store: Path) -> None:
    how = ("--store", str(book_store), "--strategy", "trader", "--qa", "any", "--no-report")
    result = mm(*how, "--limits-order-size", "0.000001", "--set", "size=0.5")
    assert result.exit_code == 0, result.output
    (line,) = (line for line in result.stdout.splitlines() if line.startswith("refused"))
    assert line.removeprefix("refused").strip().startswith("order too large ")


def test_no_store_is_no_input() -> None:
    refused(mm("--strategy", "trader", "--store", "nowhere"), 4, "there is no store at")


def test_data_without_times_of_receipt_cannot_be_backtested(tmp_path: Path) -> None:
    log = toy_session(("A/B",), seed=1, steps=20)
    run = write_run(tmp_path / "recorded", {0: log.records}, flags=("untimed",))
    refused(mm("--strategy", "trader", "--run", str(run)), 4, "no receive times")


def test_an_existing_result_is_never_overwritten(book_store: Path) -> None:
    how = ("--store", str(book_store), "--strategy", "trader", "--qa", "any", "--id", "one")
    played(*how)
    before = Path("data/results/one/result.json").read_bytes()
    result = mm(*how)
    assert result.exit_code == 2
    assert "never overwritten" in result.stderr
    assert Path("data/results/one/result.json").read_bytes() == before


SLEEPY = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell's background jobs do not have
sys.path[:0] = {path!r}
from toy_plugins import toy_plugins
from mm_framework.contracts.spec import StrategySpec
from mm_framework.contracts.strategy import Strategy
from mm_framework.plugins import Candidate, LoadedPlugin, Plugins
from mm_framework import api
from mm_framework.cli import main
from mm_framework.cli.app import App

def sleepy(settings):
    def decide(state, wake, market, out):
        state.n += 1
        print("woken", flush=True)
        while {forever}:
            time.sleep(0.01)
    return Strategy(decide, state={{"n": "i8"}}, python_only=True)

spec = StrategySpec("sleepy", sleepy)
fees = [one for plugin in toy_plugins().loaded for one in plugin.specs if one.kind == "fee_models"]
App.plugins = Plugins((LoadedPlugin(Candidate("s", "1", "s", "s"), 0.0, (spec, *fees)),))
main()
"""


def sleeping(store: Path, *arguments: str) -> subprocess.Popen[str]:
    script = SLEEPY.format(path=sys.path, forever=True)
    words = ["backtest", "--strategy", "sleepy", "--store", str(store), "--qa", "any", *arguments]
    return subprocess.Popen(
        [sys.executable, "-c", script, *words, "--store-cache-max-gb", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "MM_KERNELS": "off"},
    )


def test_ctrl_c_leaves_nothing_half_written(book_store: Path) -> None:
    with sleeping(book_store) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "woken\n"
        process.send_signal(signal.SIGINT)
        assert process.wait(240) == 130
    assert not Path("data/results").exists() or not list(Path("data/results").iterdir())


def test_a_strategy_that_never_returns_is_given_up(book_store: Path) -> None:
    with sleeping(book_store, "--backtest-watchdog-s", "3") as process:
        _, told = process.communicate(timeout=240)
    assert process.returncode == 1
    assert "nothing went on for 3 s at event" in told
    assert "call 1 of sleepy" in told
    assert "Traceback" not in told
    assert not Path("data/results").exists() or not list(Path("data/results").iterdir())


def test_a_short_run_tells_no_rate() -> None:
    """It would be that of making the engine ready."""
    engine = {"name": "compiled", "why": ""}
    assert _engine({"engine": engine, "engine_s": 0.9, "messages_per_s": 640.0}) == "compiled"
    assert _engine({"engine": engine, "engine_s": 2.0, "messages_per_s": 2.5e6}) == (
        "compiled, 2,500,000 messages/s"
    )
