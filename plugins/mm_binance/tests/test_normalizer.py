"""Frames of the documents and of recordings: what each becomes, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mm_binance.markets import COINM, MARKETS, SPOT, USDM, Market
from mm_binance.normalizer import BinanceNormalizer
from mm_framework.contracts.normalizer import FrameClass, GoingAway, Normalizer
from mm_framework.errors import MalformedFrame

Decode = Callable[..., FrameClass]

DEPTH = (
    '{"e":"depthUpdate","E":1672515782136,"s":"BNBBTC","U":157,"u":160,'
    '"b":[["0.0024","10"],["0.0023","0"]],"a":[["0.0026","100"]]}'
)
TRADE = (
    '{"e":"trade","E":1672515782136,"s":"BNBBTC","t":12345,"p":"0.001","q":"100",'
    '"T":1672515782135,"m":true,"M":true}'
)
AGG_TRADE = (
    '{"e":"aggTrade","E":1626992742291,"a":14888302,"s":"AKROUSDT","p":"0.01731","q":"312",'
    '"f":27931348,"l":27931348,"T":1626992742134,"m":false}'
)
BOOK_TICKER = (
    '{"u":400900217,"s":"BNBUSDT","b":"25.35190000","B":"31.21000000","a":"25.36520000","A":"40.66000000"}'
)
FUTURES_TICKER = (
    '{"e":"bookTicker","u":600859600576,"s":"SUSHIUSDT","b":"7.6110","B":"2","a":"7.6120","A":"297",'
    '"T":1626992741012,"E":1626992741017}'
)
FUTURES_DEPTH = (
    '{"e":"depthUpdate","E":1626992741037,"T":1626992741024,"s":"SUSHIUSDT","U":600859599090,'
    '"u":600859600917,"pu":600859598061,"b":[["7.5040","813"]],"a":[]}'
)
FUTURES_PARTIAL = (
    '{"e":"depthUpdate","E":1653863834495,"T":1653863834489,"s":"BTCUSD_220624","ps":"BTCUSD",'
    '"U":462549791905,"u":462549794973,"pu":462549791429,"b":[["29538.2","195"],["29536.3","491"]],'
    '"a":[["29538.3","144"]]}'
)
PARTIAL = '{"lastUpdateId":160,"bids":[["0.0024","10"],["0.0023","5"]],"asks":[["0.0026","100"]]}'


def combined(stream: str, event: str) -> str:
    return f'{{"stream":"{stream}","data":{event}}}'


def both(stream: str, event: str) -> list[str]:
    return [event, combined(stream, event), combined(stream, event).replace('":', '" : ')]


def test_it_is_a_normalizer() -> None:
    normalizer: Normalizer = BinanceNormalizer(SPOT)
    assert normalizer.version == "1"


@pytest.mark.parametrize("frame", both("bnbbtc@depth@100ms", DEPTH))
def test_an_update_tells_its_numbers_and_levels_as_written(decode: Decode, writer: Any, frame: str) -> None:
    assert decode(frame) is FrameClass.DATA
    (message,) = writer.messages
    assert message == {
        "channel": "depth",
        "carries": "book",
        "symbol": "BNBBTC",
        "snapshot": False,
        "rows": [(1, "0.0024", "10"), (1, "0.0023", "0"), (-1, "0.0026", "100")],
        "first": 157,
        "last": 160,
        "ts_venue_ns": 1672515782136000000,
    }


def test_an_update_of_futures_tells_the_number_before_it(decode: Decode, writer: Any) -> None:
    decode(combined("sushiusdt@depth@100ms", FUTURES_DEPTH), USDM)
    (message,) = writer.messages
    assert (message["prev"], message["first"], message["last"]) == (600859598061, 600859599090, 600859600917)
    assert message["ts_venue_ns"] == 1626992741037000000, "the event time, as on spot"
    assert message["rows"] == [(1, "7.5040", "813")]


@pytest.mark.parametrize("frame", both("bnbbtc@trade", TRADE))
def test_the_taker_sold_when_the_buyer_is_the_maker(decode: Decode, writer: Any, frame: str) -> None:
    assert decode(frame) is FrameClass.DATA
    (message,) = writer.messages
    assert (message["channel"], message["carries"], message["symbol"]) == ("trade", "trade", "BNBBTC")
    assert message["rows"] == [(-1, "0.001", "100", 12345, 1672515782135000000)]
    assert message["ts_venue_ns"] == 1672515782135000000


@pytest.mark.parametrize("market", MARKETS)
def test_aggregate_trades_are_a_channel_with_numbers_of_its_own(
    decode: Decode, writer: Any, market: Market
) -> None:
    assert decode(combined("akrousdt@aggTrade", AGG_TRADE), market) is FrameClass.DATA
    (message,) = writer.messages
    assert message["channel"] == "aggTrade"
    assert message["rows"] == [(1, "0.01731", "312", 14888302, 1626992742134000000)]


@pytest.mark.parametrize("frame", both("bnbusdt@bookTicker", BOOK_TICKER))
def test_best_prices_of_spot_have_no_name_and_no_time(decode: Decode, writer: Any, frame: str) -> None:
    assert decode(frame) is FrameClass.DATA
    (message,) = writer.messages
    assert message == {
        "channel": "bookTicker",
        "carries": "ticker",
        "symbol": "BNBUSDT",
        "snapshot": False,
        "rows": [("25.35190000", "31.21000000", "25.36520000", "40.66000000")],
        "last": 400900217,
    }


def test_best_prices_of_futures_have_both(decode: Decode, writer: Any) -> None:
    decode(combined("sushiusdt@bookTicker", FUTURES_TICKER), USDM)
    (message,) = writer.messages
    assert (message["last"], message["ts_venue_ns"]) == (600859600576, 1626992741017000000)


@pytest.mark.parametrize(
    ("change", "top"),
    [
        (
            ('"25.35190000","B":"31.21000000"', '"0.00000000","B":"0.00000000"'),
            (None, None, "25.36520000", "40.66000000"),
        ),
        (('"A":"40.66000000"', '"A":"0"'), ("25.35190000", "31.21000000", None, None)),
    ],
)
def test_a_side_of_nothing_is_no_side(
    decode: Decode, writer: Any, change: tuple[str, str], top: tuple[Any, ...]
) -> None:
    assert change[0] in BOOK_TICKER
    decode(BOOK_TICKER.replace(*change))
    assert writer.messages[0]["rows"] == [top]


# --- streams of the best levels


@pytest.mark.parametrize("levels", [5, 10, 20])
@pytest.mark.parametrize("cadence", ["", "@100ms"])
def test_the_best_levels_are_told_as_a_top_and_never_as_a_book(
    decode: Decode, writer: Any, levels: int, cadence: str
) -> None:
    assert decode(combined(f"bnbbtc@depth{levels}{cadence}", PARTIAL)) is FrameClass.DATA
    (message,) = writer.messages
    assert (message["channel"], message["carries"]) == (f"depth{levels}", "ticker")
    assert (message["symbol"], message["last"]) == ("BNBBTC", 160)
    assert message["rows"] == [("0.0024", "10", "0.0026", "100")]


def test_the_best_levels_of_futures_look_like_an_update_and_are_none(decode: Decode, writer: Any) -> None:
    decode(combined("btcusd_220624@depth20", FUTURES_PARTIAL), COINM)
    decode(FUTURES_PARTIAL, COINM, "wss://dstream.binance.com/ws/btcusd_220624@depth20@500ms")
    decode(FUTURES_PARTIAL, COINM, "wss://dstream.binance.com/ws/btcusd_220624@depth@500ms")
    assert [(message["channel"], message["carries"]) for message in writer.messages] == [
        ("depth20", "ticker"),
        ("depth20", "ticker"),
        ("depth", "book"),
    ]
    assert writer.messages[0]["rows"] == [("29538.2", "195", "29538.3", "144")]
    assert writer.messages[0]["ts_venue_ns"] == 1653863834495000000


def test_empty_sides_of_the_best_levels_are_no_sides(decode: Decode, writer: Any) -> None:
    decode(combined("x@depth5", '{"lastUpdateId":1,"bids":[],"asks":[]}'))
    assert writer.messages[0]["rows"] == [(None, None, None, None)]


@pytest.mark.parametrize(
    ("url", "known"),
    [
        ("wss://stream.binance.com:9443/ws/bnbbtc@depth5", True),
        ("wss://stream.binance.com:9443/ws/bnbbtc@depth5?timeUnit=MICROSECOND", True),
        ("wss://stream.binance.com:9443/ws/bnbbtc@depth5/x@depth5", False),
        ("wss://stream.binance.com:9443/ws", False),
        ("wss://stream.binance.com:9443/ws/bnbbtc@trade", False),
        ("", False),
    ],
)
def test_raw_best_levels_name_nobody_unless_the_address_has_one_stream(
    decode: Decode, writer: Any, url: str, known: bool
) -> None:
    assert decode(PARTIAL, url=url) is (FrameClass.DATA if known else FrameClass.UNKNOWN)
    assert [message["symbol"] for message in writer.messages] == (["BNBBTC"] if known else [])


# --- times


@pytest.mark.parametrize(("written", "ns"), [(1672515782136, 136000000), (1672515782136789, 136789000)])
def test_the_digits_tell_milliseconds_from_microseconds(
    decode: Decode, writer: Any, written: int, ns: int
) -> None:
    decode(DEPTH.replace("1672515782136", str(written)))
    assert writer.messages[0]["ts_venue_ns"] == 1672515782_000000000 + ns


@pytest.mark.parametrize("written", [0, 167251578213, 16725157821367, 9999999999999, -1672515782136])
def test_another_number_is_no_time(decode: Decode, written: int) -> None:
    with pytest.raises(MalformedFrame, match="found the time"):
        decode(DEPTH.replace("1672515782136", str(written)))


# --- other frames


@pytest.mark.parametrize(
    "frame",
    [
        '{"e":"serverShutdown","E":1770123456789}',
        '{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":1770123456789}}',
    ],
)
def test_a_planned_shutdown_asks_for_another_connection(decode: Decode, writer: Any, frame: str) -> None:
    assert decode(frame) is FrameClass.CONTROL
    assert writer.controls == [GoingAway("serverShutdown")]


@pytest.mark.parametrize(
    "frame",
    [
        "[]",
        "7",
        "{}",
        '{"stream":"!ticker@arr","data":[{"e":"24hrTicker"}]}',
        '{"stream":"x@kline_1m","data":{"e":"kline","E":1,"s":"X","k":{}}}',
        '{"e":"blockTrade","s":"X","t":1,"p":"1","q":"1","T":1672515782136,"m":true}',
        '{"e":7}',
        '{"e":null}',
        '{"stream":"x@depth20","data":{}}',
        PARTIAL,
    ],
)
def test_what_is_not_known_is_tolerated(decode: Decode, writer: Any, frame: str) -> None:
    assert decode(frame) is FrameClass.UNKNOWN
    assert writer.messages == writer.controls == []


def test_trades_of_futures_are_not_read(decode: Decode) -> None:
    """Their stream is undocumented, and holds rows of price 0."""
    assert decode(TRADE, USDM) is FrameClass.UNKNOWN


def test_unknown_keys_are_tolerated(decode: Decode, writer: Any) -> None:
    assert decode(DEPTH.replace('"U":', '"new":{"a":[1]},"U":')) is FrameClass.DATA
    assert decode(DEPTH.replace('["0.0026","100"]', '["0.0026","100",[]]')) is FrameClass.DATA
    assert writer.messages[0]["rows"] == writer.messages[1]["rows"]


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "{",
        '{"e":"depthUpdate"',
        DEPTH.replace('"U":157,', ""),
        DEPTH.replace('"U":157', '"U":"157"'),
        DEPTH.replace('"U":157', '"U":-1'),
        DEPTH.replace('"u":160', '"u":9223372036854775808'),
        DEPTH.replace('"E":1672515782136,', ""),
        DEPTH.replace('["0.0026","100"]', '["0.0026"]'),
        DEPTH.replace('["0.0026","100"]', "[0.0026,100]"),
        DEPTH.replace('"a":[', '"c":['),
        DEPTH.replace("BNBBTC", ""),
        DEPTH.replace("BNBBTC", "BNB BTC"),
        DEPTH.replace("BNBBTC", "X" * 65),
        TRADE.replace('"m":true', '"m":1'),
        TRADE.replace('"t":12345', '"t":1.5'),
        TRADE.replace('"0.001"', "0.001"),
        BOOK_TICKER.replace('"25.35190000"', "null"),
        combined("x@depth5", '{"lastUpdateId":1,"bids":[]}'),
        '{"result":null,"id":1.5}',
        DEPTH + "x",
    ],
)
def test_what_the_rules_do_not_allow_is_malformed(decode: Decode, frame: str) -> None:
    with pytest.raises(MalformedFrame, match="not a frame of Binance"):
        decode(frame)


def test_bytes_that_are_no_text_are_malformed(decode: Decode) -> None:
    with pytest.raises(MalformedFrame):
        decode(b'{"e":"depthUpdate","s":"\xff"}')
    with pytest.raises(MalformedFrame):
        decode(b"[" * 100_000)
    with pytest.raises(MalformedFrame):
        decode(b"[1,2")


def test_names_of_any_alphabet_are_read(decode: Decode, writer: Any) -> None:
    decode(combined("币安人生usdt@depth5", PARTIAL))
    decode(DEPTH.replace("BNBBTC", "币安人生USDT"))
    assert [message["symbol"] for message in writer.messages] == ["币安人生USDT"] * 2


def test_nothing_is_written_of_what_nobody_follows(decode: Decode, writer: Any) -> None:
    writer.unfollowed = {"BNBBTC", "BNBUSDT"}
    for frame in (DEPTH, TRADE, BOOK_TICKER, combined("bnbbtc@depth5", PARTIAL)):
        assert decode(frame) is FrameClass.DATA
    assert writer.messages == []


def test_the_order_of_keys_does_not_matter(decode: Decode, writer: Any) -> None:
    for frame in (DEPTH, TRADE, BOOK_TICKER):
        turned = dict(reversed(json.loads(frame).items()))
        decode(frame)
        decode(json.dumps(turned))
    assert writer.messages[0::2] == writer.messages[1::2]
