"""The tail of a growing log: over segments, from the newest checkpoint, with a record that is half there."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from mm_framework.bundle.frames import LogWriter
from mm_framework.bundle.segment import iter_encoded, segment_name
from mm_framework.bundle.settings import BundleSettings
from mm_framework.bundle.tail import Tail
from mm_framework.errors import CorruptFrame, ManifestMismatch
from mm_framework.model.frame import HEADER, RecordKind, encode_record

TINY = BundleSettings(segment_max_mib=0, flush_records=3)
"""Every checkpoint begins a segment."""


def record(index: int, kind: int = RecordKind.TICK, payload: bytes = b"x" * 40) -> bytes:
    return encode_record(kind, payload, index=index, mono_ns=1000 + index, wall_ns=0)


def log(folder: Path, settings: BundleSettings = TINY) -> LogWriter:
    folder.mkdir(exist_ok=True)
    return LogWriter(folder, 0, wall0_ns=0, mono0_ns=0, settings=settings)


def indexes(tail: Tail, size: int = 1 << 20) -> list[int]:
    found: list[int] = []
    while len(block := tail.read(size)):
        found += [HEADER.unpack_from(one)[5] for one in iter_encoded(block)]
    return found


def test_a_tail_beside_a_writer_of_a_thousand_segments_gives_each_record_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, every = 5005, 5
    monkeypatch.setattr("os.fsync", lambda descriptor: None)
    done, begun, opened, read = (threading.Event() for _ in range(4))

    def write() -> None:
        writer = log(tmp_path)
        begun.set()
        assert opened.wait(60)
        for index in range(count):
            if index == count // 2:
                assert read.wait(60)
            checkpoint = index and index % every == 0
            writer.append(record(index, RecordKind.CHECKPOINT if checkpoint else RecordKind.TICK))
        writer.close()
        done.set()

    thread = threading.Thread(target=write)
    thread.start()
    assert begun.wait(60)
    tail = Tail(tmp_path, 0)
    opened.set()
    found: list[int] = []
    while not done.is_set():
        found += indexes(tail, 256)
        if found:
            read.set()
    thread.join()
    found += indexes(tail, 256)
    assert found == list(range(count))
    assert (tmp_path / segment_name(0, 1000)).exists()


def test_it_begins_with_the_newest_checkpoint(tmp_path: Path) -> None:
    writer = log(tmp_path, BundleSettings(flush_records=1))
    for index in range(10):
        writer.append(record(index, RecordKind.CHECKPOINT if index in (3, 7) else RecordKind.TICK))
    tail = Tail(tmp_path, 0)
    assert indexes(tail) == [7, 8, 9]
    writer.append(record(10))
    assert indexes(tail) == [10]
    writer.close()


def test_half_a_record_is_waited_for_and_a_large_one_is_read_whole(tmp_path: Path) -> None:
    writer = log(tmp_path)
    writer.close()
    path = tmp_path / segment_name(0, 0)
    large = record(0, payload=b"y" * 5000)
    tail = Tail(tmp_path, 0)
    for end in (1, 31, 40, 4999):
        path.write_bytes(path.read_bytes()[:40] + large[:end])
        assert not len(tail.read(64))
        assert tail.fault is None
    path.write_bytes(path.read_bytes()[:40] + large)
    assert indexes(tail, 64) == [0]


def test_a_record_that_fails_its_crc_may_become_whole_until_the_segment_is_over(tmp_path: Path) -> None:
    writer = log(tmp_path)
    writer.close()
    path = tmp_path / segment_name(0, 0)
    good = record(0)
    path.write_bytes(path.read_bytes() + good[:-1] + b"\0")
    tail = Tail(tmp_path, 0)
    assert not len(tail.read())
    assert tail.fault is not None
    assert "fails its CRC" in str(tail.fault.error())
    (tmp_path / segment_name(0, 1)).touch()
    with pytest.raises(CorruptFrame, match="fails its CRC"):
        tail.read()
    path.write_bytes(path.read_bytes()[:40] + good)
    assert indexes(tail) == [0]
    assert tail.fault is None


def test_segments_that_do_not_follow_one_another_are_an_error(tmp_path: Path) -> None:
    writer = log(tmp_path)
    writer.append(record(0))
    writer.flush()
    tail = Tail(tmp_path, 0)
    assert indexes(tail) == [0]
    for index in (1, 2):
        writer.append(record(index))
    writer.append(record(3, RecordKind.CHECKPOINT))
    writer.close()
    path = tmp_path / segment_name(0, 0)
    path.write_bytes(path.read_bytes()[: 40 + len(record(0))])
    with pytest.raises(CorruptFrame, match="begins with record 3, but the segment before it ends with 0"):
        tail.read()


def test_a_shard_without_a_log_is_told(tmp_path: Path) -> None:
    with pytest.raises(ManifestMismatch, match="no log of shard 4"):
        Tail(tmp_path, 4)
