"""What is not market data becomes control events; what is of another product is unknown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mm_framework.contracts.normalizer import (
    FrameClass,
    InstrumentInfo,
    MetadataDone,
    Pong,
    Refused,
    Subscribed,
    VenueStatus,
)
from mm_framework.errors import MalformedFrame

Decode = Callable[[str | bytes], FrameClass]

TIMES = '"time_in":"2023-10-06T17:35:55.219022Z","time_out":"2023-10-06T17:35:55.219067Z"'
TIMES_NS = (1_696_613_755_219_022_000, 1_696_613_755_219_067_000)


@pytest.mark.parametrize(
    ("frame", "event"),
    [
        (
            '{"channel":"status","type":"update","data":[{"system":"online","api_version":"v2",'
            '"connection_id":13834774380200032777,"version":"2.0.0","upcoming_maintenance":[]}]}',
            VenueStatus("online", online=True),
        ),
        (
            '{"channel":"status","type":"update","data":[{"system":"post_only","connection_id":1}]}',
            VenueStatus("post_only", online=False),
        ),
        (
            '{"method":"subscribe","result":{"channel":"book","depth":10,"snapshot":true,"symbol":"ALGO/USD"},'
            f'"success":true,{TIMES},"req_id":7}}',
            Subscribed("book", "ALGO/USD", True, 10, 7, *TIMES_NS),
        ),
        (
            '{"method":"subscribe","result":{"channel":"ticker","event_trigger":"bbo","symbol":"A/B",'
            f'"warnings":["tick_size is deprecated"]}},"success":true,{TIMES}}}',
            Subscribed("ticker", "A/B", True, None, None, *TIMES_NS),
        ),
        (
            '{"method":"subscribe","result":{"channel":"instrument","snapshot":true},"success":true}',
            Subscribed("instrument", None),
        ),
        (
            '{"method":"unsubscribe","result":{"channel":"book","depth":10,"symbol":"A/B"},"success":true,'
            f'{TIMES},"req_id":8}}',
            Subscribed("book", "A/B", False, 10, 8, *TIMES_NS),
        ),
        (
            '{"error":"Subscription depth not supported","method":"subscribe","success":false,'
            '"time_in":"2026-08-16T23:54:19.629313Z","time_out":"2026-08-16T23:54:19.629343Z"}',
            Refused("Subscription depth not supported"),
        ),
        (
            '{"error":"Currency pair not supported X/Y","method":"subscribe","success":false,"symbol":"X/Y",'
            f'{TIMES},"req_id":3}}',
            Refused("Currency pair not supported X/Y", None, "X/Y", True, 3),
        ),
        (
            '{"error":"Subscription Not Found","method":"unsubscribe","success":false,"symbol":"X/Y"}',
            Refused("Subscription Not Found", None, "X/Y", False),
        ),
        ('{"Error":"Exceeded msg rate"}', Refused("Exceeded msg rate")),
        ('{"error":"Malformed request","success":false,"req_id":9}', Refused("Malformed request", req_id=9)),
        (
            '{"method":"nonsense","error":"Unsupported method","req_id":4}',
            Refused("Unsupported method", req_id=4),
        ),
        (f'{{"method":"pong","req_id":101,{TIMES}}}', Pong(101, *TIMES_NS)),
        ('{"method":"pong","success":true,"result":{"warnings":["w"]}}', Pong()),
        (
            '{"connectionID":17843232920108168701,"event":"systemStatus","status":"online","version":"1.8.3"}',
            VenueStatus("online", online=True),
        ),
        (
            '{"channelID":1664,"channelName":"book-1000","event":"subscriptionStatus","pair":"WAVES/EUR",'
            '"status":"subscribed","subscription":{"depth":1000,"name":"book"}}',
            Subscribed("book", "WAVES/EUR", True, 1000),
        ),
        (
            '{"event":"subscriptionStatus","pair":"WAVES/EUR","status":"unsubscribed","reqid":2,'
            '"subscription":{"name":"trade"}}',
            Subscribed("trade", "WAVES/EUR", False, None, 2),
        ),
        (
            '{"errorMessage":"Currency pair not supported","event":"subscriptionStatus","pair":"X/Y",'
            '"status":"error","subscription":{"name":"book"}}',
            Refused("Currency pair not supported", "book", "X/Y"),
        ),
        ('{"event":"pong","reqid":42}', Pong(42)),
        (
            '{"event":"error","errorMessage":"Malformed request","reqid":5}',
            Refused("Malformed request", req_id=5),
        ),
    ],
)
def test_each_control_frame_is_one_event(decode: Decode, writer: Any, frame: str, event: object) -> None:
    assert decode(frame) is FrameClass.CONTROL
    assert writer.controls == [event]
    assert writer.messages == []


@pytest.mark.parametrize("frame", ['{"channel":"heartbeat"}', '{"event":"heartbeat"}'])
def test_heartbeats_of_both_versions(decode: Decode, writer: Any, frame: str) -> None:
    assert decode(frame) is FrameClass.HEARTBEAT
    assert writer.controls == []


PAIR = (
    '{"symbol":"BTC/USD","base":"BTC","quote":"USD","qty_precision":8,"qty_increment":1e-08,'
    '"price_precision":1,"cost_precision":5,"marginable":true,"has_index":true,"cost_min":0.5,'
    '"tick_size":0.1,"price_increment":0.1,"qty_min":0.0001,"status":"online"}'
)
BTC_USD = InstrumentInfo("BTC/USD", "BTC", "USD", "0.1", "0.00000001", 1, 8, "online")


def instruments(pair: str = PAIR, kind: str = "snapshot") -> str:
    return f'{{"channel":"instrument","type":"{kind}","data":{{"assets":[{{"id":"USD"}}],"pairs":[{pair}]}}}}'


def test_the_instrument_snapshot_gives_definitions_and_then_their_end(decode: Decode, writer: Any) -> None:
    other = '{"symbol":"NEW/EUR","status":"work_in_progress","qty_increment":null}'
    assert decode(instruments(f"{PAIR},{other}")) is FrameClass.CONTROL
    assert writer.controls == [BTC_USD, InstrumentInfo("NEW/EUR", status="work_in_progress"), MetadataDone()]


def test_an_instrument_update_gives_definitions_alone(decode: Decode, writer: Any) -> None:
    decode(instruments(kind="update"))
    assert writer.controls == [BTC_USD]


@pytest.mark.parametrize(
    ("token", "plain"),
    [("1e-08", "0.00000001"), ("0.10", "0.1"), ("5", "5"), ("1E1", "10"), ("1.5e-7", "0.00000015")],
)
def test_increments_are_plain_decimals(decode: Decode, writer: Any, token: str, plain: str) -> None:
    decode(instruments(PAIR.replace("1e-08", token)))
    assert writer.controls[0].lot_size == plain


@pytest.mark.parametrize(
    "frame",
    [
        instruments(PAIR.replace("1e-08", '"0.1"')),
        instruments(PAIR.replace("1e-08", "1e-30")),
        instruments(PAIR.replace("1e-08", "1e30")),
        instruments(PAIR.replace('"price_precision":1', '"price_precision":19')),
        instruments(PAIR.replace('"price_precision":1', '"price_precision":-1')),
        instruments(PAIR.replace('"symbol":"BTC/USD",', "")),
        '{"channel":"status","type":"update","data":[{}]}',
        '{"channel":"status"}',
        '{"method":"subscribe","success":true,"result":{"symbol":"A/B"}}',
        '{"method":"subscribe","success":"yes"}',
        '{"method":"pong","time_in":"2023-10-06T17:35:55.219022+02:00"}',
        '{"event":"subscriptionStatus","pair":7}',
        "5",
        '"text"',
        "",
        "{",
        b"\xff\xfe",
        b'{"channel":"\xff"}',
        "[" * 100_000,
    ],
)
def test_controls_that_break_the_rules_are_malformed(decode: Decode, frame: str | bytes) -> None:
    with pytest.raises(MalformedFrame):
        decode(frame)


@pytest.mark.parametrize(
    "frame",
    [
        '{"channel":"ohlc","type":"update","data":[]}',
        '{"channel":"level3","data":7}',
        '{"channel":7}',
        '{"method":"add_order","success":true}',
        '{"feed":"trade","product_id":"PI_XBTUSD","side":"sell","seq":222737,"qty":386.0,"price":39054.5}',
        '{"feed":"heartbeat","time":1}',
        '{"event":"subscribed","feed":"book","product_ids":["PI_XBTUSD"]}',
        '{"event":"error","feed":"book"}',
        '{"event":"info","version":1}',
        '{"error":[],"result":{"XXBTZUSD":{"asks":[]}}}',
        '{"result":"success","orderBook":{}}',
        "{}",
    ],
)
def test_other_products_and_channels_are_unknown(decode: Decode, writer: Any, frame: str) -> None:
    assert decode(frame) is FrameClass.UNKNOWN
    assert writer.controls == []
    assert writer.messages == []
