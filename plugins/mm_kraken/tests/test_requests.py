"""Requests as they go out, and as they are read back from a recording."""

from __future__ import annotations

import json

import pytest

from mm_framework.contracts.adapter import Subscription
from mm_framework.contracts.normalizer import ConnectionInfo, Requested
from mm_kraken.adapter import KrakenAdapter
from mm_kraken.normalizer import KrakenNormalizer
from mm_kraken.requests import read


def subscription(symbol: str, channel: str = "book", depth: int | None = None) -> Subscription:
    return Subscription(f"kraken:{symbol}", symbol, channel, depth)


def test_one_message_for_each_channel_and_depth_lists_its_pairs_in_order() -> None:
    wanted = [
        subscription("BTC/USD", depth=10),
        subscription("ADA/EUR", "trade"),
        subscription("ADA/EUR"),
        subscription("ETH/EUR", depth=100),
        subscription("ETH/EUR", "trade"),
    ]
    messages = [json.loads(message) for message in KrakenAdapter().subscribe(wanted, 7)]
    assert messages == [
        {
            "method": "subscribe",
            "params": {"channel": "book", "depth": 10, "snapshot": True, "symbol": ["BTC/USD", "ADA/EUR"]},
            "req_id": 7,
        },
        {
            "method": "subscribe",
            "params": {"channel": "trade", "snapshot": True, "symbol": ["ADA/EUR", "ETH/EUR"]},
            "req_id": 7,
        },
        {
            "method": "subscribe",
            "params": {"channel": "book", "depth": 100, "snapshot": True, "symbol": ["ETH/EUR"]},
            "req_id": 7,
        },
    ]


def test_the_ticker_is_asked_for_changes_of_the_best_prices() -> None:
    (message,) = KrakenAdapter().subscribe([subscription("BTC/USD", "ticker")], 1)
    assert json.loads(message)["params"] == {
        "channel": "ticker",
        "event_trigger": "bbo",
        "snapshot": True,
        "symbol": ["BTC/USD"],
    }


def test_unsubscribing_repeats_the_depth_and_asks_for_no_snapshot() -> None:
    (message,) = KrakenAdapter().unsubscribe([subscription("BTC/USD", depth=25)], 2)
    assert json.loads(message) == {
        "method": "unsubscribe",
        "params": {"channel": "book", "depth": 25, "symbol": ["BTC/USD"]},
        "req_id": 2,
    }


def test_what_was_sent_is_read_back() -> None:
    adapter = KrakenAdapter()
    (book,) = adapter.subscribe([subscription("BTC/USD", depth=25), subscription("A/B", depth=25)], 3)
    assert read(book) == Requested("book", ("BTC/USD", "A/B"), 25, 3)
    assert read(adapter.ping(4) or b"") == Requested(None, req_id=4)
    (metadata,) = adapter.metadata_request(5)
    assert read(metadata) == Requested("instrument", (), None, 5)
    (gone,) = adapter.unsubscribe([subscription("BTC/USD", "trade")], 6)
    assert read(gone) == Requested("trade", ("BTC/USD",), None, 6, active=False)


def test_a_request_of_version_1_is_read_back() -> None:
    message = (
        b'{"event":"subscribe","pair":["ADA/XBT"],"subscription":{"name":"book","depth":1000},"reqid":9}'
    )
    assert read(message) == Requested("book", ("ADA/XBT",), 1000, 9)
    assert read(b'{"event":"ping","reqid":1}') == Requested(None, req_id=1)


@pytest.mark.parametrize("message", [b"", b"[]", b"hello", b'{"method":7}', b'{"method":"add_order"}', b"{}"])
def test_other_messages_are_ignored(message: bytes, new_writer: type) -> None:
    assert read(message) is None
    writer = new_writer()
    KrakenNormalizer().sent(message, ConnectionInfo(0, ""), writer)
    assert writer.controls == []


def test_the_normalizer_reports_what_was_sent(new_writer: type) -> None:
    writer = new_writer()
    KrakenNormalizer().sent(b'{"method":"ping","req_id":1}', ConnectionInfo(0, ""), writer)
    assert writer.controls == [Requested(None, req_id=1)]
