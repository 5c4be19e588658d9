"""Events replayed: the same from a store, a compacted store and a bundle; written as they are."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from toy_store import MIDNIGHT_NS, build_toy, make_kits, opened, toy_run

from mm_framework.bundle.rows import read_rows
from mm_framework.bundle.run import open_run
from mm_framework.model.events import Kind
from mm_framework.replay.events import ArrowFile, NdjsonFile, ReplayRequest, replay_events
from mm_framework.store.compact import compact
from mm_framework.store.reader import Store


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replay")
    build_toy(folder / "store", toy_run(folder / "run", disconnect_at=90))
    return folder


@pytest.fixture
def store(folder: Path) -> Store:
    return opened(folder / "store", folder)


def test_a_store_gives_what_the_bundle_holds(store: Store, folder: Path) -> None:
    read = read_rows(open_run(folder / "run"), make_kits(()))
    replayed = replay_events(store, ReplayRequest(policy="any"))
    assert (replayed.count, replayed.digest) == (len(read.rows), read.digest())


def test_the_same_request_gives_the_same_bytes(store: Store, tmp_path: Path) -> None:
    request = ReplayRequest(("toy:A/B",), MIDNIGHT_NS)
    files = []
    for name in ("one.ndjson", "two.ndjson"):
        with NdjsonFile(tmp_path / name) as sink:
            replay_events(store, request, (sink,))
        files.append((tmp_path / name).read_bytes())
    assert files[0] == files[1]


def test_lines_are_exact_and_begin_with_what_was_asked(store: Store, tmp_path: Path) -> None:
    with NdjsonFile(tmp_path / "x.ndjson") as sink:
        replayed = replay_events(store, ReplayRequest(policy="any"), (sink,))
    head, *lines = [json.loads(line) for line in (tmp_path / "x.ndjson").read_text().splitlines()]
    assert head == {"record": "replay", **json.loads(json.dumps(replayed.metadata))}
    assert sum("SYNTHETIC" not in line["flags"] for line in lines) == replayed.count
    scale = store.events().definitions[0].price_scale
    rows = np.concatenate([*store.events(policy="any").blocks()])
    told = [int(Decimal(line["price"]).scaleb(scale)) for line in lines if line["kind"] == "TRADE"]
    assert told == rows["price"][rows["kind"] == Kind.TRADE].tolist()


def test_arrow_holds_the_rows(store: Store, tmp_path: Path) -> None:
    with ArrowFile(tmp_path / "x.arrow") as sink:
        replayed = replay_events(store, ReplayRequest(policy="any"), (sink,))
    with pa.ipc.open_stream(tmp_path / "x.arrow") as reader:
        table = reader.read_all()
    assert json.loads(table.schema.metadata[b"mm_replay"]) == replayed.metadata
    assert table.num_rows == sum(len(block) for block in store.events(policy="any").blocks())
    assert set(table["instrument"].to_pylist()) == set(store.instruments)


def test_what_fails_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), NdjsonFile(tmp_path / "x.ndjson"):
        raise RuntimeError
    assert not list(tmp_path.iterdir())


def test_a_policy_leaves_out_intervals_and_says_so(store: Store) -> None:
    taken = replay_events(store, ReplayRequest(policy="pass"))
    everything = replay_events(store, ReplayRequest(policy="any"))
    assert taken.count < everything.count
    assert (taken.metadata["qa"], everything.metadata["qa"]) == ("pass", "any")
    statuses = {one["qa_status"] for one in taken.metadata["partitions"].values()}
    assert "QUARANTINE" in statuses


def test_compacting_changes_no_event(tmp_path: Path) -> None:
    runs = [toy_run(tmp_path / f"r{n}", seed=n, steps=50, start_ns=MIDNIGHT_NS + n * 10**9) for n in range(3)]
    build_toy(tmp_path / "store", *runs)
    before = replay_events(opened(tmp_path / "store", tmp_path), ReplayRequest())
    compact(opened(tmp_path / "store", tmp_path))
    after = replay_events(opened(tmp_path / "store", tmp_path), ReplayRequest())
    assert (before.count, before.digest) == (after.count, after.digest)
