"""Where compiled kernels are kept: what the key covers, what counts as intact, who may write."""

from __future__ import annotations

import os
import pickle
import platform
import shutil
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import attrs
import pytest

from mm_framework.kernels import cache
from mm_framework.kernels.cache import LOCK, STAMP, KernelCache
from mm_framework.kernels.mode import mode

pytest.importorskip("numba", reason="needs numba, which this platform has no wheel of")
if mode() == "off":
    pytest.skip("MM_KERNELS=off: no kernels are kept", allow_module_level=True)

posix = pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")

DAMAGE: dict[str, Callable[[Path], object]] = {
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "emptied": lambda path: path.write_bytes(b""),
    "one bit flipped": lambda path: path.write_bytes(
        bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:]
    ),
    "another pickle": lambda path: path.write_bytes(pickle.dumps({"not": "code"})),
    "removed": lambda path: path.unlink(),
}
CODE = {"a": b"code of a" * 10, "b": b"code of b" * 10}


@pytest.fixture
def folder(tmp_path: Path) -> KernelCache:
    """Two kernels, complete."""
    made = KernelCache(tmp_path / "kernels" / "key", "key")
    assert made.problem() is None
    with made.locked(wait=False):
        stamp = made.prepare()
        for name, code in CODE.items():
            stamp = made.add(stamp, name, 0.25, code)
        made.finish(stamp)
    return made


def test_what_was_finished_is_warm(folder: KernelCache) -> None:
    stamp = folder.warm()
    assert stamp is not None
    assert (stamp.complete, stamp.key, stamp.seconds) == (True, "key", 0.5)
    assert stamp.compiled_at.endswith("Z")
    assert {name: folder.code(name) for name in stamp.kernels} == CODE
    assert folder.code("c") is None


@pytest.mark.parametrize("name", CODE)
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_is_never_offered_and_only_its_kernel_is_lost(
    folder: KernelCache, name: str, damage: str
) -> None:
    DAMAGE[damage](folder.path / f"{name}.o")
    assert folder.warm() is None
    assert folder.code(name) is None
    stamp = folder.prepare()
    other = "b" if name == "a" else "a"
    assert set(stamp.kernels) == {other}
    assert folder.code(other) == CODE[other]
    assert {path.name for path in folder.path.iterdir()} == {LOCK, STAMP, f"{other}.o"}


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"null", b"[1]", b'{"key": "key"}', b"\xff\xfe", pickle.dumps("stamp"), b'{"kernels": 3}'],
)
def test_a_stamp_that_cannot_be_read_is_no_stamp(folder: KernelCache, content: bytes) -> None:
    (folder.path / STAMP).write_bytes(content)
    assert folder.warm() is None
    assert folder.prepare().kernels == {}
    assert {path.name for path in folder.path.iterdir()} == {LOCK, STAMP}


def test_the_stamp_of_another_key_is_no_stamp(folder: KernelCache) -> None:
    assert KernelCache(folder.path, "another").warm() is None


def test_an_attempt_that_ended_early_is_completed_and_its_rest_removed(tmp_path: Path) -> None:
    folder = KernelCache(tmp_path / "key", "key")
    assert folder.problem() is None
    first = folder.prepare()
    folder.add(first, "a", 1.0, b"code")
    (folder.path / "b.o.123").write_bytes(b"half")
    assert folder.warm() is None
    assert set(folder.prepare().kernels) == {"a"}
    assert {path.name for path in folder.path.iterdir()} == {STAMP, "a.o"}
    assert folder.prepare(anew=True).kernels == {}
    assert {path.name for path in folder.path.iterdir()} == {STAMP}


def test_a_kernel_whose_code_cannot_be_written_is_not_recorded(folder: KernelCache) -> None:
    stamp = folder.prepare()
    (folder.path / "c.o").mkdir()
    with pytest.raises(IsADirectoryError if os.name == "posix" else PermissionError):
        folder.add(stamp, "c", 1.0, b"code")
    assert folder.code("c") is None
    assert folder.warm() is None


def test_one_holds_the_lock_and_another_waits_or_leaves(folder: KernelCache) -> None:
    order = []

    def wait() -> None:
        with folder.locked(wait=True) as mine:
            order.append(("waited", mine))

    waiter = threading.Thread(target=wait)
    with folder.locked(wait=False) as mine:
        assert mine
        with folder.locked(wait=False) as second:
            assert not second
        waiter.start()
        waiter.join(0.2)
        assert waiter.is_alive()
        order.append(("released", True))
    waiter.join(240)
    assert order == [("released", True), ("waited", True)]


