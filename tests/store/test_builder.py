"""Building a store: the same whatever the order, the workers or the interruptions; nothing read twice."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from toy_store import MIDNIGHT_NS, build_toy, make_kits, opened, toy_run

from mm_framework.bundle.rows import read_rows
from mm_framework.bundle.run import open_run
from mm_framework.errors import ConfigError, EnvironmentFailed, ManifestMismatch, SchemaMismatch, StoreError
from mm_framework.model.events import RowFlag
from mm_framework.store.manifest import StoreManifest
from mm_framework.store.root import LocalRoot
from mm_framework.store.verify import verify_store


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three runs one after the other: over midnight, with a lost connection, of other instruments."""
    folder = tmp_path_factory.mktemp("runs")
    return [
        toy_run(folder / "first", seed=1, disconnect_at=40, checkpoint_every=50),
        toy_run(folder / "second", seed=2, start_ns=MIDNIGHT_NS + 10 * 10**9),
        toy_run(folder / "third", seed=3, symbols=("E/F",), start_ns=MIDNIGHT_NS + 10 * 10**9),
    ]


def test_days_begin_at_midnight_with_the_book_as_it_was(runs: list[Path], tmp_path: Path) -> None:
    build_toy(tmp_path / "store", runs[0])
    store = opened(tmp_path / "store", tmp_path)
    partitions = [str(one.partition) for one in store.manifest.partitions()]
    days = ["2023-11-13", "2023-11-14"]
    assert partitions == [f"toy {day} {symbol}" for day in days for symbol in ("A%2FB", "C%2FD")]
    second = store.events(["toy:A/B"], MIDNIGHT_NS, policy="any")
    first_rows = next(second.blocks())
    assert first_rows["flags"][0] & RowFlag.SYNTHETIC
    assert first_rows["ts_recv_ns"][0] == MIDNIGHT_NS


def test_every_row_of_the_bundle_is_there_once_and_in_order(runs: list[Path], tmp_path: Path) -> None:
    for run in runs:
        folder = tmp_path / run.name
        report = build_toy(folder / "store", run)
        read = read_rows(open_run(run), make_kits(()))
        store = opened(folder / "store", folder)
        assert report.rows == len(read.rows)
        assert store.events(policy="any").digest() == read.digest()


def test_order_of_inputs_workers_and_increments_change_nothing(runs: list[Path], tmp_path: Path) -> None:
    expected = build_toy(tmp_path / "whole", *runs)
    for place, order in enumerate(itertools.permutations(runs)):
        assert build_toy(tmp_path / f"order-{place}", *order).digest == expected.digest
    for run in reversed(runs):
        last = build_toy(tmp_path / "increments", run)
    assert (last.digest, last.rows, last.partitions) == (expected.digest, expected.rows, expected.partitions)
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        assert build_toy(tmp_path / "pool", *runs, executor=pool).digest == expected.digest


def refuse(venues: Any) -> Any:
    raise AssertionError("it was read again")


def test_what_did_not_change_is_not_read_again(runs: list[Path], tmp_path: Path) -> None:
    build_toy(tmp_path / "store", *runs)
    again = build_toy(tmp_path / "store", *runs, make_kits=refuse)
    assert (again.read, again.kept) == ((), ("first", "second", "third"))


def newer(venues: Any) -> dict[str, str]:
    return {"mm-framework": "1", "mm-toy": "2"}


def test_another_version_of_a_plugin_derives_anew(runs: list[Path], tmp_path: Path) -> None:
    before = build_toy(tmp_path / "store", *runs)
    after = build_toy(tmp_path / "store", *runs, versions=newer)
    assert after.read == ("first", "second", "third")
    assert after.digest == before.digest


def test_a_changed_run_is_read_again(tmp_path: Path) -> None:
    run = toy_run(tmp_path / "run", steps=50)
    build_toy(tmp_path / "store", run)
    log = run / "capture" / "shard_00.frames"
    other = toy_run(tmp_path / "other" / "run", steps=60) / "capture" / "shard_00.frames"
    log.write_bytes(other.read_bytes())
    assert build_toy(tmp_path / "store", run).read == ("run",)
    assert verify_store(opened(tmp_path / "store", tmp_path)).ok


@pytest.mark.parametrize("table", ["events", "bbo", "trades"])
def test_what_was_damaged_is_read_again(runs: list[Path], tmp_path: Path, table: str) -> None:
    before = build_toy(tmp_path / "store", *runs)
    file, other, *_ = sorted((tmp_path / "store" / table).rglob("*.parquet"))
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    other.unlink()
    run = file.name.partition("-")[0]
    after = build_toy(tmp_path / "store", *runs)
    assert run in after.read
    assert after.digest == before.digest
    assert file.read_bytes() == whole
    assert verify_store(opened(tmp_path / "store", tmp_path)).ok


