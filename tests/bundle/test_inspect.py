"""Looking into a bundle: every record can be found and shown."""

from __future__ import annotations

from pathlib import Path

import pytest
from logs import plain_records, write_run

from mm_framework.bundle.inspect import Selection, describe, hexdump, kind_name, select, summarize
from mm_framework.bundle.run import Run, open_run
from mm_framework.bundle.settings import BundleSettings
from mm_framework.model.events import NULL
from mm_framework.model.frame import Record, RecordKind, iter_records

SMALL = BundleSettings(segment_max_mib=4 / 1024)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Shard 0 in several segments, shard 1 damaged in its middle."""
    path = tmp_path_factory.mktemp("runs") / "r"
    shifted = plain_records(50, seed=2, step_ns=1_000_001)
    write_run(path, {0: plain_records(300, checkpoint_every=20), 1: shifted}, settings=SMALL)
    log = path / "capture" / "shard_01.frames"
    data = bytearray(log.read_bytes())
    data[len(data) // 2] ^= 1
    log.write_bytes(data)
    return open_run(path)


def test_a_summary_counts_by_kind_and_shard_and_tells_damage(run: Run) -> None:
    summary = summarize(run)
    first, second = summary["shards"]
    assert len(first["segments"]) > 2
    assert (first["records"], first["first_index"], first["last_index"], first["faults"]) == (300, 0, 299, [])
    assert summary["kinds"]["checkpoint"]["records"] == 14
    assert second["records"] < 50
    assert second["faults"][0]["file"] == "shard_01.frames"
    assert second["faults"][0]["index"] == second["records"]
    assert summary["records"] == first["records"] + second["records"]
    assert first["first_wall"] == "2023-11-14T22:13:20.001000000Z"


@pytest.mark.parametrize("index", [0, 1, 150, 299, 300])
def test_records_are_shown_from_any_index_on(run: Run, index: int) -> None:
    found = [record.index for _, record in select(run, Selection(shard=0, from_index=index))]
    assert found == list(range(index, 300))


def test_kinds_and_limit_narrow_what_is_shown(run: Run) -> None:
    kinds = frozenset([RecordKind.CHECKPOINT])
    found = [(shard, record.index) for shard, record in select(run, Selection(kinds=kinds, limit=3))]
    assert found == [(0, 20), (0, 40), (0, 60)]


def test_a_payload_is_shown_as_text_or_as_hex() -> None:
    record = Record(RecordKind.SENT, 0, 3, 7, 1, NULL, memoryview("é".encode()))
    assert describe(2, record) == {
        "shard": 2, "index": 7, "kind": "sent", "connection": 3, "binary": False, "mono_ns": 1, "wall": None,
        "bytes": 2, "text": "é",
    }  # fmt: skip
    assert describe(2, record._replace(payload=memoryview(b"\xff")))["hex"] == "ff"


def test_a_kind_of_a_later_version_has_its_number() -> None:
    assert (kind_name(4), kind_name(200)) == ("frame", "200")


def test_a_hexdump_has_sixteen_bytes_a_line() -> None:
    assert hexdump(bytes(range(48, 66))).splitlines() == [
        "00000000  30 31 32 33 34 35 36 37 38 39 3a 3b 3c 3d 3e 3f  0123456789:;<=>?",
        "00000010  40 41                                            @A",
    ]


def test_records_of_a_file_are_those_of_its_blocks(tmp_path: Path) -> None:
    records = plain_records(5)
    opened = open_run(write_run(tmp_path / "r", {0: records}))
    shown = [bytes(record.payload) for _, record in select(opened, Selection())]
    assert shown == [bytes(record.payload) for record in iter_records(b"".join(records))]
