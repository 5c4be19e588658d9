"""A slice from any instant gives the same events and books as the whole from there on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import pytest
import toy_venue as toy
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_venue import write_toy_run

from mm_framework.bundle.digest import EventDigest
from mm_framework.bundle.recover import recover
from mm_framework.bundle.rows import RunRows, read_rows
from mm_framework.bundle.run import Run, open_run
from mm_framework.bundle.settings import BundleSettings
from mm_framework.bundle.slice import Cut, slice_run
from mm_framework.bundle.verify import verify
from mm_framework.errors import ConfigError, CorruptFrame
from mm_framework.model.frame import HEADER, RecordKind

SMALL = BundleSettings(segment_max_mib=8 / 1024)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two shards, several segments and checkpoints, a lost connection in each."""
    logs = {
        shard: toy.toy_session(
            (f"S{shard}/X", f"T{shard}/X"),
            seed=shard + 5,
            shard=shard,
            steps=250,
            checkpoint_every=60,
            disconnect_at=120,
        )
        for shard in range(2)
    }
    return open_run(write_toy_run(tmp_path_factory.mktemp("runs") / "whole", logs, settings=SMALL))


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Run:
    log = toy.toy_session(steps=200, checkpoint_every=70)
    return open_run(write_toy_run(tmp_path_factory.mktemp("runs") / "single", {0: log}))


def stamps(run: Run) -> list[int]:
    return [HEADER.unpack_from(record)[6] for _, record in run.records()]


def events_since(read: RunRows, started: npt.NDArray[np.bool_]) -> str:
    digest = EventDigest(read.ids.values())
    digest.update(memoryview(read.rows[started].tobytes()), read.ids)
    return digest.hexdigest()


def frames_from(run: Run, cut: Cut) -> dict[int, int]:
    """Shard -> index of its first record at or behind the start."""
    first: dict[int, int] = {}
    for shard, record in run.records():
        _, _, _, _, _, index, mono_ns, _ = HEADER.unpack_from(record)
        if cut.started(index, mono_ns):
            first.setdefault(shard, index)
    return first


def books(run: Run) -> dict[str, Any]:
    return verify(run, toy.toy_kits()).instruments


def check_slice(run: Run, cut: Cut, out: Path) -> None:
    slice_run(run, toy.toy_kits(), out, cut)
    part = open_run(out)
    originals = {bytes(record) for _, record in run.records()}
    kept = [bytes(record) for _, record in part.records()]
    assert all(record in originals for record in kept if record[8] != RecordKind.CHECKPOINT)
    whole, sliced = read_rows(run, toy.toy_kits()), read_rows(part, toy.toy_kits())
    first = frames_from(run, cut)
    behind = np.array(
        [row["frame"] >= first.get(int(row["instrument"]) >> 16, 2**32) for row in whole.rows], dtype=bool
    )
    assert sliced.digest() == events_since(whole, behind)
    assert books(part) == books(run)
    report = verify(part, toy.toy_kits())
    assert [failure for failure in report.failures if failure.what not in ("gap", "checksum")] == []