def test_a_lost_connection_quarantines_its_time(runs: list[Path], tmp_path: Path) -> None:
    build_toy(tmp_path / "store", runs[0])
    store = opened(tmp_path / "store", tmp_path)
    (stored,) = [one for one in store.partitions(["toy:A/B"]) if one.verdict.intervals]
    assert stored.verdict.status == "QUARANTINE"
    ((from_ns, to_ns, flag),) = stored.verdict.intervals
    assert flag == "reset"
    rows = next(store.events(["toy:A/B"], policy="pass").blocks())
    real = rows[rows["flags"] & RowFlag.SYNTHETIC == 0]
    assert not ((real["ts_recv_ns"] >= from_ns) & (real["ts_recv_ns"] < to_ns)).any()
    everything = next(store.events(["toy:A/B"], policy="any").blocks())
    assert ((everything["ts_recv_ns"] >= from_ns) & (everything["ts_recv_ns"] < to_ns)).any()


def test_of_two_runs_at_one_time_the_better_one_stands(tmp_path: Path) -> None:
    """The second began later and is whole; the first one lost its connection, so the second wins."""
    begin = MIDNIGHT_NS + 10**9
    lossy = toy_run(tmp_path / "lossy", symbols=("A/B",), start_ns=begin, steps=300, disconnect_at=100)
    whole = toy_run(tmp_path / "whole", symbols=("A/B",), start_ns=begin + 120_000_000, steps=60, seed=9)
    report = build_toy(tmp_path / "store", lossy, whole)
    store = opened(tmp_path / "store", tmp_path)
    (overlap,) = store.manifest.overlaps
    assert (overlap.winner, overlap.loser) == ("whole", "lossy")
    assert report.overlaps == 1
    selection = store.events(policy="any")
    begun = [definition.valid_from_ns for definition in selection.definitions]
    rows = next(selection.blocks())
    rows = rows[rows["flags"] & RowFlag.SYNTHETIC == 0]
    within = (rows["ts_recv_ns"] >= overlap.from_ns) & (rows["ts_recv_ns"] < overlap.to_ns)
    inside = {begun[number] for number in rows["instrument"][within].tolist()}
    outside = {begun[number] for number in rows["instrument"][~within].tolist()}
    assert len(inside) == len(outside) == 1
    assert inside != outside
    assert verify_store(store).ok


def test_an_overlap_is_settled_alike_in_any_order(tmp_path: Path) -> None:
    begin = MIDNIGHT_NS + 10**9
    runs = [
        toy_run(tmp_path / name, symbols=("A/B",), start_ns=begin + shift * 10**6, steps=steps, seed=seed)
        for name, shift, steps, seed in (("a", 0, 200, 1), ("b", 100, 300, 2), ("c", 50, 50, 3))
    ]
    digests = set()
    for place, order in enumerate(itertools.permutations(runs)):
        digests.add(build_toy(tmp_path / f"all-{place}", *order).digest)
        for run in order:
            step = build_toy(tmp_path / f"step-{place}", run)
        digests.add(step.digest)
    assert len(digests) == 1


def test_the_rest_of_a_cut_run_begins_with_its_book(tmp_path: Path) -> None:
    begin = MIDNIGHT_NS + 10**9
    long = toy_run(tmp_path / "z-long", symbols=("A/B",), start_ns=begin + 1, steps=300)
    short = toy_run(tmp_path / "a-short", symbols=("A/B",), start_ns=begin, steps=100, seed=5)
    build_toy(tmp_path / "alone", long)
    build_toy(tmp_path / "both", long, short)
    alone, both = opened(tmp_path / "alone", tmp_path), opened(tmp_path / "both", tmp_path)
    (overlap,) = both.manifest.overlaps
    assert overlap.loser == "z-long"
    for after_ns in range(1, 150_000_000, 10_000_000):
        instant = overlap.to_ns + after_ns
        mine, whole = both.book_at("toy:A/B", instant), alone.book_at("toy:A/B", instant)
        assert (mine.bids, mine.asks, mine.epoch) == (whole.bids, whole.asks, whole.epoch)


def test_many_instruments_share_buckets(tmp_path: Path) -> None:
    symbols = [f"S{number:02d}/X" for number in range(70)]
    run = toy_run(tmp_path / "run", symbols=symbols, steps=150, start_ns=MIDNIGHT_NS + 10**9)
    build_toy(tmp_path / "store", run)
    store = opened(tmp_path / "store", tmp_path)
    assert all(one.partition.symbol.startswith("~") for one in store.manifest.partitions())
    assert store.instruments == [f"toy:{symbol}" for symbol in symbols]
    read = read_rows(open_run(run), make_kits(()))
    assert store.events(policy="any").digest() == read.digest()
    numbers = [number for number, name in read.ids.items() if name == "toy:S13/X"]
    count = sum(int((read.rows["instrument"] == number).sum()) for number in numbers)
    assert store.events(["toy:S13/X"], policy="any").count() == count


