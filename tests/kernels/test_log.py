"""Reading a log through kernels: the places, blocks and faults of the reference path, whatever is wrong."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from logs import MONO0_NS, WALL0_NS, plain_records

from mm_framework.bundle import index as index_module
from mm_framework.bundle import segment as segment_module
from mm_framework.bundle.index import encode_index
from mm_framework.bundle.segment import (
    SegmentHeader,
    SegmentReader,
    record_places,
    records_of,
    scan,
    segment_name,
)
from mm_framework.kernels.mode import mode
from mm_framework.model.frame import HEADER, MAX_FRAME_BYTES, RecordKind, encode_record

pytest.importorskip("numba")
if mode() == "off":
    pytest.skip("MM_KERNELS is off", allow_module_level=True)

from mm_framework.kernels import log
from mm_framework.kernels.log_reader import NEVER, Chunk, places

NO_MONO = -(2**63)


@pytest.fixture(scope="module", autouse=True)
def _built() -> None:
    log.walk.build()
    log.select.build()


@pytest.fixture
def take(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Lets the bundle read by the path of this name from now on."""

    def taken(path: str) -> None:
        for module in (segment_module, index_module):
            monkeypatch.setattr(module, "active", lambda: path == "kernels")

    return taken


def chunk_of(data: bytes) -> Chunk:
    return Chunk(io.BytesIO(data), memoryview(b""), len(data))


def steps(data: bytes, first_index: int) -> Iterator[tuple[int, int, int, bool]]:
    """Check the bytes by kernel and by reference, from each place where they stop, until one is wrong."""
    chunk, view = chunk_of(data), memoryview(data)
    place = 0, first_index, NO_MONO
    while place[0] < len(data):
        *reference, reason = scan(view, *place)
        position, index, mono_ns, wrong = chunk.walk(*place)
        assert [position, index, mono_ns] == reference
        assert wrong == (reason is not None)
        yield position, index, mono_ns, wrong
        if wrong:
            return
        place = position, index, mono_ns


def sealed(record: bytes) -> bytes:
    """The record with the CRC that its bytes have."""
    return zlib.crc32(record[4:]).to_bytes(4, "little") + record[4:]


RECORDS = st.lists(
    st.tuples(
        st.sampled_from([RecordKind.FRAME, RecordKind.OPEN, RecordKind.CHECKPOINT, 200]),
        st.binary(max_size=70),
        st.integers(1, 10**6),
    ),
    max_size=12,
)
DAMAGE = st.sampled_from(["none", "bit", "cut", "index", "time", "length", "crc", "kind"])


@given(drawn=RECORDS, damage=DAMAGE, first_index=st.integers(0, 2**31), data=st.data())
def test_any_damage_stops_where_the_reference_does(
    drawn: list[tuple[int, bytes, int]], damage: str, first_index: int, data: st.DataObject
) -> None:
    mono_ns, records = -5, []
    for number, (kind, payload, step) in enumerate(drawn):
        mono_ns += step
        records.append(
            encode_record(kind, payload, index=first_index + number, mono_ns=mono_ns, wall_ns=7, connection=3)
        )
    if records and damage != "none":
        hit = data.draw(st.integers(0, len(records) - 1))
        crc, length, kind, flags, connection, index, stamp, wall_ns = HEADER.unpack_from(records[hit])
        payload = records[hit][HEADER.size :]
        if damage == "bit":
            bit = data.draw(st.integers(0, 8 * len(records[hit]) - 1))
            changed = int.from_bytes(records[hit], "little") ^ 1 << bit
            records[hit] = changed.to_bytes(len(records[hit]), "little")
        elif damage == "cut":
            records[hit:] = [records[hit][: data.draw(st.integers(0, len(records[hit])))]]
        elif damage == "index":
            index = data.draw(st.integers(0, 2**32 - 1))
        elif damage == "time":
            stamp = data.draw(st.integers(-(2**63), 2**63 - 1))
        elif damage == "length":
            length = data.draw(st.sampled_from([0, MAX_FRAME_BYTES, MAX_FRAME_BYTES + 1, 2**32 - 1]))
        elif damage == "crc":
            crc = data.draw(st.integers(0, 2**32 - 1))
        else:
            kind = data.draw(st.integers(0, 255))
        if damage in ("index", "time", "length", "crc", "kind"):
            header = HEADER.pack(crc, length, kind, flags, connection, index, stamp, wall_ns)
            records[hit] = header + payload if damage == "crc" else sealed(header + payload)
    whole = b"".join(records)
    for position, *_ in steps(whole, first_index):
        assert 0 <= position <= len(whole)


def test_every_cut_of_a_log_stops_where_the_reference_does() -> None:
    records = plain_records(9, size=40, checkpoint_every=4)
    whole = b"".join(records)
    for cut in range(len(whole) + 1):
        for position, *_ in steps(whole[:cut], 0):
            assert position <= cut


def test_a_checkpoint_stops_the_walk_unless_it_comes_first() -> None:
    records = plain_records(9, checkpoint_every=3)
    ends = [position for position, *_ in steps(b"".join(records), 0)]
    assert ends == [sum(map(len, records[:count])) for count in (3, 6, 9)]