@posix
def test_a_folder_is_the_users_own(folder: KernelCache) -> None:
    assert folder.path.stat().st_mode & 0o777 == 0o700
    folder.path.chmod(0o777)
    assert folder.warm() is None
    assert folder.code("a") is None
    assert folder.problem() is None
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert folder.warm() is not None


@posix
def test_the_folder_of_another_user_is_not_trusted(
    folder: KernelCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    if folder.path.stat().st_uid == 0:
        os.chown(folder.path, 12345, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 12345)
    assert folder.warm() is None
    assert folder.problem() == f"{folder.path} belongs to another user, or others can write there"


def test_a_folder_that_cannot_be_made_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    folder = KernelCache(tmp_path / "file" / "key", "key")
    assert str(folder.path) in (folder.problem() or "")
    assert folder.warm() is None


def test_folders_that_nobody_used_for_long_are_removed(folder: KernelCache) -> None:
    ages = {"old": 31, "recent": 29}
    for name, days in ages.items():
        other = KernelCache(folder.path.parent / name, name)
        assert other.problem() is None
        other.write(attrs.evolve(other.add(other.prepare(), "a", 7.0, b"code"), complete=True))
        used = time.time() - days * 86400
        os.utime(other.path / STAMP, (used, used))
    foreign = folder.path.parent / "not ours"
    shutil.copytree(folder.path.parent / "old", foreign)
    os.utime(foreign / STAMP, (0, 0))
    folder.finish(folder.prepare())
    assert {path.name for path in folder.path.parent.iterdir()} == {"key", "recent", "not ours"}
    assert folder.expected_s() == 7.0


def test_loading_marks_a_folder_as_used(folder: KernelCache) -> None:
    os.utime(folder.path / STAMP, (0, 0))
    folder.touch()
    assert (folder.path / STAMP).stat().st_mtime > 0
    (folder.path / STAMP).unlink()
    folder.touch()  # nothing to mark, nothing to complain about
    assert folder.expected_s() is None


def key() -> str:
    return str(cache.key.__wrapped__())


def test_the_key_is_short_and_stands_for_the_same_every_time() -> None:
    assert key() == cache.key() == cache.current().key == cache.current().path.name
    assert len(key()) == 20


@pytest.mark.parametrize(
    "part", ["mode", "numba", "llvmlite", "numpy", "python", "machine", "cpu", "features"]
)
def test_the_key_covers_what_the_code_depends_on(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    from llvmlite import binding

    before, version = key(), cache.importlib.metadata.version
    changes: dict[str, tuple[object, str, object]] = {
        "mode": (cache, "mode", lambda: "another"),
        "python": (platform, "python_version", lambda: "3.99.0"),
        "machine": (platform, "machine", lambda: "pdp11"),
        "cpu": (binding, "get_host_cpu_name", lambda: "i486"),
        "features": (cache, "_cpu_features", lambda: "-sse"),
    }
    if part in changes:
        monkeypatch.setattr(*changes[part])
    else:
        monkeypatch.setattr(
            cache.importlib.metadata, "version", lambda name: "0.0" if name == part else version(name)
        )
    assert key() != before


def test_the_key_covers_what_tells_numba_to_make_other_code(monkeypatch: pytest.MonkeyPatch) -> None:
    before = key()
    monkeypatch.setenv("NUMBA_OPT", "0")
    assert key() != before


@pytest.mark.parametrize("edited", ["kernels/memory.py", "kernels/jit.py", "model/fixed.py"])
def test_any_edit_of_a_source_is_another_key(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, edited: str
) -> None:
    package = Path(cache.__file__).parent
    for name in ("kernels", "model"):
        shutil.copytree(package.parent / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(cache, "__file__", str(tmp_path / "kernels" / "cache.py"))
    before = cache.source_hash()
    with (tmp_path / edited).open("a") as file:
        file.write("# one more line\n")
    assert cache.source_hash() != before
    (tmp_path / "kernels" / "added.py").write_text("")
    assert len({before, cache.source_hash()}) == 2


def test_the_folder_is_the_one_that_is_asked_for(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MM_KERNEL_CACHE", str(tmp_path))
    assert cache.current.__wrapped__().path == tmp_path / cache.key()
    monkeypatch.setenv("MM_KERNEL_CACHE", "")
    if sys.platform == "linux":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        assert cache.current.__wrapped__().path == tmp_path / "mm-framework" / "kernels" / cache.key()
