"""What only Binance does wrong: serverShutdown, the cut after a day, refusals with a time."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mm_binance.emulator import BinanceDialect
from mm_binance.emulator_settings import BinanceEmulatorSettings
from mm_binance.markets import SPOT
from mm_framework.contracts.emulator import HttpReply, notices_of
from mm_framework.emulator.actions import Action, CloseConnection, SendFrame
from mm_framework.emulator.faults import parse_faults
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.venue import VenueEmulator

SECOND = 1_000_000_000
WALL = 1_795_000_000 * SECOND


def venue(faults: str = "", *, rate: float = 5.0, **settings: Any) -> VenueEmulator:
    dialect = BinanceDialect(SPOT, BinanceEmulatorSettings(**settings))
    return VenueEmulator(
        dialect,
        [dialect.listing("BTCUSDT")],
        settings=MarketSettings(rate=rate, levels=20),
        faults=parse_faults(faults, notices_of(dialect)),
        wall_ns=WALL,
    )


def subscribed(made: VenueEmulator, at_ns: int = 0, *, combined: bool = True) -> int:
    connection = made.connect(at_ns, "/stream")
    if not combined:
        made.receive(connection, b'{"method":"SET_PROPERTY","params":["combined",false],"id":1}', at_ns)
    made.receive(connection, b'{"method":"SUBSCRIBE","params":["btcusdt@depth@100ms"],"id":1}', at_ns)
    return connection


def closed(actions: list[Action]) -> list[tuple[int, int]]:
    return [(action.connection, action.at_ns) for action in actions if isinstance(action, CloseConnection)]


@pytest.mark.parametrize("combined", [True, False])
def test_a_shutdown_is_told_and_the_connection_cut_soon_after(combined: bool) -> None:
    made = venue("shutdown@4", shutdown_s=3.0)
    connection = subscribed(made, combined=combined)
    made.advance(20 * SECOND)
    actions = made.drain()
    told = [a for a in actions if isinstance(a, SendFrame) and b"serverShutdown" in a.payload]
    event = {"e": "serverShutdown", "E": (WALL + 4 * SECOND) // 1_000_000}
    assert [json.loads(one.payload) for one in told] == [
        {"stream": "!serverShutdown", "data": event} if combined else event
    ]
    assert closed(actions) == [(connection, 7 * SECOND)]
    assert made.connections == []


def test_a_connection_lives_for_a_day() -> None:
    made = venue(rate=0.001)
    day = 86_400 * SECOND
    first, second = subscribed(made), subscribed(made, 3600 * SECOND)
    made.advance(day - 1)
    assert made.connections == [first, second]
    made.advance(day + 3600 * SECOND)
    assert closed(made.drain()) == [(first, day), (second, day + 3600 * SECOND)]


def asked(made: VenueEmulator, at_ns: int) -> HttpReply:
    return made.http("GET", "/api/v3/depth", {"symbol": "BTCUSDT", "limit": "100"}, at_ns)


def test_a_ban_tells_its_end_in_milliseconds() -> None:
    made = venue("418@1")
    assert asked(made, 0).status == 200
    reply = asked(made, SECOND)
    headers = dict(reply.headers)
    wait_s = int(headers["Retry-After"])
    assert reply.status == 418
    assert headers["X-MBX-USED-WEIGHT-1M"] == "5"
    body = json.loads(reply.body)
    assert body["code"] == -1003
    assert f"IP banned until {(WALL + (1 + wait_s) * SECOND) // 1_000_000}." in body["msg"]


def test_a_refusal_and_a_failure_have_the_venues_words() -> None:
    refused = asked(venue("429@0"), 0)
    assert (refused.status, json.loads(refused.body)["code"]) == (429, -1003)
    assert "Retry-After" in dict(refused.headers)
    failed = asked(venue("5xx@0"), 0)
    assert (failed.status, json.loads(failed.body)["code"]) == (503, -1008)
    assert "Retry-After" not in dict(failed.headers)


def test_an_old_copy_tells_the_weight_of_now() -> None:
    made = venue("stale@2")
    first, second = asked(made, 0), asked(made, 3 * SECOND)
    assert second.body == first.body
    used = [dict(reply.headers)["X-MBX-USED-WEIGHT-1M"] for reply in (first, second)]
    assert used == ["5", "10"]
