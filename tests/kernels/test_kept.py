"""Machine code of strategies on disk: found again, and never used when it is not as it was written."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mm_framework.kernels.mode import mode

pytest.importorskip("llvmlite", reason="needs llvmlite, which this platform has no wheel of")
if mode() == "off":
    pytest.skip("MM_KERNELS=off: nothing is compiled", allow_module_level=True)

from mm_framework.kernels import cache, kept
from mm_framework.kernels.native import link

TEXT = """
define i64 @entry(i64 %value) {
  %more = add i64 %value, 7
  ret i64 %more
}
"""
DAMAGE: dict[str, Callable[[Path], object]] = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "emptied": lambda path: path.write_bytes(b""),
    "another file": lambda path: path.write_bytes(b"x" * 100),
    "removed": lambda path: path.unlink(),
}


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """The cache in a folder of its own; the texts that were compiled."""
    folder = cache.KernelCache(tmp_path / "engine", "key")
    monkeypatch.setattr(kept, "current", lambda group: folder)
    texts: list[str] = []
    compile_text = kept._compile

    def told(text: str) -> bytes:
        texts.append(text)
        return compile_text(text)

    monkeypatch.setattr(kept, "_compile", told)
    return texts


def called(code: bytes, value: int) -> int:
    engine = link(code)
    function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(engine.get_function_address("entry"))
    return int(function(value))


def files(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / kept.FOLDER).iterdir())


def test_what_was_compiled_once_is_found_again(compiled: list[str], tmp_path: Path) -> None:
    first, again = kept.machine_code(TEXT), kept.machine_code(TEXT)
    assert (first, compiled) == (again, [TEXT])
    assert called(again, 5) == 12
    other = TEXT.replace("7", "8")
    assert called(kept.machine_code(other), 5) == 13
    assert compiled == [TEXT, other]
    assert len(files(tmp_path)) == 2


def test_another_engine_has_code_of_its_own(
    compiled: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kept.machine_code(TEXT)
    other = cache.KernelCache(tmp_path / "engine", "another key")
    monkeypatch.setattr(kept, "current", lambda group: other)
    kept.machine_code(TEXT)
    assert compiled == [TEXT, TEXT]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_file_that_is_not_as_it_was_written_is_compiled_anew(
    compiled: list[str], tmp_path: Path, damage: str
) -> None:
    kept.machine_code(TEXT)
    (path,) = files(tmp_path)
    DAMAGE[damage](path)
    assert called(kept.machine_code(TEXT), 1) == 8
    assert called(kept.machine_code(TEXT), 1) == 8
    assert compiled == [TEXT, TEXT]


def test_where_nothing_can_be_kept_it_is_compiled_each_time(compiled: list[str], tmp_path: Path) -> None:
    (tmp_path / kept.FOLDER).write_text("a file")
    for _ in range(2):
        assert called(kept.machine_code(TEXT), 1) == 8
    assert compiled == [TEXT, TEXT]


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_a_folder_into_which_others_can_write_is_not_read(compiled: list[str], tmp_path: Path) -> None:
    kept.machine_code(TEXT)
    (tmp_path / kept.FOLDER).chmod(0o777)
    kept.machine_code(TEXT)
    assert compiled == [TEXT, TEXT]
    assert (tmp_path / kept.FOLDER).stat().st_mode & 0o777 == 0o700


def test_files_that_nobody_used_for_long_are_removed(compiled: list[str], tmp_path: Path) -> None:
    kept.machine_code(TEXT)
    (path,) = files(tmp_path)
    used = time.time() - 29 * 86400
    os.utime(path, (used, used))
    kept.machine_code(TEXT)
    assert path.stat().st_mtime > used
    os.utime(path, (1, 1))
    kept.machine_code(TEXT.replace("7", "9"))
    assert path not in files(tmp_path)
    assert len(files(tmp_path)) == 1
