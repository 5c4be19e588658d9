"""``mm backtest --calibration-logs`` and ``--ab``: the lines of a run on the same recording."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from logs import write_run
from toy_plugins import toy_plugins
from toy_venue import toy_session

from mm_framework import api
from mm_framework.cli import main
from mm_framework.cli.app import App

FEEDS = Path("artifacts/edge/feeds")
LATENCY = ("--order-latency-entry-ms", "20", "--order-latency-response-ms", "10")


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(App, "plugins", toy_plugins())
    monkeypatch.setattr(api, "_plugins", lambda config: toy_plugins())
    monkeypatch.chdir(tmp_path)
    for name, size in (("A.toml", "1"), ("B.toml", "2")):
        (tmp_path / name).write_text(f'[strategy.trader]\nsize = "{size}"\n')


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """A bundle of two symbols, written once."""
    return write_run(tmp_path / "data" / "runs" / "run", {0: toy_session(("A/EUR", "B/EUR"), seed=1).records})


def mm(verb: str, *arguments: str, exit_code: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(main, [verb, *arguments])
    assert result.exit_code == exit_code, (result.output, result.stderr)
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def backtest(name: str, *arguments: str, exit_code: int = 0) -> dict[str, Any]:
    words = ("--run", "run", "--strategy", "trader", "--qa", "any", "--no-report", "--json", "--id", name)
    more = ("--backtest-longest-feed-s", "0", "--store-cache-max-gb", "0")
    return mm("backtest", *words, *more, *LATENCY, *arguments, exit_code=exit_code)


def lines(folder: str, kind: str) -> list[dict[str, Any]]:
    whole = b"".join(path.read_bytes() for path in sorted(Path(folder).glob(f"{kind}_*.jsonl")))
    return [json.loads(line) for line in whole.splitlines()]


def test_its_logs_are_those_of_a_run_on_the_same_recording(recording: Path) -> None:
    words = ("--mode", "replay", "--execution", "queue", "--run-dir", "run", "--strategy", "trader", *LATENCY)
    ran = mm("run", *words, "--calibration-logs", "ran")
    tested = backtest("one", "--calibration-logs", "tested")
    assert tested["calibration_logs"] == "tested"
    assert tested["hashes"]["intents"] == ran["final_hash"]
    assert lines("tested", "fills") == lines("ran", "fills")
    assert lines("tested", "pipeline_ticks") == lines("ran", "pipeline_ticks")
    assert len(lines("tested", "fills")) == tested["summary"]["fills"] > 5
    assert sum(one["ticks"] for one in lines("tested", "pipeline_ticks")) > 50
    (run,) = [json.loads(line) for line in Path("tested/runs.jsonl").read_bytes().splitlines()]
    assert (run["run_id"], run["mode"], len(run["digest"])) == ("one", "backtest", 64)


def test_logs_change_nothing(recording: Path) -> None:
    plain, logged = backtest("plain"), backtest("logged", "--calibration-logs")
    for key in ("hashes", "summary", "data", "timeline"):
        assert logged[key] == plain[key]


def test_two_sets_of_settings_are_compared(recording: Path) -> None:
    whole = backtest("b", "--set", "trader.size=2")
    both = backtest("ab", "--ab", "A.toml", "B.toml", "--ab-split", "100")
    assert both["hashes"] == whole["hashes"]
    told = both["ab"]
    assert (told["split_pct"], told["mode"], told["rollback"]) == (1.0, "dry", False)
    assert told["metrics"]["net_bps"]["b"] is not None
    assert Path("artifacts/edge/reports/ab_run_ab.md").read_text().startswith("# A/B run ab")
    kept = json.loads(Path("data/results/ab/result.json").read_text())
    assert kept["timing"]["engine"]["why"] == "an A/B test or logs watch its desk"
    configuration = kept["configuration"]
    assert configuration["ab"]["a"]["trader"]["size"] == "1"
    assert configuration["ab"]["b"]["trader"]["size"] == "2"
    assert configuration["ab"]["settings"]["split"] == 100.0


def test_a_flag_is_of_both_arms(recording: Path) -> None:
    both = backtest("ab", "--ab", "A.toml", "B.toml", "--set", "trader.size=3", "--ab-split", "50")
    assert both["hashes"] == backtest("plain", "--set", "trader.size=3")["hashes"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--ab", "A.toml", "B.toml", "--latency-ladder"), "would repeat the A/B test"),
        (("--calibration-logs", "x", "--backtest-engine", "compiled"), "cannot be watched"),
        (("--ab", "A.toml", "none.toml"), "cannot read the configuration none.toml"),
    ],
)
def test_what_cannot_be_is_one_clear_line(recording: Path, words: tuple[str, ...], said: str) -> None:
    assert said in backtest("no", *words, exit_code=2)["error"]
    assert not Path("data/results/no").exists()
    assert not list(Path().glob("artifacts/**/*.jsonl"))
