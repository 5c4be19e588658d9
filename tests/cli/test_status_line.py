"""The status of a live run: a bottom line on a terminal, a log line now and then elsewhere."""

from __future__ import annotations

import logging
import sys

import pytest

from mm_framework.bundle.latency import LatencyTally
from mm_framework.capture.heartbeat import Beat
from mm_framework.capture.telemetry import Status
from mm_framework.cli import status_line
from mm_framework.cli.app import App
from mm_framework.cli.output import Output
from mm_framework.cli.status_line import telling

STATUS = Status(
    elapsed_s=12.4,
    frames=3000,
    frames_per_s=250.4,
    checksums_verified=2900,
    checksums_failed=1,
    gaps=0,
    epochs=2,
    connected=1,
    reconnects=1,
    states={"RESYNCING": 1, "SYNCED": 3},
)
BEAT = Beat(STATUS, {}, {}, {}, 0, {}, LatencyTally())
TEXT = (
    "12 s  3000 frames (250/s)  checksums 2900 good, 1 bad  1 RESYNCING, 3 SYNCED  1 connected, 1 reconnects"
)


def test_on_a_terminal_the_line_is_rewritten_and_gives_way_to_log_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with telling(App({}, out=Output()), "r") as tell:
        tell(BEAT)
        status_line.logger.warning("lost")
        tell(BEAT)
    assert capsys.readouterr().err == f"\r\x1b[2K{TEXT}\r\x1b[2K\r\x1b[2K{TEXT}\r\x1b[2K"
    status_line.logger.warning("later")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("live", [False, True])
def test_elsewhere_a_log_line_comes_every_few_seconds(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, live: bool
) -> None:
    caplog.set_level(logging.INFO)
    now_s = 100.0
    monkeypatch.setattr(status_line.time, "monotonic", lambda: now_s)
    with telling(App({}, out=Output()), "r", live=live) as tell:
        for _ in range(11):
            tell(BEAT)
            now_s += 1.0
    assert [record.message for record in caplog.records] == [TEXT] * 2
    assert caplog.records[0].frames == 3000  # type: ignore[attr-defined]  # bound by extra


def test_a_quiet_run_tells_nothing(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    with telling(App({}, out=Output(quiet=True)), "r") as tell:
        tell(BEAT)
    assert caplog.records == []
    assert capsys.readouterr().err == ""
