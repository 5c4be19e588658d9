"""Who watches ``mm run``: features in the JSON line, the page of metrics, nobody where nobody is asked."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from logs import write_run
from prometheus_client.parser import text_string_to_metric_families
from toy_plugins import toy_plugins
from toy_socket import toy_socket
from toy_venue import toy_session

from mm_framework.calibrate.features import FEATURES
from mm_framework.cli import main
from mm_framework.cli.app import App
from mm_framework.cli.output import Output

WATCHERS = (
    *("calibrate/chunks.py", "calibrate/collectors.py", "calibrate/features.py"),
    *("calibrate/log.py", "calibrate/run_log.py", "calibrate/ab.py", "calibrate/ab_watch.py"),
    *("calibrate/arms.py", "calibrate/window.py"),
    *("calibrate/market_data.py", "calibrate/md_cache.py"),
)


@pytest.fixture(autouse=True)
def _toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(App, "plugins", toy_plugins())
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run_dir(tmp_path: Path) -> str:
    log = toy_session(("A/EUR", "B/EUR"), seed=1, disconnect_at=120)
    return str(write_run(tmp_path / "recorded", {0: log.records}))


def mm(*arguments: str, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["run", *arguments])
    assert result.exit_code == exit_code, result.output
    return result


def replay(run_dir: str, *arguments: str) -> dict[str, Any]:
    words = ("--mode", "replay", "--run-dir", run_dir, "--stable-json", "--strategy", "trader", *arguments)
    document: dict[str, Any] = json.loads(mm(*words).stdout)
    return document


def test_a_replay_tells_the_features_of_each_symbol(run_dir: str) -> None:
    document = replay(run_dir, "--print-features", "--record", "seen")
    features = document["features"]
    assert set(features) == {"toy:A/EUR", "toy:B/EUR"}
    assert set(features["toy:A/EUR"]["features"]) == set(FEATURES)
    assert sum(one["total_ticks"] for one in features.values()) > document["canonical_events"]
    lines = (Path("data") / "results" / "seen" / "fills.ndjson").read_text().splitlines()
    fills = [json.loads(line) for line in lines]
    for name, one in features.items():
        mine = [fill for fill in fills if fill["market_id"] == name]
        assert one["fills"] == one["taker_fills"] == len(mine) > 0
        assert one["features"]["fill_rate"] == pytest.approx(1.0)
        assert one["features"]["slippage_bps"] > 0  # a taker pays half the spread and the buffer
        assert one["features"]["latency_p95"] is None
        assert 0 <= one["score"] <= 1


def test_the_features_of_a_replay_are_the_same_each_time_and_change_nothing(run_dir: str) -> None:
    words = ("--execution", "queue", "--order-latency-entry-ms", "20")
    first, second = (replay(run_dir, *words, "--print-features") for _ in range(2))
    assert first == second
    features = first.pop("features")
    assert features["toy:A/EUR"]["fills"] > 0
    assert replay(run_dir, *words) == first


def test_settings_reach_the_collectors(run_dir: str) -> None:
    plain = replay(run_dir, "--print-features")["features"]["toy:A/EUR"]
    other = replay(run_dir, "--print-features", "--collectors-alpha", "1", "--scoreboard-net-bps", "0")
    assert other["features"]["toy:A/EUR"]["features"]["liq_top_depth"] != plain["features"]["liq_top_depth"]
    assert other["features"]["toy:A/EUR"]["score"] != plain["score"]
    words = ("--mode", "replay", "--run-dir", run_dir, "--print-features", "--collectors-alpha", "0")
    error = json.loads(mm(*words, exit_code=2).stdout)["error"]
    assert "collectors.alpha" in error
    assert "more than 0 and at most 1" in error


def test_nobody_watches_where_nobody_is_asked_to(run_dir: str) -> None:
    def called(*arguments: str) -> set[str]:
        files: set[str] = set()
        sys.setprofile(lambda frame, event, argument: files.add(frame.f_code.co_filename))
        try:
            replay(run_dir, *arguments)
        finally:
            sys.setprofile(None)
        names = {name.replace("\\", "/") for name in files}
        return {watcher for watcher in WATCHERS if any(name.endswith(watcher) for name in names)}

    replay(run_dir)  # modules are imported now
    assert called() == set()
    assert "calibrate/chunks.py" in called("--print-features")
    assert {"calibrate/market_data.py", "calibrate/md_cache.py"} == called("--md-cache-enabled")


@pytest.fixture
def notes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    told: list[str] = []
    monkeypatch.setattr(Output, "note", lambda self, text: told.append(text))
    return told


class Looker:
    """Reads the page that the notes tell of, until it shows a metric; then the run may end."""

    def __init__(self, notes: list[str], metric: str) -> None:
        self.pages: list[str] = []
        self.url = ""
        self._notes, self._metric = notes, metric
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Looker:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.01):
            self.url = next((note.rpartition(" ")[2] for note in self._notes if "metrics on " in note), "")
            if self.url:
                with contextlib.suppress(OSError), urllib.request.urlopen(self.url, timeout=240) as answer:
                    self.pages.append(answer.read().decode())
            if any(f"\n{self._metric}" in page for page in self.pages):
                os.kill(os.getpid(), signal.SIGINT)
                return


by_itself = pytest.mark.skipif(sys.platform == "win32", reason="no process may send itself SIGINT there")


@by_itself
def test_metrics_are_shown_while_a_live_run_goes_on(notes: list[str]) -> None:
    with toy_socket() as url, Looker(notes, "mm_symbol_total_ticks{") as looker:
        words = (
            "--mode",
            "live",
            "toy:A/EUR",
            "--endpoint",
            url,
            "--strategy",
            "trader",
            "--md-cache-enabled",
        )
        result = mm(*words, "--prometheus-port", "0", "--duration-seconds", "90")
    assert json.loads(result.stdout)["ok"]
    page = looker.pages[-1]
    assert 'mm_symbol_latency_p95{instrument="toy:A/EUR",symbol="A/EUR"}' in page
    assert "mm_md_cache_total_hits " in page
    assert json.loads(result.stdout)["md_cache"]["hits"] > 0
    (told,) = (note for note in notes if "market-data cache" in note)
    assert told.startswith("toy tells no book over REST")
    assert "older than 100 ms" in told
    assert "refused after 50 ms" in told
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(looker.url, timeout=240)


@by_itself
def test_metrics_are_shown_while_a_capture_goes_on(notes: list[str]) -> None:
    with toy_socket() as url, Looker(notes, 'mm_capture_books{state="SYNCED"} 1') as looker:
        words = ("toy:A/EUR", "--endpoint", url, "--prometheus-port", "0", "--max-seconds", "90")
        result = CliRunner().invoke(main, ["capture", *words, "--channel", "book"])
    assert result.exit_code == 0, result.output
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(looker.pages[-1])
        for sample in family.samples
    }
    assert found["mm_capture_connected"] == 1
    assert found["mm_capture_epochs_total"] == 1
    assert found["mm_capture_frames_total"] > 0
    assert found["mm_capture_reconnects_total"] == 0


def test_a_cache_of_a_replay_is_told(run_dir: str) -> None:
    document = replay(run_dir, "--md-cache-enabled", "--print-features")
    assert document["md_cache"]["hits"] > 0
    assert document == replay(run_dir, "--md-cache", "--print-features")


def test_a_port_that_is_taken_ends_the_run_at_once(run_dir: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        words = ("--mode", "replay", "--run-dir", run_dir, "--prometheus-port", port)
        result = mm(*words, exit_code=5)
    assert "choose another --prometheus-port" in json.loads(result.stdout)["error"]
