"""What only Kraken does wrong: a status that is not online, refusals with status 200."""

from __future__ import annotations

import json

from mm_framework.contracts.emulator import notices_of
from mm_framework.emulator.actions import SendFrame
from mm_framework.emulator.faults import parse_faults
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.venue import VenueEmulator
from mm_kraken.emulator import KrakenDialect

SECOND = 1_000_000_000
BOOK = b'{"method":"subscribe","params":{"channel":"book","symbol":["BTC/EUR"],"depth":10}}'


def venue(faults: str) -> VenueEmulator:
    dialect = KrakenDialect()
    return VenueEmulator(
        dialect,
        [dialect.listing("BTC/EUR")],
        settings=MarketSettings(rate=20.0, levels=40),
        faults=parse_faults(faults, notices_of(dialect)),
        wall_ns=1_795_000_000 * SECOND,
    )


def test_the_venue_halts_and_is_online_again() -> None:
    made = venue("cancel-only@3")
    made.receive(made.connect(0, "/v2"), BOOK, 0)
    made.advance(20 * SECOND)
    sent = [(one.at_ns, json.loads(one.payload)) for one in made.drain() if isinstance(one, SendFrame)]
    told = [(at, body["data"][0]["system"]) for at, body in sent if body.get("channel") == "status"]
    assert told == [(0, "online"), (3 * SECOND, "cancel_only"), (13 * SECOND, "online")]
    beats = [at // SECOND for at, body in sent if body.get("channel") == "heartbeat"]
    assert beats == list(range(1, 21)), "heartbeats keep their rhythm"
    assert any(3 * SECOND < at < 13 * SECOND and body.get("channel") == "book" for at, body in sent)


def test_refusals_stand_in_the_body() -> None:
    asked = [venue(f"{name}@0").http("GET", "/0/public/Time", {}, 0) for name in ("429", "418", "5xx")]
    assert [reply.status for reply in asked] == [200, 200, 503]
    assert json.loads(asked[0].body) == {"error": ["EAPI:Rate limit exceeded"]}
    (throttled,) = json.loads(asked[1].body)["error"]
    name, _, until = throttled.rpartition(":")
    assert name == "EService:Throttled"
    assert 1 <= int(until) - 1_795_000_000 <= 60
