"""``mm discover`` and what ``mm capture`` makes of it: lists, patterns, several venues, universe files."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from processes import Emulated, emulated_venue

from mm_framework.bundle.run import open_run
from mm_framework.cli import main

pytest.importorskip("mm_kraken")
pytest.importorskip("mm_binance")
pytest.importorskip("mm_polymarket")

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def kraken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    symbols = ("--symbol", "BTC/EUR", "--symbol", "ETH/EUR", "--symbol", "BTC/USD")
    with emulated_venue("kraken", tmp_path_factory.mktemp("kraken"), *symbols, "--rate", "50") as running:
        yield running


@pytest.fixture(scope="module")
def binance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    symbols = ("--symbol", "BTCUSDT", "--symbol", "ETHUSDT", "--symbol", "ETHBTC")
    with emulated_venue("binance", tmp_path_factory.mktemp("binance"), *symbols, "--rate", "50") as running:
        yield running


@pytest.fixture(scope="module")
def polymarket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    with emulated_venue("polymarket", tmp_path_factory.mktemp("polymarket"), "--rate", "50") as running:
        yield running


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def discovered(emulated: Emulated, venue: str, *arguments: str) -> dict[str, Any]:
    result = invoke("discover", venue, *arguments, "--endpoint", emulated.endpoint, "--json")
    assert result.exit_code == 0, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def captured(path: Path, *arguments: str) -> dict[str, Any]:
    where = ("--data-dir", str(path), "--run-id", "r", "--max-seconds", "4", "--json")
    result = invoke("capture", *arguments, *where)
    assert result.exit_code == 0, result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def refused(result: Result, exit_code: int, *words: str) -> None:
    assert result.exit_code == exit_code, result.stderr
    (line,) = (line for line in result.stderr.splitlines() if line.startswith("error: "))
    assert all(word in line for word in words), line


def test_a_list_has_names_increments_and_states(kraken: Emulated) -> None:
    document = discovered(kraken, "kraken")
    assert (document["ok"], document["listed"], document["found"]) == (True, 3, 3)
    first = document["instruments"][0]
    assert first == {
        "instrument": "kraken:BTC/EUR",
        "venue_symbol": "BTC/EUR",
        "base": "BTC",
        "quote": "EUR",
        "tick_size": "0.1",
        "lot_size": "0.00000001",
        "price_decimals": None,
        "size_decimals": None,
        "status": "online",
        "active": True,
        "group": None,
        "ends": None,
    }


def test_patterns_and_a_limit_narrow_it_down(kraken: Emulated) -> None:
    found = discovered(kraken, "kraken", "*/eur", "kraken:*/USD", "--limit", "2")
    assert (found["found"], [one["instrument"] for one in found["instruments"]]) == (
        3, ["kraken:BTC/EUR", "kraken:BTC/USD"],
    )  # fmt: skip
    result = invoke("discover", "kraken", "*/EUR", "--endpoint", kraken.endpoint)
    assert "kraken:ETH/EUR" in result.stdout
    assert "2 of 3 instruments of kraken" in result.stdout


def test_nothing_that_fits_is_the_answer_no(kraken: Emulated) -> None:
    result = invoke("discover", "kraken", "*/JPY", "--endpoint", kraken.endpoint, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["found"] == 0


def test_a_market_has_two_tokens_and_an_end(polymarket: Emulated) -> None:
    lines = discovered(polymarket, "polymarket")["instruments"]
    assert [one["instrument"].rpartition("-")[2] for one in lines] == ["NO", "YES"]
    assert lines[0]["group"] == lines[1]["group"]
    assert lines[0]["ends"]
    shown = invoke("discover", "polymarket", "--endpoint", polymarket.endpoint).stdout
    assert "…" in shown


@pytest.mark.parametrize(
    ("arguments", "exit_code", "words"),
    [
        (("nope",), 2, ("nope",)),
        (("kraken", "--endpoint", "http://127.0.0.1"), 2, ("not of the form ws://",)),
        (("kraken", "--endpoint", "binance=ws://127.0.0.1:1"), 2, ("this run has not",)),
        (("kraken", "--endpoint", "ws://127.0.0.1:1"), 5, ("list of instruments of kraken", "refused")),
    ],
)
def test_what_cannot_be_listed_is_one_line(
    arguments: tuple[str, ...], exit_code: int, words: tuple[str, ...]
) -> None:
    refused(invoke("discover", *arguments), exit_code, *words)


def test_a_file_stands_for_the_venue(kraken: Emulated, tmp_path: Path) -> None:
    file = tmp_path / "u.json"
    discovered(kraken, "kraken", "*/EUR", "--out", str(file))
    document = captured(
        tmp_path, "--universe", str(file), "--offline", "--endpoint", kraken.endpoint, "--depth", "10"
    )
    assert sorted(document["instruments"]) == ["kraken:BTC/EUR", "kraken:ETH/EUR"]


def test_one_run_captures_venues_and_patterns(kraken: Emulated, binance: Emulated, tmp_path: Path) -> None:
    document = captured(
        tmp_path, "kraken:btc/eur", "binance:*/USDT", "--endpoint", f"kraken={kraken.endpoint}",
        "--endpoint", f"binance={binance.endpoint}",
    )  # fmt: skip
    states = {name: one["state"] for name, one in document["instruments"].items()}
    assert states == {"binance:BTC/USDT": "SYNCED", "binance:ETH/USDT": "SYNCED", "kraken:BTC/EUR": "SYNCED"}
    run = open_run(tmp_path / "runs" / "r")
    assert [(one.shard, one.venue) for one in run.manifest.shards] == [(0, "binance"), (1, "kraken")]


def test_a_token_pair_is_captured_by_its_outcome(polymarket: Emulated, tmp_path: Path) -> None:
    name = discovered(polymarket, "polymarket", "*-YES")["instruments"][0]["instrument"]
    document = captured(tmp_path, name, "--endpoint", polymarket.endpoint)
    assert document["instruments"] == {name: {"state": "SYNCED", "epoch": 1}}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("binance:BTC/USDX",), ("binance does not list BTC/USDX", "near are binance:BTC/USDT")),
        (("binance:*/USDX",), ("'binance:*/USDX' fits none of the 3 instruments", "near are")),
        (("binance:*", "--shards", "1", "--venue-binance-url", "x"), ("not of the form ws://",)),
    ],
)
def test_what_the_venue_does_not_list_is_refused_with_the_nearest_names(
    binance: Emulated, tmp_path: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    endpoint = () if "x" in arguments else ("--endpoint", binance.endpoint)
    refused(invoke("capture", *arguments, *endpoint, "--data-dir", str(tmp_path)), 2, *words)
    assert list(tmp_path.iterdir()) == []


def test_definitions_of_the_list_are_in_force_before_the_first_row(binance: Emulated, tmp_path: Path) -> None:
    captured(tmp_path, "binance:BTC/USDT", "--endpoint", binance.endpoint)
    (line,) = open_run(tmp_path / "runs" / "r").instruments()
    assert (line["tick_size"], line["lot_size"], line["precision"]) == ("0.01", "0.00001", "metadata")
    assert (line["price_scale"], line["size_scale"]) == (2, 5)


def test_a_list_that_is_not_needed_does_not_stand_in_the_way(binance: Emulated, tmp_path: Path) -> None:
    arguments = ("binance:BTC/USDT", "--channel", "trade", "--endpoint", binance.endpoint)
    where = (
        "--venue-binance-rest-url",
        "http://127.0.0.1:1",
        "--data-dir",
        str(tmp_path),
        "--max-seconds",
        "1",
    )
    result = invoke("capture", *arguments, *where)
    assert result.exit_code == 0, result.stderr
    assert "note: definitions come without the venue's list" in result.stderr


def test_a_bare_endpoint_is_of_one_venue(tmp_path: Path) -> None:
    arguments = ("capture", "kraken:BTC/EUR", "binance:BTC/USDT", "--endpoint", "ws://127.0.0.1:1")
    refused(invoke(*arguments, "--data-dir", str(tmp_path)), 2, "is for one venue", "binance, kraken")


def test_above_the_cap_the_first_by_id_are_taken(binance: Emulated, tmp_path: Path) -> None:
    arguments = ("binance:*", "--capture-max-markets", "2", "--endpoint", binance.endpoint)
    where = ("--data-dir", str(tmp_path), "--run-id", "r", "--max-seconds", "1")
    result = invoke("capture", *arguments, *where)
    assert result.exit_code == 0, result.stderr
    assert "the first 2 by id are taken, 1 are left out" in result.stderr
    assert (
        open_run(tmp_path / "runs" / "r").manifest.shards[0].subscriptions[-1].instrument == "binance:ETH/BTC"
    )


@pytest.mark.parametrize(
    ("content", "exit_code", "words"),
    [
        (None, 5, ("cannot read the universe",)),
        (b"{", 4, ("not a universe file",)),
        (b"{}", 4, ("not a universe file", "mm discover")),
        (b'{"format":"mm-universe","version":9}', 4, ("schema 9",)),
        (b'{"format":"mm-universe","version":1,"created":"","venues":[{}]}', 4, ("not a universe file",)),
    ],
)
def test_a_file_that_is_none_is_unreadable(
    tmp_path: Path, content: bytes | None, exit_code: int, words: tuple[str, ...]
) -> None:
    file = tmp_path / "u.json"
    if content is not None:
        file.write_bytes(content)
    refused(invoke("capture", "--universe", str(file), "--data-dir", str(tmp_path / "d")), exit_code, *words)
