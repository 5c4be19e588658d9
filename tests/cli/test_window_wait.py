"""The window of a capture: the wait before it, its end, and the date of its folders."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from processes import Emulated, emulated_kraken

from mm_framework.bundle.run import open_run
from mm_framework.capture.clock import RealClock
from mm_framework.cli import live, main, window_wait

pytest.importorskip("mm_kraken")

pytestmark = pytest.mark.timeout(300)

TOKYO = ZoneInfo("Asia/Tokyo")


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    with emulated_kraken(tmp_path_factory.mktemp("emulator"), "--rate", "50") as running:
        yield running


def before_five(seconds: float) -> type[RealClock]:
    """The real clock, set so that it is ``seconds`` before 17:00 in Tokyo when it is looked at first."""
    five = int(datetime(2026, 11, 21, 17, tzinfo=TOKYO).timestamp() * 1e9)
    looks: list[int] = []

    class Shifted(RealClock):
        def wall_ns(self) -> int:
            looks.append(time.time_ns())
            return five - round(seconds * 1e9) + looks[-1] - looks[0]

    return Shifted


def test_a_capture_waits_for_its_window(
    emulated: Emulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = before_five(2.0)
    monkeypatch.setattr(window_wait, "RealClock", clock)
    monkeypatch.setattr(live, "RealClock", clock)
    result = CliRunner().invoke(
        main,
        [
            "capture", "kraken:BTC/EUR", "--endpoint", emulated.endpoint, "--run-id", "r1", "--json",
            "--data-dir", str(tmp_path), "--window-tz", "Asia/Tokyo", "--window-start-hhmm", "17:00",
            "--max-seconds", "1",
        ],
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert "waiting for the window of 2026-11-21, which begins at 2026-11-21 17:00:00+09:00" in result.stderr
    assert json.loads(result.stdout)["stopped_by"] == "max_seconds"
    wall0_ns = open_run(tmp_path / "runs" / "r1").manifest.wall0_ns
    assert datetime.fromtimestamp(wall0_ns / 1e9, TOKYO).strftime("%Y-%m-%d %H:%M") == "2026-11-21 17:00"


def test_the_run_ends_at_the_end_of_the_window_with_that_reason(
    emulated: Emulated, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = before_five(3.0)
    monkeypatch.setattr(window_wait, "RealClock", clock)
    monkeypatch.setattr(live, "RealClock", clock)
    result = CliRunner().invoke(
        main,
        [
            "capture", "kraken:BTC/EUR", "--endpoint", emulated.endpoint, "--run-id", "r1", "--json",
            "--data-dir", str(tmp_path), "--window-tz", "Asia/Tokyo", "--window-start-hhmm", "09:00",
            "--window-end-hhmm", "17:00", "--window-end-day-offset", "0",
        ],
    )  # fmt: skip
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["stopped_by"] == "window_end"
    run = open_run(tmp_path / "runs" / "r1")
    assert run.manifest.config["window"]["tz"]["value"] == "Asia/Tokyo"
    assert run.manifest.result is not None
    assert run.manifest.result["stopped_by"] == "window_end"


@pytest.mark.skipif(os.name == "nt", reason="there are no such signals")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_while_waiting_ends_the_run_in_order_and_leaves_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    later, end = ((datetime.now(TOKYO) + timedelta(hours=n)).strftime("%H:%M") for n in (2, 4))
    process = subprocess.Popen(
        [
            sys.executable, "-m", "mm_framework", "capture", "kraken:BTC/EUR", "--json",
            "--data-dir", str(tmp_path), "--window-tz", "Asia/Tokyo", "--window-start-hhmm", later,
            "--window-end-hhmm", end, "--window-end-day-offset", "0",
        ],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stderr is not None
    while "waiting for the window" not in (line := process.stderr.readline()):
        assert line, "the capture ended before it waited"
    process.send_signal(number)
    stdout, _ = process.communicate(timeout=240)
    assert process.returncode == 0
    assert json.loads(stdout) == {"ok": True, "run_id": None, "stopped_by": number.name}
    assert list(tmp_path.iterdir()) == []
