"""What only Bitfinex does wrong: the info codes 20051, 20060 and 20061, and its refusals."""

from __future__ import annotations

import json
from typing import Any

from mm_bitfinex.emulator import BitfinexDialect
from mm_framework.contracts.emulator import notices_of
from mm_framework.emulator.actions import Action, CloseConnection, SendFrame
from mm_framework.emulator.faults import parse_faults
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.venue import VenueEmulator

SECOND = 1_000_000_000
BOOK = b'{"event":"subscribe","channel":"book","symbol":"tBTCUSD","prec":"P0","freq":"F0","len":"25"}'
NUMBERED = b'{"event":"conf","flags":65536}'


def venue(faults: str) -> VenueEmulator:
    dialect = BitfinexDialect()
    return VenueEmulator(
        dialect,
        [dialect.listing("tBTCUSD")],
        settings=MarketSettings(rate=20.0, levels=40),
        faults=parse_faults(faults, notices_of(dialect)),
    )


def followed(made: VenueEmulator) -> None:
    connection = made.connect(0, "/ws/2")
    made.receive(connection, NUMBERED, 0)
    made.receive(connection, BOOK, 0)


def frames(actions: list[Action]) -> list[tuple[int, Any]]:
    return [(one.at_ns, json.loads(one.payload)) for one in actions if isinstance(one, SendFrame)]


def test_a_stop_is_told_and_the_connection_closed_soon_after() -> None:
    made = venue("shutdown@3")
    followed(made)
    made.advance(20 * SECOND)
    actions = made.drain()
    codes = [(at_ns, body["code"]) for at_ns, body in frames(actions) if "code" in body]
    assert codes == [(3 * SECOND, 20051)]
    assert [(one.at_ns, one.code) for one in actions if isinstance(one, CloseConnection)] == [
        (8 * SECOND, 1012)
    ]


def test_in_maintenance_there_is_silence_and_what_was_missed_is_not_told() -> None:
    made = venue("maintenance@3")
    followed(made)
    made.advance(3 * SECOND - 1)
    made.drain()
    made.advance(23 * SECOND - 1)
    ((at_ns, begun),) = frames(made.drain())
    assert (at_ns, begun["event"], begun["code"]) == (3 * SECOND, "info", 20060)
    made.advance(26 * SECOND)
    (over_ns, over), *after = frames(made.drain())
    assert (over_ns, over["code"]) == (23 * SECOND, 20061)
    numbers = [frame[-1] for _, frame in after]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), "numbers go on without a hole"
    assert len(numbers) > 20


def test_a_subscription_in_maintenance_is_answered() -> None:
    made = venue("maintenance@3")
    followed(made)
    made.advance(5 * SECOND)
    made.drain()
    made.receive(0, b'{"event":"ping","cid":5}', 6 * SECOND)
    ((_, pong),) = frames(made.drain())
    assert pong["event"] == "pong"


def test_refusals_have_the_venues_words() -> None:
    asked = [venue(f"{name}@0").http("GET", "/v2/platform/status", {}, 0) for name in ("429", "418", "5xx")]
    assert [(reply.status, json.loads(reply.body)) for reply in asked] == [
        (429, {"error": "ERR_RATE_LIMIT"}),
        (429, {"error": "ERR_RATE_LIMIT"}),
        (500, ["error", 20060, "maintenance"]),
    ]
