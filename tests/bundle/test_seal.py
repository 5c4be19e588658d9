"""Sealed segments: read as before, damaged without harm to the rest, sealed again after a kill anywhere."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import toy_venue as toy
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.bundle import seal as seal_module
from mm_framework.bundle import sealed as sealed_module
from mm_framework.bundle.disk import FolderLock
from mm_framework.bundle.recover import recover
from mm_framework.bundle.run import CAPTURE, open_run
from mm_framework.bundle.seal import SEAL, read_seal, seal, unseal
from mm_framework.bundle.sealed import SEAL_BLOCK_BYTES, SealedFile, sealed_path, write_sealed
from mm_framework.bundle.settings import BundleSettings
from mm_framework.bundle.verify import verify
from mm_framework.errors import ConfigError, CorruptFrame, EnvironmentFailed, SchemaMismatch
from mm_framework.store.inputs import find_source

SMALL = BundleSettings(segment_max_mib=0.02)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of several segments on two shards."""
    logs = {
        shard: toy.toy_session(steps=400, seed=shard + 1, shard=shard, checkpoint_every=40)
        for shard in (0, 1)
    }
    return toy.write_toy_run(tmp_path / "runs" / "r1", logs, settings=SMALL)


def records(run: Path) -> list[tuple[int, bytes]]:
    return [(shard, bytes(record)) for shard, record in open_run(run).records()]


def segments(run: Path) -> list[Path]:
    return sorted((run / CAPTURE).glob("*.frames"))


def seals(run: Path) -> list[Path]:
    return sorted((run / CAPTURE).glob("*.zst"))


def test_a_sealed_run_reads_as_before_in_every_way(run: Path) -> None:
    before, source = records(run), find_source(run).fingerprint()
    report = verify(open_run(run), toy.toy_kits())
    names = [path.name for path in segments(run)]
    assert len(names) > 4
    sealed = seal(run)
    assert segments(run) == []
    assert [path.name for path in seals(run)] == [f"{name}.zst" for name in names]
    assert sorted(sealed.changed) == names
    assert records(run) == before
    assert find_source(run).fingerprint() == source
    again = verify(open_run(run), toy.toy_kits())
    assert again.ok
    assert again.to_json() == report.to_json()


def test_a_seal_that_names_another_hash_is_found(run: Path) -> None:
    """The bytes are whole, and what the seal says of them is not."""
    seal(run)
    assert verify(open_run(run), toy.toy_kits()).ok
    path = seals(run)[0]
    data = bytearray(path.read_bytes())
    data[34] ^= 1
    path.write_bytes(data)
    report = verify(open_run(run), toy.toy_kits())
    assert not report.ok
    assert [failure.what for failure in report.failures] == ["seal"]


def test_both_hashes_are_noted(run: Path) -> None:
    raw = {path.name: path.read_bytes() for path in segments(run)}
    seal(run)
    for name, noted in read_seal(run).items():
        assert noted.raw_sha256 == hashlib.sha256(raw[name]).hexdigest()
        packed = sealed_path(run / CAPTURE / name).read_bytes()
        assert noted.sealed_sha256 == hashlib.sha256(packed).hexdigest()
        assert (noted.raw_bytes, noted.sealed_bytes) == (len(raw[name]), len(packed))


def test_unsealing_gives_the_same_files_back(run: Path) -> None:
    before = {path.name: path.read_bytes() for path in segments(run)}
    seal(run)
    assert len(unseal(run).changed) == len(before)
    assert {path.name: path.read_bytes() for path in segments(run)} == before
    assert (seals(run), read_seal(run)) == ([], {})


def test_a_second_call_changes_nothing(run: Path) -> None:
    seal(run)
    files = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert seal(run).changed == ()
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == files


class Killed(Exception):
    pass


