"""``mm run --calibration-logs`` and ``--ab``: what is written, what is compared, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from logs import write_run
from toy_plugins import toy_plugins
from toy_socket import toy_socket
from toy_venue import toy_session

from mm_framework.calibrate.ab import METRICS
from mm_framework.calibrate.ab_record import Stage
from mm_framework.calibrate.lines import encode
from mm_framework.calibrate.routing import Routing
from mm_framework.cli import main
from mm_framework.cli.app import App

SYMBOLS = ("A/EUR", "B/EUR")
SALT = next(
    salt for salt in map(str, range(99)) if [Routing(0.5, salt).bucket(one) for one in SYMBOLS] == ["A", "B"]
)
FEEDS, REPORTS = Path("artifacts/edge/feeds"), Path("artifacts/edge/reports")


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(App, "plugins", toy_plugins())
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run_dir(tmp_path: Path) -> str:
    log = toy_session(SYMBOLS, seed=1, disconnect_at=120)
    return str(write_run(tmp_path / "recorded", {0: log.records}))


@pytest.fixture
def arms(tmp_path: Path) -> tuple[str, str]:
    """The trader with size 1, and with size 2."""
    for name, size in (("A.toml", "1"), ("B.toml", "2")):
        (tmp_path / name).write_text(f'[strategy.trader]\nsize = "{size}"\n')
    return "A.toml", "B.toml"


def mm(*arguments: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["run", *arguments])
    assert result.exit_code == exit_code, result.output
    return result


def replay(run_dir: str, *arguments: str, exit_code: int = 0) -> dict[str, Any]:
    words = ("--mode", "replay", "--run-dir", run_dir, "--stable-json", "--strategy", "trader", *arguments)
    document: dict[str, Any] = json.loads(mm(*words, exit_code=exit_code).stdout)
    return document


def lines(pattern: str, folder: Path = FEEDS) -> list[dict[str, Any]]:
    files = sorted(folder.glob(pattern))
    return [json.loads(line) for path in files for line in path.read_bytes().splitlines()]


def test_a_replay_writes_its_fills_and_ticks(run_dir: str) -> None:
    document = replay(run_dir, "--calibration-logs", "--record", "seen")
    assert document["calibration_logs"] == str(FEEDS)
    seen = [json.loads(line) for line in Path("data/results/seen/fills.ndjson").read_text().splitlines()]
    fills = lines("fills_*.jsonl")
    assert [(one["price"], one["qty"]) for one in fills] == [
        (float(one["price"]), float(one["size"])) for one in seen
    ]
    assert all(one["taker"] and not one["maker"] and one["slip_bps"] > 0 for one in fills)
    ticks = lines("pipeline_ticks_*.jsonl")
    assert {one["symbol"] for one in ticks} == set(SYMBOLS)
    assert sum(one["ticks"] for one in ticks) >= document["canonical_events"]
    assert sum(one["quotes"] for one in ticks) == document["intents"]
    assert {one["tick_total_ms"] for one in ticks} == {None}
    assert [(one["run_id"], one["mode"]) for one in lines("runs.jsonl")] == [("recorded", "replay")]


def test_logs_change_nothing_and_are_the_same_each_time(run_dir: str) -> None:
    plain = replay(run_dir)
    for name in ("one", "two"):
        logged = replay(run_dir, "--calibration-logs", name, "--calibration-log-every", "3")
        assert logged.pop("calibration_logs") == name
        assert logged == plain
    first, second = ({p.name: p.read_bytes() for p in Path(n).glob("*.jsonl")} for n in ("one", "two"))
    assert first == second
    assert len(first) == 3


def test_the_setting_switches_logs_on_but_not_for_an_audit(run_dir: str) -> None:
    Path("mm.toml").write_text("[calibration]\nlog = true\nfeeds_dir = 'mine'\n")
    assert replay(run_dir)["calibration_logs"] == "mine"
    assert lines("fills_*.jsonl", Path("mine"))


def test_each_symbol_gets_the_settings_of_its_bucket(run_dir: str, arms: tuple[str, str]) -> None:
    split = ("--ab-split", "50", "--ab-salt", SALT)
    document = replay(run_dir, "--ab", *arms, *split, "--calibration-logs")
    sizes = {
        symbol: {one["qty"] for one in lines("fills_*.jsonl") if one["symbol"] == symbol}
        for symbol in SYMBOLS
    }
    assert max(sizes["A/EUR"]) <= 1.0 < max(sizes["B/EUR"])
    told = document["ab"]
    assert told["routing"] == {"A": ["A/EUR"], "B": ["B/EUR"]}
    assert (told["mode"], told["split_pct"], told["rollback"]) == ("dry", 0.5, False)
    assert set(told["metrics"]) == set(METRICS)
    assert told["metrics"]["taker_share"] == {"a": 1.0, "b": 1.0, "delta": 0.0}
    report = (REPORTS / "ab_run_recorded.md").read_text()
    assert told["report"] == str(REPORTS / "ab_run_recorded.md")
    assert "Warning: 2 symbols are few" in report
    for metric in METRICS:
        assert f"| {metric} |" in report


def test_a_split_of_0_or_100_is_a_run_of_one_file(run_dir: str, arms: tuple[str, str]) -> None:
    for split, size in (("0", "1"), ("100", "2")):
        both = replay(run_dir, "--ab", *arms, "--ab-split", split)
        alone = replay(run_dir, "--set", f"trader.size={size}")
        assert both["final_hash"] == alone["final_hash"]


def test_stages_are_recorded_and_told_later(run_dir: str, arms: tuple[str, str]) -> None:
    replay(run_dir, "--ab", *arms, "--ab-split", "20")
    again = write_run(Path("later"), {0: toy_session(SYMBOLS, seed=2).records})
    replay(str(again), "--ab", *arms, "--ab-split", "50")
    found = [(one["run_id"], one["split"], one["mode"]) for one in lines("ab_stages.jsonl", REPORTS)]
    assert found == [("recorded", 20.0, "dry"), ("later", 50.0, "dry")]
    report = (REPORTS / "ab_run_later.md").read_text()
    assert "- 20 % to B, dry, run recorded\n" in report


def test_a_live_test_that_was_rolled_back_does_not_begin_again(arms: tuple[str, str]) -> None:
    REPORTS.mkdir(parents=True)
    stage = Stage(1, "before", "live", "online", "ab", 50.0, "2026-11-20T00:10:00.000Z")
    (REPORTS / "ab_stages.jsonl").write_bytes(encode(stage))
    words = ("--mode", "live", "toy:A/EUR", "--strategy", "trader", "--ab", *arms, "--ab-mode", "online")
    error = json.loads(mm(*words, exit_code=2).stdout)["error"]
    assert "was rolled back in run before" in error
    assert "--ab-salt" in error


def test_a_live_run_logs_how_long_its_ticks_took() -> None:
    with toy_socket() as url:
        words = ("--mode", "live", "toy:A/EUR", "--endpoint", url, "--strategy", "trader")
        result = mm(*words, "--calibration-logs", "--max-events", "10", "--calibration-log-every", "1")
    document = json.loads(result.stdout)
    ticks = lines("pipeline_ticks_*.jsonl")
    assert document["ok"]
    assert len(ticks) >= 10
    assert all(one["tick_total_ms"] > 0 for one in ticks)  # of frames, not of a lost connection
    assert "recv_to_decode" in ticks[-1]["stage_latencies"]
    assert ticks[-1]["stage_p95_ms"]["recv_to_decode"] > 0
    (run,) = lines("runs.jsonl")
    assert run["mode"] == "live"


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ("[strategy.trader]\nsize = '1'", "[limits]\norder_size = '1'", "may only have [strategy.NAME]"),
        ("[strategy.trader]\nsize = '1'", "[strategy.toy]\nx = 1", "strategy 'toy' is not run"),
        ("[strategy.trader]\nsize = '1'", "[strategy.trader]\nsizes = '2'", "has no setting 'sizes'"),
        ("", "", "neither A.toml nor B.toml has a table"),
        ("[strategy.trader]\nsize = '1'", "[strategy", "is not TOML"),
    ],
)
def test_a_bad_file_of_an_arm_is_one_clear_line(run_dir: str, a: str, b: str, said: str) -> None:
    Path("A.toml").write_text(a)
    Path("B.toml").write_text(b)
    error = replay(run_dir, "--ab", "A.toml", "B.toml", exit_code=2)["error"]
    assert said in error


def test_flags_of_a_test_need_one(run_dir: str) -> None:
    error = replay(run_dir, "--ab-split", "20", exit_code=2)["error"]
    assert error == "--ab-split belongs to --ab A.toml B.toml, which is not given"


def test_an_audit_of_determinism_writes_nothing(run_dir: str, arms: tuple[str, str]) -> None:
    for more in (("--calibration-logs", "x"), ("--ab", *arms)):
        words = ("--mode", "replay", "--run-dir", run_dir, "--audit-determinism", *more)
        assert "writes nothing" in mm(*words, exit_code=2).stderr
