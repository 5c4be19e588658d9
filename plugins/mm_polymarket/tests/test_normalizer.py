"""Frames of the market channel: every kind, and every way in which one can be wrong."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.contracts.normalizer import (
    ConnectionInfo,
    Ended,
    FrameClass,
    InstrumentInfo,
    Pong,
    Refused,
)
from mm_framework.errors import MalformedFrame
from mm_framework.model.events import NULL
from mm_polymarket.normalizer import PolymarketNormalizer

Decode = Callable[[str | bytes], FrameClass]

TS = 1_778_997_825_875_000_000
BOOK = (
    '{"event_type":"book","asset_id":"65193","market":"0xdde0","timestamp":"1778997825875","hash":"172231a6",'
    '"bids":[{"price":"0.001","size":"5579792.8"},{"price":"0.005","size":"31357.09"}],'
    '"asks":[{"price":"0.999","size":"31045290"},{"price":"0.006","size":"10139.86"}],'
    '"tick_size":"0.001","last_trade_price":"0.006"}'
)
CHANGE = (
    '{"event_type":"price_change","market":"0x5f65","timestamp":"1757908892351","price_changes":['
    '{"asset_id":"7132","price":"0.5","size":"200","side":"BUY","hash":"56621a12","best_bid":"0.5","best_ask":"1"},'
    '{"asset_id":"5211","price":"0.5","size":"0","side":"SELL","hash":"1895759e","best_bid":"0","best_ask":"0.5"}]}'
)
TRADE = (
    '{"event_type":"last_trade_price","asset_id":"72936","market":"0x84c0","price":"0.52","size":"219.217767",'
    '"side":"BUY","fee_rate_bps":"0","timestamp":"1733411293827","transaction_hash":"0x12"}'
)
TOP = (
    '{"event_type":"best_bid_ask","asset_id":"72936","market":"0x84c0","best_bid":"0.52","best_ask":"0.53",'
    '"spread":"0.01","timestamp":"1733411293827"}'
)
TICK = (
    '{"event_type":"tick_size_change","asset_id":"72936","market":"0x84c0","old_tick_size":"0.01",'
    '"new_tick_size":"0.001","timestamp":"1733411501345"}'
)
RESOLVED = (
    '{"event_type":"market_resolved","id":"1","market":"0x84c0","assets_ids":["11","12"],'
    '"winning_asset_id":"11","winning_outcome":"Yes","timestamp":"1733411501345"}'
)
NEW = (
    '{"event_type":"new_market","id":"9","question":"?","market":"0xabcdef0123456789","slug":"will-it",'
    '"assets_ids":["11","12"],"outcomes":["Yes","No"],"condition_id":"0xabcdef0123456789","active":true,'
    '"clob_token_ids":["11","12"],"order_price_min_tick_size":"0.01","taker_base_fee":"0","fees_enabled":true,'
    '"fee_schedule":{"exponent":"1","rate":"0.07","taker_only":true,"rebate_rate":"0.2"},"timestamp":"1"}'
)
EVERY = (BOOK, CHANGE, TRADE, TOP, TICK, RESOLVED, NEW)


def test_a_book_is_a_snapshot_with_the_text_of_its_numbers_and_all_that_its_hash_covers(
    decode: Decode, writer: Any
) -> None:
    assert decode(BOOK) is FrameClass.DATA
    (message,) = writer.messages
    assert json.loads(message.pop("digest")) == {
        "hash": "172231a6",
        "market": "0xdde0",
        "timestamp": "1778997825875",
        "tick_size": "0.001",
        "last_trade_price": "0.006",
    }
    assert message == {
        "channel": "book",
        "carries": "book",
        "symbol": "65193",
        "snapshot": True,
        "rows": [
            (1, "0.001", "5579792.8"),
            (1, "0.005", "31357.09"),
            (-1, "0.999", "31045290"),
            (-1, "0.006", "10139.86"),
        ],
        "ts_venue_ns": TS,
    }
    assert writer.controls == [InstrumentInfo("65193", tick_size="0.001")]


def test_the_sides_of_very_old_books_are_called_buys_and_sells(decode: Decode, writer: Any) -> None:
    decode(BOOK.replace("bids", "buys").replace("asks", "sells"))
    assert [row[0] for row in writer.messages[0]["rows"]] == [1, 1, -1, -1]


@pytest.mark.parametrize(("side", "flag"), [("bids", "bids_best_first"), ("asks", "asks_best_first")])
def test_the_order_of_a_side_is_kept_for_its_hash(decode: Decode, writer: Any, side: str, flag: str) -> None:
    book = json.loads(BOOK)
    book[side].reverse()
    decode(json.dumps(book))
    told = json.loads(writer.messages[0]["digest"])
    assert {key for key in told if key.endswith("best_first")} == {flag}


def test_a_book_may_be_empty_and_may_have_no_hash(decode: Decode, writer: Any) -> None:
    decode('{"event_type":"book","asset_id":"1","timestamp":"","bids":[],"asks":[]}')
    assert writer.messages == [
        {"channel": "book", "carries": "book", "symbol": "1", "snapshot": True, "rows": []}
    ]
    assert writer.controls == []


def test_price_changes_are_one_message_a_token_with_the_last_hash_of_each(
    decode: Decode, writer: Any
) -> None:
    frame = json.loads(CHANGE)
    frame["price_changes"].append(frame["price_changes"][0] | {"price": "0.49", "hash": "aa"})
    assert decode(json.dumps(frame)) is FrameClass.DATA
    assert [(m["symbol"], m["snapshot"], m["rows"]) for m in writer.messages] == [
        ("7132", False, [(1, "0.5", "200"), (1, "0.49", "200")]),
        ("5211", False, [(-1, "0.5", "0")]),
    ]
    assert [json.loads(m["digest"])["hash"] for m in writer.messages] == ["aa", "1895759e"]
    assert writer.messages[0]["ts_venue_ns"] == 1_757_908_892_351_000_000


def test_entries_of_tokens_that_nobody_asked_for_are_left_out(new_writer: Any) -> None:
    out = new_writer(lambda symbol: symbol == "5211")
    PolymarketNormalizer().decode(CHANGE.encode(), ConnectionInfo(0, ""), out)
    assert [message["symbol"] for message in out.messages] == ["5211"]


@pytest.mark.parametrize(
    "body",
    [
        '"changes":[{"price":"0.5","size":"20","side":"SELL"},{"price":"0.4","size":"0","side":"BUY"}]',
        '"price":"0.5","size":"20","side":"SELL"',
    ],
)
def test_earlier_price_changes_are_of_one_token(decode: Decode, writer: Any, body: str) -> None:
    decode(
        f'{{"event_type":"price_change","asset_id":"5","market":"0x1","timestamp":"7","hash":"ab",{body}}}'
    )
    assert writer.messages[0]["symbol"] == "5"
    assert writer.messages[0]["rows"][0] == (-1, "0.5", "20")
    assert json.loads(writer.messages[0]["digest"]) == {"hash": "ab", "market": "0x1", "timestamp": "7"}


def test_a_trade_has_the_takers_side_and_no_number(decode: Decode, writer: Any) -> None:
    assert decode(TRADE) is FrameClass.DATA
    assert writer.messages == [
        {
            "channel": "last_trade_price",
            "carries": "trade",
            "symbol": "72936",
            "snapshot": False,
            "rows": [(1, "0.52", "219.217767", NULL, 1_733_411_293_827_000_000)],
            "ts_venue_ns": 1_733_411_293_827_000_000,
        }
    ]


@pytest.mark.parametrize(
    ("bid", "ask", "top"),
    [
        ("0.52", "0.53", ("0.52", None, "0.53", None)),
        ("0", "0.53", (None, None, "0.53", None)),
        ("0.52", "1", ("0.52", None, None, None)),
        ("", "", (None, None, None, None)),
    ],
)
def test_best_prices_have_no_sizes_and_an_empty_side_is_none(
    decode: Decode, writer: Any, bid: str, ask: str, top: tuple[str | None, ...]
) -> None:
    assert decode(json.dumps(json.loads(TOP) | {"best_bid": bid, "best_ask": ask})) is FrameClass.DATA
    assert writer.messages[0]["rows"] == [top]
    assert writer.messages[0]["channel"] == "best_bid_ask"


def test_a_tick_change_is_a_definition(decode: Decode, writer: Any) -> None:
    assert decode(TICK) is FrameClass.CONTROL
    assert writer.controls == [InstrumentInfo("72936", tick_size="0.001")]


def test_a_resolved_market_has_ended(decode: Decode, writer: Any) -> None:
    assert decode(RESOLVED) is FrameClass.CONTROL
    assert writer.controls == [
        Ended("resolved: Yes", "11"),
        Ended("resolved: Yes", "12"),
    ]


def test_a_new_market_defines_both_tokens(decode: Decode, writer: Any) -> None:
    assert decode(NEW) is FrameClass.CONTROL
    assert writer.controls == [
        InstrumentInfo("11", "abcdef012345-YES", "USD", tick_size="0.01", status="active"),
        InstrumentInfo("12", "abcdef012345-NO", "USD", tick_size="0.01", status="active"),
    ]


def test_a_new_market_without_its_tokens_is_only_noted(decode: Decode, writer: Any) -> None:
    assert decode('{"event_type":"new_market","id":"9"}') is FrameClass.CONTROL
    assert writer.controls == []


def test_a_frame_may_be_a_list_of_events_of_any_kind(decode: Decode, writer: Any) -> None:
    unknown = '{"event_type":"weather","rain":true}'
    assert decode(f"[{BOOK},{TRADE},{unknown},{NEW},3]") is FrameClass.DATA
    assert [message["carries"] for message in writer.messages] == ["book", "trade"]
    assert decode(f"[{TICK},{unknown}]") is FrameClass.CONTROL
    assert decode("[]") is FrameClass.CONTROL
    assert decode(f"[{unknown}]") is FrameClass.UNKNOWN


def test_text_frames_are_no_json(decode: Decode, writer: Any) -> None:
    for frame in ("PONG", "NO NEW ASSETS", "INVALID OPERATION"):
        assert decode(frame) is FrameClass.CONTROL
    assert writer.controls == [Pong(), Refused("NO NEW ASSETS"), Refused("INVALID OPERATION")]


@pytest.mark.parametrize(
    "frame",
    ['{"event_type":"weather"}', '{"event_type":5}', "{}", "7", '"PONG"', "null", '{"data":[1]}', "[[]]"],
)
def test_what_is_no_event_is_unknown(decode: Decode, writer: Any, frame: str) -> None:
    assert decode(frame) is FrameClass.UNKNOWN
    assert writer.messages == []


@pytest.mark.parametrize("frame", EVERY)
def test_unknown_keys_are_tolerated(decode: Decode, frame: str) -> None:
    assert decode("{" + '"surprise":{"a":[1.5e400]},' + frame[1:]) is not FrameClass.UNKNOWN


@pytest.mark.parametrize("frame", EVERY[:5])
@pytest.mark.parametrize("key", ["asset_id", "timestamp"])
def test_an_event_without_what_it_needs_is_malformed(decode: Decode, frame: str, key: str) -> None:
    event = json.loads(frame)
    if key == "timestamp" and event["event_type"] == "tick_size_change":
        return
    for part in [event, *event.get("price_changes", [])]:
        part.pop(key, None)
    with pytest.raises(MalformedFrame, match="not a frame of Polymarket"):
        decode(json.dumps(event))


@pytest.mark.parametrize(
    "frame",
    [
        "",
        "pong",
        "{",
        "[{]",
        "\xff",
        b"\xff",
        BOOK.replace('"65193"', '"6x"'),
        BOOK.replace('"65193"', "65193"),
        BOOK.replace('"1778997825875"', '"yesterday"'),
        BOOK.replace('"1778997825875"', "-1"),
        BOOK.replace('"bids"', '"offers"'),
        BOOK.replace('"0xdde0"', '"0x\\""'),
        BOOK.replace('"0.005"', "0.005"),
        CHANGE.replace("BUY", "HOLD"),
        CHANGE.replace("price_changes", "changes"),
        '{"event_type":"price_change","market":"0x1","timestamp":"1","changes":[]}',
        '{"event_type":"price_change","asset_id":"1","market":"0x1","timestamp":"1","price":"0.5"}',
        TRADE.replace('"BUY"', "null"),
        RESOLVED.replace("assets_ids", "assets"),
        NEW.replace('["Yes","No"]', "[1,2]"),
        NEW.replace('"rate":"0.07"', '"rate":"cheap"'),
        TICK.replace('"0.001"', '"fine"'),
        f"[{TRADE},{CHANGE.replace('BUY', '')}]",
        "[" * 5000 + "]" * 5000,
    ],
)
def test_a_wrong_event_is_malformed(decode: Decode, frame: str | bytes) -> None:
    with pytest.raises(MalformedFrame):
        decode(frame)


def _mutated(frame: bytes) -> st.SearchStrategy[bytes]:
    """The frame with one stretch replaced."""
    places = st.tuples(st.integers(0, len(frame)), st.integers(0, 6), st.binary(max_size=4))
    return places.map(lambda cut: frame[: cut[0]] + cut[2] + frame[cut[0] + cut[1] :])


@given(
    st.one_of(st.binary(max_size=60), st.sampled_from(EVERY).flatmap(lambda text: _mutated(text.encode())))
)
def test_whatever_comes_is_read_or_malformed(new_writer: Any, frame: bytes) -> None:
    with contextlib.suppress(MalformedFrame):
        PolymarketNormalizer().decode(frame, ConnectionInfo(0, ""), new_writer())
