"""What is wrong with a store is found and named."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from toy_store import build_toy, opened, toy_run

from mm_framework.errors import EnvironmentFailed, StoreError
from mm_framework.store.compact import compact
from mm_framework.store.reader import open_store
from mm_framework.store.root import locked
from mm_framework.store.verify import verify_store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    build_toy(
        tmp_path / "store",
        toy_run(tmp_path / "run", steps=80),
        toy_run(tmp_path / "next", steps=9, seed=4, start_ns=1_700_100_000 * 10**9),
    )
    return tmp_path / "store"


def first_events(store: Path) -> Path:
    return min((store / "events").rglob("*.parquet"))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(("harm", "kind"), [(Path.unlink, "missing"), (cut, "content"), (flip, "content")])
def test_a_harmed_file_is_named(store: Path, tmp_path: Path, harm: Callable[[Path], None], kind: str) -> None:
    path = first_events(store)
    harm(path)
    report = verify_store(opened(store, tmp_path))
    assert not report.ok
    assert [(fault.path, fault.kind) for fault in report.faults] == [(str(path), kind)]


def test_a_store_without_fault_says_so(store: Path, tmp_path: Path) -> None:
    report = verify_store(opened(store, tmp_path))
    assert report.ok
    assert not report.to_json()["faults"]


def test_rows_that_are_not_those_of_the_manifest_are_refused(store: Path, tmp_path: Path) -> None:
    path = first_events(store)
    table = pq.read_table(path)
    pq.write_table(table.slice(1), path)
    with pytest.raises(StoreError, match="the manifest says"):
        list(opened(store, tmp_path).events(policy="any").blocks())


def test_a_changed_row_is_found_though_the_manifest_names_the_changed_file(
    store: Path, tmp_path: Path
) -> None:
    """Somebody who rewrites a file may rewrite its hash, too: the digest of the events is of the rows."""
    path, manifest = first_events(store), store / "manifest.json"
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    table = pq.read_table(path)
    moved = pc.add(table["ts_recv_ns"], pa.scalar(1, pa.int64()))
    at = table.schema.get_field_index("ts_recv_ns")
    pq.write_table(table.set_column(at, table.schema.field(at), moved), path)
    after = hashlib.sha256(path.read_bytes()).hexdigest()
    text = manifest.read_text()
    assert text.count(before) == 1
    manifest.write_text(text.replace(before, after))
    report = verify_store(opened(store, tmp_path))
    assert [(fault.path, fault.kind) for fault in report.faults] == [(str(path), "digest")]


def test_a_definition_that_is_not_known_is_told(store: Path) -> None:
    manifest = store / "manifest.json"
    manifest.write_text(manifest.read_text().replace("venue_symbol", "wenue_symbol"))
    with pytest.raises(StoreError, match="describes an instrument as this version does not"):
        open_store(store)


def edited(store: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    body = json.loads((store / "manifest.json").read_text())
    edit(body)
    (store / "manifest.json").write_text(json.dumps(body))
    return store


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda body: body["inputs"].append(body["inputs"][0]), "named twice"),
        (lambda body: body["inputs"][0].update(run="another"), "of no input"),
        (lambda body: body["inputs"][0]["definitions"][0].update(depth=-1), "depth is -1"),
        (lambda body: body["inputs"][0]["definitions"][0].update(price_scale=99), "a scale is 99"),
        (lambda body: body["inputs"][0]["definitions"][0].update(number=2**70), "a number is"),
        (lambda body: body["inputs"][0]["definitions"][0].update(id="no id"), "venue:SYMBOL"),
        (
            lambda body: body["inputs"][0]["definitions"].append(
                body["inputs"][0]["definitions"][0] | {"id": "toy:X/Y"}
            ),
            "two instruments of number",
        ),
        (lambda body: body["inputs"][0]["definitions"][0].update(id=[]), "id"),
        (lambda body: body["inputs"][0]["definitions"][0].update(more=1), "'more' is not known"),
        (lambda body: body["inputs"][0]["definitions"].pop(), "which its input does not"),
        (lambda body: body["inputs"][0]["offsets"].update({"0": [[2**70, 1.0]]}), "offsets"),
        (lambda body: body["parts"].append(body["parts"][0]), "has run 'run' twice"),
        (lambda body: body["parts"][0].update(stretches=[]), "no instrument"),
        (lambda body: body["parts"][0]["files"].pop("events"), "no events"),
        (lambda body: body["parts"][0]["partition"].__setitem__(1, "yesterday"), "no date"),
        (lambda body: body["parts"][0]["stretches"][0].update(last_ns=2**70), "last_ns"),
    ],
    ids=lambda given: given.replace(" ", "-") if isinstance(given, str) else "",
)
def test_a_manifest_that_does_not_fit_together_is_told(
    store: Path, edit: Callable[[dict[str, Any]], object], told: str
) -> None:
    with pytest.raises(StoreError, match=told) as caught:
        open_store(edited(store, edit))
    assert caught.value.exit_code == 4


def test_an_instrument_may_be_described_more_than_once(store: Path) -> None:
    """As it is when its scales grow."""

    def again(body: dict[str, Any]) -> None:
        definitions = body["inputs"][0]["definitions"]
        definitions.append(definitions[0] | {"price_scale": definitions[0]["price_scale"] + 1})

    assert open_store(edited(store, again)).rows


def test_a_table_that_is_not_known_is_told(store: Path) -> None:
    manifest = store / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"trades":', '"trAdes":'))
    with pytest.raises(StoreError, match="there is no table 'trAdes'"):
        open_store(store)


def test_no_store_is_told_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="mm store build"):
        open_store(tmp_path / "nothing")


def test_compacting_keeps_rows_and_digests(tmp_path: Path) -> None:
    start = 1_700_000_000 * 10**9
    runs = [toy_run(tmp_path / f"run-{n}", seed=n, steps=60, start_ns=start + n * 10**9) for n in range(4)]
    before = build_toy(tmp_path / "store", *runs)
    digest = opened(tmp_path / "store", tmp_path).events(policy="any").digest()
    manifest, fewer = compact(opened(tmp_path / "store", tmp_path))
    assert fewer > 0
    assert manifest.digest == before.digest
    store = opened(tmp_path / "store", tmp_path)
    assert verify_store(store).ok
    assert store.events(policy="any").digest() == digest
    assert len(list((tmp_path / "store" / "events").rglob("*.parquet"))) == 2


def test_compacting_keeps_what_a_build_put_in_since_the_store_was_opened(tmp_path: Path) -> None:
    start = 1_700_000_000 * 10**9
    runs = [toy_run(tmp_path / f"run-{n}", seed=n, steps=60, start_ns=start + n * 10**9) for n in range(3)]
    build_toy(tmp_path / "store", *runs[:2])
    earlier = opened(tmp_path / "store", tmp_path)
    report = build_toy(tmp_path / "store", *runs)
    manifest, _ = compact(earlier)
    assert manifest.digest == report.digest
    assert verify_store(opened(tmp_path / "store", tmp_path)).ok


def test_nothing_is_compacted_while_a_build_is_at_work(tmp_path: Path) -> None:
    build_toy(tmp_path / "store", toy_run(tmp_path / "run", steps=60))
    folder = tmp_path / "store/events/venue=toy/date=2023-11-14/symbol=A%2FB"
    unnamed = folder / "new-0123456789abcdef.parquet"
    unnamed.parent.mkdir(parents=True, exist_ok=True)
    unnamed.write_bytes(b"of the build, which has not named it yet")
    store = opened(tmp_path / "store", tmp_path)
    with locked(store.root), pytest.raises(EnvironmentFailed, match="wait for its end"):
        compact(store)
    assert unnamed.exists()


def test_a_run_of_a_compacted_file_may_change(tmp_path: Path) -> None:
    start = 1_700_000_000 * 10**9
    runs = [toy_run(tmp_path / f"run-{n}", seed=n, steps=60, start_ns=start + n * 10**9) for n in range(3)]
    build_toy(tmp_path / "store", *runs)
    compact(opened(tmp_path / "store", tmp_path))
    log = runs[1] / "capture" / "shard_00.frames"
    other = toy_run(tmp_path / "other" / "run-1", seed=1, steps=30, start_ns=start + 10**9)
    log.write_bytes((other / "capture" / "shard_00.frames").read_bytes())
    report = build_toy(tmp_path / "store", *runs)
    assert report.digest == build_toy(tmp_path / "fresh", *runs).digest
    store = opened(tmp_path / "store", tmp_path)
    assert verify_store(store).ok
    assert sum(
        pq.read_metadata(path).num_rows for path in (tmp_path / "store" / "trades").rglob("*.parquet")
    ) == (store.trades(policy="any").num_rows)
