"""Requests as they go out, and as they are read back from a recording."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mm_bitfinex.adapter import BitfinexAdapter
from mm_bitfinex.requests import read
from mm_framework.contracts.adapter import Subscription
from mm_framework.contracts.normalizer import Requested


def subscription(symbol: str, channel: str = "book", depth: int | None = None) -> Subscription:
    return Subscription(f"bitfinex:{symbol}", symbol, channel, depth)


def test_each_subscription_is_a_message_of_its_own() -> None:
    wanted = [
        subscription("tBTCUSD", depth=100),
        subscription("tAAVE:USD"),
        subscription("tBTCUSD", "trades"),
        subscription("tBTCUSD", "ticker"),
    ]
    messages = [json.loads(message) for message in BitfinexAdapter().subscribe(wanted, 7)]
    book = {"event": "subscribe", "channel": "book", "prec": "P0", "freq": "F0"}
    assert messages == [
        {**book, "symbol": "tBTCUSD", "len": "100", "subId": "7-book-tBTCUSD"},
        {**book, "symbol": "tAAVE:USD", "len": "25", "subId": "7-book-tAAVE:USD"},
        {"event": "subscribe", "channel": "trades", "symbol": "tBTCUSD", "subId": "7-trades-tBTCUSD"},
        {"event": "subscribe", "channel": "ticker", "symbol": "tBTCUSD", "subId": "7-ticker-tBTCUSD"},
    ]


def test_a_subscription_is_ended_by_its_channel_number(line: Any) -> None:
    adapter = BitfinexAdapter()
    wanted = [subscription("tBTCUSD", "trades"), subscription("tBTCUSD"), subscription("tETHUSD")]
    messages = [json.loads(message) for message in adapter.unsubscribe(wanted, 8, line.info.memo)]
    assert messages == [{"event": "unsubscribe", "chanId": 8}, {"event": "unsubscribe", "chanId": 7}]
    assert adapter.unsubscribe(wanted, 9) == []


def test_what_was_sent_is_read_back(line: Any) -> None:
    adapter = BitfinexAdapter()
    wanted = [subscription("tBTCUSD", depth=25), subscription("tBTCUSD", "trades")]
    for message in (*adapter.subscribe(wanted, 3), adapter.ping(4), *adapter.metadata_request(5)):
        line.sent(message)
    line.sent(b'{"event":"unsubscribe","chanId":7}')
    assert line.controls == [
        Requested("book", ("tBTCUSD",), 25, 3),
        Requested("trades", ("tBTCUSD",), None, 3),
        Requested(None, req_id=4),
        Requested("book", ("tBTCUSD",), active=False),
    ]


@pytest.mark.parametrize(
    ("sub_id", "number"),
    [('"7-book-tBTCUSD"', 7), ('"7"', 7), ("7", 7), ('"mine"', None), ("null", None), ('"1234567890"', None)],
)
def test_the_request_number_is_what_a_sub_id_begins_with(sub_id: str, number: int | None) -> None:
    message = f'{{"event":"subscribe","channel":"ticker","symbol":"tBTCUSD","subId":{sub_id}}}'
    assert read(message.encode(), {}) == Requested("ticker", ("tBTCUSD",), None, number)


@pytest.mark.parametrize(("length", "depth"), [('"100"', 100), ("250", 250), ('"all"', None), ("null", None)])
def test_the_length_of_a_book_is_read_as_text_or_number(length: str, depth: int | None) -> None:
    message = f'{{"event":"subscribe","channel":"book","symbol":"tBTCUSD","len":{length}}}'
    assert read(message.encode(), {}) == Requested("book", ("tBTCUSD",), depth)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"[]",
        b"hello",
        b'{"event":7}',
        b'{"event":"auth"}',
        b'{"event":"conf","flags":65536}',
        b'{"event":"subscribe","channel":"candles","key":"trade:1m:tBTCUSD"}',
        b'{"event":"unsubscribe","chanId":5}',
        b'{"event":"unsubscribe"}',
        b"{}",
        b"\xff",
    ],
)
def test_other_messages_are_ignored(message: bytes, line: Any) -> None:
    line.sent(message)
    assert line.controls == []
