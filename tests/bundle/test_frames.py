"""The log of a shard: appended with a flush and sync rule, in segments, read strictly or past damage."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from logs import MONO0_NS, WALL0_NS, plain_records, split_records

from mm_framework.bundle.frames import LogWriter, Rotation, ShardReader
from mm_framework.bundle.segment import SEGMENT_HEADER_BYTES
from mm_framework.bundle.settings import BundleSettings
from mm_framework.errors import CorruptFrame, EnvironmentFailed
from mm_framework.model.frame import RecordKind

SMALL = BundleSettings(segment_max_mib=1 / 1024)  # 1 KiB


def log_of(folder: Path, records: list[bytes], settings: BundleSettings | None = None) -> ShardReader:
    writer = LogWriter(folder, 0, wall0_ns=WALL0_NS, mono0_ns=MONO0_NS, settings=settings)
    for record in records:
        writer.append(record)
    writer.close()
    return ShardReader(folder, 0)


def test_what_was_appended_is_read_back_byte_for_byte(tmp_path: Path) -> None:
    records = plain_records(2000)
    reader = log_of(tmp_path, records)
    assert [bytes(record) for record in reader.records()] == records
    assert b"".join(bytes(block) for block in reader.blocks(4096)) == b"".join(records)
    assert reader.torn is None
    assert reader.size == sum(map(len, records))


def test_records_reach_the_system_after_the_set_number_without_a_flush(tmp_path: Path) -> None:
    records = plain_records(25)
    writer = LogWriter(tmp_path, 0, wall0_ns=0, mono0_ns=0, settings=BundleSettings(flush_records=10))
    for record in records:
        writer.append(record)
    assert len(list(ShardReader(tmp_path, 0).records())) == 20
    writer.flush()
    assert len(list(ShardReader(tmp_path, 0).records())) == 25
    writer.abandon()


def test_a_new_segment_begins_with_the_first_checkpoint_after_the_present_one_is_full(tmp_path: Path) -> None:
    records = plain_records(200, checkpoint_every=10)
    reader = log_of(tmp_path, records, SMALL)
    assert len(reader.segments) > 5
    assert [bytes(record) for record in reader.records()] == records
    for segment in reader.segments[1:]:
        first = next(segment.blocks())
        assert first[8] == RecordKind.CHECKPOINT
    for segment in reader.segments[:-1]:
        assert segment.size >= 1024


def test_a_full_segment_grows_on_without_a_checkpoint(tmp_path: Path) -> None:
    assert len(log_of(tmp_path, plain_records(200), SMALL).segments) == 1


def test_a_segment_ends_with_its_time(tmp_path: Path) -> None:
    records = plain_records(100, checkpoint_every=10, step_ns=100_000_000)
    reader = log_of(tmp_path, records, BundleSettings(segment_max_s=3.0))
    assert [segment.start.index for segment in reader.segments] == [0, 30, 60, 90]


def test_checkpoints_are_due_by_time_and_when_a_segment_is_full() -> None:
    rotation = Rotation(BundleSettings(checkpoint_interval_s=10, segment_max_s=25, segment_max_mib=1))
    second = 10**9
    assert not rotation.checkpoint_due(100 * second)  # nothing to check before the first record
    assert not rotation.note(RecordKind.FRAME, 0, 100)
    assert not rotation.checkpoint_due(10 * second - 1)
    assert rotation.checkpoint_due(10 * second)
    assert not rotation.note(RecordKind.CHECKPOINT, 10 * second, 100)
    assert not rotation.checkpoint_due(19 * second)
    assert not rotation.note(RecordKind.FRAME, 11 * second, 2 << 20)
    assert rotation.checkpoint_due(12 * second)
    assert rotation.note(RecordKind.CHECKPOINT, 12 * second, 100)
    assert not rotation.checkpoint_due(13 * second)


def test_checkpoints_and_segments_of_shards_come_one_after_the_other() -> None:
    settings = BundleSettings(checkpoint_interval_s=10, segment_max_s=30, segment_max_mib=1)
    second = 10**9
    first = []
    for shard in range(8):
        rotation = Rotation(settings, shard)
        rotation.note(RecordKind.FRAME, 0, 100)
        due = [now for now in range(0, 101) if rotation.checkpoint_due(now * second // 10)]
        segments = [now for now in range(0, 301) if rotation.segment_due(now * second // 10)]
        first.append(due[0])
        assert 200 < segments[0] <= 300
        rotation.note(RecordKind.CHECKPOINT, due[0] * second // 10, 100)
        assert not rotation.checkpoint_due(due[0] * second // 10 + 10 * second - 1)
        assert rotation.checkpoint_due(due[0] * second // 10 + 10 * second)
    assert first[0] == 100
    apart = sorted(first)
    assert min(after - before for before, after in itertools.pairwise(apart)) >= 8


def test_a_record_out_of_order_is_our_own_mistake(tmp_path: Path) -> None:
    records = plain_records(3)
    writer = LogWriter(tmp_path, 0, wall0_ns=0, mono0_ns=0)
    writer.append(records[0])
    with pytest.raises(RuntimeError, match="record 2 at"):
        writer.append(records[2])
    writer.abandon()


def test_an_existing_segment_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "shard_00.frames").write_bytes(b"precious")
    with pytest.raises(EnvironmentFailed, match=r"shard_00\.frames"):
        LogWriter(tmp_path, 0, wall0_ns=0, mono0_ns=0)
    assert (tmp_path / "shard_00.frames").read_bytes() == b"precious"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_is_an_environment_error_that_names_the_file(tmp_path: Path) -> None:
    writer = LogWriter(tmp_path, 0, wall0_ns=0, mono0_ns=0)
    with open("/dev/full", "wb", buffering=0) as full:
        os.dup2(full.fileno(), writer._log._file._file.fileno())
    writer.append(plain_records(1)[0])
    with pytest.raises(EnvironmentFailed, match=r"cannot write .*shard_00\.frames: No space left"):
        writer.flush()
    writer.abandon()


def test_damage_stops_strict_reading_and_the_next_segment_starts_over(tmp_path: Path) -> None:
    records = plain_records(200, checkpoint_every=10)
    reader = log_of(tmp_path, records, SMALL)
    second = reader.segments[1]
    data = bytearray(second.path.read_bytes())
    data[SEGMENT_HEADER_BYTES + 200] ^= 1
    second.path.write_bytes(data)

    reader = ShardReader(tmp_path, 0)
    strict: list[bytes] = []
    with pytest.raises(CorruptFrame, match=rf"record \d+ of .*{second.path.name} at byte \d+ fails its CRC"):
        strict.extend(bytes(record) for record in reader.records())
    assert strict == records[: len(strict)]
    assert reader.segments[1].start.index < len(strict) < reader.segments[2].start.index

    read, fresh, missing = [], [], []
    for stretch in reader.stretches():
        read += [record for block in stretch.blocks() for record in split_records(block)]
        fresh.append(stretch.fresh)
        missing.append(stretch.missing)
    lost = reader.segments[2].start.index - len(strict)
    assert read == records[: len(strict)] + records[len(strict) + lost :]
    assert fresh[:4] == [True, False, True, False]
    assert missing[2] == lost
    assert sum(missing) == lost


def test_a_missing_segment_is_noticed(tmp_path: Path) -> None:
    reader = log_of(tmp_path, plain_records(200, checkpoint_every=10), SMALL)
    gone = reader.segments[2]
    gone.path.unlink()
    reader = ShardReader(tmp_path, 0)
    with pytest.raises(CorruptFrame, match=r"\d+ records are missing before .*shard_00\.0003\.frames"):
        list(reader.blocks())
    assert [stretch.fresh for stretch in reader.stretches() if list(stretch.blocks())][:3] == [
        True,
        False,
        True,
    ]


def test_only_the_last_segment_can_be_torn(tmp_path: Path) -> None:
    records = plain_records(100, checkpoint_every=10)
    reader = log_of(tmp_path, records, SMALL)
    last = reader.segments[-1].path
    last.write_bytes(last.read_bytes()[:-1])
    reader = ShardReader(tmp_path, 0)
    assert [bytes(record) for record in reader.records()] == records[:-1]
    assert reader.torn is not None
    first = reader.segments[0].path
    first.write_bytes(first.read_bytes()[:-1])
    with pytest.raises(CorruptFrame, match="is cut short"):
        list(ShardReader(tmp_path, 0).records())


def test_a_killed_process_loses_only_what_was_not_flushed(tmp_path: Path) -> None:
    """The flush rule, without help from an orderly end: 130 records, flushed in hundreds."""
    program = """
        import os, signal, sys
        sys.path.insert(0, sys.argv[2])
        from pathlib import Path
        from logs import plain_records
        from mm_framework.bundle.frames import LogWriter
        from mm_framework.bundle.settings import BundleSettings
        writer = LogWriter(
            Path(sys.argv[1]), 0, wall0_ns=0, mono0_ns=0, settings=BundleSettings(flush_records=100)
        )
        for record in plain_records(130):
            writer.append(record)
        os._exit(9)
    """
    support = Path(__file__).parents[1] / "support"
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path), str(support)],
        check=False,
        timeout=240,
    )
    assert done.returncode == 9
    assert [bytes(record) for record in ShardReader(tmp_path, 0).records()] == plain_records(100)
