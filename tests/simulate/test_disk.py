from __future__ import annotations

import errno
import random
from pathlib import Path

import pytest

from mm_framework.bundle.disk import AppendFile, replace_file
from mm_framework.errors import EnvironmentFailed
from mm_framework.simulate.disk import Image, SimulatedDisk

ROOT = Path("/d")


def disk(seed: int = 0) -> SimulatedDisk:
    made = SimulatedDisk(random.Random(seed))
    made.make_folder(ROOT, parents=True)
    return made


def test_a_kill_leaves_what_was_written_and_a_power_loss_what_was_forced() -> None:
    made = disk()
    file = AppendFile(ROOT / "f", made)
    made.sync_folder(ROOT)
    file.write(b"kept " * 200)
    file.sync()
    file.write(b"lost " * 200)
    assert made.kill().files[ROOT / "f"] == b"kept " * 200 + b"lost " * 200
    whole = b"kept " * 200 + b"lost " * 200
    left = [made.power_loss().files[ROOT / "f"] for _ in range(50)]
    assert all(one.startswith(b"kept " * 200) and len(one) <= len(whole) for one in left)
    assert len({len(one) for one in left}) > 10, "ends lie anywhere"
    assert any(one != whole[: len(one)] for one in left), "sectors may be missing in the midst"


def test_a_file_without_a_name_on_the_disk_may_be_gone() -> None:
    made = disk()
    AppendFile(ROOT / "f", made).sync()
    there = {ROOT / "f" in made.power_loss().files for _ in range(50)}
    assert there == {True, False}
    made.sync_folder(ROOT)
    assert all(ROOT / "f" in made.power_loss().files for _ in range(50))


def test_a_replaced_file_is_the_old_one_or_the_new_one() -> None:
    made = disk()
    replace_file(ROOT / "m", b"old", made)
    caught: list[Image] = []
    made.tear(lambda: caught.extend([made.kill(), made.power_loss()]))
    replace_file(ROOT / "m", b"new", made)
    assert [image.files[ROOT / "m"] for image in caught] == [b"old", b"old"]
    assert made.power_loss().files == {ROOT / "m": b"new"}


def test_a_torn_write_is_caught_half_done_and_goes_on() -> None:
    parts = set()
    for seed in range(30):
        made = disk(seed)
        file = AppendFile(ROOT / "f", made)
        file.write(b"abc")
        made.tear(lambda made=made: parts.add(made.kill().files[ROOT / "f"]))  # type: ignore[misc]
        file.write(b"defgh")
        assert made.kill().files[ROOT / "f"] == b"abcdefgh"
    assert parts == {b"abcdefgh"[:n] for n in range(3, 9)}


def test_a_full_disk_takes_what_fits() -> None:
    made = disk()
    file = AppendFile(ROOT / "f", made)
    made.room = 4
    with pytest.raises(EnvironmentFailed, match=r"cannot write /d/f: No space left"):
        file.write(b"abcdefgh")
    assert made.kill().files[ROOT / "f"] == b"abcd"
    with pytest.raises(EnvironmentFailed):
        replace_file(ROOT / "m", b"x", made)


def test_a_disk_that_fails_to_sync_says_so() -> None:
    made = disk()
    file = AppendFile(ROOT / "f", made)
    made.failing = True
    file.write(b"x")
    with pytest.raises(EnvironmentFailed, match="Input/output error"):
        file.sync()


def test_a_removed_folder_takes_no_new_file_and_open_ones_go_on() -> None:
    made = disk()
    made.make_folder(ROOT / "run")
    file = AppendFile(ROOT / "run" / "f", made)
    made.remove(ROOT / "run")
    file.write(b"into the void")
    file.sync()
    assert made.kill().files == {}
    with pytest.raises(OSError, match="No such file") as caught:
        made.create(ROOT / "run" / "g")
    assert caught.value.errno == errno.ENOENT


def test_names_and_locks_are_taken_once(tmp_path: Path) -> None:
    made = disk()
    AppendFile(ROOT / "f", made)
    with pytest.raises(EnvironmentFailed, match="File exists"):
        AppendFile(ROOT / "f", made)
    with pytest.raises(FileExistsError):
        made.make_folder(ROOT)
    lock = made.lock(ROOT)
    with pytest.raises(EnvironmentFailed, match="is being written by another process"):
        made.lock(ROOT)
    lock.release()
    made.lock(ROOT)
    made.kill().write_to(tmp_path)
    assert (tmp_path / "d" / "f").read_bytes() == b""
