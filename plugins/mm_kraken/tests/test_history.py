"""Kraken's history over REST: recorded answers, pages, refusals."""

from __future__ import annotations

import gzip
from decimal import Decimal
from pathlib import Path

import pytest

from mm_framework.contracts.history import Candle, HistoryQuery, PastTrade
from mm_framework.errors import MalformedFrame, VenueRefused
from mm_framework.history.candles import candles_of, compare
from mm_kraken.adapter import KrakenAdapter

MINUTE = 60_000
TRADES = HistoryQuery("trades", "kraken:BTC/USDT", 1_762_700_000_000, 1_762_900_000_000)
CANDLES = HistoryQuery("candles", "kraken:BTC/USDT", 1_762_700_000_000, 1_762_900_000_000, "1m")


def test_a_page_of_trades_has_exact_numbers_and_times() -> None:
    body = (
        b'{"error":[],"result":{"XBTUSDT":[["105433.60000","0.00027625",1762795433.9717445,"b","l","",10218208],'
        b'["105383.70000","0.00007235",1762795483.306824,"s","l","",10218212]],"last":"1762795483306824112"}}'
    )
    adapter = KrakenAdapter()
    adapter.history_page = 2
    page = adapter.read_history(TRADES, "0", body)
    assert page.trades == (
        PastTrade(1_762_795_433_971_744_500, "10218208", "105433.60000", "0.00027625", "buy"),
        PastTrade(1_762_795_483_306_824_000, "10218212", "105383.70000", "0.00007235", "sell"),
    )
    assert page.cursor == "1762795483306824112"
    adapter.history_page = 3
    assert adapter.read_history(TRADES, "0", body).cursor is None, "the page is not full"


def test_requests_name_the_pair_as_rest_does() -> None:
    adapter = KrakenAdapter()
    trades = adapter.history_request(TRADES, adapter.history_begin(TRADES))
    assert trades.url.endswith("/0/public/Trades?pair=XBTUSDT&since=1762699999999999999&count=1000")
    candles = adapter.history_request(CANDLES, adapter.history_begin(CANDLES))
    assert candles.url.endswith("/0/public/OHLC?pair=XBTUSDT&since=1762699999&interval=1")


@pytest.mark.parametrize("text", ["EGeneral:Invalid arguments", "EAPI:Rate limit exceeded"])
def test_a_refusal_is_told(text: str) -> None:
    with pytest.raises(VenueRefused, match=text):
        KrakenAdapter().read_history(CANDLES, "0", f'{{"error":["{text}"]}}'.encode())


@pytest.mark.parametrize(
    "result", ['{"last":1}', '{"A":[],"B":[],"last":1}', '{"A":[]}', '{"A":[[1,"1"]],"last":1}']
)
def test_an_answer_of_another_form_is_malformed(result: str) -> None:
    with pytest.raises(MalformedFrame):
        KrakenAdapter().read_history(CANDLES, "0", f'{{"error":[],"result":{result}}}'.encode())


def test_candles_of_recorded_trades_are_the_recorded_candles(shared_data: Path) -> None:
    """All full minutes with trades: the first one is cut by the beginning of the page."""
    adapter = KrakenAdapter()

    def body(name: str) -> bytes:
        return gzip.decompress(
            (shared_data / "historical" / f"kraken_rest_{name}_XBTUSDT_20251110.json.gz").read_bytes()
        )

    trades = adapter.read_history(TRADES, "0", body("trades")).trades
    told: tuple[Candle, ...] = adapter.read_history(CANDLES, "0", body("ohlc1m")).candles
    numbers = [(one.ts_ns // 1_000_000, Decimal(one.price), Decimal(one.size)) for one in trades]
    built = [one for one in candles_of(numbers, MINUTE) if one.ts_ms > numbers[0][0]]
    assert len(built) == 144
    times = {one.ts_ms for one in built}
    assert compare(built, [one for one in told if one.ts_ms in times]) == []
    between = [one for one in told if built[0].ts_ms <= one.ts_ms <= built[-1].ts_ms]
    assert compare(built, between) == [], "minutes without trades have no volume there"
