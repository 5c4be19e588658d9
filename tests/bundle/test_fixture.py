"""A bundle of format version 1, as release 0.1.0 wrote it, stays readable for good."""

from __future__ import annotations

import hashlib
from pathlib import Path

from mm_framework.bundle.index import encode_index, index_path, load_index
from mm_framework.bundle.manifest import Manifest
from mm_framework.bundle.run import open_run
from mm_framework.model.frame import RecordKind, iter_records, split_http

FIXTURE = Path(__file__).parent / "fixtures" / "run_v1"


def test_every_record_is_read_as_it_was_written() -> None:
    run = open_run(FIXTURE)
    assert [segment.path.name for segment in run.shards[0].segments] == [
        "shard_00.frames",
        "shard_00.0001.frames",
    ]
    encoded = [bytes(record) for _, record in run.records()]
    assert hashlib.sha256(b"".join(encoded)).hexdigest() == (
        "9f02c529952ef95f95c66720f9ce818def2b8a254474f06712b8d20e1cdb9b41"
    )
    records = [next(iter_records(record)) for record in encoded]
    assert [record.index for record in records] == list(range(13))
    assert [RecordKind(record.kind).name for record in records] == [
        "CONTROL", "OPEN", "SENT", "FRAME", "FRAME", "HTTP", "TICK", "DROP", "CLOCK", "FRAME", "CHECKPOINT",
        "LOST", "CONTROL",
    ]  # fmt: skip
    assert (records[4].flags, bytes(records[4].payload), records[4].connection) == (1, b"\x00\xff\xfe", 3)
    assert split_http(records[5].payload) == ({"id": 1, "method": "GET", "status": 200}, b'{"a":1}\n')


def test_manifest_and_tables_are_read_as_they_were_written() -> None:
    run = open_run(FIXTURE)
    manifest = run.manifest
    assert (manifest.run_id, manifest.state, manifest.made_by) == ("run_v1", "complete", "mm-framework 0.1.0")
    assert manifest.shards[0].subscriptions[0].instrument == "toy:A/B"
    assert manifest.plugins[0].distribution == "mm-toy"
    assert Manifest.decode(manifest.encode(), FIXTURE) == manifest
    assert [line["event"] for line in run.connections()] == ["open", "lost"]
    assert [line["id"] for line in run.instruments()] == ["toy:A/B"]
    assert run.runlog() == [{"event": "start"}]


def test_indexes_are_those_that_this_version_makes() -> None:
    for segment in open_run(FIXTURE).shards[0].segments:
        assert index_path(segment.path).read_bytes() == encode_index(segment)
        assert load_index(segment)
