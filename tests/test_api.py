"""The Python API on a bundle of the toy venue."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
import toy_venue as toy
from toy_store import build_toy, toy_run

import mm_framework as mm
from mm_framework.api import Bundle
from mm_framework.errors import StoreError
from mm_framework.model.events import Kind, RowFlag


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    logs = {
        shard: toy.toy_session((f"S{shard}/X", f"T{shard}/X"), seed=shard + 1, shard=shard, steps=150)
        for shard in range(2)
    }
    path = toy.write_toy_run(tmp_path_factory.mktemp("runs") / "r", logs)
    return mm.open_bundle(path, toy.toy_kits())


def test_rows_are_in_the_order_of_processing_and_numbered_over_all_shards(bundle: Bundle) -> None:
    rows = bundle.rows()
    assert (rows["ts_recv_ns"][1:] >= rows["ts_recv_ns"][:-1]).all()
    steps = rows["seq"][1:] - rows["seq"][:-1]
    assert rows["seq"][0] == 0
    assert set(steps.tolist()) == {0, 1}
    last = rows["flags"] & RowFlag.LAST != 0
    assert (last[:-1] == (steps == 1)).all()
    assert sorted(bundle.instruments.values()) == ["toy:S0/X", "toy:S1/X", "toy:T0/X", "toy:T1/X"]


def test_rows_of_one_instrument(bundle: Bundle) -> None:
    rows = bundle.rows("toy:S1/X")
    assert 0 < len(rows) < len(bundle.rows())
    assert {bundle.instruments[number] for number in rows["instrument"].tolist()} == {"toy:S1/X"}
    assert len(bundle.rows("toy:absent")) == 0


def test_an_arrow_table_has_ids_nulls_and_timestamps(bundle: Bundle) -> None:
    table = bundle.to_arrow()
    assert table.num_rows == len(bundle.rows())
    assert table.schema.field("ts_recv").type == pa.timestamp("ns", tz="UTC")
    assert set(table["instrument"].to_pylist()) == set(bundle.instruments.values())
    starts = table.filter(pa.compute.equal(table["kind"], Kind.SNAPSHOT_START))
    assert starts["price"].null_count == starts.num_rows > 0


def test_equal_events_have_equal_digests_and_verify_agrees(bundle: Bundle) -> None:
    again = mm.open_bundle(bundle.path, toy.toy_kits())
    assert again.event_digest() == bundle.event_digest()
    assert len(again.event_digest()) == 64
    assert bundle.verify().ok


def test_a_run_id_is_looked_up_in_the_data_directory(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    toy.write_toy_run(data / "runs" / "one", {0: toy.toy_session(steps=5)})
    monkeypatch.setenv("MM_DATA_DIR", str(data))
    assert mm.open_bundle("one").path == data / "runs" / "one"
    with pytest.raises(StoreError, match="there is no run bundle"):
        mm.open_bundle("two")


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = (
        "import sys, mm_framework; assert not {'numpy', 'pyarrow', 'mm_framework.api'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=240)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'open_everything'"):
        mm.__getattr__("open_everything")


def test_a_store_is_opened_and_its_tables_go_to_polars(tmp_path: Path) -> None:
    pytest.importorskip("polars")
    build_toy(tmp_path / "store", toy_run(tmp_path / "run", steps=60))
    store = mm.open_store(tmp_path / "store")
    trades = store.trades().to_polars()
    assert 0 < len(trades) == store.trades().num_rows
    assert store.book_at("toy:A/B", int(trades["ts_capture"][-1])).bids
