"""Files of best prices as inputs of a store: exact, flagged, counted, the same however they are given."""

from __future__ import annotations

import csv
import gzip
from decimal import Decimal
from pathlib import Path

import bbo_files
import numpy as np
import pytest
from toy_store import build_inputs, build_toy, opened, toy_run

from mm_framework.errors import ConfigError, StoreError
from mm_framework.model.events import NULL, Kind
from mm_framework.store import unpack
from mm_framework.store.bbo_input import find_bbo_file
from mm_framework.store.reader import Store
from mm_framework.store.verify import verify_store

BTC = "kraken:BTC/EUR"
DAY = "2025-10-09"


def stored(folder: Path, *paths: Path, symbols: dict[str, str] | None = None) -> Store:
    sources = [find_bbo_file(path, {"": BTC} if symbols is None else symbols) for path in paths]
    build_inputs(folder / "store", [source for source in sources if source is not None])
    return opened(folder / "store", folder)


def lines(count: int, step_ms: float = 100.0) -> list[list[str]]:
    recv = bbo_files.times(count, step_ms)
    return bbo_files.rows(recv, recv - 8.0, np.full(count, 9.5), recv - bbo_files.START_MS)


def write(path: Path, rows: list[list[str]]) -> Path:
    return bbo_files.write(path, rows)


def test_every_cell_comes_back_exactly(tmp_path: Path) -> None:
    rows = lines(20)
    rows[3][5:9] = ["90000.123456789012", "90001", "", "0.00000000000000001"]
    rows[4][5:9] = ["", "90001.1", "", "3"]
    rows[5][2:4] = ["", ""]
    path = write(tmp_path / "a.csv", rows)
    table = stored(tmp_path, path).bbo(policy="any").to_pylist()
    with path.open(encoding="utf-8") as file:
        told = list(csv.DictReader(file))
    assert len(table) == len(told) == 20
    for one, cells in zip(table, told, strict=True):
        for name in ("bid", "ask", "bid_qty", "ask_qty"):
            assert one[name] == (Decimal(cells[name]) if cells[name] else None), (cells, name)
        assert one["ts_capture"] == int(Decimal(cells["recv_ts_ms"]) * 10**6)
        if cells["exchange_ts_ms"]:
            assert one["ts_exchange"] == int(Decimal(cells["exchange_ts_ms"]) * 10**6)
            assert one["raw_age_ms"] == float(cells["raw_age_ms"])
            assert one["adjusted_age_ms"] == pytest.approx(float(cells["adjusted_age_ms"]), abs=1e-9)
        else:
            assert (one["ts_exchange"], one["raw_age_ms"]) == (None, None)
        assert (one["exchange"], one["symbol"], one["source"]) == ("kraken", "BTC/EUR", "ticker")
        assert one["source_file"] == "a.csv"


def test_rows_are_two_tops_a_line_with_last_on_the_second(tmp_path: Path) -> None:
    (rows,) = stored(tmp_path, write(tmp_path / "a.csv", lines(5))).events(policy="any").blocks()
    assert rows["kind"].tolist() == [Kind.DEFINITION] + [Kind.TOP] * 10
    assert rows["side"].tolist() == [0] + [1, -1] * 5
    assert (rows["flags"][1:] & 1).tolist() == [0, 1] * 5
    assert rows["seq"].tolist() == [0] + [n for n in range(1, 6) for _ in range(2)]
    assert rows["frame"].tolist() == [0] + [n for n in range(1, 6) for _ in range(2)]
    assert (rows["aux"][1:] == NULL).all()


def test_an_earlier_file_has_its_age_and_no_session(tmp_path: Path) -> None:
    path = bbo_files.earlier_file(tmp_path / "old.csv", 50)
    store = stored(tmp_path, path)
    table = store.bbo(policy="any")
    assert table.num_rows == 50
    assert set(table["adjusted_age_ms"].to_pylist()) == {12.5}
    assert set(table["raw_age_ms"].to_pylist()) == {0.0}


