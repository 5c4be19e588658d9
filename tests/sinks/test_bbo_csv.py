"""The 12-column CSV: the venue's own words, exact ages, sessions, the same bytes live and exported."""

from __future__ import annotations

import csv
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from sink_runs import SinkTape, sink_run, tree

from mm_framework.bundle.bbo_columns import BBO_COLUMNS
from mm_framework.contracts.sink import SinkRun
from mm_framework.errors import ConfigError, EnvironmentFailed
from mm_framework.model.frame import RecordKind, iter_records
from mm_framework.sinks.bbo_csv import BboCsv, BboSettings

pytest.importorskip("mm_kraken")

ALL = ("book", "trade", "ticker")
HEADER = (
    "capture_time_utc,recv_ts_ms,exchange_ts,exchange_ts_ms,symbol,bid,ask,bid_qty,ask_qty,"
    "raw_age_ms,adjusted_age_ms,e2e_since_sub_ms"
)
THREE = re.compile(r"-?\d+\.\d{3}")


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def session_of(path: Path) -> list[dict[str, Any]]:
    lines = path.with_name(path.name + ".session.ndjson").read_text().splitlines()
    return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> SinkTape:
    out = tmp_path_factory.mktemp("bbo") / "live.csv"
    faults = "disconnect@20,checksum:0.01,reset@40"
    return SinkTape.run("kraken", BboCsv(), out, seconds=60, rate=5.0, channels=ALL, faults=faults)


def test_the_header_is_the_contract(faulty: SinkTape) -> None:
    assert faulty.out.read_text().splitlines()[0] == HEADER == ",".join(BBO_COLUMNS)


def test_an_export_of_the_records_gives_the_same_bytes(faulty: SinkTape, tmp_path: Path) -> None:
    faulty.again(BboCsv(), tmp_path / "live.csv")
    assert tree(tmp_path) == tree(faulty.out.parent)
    assert len(rows_of(faulty.out)) > 100


def test_prices_sizes_and_times_are_as_the_venue_wrote_them(faulty: SinkTape) -> None:
    told = []
    for record in faulty.simulation.tape.records:
        (one,) = iter_records(record)
        if one.kind == RecordKind.FRAME and b'"channel":"ticker"' in bytes(one.payload)[:40]:
            data = json.loads(bytes(one.payload), parse_float=str, parse_int=str)["data"]
            told += [
                (
                    entry["timestamp"],
                    entry["symbol"],
                    entry["bid"],
                    entry["ask"],
                    entry["bid_qty"],
                    entry["ask_qty"],
                )
                for entry in data
            ]
    names = ("exchange_ts", "symbol", "bid", "ask", "bid_qty", "ask_qty")
    assert [tuple(row[name] for name in names) for row in rows_of(faulty.out)] == told


def test_ages_are_the_differences_of_what_is_written(faulty: SinkTape) -> None:
    offset = Decimal(0)
    for row in rows_of(faulty.out):
        for name in ("recv_ts_ms", "exchange_ts_ms", "raw_age_ms", "adjusted_age_ms", "e2e_since_sub_ms"):
            assert THREE.fullmatch(row[name]), (name, row[name])
        age = Decimal(row["recv_ts_ms"]) - Decimal(row["exchange_ts_ms"])
        assert Decimal(row["raw_age_ms"]) == age
        offset = Decimal(row["adjusted_age_ms"]) - age
        assert row["capture_time_utc"].endswith("+00:00")
    accepted = [line for line in session_of(faulty.out) if line["event"] == "clock_offset"]
    assert float(offset) == accepted[-1]["clock_offset_ms"] != 0


