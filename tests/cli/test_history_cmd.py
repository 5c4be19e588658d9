"""``mm history`` over emulated venues on real sockets: fetch, go on, combine, find gaps, bad input."""

from __future__ import annotations

import csv
import gzip
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from processes import Emulated, emulated_venue

from mm_framework.cli import main
from mm_framework.sinks.day_reader import DayReader

pytest.importorskip("mm_kraken")
pytest.importorskip("mm_binance")

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def kraken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    folder = tmp_path_factory.mktemp("kraken")
    with emulated_venue("kraken", folder, "--rate", "80", "--market-trade-share", "0.3") as running:
        yield running


def invoke(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(main, ["history", *arguments], env=env)


def told(result: Result, exit_code: int = 0) -> dict[str, Any]:
    assert result.exit_code == exit_code, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def since(seconds: float) -> str:
    return datetime.fromtimestamp(time.time() - seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def whole_seconds(data: Path) -> tuple[str, str]:
    """The first second after the first recorded trade, and the last before the last one."""
    (folder,) = data.glob("binance/BTCUSDT/*")
    times = [one.recv_ms if one.ts_ms is None else one.ts_ms for one in DayReader(folder).trades()]
    bounds = (-(-min(times) // 1000), max(times) // 1000)
    begin, end = (datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for at in bounds)
    return begin, end


def refused(result: Result, exit_code: int, *words: str) -> None:
    assert result.exit_code == exit_code, result.stderr
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("error: "))
    assert all(word in line for word in words), line


def test_trades_come_once_and_what_is_there_is_not_fetched_again(kraken: Emulated, tmp_path: Path) -> None:
    where = ("--endpoint", kraken.endpoint, "--data-dir", str(tmp_path), "--json")
    begin, end = since(60), since(6)
    table = tmp_path / "trades.parquet"
    first = told(
        invoke("trades", "kraken:xbteur", "--from", begin, "--to", end, "--file", str(table), *where)
    )
    assert first["instrument"] == "kraken:BTC/EUR"
    assert first["rows"] == first["fetched"] > 0
    texts = [gzip.decompress(Path(path).read_bytes()) for path in first["paths"]]
    lines = [json.loads(line) for text in texts for line in text.splitlines()]
    ids = [int(line["trade_id"]) for line in lines]
    assert ids == list(range(ids[0], ids[0] + first["rows"])), "no gap and no duplicate"
    assert pq.read_table(table).num_rows == first["rows"]
    again = told(invoke("trades", "kraken:BTC/EUR", "--from", begin, "--to", end, *where))
    assert (again["rows"], again["fetched"], again["requests"]) == (first["rows"], 0, 0)


def test_the_earlier_variables_are_obeyed(kraken: Emulated, tmp_path: Path) -> None:
    now_ms = round(time.time() * 1000)
    env = {
        "TYPE": "trades",
        "EXCHANGE": "kraken",
        "SYMBOL": "XBTEUR",
        "START_MS": str(now_ms - 60_000),
        "END_MS": str(now_ms - 20_000),
    }
    where = ("--endpoint", kraken.endpoint, "--data-dir", str(tmp_path), "--json")
    document = told(invoke(*where, env=env))
    assert (document["type"], document["instrument"]) == ("trades", "kraken:BTC/EUR")
    refused(invoke(*where, env={**env, "TYPE": "books"}), 2, "TYPE is 'books'", "candles or trades")


def test_candles_that_the_venue_does_not_tell_are_said_to_be_missing(
    kraken: Emulated, tmp_path: Path
) -> None:
    where = ("--endpoint", kraken.endpoint, "--data-dir", str(tmp_path))
    result = invoke("candles", "kraken:BTC/EUR", "--from", since(3600), "--interval", "1m", *where)
    assert result.exit_code == 1
    assert "missing: " in result.stdout
    built = invoke(
        "candles",
        "kraken:BTC/EUR",
        "--from",
        since(3600),
        "--from-trades",
        "--file",
        str(tmp_path / "c.csv"),
        *where,
    )
    assert built.exit_code == 0, built.stderr
    with (tmp_path / "c.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert {row["interval"] for row in rows} == {"1m"}


def test_a_venue_without_candles_has_those_of_its_trades(tmp_path: Path) -> None:
    pytest.importorskip("mm_polymarket")
    token = "72936048731589292555781174533757608024096898681344338816447372274344589246891"
    market = ("--symbol", token, "--rate", "60", "--market-trade-share", "0.5")
    with emulated_venue("polymarket", tmp_path, *market) as running:
        where = ("--endpoint", running.endpoint, "--data-dir", str(tmp_path))
        asked = (f"polymarket:{token}", "--from", since(1800), "--to", since(5), *where)
        trades = told(invoke("trades", *asked, "--json"))
        candles = told(invoke("candles", *asked, "--interval", "1s", "--json"))
        assert candles["from_trades"]
        assert trades["rows"] >= candles["rows"] > 1
        assert "trades fetched in" in invoke("candles", *asked, "--interval", "1s").stdout


def test_what_was_recorded_is_compared_with_what_the_venue_tells(tmp_path: Path) -> None:
    """Binance has candles of a second: whole ones lie in the few that a test records."""
    with emulated_venue("binance", tmp_path, "--rate", "60", "--market-trade-share", "0.5") as running:
        data = ("--data-dir", str(tmp_path / "data"))
        capture = CliRunner().invoke(
            main,
            [
                *("capture", "binance:BTC/USDT", "--endpoint", running.endpoint, "--run-id", "r"),
                *("--max-seconds", "10", "--sink", "day-files", "--json", *data),
            ],
        )
        assert capture.exit_code == 0, capture.stderr
        where = ("--endpoint", running.endpoint, "--interval", "1s", *data, "--json")
        begin, end = whole_seconds(tmp_path / "data")
        asked = ("binance:BTC/USDT", "--from", begin, "--to", end, *where)
        gaps = told(invoke("gaps", *asked))
        assert (gaps["ok"], gaps["missing"], gaps["differences"]) == (True, [], [])
        assert gaps["intervals"] >= 2
        combined = told(invoke("combine", *asked, "--file", str(tmp_path / "c.csv")))
        assert 2 <= combined["local"] <= combined["candles"] == combined["exchange"]
        (path,) = (tmp_path / "data").rglob("history/candles_1s_*.csv.gz")
        lines = gzip.decompress(path.read_bytes()).decode().splitlines()
        at, cells = next(
            (at, line.split(",")) for at, line in enumerate(lines) if at and float(line.split(",")[5])
        )
        cells[5] = "77"
        path.write_bytes(
            gzip.compress("\n".join([*lines[:at], ",".join(cells), *lines[at + 1 :], ""]).encode())
        )
        wrong = invoke("combine", *asked)
        document = told(wrong, 1)
        (difference,) = document["differences"]
        assert difference["fields"] == ["volume"]
        assert f"volume {difference['local']['volume']} here and 77 there" in wrong.stderr
        assert told(invoke("gaps", *asked), 1)["differences"] == [difference]
        lacking = told(invoke("gaps", "binance:BTC/USDT", "--from", since(90), "--to", end, *where), 1)
        assert lacking["missing"], "the venue had trades before we recorded"


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (("candles", "kraken:BTC/EUR"), 2, ("--from",)),
        (("candles", "--from", "2026-01-01"), 2, ("which instrument",)),
        (("candles", "kraken:BTC/EUR", "--from", "yesterday"), 2, ("ISO 8601",)),
        (("candles", "kraken:BTC/EUR", "--from", "2200-01-01"), 2, ("is not before",)),
        (
            ("candles", "kraken:BTC/EUR", "--from", "2026-01-01", "--interval", "3m"),
            2,
            ("no candles of 3m", "1m"),
        ),
        (("candles", "nowhere:BTC/EUR", "--from", "2026-01-01"), 2, ("nowhere",)),
        (
            ("combine", "kraken:BTC/EUR", "--from", "2026-01-01", "--to", "2026-01-02"),
            4,
            ("has no day folder",),
        ),
        (
            ("candles", "kraken:BTC/EUR", "--from", "2026-01-01T00:00:10Z", "--to", "2026-01-01T00:00:50Z"),
            2,
            ("no candle of 1m lies in this range",),
        ),
    ],
)
def test_bad_input_is_one_line(
    tmp_path: Path, arguments: tuple[str, ...], exit_code: int, words: tuple[str, ...]
) -> None:
    refused(invoke(*arguments, "--data-dir", str(tmp_path)), exit_code, *words)


def test_a_venue_that_is_away_is_an_error_and_what_came_is_kept(tmp_path: Path) -> None:
    result = invoke(
        "trades",
        "kraken:BTC/EUR",
        *(
            "--from",
            "2026-01-01",
            "--to",
            "2026-01-02",
            "--endpoint",
            "ws://127.0.0.1:9",
            "--data-dir",
            str(tmp_path),
        ),
    )
    refused(result, 5, "cannot be had", "run the command again")
