"""Market data of WebSocket v1, as recordings of 2021 have it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mm_framework.contracts.normalizer import FrameClass
from mm_framework.errors import MalformedFrame

Decode = Callable[[str | bytes], FrameClass]


def test_a_snapshot_has_both_sides_a_depth_and_no_checksum(decode: Decode, writer: Any) -> None:
    frame = (
        '[1360,{"as":[["0.000022900","13355.87450757","1618678123.481570"]],'
        '"bs":[["0.000022880","1.0","1618678129.000001"]]},"book-1000","ADA/XBT"]'
    )
    assert decode(frame) is FrameClass.DATA
    assert writer.messages == [
        {
            "channel": "book",
            "symbol": "ADA/XBT",
            "snapshot": True,
            "rows": [(1, "0.000022880", "1.0"), (-1, "0.000022900", "13355.87450757")],
            "ts_venue_ns": 1_618_678_129_000_001_000,
            "depth": 1000,
        }
    ]


def test_an_update_of_both_sides_is_two_objects_and_the_newest_level_is_its_time(
    decode: Decode, writer: Any
) -> None:
    frame = (
        '[320,{"a":[["38800.00000","0.02203518","1622766170.577187"]]},'
        '{"b":[["38800.00000","0.03017320","1622766170.577304","r"]],"c":"2479000840"},"book-25","XBT/USD"]'
    )
    assert decode(frame) is FrameClass.DATA
    assert writer.messages == [
        {
            "channel": "book",
            "symbol": "XBT/USD",
            "snapshot": False,
            "rows": [(1, "38800.00000", "0.03017320"), (-1, "38800.00000", "0.02203518")],
            "checksum": 2479000840,
            "ts_venue_ns": 1_622_766_170_577_304_000,
            "depth": 25,
        }
    ]


def test_an_update_of_one_side_is_one_object(decode: Decode, writer: Any) -> None:
    decode('[1,{"b":[["1.0","0.00000000","5.0"],["1.0","2.0","4.0"]],"c":"0"},"book-10","A/B"]')
    assert writer.messages[0]["rows"] == [(1, "1.0", "0.00000000"), (1, "1.0", "2.0")]
    assert writer.messages[0]["checksum"] == 0
    assert writer.messages[0]["ts_venue_ns"] == 5_000_000_000


def test_trades_have_a_side_and_a_time_each_and_no_number(decode: Decode, writer: Any) -> None:
    frame = (
        '[993,[["354.11000000","0.89594024","1618678142.557535","s","l",""],'
        '["354.12000000","1.0","1618678142.557536","b","m",""]],"trade","XMR/USD"]'
    )
    assert decode(frame) is FrameClass.DATA
    null = -(2**63)
    assert writer.messages[0]["rows"] == [
        (-1, "354.11000000", "0.89594024", null, 1_618_678_142_557_535_000),
        (1, "354.12000000", "1.0", null, 1_618_678_142_557_536_000),
    ]
    assert writer.messages[0]["ts_venue_ns"] == 1_618_678_142_557_536_000


def test_a_ticker_takes_the_size_after_the_whole_lots(decode: Decode, writer: Any) -> None:
    frame = (
        '[1668,{"a":["13.253900",35,"35.72892241"],"b":["13.232900",185,"185.18432037"],'
        '"c":["13.253900","1.0"]},"ticker","WAVES/EUR"]'
    )
    assert decode(frame) is FrameClass.DATA
    assert writer.messages == [
        {
            "channel": "ticker",
            "symbol": "WAVES/EUR",
            "snapshot": False,
            "rows": [("13.232900", "185.18432037", "13.253900", "35.72892241")],
        }
    ]


def test_a_ticker_with_a_zero_has_no_such_side(decode: Decode, writer: Any) -> None:
    decode('[1,{"a":["0.00000",0,"0.0"],"b":["1.5",1,"1.0"]},"ticker","A/B"]')
    assert writer.messages[0]["rows"] == [("1.5", "1.0", None, None)]


@pytest.mark.parametrize("name", ["ohlc-1", "spread", "book-11", "book", "ownTrades"])
def test_other_channels_are_unknown(decode: Decode, writer: Any, name: str) -> None:
    assert decode(f'[343,["1675209613.118218"],"{name}","XBT/USD"]') is FrameClass.UNKNOWN
    assert writer.messages == []


GOOD = '[1,{"a":[["1.0","2.0","3.0"]]},{"b":[["0.5","2.0","3.0"]],"c":"7"},"book-10","A/B"]'


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"1.0"', "1.0"),
        ('"1.0"', "null"),
        ('"2.0"', "{}"),
        ('"3.0"', "3.0"),
        ('"3.0"', '"soon"'),
        (',"3.0"', ""),
        ('["1.0","2.0","3.0"]', '"1.0"'),
        ('[["1.0","2.0","3.0"]]', '{"1.0":"2.0"}'),
        ('"7"', "7"),
        ('"7"', '"-7"'),
        ('"7"', '"4294967296"'),
        ('"7"', '"99999999999999999999"'),
        (',"c":"7"', ""),
        ('"b"', '"a"'),
        ('{"b":', '["b",'),
        ('"A/B"', '"A B"'),
        ('"A/B"', "7"),
        ("]", ""),
    ],
)
def test_a_book_frame_that_breaks_the_rules_is_malformed(decode: Decode, old: str, new: str) -> None:
    assert decode(GOOD) is FrameClass.DATA
    with pytest.raises(MalformedFrame):
        decode(GOOD.replace(old, new, 1))


@pytest.mark.parametrize(
    "frame",
    [
        "[]",
        "[1,2]",
        '[1,{"as":[]},"book-10","A/B"]',
        '[1,[["1","2","3","x"]],"trade","A/B"]',
        '[1,[["1","2","3"]],"trade","A/B"]',
        '[1,{},"trade","A/B"]',
        '[1,[],[],"trade","A/B"]',
        '[1,[],"ticker","A/B"]',
        '[1,{"a":["1",1]},"ticker","A/B"]',
    ],
)
def test_other_arrays_are_malformed(decode: Decode, frame: str) -> None:
    with pytest.raises(MalformedFrame):
        decode(frame)
