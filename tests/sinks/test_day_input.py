"""Day folders as inputs of a store: the books of the recording, gaps where the folder has them."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Collection
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from sink_runs import SinkTape, emulated_venue
from toy_store import build_inputs, opened

from mm_framework.cli import main
from mm_framework.errors import StoreError
from mm_framework.feed import VenueKit
from mm_framework.model.events import Kind, RowFlag
from mm_framework.sinks import files
from mm_framework.sinks.day_files import DayFiles
from mm_framework.sinks.day_input import find_day_folder
from mm_framework.sinks.day_reader import DayReader
from mm_framework.store.reader import Store
from mm_framework.store.verify import verify_store

pytest.importorskip("mm_kraken")

VENUES = ("binance", "bitfinex", "kraken", "polymarket")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    made = {}
    for name in VENUES:
        out = tmp_path_factory.mktemp(name)
        SinkTape.run(name, DayFiles(), out, seconds=20, rate=10.0)
        made[name] = next(out.glob("*/*/*/schema.json")).parent
    return made


def kits(venues: Collection[str]) -> dict[str, Any]:
    found = {}
    for name in venues:
        venue = emulated_venue(name)
        found[name] = VenueKit(venue.adapter, venue.normalizer, venue.rules)
    return found


def stored(folder: Path, *days: Path) -> Store:
    sources = [find_day_folder(day) for day in days]
    build_inputs(folder / "store", [one for one in sources if one is not None], make_kits=kits)
    return opened(folder / "store", folder)


def lines(day: Path, name: str) -> list[str]:
    return list(files.gzip_text(next(day.glob(f"{name}_*.gz"))))


@pytest.mark.parametrize("name", VENUES)
def test_books_are_those_of_the_recorded_frames(folders: dict[str, Path], tmp_path: Path, name: str) -> None:
    store = stored(tmp_path, folders[name])
    (partition,) = store.partitions()
    assert partition.verdict.status == "PASS"
    header, *frames = [line.split(",") for line in lines(folders[name], "orderbook_ws_depth")]
    last = {int(cells[1]): cells for cells in frames}  # of one millisecond the last one counts
    for recv_ms, cells in list(last.items())[:: max(1, len(last) // 20)]:
        book = store.book_at(store.instruments[0], recv_ms * 10**6)
        scale = 10**book.definition.price_scale
        best = [book.bids[0][0] / scale if book.bids else 0.0, book.asks[0][0] / scale if book.asks else 0.0]
        assert best == pytest.approx([float(cells[5]), float(cells[7])])
        # Between checksums Bitfinex has only numbers of the connection, which a folder of one symbol lacks.
        assert book.trusted or (name == "bitfinex" and book.epoch == 1)
    assert store.book_at(store.instruments[0], max(last) * 10**6).trusted
    assert header[5] == "bid1_price"
    assert verify_store(store).ok


@pytest.mark.parametrize("name", VENUES)
def test_every_print_is_there_exactly(folders: dict[str, Path], tmp_path: Path, name: str) -> None:
    store = stored(tmp_path, folders[name])
    trades = [(one["price"], one["qty"], one["trade_id"]) for one in store.trades(policy="any").to_pylist()]
    told = [
        (Decimal(one.price), Decimal(one.size), one.trade_id) for one in DayReader(folders[name]).trades()
    ]
    assert trades == told
    assert store.manifest.inputs[0].counts["trades"] == len(told)


def test_a_missing_update_is_a_gap_with_the_next_epoch(folders: dict[str, Path], tmp_path: Path) -> None:
    day = tmp_path.joinpath(*folders["binance"].parts[-3:])
    shutil.copytree(folders["binance"], day)
    path = next(day.glob("diffs/*.gz"))
    kept = lines(day, "diffs/depth_diffs")
    del kept[len(kept) // 2]
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in kept).encode()))
    store = stored(tmp_path, day)
    (partition,) = store.partitions()
    assert (partition.verdict.status, partition.verdict.flags) != ("PASS", ())
    (rows,) = store.events(policy="any").blocks()
    gaps = rows[rows["kind"] == Kind.GAP]
    assert len(gaps) == 1
    after = rows[np.flatnonzero(rows["kind"] == Kind.GAP)[0] + 1 :]
    assert set(after["epoch"].tolist()) == {int(gaps["epoch"][0]) + 1}


def test_a_restart_within_the_day_is_a_hole(tmp_path: Path) -> None:
    for seed in (1, 2):
        SinkTape.run("kraken", DayFiles(), tmp_path / "day", seconds=10, rate=10.0, seed=seed)
    day = next((tmp_path / "day").glob("*/*/*/schema.json")).parent
    store = stored(tmp_path, day)
    (rows,) = store.events(policy="any").blocks()
    assert rows["epoch"].max() >= 2
    assert (rows["ts_recv_ns"][1:] >= rows["ts_recv_ns"][:-1]).all()
    assert rows[rows["kind"] == Kind.GAP]["flags"].tolist() == [
        RowFlag.UNTRUSTED | RowFlag.LAST | RowFlag.NO_VENUE_TIME
    ]


def test_the_same_folder_is_not_read_again_and_a_grown_one_replaces_it(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    day = tmp_path.joinpath(*folders["kraken"].parts[-3:])
    shutil.copytree(folders["kraken"], day)
    first = stored(tmp_path, day).manifest
    assert stored(tmp_path, day).manifest.digest == first.digest
    path = next(day.glob("trades_ws_*.gz"))
    kept = lines(day, "trades_ws")
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in kept[:-1]).encode()))
    second = stored(tmp_path, day).manifest
    assert len(second.inputs) == 1
    assert second.rows == first.rows - 1


def test_a_piece_that_unpacks_too_far_is_refused(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = tmp_path.joinpath(*folders["kraken"].parts[-3:])
    shutil.copytree(folders["kraken"], day)
    monkeypatch.setattr(files, "MEMBER_BYTES", 1 << 16)
    next(day.glob("diffs/*.gz")).write_bytes(gzip.compress(b" " * (1 << 20)))
    with pytest.raises(StoreError, match="holds a piece of more than"):
        find_day_folder(day)


def test_the_command_takes_a_day_folder(folders: dict[str, Path], tmp_path: Path) -> None:
    out = str(tmp_path / "store")
    result = CliRunner().invoke(main, ["store", "build", str(folders["kraken"]), "--out", out, "--json"])
    assert result.exit_code == 0, result.output
    listed = CliRunner().invoke(main, ["store", "list", "--store", out])
    assert "kraken" in listed.output