def test_a_run_of_e2e_ends_where_an_unplanned_loss_falls(faulty: SinkTape) -> None:
    last: dict[str, Decimal] = {}
    restarts = 0
    for row in rows_of(faulty.out):
        since = Decimal(row["e2e_since_sub_ms"])
        restarts += since < last.get(row["symbol"], Decimal(0))
        last[row["symbol"]] = since
    lines = session_of(faulty.out)
    lost = [line for line in lines if line["event"] == "connection_lost" and not line["planned"]]
    starts = [line for line in lines if line["event"] == "session_start"]
    assert len(lost) == 2
    assert restarts == 2 * len(lost)
    assert [line["session_id"] for line in starts] == [f"run-{n}" for n in range(1, len(starts) + 1)]
    end = lines[-1]
    assert (end["event"], end["reconnects"]["total"], end["sessions"]) == ("end", 2, 6)
    assert end["rows"] == len(rows_of(faulty.out))


def test_before_a_good_sample_the_adjusted_age_is_the_raw_one(tmp_path: Path) -> None:
    class NoClock(BboCsv):
        def open(self, run: SinkRun) -> None:
            guards = type(run.clock)(max_abs_offset_ms=1e-6)
            super().open(sink_run({}, run.out or tmp_path, clock=guards))

    out = tmp_path / "x.csv"
    SinkTape.run("kraken", NoClock(), out, seconds=5, channels=ALL)
    rows, lines = rows_of(out), session_of(out)
    assert rows
    assert all(row["raw_age_ms"] == row["adjusted_age_ms"] for row in rows)
    assert lines[0]["clock_offset_ms"] is None
    assert "until a clock_offset line" in lines[0]["note"]
    assert lines[-1]["clock"]["accepted"] == 0 < lines[-1]["clock"]["rejected_abs"]
    assert (lines[0]["schema"], lines[0]["version"], lines[0]["columns"]) == (
        "mm-bbo-csv", 1, list(BBO_COLUMNS),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["binance", "bitfinex", "polymarket"])
def test_any_venue_with_a_ticker_or_a_book_gives_rows(name: str, tmp_path: Path) -> None:
    for source in ("ticker", "book"):
        out = tmp_path / f"{source}.csv"
        settings = BboSettings(source=source)  # type: ignore[arg-type]  # one of the words
        tape = SinkTape.run(name, BboCsv(settings), out, seconds=20, rate=5.0, channels=("book", "ticker"))
        rows = rows_of(out)
        assert rows, source
        assert {row["symbol"] for row in rows} <= {
            tape.simulation.kits[name].adapter.venue_symbol(one) for one in tape.simulation.venue.instruments
        }
        for row in rows:
            assert bool(row["exchange_ts"]) == bool(row["exchange_ts_ms"]) == bool(row["raw_age_ms"])
            assert Decimal(row["bid"] or 0) < Decimal(row["ask"] or 10**9)
        tape.again(BboCsv(settings), tmp_path / "again" / f"{source}.csv")
    assert tree(tmp_path / "again") == {k: v for k, v in tree(tmp_path).items() if "/" not in k}


def test_an_existing_file_is_refused_and_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("mine")
    with pytest.raises(ConfigError, match=r"x\.csv exists and is never overwritten"):
        BboCsv().open(sink_run({}, path))
    assert tree(tmp_path) == {"x.csv": b"mine"}


def test_an_existing_session_file_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "x.csv.session.ndjson").write_text("mine")
    with pytest.raises(ConfigError, match=r"session\.ndjson exists"):
        BboCsv().open(sink_run({}, tmp_path / "x.csv"))
    assert sorted(tree(tmp_path)) == ["x.csv.session.ndjson"]


def test_the_default_name_has_the_venue_and_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    sink = BboCsv()
    sink.open(attrs.evolve(sink_run({}, tmp_path, venues=("kraken",)), out=None))
    assert sink.path == Path("kraken_bbo_latency_20250615_150641.csv")
    assert sink.path.exists()
    sink.close()
    assert tree(tmp_path) == {}, "a file without a record is not left behind"


def test_a_recording_without_receive_times_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no receive times"):
        BboCsv().open(sink_run({}, tmp_path / "x.csv", untimed=True))


def test_a_folder_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentFailed, match="cannot write"):
        BboCsv().open(sink_run({}, tmp_path / "file" / "x.csv"))
