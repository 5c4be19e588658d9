"""A file is replaced as a whole or not at all; a folder has one writer, and any number may look."""

from __future__ import annotations

import errno
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import BinaryIO

import pytest

from mm_framework.bundle import disk
from mm_framework.bundle.disk import FolderLock, move_all, replace_file, writing
from mm_framework.errors import EnvironmentFailed


def test_a_disk_that_fails_leaves_the_old_file_and_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "manifest.json"
    replace_file(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EnvironmentFailed, match="No space left on device"):
        replace_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["manifest.json"]


def test_several_files_are_moved_or_none(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1")
    two.write_text("2")
    with pytest.raises(OSError, match="absent"):
        move_all({one: tmp_path / "a", two: tmp_path / "absent" / "b"})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]
    move_all({one: tmp_path / "a", two: tmp_path / "b"})
    assert [(tmp_path / name).read_text() for name in "ab"] == ["1", "2"]


def test_of_writers_that_begin_together_one_writes(tmp_path: Path) -> None:
    def take(begin: threading.Barrier) -> FolderLock | None:
        begin.wait()
        try:
            return FolderLock(tmp_path)
        except EnvironmentFailed:
            return None

    with ThreadPoolExecutor(3) as pool:
        for _ in range(30):
            begin = threading.Barrier(3)
            taken = [lock for lock in pool.map(take, [begin] * 3) if lock is not None]
            assert len(taken) == 1
            taken[0].release()


def test_a_look_leaves_nothing_behind(tmp_path: Path) -> None:
    assert not FolderLock.is_held(tmp_path)
    assert not FolderLock.is_held(tmp_path / "absent")
    assert list(tmp_path.iterdir()) == []


def test_a_look_sees_a_writer_and_no_other_look(tmp_path: Path) -> None:
    lock = FolderLock(tmp_path)
    assert FolderLock.is_held(tmp_path)
    lock.release()
    with looking(tmp_path):
        assert not FolderLock.is_held(tmp_path)


def test_a_writer_waits_for_those_who_look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As `mm seal` beside servers that ask all the time whether the run is being written."""
    FolderLock(tmp_path).release()
    look = looking(tmp_path)
    ask = disk._is_a_writers

    def ask_and_end_the_look(file: BinaryIO) -> bool:
        with look:
            return ask(file)

    monkeypatch.setattr(disk, "_is_a_writers", ask_and_end_the_look)
    FolderLock(tmp_path).release()
    assert look.closed


def test_a_look_without_end_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "LOOK_WAIT_S", 0.01)
    FolderLock(tmp_path).release()
    with looking(tmp_path), pytest.raises(EnvironmentFailed, match="is being written by another process"):
        FolderLock(tmp_path)
    FolderLock(tmp_path).release()


def looking(folder: Path) -> BinaryIO:
    """The file of a look that has begun; the look ends when it is closed."""
    fcntl = pytest.importorskip("fcntl", reason="Windows has no shared locks")
    file = (folder / ".lock").open("rb")
    fcntl.flock(file, fcntl.LOCK_SH)
    return file


def test_too_many_open_files_are_not_blamed_on_the_disk(tmp_path: Path) -> None:
    told = pytest.raises(EnvironmentFailed, match=r"Too many open files; raise the limit \(ulimit -n\)")
    with told, writing(tmp_path):
        raise OSError(errno.EMFILE, "Too many open files")
