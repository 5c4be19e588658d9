"""A file is replaced as a whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mm_framework.bundle.disk import move_all, replace_file
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
