"""What is not market data becomes control events and the table of the connection."""

from __future__ import annotations

from typing import Any

import pytest

from mm_framework.contracts.normalizer import (
    FrameClass,
    GoingAway,
    MetadataDone,
    Pong,
    Refused,
    Subscribed,
    VenueStatus,
)
from mm_framework.errors import MalformedFrame


@pytest.mark.parametrize(
    ("frame", "event"),
    [
        (
            '{"event":"info","version":2,"serverId":"083bd8d4-aca7-4690-a573-eabfc8103de8",'
            '"platform":{"status":1}}',
            VenueStatus("operative", online=True),
        ),
        (
            '{"event":"info","version":2,"platform":{"status":0}}',
            VenueStatus("maintenance", online=False),
        ),
        ('{"event":"info","version":2}', VenueStatus("operative", online=True)),
        ('{"event":"info","version":3,"platform":{"status":1}}', VenueStatus("wire version 3", online=False)),
        ('{"event":"info","code":20051,"msg":"Stopping. ..."}', GoingAway("restart")),
        ('{"event":"info","code":20060,"msg":"..."}', VenueStatus("maintenance", online=False)),
        ('{"event":"conf","status":"OK","flags":229376}', MetadataDone()),
        ('{"event":"conf","status":"FAILED","flags":1}', Refused("conf FAILED")),
        (
            '{"event":"subscribed","channel":"book","chanId":232957,"symbol":"tETHUSD","prec":"P0","freq":"F0",'
            '"len":"100","subId":"12-book-tETHUSD","pair":"ETHUSD"}',
            Subscribed("book", "tETHUSD", True, 100, 12),
        ),
        (
            '{"event":"subscribed","channel":"trades","chanId":18788,"symbol":"tBTCUSD","pair":"BTCUSD"}',
            Subscribed("trades", "tBTCUSD"),
        ),
        ('{"event":"unsubscribed","status":"OK","chanId":7}', Subscribed("book", "tBTCUSD", active=False)),
        (
            '{"channel":"book","symbol":"tFOOBAR","prec":"P0","freq":"F0","len":"100","subId":"3-book-tFOOBAR",'
            '"event":"error","msg":"symbol: invalid","code":10300,"pair":"FOOBAR"}',
            Refused("symbol: invalid (10300)", "book", "tFOOBAR", True, 3),
        ),
        (
            '{"event":"error","msg":"subscribe: limit","code":10305}',
            Refused("subscribe: limit (10305)"),
        ),
        (
            '{"event":"error","msg":"unsubscribe: invalid","code":10400,"chanId":8}',
            Refused("unsubscribe: invalid (10400)", "trades", "tBTCUSD", False),
        ),
        ('{"event":"error"}', Refused("no reason given")),
        (
            '{"event":"pong","ts":1511545528111,"cid":1234}',
            Pong(1234, 1_511_545_528_111_000_000, 1_511_545_528_111_000_000),
        ),
        ('{"event":"pong"}', Pong()),
    ],
)
def test_each_control_frame_is_one_event(line: Any, frame: str, event: object) -> None:
    assert line.take(frame) is FrameClass.CONTROL
    assert line.controls == [event]
    assert line.out.messages == []


@pytest.mark.parametrize(
    "frame",
    [
        '{"event":"info","code":20099,"msg":"new"}',
        '{"event":"unsubscribed","status":"OK","chanId":99}',
        '{"event":"unsubscribed","status":"FAILED","chanId":7}',
        '{"event":"subscribed","channel":"book","chanId":70,"symbol":"tBTCUSD","prec":"P1","len":"25"}',
        '{"event":"subscribed","channel":"book","chanId":70,"symbol":"tBTCUSD","prec":"R0","len":"25"}',
        '{"event":"subscribed","channel":"book","chanId":70,"symbol":"fUSD","prec":"P0","len":"25"}',
        '{"event":"subscribed","channel":"candles","chanId":70,"key":"trade:1m:tBTCUSD"}',
        '{"event":"subscribed","channel":"status","chanId":70,"key":"liq:global"}',
    ],
)
def test_what_concerns_nothing_that_is_followed_is_no_event(line: Any, frame: str) -> None:
    assert line.take(frame) is FrameClass.CONTROL
    assert line.controls == []
    assert line.take("[7,[5,1,1]]") is FrameClass.DATA, "the book of channel 7 goes on"