@pytest.fixture
def killed(runs: list[Path], tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    code = (
        "import sys, time, pathlib, toy_store, mm_framework.store.builder as builder\n"
        "extract = builder.extract\n"
        "def slowly(task):\n"
        "    made = extract(task)\n"
        "    print('made', flush=True)\n"
        "    time.sleep(60)\n"
        "    return made\n"
        "builder.extract = slowly\n"
        "toy_store.build_toy(sys.argv[1], *map(pathlib.Path, sys.argv[2:]))\n"
    )
    path = os.pathsep.join(one for one in sys.path if one)
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "store"), *map(str, runs)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": path},
    )
    yield process
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def test_a_killed_build_leaves_the_store_as_it_was(
    runs: list[Path], tmp_path: Path, killed: subprocess.Popen[bytes]
) -> None:
    assert killed.stdout is not None
    assert killed.stdout.readline() == b"made\n"
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    assert StoreManifest.read(LocalRoot(tmp_path / "store")) is None
    assert list((tmp_path / "store" / "events").rglob("*.parquet"))
    report = build_toy(tmp_path / "store", *runs)
    assert report.digest == build_toy(tmp_path / "other", *runs).digest
    found = verify_store(opened(tmp_path / "store", tmp_path))
    assert (found.ok, found.left_over) == (True, 0)


def test_two_builds_at_once_are_refused(
    runs: list[Path], tmp_path: Path, killed: subprocess.Popen[bytes]
) -> None:
    assert killed.stdout is not None
    killed.stdout.readline()
    with pytest.raises(EnvironmentFailed, match="written by another process"):
        build_toy(tmp_path / "store", *runs)


def test_a_folder_of_others_is_no_store(runs: list[Path], tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    with pytest.raises(ConfigError, match=r"not empty \(cat.jpg is there\)"):
        build_toy(tmp_path / "photos", *runs)
    assert (tmp_path / "photos" / "cat.jpg").read_bytes() == b"cat"


def test_files_of_others_in_a_store_are_left_alone(runs: list[Path], tmp_path: Path) -> None:
    build_toy(tmp_path / "store", runs[0])
    (tmp_path / "store" / "notes.txt").write_text("mine")
    build_toy(tmp_path / "store", *runs)
    assert (tmp_path / "store" / "notes.txt").read_text() == "mine"


def test_a_running_run_and_an_unknown_thing_are_refused(tmp_path: Path) -> None:
    import toy_venue as toy

    running = toy.write_toy_run(tmp_path / "running", {0: toy.toy_session(steps=5)}, state="running")
    with pytest.raises(StoreError, match="still written"):
        build_toy(tmp_path / "store", running)
    with pytest.raises(StoreError, match="there is no"):
        build_toy(tmp_path / "store", tmp_path / "nothing")
    (tmp_path / "x.bin").write_bytes(b"x")
    with pytest.raises(StoreError, match="is no run bundle"):
        build_toy(tmp_path / "store", tmp_path / "x.bin")


def test_two_inputs_of_one_name_are_refused(tmp_path: Path) -> None:
    runs = [toy_run(tmp_path / folder / "same", steps=5) for folder in ("a", "b")]
    with pytest.raises(ConfigError, match="both called 'same'"):
        build_toy(tmp_path / "store", *runs)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"{", ManifestMismatch),
        (b'{"format": "mm-store", "schema": 99}', SchemaMismatch),
        (b'{"format": "other"}', ManifestMismatch),
        (b'{"format": "mm-store", "schema": 1, "built": 3, "made_by": ""}', ManifestMismatch),
        (
            b'{"format":"mm-store","schema":1,"built":"","made_by":"","instruments":"../../etc/x"}',
            ManifestMismatch,
        ),
    ],
)
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        StoreManifest.decode(data, str(tmp_path / "manifest.json"))


def test_a_manifest_survives_its_own_bytes(runs: list[Path], tmp_path: Path) -> None:
    build_toy(tmp_path / "store", *runs)
    manifest = StoreManifest.read(LocalRoot(tmp_path / "store"))
    assert manifest is not None
    assert StoreManifest.decode(manifest.encode(), "x") == manifest


def test_time_of_building_is_not_in_the_digest(runs: list[Path], tmp_path: Path) -> None:
    first = build_toy(tmp_path / "one", *runs)
    time.sleep(1.1)
    assert build_toy(tmp_path / "two", *runs).digest == first.digest


def test_small_tables_are_not_cut_into_small_row_groups(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Trades of many pieces of a day wait until they are worth a row group."""
    monkeypatch.setattr("mm_framework.store.judge.ROW_GROUP", 50)
    report = build_toy(tmp_path / "store", toy_run(tmp_path / "run", steps=400))
    store = opened(tmp_path / "store", tmp_path)
    files = [store.root.location(name) for part in store.manifest.parts for name, _, _ in part.files.values()]
    assert report.rows > 200
    assert {pq.read_metadata(file).num_row_groups for file in files} == {1}
