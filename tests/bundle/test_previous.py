"""Which run a new one goes on from."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
import toy_venue as toy

from mm_framework.bundle.disk import FolderLock
from mm_framework.bundle.manifest import MANIFEST, Manifest, ShardInfo
from mm_framework.bundle.previous import killed_run
from mm_framework.contracts.adapter import Subscription


def make(runs: Path, run_id: str, at: int, state: str, symbol: str = "A/B") -> Path:
    path = toy.write_toy_run(runs / run_id, {0: toy.toy_session(steps=2)}, state="running")
    shards = (ShardInfo(0, "toy", (Subscription(f"toy:{symbol}", symbol, "book"),)),)
    attrs.evolve(Manifest.read(path), wall0_ns=at, state=state, shards=shards).write(path)
    return path


def test_the_newest_run_of_the_instrument_counts(tmp_path: Path) -> None:
    make(tmp_path, "first", 1, "running")
    assert killed_run(tmp_path, ["toy:A/B"]) == "first"
    make(tmp_path, "other", 3, "running", "C/D")
    assert killed_run(tmp_path, ["toy:A/B", "toy:E/F"]) == "first"
    make(tmp_path, "second", 2, "complete")
    assert killed_run(tmp_path, ["toy:A/B"]) is None
    make(tmp_path, "third", 4, "recovered")
    assert killed_run(tmp_path, ["toy:A/B"]) == "third"


def test_a_run_that_is_written_and_what_is_no_run_are_passed_over(tmp_path: Path) -> None:
    make(tmp_path, "first", 1, "running")
    lock = FolderLock(make(tmp_path, "now", 2, "running"))
    (tmp_path / "half").mkdir()
    (tmp_path / "half" / "manifest.json").write_text("{", encoding="utf-8")
    assert killed_run(tmp_path, ["toy:A/B"]) == "first"
    lock.release()
    assert killed_run(tmp_path, ["toy:A/B"]) == "now"


def test_without_runs_there_is_none(tmp_path: Path) -> None:
    assert killed_run(tmp_path / "absent", ["toy:A/B"]) is None


def test_a_run_that_is_removed_meanwhile_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = make(tmp_path, "first", 1, "running") / MANIFEST
    monkeypatch.setattr(Path, "glob", lambda runs, pattern: iter([runs / "pruned" / MANIFEST, there]))
    assert killed_run(tmp_path, ["toy:A/B"]) == "first"