def test_the_end_of_a_session_is_a_gap_and_a_new_epoch(tmp_path: Path) -> None:
    rows = lines(30)
    for n, row in enumerate(rows[20:]):
        row[11] = f"{n * 100}.000"
    store = stored(tmp_path, write(tmp_path / "a.csv", rows))
    (partition,) = store.partitions()
    ((from_ns, to_ns, flag),) = partition.verdict.intervals
    last, first = (int(Decimal(rows[n][1]) * 10**6) for n in (19, 20))
    assert (from_ns, to_ns, flag) == (last + 1, first, "reset")
    table = store.bbo(policy="pass")
    assert table.num_rows == 30, "no line lies in the gap"
    assert table["epoch"].to_pylist() == [1] * 20 + [2] * 10
    assert store.manifest.inputs[0].counts["session_ends"] == 1


def test_repeated_lines_and_receive_times_that_go_back_are_kept_and_flagged(tmp_path: Path) -> None:
    rows = lines(30)
    rows.insert(11, rows[10])
    rows[20][1] = rows[18][1]
    store = stored(tmp_path, write(tmp_path / "a.csv", rows))
    counts = store.manifest.inputs[0].counts
    assert (counts["repeated_row"], counts["receive_time_back"], counts["bad_row"]) == (1, 1, 0)
    table = store.bbo(policy="any")
    assert table.num_rows == 31
    flagged = {flag for flags in table["qa_flags"].to_pylist() for flag in flags}
    assert flagged == {"repeated_row", "receive_time_back"}
    times = table["ts_capture"].to_pylist()
    assert times == sorted(times)


def test_lines_that_cannot_be_read_are_counted_and_the_rest_is_there(tmp_path: Path) -> None:
    rows = lines(30)
    rows[5][5] = "nine"
    rows[6][1] = ""
    rows[7] = rows[7][:5]
    rows[8][4] = ""
    rows[9][3] = "yesterday"
    store = stored(tmp_path, write(tmp_path / "a.csv", rows))
    counts = store.manifest.inputs[0].counts
    assert (counts["bad_row"], counts["bad_lines"], counts["bad_times"]) == (3, 1, 1)
    assert store.bbo(policy="any").num_rows == 26
    assert store.partitions()[0].verdict.flags == ("bad_row",)


def test_backward_venue_times_stay_as_they_are(tmp_path: Path) -> None:
    path = bbo_files.bad_day(tmp_path / "bad.csv", 2000)
    table = stored(tmp_path, path).bbo(policy="any")
    assert table.num_rows == 2000
    steps = np.diff(table["ts_exchange"].to_numpy())
    assert np.count_nonzero(steps < 0) == 118
    assert steps.min() == pytest.approx(-19_606e6, abs=1e3)


def test_days_symbols_and_compression(tmp_path: Path) -> None:
    """A file over midnight with two symbols is four partitions; packed it gives the same events."""
    count = 40
    recv = np.repeat(bbo_files.START_MS + 54_397_000.0 + np.arange(count / 2) * 200.0, 2)
    rows = bbo_files.rows(recv, recv - 3, np.full(count, 3.0), recv - recv[0])
    for n, row in enumerate(rows):
        row[4] = ("BTC/EUR", "ETH/EUR")[n % 2]
    plain = write(tmp_path / "kraken_bbo_latency_x.csv", rows)
    packed = tmp_path / "kraken_bbo_latency_x.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    store = stored(tmp_path / "plain", plain, symbols={})
    other = stored(tmp_path / "packed", packed, symbols={})
    names = [str(one.partition) for one in store.partitions()]
    assert names == [f"kraken 2025-10-{day} {one}%2FEUR" for day in ("09", "10") for one in ("BTC", "ETH")]
    assert store.events(policy="any").digest() == other.events(policy="any").digest()
    assert store.bbo(policy="any").num_rows == count
    assert verify_store(store).ok


def test_the_scale_is_that_of_the_file_as_far_as_int64_goes(tmp_path: Path) -> None:
    rows = lines(10)
    rows[2][7] = "123456789012"
    rows[3][7] = "0.1234567890123"
    store = stored(tmp_path, write(tmp_path / "a.csv", rows))
    (definition,) = store.definitions.values()
    assert (definition.price_scale, definition.size_scale) == (1, 6)
    assert store.manifest.inputs[0].counts["bad_row"] == 1, "what does not fit is not rounded"


