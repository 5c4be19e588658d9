"""Events as Tardis' CSV, and back: the same levels, trades, times and books."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from toy_store import MIDNIGHT_NS, build_toy, make_kits, opened, toy_run

from mm_framework.bundle.dataset_import import DatasetRequest, import_dataset
from mm_framework.bundle.datasets import Named
from mm_framework.bundle.rows import RunRows, read_rows
from mm_framework.bundle.run import open_run
from mm_framework.feed.file_kits import FILE_KITS
from mm_framework.model.events import NULL, Kind, RowFlag
from mm_framework.model.fixed import text
from mm_framework.replay.events import ReplayRequest, replay_events
from mm_framework.replay.tardis_csv import TardisFolder
from mm_framework.store.reader import Store

ONE = ReplayRequest(("toy:A/B",), policy="any")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tardis")
    build_toy(folder / "store", toy_run(folder / "run", start_ns=MIDNIGHT_NS - 99_500_000, disconnect_at=140))
    return folder


@pytest.fixture
def store(folder: Path) -> Store:
    return opened(folder / "store", folder)


def exported(store: Store, path: Path, request: ReplayRequest = ONE) -> dict[str, Any]:
    with TardisFolder(path) as sink:
        replay_events(store, request, (sink,))
    return sink.facts


def imported(path: Path, *files: Path) -> RunRows:
    request = DatasetRequest(files, "tardis-csv", path)

    def name(symbol: str) -> Named:
        return Named(f"toy:{symbol}")

    import_dataset(request, lambda venue: name, created="2026-11-21T00:00:00Z", made_by="test")
    return read_rows(open_run(path), FILE_KITS)


def events(read: RunRows, *, real: bool = True) -> list[tuple[Any, ...]]:
    """Levels, snapshots and trades of A/B, without what only the own bundle knows."""
    scales = {one.number: (one.price_scale, one.size_scale) for one in read.definitions}
    numbers = [one.number for one in read.definitions if one.venue_symbol == "A/B"]
    found: list[tuple[Any, ...]] = []
    for row in read.rows:
        kind = Kind(int(row["kind"]))
        if int(row["instrument"]) not in numbers or kind not in (Kind.LEVEL, Kind.TRADE, Kind.SNAPSHOT_START):
            continue
        price, size = scales[int(row["instrument"])]
        values = (
            (int(row["size"]),)
            if kind is Kind.SNAPSHOT_START
            else (Decimal(text(int(row["price"]), price)), Decimal(text(int(row["size"]), size)))
        )
        venue = None if row["ts_venue_ns"] == NULL else int(row["ts_venue_ns"]) // 1000
        number = int(row["aux"]) if kind is Kind.TRADE else None
        snapshot = bool(row["flags"] & RowFlag.SNAPSHOT)
        found.append(
            (kind, int(row["ts_recv_ns"]) // 1000, venue, int(row["side"]), *values, number, snapshot)
        )
    return found


def test_what_goes_out_and_comes_back_is_the_same(store: Store, folder: Path, tmp_path: Path) -> None:
    facts = exported(store, tmp_path / "out")
    files = sorted((tmp_path / "out").iterdir())
    assert [file.name for file in files] == [
        f"toy_{kind}_{day}_A-B.csv.gz"
        for kind in ("incremental_book_L2", "trades")
        for day in ("2023-11-13", "2023-11-14")
    ]
    back = events(imported(tmp_path / "back", *files))
    original = events(read_rows(open_run(folder / "run"), make_kits(())))
    # The second day begins with the book, as every file there does.
    # A level that falls out of the ten that the venue keeps is told as removed.
    more = [event for event in back if event not in original]
    removals = [event for event in more if not event[-1]]
    assert {event[5] for event in removals} == {0}
    assert {event[1] for event in more if event[-1]} == {MIDNIGHT_NS // 1000}
    assert [event for event in back if event in original] == original
    assert facts["book_lines"] + facts["trade_lines"] == sum(
        len(gzip.decompress(file.read_bytes()).splitlines()) - 1 for file in files
    )


def test_the_books_at_the_end_are_the_same(store: Store, tmp_path: Path) -> None:
    exported(store, tmp_path / "out")
    imported(tmp_path / "back", *(tmp_path / "out").iterdir())

    def kits(venues: Any) -> Any:
        return FILE_KITS

    build_toy(tmp_path / "store", tmp_path / "back", make_kits=kits)
    again = opened(tmp_path / "store", tmp_path)
    *_, block = store.events(["toy:A/B"], policy="any").blocks()
    at_ns = int(block["ts_recv_ns"][-1])
    mine, theirs = store.book_at("toy:A/B", at_ns), again.book_at("toy:A/B", at_ns)
    for side, other in ((mine.bids, theirs.bids), (mine.asks, theirs.asks)):
        exact = [
            [(text(p, b.definition.price_scale), text(s, b.definition.size_scale)) for p, s in levels]
            for b, levels in ((mine, side), (theirs, other))
        ]
        assert exact[0] == exact[1] != []


def test_the_same_request_gives_the_same_bytes_and_an_error_leaves_nothing(
    store: Store, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        exported(store, tmp_path / name, ReplayRequest(policy="any"))
    for file in (tmp_path / "a").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / file.name).read_bytes()
    with pytest.raises(RuntimeError, match="cut"):
        _cut_off(store, tmp_path / "c")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def _cut_off(store: Store, path: Path) -> None:
    with TardisFolder(path) as sink:
        replay_events(store, ONE, (sink,))
        raise RuntimeError("cut")


def test_messages_of_one_microsecond_stay_apart_and_a_second_snapshot_is_an_update(
    store: Store, tmp_path: Path
) -> None:
    selection = store.events(["toy:A/B"], policy="any")
    (block, *_) = selection.blocks()
    start = int((block["kind"] == Kind.SNAPSHOT_START).argmax())
    snapshot = block[block["seq"] == block["seq"][start]].copy()
    again, other = snapshot.copy(), snapshot.copy()
    again["seq"] += 1
    other["seq"] += 2
    other["flags"] = 0
    again = again[[n for n in range(len(again)) if n != 1]]  # without the first level
    with TardisFolder(tmp_path / "out") as sink:
        sink.begin({}, selection.definitions)
        for part in (snapshot, again, other[1:2]):
            sink.rows(part)
    (file,) = (tmp_path / "out").iterdir()
    lines = [line.split(",") for line in gzip.decompress(file.read_bytes()).decode().splitlines()[1:]]
    first = int(snapshot["ts_recv_ns"][0]) // 1000
    times = sorted({int(line[3]) for line in lines})
    assert times == [first, first + 1, first + 2]
    second = [line for line in lines if int(line[3]) == first + 1]
    assert {line[4] for line in second} == {"false"}
    assert [line[5:] for line in second if line[7] == "0"] == [[*lines[0][5:7], "0"]]
    assert json.dumps(sink.facts) == json.dumps({"book_lines": len(lines), "trade_lines": 0, "left_out": 0})
