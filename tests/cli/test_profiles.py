"""Profiles of a capture: defaults and names of the three earlier recorders."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from processes import Emulated, emulated_venue

from mm_framework.bundle.run import open_run
from mm_framework.cli import main
from mm_framework.cli.app import App
from mm_framework.cli.capture_cmd import command
from mm_framework.cli.output import Output
from mm_framework.cli.profiles import PROFILES, use_profile
from mm_framework.settings import fields_of, import_core_sections

pytest.importorskip("mm_kraken")
pytest.importorskip("mm_binance")
pytest.importorskip("mm_polymarket")

pytestmark = pytest.mark.timeout(300)

# Names and defaults of requirement D3, C5 and A1: what users of the earlier tools have in their scripts.
PLANT = {
    "WS_SHARDS": 8,
    "WS_PING_INTERVAL_SECONDS": 10.0,
    "WS_PING_TIMEOUT_SECONDS": 10.0,
    "WS_DATA_IDLE_RECONNECT_SECONDS": 120.0,
    "CAPTURE_CONFIRM_TIMEOUT_SECONDS": 45.0,
    "CAPTURE_CONFIRM_MIN_EVENTS": 1,
    "CAPTURE_UNIVERSE_REFRESH_ENABLE": True,
    "CAPTURE_UNIVERSE_REFRESH_INTERVAL_SECONDS": 60.0,
    "CAPTURE_MAX_MARKETS": 2000,
    "CAPTURE_METRICS_MAX_SAMPLES": 1024,
    "CAPTURE_DISK_USAGE_INTERVAL_SECONDS": 10.0,
    "CAPTURE_COVERAGE_METRICS_INTERVAL_SECONDS": 5.0,
    "CAPTURE_WINDOWS_HIGH_RES_TIMER_ENABLE": True,
    "RUNTIME_WINDOWS_HIGH_RES_TIMER_ENABLE": True,
    "DATA_DIR": Path("data"),
    "OFFLINE": False,
}
RECORDER = {
    "EXCHANGE": "binance",
    "DEPTH_LEVELS": 20,
    "STORE_DEPTH_DIFFS": True,
    "WS_PING_INTERVAL_S": 20.0,
    "WS_PING_TIMEOUT_S": 60.0,
    "WS_RECONNECT_BACKOFF_S": 1.0,
    "WS_RECONNECT_BACKOFF_MAX_S": 30.0,
    "WS_MAX_SESSION_S": 85800.0,
    "WS_OPEN_TIMEOUT_S": 10.0,
    "WS_NO_DATA_WARN_S": 10.0,
    "LIVE_STREAM": True,
    "LIVE_STREAM_ROTATE_S": 60.0,
    "LIVE_STREAM_RETENTION_S": 3600.0,
    "WINDOW_TZ": "Europe/Berlin",
    "WINDOW_START_HHMM": "00:00",
    "WINDOW_END_HHMM": "00:15",
    "WINDOW_END_DAY_OFFSET": 1,
    "HEARTBEAT_SEC": 30.0,
    "SYNC_WARN_AFTER_SEC": 10.0,
    "MAX_BUFFER_WARN": 5000,
    "ORDERBOOK_BUFFER_ROWS": 500,
    "TRADES_BUFFER_ROWS": 1000,
    "BUFFER_FLUSH_INTERVAL_SEC": 1.0,
    "INSECURE_TLS": False,
    "SYMBOL": (),
}
BBO = {"OFFSET_REFRESH_SECONDS": 900.0, "MAX_ABS_CLOCK_OFFSET_MS": 2000.0, "MAX_OFFSET_JUMP_MS": 500.0}
ENVIRONMENTS = {"plant": ("PM_DATA_", PLANT), "recorder": ("", RECORDER), "bbo": ("PM_DATA_", BBO)}
CASES = [(profile, name) for profile, (_, names) in ENVIRONMENTS.items() for name in names]
NO_FLAG = ("EXCHANGE", "SYMBOL")
"""Options of the command itself: --venue, --symbol."""


def setting_of(name: str) -> tuple[type[Any], Any]:
    """The settings class and field with this earlier name."""
    found = [
        (cls, field)
        for cls in import_core_sections().values()
        for field in fields_of(cls)
        if name.lower() in field.aliases
    ]
    assert len(found) == 1, f"{name} is a name of {[field.key for _, field in found]}"
    return found[0]


def app(profile: str, env: dict[str, str] | None = None) -> App:
    made = App({"MM_CONFIG": "", **(env or {})}, out=Output(quiet=True))
    use_profile(made, profile)
    return made


@pytest.mark.parametrize(("profile", "name"), CASES)
def test_a_profile_has_the_earlier_default(profile: str, name: str) -> None:
    cls, field = setting_of(name)
    assert getattr(app(profile).load(cls).value, field.name) == ENVIRONMENTS[profile][1][name]


@pytest.mark.parametrize(("profile", "name"), CASES)
def test_the_earlier_variable_is_read_and_reported(
    profile: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    cls, field = setting_of(name)
    prefix, names = ENVIRONMENTS[profile]
    default = names[name]
    other = (
        {True: "false", False: "true"}[default]
        if isinstance(default, bool)
        else {"WINDOW_TZ": "Asia/Tokyo", "WINDOW_START_HHMM": "01:00", "WINDOW_END_HHMM": "02:00"}.get(
            name, "7" if isinstance(default, int | float) else "word"
        )
    )
    if name == "WINDOW_END_DAY_OFFSET":
        other = "0"
    made = App({"MM_CONFIG": "", prefix + name: other})
    use_profile(made, profile)
    loaded = made.load(cls)
    assert loaded.origins[field.name] == f"variable {prefix}{name}"
    assert f"{prefix}{name} is an earlier name of {field.variable}" in capsys.readouterr().err


@pytest.mark.parametrize("name", [name for _, name in CASES if name not in NO_FLAG])
def test_the_earlier_flag_is_taken_by_a_capture(name: str) -> None:
    flags = {flag for option in command.params for flag in (*option.opts, *option.secondary_opts)}
    _, field = setting_of(name)
    flag = "--" + name.lower().replace("_", "-")
    assert flag in flags
    assert not field.off_flag or flag.replace("--", "--no-", 1) in flags


def test_without_a_prefix_only_the_recorder_reads_variables() -> None:
    for profile in PROFILES:
        cls, field = setting_of("WS_MAX_SESSION_S")
        made = app(profile, {"WS_MAX_SESSION_S": "77"})
        assert (getattr(made.load(cls).value, field.name) == 77.0) == (profile == "recorder")


def test_every_value_of_a_profile_is_a_setting() -> None:
    classes = import_core_sections()
    for name in PROFILES:
        made = app(name)
        for key in PROFILES[name].settings:
            section, _, field = key.rpartition(".")
            assert made.load(classes[section]).origins[field] == f"profile {name}"


# over the wire


@pytest.fixture(scope="module")
def kraken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    with emulated_venue("kraken", tmp_path_factory.mktemp("kraken"), "--rate", "50") as running:
        yield running


@pytest.fixture(scope="module")
def binance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    symbols = ("--symbol", "BTCUSDC", "--symbol", "ETHUSDC")
    with emulated_venue("binance", tmp_path_factory.mktemp("binance"), *symbols, "--rate", "50") as running:
        yield running


@pytest.fixture(scope="module")
def polymarket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    symbols = [word for number in range(5) for word in ("--symbol", str(10**20 + number))]
    folder = tmp_path_factory.mktemp("polymarket")
    with emulated_venue("polymarket", folder, *symbols, "--rate", "20") as running:
        yield running


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Path]:
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        yield tmp_path
    finally:
        os.chdir(before)


def capture(profile: str, *arguments: str, env: dict[str, str] | None = None) -> Result:
    words = ("capture", "--profile", profile, "--run-id", "r", "--max-seconds", "4", *arguments)
    return CliRunner(env=env).invoke(main, words)


def test_bbo_writes_a_csv_of_the_ticker(kraken: Emulated, here: Path) -> None:
    result = capture("bbo", "--endpoint", kraken.endpoint, "--out", "b.csv")
    assert result.exit_code == 0, result.stderr
    with (here / "b.csv").open(newline="") as file:
        header, *rows = list(csv.reader(file))
    assert header[:2] == ["capture_time_utc", "recv_ts_ms"]
    assert rows[0][4] == "BTC/EUR"
    (shard,) = open_run(here / "data" / "runs" / "r").manifest.shards
    assert [(one.instrument, one.channel) for one in shard.subscriptions] == [("kraken:BTC/EUR", "ticker")]


def test_bbo_takes_another_pair_in_any_case_and_names_its_file(kraken: Emulated, here: Path) -> None:
    result = capture("bbo", "--symbol", "btc/eur", "--endpoint", kraken.endpoint)
    assert result.exit_code == 0, result.stderr
    assert [path.name[:19] for path in here.glob("*.csv")] == ["kraken_bbo_latency_"]


def test_the_recorder_records_what_variables_say(binance: Emulated, here: Path) -> None:
    env = {"SYMBOL": "btcusdc", "WINDOW_END_HHMM": "00:00"}
    result = capture("recorder", "--endpoint", binance.endpoint, env=env)
    assert result.exit_code == 0, result.stderr
    assert "SYMBOL is an earlier name of MM_TARGET_SYMBOLS" in result.stderr
    config = open_run(here / "data" / "runs" / "r").manifest.config
    assert config["capture"]["max_session_s"] == {"value": 85800.0, "origin": "profile recorder"}
    assert config["target"]["symbols"]["origin"] == "variable SYMBOL"
    (folder,) = (here / "data" / "binance" / "BTCUSDC").iterdir()
    assert {path.name.partition("_BTCUSDC")[0] for path in folder.glob("*.gz")} >= {
        "events", "gaps", "orderbook_ws_depth", "trades_ws",
    }  # fmt: skip


def test_the_recorder_subscribes_as_many_levels_as_it_writes(kraken: Emulated, here: Path) -> None:
    env = {"SYMBOL": "BTC/EUR", "EXCHANGE": "kraken"}
    result = capture("recorder", "--endpoint", kraken.endpoint, env=env)
    assert result.exit_code == 0, result.stderr
    (shard,) = open_run(here / "data" / "runs" / "r").manifest.shards
    assert shard.subscriptions[0].depth == 25


def test_the_recorder_needs_a_symbol(here: Path) -> None:
    result = capture("recorder")
    assert result.exit_code == 2
    assert "error: --profile recorder needs a symbol" in result.stderr


def test_the_plant_captures_every_market_over_eight_shards(polymarket: Emulated, here: Path) -> None:
    result = capture("plant", "--endpoint", polymarket.endpoint, "--json")
    assert result.exit_code == 0, result.stderr
    document = json.loads(result.stdout)
    assert len(document["instruments"]) == 10
    assert {one["state"] for one in document["instruments"].values()} == {"SYNCED"}
    shards = open_run(here / "data" / "runs" / "r").manifest.shards
    assert [len({one.instrument for one in shard.subscriptions}) for shard in shards] == [2] * 5


def test_a_number_of_shards_that_is_too_small_is_refused_with_one_that_is_not(
    polymarket: Emulated, here: Path
) -> None:
    arguments = ("--ws-shards", "2", "--venue-polymarket-max-assets", "4", "--endpoint", polymarket.endpoint)
    result = capture("plant", *arguments)
    assert result.exit_code == 2
    line = next(line for line in result.stderr.splitlines() if line.startswith("error: "))
    assert "10 instruments of polymarket do not fit on 2 connections of at most 4: --shards 3" in line


def test_two_names_with_two_values_are_refused(here: Path) -> None:
    env = {"PM_DATA_WS_SHARDS": "3", "MM_PLANT_SHARDS": "4"}
    result = capture("plant", env=env)
    assert result.exit_code == 2
    assert "plant.shards is given two values" in result.stderr


def test_out_is_the_file_of_one_profile(here: Path) -> None:
    result = capture("plant", "--out", "x.csv")
    assert result.exit_code == 2
    assert "--out belongs to --profile bbo" in result.stderr
