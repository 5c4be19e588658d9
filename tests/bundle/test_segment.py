"""One segment file: its header, and reading that stops at the first record that is not right."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import MONO0_NS, WALL0_NS, plain_records, split_records

from mm_framework.bundle.segment import (
    SEGMENT_HEADER_BYTES,
    Cursor,
    SegmentHeader,
    SegmentReader,
    next_record,
    parse_segment_name,
    segment_name,
)
from mm_framework.errors import CorruptFrame, EnvironmentFailed, SchemaMismatch
from mm_framework.model.frame import HEADER, RecordKind, encode_record

HEADER_BYTES = SegmentHeader(0, 0, 0, WALL0_NS, MONO0_NS).encode()
RECORDS = plain_records(12, size=40)
WHOLE = HEADER_BYTES + b"".join(RECORDS)


def segment_file(folder: Path, data: bytes = WHOLE, name: str = "shard_00.frames") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def read(path: Path, *, last: bool = True, block_bytes: int = 100) -> tuple[list[bytes], SegmentReader]:
    reader = SegmentReader(path, last=last)
    blocks = [bytes(block) for block in reader.blocks(block_bytes=block_bytes)]
    return [record for block in blocks for record in split_records(block)], reader


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("shard_00.frames", (0, 0)),
        ("shard_07.0001.frames", (7, 1)),
        ("shard_123.12345.frames", (123, 12345)),
        ("shard_0.frames", None),
        ("shard_00.0000.frames", None),
        ("shard_00.1.frames", None),
        ("shard_00.idx", None),
        ("xshard_00.frames", None),
    ],
)
def test_a_segment_name_has_one_spelling(name: str, numbers: tuple[int, int] | None) -> None:
    assert parse_segment_name(name) == numbers
    if numbers:
        assert segment_name(*numbers) == name


def test_the_header_is_forty_bytes_little_endian_with_a_crc() -> None:
    header = SegmentHeader(3, 2, 1000, -5, 7)
    data = header.encode()
    assert data[:36] == (
        b"MMFRAMES"
        + b"\1\0"
        + b"\3\0"
        + b"\2\0\0\0"
        + b"\xe8\3\0\0"
        + b"\xfb"
        + b"\xff" * 7
        + b"\7"
        + b"\0" * 7
    )
    assert len(data) == SEGMENT_HEADER_BYTES == 40
    assert SegmentHeader.decode(data, Path("p")) == header


def test_a_newer_format_is_named_as_such(tmp_path: Path) -> None:
    import struct
    import zlib

    body = HEADER_BYTES[:8] + b"\2\0" + HEADER_BYTES[10:-4]
    path = segment_file(tmp_path, body + struct.pack("<I", zlib.crc32(body)))
    with pytest.raises(SchemaMismatch, match="has frame log format 2, this version reads 1"):
        SegmentReader(path)


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFailed, match=r"shard_00\.frames"):
        SegmentReader(tmp_path / "shard_00.frames")


def test_blocks_hold_whole_records_of_about_the_size_asked_for(tmp_path: Path) -> None:
    reader = SegmentReader(segment_file(tmp_path))
    blocks = [bytes(block) for block in reader.blocks(block_bytes=120)]
    assert b"".join(blocks) == b"".join(RECORDS)
    assert len(blocks) > 3
    assert all(len(block) <= 120 + max(map(len, RECORDS)) for block in blocks)
    assert reader.fault is None
    assert reader.end.offset == len(WHOLE)


def test_a_record_larger_than_a_block_comes_whole(tmp_path: Path) -> None:
    big = encode_record(RecordKind.FRAME, b"x" * 5000, index=0, mono_ns=1, wall_ns=1)
    records, reader = read(segment_file(tmp_path, HEADER_BYTES + big), block_bytes=64)
    assert records == [big]
    assert reader.fault is None


def test_a_checkpoint_begins_its_block(tmp_path: Path) -> None:
    records = plain_records(30, checkpoint_every=7)
    reader = SegmentReader(segment_file(tmp_path, HEADER_BYTES + b"".join(records)))
    starts = [HEADER.unpack_from(block)[5] for block in reader.blocks()]
    assert starts == [0, 7, 14, 21, 28]


def test_reading_can_begin_at_any_record(tmp_path: Path) -> None:
    reader = SegmentReader(segment_file(tmp_path))
    offset = SEGMENT_HEADER_BYTES
    for index, record in enumerate(RECORDS):
        rest = b"".join(bytes(block) for block in reader.blocks(Cursor(offset, index)))
        assert rest == b"".join(RECORDS[index:])
        offset += len(record)


def test_a_cut_file_gives_the_longest_whole_prefix_and_a_torn_end(tmp_path: Path) -> None:
    ends = [SEGMENT_HEADER_BYTES]
    for record in RECORDS:
        ends.append(ends[-1] + len(record))
    for cut in range(SEGMENT_HEADER_BYTES, len(WHOLE)):
        records, reader = read(segment_file(tmp_path, WHOLE[:cut]))
        whole = max(number for number, end in enumerate(ends) if end <= cut)
        assert records == RECORDS[:whole]
        if ends[whole] == cut:
            assert reader.fault is None
        else:
            fault = reader.fault
            assert fault is not None
            assert (fault.torn, fault.lost_bytes, fault.index) == (True, cut - ends[whole], whole)


@settings(max_examples=300, deadline=None)
@given(position=st.integers(0, len(WHOLE) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_gives_the_records_before_it_and_a_fault(
    tmp_path_factory: pytest.TempPathFactory, position: int, bit: int
) -> None:
    data = bytearray(WHOLE)
    data[position] ^= 1 << bit
    path = segment_file(tmp_path_factory.mktemp("flip"), bytes(data))
    try:
        records, reader = read(path)
    except SchemaMismatch:
        pytest.fail("a flipped bit passed for another format")
    if position < SEGMENT_HEADER_BYTES:
        assert records == []
        assert reader.fault is not None
        assert not reader.fault.torn
        return
    hit, offset = 0, SEGMENT_HEADER_BYTES
    while position >= offset + len(RECORDS[hit]):
        offset += len(RECORDS[hit])
        hit += 1
    assert records == RECORDS[:hit]
    assert reader.fault is not None
    assert (reader.fault.offset, reader.fault.index) == (offset, hit)
    assert reader.fault.torn == (hit == len(RECORDS) - 1)


def test_damage_before_a_following_segment_is_never_a_torn_end(tmp_path: Path) -> None:
    _, reader = read(segment_file(tmp_path, WHOLE[:-1]), last=False)
    assert reader.fault is not None
    assert not reader.fault.torn
    assert isinstance(reader.fault.error(), CorruptFrame)


def test_an_index_that_jumps_is_damage(tmp_path: Path) -> None:
    records, reader = read(segment_file(tmp_path, HEADER_BYTES + b"".join(RECORDS[:3] + RECORDS[4:])))
    assert records == RECORDS[:3]
    assert reader.fault is not None
    assert "index 4 where 3 is due" in str(reader.fault.error())


def test_a_stamp_that_does_not_rise_is_damage(tmp_path: Path) -> None:
    first = encode_record(RecordKind.FRAME, b"", index=0, mono_ns=5, wall_ns=5)
    second = encode_record(RecordKind.FRAME, b"", index=1, mono_ns=5, wall_ns=6)
    records, reader = read(segment_file(tmp_path, HEADER_BYTES + first + second))
    assert records == [first]
    assert reader.fault is not None
    assert "goes back in time, from mono_ns 5 to 5" in str(reader.fault.error())


def test_a_length_over_the_limit_is_refused_unread(tmp_path: Path) -> None:
    record = HEADER.pack(0, 1 << 30, RecordKind.FRAME, 0, 0, 0, 1, 1)
    _, reader = read(segment_file(tmp_path, HEADER_BYTES + record))
    assert reader.fault is not None
    assert "claims a length of 1073741824 bytes" in str(reader.fault.error())


def test_a_header_of_another_segment_is_not_read(tmp_path: Path) -> None:
    records, reader = read(segment_file(tmp_path, name="shard_01.frames"))
    assert records == []
    assert reader.fault is not None
    assert "is that of another file" in str(reader.fault.error())


def test_zeros_at_the_end_are_a_torn_end(tmp_path: Path) -> None:
    """What a file system may leave after a loss of power."""
    records, reader = read(segment_file(tmp_path, WHOLE + bytes(5000)))
    assert records == RECORDS
    assert reader.fault is not None
    assert (reader.fault.torn, reader.fault.lost_bytes) == (True, 5000)


def test_the_next_valid_record_is_found_behind_any_rubbish(tmp_path: Path) -> None:
    rubbish = bytes(range(256)) * 5000  # longer than one reading block
    later = plain_records(3)[2]
    path = segment_file(tmp_path, HEADER_BYTES + rubbish + later)
    assert next_record(path, Cursor(SEGMENT_HEADER_BYTES, 0)) == SEGMENT_HEADER_BYTES + len(rubbish)
    assert next_record(path, Cursor(SEGMENT_HEADER_BYTES, 2)) is None