@settings(max_examples=16, deadline=None)
@given(data=st.data())
def test_events_and_books_are_those_of_the_whole_from_there_on(
    run: Run, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    moments = stamps(run)
    start = data.draw(st.sampled_from(moments)) + data.draw(st.sampled_from([0, 1]))
    if start > moments[-1]:
        start = moments[-1]
    check_slice(run, Cut(start), tmp_path_factory.mktemp("cut") / "part")


def test_a_slice_of_a_slice_is_a_slice(run: Run, tmp_path: Path) -> None:
    moments = stamps(run)
    slice_run(run, toy.toy_kits(), tmp_path / "a", Cut(moments[100]))
    check_slice(open_run(tmp_path / "a"), Cut(moments[300]), tmp_path / "b")


def test_a_slice_begins_with_the_state_in_the_place_of_the_record_before_it(
    single: Run, tmp_path: Path
) -> None:
    report = slice_run(single, toy.toy_kits(), tmp_path / "part", Cut(100, 120, by_index=True))
    headers = [HEADER.unpack_from(record) for _, record in open_run(report.path).records()]
    assert [header[5] for header in headers] == list(range(99, 120))
    assert headers[0][2] == RecordKind.CHECKPOINT
    original = HEADER.unpack_from(list(single.records())[99][1])
    assert headers[0][5:] == original[5:]
    assert report.records == 20


def test_a_slice_from_the_beginning_is_the_log_itself(single: Run, tmp_path: Path) -> None:
    slice_run(single, toy.toy_kits(), tmp_path / "part", Cut(end=stamps(single)[50]))
    assert [bytes(one) for _, one in open_run(tmp_path / "part").records()] == [
        bytes(one) for _, one in list(single.records())[:50]
    ]


def test_receive_times_are_half_open(single: Run, tmp_path: Path) -> None:
    moments = stamps(single)
    offset = single.manifest.wall0_ns - single.manifest.mono0_ns
    cut = Cut.by_time(single.manifest, moments[20] + offset, moments[30] + offset)
    assert slice_run(single, toy.toy_kits(), tmp_path / "part", cut).records == 10
    manifest = open_run(tmp_path / "part").manifest
    assert manifest.state == "sliced"
    assert manifest.source == {
        "run_id": "single",
        "start": moments[20],
        "end": moments[30],
        "by_index": False,
    }


def test_the_tables_of_a_slice_know_what_was_before_it(run: Run, tmp_path: Path) -> None:
    slice_run(run, toy.toy_kits(), tmp_path / "part", Cut(stamps(run)[400]))
    part = open_run(tmp_path / "part")
    assert part.instruments() == run.instruments()
    assert part.connections() == run.connections()
    before = (tmp_path / "part" / "connections.ndjson").read_bytes()
    (tmp_path / "part" / "instruments.ndjson").unlink()
    recover(tmp_path / "part", toy.toy_kits())
    assert part.instruments() == run.instruments()
    assert (tmp_path / "part" / "connections.ndjson").read_bytes() == before


def test_a_shard_without_records_in_the_range_keeps_its_state(run: Run, tmp_path: Path) -> None:
    last = stamps(run)[-1]
    slice_run(run, toy.toy_kits(), tmp_path / "part", Cut(last))
    part = open_run(tmp_path / "part")
    assert sorted(len(list(reader.records())) for reader in part.shards) == [1, 2]
    assert books(part) == books(run)


def test_an_empty_range_is_refused_with_the_span_of_the_run(single: Run, tmp_path: Path) -> None:
    moments = stamps(single)
    with pytest.raises(
        ConfigError, match=f"no record .* it has mono_ns {moments[0]} to {moments[-1]}, that is 2023"
    ):
        slice_run(single, toy.toy_kits(), tmp_path / "part", Cut(moments[-1] + 1))
    assert not (tmp_path / "part").exists()


def test_indexes_need_a_single_shard(run: Run, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has 2 shards, each with indexes of its own"):
        slice_run(run, toy.toy_kits(), tmp_path / "part", Cut(5, by_index=True))


def test_an_existing_run_is_not_overwritten(single: Run, tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    with pytest.raises(ConfigError, match="is never overwritten"):
        slice_run(single, toy.toy_kits(), tmp_path / "part", Cut(5, by_index=True))
    assert list((tmp_path / "part").iterdir()) == []


def test_damage_before_the_last_checkpoint_does_not_matter_and_in_the_range_it_does(tmp_path: Path) -> None:
    log = toy.toy_session(steps=300, checkpoint_every=50)
    path = write_toy_run(tmp_path / "r", {0: log}, settings=SMALL)
    checkpoints = [i for i, record in enumerate(log.records) if record[8] == RecordKind.CHECKPOINT]
    segment = path / "capture" / "shard_00.frames"
    data = bytearray(segment.read_bytes())
    data[3000] ^= 1
    segment.write_bytes(data)
    report = slice_run(open_run(path), toy.toy_kits(), tmp_path / "ok", Cut(checkpoints[-1], by_index=True))
    assert report.records == len(log.records) - checkpoints[-1]
    with pytest.raises(CorruptFrame):
        slice_run(open_run(path), toy.toy_kits(), tmp_path / "bad", Cut(5, by_index=True))
    assert not (tmp_path / "bad").exists()


def test_an_untimed_run_has_no_receive_times_to_cut_by(tmp_path: Path) -> None:
    log = toy.toy_session(steps=10)
    manifest = open_run(write_toy_run(tmp_path / "r", {0: log})).manifest
    with pytest.raises(ConfigError, match="is untimed"):
        Cut.by_time(attrs.evolve(manifest, flags=("untimed",)), 0, 1)
