"""The status of a live run: a bottom line on a terminal, a log line now and then elsewhere."""

from __future__ import annotations

import logging
import sys

import pytest

from mm_framework.capture.telemetry import Status
from mm_framework.cli import live
from mm_framework.cli.app import App
from mm_framework.cli.output import Output

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
TEXT = (
    "12 s  3000 frames (250/s)  checksums 2900 good, 1 bad  1 RESYNCING, 3 SYNCED  1 connected, 1 reconnects"
)


def test_on_a_terminal_the_line_is_rewritten_and_gives_way_to_log_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with live._status_line(App({}, out=Output())) as tell:
        tell(STATUS)
        live.logger.warning("lost")
        tell(STATUS)
    assert capsys.readouterr().err == f"\r\x1b[2K{TEXT}\r\x1b[2K\r\x1b[2K{TEXT}\r\x1b[2K"
    live.logger.warning("later")
    assert capsys.readouterr().err == ""


def test_elsewhere_a_log_line_comes_every_few_seconds(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    now_s = 100.0
    monkeypatch.setattr(live.time, "monotonic", lambda: now_s)
    with live._status_line(App({}, out=Output())) as tell:
        for _ in range(11):
            tell(STATUS)
            now_s += 1.0
    assert [record.message for record in caplog.records] == [TEXT] * 2
    assert caplog.records[0].frames == 3000  # type: ignore[attr-defined]  # bound by extra


def test_a_quiet_run_tells_nothing(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.INFO)
    with live._status_line(App({}, out=Output(quiet=True))) as tell:
        tell(STATUS)
    assert caplog.records == []
    assert capsys.readouterr().err == ""
