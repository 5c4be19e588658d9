"""Requests read back, and their answers: an acknowledgement names nothing but the request."""

from __future__ import annotations

from typing import Any

import pytest

from mm_binance.markets import SPOT
from mm_binance.normalizer import BinanceNormalizer
from mm_binance.requests import MAX_ASKED
from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass, Pong, Refused, Requested, Subscribed

SUBSCRIBE = b'{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms","ethbtc@depth"],"id":1}'
MIXED = b'{"method":"UNSUBSCRIBE","params":["btcusdt@depth","btcusdt@trade","!x@arr"],"id":"two"}'


class Talk:
    """One connection: messages sent and answers received, and the events they made."""

    def __init__(self, writer: Any) -> None:
        self.normalizer, self.writer = BinanceNormalizer(SPOT), writer
        self.connection = ConnectionInfo(0, "wss://stream.binance.com:9443/stream")

    def send(self, message: bytes) -> list[Any]:
        self.normalizer.sent(message, self.connection, self.writer)
        return self.events()

    def receive(self, frame: bytes) -> list[Any]:
        assert self.normalizer.decode(frame, self.connection, self.writer) is FrameClass.CONTROL
        return self.events()

    def events(self) -> list[Any]:
        events: list[Any]
        events, self.writer.controls = self.writer.controls, []
        return events


@pytest.fixture
def talk(writer: Any) -> Talk:
    return Talk(writer)


def test_what_was_sent_is_read_back_by_channel(talk: Talk) -> None:
    assert talk.send(SUBSCRIBE) == [Requested("depth", ("BTCUSDT", "ETHBTC"), None, 1)]
    assert talk.send(MIXED) == [
        Requested("depth", ("BTCUSDT",), None, None, active=False),
        Requested("trade", ("BTCUSDT",), None, None, active=False),
    ]
    assert talk.send(b'{"method":"LIST_SUBSCRIPTIONS","id":3}') == [Requested(None, (), None, 3)]


def test_an_acknowledgement_tells_each_stream_that_was_asked_for(talk: Talk) -> None:
    talk.send(SUBSCRIBE)
    talk.send(MIXED)
    assert talk.receive(b'{"result":null,"id":"two"}') == [
        Subscribed("depth", "BTCUSDT", active=False),
        Subscribed("trade", "BTCUSDT", active=False),
    ]
    assert talk.receive(b'{"result":null,"id":1}') == [
        Subscribed("depth", "BTCUSDT", req_id=1),
        Subscribed("depth", "ETHBTC", req_id=1),
    ]
    assert talk.connection.memo == {"asked": []}


def test_messages_of_one_number_are_answered_in_order(talk: Talk) -> None:
    for name in (b"a", b"b"):
        talk.send(b'{"method":"SUBSCRIBE","params":["%s@trade"],"id":5}' % name)
    acknowledged = [talk.receive(b'{"result":null,"id":5}') for _ in range(3)]
    assert acknowledged == [
        [Subscribed("trade", "A", req_id=5)],
        [Subscribed("trade", "B", req_id=5)],
        [],
    ]


def test_a_list_of_streams_is_a_pong(talk: Talk) -> None:
    talk.send(b'{"method":"LIST_SUBSCRIPTIONS","id":3}')
    assert talk.receive(b'{"result":["btcusdt@depth@100ms"],"id":3}') == [Pong(3)]
    assert talk.receive(b'{"id":4,"result":[]}') == [Pong(4)]


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b'{"code":2,"msg":"Invalid request: too many"}', "Invalid request: too many"),
        (b'{"error":{"code":2,"msg":"Invalid request: too many"},"id":1}', "Invalid request: too many"),
        (b'{"id":1,"code":3}', "no reason given"),
    ],
)
def test_an_error_refuses_what_was_asked_for_and_without_a_number_the_oldest(
    talk: Talk, answer: bytes, text: str
) -> None:
    talk.send(SUBSCRIBE)
    talk.send(b'{"method":"SUBSCRIBE","params":["x@trade"],"id":2}')
    assert talk.receive(answer) == [
        Refused(text, "depth", "BTCUSDT", active=True, req_id=1),
        Refused(text, "depth", "ETHBTC", active=True, req_id=1),
    ]
    assert talk.receive(b'{"result":null,"id":2}') == [Subscribed("trade", "X", req_id=2)]


def test_a_refused_end_of_a_subscription_is_not_active(talk: Talk) -> None:
    talk.send(b'{"method":"UNSUBSCRIBE","params":["x@trade"],"id":2}')
    assert talk.receive(b'{"code":2,"msg":"no","id":2}') == [Refused("no", "trade", "X", False, 2)]


def test_an_answer_to_nothing_that_is_known_is_still_an_answer(talk: Talk) -> None:
    assert talk.receive(b'{"result":null,"id":9}') == []
    assert talk.receive(b'{"code":3,"msg":"Invalid JSON"}') == [Refused("Invalid JSON")]


def test_requests_without_an_answer_are_forgotten_one_day(talk: Talk) -> None:
    for number in range(MAX_ASKED + 10):
        talk.send(b'{"method":"SUBSCRIBE","params":["x@trade"],"id":%d}' % number)
    assert len(talk.connection.memo["asked"]) == MAX_ASKED
    assert talk.receive(b'{"result":null,"id":3}') == []
    assert len(talk.receive(b'{"result":null,"id":11}')) == 1


@pytest.mark.parametrize(
    "message", [b"", b"[]", b"hello", b'{"method":7}', b"{}", b'{"method":"SET_PROPERTY","id":1}']
)
def test_other_messages_are_ignored(talk: Talk, message: bytes) -> None:
    assert talk.send(message) == []
    assert talk.connection.memo == {}
