"""Sinks beside a capture whose connections are replaced all the time: an export gives the same bytes."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest
from rotating import aging
from sink_runs import SinkTape, emulated_venue, tree

from mm_framework.contracts.sink import Sink
from mm_framework.sinks.bbo_csv import BboCsv
from mm_framework.sinks.day_files import DayFiles, LiveFiles

pytest.importorskip("mm_kraken")

VENUES = ("binance", "bitfinex", "kraken", "polymarket")


def rotated(name: str, sink: Sink, out: Path, faults: str = "", seconds: float = 45.0) -> SinkTape:
    """Connections are replaced when they are ten seconds old."""
    venue = aging(emulated_venue(name), 10.0)
    tape = SinkTape.run(venue, sink, out, seconds=seconds, rate=5.0, faults=faults)
    assert tape.simulation.result.reconnects["by_reason"]["session_age"] >= (1 if faults else 2)
    return tape


@pytest.mark.parametrize("faults", ["", "reset@22,slow@31"])
@pytest.mark.parametrize("name", VENUES)
def test_day_files_are_those_of_an_export(name: str, faults: str, tmp_path: Path) -> None:
    tape = rotated(name, DayFiles(), tmp_path / "live", faults)
    tape.again(DayFiles(), tmp_path / "again")
    assert tree(tmp_path / "again") == tree(tmp_path / "live")
    gaps = [line for path in tape.out.rglob("gaps_*.csv.gz") for line in rows_of(path)]
    assert bool(gaps) is bool(faults)
    epochs = {
        row["epoch_id"] for path in tape.out.rglob("orderbook_ws_depth_*.csv.gz") for row in rows_of(path)
    }
    assert epochs == {"1"} if not faults else len(epochs) > 1


@pytest.mark.parametrize("name", VENUES)
def test_live_files_are_those_of_an_export(name: str, tmp_path: Path) -> None:
    tape = rotated(name, LiveFiles(), tmp_path / "live", "reset@22")
    tape.again(LiveFiles(), tmp_path / "again")
    assert tree(tmp_path / "again") == tree(tmp_path / "live") != {}


@pytest.mark.parametrize("name", VENUES)
def test_the_csv_of_best_prices_is_that_of_an_export(name: str, tmp_path: Path) -> None:
    tape = rotated(name, BboCsv(), tmp_path / "live" / "bbo.csv", "reset@22")
    tape.again(BboCsv(), tmp_path / "again" / "bbo.csv")
    assert tree(tmp_path / "again") == tree(tmp_path / "live")
    assert len((tmp_path / "live" / "bbo.csv").read_text().splitlines()) > 20


def rows_of(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(gzip.decompress(path.read_bytes()).decode().splitlines()))
