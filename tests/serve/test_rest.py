"""What REST answers: books, trades and candles against the run and the store that they are of; refusals."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import pytest
from asking import Asking
from kraken_virtual import kraken_kits
from serving import played, recorded, running

from mm_framework.contracts.history import Candle
from mm_framework.history.candles import candles_of
from mm_framework.serve.hub import Hub
from mm_framework.serve.rest import together
from mm_framework.serve.serving import Serving
from mm_framework.store.builder import Build, build
from mm_framework.store.inputs import find_source

pytestmark = pytest.mark.timeout(300)

PAIR = "kraken/BTC/EUR"


@attrs.frozen
class Desk:
    """A server that has played a whole run, whose store has it, too."""

    serving: Serving
    ask: Asking


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("rest")
    run = recorded(folder / "runs" / "first", seconds=90.0)
    plan = Build(lambda venues: kraken_kits(), lambda venues: {"mm-framework": "1"}, "tests")
    build(str(folder / "store"), [find_source(run.path)], plan)
    serving = played(run, folder)
    with running(serving) as address:
        ask = Asking(address)
        while ask("/v1/status").json["sources"][0]["state"] != "ended":
            time.sleep(0.05)
        yield Desk(serving, ask)
        ask.close()


def test_instruments_are_those_of_the_source_and_of_the_store(desk: Desk) -> None:
    found = desk.ask("/v1/instruments").json["instruments"]
    (pair,) = (one for one in found if one["symbol"] == "BTC/EUR")
    assert (pair["exchange"], pair["live"], pair["stored"]) == ("kraken", True, True)
    assert pair["tick_size"] == "0.1"


@pytest.mark.parametrize("path", [f"/v1/book/{PAIR}", "/v1/book/kraken/BTC%2FEUR", "/v1/book/KRAKEN/btc/eur"])
def test_a_book_is_the_hubs_under_any_spelling(desk: Desk, path: str) -> None:
    market = desk.serving.hub.view("kraken", "BTC/EUR")
    assert market is not None
    found = desk.ask(path + "?depth=3").json
    now = market.book(3)
    assert [tuple(one) for one in found["bids"]] == now.bids != []
    assert (found["seq"], found["epoch"], found["state"]) == (now.seq, now.epoch, now.state)
    assert len(desk.ask(path).json["asks"]) > 3
    assert desk.ask("/snapshot?exchange=kraken&symbol=BTC/EUR&depth=3").json == found | {"symbol": "BTC/EUR"}


def test_candles_are_those_of_the_trades(desk: Desk) -> None:
    """Those of the store, and beside them those of what the server heard, which are the same where whole."""
    market = desk.serving.hub.view("kraken", "BTC/EUR")
    assert market is not None
    assert market.ts_ms is not None
    trades, at_ms = [], market.ts_ms - 600_000
    while (page := desk.ask(f"/v1/trades/{PAIR}?from_ms={at_ms}&limit=50&quality=any").json)["trades"]:
        trades += page["trades"]
        at_ms = page["to_ms"]
    assert len(trades) > 20
    numbers = [(one["ts_ms"], Decimal(one["price"]), Decimal(one["size"])) for one in trades]
    begin = numbers[0][0] // 60_000 * 60_000
    for interval, step in (("1s", 1000), ("1m", 60_000), ("5m", 300_000)):
        found = desk.ask(
            f"/v1/candles/{PAIR}?interval={interval}&from_ms={begin}&limit=1000&quality=any"
        ).json
        told = [Candle(**{key: one[key] for key in KEYS}) for one in found["candles"]]
        assert told == list(candles_of(numbers, step)), interval
    latest = desk.ask(f"/v1/candles/{PAIR}?limit=3").json
    assert latest["candles"][-1]["ts_ms"] == numbers[-1][0] // 60_000 * 60_000
    assert {one["source"] for one in latest["candles"]} <= {"live", "store"}


KEYS = ("ts_ms", "open", "high", "low", "close", "volume")


def test_the_latest_trades_are_those_that_were_heard(desk: Desk) -> None:
    market = desk.serving.hub.view("kraken", "BTC/EUR")
    assert market is not None
    found = desk.ask(f"/v1/trades/{PAIR}?limit=5").json
    assert [one["trade_id"] for one in found["trades"]] == [one.trade.trade_id for one in market.trades(5)]
    assert found["to_ms"] is None


def test_runs_verdicts_and_venues_are_listed(desk: Desk) -> None:
    (run,) = desk.ask("/v1/runs").json["runs"]
    assert (run["run_id"], run["venues"], run["running"]) == ("first", ["kraken"], False)
    (judged, *_) = desk.ask("/v1/qa").json["partitions"]
    assert judged["exchange"] == "kraken"
    assert judged["rows"] > 100
    assert desk.ask("/v1/qa?limit=1").json["partitions"] == [judged]
    assert desk.ask("/v1/venues").json == {"venues": []}, "this server was told of none"


def test_status_tells_of_symbols_sources_and_the_server(desk: Desk) -> None:
    found = desk.ask("/v1/status").json
    (symbol, *_) = found["symbols"]
    assert (symbol["exchange"], symbol["symbol"]) == ("kraken", "BTC/EUR")
    assert symbol["messages"] > 0
    assert found["server"]["requests"] > 1
    assert found["captures"] == []
    assert found["sources"][0]["kind"] == "playback"


def test_what_a_source_does_not_know_is_left_out(tmp_path: Path) -> None:
    class Unrecorded:
        async def run(self) -> None:
            pass

        def to_json(self) -> dict[str, Any]:
            return {"kind": "capture", "state": "live", "run": None, "frames": 3}

    serving = Serving(Hub(), tmp_path, str(tmp_path / "store"), [Unrecorded()])
    with running(serving, ["rest"]) as address, contextlib.closing(Asking(address)) as ask:
        (source,) = ask("/v1/status").json["sources"]
    assert source == {"kind": "capture", "state": "live", "told": {"frames": "3"}}


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v1/book/kraken/NO", 404, "unknown_instrument"),
        ("/v1/book/kraken/BTC/EUR?depth=0", 400, "parameter"),
        ("/v1/book/kraken/BTC/EUR?depth=1&depth=2", 400, "parameter"),
        ("/v1/candles/kraken/BTC/EUR?interval=7m", 400, "parameter"),
        ("/v1/candles/kraken/..%2f..%2fetc", 404, "unknown_instrument"),
        ("/v1/trades/kraken/BTC/EUR?from_ms=-1", 400, "parameter"),
        ("/v1/runs?limit=x", 400, "parameter"),
        ("/v1/runs?other=1", 400, "parameter"),
        ("/snapshot?exchange=kraken", 400, "parameter"),
        ("/v1/none", 404, "not_found"),
    ],
)
def test_a_refusal_says_what_would_be_right(desk: Desk, path: str, status: int, code: str) -> None:
    answer = desk.ask(path)
    assert (answer.status, answer.json["error"]["code"]) == (status, code)
    assert set(answer.json["error"]) == {"code", "message", "expected"}
    assert all(answer.json["error"].values())
    assert answer.headers["content-type"] == "application/json"


def test_only_get_is_allowed(desk: Desk) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = desk.ask("/v1/runs", method)
        assert (answer.status, answer.json["error"]["code"]) == (405, "method")
        assert "GET" in answer.headers["allow"]


def test_a_store_that_is_damaged_is_said_to_be(tmp_path: Path) -> None:
    run = recorded(tmp_path / "runs" / "one", seconds=3.0)
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "manifest.json").write_text("{")
    with running(played(run, tmp_path)) as address:
        with contextlib.closing(Asking(address)) as ask:
            answer = ask("/v1/qa")
        assert (answer.status, answer.json["error"]["code"]) == (503, "unreadable")
        assert "manifest.json" in answer.json["error"]["message"]


def test_of_two_candles_of_an_interval_the_whole_one_counts() -> None:
    def candle(at: int, volume: str) -> Candle:
        return Candle(at, "1", "1", "1", "1", volume)

    stored, live = [candle(0, "9"), candle(60, "9"), candle(120, "9")], [candle(60, "1"), candle(120, "2")]
    found = together(stored, [*live, candle(180, "3")], whole_ms=120)
    assert [(one.ts_ms, one.volume, one.source) for one in found] == [
        (0, "9", "store"),
        (60, "9", "store"),
        (120, "2", "live"),
        (180, "3", "live"),
    ]
    assert together([], [candle(60, "1")], whole_ms=120)[0].source == "live", "a part is better than nothing"


def test_the_document_names_every_path(desk: Desk) -> None:
    document: dict[str, Any] = desk.ask("/openapi.json").json
    assert document["openapi"] == "3.1.0"
    assert "/v1/candles/{venue}/{symbol}" in document["paths"]
    assert "security" not in document
    assert json.dumps(document).count("#/components/schemas/Errors") > len(document["paths"])