def test_a_file_that_grew_replaces_what_was_read_of_it(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", lines(20))
    first = stored(tmp_path, path).manifest
    write(path, lines(30))
    second = stored(tmp_path, path)
    assert len(second.manifest.inputs) == 1
    assert second.manifest.inputs[0].run != first.inputs[0].run
    assert second.bbo(policy="any").num_rows == 30
    fresh = stored(tmp_path / "fresh", path)
    assert fresh.manifest.digest == second.manifest.digest
    assert verify_store(second).ok


def test_what_is_stored_is_not_read_again_wherever_it_lies(tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", lines(20))
    before = stored(tmp_path, path).manifest
    moved = path.rename(tmp_path / "moved.csv")
    source = find_bbo_file(moved, {"": BTC})
    assert source is not None
    report = build_inputs(tmp_path / "store", [source])
    assert (report.read, report.kept) == ((), (before.inputs[0].run,))
    other = find_bbo_file(moved, {"": "kraken:XBT/EUR"})
    assert other is not None
    assert build_inputs(tmp_path / "store", [other]).read == (before.inputs[0].run,)
    assert opened(tmp_path / "store", tmp_path).instruments == ["kraken:XBT/EUR"]


def test_files_and_bundles_share_a_store_and_the_better_stands(tmp_path: Path) -> None:
    """The same instrument from a bundle and a file: overlap is settled, nothing is there twice."""
    start_ms = int(bbo_files.START_MS)
    run = toy_run(tmp_path / "run", symbols=("A/B",), start_ns=(start_ms + 1000) * 10**6, steps=200)
    path = write(tmp_path / "a.csv", lines(30))
    build_toy(tmp_path / "store", run)
    store = stored(tmp_path, path, symbols={"": "toy:A/B"})
    (overlap,) = store.manifest.overlaps
    assert overlap.instrument == "toy:A/B"
    times = [row["ts_capture"] for row in store.bbo(policy="any").to_pylist()]
    assert times == sorted(times)
    assert verify_store(store).ok
    source = find_bbo_file(path, {"": "toy:A/B"})
    assert source is not None
    build_inputs(tmp_path / "other", [source])
    assert build_toy(tmp_path / "other", run).digest == store.manifest.digest


def test_the_session_file_beside_it_names_the_instruments(tmp_path: Path) -> None:
    rows = lines(4)
    rows[1][4] = "ETHUSD"
    path = write(tmp_path / "prices.csv", rows)
    (tmp_path / "prices.csv.session.ndjson").write_text(
        '{"event":"schema"}\nnot json\n'
        '{"event":"session_start","instrument":"kraken:BTC/EUR","symbol":"BTC/EUR"}\n'
        '{"event":"session_start","instrument":"binance:ETH/USD","symbol":"ETHUSD"}\n'
    )
    assert stored(tmp_path, path, symbols={}).instruments == ["binance:ETH/USD", "kraken:BTC/EUR"]


@pytest.mark.parametrize(
    ("symbols", "told"),
    [({}, "does not say which venue"), ({"": "kraken:BTC/EUR"}, "does not say"), ({"BTC/EUR": "x"}, "form")],
)
def test_a_symbol_without_an_instrument_is_refused(
    tmp_path: Path, symbols: dict[str, str], told: str
) -> None:
    rows = lines(4)
    rows[1][4] = "ETH/EUR"
    with pytest.raises(ConfigError, match=told):
        stored(tmp_path, write(tmp_path / "prices.csv", rows), symbols=symbols)
    assert not (tmp_path / "store" / "manifest.json").exists()


def test_a_file_without_a_line_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no line that can be read"):
        stored(tmp_path, write(tmp_path / "a.csv", []))


def packed(path: Path, line: bytes, mib: int) -> Path:
    """A small file of so many MiB of one line."""
    with gzip.open(path, "wb", 6) as file:
        file.write(",".join(bbo_files.COLUMNS).encode() + b"\n")
        for _ in range(mib):
            file.write(line * ((1 << 20) // len(line)))
    return path


def test_a_bomb_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "FREE_BYTES", 1 << 20)
    path = packed(tmp_path / "kraken_bbo_bomb.csv.gz", (",".join(lines(1)[0]) + "\n").encode(), 20)
    with pytest.raises(StoreError, match="more than 200 times its size"):
        stored(tmp_path, path, symbols={})


def test_a_file_of_lines_that_do_not_fit_is_refused_soon(tmp_path: Path) -> None:
    path = packed(tmp_path / "kraken_bbo_x.csv.gz", b"x\n", 50)
    with pytest.raises(StoreError, match="Expected 12 columns"):
        stored(tmp_path, path, symbols={})
