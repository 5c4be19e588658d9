"""``mm doctor --alive``: exit 0 while a capture of the target speaks, or waits for its window."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest
import toy_venue as toy
from click.testing import CliRunner, Result

from mm_framework.bundle.disk import FolderLock
from mm_framework.bundle.manifest import Manifest
from mm_framework.bundle.tables import RUNLOG
from mm_framework.cli import main


@pytest.fixture
def lock(tmp_path: Path) -> FolderLock:
    """The lock of a run of BTCUSDC, which is being written."""
    path = toy.write_toy_run(tmp_path / "runs" / "r1", {0: toy.toy_session(steps=2)}, state="running")
    config = {"target": {"symbols": {"value": ["BTCUSDC"], "origin": "variable SYMBOL"}}}
    attrs.evolve(Manifest.read(path), config=config).write(path)
    return FolderLock(path)


def alive(data: Path, **env: str) -> Result:
    return CliRunner().invoke(main, ["doctor", "--alive", "60", "--json", "--data-dir", str(data)], env=env)


def test_a_run_that_speaks_is_alive_and_a_silent_one_is_not(tmp_path: Path, lock: FolderLock) -> None:
    result = alive(tmp_path)
    assert result.exit_code == 0
    assert json.loads(result.stdout)["run_id"] == "r1"
    earlier_s = time.time() - 61
    os.utime(tmp_path / "runs" / "r1" / RUNLOG, (earlier_s, earlier_s))
    assert alive(tmp_path).exit_code == 1
    lock.release()
    gone = alive(tmp_path)
    assert gone.exit_code == 1
    assert json.loads(gone.stdout)["found"] == "no run is being written"


def test_several_recorders_in_one_folder_are_told_apart_by_their_symbols(
    tmp_path: Path, lock: FolderLock
) -> None:
    assert alive(tmp_path, SYMBOL="BTCUSDC").exit_code == 0
    assert alive(tmp_path, SYMBOL="ETHUSDC").exit_code == 1
    lock.release()


def test_a_recorder_that_waits_for_its_window_is_alive(tmp_path: Path) -> None:
    start, end = (f"{datetime.now(UTC) + timedelta(hours=hours):%H:%M}" for hours in (2, 4))
    window = {"WINDOW_TZ": "UTC", "WINDOW_END_DAY_OFFSET": "0"}
    waiting = alive(tmp_path, WINDOW_START_HHMM=start, WINDOW_END_HHMM=end, **window)
    assert waiting.exit_code == 0
    assert "waiting for the window" in json.loads(waiting.stdout)["found"]
    start = f"{datetime.now(UTC) - timedelta(hours=1):%H:%M}"
    assert alive(tmp_path, WINDOW_START_HHMM=start, WINDOW_END_HHMM=end, **window).exit_code == 1
