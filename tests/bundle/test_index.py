"""The index is a function of its segment; any state of its file gives the same entries."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import plain_records

from mm_framework.bundle.frames import LogWriter, ShardReader
from mm_framework.bundle.index import STRIDE_BYTES, encode_index, index_path, load_index
from mm_framework.bundle.segment import SegmentReader
from mm_framework.model.frame import HEADER, RecordKind


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of about 300 KiB with checkpoints."""
    folder = tmp_path_factory.mktemp("log")
    writer = LogWriter(folder, 0, wall0_ns=0, mono0_ns=0)
    for record in plain_records(600, size=1000, checkpoint_every=200):
        writer.append(record)
    writer.close()
    return folder


@pytest.fixture
def reader(folder: Path) -> SegmentReader:
    return ShardReader(folder, 0).segments[0]


def test_entries_stand_for_the_first_record_every_64_kib_and_checkpoints(reader: SegmentReader) -> None:
    data = reader.path.read_bytes()
    expected, offset, due = [], 40, 0
    while offset < len(data):
        _, length, kind, _, _, index, mono_ns, _ = HEADER.unpack_from(data, offset)
        if offset >= due or kind == RecordKind.CHECKPOINT:
            expected.append((offset, mono_ns, index, kind))
            due = offset + STRIDE_BYTES
        offset += HEADER.size + length
    entries = [(e.offset, e.mono_ns, e.index, e.kind) for e in load_index(reader)]
    assert entries == expected
    assert len(entries) > 5
    assert sum(kind == RecordKind.CHECKPOINT for *_, kind in entries) == 2


def test_the_writer_and_a_rebuild_give_the_same_bytes(reader: SegmentReader) -> None:
    assert index_path(reader.path).read_bytes() == encode_index(reader)


def test_reading_begins_at_any_entry(reader: SegmentReader) -> None:
    for entry in load_index(reader):
        first = next(reader.blocks(entry.cursor))
        assert HEADER.unpack_from(first)[5] == entry.index


def test_without_its_file_the_entries_are_the_same(reader: SegmentReader, tmp_path: Path) -> None:
    bare = tmp_path / reader.path.name
    bare.write_bytes(reader.path.read_bytes())
    assert load_index(SegmentReader(bare)) == load_index(reader)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_cut_or_damaged_index_gives_the_same_entries(folder: Path, data: st.DataObject) -> None:
    reader = ShardReader(folder, 0).segments[0]
    expected = load_index(reader)
    path = index_path(reader.path)
    whole = path.read_bytes()
    broken = bytearray(whole)
    if data.draw(st.booleans()):
        broken[data.draw(st.integers(0, len(whole) - 1))] ^= data.draw(st.integers(1, 255))
    else:
        del broken[data.draw(st.integers(0, len(whole))) :]
    try:
        path.write_bytes(broken)
        assert load_index(reader) == expected
    finally:
        path.write_bytes(whole)


def test_an_index_of_another_log_is_not_believed(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "shard_00.frames"
    writer = LogWriter(tmp_path, 0, wall0_ns=0, mono0_ns=0)
    for record in plain_records(600, size=900, seed=2):
        writer.append(record)
    writer.close()
    expected = load_index(SegmentReader(other))
    index_path(other).write_bytes(index_path(folder / "shard_00.frames").read_bytes())
    assert load_index(SegmentReader(other)) == expected
