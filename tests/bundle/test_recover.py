"""`recover` keeps the longest valid prefix, says what it cut, and changes nothing the second time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import toy_venue as toy
from hypothesis import given, settings
from hypothesis import strategies as st
from logs import split_records
from toy_venue import write_toy_run

from mm_framework.bundle import recover as module
from mm_framework.bundle.disk import FolderLock
from mm_framework.bundle.recover import RecoverReport, recover
from mm_framework.bundle.run import open_run
from mm_framework.bundle.settings import BundleSettings
from mm_framework.bundle.verify import verify
from mm_framework.errors import CorruptFrame, EnvironmentFailed, MMError, StoreError

SMALL = BundleSettings(segment_max_mib=6 / 1024)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def recovered(path: Path) -> RecoverReport:
    return recover(path, toy.toy_kits())


@pytest.fixture(scope="module")
def session() -> toy.ToyLog:
    return toy.toy_session(steps=80, checkpoint_every=20, disconnect_at=30)


@pytest.fixture
def killed(tmp_path: Path, session: toy.ToyLog) -> Path:
    """A run that was killed in the middle of its last record."""
    path = write_toy_run(tmp_path / "run", {0: session}, state="running")
    log = path / "capture" / "shard_00.frames"
    log.write_bytes(log.read_bytes()[:-7])
    return path


def test_a_torn_end_is_cut_kept_and_told(killed: Path, session: toy.ToyLog) -> None:
    report = recovered(killed)
    lost = len(session.records[-1]) - 7
    assert report.state == ("running", "recovered")
    assert [(part.file, part.bytes) for part in report.lost] == [("shard_00.frames", lost)]
    assert (killed / report.lost[0].kept_in).read_bytes() == session.records[-1][:-7]
    assert report.to_json()["lost_bytes"] == lost
    run = open_run(killed)
    assert [bytes(record) for _, record in run.records()] == session.records[:-1]
    assert run.manifest.recovered == {
        "state_before": "running",
        "lost": report.to_json()["lost"],
        "missing_records": 0,
    }
    assert not [failure for failure in verify(run, toy.toy_kits()).failures if failure.what != "gap"]


def test_the_second_time_changes_nothing(killed: Path) -> None:
    recovered(killed)
    first = contents(killed)
    report = recovered(killed)
    assert contents(killed) == first
    assert report.rewritten == ()
    assert report.state == ("recovered", "recovered")
    assert [part.file for part in report.lost] == ["shard_00.frames"]


def test_a_run_that_needs_nothing_is_left_as_it_is(tmp_path: Path, session: toy.ToyLog) -> None:
    path = write_toy_run(tmp_path / "r", {0: session})
    before = contents(path)
    report = recovered(path)
    assert contents(path) == before
    assert report.state == ("complete", "complete")
    assert (report.lost, report.rewritten) == ((), ())


def test_index_and_tables_are_made_again_as_the_run_wrote_them(tmp_path: Path, session: toy.ToyLog) -> None:
    logs = {0: session, 1: toy.toy_session(("E/F", "G/H"), seed=3, shard=1, steps=60)}
    path = write_toy_run(tmp_path / "r", logs, settings=SMALL)
    before = contents(path)
    for name in ("instruments.ndjson", "connections.ndjson"):
        (path / name).unlink()
    for index in (path / "capture").glob("*.idx"):
        index.write_bytes(b"rubbish")
    recovered(path)
    after = contents(path)
    assert json.loads(after.pop("manifest.json"))["state"] == "recovered"
    del before["manifest.json"]
    assert after == before


def test_a_torn_line_of_the_run_log_is_cut(killed: Path) -> None:
    (killed / "runlog.ndjson").write_bytes(b'{"a":1}\n{"b"')
    report = recovered(killed)
    assert (killed / "runlog.ndjson").read_bytes() == b'{"a":1}\n'
    assert [part.file for part in report.lost] == ["runlog.ndjson", "shard_00.frames"]


def test_damage_in_a_segment_costs_its_rest_and_no_more(tmp_path: Path) -> None:
    log = toy.toy_session(steps=200, checkpoint_every=30)
    path = write_toy_run(tmp_path / "r", {0: log}, settings=SMALL)
    segment = path / "capture" / "shard_00.0001.frames"
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    report = recovered(path)
    assert report.missing > 0
    assert report.to_json()["missing_records"] == report.missing
    kept = [
        record
        for stretch in open_run(path).shards[0].stretches()
        for block in stretch.blocks()
        for record in split_records(block)
    ]
    assert len(kept) == len(log.records) - report.missing
    assert set(kept) <= set(log.records)
    with pytest.raises(CorruptFrame, match=f"{report.missing} records are missing before"):
        list(open_run(path).records())
    first = contents(path)
    assert recovered(path).missing == report.missing
    assert contents(path) == first


def test_a_damaged_header_is_written_again_when_the_records_behind_it_tell(
    tmp_path: Path, session: toy.ToyLog
) -> None:
    path = write_toy_run(tmp_path / "r", {0: session}, settings=SMALL)
    before = contents(path)
    for log in sorted((path / "capture").glob("*.frames")):
        log.write_bytes(bytes(40) + log.read_bytes()[40:])
    report = recovered(path)
    assert report.lost == ()
    assert {k: v for k, v in contents(path).items() if k != "manifest.json"} == {
        k: v for k, v in before.items() if k != "manifest.json"
    }


def test_a_log_that_was_cut_inside_its_header_is_an_empty_shard(tmp_path: Path, session: toy.ToyLog) -> None:
    path = write_toy_run(tmp_path / "r", {0: session}, state="running")
    log = path / "capture" / "shard_00.frames"
    whole = log.read_bytes()
    log.write_bytes(whole[:17])
    recovered(path)
    assert log.read_bytes() == whole[:40]
    assert list(open_run(path).records()) == []
    first = contents(path)
    recovered(path)
    assert contents(path) == first


def test_a_later_segment_without_header_and_records_goes_to_lost(tmp_path: Path, session: toy.ToyLog) -> None:
    path = write_toy_run(tmp_path / "r", {0: session}, settings=SMALL)
    last = open_run(path).shards[0].segments[-1].path
    last.write_bytes(b"rubbish, all of it")
    recovered(path)
    assert not last.exists()
    assert not last.with_suffix(".idx").exists()
    assert [p.read_bytes() for p in (path / "lost").iterdir()] == [b"rubbish, all of it"]


def test_connections_that_the_log_lacks_are_kept_and_those_after_its_end_are_not(killed: Path) -> None:
    table = killed / "connections.ndjson"
    lines = table.read_bytes()
    ahead = {"connection": 9, "event": "open", "shard": 0, "frame": 10**6, "mono_ns": 10**15, "wall_ns": 1}
    table.write_bytes(lines + json.dumps(ahead).encode() + b"\n")
    recovered(killed)
    assert table.read_bytes() == lines


def test_a_recovery_that_was_killed_is_finished_by_the_next(
    killed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    straight = tmp_path / "straight" / "run"
    shutil.copytree(killed, straight)
    recovered(straight)
    for step in ("rebuild_indexes", "rebuild_tables", "finish"):

        def die(self: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(module._Recovery, step, die)
            with pytest.raises(KeyboardInterrupt):
                recovered(killed)
    recovered(killed)
    assert contents(killed) == contents(straight)


def test_a_run_that_is_written_is_not_touched(killed: Path) -> None:
    before = contents(killed)
    lock = FolderLock(killed)
    with pytest.raises(EnvironmentFailed, match="is being written by another process"):
        recovered(killed)
    lock.release()
    assert contents(killed) == before


def test_what_is_no_bundle_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError):
        recovered(tmp_path / "folder")
    assert list((tmp_path / "folder").iterdir()) == []


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_after_any_cut_or_flip_the_longest_valid_prefix_is_kept_and_twice_is_the_same(
    session: toy.ToyLog, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = write_toy_run(tmp_path_factory.mktemp("any") / "r", {0: session}, settings=SMALL, state="running")
    files = sorted(p for p in path.rglob("*") if p.is_file() and p.name not in (".lock", "manifest.json"))
    victim = data.draw(st.sampled_from(files))
    original = victim.read_bytes()
    if data.draw(st.booleans()) or not original:
        place = data.draw(st.integers(0, len(original)))
        victim.write_bytes(original[:place])
    else:
        place = data.draw(st.integers(0, len(original) - 1))
        changed = bytearray(original)
        changed[place] ^= data.draw(st.integers(1, 255))
        victim.write_bytes(changed)
    valid = _valid_prefix(path)
    try:
        recovered(path)
    except MMError:
        return
    # A header that the records behind it tell is written again: what was unreadable then is not.
    assert set(valid) <= set(_valid_prefix(path)) <= set(session.records)
    if victim.suffix != ".frames" or place >= 40:
        assert _valid_prefix(path) == valid
    first = contents(path)
    recovered(path)
    assert contents(path) == first


def _valid_prefix(path: Path) -> list[bytes]:
    """Every record that can be read, past damage."""
    return [
        record
        for stretch in open_run(path).shards[0].stretches()
        for block in stretch.blocks()
        for record in split_records(block)
    ]