def kill_before(call: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the ``call``-th step that changes the disk not happen, nor any after it."""
    left = [call]

    def guarded(function: Callable[..., object]) -> Callable[..., object]:
        def step(*args: object, **kwargs: object) -> object:
            left[0] -= 1
            if left[0] < 0:
                raise Killed
            return function(*args, **kwargs)

        return step

    monkeypatch.setattr(Path, "unlink", guarded(Path.unlink))
    monkeypatch.setattr(Path, "replace", guarded(Path.replace))
    monkeypatch.setattr(os, "fsync", guarded(os.fsync))
    for module in (seal_module, sealed_module):
        monkeypatch.setattr(module, "sync_folder", guarded(module.sync_folder))


@pytest.mark.parametrize("undo", [False, True])
def test_a_kill_between_any_two_steps_loses_nothing(
    run: Path, monkeypatch: pytest.MonkeyPatch, undo: bool
) -> None:
    before = records(run)
    if undo:
        seal(run)
    work = unseal if undo else seal
    copy = run.parent / "copies" / run.name
    for call in range(200):
        shutil.copytree(run, copy)
        with monkeypatch.context() as patched:
            kill_before(call, patched)
            try:
                work(copy)
                over = True
            except Killed:
                over = False
        assert records(copy) == before
        work(copy)
        assert records(copy) == before
        assert bool(segments(copy)) is undo
        assert not list((copy / CAPTURE).glob("*.part"))
        shutil.rmtree(copy)
        if over:
            break
    assert over
    assert call > 20


def test_a_damaged_block_costs_its_records_only(tmp_path: Path) -> None:
    log = toy.toy_session(steps=3000, checkpoint_every=100)
    run = toy.write_toy_run(tmp_path / "runs" / "r1", {0: log})
    seal(run)
    (path,) = seals(run)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(data)
    report = verify(open_run(run), toy.toy_kits())
    assert not report.ok
    assert report.crc_mismatch >= 1
    (reader,) = open_run(run).shards
    seen = sum(1 for stretch in reader.stretches() for _ in stretch.blocks())
    assert seen > 0
    with pytest.raises(CorruptFrame, match="does not give back what was sealed"):
        unseal(run)
    with pytest.raises(CorruptFrame, match="a seal cannot be cut"):
        recover(run, toy.toy_kits())


@pytest.mark.parametrize("cut", [0, 10, 60, -1, -200])
def test_a_seal_without_its_head_or_table_is_a_clear_error(run: Path, cut: int) -> None:
    seal(run)
    path = seals(run)[0]
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(CorruptFrame, match="is damaged as a sealed segment"):
        open_run(run)


def test_a_seal_whose_block_unpacks_too_far_is_refused_unread(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """64 MiB of zeros as one block, some kB on the disk."""
    seal(run)
    bomb = tmp_path / "bomb.frames"
    bomb.write_bytes(bytes(64 << 20))
    with monkeypatch.context() as patched:
        patched.setattr(sealed_module, "SEAL_BLOCK_BYTES", 64 << 20)
        write_sealed(bomb)
    path = seals(run)[0]
    sealed_path(bomb).replace(path)
    assert path.stat().st_size < 10_000
    with pytest.raises(
        CorruptFrame, match=rf"{path.name} is damaged .* holds 67108864 bytes, at most 262144"
    ):
        open_run(run)


def test_a_seal_of_a_newer_release_is_told(run: Path) -> None:
    seal(run)
    path = seals(run)[0]
    data = bytearray(path.read_bytes())
    data[16] = 9
    path.write_bytes(data)
    with pytest.raises(SchemaMismatch, match="seal format 9"):
        open_run(run)


def test_a_run_that_is_written_was_killed_or_is_damaged_is_not_sealed(run: Path, tmp_path: Path) -> None:
    lock = FolderLock(run)
    with pytest.raises(EnvironmentFailed, match="is being written"):
        seal(run)
    lock.release()
    killed = toy.write_toy_run(tmp_path / "runs" / "r2", {0: toy.toy_session(steps=20)}, state="running")
    with pytest.raises(ConfigError, match="mm recover"):
        seal(killed)
    path = segments(run)[0]
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptFrame):
        seal(run)
    assert seals(run) == []
    assert not (run / SEAL).exists()


@pytest.mark.skipif(shutil.which("zstd") is None, reason="no zstd program")
def test_the_zstd_program_gives_a_segment_back(run: Path, tmp_path: Path) -> None:
    path = segments(run)[0]
    before = path.read_bytes()
    seal(run)
    out = tmp_path / "out"
    subprocess.run(["zstd", "-q", "-d", str(sealed_path(path)), "-o", str(out)], check=True)
    assert out.read_bytes() == before


def test_any_part_of_a_sealed_file_is_that_of_the_segment(tmp_path: Path) -> None:
    data = random.Random(5).randbytes(SEAL_BLOCK_BYTES * 3 + 777)
    path = tmp_path / "shard_00.frames"
    path.write_bytes(data)
    noted = write_sealed(path)
    assert noted.raw_bytes == len(data)
    with SealedFile(sealed_path(path)) as file:
        assert file.read() == data
        check_parts(file, data)


def check_parts(file: SealedFile, data: bytes) -> None:
    @given(st.integers(0, len(data) + 10), st.integers(0, SEAL_BLOCK_BYTES * 2))
    def part(start: int, size: int) -> None:
        assert file.seek(start) == start
        assert file.read(size) == data[start : start + size]

    part()


def test_an_empty_segment_is_sealed_too(tmp_path: Path) -> None:
    path = tmp_path / "shard_00.frames"
    path.write_bytes(b"")
    assert write_sealed(path).raw_bytes == 0
    with SealedFile(sealed_path(path)) as file:
        assert file.read(10) == b""
