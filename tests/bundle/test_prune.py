"""Which runs are old, which are never touched, and what a killed removal leaves."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import pytest
import toy_venue as toy

from mm_framework.bundle.disk import FolderLock
from mm_framework.bundle.manifest import MANIFEST, Manifest
from mm_framework.bundle.prune import find_runs, remove_rests, remove_run

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MONTH = timedelta(days=30)


def make(data: Path, run_id: str, created: str, lasted_s: float = 3600, state: str = "complete") -> Path:
    path = toy.write_toy_run(data / "runs" / run_id, {0: toy.toy_session(steps=3)}, state=state)
    manifest = Manifest.read(path)
    result = {"duration_s": lasted_s} if state == "complete" else None
    attrs.evolve(manifest, created=created, result=result).write(path)
    return path


def verdicts(data: Path) -> dict[str, str]:
    return {run.run_id: run.verdict for run in find_runs(data, MONTH, NOW)}


def test_the_age_counts_from_the_end_of_a_run(tmp_path: Path) -> None:
    make(tmp_path, "old", "2026-10-22T10:59:59Z")
    make(tmp_path, "young", "2026-10-22T11:00:00Z")
    make(tmp_path, "long", "2026-10-01T00:00:00Z", lasted_s=40 * 86_400)
    assert verdicts(tmp_path) == {"old": "remove", "young": "keep", "long": "keep"}
    old = next(run for run in find_runs(tmp_path, MONTH, NOW) if run.run_id == "old")
    assert old.age_days == pytest.approx(30.0, abs=0.001)
    assert old.bytes == sum(file.stat().st_size for file in old.path.rglob("*") if file.is_file())


def test_a_file_that_its_writer_replaces_meanwhile_counts_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make(tmp_path, "a", "2026-10-22T11:00:00Z")
    size = find_runs(tmp_path, MONTH, NOW)[0].bytes
    there, is_file = list(path.rglob("*")), Path.is_file
    monkeypatch.setattr(Path, "rglob", lambda folder, pattern: iter([folder / "manifest.json.part", *there]))
    monkeypatch.setattr(Path, "is_file", lambda file: file.suffix == ".part" or is_file(file))
    assert find_runs(tmp_path, MONTH, NOW)[0].bytes == size


def test_what_is_written_was_killed_or_cannot_be_read_stays(tmp_path: Path) -> None:
    written = make(tmp_path, "written", "2020-01-01T00:00:00Z")
    make(tmp_path, "killed", "2020-01-01T00:00:00Z", state="running")
    broken = make(tmp_path, "broken", "2020-01-01T00:00:00Z")
    (broken / MANIFEST).write_text("{", encoding="utf-8")
    lock = FolderLock(written)
    assert verdicts(tmp_path) == {"written": "running", "killed": "crashed", "broken": "unreadable"}
    lock.release()
    assert verdicts(tmp_path)["written"] == "remove"


def test_a_removed_run_is_gone_and_one_that_began_to_be_written_is_not(tmp_path: Path) -> None:
    make(tmp_path, "a", "2020-01-01T00:00:00Z")
    make(tmp_path, "b", "2020-01-01T00:00:00Z")
    first, second = find_runs(tmp_path, MONTH, NOW)
    assert remove_run(first)
    lock = FolderLock(second.path)
    assert not remove_run(second)
    lock.release()
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["b"]


def test_what_a_killed_removal_left_is_no_run_and_goes_with_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "a", "2020-01-01T00:00:00Z")
    (run,) = find_runs(tmp_path, MONTH, NOW)

    def killed(path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", killed)
        with pytest.raises(KeyboardInterrupt):
            remove_run(run)
    assert find_runs(tmp_path, MONTH, NOW) == []
    assert remove_rests(tmp_path) == 1
    assert list((tmp_path / "runs").iterdir()) == []


def test_without_a_data_directory_there_are_no_runs(tmp_path: Path) -> None:
    assert find_runs(tmp_path / "absent", MONTH, NOW) == []
