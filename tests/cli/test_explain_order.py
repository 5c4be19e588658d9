"""``mm report --explain``: the run once more, and each step of one order."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from toy_plugins import TraderSettings, toy_plugins
from toy_store import MIDNIGHT_NS, build_toy, toy_run

from mm_framework import api
from mm_framework.cli import main
from mm_framework.cli.app import App
from mm_framework.contracts.spec import StrategySpec
from mm_framework.contracts.strategy import On, Side, Strategy
from mm_framework.plugins import Candidate, LoadedPlugin, Plugins


def quoter(settings: TraderSettings) -> Strategy:
    """Rests one order at the best bid of the first instrument and leaves it there."""

    def decide(state: Any, wake: Any, market: Any, out: Any) -> None:
        view = market[0]
        if not state.placed and view.has_bid:
            out.place(0, Side.BUY, view.bid, 1000)
            state.placed = 1

    return Strategy(decide, wakes=On.MARKET, state={"placed": "i8"})


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    spec = StrategySpec("quoter", quoter, TraderSettings)
    mine = LoadedPlugin(Candidate("quoter", "1", "quoter", "test"), 0.0, (spec,))
    plugins = Plugins((*toy_plugins().loaded, mine))
    monkeypatch.setattr(App, "plugins", plugins)
    monkeypatch.setattr(api, "_plugins", lambda config: plugins)
    monkeypatch.chdir(tmp_path)
    run = toy_run(tmp_path / "runs" / "run", steps=150, start_ns=MIDNIGHT_NS)
    build_toy(tmp_path / "books", run)


def mm(*arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--store-cache-max-gb", "0"])


def played(*strategies: str) -> None:
    named = [word for name in strategies for word in ("--strategy", name)]
    result = mm("backtest", "--store", "books", *named, "--qa", "any", "--id", "one", "--no-report")
    assert result.exit_code == 0, result.stderr


def steps(order: str) -> list[dict[str, Any]]:
    result = mm("report", "one", "--explain", order, "--json")
    assert result.exit_code == 0, result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout)["steps"]
    return found


def test_the_life_of_a_resting_order_is_told_with_its_place_in_the_queue() -> None:
    played("quoter")
    told = steps("1")
    assert [one["ts_ns"] for one in told] == sorted(one["ts_ns"] for one in told)
    assert told[0]["where"] == "here"
    assert "buy 1 at" in told[0]["text"]
    accepted = next(one for one in told if one["text"].startswith("accepted"))
    assert accepted["where"] == "venue"
    assert accepted["ts_ns"] - told[0]["ts_ns"] == 5_000_000
    known = next(one for one in told if one["text"].startswith("known: accepted"))
    assert known["ts_ns"] - accepted["ts_ns"] == 5_000_000
    places = [one["ahead"] for one in told if one["where"] == "venue" and one["ahead"] is not None]
    assert len(places) > 1, "the queue moved"
    assert places == sorted(places, reverse=True), "under risk_averse nobody gets in before us"


def test_people_read_times_from_the_first_step_on() -> None:
    played("quoter")
    result = mm("report", "one", "--explain", "quoter/1")
    assert result.exit_code == 0, result.stderr
    assert "quoter/1 in toy:A/B" in result.stdout
    assert "+5.000 ms" in result.stdout


def test_of_several_strategies_one_is_named() -> None:
    played("quoter", "trader")
    assert steps("quoter/1")
    refused = mm("report", "one", "--explain", "1")
    assert refused.exit_code == 2
    assert "STRATEGY/NUMBER with one of quoter, trader" in refused.stderr


@pytest.mark.parametrize(("order", "told"), [("99", "placed no order 99"), ("x", "expected the number")])
def test_an_order_that_is_not_there_is_told(order: str, told: str) -> None:
    played("quoter")
    result = mm("report", "one", "--explain", order)
    assert result.exit_code == 2
    assert told in result.stderr


def test_data_that_has_changed_is_told(tmp_path: Path) -> None:
    played("quoter")
    more = toy_run(tmp_path / "runs" / "more", seed=9, steps=30, start_ns=MIDNIGHT_NS + 10**9)
    build_toy(tmp_path / "books", more)
    result = mm("report", "one", "--explain", "1")
    assert result.exit_code == 4
    assert "the data is not what it was" in result.stderr


def test_a_run_that_does_not_come_out_again_is_told() -> None:
    played("quoter")
    path = Path("data/results/one/result.json")
    document = json.loads(path.read_text())
    document["configuration"]["order-latency"]["entry_ms"] = 0.0
    document["hashes"]["intents"] = "0" * 64
    path.write_text(json.dumps(document))
    result = mm("report", "one", "--explain", "1")
    assert result.exit_code == 4
    assert "does not come out again" in result.stderr


def test_the_result_of_a_test_of_two_settings_is_played_with_both(tmp_path: Path) -> None:
    """An order of a symbol in B, which the settings of A would have sent otherwise."""
    for side, size in (("A", "1"), ("B", "2")):
        (tmp_path / f"{side}.toml").write_text(f'[strategy.trader]\nsize = "{size}"\n')
    words = ("--store", "books", "--strategy", "trader", "--qa", "any", "--id", "one", "--no-report")
    test = ("--ab", "A.toml", "B.toml", "--ab-split", "100")
    result = mm("backtest", *words, *test)
    assert result.exit_code == 0, result.stderr
    assert "dry: no gate acted; " in result.stdout
    assert " 2 " in steps("1")[0]["text"]
    stages = (tmp_path / "artifacts" / "edge" / "reports" / "ab_stages.jsonl").read_bytes().splitlines()
    assert len(stages) == 1, "to explain an order is no run of the test"
