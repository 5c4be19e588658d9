"""The last records of a run that an error ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from mm_framework.bundle.disk import DISK
from mm_framework.bundle.fatal import (
    FATAL,
    last_frames_name,
    last_frames_shards,
    read_fatal,
    read_last_frames,
    write_fatal,
)
from mm_framework.capture.recorder import LAST_BYTES, LastRecords
from mm_framework.errors import CorruptFrame
from mm_framework.model.frame import RecordKind, encode_record, iter_records


def record(index: int, kind: RecordKind = RecordKind.FRAME, payload: bytes = b"x") -> bytes:
    return encode_record(kind, payload, index=index, mono_ns=100 + index, wall_ns=5)


def test_what_is_written_is_read_again_checkpoints_in_the_middle_too(tmp_path: Path) -> None:
    kinds = (
        RecordKind.FRAME,
        RecordKind.CHECKPOINT,
        RecordKind.FRAME,
        RecordKind.CHECKPOINT,
        RecordKind.LOST,
    )
    records = [record(n, kind) for n, kind in enumerate(kinds, 7)]
    write_fatal(DISK, tmp_path, {"error": "e"}, {3: records, 4: []}, (1, 2))
    assert read_fatal(tmp_path) == {"schema": 1, "error": "e"}
    assert last_frames_shards(tmp_path) == [3]
    found = read_last_frames(tmp_path, 3)
    assert [(one.index, one.kind) for one in found] == list(enumerate(kinds, 7))


def test_a_run_without_an_error_has_neither(tmp_path: Path) -> None:
    assert read_fatal(tmp_path) is None
    assert last_frames_shards(tmp_path) == []


def test_damage_is_named(tmp_path: Path) -> None:
    write_fatal(DISK, tmp_path, {}, {0: [record(0), record(1)]}, (1, 2))
    file = tmp_path / last_frames_name(0)
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.write_bytes(data)
    with pytest.raises(CorruptFrame, match=r"record 1 of .* fails its CRC"):
        read_last_frames(tmp_path, 0)
    (tmp_path / FATAL).write_text("[]")
    with pytest.raises(CorruptFrame, match=r"fatal\.json is not readable"):
        read_fatal(tmp_path)


def test_the_latest_records_are_kept_and_memory_is_bounded() -> None:
    kept, size = LastRecords(), 1000
    records = [record(n, payload=bytes(size)) for n in range(2000)]
    for one in records:
        kept.add(one)
        assert sum(map(len, kept)) <= 2 * LAST_BYTES + 2 * size
    found = list(kept)
    assert sum(map(len, found)) >= LAST_BYTES
    assert found == records[-len(found) :]
    assert next(iter_records(found[-1])).index == 1999