def test_the_codes_tell_what_stopped_the_walk() -> None:
    records = plain_records(4, checkpoint_every=2)
    for data, code in (
        (records[0], log.END),
        (b"".join(records), log.CHECKPOINT),
        (records[0][:-1], log.WRONG),
    ):
        chunk, result = chunk_of(data), chunk_of(bytes(24))
        address, stored = (one._buffer.address for one in (chunk, result))
        assert log.walk(address, address + len(data), 0, NO_MONO, stored) == code


def test_a_chunk_is_what_was_left_and_what_follows_in_the_file() -> None:
    file = io.BytesIO(b"abcdefgh")
    first = Chunk(file, memoryview(b"<"), 3)
    second = Chunk(file, first.view[2:], 10)
    end = Chunk(file, second.view[5:], 10)
    assert [bytes(chunk.view) for chunk in (first, second, end)] == [b"<abc", b"bcdefgh", b"gh"]
    view = first.view
    del first
    assert bytes(view) == b"<abc"
    assert view.readonly


@given(
    kinds=st.lists(st.sampled_from([*RecordKind, 62, 63, 64, 255]), max_size=1500),
    wanted=st.sets(st.sampled_from(RecordKind)),
    due=st.integers(-100, 3000) | st.just(NEVER),
    stride=st.integers(0, 500) | st.just(NEVER),
)
def test_the_records_found_are_those_of_a_plain_loop(
    kinds: list[int], wanted: set[RecordKind], due: int, stride: int
) -> None:
    records = [
        encode_record(kind, bytes(number % 7), index=number, mono_ns=number, wall_ns=0)
        for number, kind in enumerate(kinds)
    ]
    data = b"".join(records)
    if not data:
        return
    expected, next_due = [], due
    for place, kind in zip(record_places(memoryview(data)), kinds, strict=True):
        if kind in wanted or place >= next_due:
            expected.append(place)
            next_due = place + stride
    chunk = chunk_of(data)
    assert places(chunk.view, wanted, due, stride) == expected


def log_file(folder: Path, records: list[bytes]) -> Path:
    path = folder / segment_name(0, 0)
    path.write_bytes(SegmentHeader(0, 0, 0, WALL0_NS, MONO0_NS).encode() + b"".join(records))
    return path


PATHS = ("reference", "kernels")


@pytest.mark.parametrize("block_bytes", [50, 3000, 1 << 20])
def test_the_blocks_of_a_file_are_the_same_on_both_paths(
    tmp_path: Path, take: Callable[[str], None], block_bytes: int
) -> None:
    records = plain_records(400, size=900, checkpoint_every=90)
    path = log_file(tmp_path, records)
    found = []
    for name in PATHS:
        take(name)
        reader = SegmentReader(path)
        blocks = list(reader.blocks(block_bytes=block_bytes))
        assert b"".join(blocks) == b"".join(records)
        assert (reader.fault, reader.end.offset) == (None, reader.size)
        found.append([bytes(block) for block in blocks])
    assert found[0] == found[1]


def _with(record: bytes, position: int, value: int, size: int) -> bytes:
    """The record with another number at a place of its header, and the CRC of that."""
    changed = record[:position] + value.to_bytes(size, "little", signed=True) + record[position + size :]
    return sealed(changed)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda record: record[:-3], "is cut short"),
        (lambda record: record[:20], "is cut short"),
        (lambda record: record[:-1] + b"?", "fails its CRC"),
        (lambda record: _with(record, 12, 7, 4), "has index 7 where 59 is due"),
        (lambda record: _with(record, 16, -9, 8), "goes back in time, from mono_ns 1059000000 to -9"),
        (lambda record: _with(record, 4, 1 << 30, 4), "claims a length of 1073741824 bytes"),
    ],
)
def test_each_fault_has_the_same_words_on_both_paths(
    tmp_path: Path, take: Callable[[str], None], damage: Callable[[bytes], bytes], reason: str
) -> None:
    records = plain_records(60, size=200, checkpoint_every=25)
    path = log_file(tmp_path, [*records[:-1], damage(records[-1])])
    for name in PATHS:
        take(name)
        reader = SegmentReader(path)
        assert b"".join(reader.blocks(block_bytes=700)) == b"".join(records[:-1])
        assert reader.fault is not None
        assert (reader.fault.reason, reader.fault.index, reader.fault.torn) == (reason, 59, True)


def test_the_index_is_the_same_on_both_paths(tmp_path: Path, take: Callable[[str], None]) -> None:
    path = log_file(tmp_path, plain_records(700, size=900, checkpoint_every=150))
    found = []
    for name in PATHS:
        take(name)
        found.append(encode_index(SegmentReader(path)))
    assert found[0] == found[1]
    assert len(found[0]) > 24 + 32 * 5


def test_records_of_some_kinds_are_the_same_on_both_paths(
    tmp_path: Path, take: Callable[[str], None]
) -> None:
    path = log_file(tmp_path, plain_records(50, checkpoint_every=11))
    for name in PATHS:
        take(name)
        blocks = SegmentReader(path).blocks()
        found = [record.index for block in blocks for record in records_of(block, {RecordKind.CHECKPOINT})]
        assert found == [11, 22, 33, 44]
