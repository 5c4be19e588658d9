"""A bundle as a whole: made once, never overwritten, opened or refused in plain words."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import MONO0_NS, WALL0_NS, plain_records, toy_manifest, write_run

from mm_framework.bundle.disk import FolderLock
from mm_framework.bundle.manifest import Manifest
from mm_framework.bundle.run import RunWriter, open_run
from mm_framework.bundle.settings import BundleSettings
from mm_framework.errors import (
    ConfigError,
    CorruptFrame,
    EnvironmentFailed,
    ManifestMismatch,
    MMError,
    StoreError,
)
from mm_framework.model.frame import RecordKind, encode_json, encode_record
from mm_framework.model.instrument import Definition

READ_ONLY_WORKS = os.name != "nt" and os.geteuid() != 0


def record(kind: int, payload: bytes, index: int, connection: int = 0) -> bytes:
    return encode_record(
        kind,
        payload,
        connection=connection,
        index=index,
        mono_ns=MONO0_NS + index + 1,
        wall_ns=WALL0_NS + index,
    )


def interleaved(count: int) -> dict[int, list[bytes]]:
    """Two shards whose stamps alternate."""
    logs: dict[int, list[bytes]] = {0: [], 1: []}
    for number in range(count):
        shard = number * 7 % 3 % 2
        stamp = MONO0_NS + 1 + number
        logs[shard].append(
            encode_record(
                RecordKind.FRAME, b"%d" % number, index=len(logs[shard]), mono_ns=stamp, wall_ns=stamp
            )
        )
    return logs


def test_a_bundle_has_the_files_that_the_reference_names(tmp_path: Path) -> None:
    path = write_run(tmp_path / "runs" / "r1", {0: plain_records(5), 1: []})
    assert sorted(str(p.relative_to(path)) for p in path.rglob("*") if p.is_file()) == [
        ".lock",
        os.path.join("capture", "shard_00.frames"),
        os.path.join("capture", "shard_00.idx"),
        os.path.join("capture", "shard_01.frames"),
        os.path.join("capture", "shard_01.idx"),
        "connections.ndjson",
        "instruments.ndjson",
        "manifest.json",
        "runlog.ndjson",
    ]
    assert open_run(path).manifest.state == "complete"


@pytest.mark.parametrize("threaded", [False, True])
def test_records_of_all_shards_come_back_in_the_order_of_processing(tmp_path: Path, threaded: bool) -> None:
    logs = interleaved(500)
    writer = RunWriter.create(tmp_path / "r", toy_manifest("r", logs), threaded=threaded)
    pending = {shard: list(records) for shard, records in logs.items()}
    for number in range(500):
        shard = number * 7 % 3 % 2
        writer.append(shard, pending[shard].pop(0))
    writer.close()
    read = list(open_run(tmp_path / "r").records())
    assert [bytes(one[32:]) for _, one in read] == [b"%d" % number for number in range(500)]
    assert [shard for shard, _ in read] == [number * 7 % 3 % 2 for number in range(500)]


def test_tables_hold_definitions_connections_and_the_run_log(tmp_path: Path) -> None:
    writer = RunWriter.create(tmp_path / "r", toy_manifest("r"))
    opened = {"url": "ws://x", "transport": "memory", "attempt": 1, "venue": "toy"}
    lost = {"reason": "RESET", "planned": False, "code": None, "detail": "gone"}
    writer.append(0, record(RecordKind.OPEN, encode_json(opened), 0, connection=3))
    writer.append(0, record(RecordKind.FRAME, b"{}", 1, connection=3))
    writer.append(0, record(RecordKind.LOST, encode_json(lost), 2, connection=3))
    definition = Definition(0, 0, "toy:A/B", "A/B", 2, 3)
    writer.definition(definition)
    writer.log({"event": "heartbeat", "n": 1})
    writer.close(result={"records": 3})
    run = open_run(tmp_path / "r")
    assert run.connections() == [
        {**opened, "event": "open", "connection": 3, "shard": 0, "frame": 0,
         "mono_ns": MONO0_NS + 1, "wall_ns": WALL0_NS},
        {**lost, "event": "lost", "connection": 3, "shard": 0, "frame": 2,
         "mono_ns": MONO0_NS + 3, "wall_ns": WALL0_NS + 2},
    ]  # fmt: skip
    assert run.instruments() == [definition.as_json()]
    assert run.runlog() == [{"event": "heartbeat", "n": 1}]
    assert run.manifest.result == {"records": 3}


def test_a_table_line_that_was_cut_is_left_out_and_a_damaged_one_is_named(tmp_path: Path) -> None:
    path = write_run(tmp_path / "r", {0: []})
    (path / "runlog.ndjson").write_bytes(b'{"a":1}\n{"a":2')
    assert open_run(path).runlog() == [{"a": 1}]
    (path / "runlog.ndjson").write_bytes(b'{"a":1}\nrubbish\n{"a":3}\n')
    with pytest.raises(CorruptFrame, match=r"line 2 of .*runlog\.ndjson"):
        open_run(path).runlog()


def test_checkpoints_are_asked_for_when_they_are_due(tmp_path: Path) -> None:
    settings = BundleSettings(checkpoint_interval_s=1)
    writer = RunWriter.create(tmp_path / "r", toy_manifest("r"), settings=settings)
    writer.append(0, record(RecordKind.FRAME, b"", 0))
    assert not writer.checkpoint_due(0, MONO0_NS + 10)
    assert writer.checkpoint_due(0, MONO0_NS + 1 + 10**9)
    writer.append(0, record(RecordKind.CHECKPOINT, b"{}", 1))
    assert not writer.checkpoint_due(0, MONO0_NS + 2)
    writer.close()


def test_the_first_record_of_a_shard_may_have_any_index(tmp_path: Path) -> None:
    writer = RunWriter.create(tmp_path / "r", toy_manifest("r"), first_index={0: 70})
    writer.append(0, record(RecordKind.CHECKPOINT, b"{}", 70))
    writer.close()
    assert len(list(open_run(tmp_path / "r").records())) == 1


def test_an_existing_run_is_refused_and_untouched(tmp_path: Path) -> None:
    path = write_run(tmp_path / "r", {0: plain_records(5)})
    before = {p: p.read_bytes() for p in path.rglob("*") if p.is_file()}
    with pytest.raises(ConfigError, match="exists and is never overwritten: choose another run id"):
        RunWriter.create(path, toy_manifest("r"))
    assert {p: p.read_bytes() for p in path.rglob("*") if p.is_file()} == before


@pytest.mark.skipif(not READ_ONLY_WORKS, reason="permissions do not bind this user")
def test_a_read_only_directory_is_an_environment_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(EnvironmentFailed, match="Permission denied"):
            RunWriter.create(tmp_path / "runs" / "r", toy_manifest("r"))
    finally:
        tmp_path.chmod(0o700)


def test_a_data_directory_that_is_a_file_is_an_environment_error(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(EnvironmentFailed, match="cannot write"):
        RunWriter.create(tmp_path / "data" / "runs" / "r", toy_manifest("r"))


def test_a_bundle_that_cannot_be_begun_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Manifest, folder: Path, disk: object) -> None:
        raise EnvironmentFailed("the disk is full")

    monkeypatch.setattr(Manifest, "write", refuse)
    with pytest.raises(EnvironmentFailed, match="the disk is full"):
        RunWriter.create(tmp_path / "r", toy_manifest("r"))
    assert list(tmp_path.iterdir()) == []


def test_a_bundle_is_locked_while_it_is_written(tmp_path: Path) -> None:
    writer = RunWriter.create(tmp_path / "r", toy_manifest("r"))
    with pytest.raises(EnvironmentFailed, match="is being written by another process"):
        FolderLock(tmp_path / "r")
    assert open_run(tmp_path / "r").manifest.state == "running"
    writer.close()
    FolderLock(tmp_path / "r").release()


def test_what_is_no_bundle_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no run bundle"):
        open_run(tmp_path / "absent")
    (tmp_path / "file").write_text("frames")
    with pytest.raises(StoreError, match="is a file, not a run bundle: `mm import` makes one"):
        open_run(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ManifestMismatch, match="it is no run bundle"):
        open_run(tmp_path / "empty")


def test_half_a_bundle_is_said_in_one_line(tmp_path: Path) -> None:
    path = write_run(tmp_path / "r", {0: plain_records(5), 1: []})
    log = path / "capture" / "shard_01.frames"
    data = log.read_bytes()
    log.unlink()
    with pytest.raises(ManifestMismatch, match=r"is half a bundle: capture/shard_01\.frames .* is missing"):
        open_run(path)
    log.write_bytes(data)
    (path / "capture" / "shard_02.frames").write_bytes(data)
    with pytest.raises(ManifestMismatch, match=r"holds logs of shards \[2\]"):
        open_run(path)
    (path / "capture" / "shard_02.frames").unlink()
    (path / "manifest.json").unlink()
    with pytest.raises(ManifestMismatch, match=r"is half a bundle, it has no manifest\.json"):
        open_run(path)


def test_a_newer_bundle_is_said_in_one_line(tmp_path: Path) -> None:
    path = write_run(tmp_path / "r", {0: []})
    body = json.loads((path / "manifest.json").read_bytes())
    (path / "manifest.json").write_text(json.dumps({**body, "version": 9}))
    with pytest.raises(StoreError, match="has schema 9") as caught:
        open_run(path)
    assert caught.value.exit_code == 4


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_after_any_cut_or_flip_the_reader_gives_a_prefix_or_a_typed_error(
    several: tuple[Path, list[bytes]], data: st.DataObject
) -> None:
    path, records = several
    victim = data.draw(st.sampled_from(sorted(p for p in path.rglob("*") if p.is_file())))
    original = victim.read_bytes()
    changed = bytearray(original)
    if original and data.draw(st.booleans()):
        changed[data.draw(st.integers(0, len(original) - 1))] ^= data.draw(st.integers(1, 255))
    else:
        del changed[data.draw(st.integers(0, len(original))) :]
    victim.write_bytes(changed)
    read: list[bytes] = []
    failed = False
    try:
        for _, record in open_run(path).records():
            read.append(bytes(record))
    except MMError:
        failed = True
    finally:
        victim.write_bytes(original)
    assert read == records[: len(read)]
    if victim.suffix == ".frames" and changed != original:
        assert len(read) < len(records)
    elif not failed:
        assert read == records


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[bytes]]:
    """A run in several segments, and its records."""
    records = plain_records(60, checkpoint_every=10)
    path = tmp_path_factory.mktemp("runs") / "r"
    write_run(path, {0: records}, settings=BundleSettings(segment_max_mib=1 / 1024))
    assert len(open_run(path).shards[0].segments) > 2
    return path, records