@pytest.mark.parametrize(
    "told",
    [
        '"channel":"book","symbol":"tBTCUSD","prec":"R0"',
        '"channel":"book","symbol":"fUSD","prec":"P0"',
        '"channel":"trades","symbol":"fUSD"',
        '"channel":"candles","key":"trade:1m:tBTCUSD"',
    ],
)
def test_data_of_channels_that_are_not_followed_is_unknown(line: Any, told: str) -> None:
    line.take(f'{{"event":"subscribed","chanId":70,{told}}}')
    assert line.take("[70,[[96124382782,31534,0.0285]]]") is FrameClass.UNKNOWN
    assert line.out.messages == []


def test_an_unsubscribed_channel_is_nobody_s(line: Any) -> None:
    line.take('{"event":"unsubscribed","status":"OK","chanId":7}')
    assert line.take("[7,[5,1,1]]") is FrameClass.UNKNOWN


def test_the_table_of_a_connection_is_json(numbered: Any) -> None:
    numbered.take('[8,"te",[1,1618677543001,3,4],1,1618677543951]')
    assert numbered.info.memo == {
        "flags": 229376,
        "channels": {
            "7": {"kind": "book", "symbol": "tBTCUSD", "fresh": True},
            "8": {"kind": "trades", "symbol": "tBTCUSD", "fresh": True},
            "9": {"kind": "ticker", "symbol": "tBTCUSD", "fresh": True},
        },
        "trades": {"tBTCUSD": [1]},
    }


@pytest.mark.parametrize(
    "frame",
    [
        '{"event":"auth","status":"OK","chanId":0}',
        '{"event":"new"}',
        '{"event":7}',
        '{"event":["conf"]}',
        '{"channel":"book"}',
        "{}",
    ],
)
def test_other_objects_are_unknown(line: Any, frame: str) -> None:
    assert line.take(frame) is FrameClass.UNKNOWN
    assert line.controls == []


@pytest.mark.parametrize(
    "frame",
    [
        '{"event":"info","version":"2"}',
        '{"event":"info","platform":1}',
        '{"event":"conf"}',
        '{"event":"conf","status":"OK","flags":"229376"}',
        '{"event":"subscribed","channel":"book","symbol":"tBTCUSD"}',
        '{"event":"subscribed","channel":"book","chanId":"7","symbol":"tBTCUSD"}',
        '{"event":"subscribed","channel":"book","chanId":0,"symbol":"tBTCUSD"}',
        '{"event":"subscribed","channel":"book","chanId":7,"symbol":"tBTC USD"}',
        '{"event":"unsubscribed"}',
        '{"event":"error","code":"10300"}',
        '{"event":"pong","ts":-1}',
        '{"event":"pong","ts":99999999999999}',
        "5",
        '"text"',
        "",
        "{",
        b"\xff\xfe",
        b'{"event":"\xff"}',
        '{"event":' * 100_000,
    ],
)
def test_controls_that_break_the_rules_are_malformed(line: Any, frame: str | bytes) -> None:
    with pytest.raises(MalformedFrame):
        line.take(frame)


def test_the_end_of_maintenance_asks_for_new_snapshots(line: Any) -> None:
    assert line.take('{"event":"info","code":20061,"msg":"..."}') is FrameClass.CONTROL
    over = GoingAway("maintenance is over", anew=True)
    assert line.controls == [VenueStatus("operative", online=True), over]
