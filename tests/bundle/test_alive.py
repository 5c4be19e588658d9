"""Which run of a data directory is being written, and when it spoke last."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import toy_venue as toy

from mm_framework.bundle.alive import living_run
from mm_framework.bundle.disk import FolderLock
from mm_framework.bundle.tables import RUNLOG


def make(runs: Path, run_id: str, spoke_s: float, state: str = "running") -> Path:
    path = toy.write_toy_run(runs / run_id, {0: toy.toy_session(steps=2)}, state=state)
    os.utime(path / RUNLOG, (spoke_s, spoke_s))
    return path


def test_of_the_runs_that_are_written_the_last_to_speak(tmp_path: Path) -> None:
    locks = [FolderLock(make(tmp_path, name, spoke)) for name, spoke in (("a", 1000.0), ("b", 1030.0))]
    make(tmp_path, "killed", 1050.0)
    run = living_run(tmp_path, 1060.0)
    assert run is not None
    assert (run.run_id, run.silent_s) == ("b", pytest.approx(30.0, abs=0.01))
    chosen = living_run(tmp_path, 1060.0, lambda manifest: manifest.run_id == "a")
    assert chosen is not None
    assert chosen.silent_s == pytest.approx(60.0, abs=0.01)
    for lock in locks:
        lock.release()
    assert living_run(tmp_path, 1060.0) is None


def test_a_run_that_is_over_or_unreadable_is_not_alive(tmp_path: Path) -> None:
    lock = FolderLock(make(tmp_path, "over", 1.0, state="complete"))
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "manifest.json").write_text("[", encoding="utf-8")
    assert living_run(tmp_path, 2.0) is None
    assert living_run(tmp_path / "absent", 2.0) is None
    lock.release()
