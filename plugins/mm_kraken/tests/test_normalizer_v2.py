"""Market data of WebSocket v2: every frame kind, and every way in which one can be wrong."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass
from mm_framework.errors import MalformedFrame
from mm_kraken.normalizer import KrakenNormalizer

Decode = Callable[[str | bytes], FrameClass]

UPDATE = (
    '{"channel":"book","type":"update","data":[{"symbol":"MINA/GBP","bids":[{"price":0.0279,"qty":0.00000000},'
    '{"price":0.0020,"qty":5220.00000000}],"asks":[],"checksum":222201382,'
    '"timestamp":"2026-08-16T23:37:05.723653Z"}]}'
)
TS = 1_786_923_425_723_653_000


def book(entry: str, kind: str = "update") -> str:
    return f'{{"channel":"book","type":"{kind}","data":[{entry}]}}'


def levels(price: str = "1.5", qty: str = "2.0") -> str:
    return book(f'{{"symbol":"A/B","bids":[{{"price":{price},"qty":{qty}}}],"checksum":1}}')


def test_a_book_update_keeps_the_text_of_its_numbers(decode: Decode, writer: Any) -> None:
    assert decode(UPDATE) is FrameClass.DATA
    assert writer.messages == [
        {
            "channel": "book",
            "symbol": "MINA/GBP",
            "snapshot": False,
            "rows": [(1, "0.0279", "0.00000000"), (1, "0.0020", "5220.00000000")],
            "checksum": 222201382,
            "ts_venue_ns": TS,
        }
    ]


def test_levels_of_a_repeated_price_stay_in_the_order_of_the_wire(decode: Decode, writer: Any) -> None:
    decode(
        book(
            '{"symbol":"A/B","asks":[{"price":2,"qty":1},{"price":1,"qty":0},{"qty":3,"price":2}],"bids":[],'
            '"checksum":0}'
        )
    )
    assert writer.messages[0]["rows"] == [(-1, "2", "1"), (-1, "1", "0"), (-1, "2", "3")]


def test_a_snapshot_without_a_time_has_none(decode: Decode, writer: Any) -> None:
    decode(book('{"symbol":"A/B","bids":[],"asks":[{"price":1e-08,"qty":5}],"checksum":7}', "snapshot"))
    assert writer.messages[0]["snapshot"] is True
    assert writer.messages[0]["rows"] == [(-1, "1e-08", "5")]
    assert "ts_venue_ns" not in writer.messages[0]


def test_an_update_may_lack_a_side_but_a_snapshot_may_not(decode: Decode, writer: Any) -> None:
    one_sided = '{"symbol":"A/B","bids":[],"checksum":7}'
    assert decode(book(one_sided)) is FrameClass.DATA
    assert writer.messages[0]["rows"] == []
    with pytest.raises(MalformedFrame, match="without one of its sides"):
        decode(book(one_sided, "snapshot"))


def test_several_pairs_in_a_book_frame_are_several_messages(decode: Decode, writer: Any) -> None:
    decode(book('{"symbol":"A/B","bids":[],"checksum":1},{"symbol":"C/D","asks":[],"checksum":2}'))
    assert [(m["symbol"], m["checksum"]) for m in writer.messages] == [("A/B", 1), ("C/D", 2)]


def test_unknown_keys_are_tolerated_everywhere(decode: Decode, writer: Any) -> None:
    assert (
        decode(
            '{"new":1,"channel":"book","sequence":7,"type":"update","data":[{"extra":{"a":[1e999]},'
            '"symbol":"A/B","bids":[{"price":1.0,"qty":2.0,"orders":3}],"checksum":1}]}'
        )
        is FrameClass.DATA
    )
    assert writer.messages[0]["rows"] == [(1, "1.0", "2.0")]


@pytest.mark.parametrize("token", ['"1.5"', "null", "true", "[1.5]", '{"v":1.5}', '""', '"é"'])
def test_something_else_where_a_number_belongs_is_malformed(decode: Decode, token: str) -> None:
    with pytest.raises(MalformedFrame, match="where a number belongs"):
        decode(levels(price=token))
    with pytest.raises(MalformedFrame, match="where a number belongs"):
        decode(levels(qty=token))


@pytest.mark.parametrize(
    "frame",
    [
        book('{"symbol":"A/B","bids":[{"price":1.5}],"checksum":1}'),
        book('{"symbol":"A/B","bids":[{"qty":1.5}],"checksum":1}'),
        book('{"symbol":"A/B","bids":null,"checksum":1}'),
        book('{"symbol":"A/B","bids":[]}'),
        book('{"symbol":"A/B","bids":[],"checksum":null}'),
        book('{"symbol":"A/B","bids":[],"checksum":"1"}'),
        book('{"symbol":"A/B","bids":[],"checksum":-1}'),
        book('{"symbol":"A/B","bids":[],"checksum":4294967296}'),
        book('{"symbol":"A/B","bids":[],"checksum":1.0}'),
        book('{"bids":[],"checksum":1}'),
        book('{"symbol":"","bids":[],"checksum":1}'),
        book('{"symbol":"A B","bids":[],"checksum":1}'),
        book('{"symbol":"A\\u0000B","bids":[],"checksum":1}'),
        book('{"symbol":7,"bids":[],"checksum":1}'),
        book('{"symbol":"A/B","bids":[],"checksum":1,"timestamp":1690731000}'),
        book('{"symbol":"A/B","bids":[],"checksum":1,"timestamp":"2026-08-16T23:37:05.723653+02:00"}'),
        book('{"symbol":"A/B","bids":[],"checksum":1}', "delta"),
        '{"channel":"book","data":[]}',
        '{"channel":"book","type":"update","data":{}}',
        '{"channel":"trade","type":"update"}',
        UPDATE + "x",
        UPDATE[:-1],
        UPDATE[:-2] + "}}",
    ],
)
def test_a_frame_that_breaks_the_venues_rules_is_malformed(decode: Decode, frame: str) -> None:
    with pytest.raises(MalformedFrame):
        decode(frame)


def test_trades_of_a_frame_are_grouped_by_pair_in_order(decode: Decode, writer: Any) -> None:
    def trade(symbol: str, side: str, trade_id: int, second: int) -> str:
        return (
            f'{{"symbol":"{symbol}","side":"{side}","price":0.5117,"qty":40.0,"ord_type":"market",'
            f'"trade_id":{trade_id},"timestamp":"2023-09-25T07:49:{second:02d}.708706Z"}}'
        )

    frame = ",".join([trade("A/B", "sell", 10, 37), trade("C/D", "buy", 5, 36), trade("A/B", "buy", 11, 35)])
    assert decode(f'{{"channel":"trade","type":"update","data":[{frame}]}}') is FrameClass.DATA
    base = 1_695_628_177_708_706_000
    assert writer.messages == [
        {
            "channel": "trade",
            "symbol": "A/B",
            "snapshot": False,
            "rows": [(-1, "0.5117", "40.0", 10, base), (1, "0.5117", "40.0", 11, base - 2_000_000_000)],
            "ts_venue_ns": base,
        },
        {
            "channel": "trade",
            "symbol": "C/D",
            "snapshot": False,
            "rows": [(1, "0.5117", "40.0", 5, base - 1_000_000_000)],
            "ts_venue_ns": base - 1_000_000_000,
        },
    ]


def test_a_snapshot_of_trades_is_marked(decode: Decode, writer: Any) -> None:
    decode(
        '{"channel":"trade","type":"snapshot","data":[{"symbol":"A/B","side":"buy","price":1,"qty":2,'
        '"trade_id":3}]}'
    )
    assert writer.messages[0]["snapshot"] is True


@pytest.mark.parametrize(
    "change", [('"buy"', '"BUY"'), ("3}", "3.5}"), ("3}", "-3}"), ("3}", "9223372036854775808}")]
)
def test_a_trade_with_another_side_or_number_is_malformed(decode: Decode, change: tuple[str, str]) -> None:
    frame = (
        '{"channel":"trade","type":"update","data":[{"symbol":"A/B","side":"buy","price":1,"qty":2,'
        '"trade_id":3}]}'
    )
    assert decode(frame) is FrameClass.DATA
    with pytest.raises(MalformedFrame):
        decode(frame.replace(*change))


@pytest.mark.parametrize(
    ("prices", "top"),
    [
        (
            '"bid":0.10025,"bid_qty":740.0,"ask":0.10036,"ask_qty":1361.4',
            ("0.10025", "740.0", "0.10036", "1361.4"),
        ),
        ('"bid":0,"bid_qty":740.0,"ask":0.10036,"ask_qty":1', (None, None, "0.10036", "1")),
        ('"bid":1.0,"bid_qty":0.00000000,"ask":2,"ask_qty":1', (None, None, "2", "1")),
        ('"bid":1.0,"bid_qty":5,"ask":0.0,"ask_qty":0e5', ("1.0", "5", None, None)),
        ('"bid":1.0,"bid_qty":null,"ask":2.0', ("1.0", None, "2.0", None)),
    ],
)
def test_a_ticker_tells_the_top_and_zero_means_no_such_side(
    decode: Decode, writer: Any, prices: str, top: tuple[str | None, ...]
) -> None:
    frame = f'{{"channel":"ticker","type":"update","data":[{{"symbol":"A/B",{prices},"last":0.1}}]}}'
    assert decode(frame) is FrameClass.DATA
    assert writer.messages == [{"channel": "ticker", "symbol": "A/B", "snapshot": False, "rows": [top]}]


def test_a_ticker_time_of_the_epoch_is_no_time(decode: Decode, writer: Any) -> None:
    frame = (
        '{"channel":"ticker","type":"snapshot","data":[{"symbol":"A/B","bid":1,"bid_qty":1,"ask":2,'
        '"ask_qty":1,"timestamp":"%s"}]}'
    )
    decode(frame % "1970-01-01T00:00:00.000000Z")
    decode(frame % "2026-08-16T23:37:05.723653Z")
    assert [message.get("ts_venue_ns") for message in writer.messages] == [None, TS]


def test_nothing_is_written_for_a_pair_that_is_not_followed(new_writer: Any) -> None:
    writer = new_writer(followed=lambda symbol: symbol != "MINA/GBP")
    assert KrakenNormalizer().decode(UPDATE.encode(), ConnectionInfo(0, ""), writer) is FrameClass.DATA
    assert writer.messages == []


NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,8})(\.[0-9]{1,10})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)


@given(st.lists(st.tuples(NUMBERS, NUMBERS), max_size=5), st.lists(st.tuples(NUMBERS, NUMBERS), max_size=5))
def test_number_text_passes_through_unchanged(
    new_writer: Any, bids: list[tuple[str, str]], asks: list[tuple[str, str]]
) -> None:
    def side(levels: list[tuple[str, str]]) -> str:
        return ",".join(f'{{"price":{price},"qty":{qty}}}' for price, qty in levels)

    frame = book(f'{{"symbol":"A/B","bids":[{side(bids)}],"asks":[{side(asks)}],"checksum":1}}')
    writer = new_writer()
    KrakenNormalizer().decode(frame.encode(), ConnectionInfo(0, ""), writer)
    assert writer.messages[0]["rows"] == [(1, *level) for level in bids] + [(-1, *level) for level in asks]


@given(st.integers(0, len(UPDATE) - 1), st.binary(min_size=1, max_size=3))
def test_a_damaged_frame_is_read_or_malformed_and_nothing_else(
    new_writer: Any, position: int, junk: bytes
) -> None:
    frame = UPDATE.encode()
    damaged = frame[:position] + junk + frame[position + len(junk) :]
    with contextlib.suppress(MalformedFrame):
        KrakenNormalizer().decode(damaged, ConnectionInfo(0, ""), new_writer())
