"""Log records: what is encoded is what is read, and no byte of it may change unseen."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.model.fixed import NULL
from mm_framework.model.frame import (
    HEADER,
    MAX_FRAME_BYTES,
    FrameFlag,
    RecordKind,
    encode_http,
    encode_json,
    encode_record,
    iter_records,
    split_http,
)

FIELDS = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(list(RecordKind)),
        "payload": st.binary(max_size=200),
        "connection": st.integers(0, 2**16 - 1),
        "index": st.integers(0, 2**32 - 1),
        "mono_ns": st.integers(0, 2**63 - 1),
        "wall_ns": st.integers(NULL, 2**63 - 1),
        "flags": st.integers(0, 255),
    }
)


def encode(fields: dict[str, Any]) -> bytes:
    rest = {name: value for name, value in fields.items() if name not in ("kind", "payload")}
    return encode_record(fields["kind"], fields["payload"], **rest)


def test_kinds_and_flags_are_pinned() -> None:
    assert {kind.name: kind.value for kind in RecordKind} == {
        "CONTROL": 1, "OPEN": 2, "SENT": 3, "FRAME": 4, "LOST": 5, "HTTP": 6, "TICK": 7, "CHECKPOINT": 8,
        "DROP": 9, "CLOCK": 10,
    }  # fmt: skip
    assert [flag.value for flag in FrameFlag] == [1]
    assert HEADER.format == "<IIBBHIqq"
    assert HEADER.size == 32


def test_a_record_byte_by_byte() -> None:
    record = encode_record(
        RecordKind.FRAME, b"hi", connection=3, index=7, mono_ns=11, wall_ns=NULL, flags=FrameFlag.BINARY
    )
    covered = struct.pack("<IBBHIqq", 2, 4, 1, 3, 7, 11, NULL) + b"hi"
    assert record == struct.pack("<I", zlib.crc32(covered)) + covered


@given(st.lists(FIELDS, max_size=5))
def test_a_block_gives_back_its_records(many: list[dict[str, Any]]) -> None:
    block = b"".join(encode(fields) for fields in many)
    for form in (block, bytearray(block), memoryview(block)):
        read = [
            {
                "kind": record.kind,
                "payload": bytes(record.payload),
                "connection": record.connection,
                "index": record.index,
                "mono_ns": record.mono_ns,
                "wall_ns": record.wall_ns,
                "flags": record.flags,
            }
            for record in iter_records(form)
        ]
        assert read == many


@given(FIELDS, st.data())
def test_the_crc_covers_every_byte_after_it(fields: dict[str, Any], data: st.DataObject) -> None:
    record = bytearray(encode(fields))
    at = data.draw(st.integers(0, len(record) - 1))
    record[at] ^= data.draw(st.integers(1, 255))
    assert struct.unpack_from("<I", record)[0] != zlib.crc32(record[4:])


def test_flipping_any_byte_of_one_record_is_seen() -> None:
    good = encode_record(RecordKind.FRAME, b'{"a":1}', connection=1, index=2, mono_ns=3, wall_ns=4)
    assert struct.unpack_from("<I", good)[0] == zlib.crc32(good[4:])
    for at in range(len(good)):
        bad = bytearray(good)
        bad[at] ^= 1
        assert struct.unpack_from("<I", bad)[0] != zlib.crc32(bad[4:])


def test_a_payload_over_the_limit_is_refused() -> None:
    with pytest.raises(ValueError, match=str(MAX_FRAME_BYTES)):
        encode_record(RecordKind.FRAME, bytes(MAX_FRAME_BYTES + 1), index=0, mono_ns=0, wall_ns=0)


def test_json_is_canonical() -> None:
    assert encode_json({"b": 1, "a": [1.5, None, "ü"]}) == '{"a":[1.5,null,"ü"],"b":1}'.encode()


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5), max_size=3), st.binary())
def test_an_http_record_keeps_its_line_and_its_body(meta: dict[str, Any], body: bytes) -> None:
    if any(isinstance(value, int) and abs(value) >= 2**63 for value in meta.values()):
        return
    assert split_http(encode_http(meta, body)) == (meta, body)


@pytest.mark.parametrize("payload", [b"", b"{}", b"[1]\nbody", b"3\n", b"{\nbody"])
def test_an_http_record_without_its_line_is_refused(payload: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        split_http(payload)
