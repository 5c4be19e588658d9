"""REST bodies: snapshots of the instrument that was asked for, definitions, errors."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mm_binance.adapter import BinanceAdapter
from mm_binance.markets import COINM, SPOT, USDM, Market
from mm_binance.normalizer import BinanceNormalizer
from mm_framework.contracts.normalizer import FrameClass, InstrumentInfo, MetadataDone, Refused
from mm_framework.errors import MalformedFrame

DEPTH = b'{"lastUpdateId":160,"bids":[["0.0024","10"],["0.0023","5"]],"asks":[["0.0026","100"]]}'
URL = "https://api.binance.com/api/v3/depth?symbol=BNBBTC&limit=1000"


def read(writer: Any, body: bytes, meta: dict[str, Any] | None = None, market: Market = SPOT) -> FrameClass:
    return BinanceNormalizer(market).http(meta or {}, body, writer)


def test_a_snapshot_is_that_of_the_address(writer: Any) -> None:
    assert read(writer, DEPTH, {"url": URL}) is FrameClass.DATA
    assert writer.messages == [
        {
            "channel": "depth",
            "carries": "book",
            "symbol": "BNBBTC",
            "snapshot": True,
            "rows": [(1, "0.0024", "10"), (1, "0.0023", "5"), (-1, "0.0026", "100")],
            "last": 160,
        }
    ]


def test_a_snapshot_of_futures_has_a_time(writer: Any) -> None:
    body = DEPTH.replace(b'"bids"', b'"E":1626992741264,"T":1626992741261,"bids"')
    read(writer, body, {"url": "https://fapi.binance.com/fapi/v1/depth?symbol=X&limit=5"}, USDM)
    assert writer.messages[0]["ts_venue_ns"] == 1626992741264000000


@pytest.mark.parametrize(
    ("market", "meta", "symbol"),
    [
        (SPOT, {"url": None, "instrument": "binance:BNB/BTC"}, "BNBBTC"),
        (SPOT, {"instrument": "BNBBTC"}, "BNBBTC"),
        (COINM, {"instrument": "binance-coinm:BTC/USD:PERP"}, "BTCUSD_PERP"),
        (SPOT, {"url": URL, "instrument": "binance:A/B"}, "BNBBTC"),
        (
            SPOT,
            {"url": "https://api.binance.com/api/v3/depth?symbol=%E5%B8%81%E5%AE%89USDT"},
            "币安USDT",
        ),
    ],
)
def test_without_an_address_whoever_keeps_the_record_says_whose_it_is(
    writer: Any, market: Market, meta: dict[str, Any], symbol: str
) -> None:
    read(writer, DEPTH, meta, market)
    assert [message["symbol"] for message in writer.messages] == [symbol]


def test_a_snapshot_of_nobody_is_understood_and_dropped(writer: Any) -> None:
    assert read(writer, DEPTH) is FrameClass.DATA
    assert writer.messages == []


SPOT_SYMBOL = {
    "symbol": "BTCUSDT",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "0.01000000", "tickSize": "0.01000000"},
        {"filterType": "LOT_SIZE", "stepSize": "0.00001000"},
        {"filterType": "MARKET_LOT_SIZE", "stepSize": "0.00000000"},
    ],
}


def info(symbol: dict[str, Any]) -> bytes:
    return json.dumps({"timezone": "UTC", "rateLimits": [], "symbols": [symbol]}).encode()


def test_definitions_have_the_increments_of_the_filters(writer: Any) -> None:
    assert read(writer, info(SPOT_SYMBOL)) is FrameClass.CONTROL
    assert writer.controls == [
        InstrumentInfo("BTCUSDT", "BTC", "USDT", "0.01", "0.00001", 2, 5, "TRADING"),
        MetadataDone(),
    ]


@pytest.mark.parametrize(
    ("tick", "told"),
    [
        ("0.01000000", ("0.01", 2)),
        ("1.00000000", ("1", 0)),
        ("0.5", ("0.5", 1)),
        ("10", ("10", 0)),
        ("0.00000001", ("0.00000001", 8)),
        ("0.00000000", (None, None)),
        ("0", (None, None)),
    ],
)
def test_an_increment_is_shortened_and_zero_is_none(
    writer: Any, tick: str, told: tuple[str | None, int | None]
) -> None:
    symbol = {**SPOT_SYMBOL, "filters": [{"filterType": "PRICE_FILTER", "tickSize": tick}]}
    read(writer, info(symbol))
    assert (writer.controls[0].tick_size, writer.controls[0].price_decimals) == told
    assert (writer.controls[0].lot_size, writer.controls[0].size_decimals) == (None, None)


def test_contracts_of_coinm_say_their_state_by_another_key(writer: Any) -> None:
    symbol = {"symbol": "BTCUSD_PERP", "contractStatus": "TRADING", "baseAsset": "BTC", "quoteAsset": "USD"}
    read(writer, info(symbol), market=COINM)
    assert writer.controls[0] == InstrumentInfo("BTCUSD_PERP", "BTC", "USD", status="TRADING")


def test_an_unknown_name_refuses_the_instrument(writer: Any) -> None:
    assert read(writer, b'{"code":-1121,"msg":"Invalid symbol."}', {"url": URL}) is FrameClass.CONTROL
    assert writer.controls == [Refused("Invalid symbol.", "depth", "BNBBTC")]


def test_other_errors_refuse_nobody(writer: Any) -> None:
    body = b'{"code":-1003,"msg":"Way too much request weight used; IP banned until 1659146400000."}'
    read(writer, body, {"url": URL, "status": 418})
    assert writer.controls == [Refused("Way too much request weight used; IP banned until 1659146400000.")]


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b'[{"id":1}]', b'{"serverTime":1}', b'{"symbol":"BTCUSDT","openInterest":"1"}']
)
def test_other_answers_are_unknown(writer: Any, body: bytes) -> None:
    assert read(writer, body, {"url": URL}) is FrameClass.UNKNOWN
    assert writer.messages == writer.controls == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'{"lastUpdateId":160,"bids":[]}',
        b'{"lastUpdateId":"160","bids":[],"asks":[]}',
        b'{"lastUpdateId":160,"bids":[["1"]],"asks":[]}',
        b'{"symbols":[{}]}',
        info({**SPOT_SYMBOL, "filters": [{"filterType": "PRICE_FILTER", "tickSize": "a"}]}),
    ],
)
def test_what_is_not_an_answer_is_malformed(writer: Any, body: bytes) -> None:
    with pytest.raises(MalformedFrame, match="not a REST answer of Binance"):
        read(writer, body, {"url": URL})


@pytest.mark.parametrize(
    ("body", "time_ns"),
    [
        (b'{"serverTime":1499827319559}', 1_499_827_319_559_000_000),
        (b'{"code":-1003,"msg":"Too many requests."}', None),
        (b'{"serverTime":"soon"}', None),
        (b"<html>", None),
        (b"\xff", None),
    ],
)
def test_the_time_of_the_server_is_in_nanoseconds(body: bytes, time_ns: int | None) -> None:
    adapter = BinanceAdapter(SPOT)
    assert adapter.time_request().url == "https://api.binance.com/api/v3/time"
    assert adapter.server_time_ns(body) == time_ns
