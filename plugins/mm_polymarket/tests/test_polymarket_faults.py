"""What only Polymarket does: markets are resolved, tick sizes shrink; and its refusals."""

from __future__ import annotations

import json
from typing import Any

from mm_framework.contracts.emulator import notices_of
from mm_framework.emulator.actions import SendFrame
from mm_framework.emulator.faults import parse_faults
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.venue import VenueEmulator
from mm_polymarket.emulator import PolymarketDialect
from mm_polymarket.emulator_listings import TOKENS, identity

SECOND = 1_000_000_000
YES = TOKENS[0]
NO = identity(YES).market.no
CONDITION = identity(YES).condition_id


def venue(faults: str) -> VenueEmulator:
    dialect = PolymarketDialect()
    return VenueEmulator(
        dialect,
        [dialect.listing(YES)],
        settings=MarketSettings(rate=20.0, levels=40),
        faults=parse_faults(faults, notices_of(dialect)),
        wall_ns=1_795_000_000 * SECOND,
    )


def subscribed(made: VenueEmulator, *, custom: bool = True) -> int:
    connection = made.connect(0, "/ws/market")
    asked = {"assets_ids": [YES, NO], "type": "market", "custom_feature_enabled": custom}
    made.receive(connection, json.dumps(asked).encode(), 0)
    return connection


def events(made: VenueEmulator) -> list[tuple[int, dict[str, Any]]]:
    sent = [(one.at_ns, json.loads(one.payload)) for one in made.drain() if isinstance(one, SendFrame)]
    return [(at, one) for at, body in sent for one in (body if isinstance(body, list) else [body])]


def get(made: VenueEmulator, path: str, at_s: int, **query: str) -> Any:
    return json.loads(made.http("GET", path, query, at_s * SECOND).body)


def test_a_resolved_market_is_told_and_over() -> None:
    made = venue("resolved@3")
    connection = subscribed(made)
    assert get(made, "/gamma/markets", 1, closed="false")
    made.advance(20 * SECOND)
    told = [
        (at, body) for at, body in events(made) if at >= 3 * SECOND and body["event_type"] != "new_market"
    ]
    ((at_ns, resolved),) = told
    assert at_ns == 3 * SECOND
    assert resolved["event_type"] == "market_resolved"
    assert resolved["assets_ids"] == [YES, NO]
    assert (resolved["winning_asset_id"], resolved["winning_outcome"]) == (NO, "No")
    assert made.http("GET", "/book", {"token_id": YES}, 20 * SECOND).status == 404
    assert get(made, "/gamma/markets", 20, closed="false") == []
    (gamma,) = get(made, "/gamma/markets", 20, closed="true")
    assert (gamma["closed"], gamma["acceptingOrders"]) == (True, False)
    clob = get(made, f"/markets/{CONDITION}", 20)
    assert clob["closed"]
    assert [token["winner"] for token in clob["tokens"]] == [False, True]
    made.receive(
        connection, json.dumps({"operation": "subscribe", "assets_ids": [YES]}).encode(), 20 * SECOND
    )
    assert events(made) == []


def test_who_did_not_ask_for_more_hears_nothing_of_it() -> None:
    made = venue("resolved@3")
    subscribed(made, custom=False)
    made.advance(20 * SECOND)
    assert [body for at, body in events(made) if at >= 3 * SECOND] == []


def test_a_tick_size_that_shrinks_is_told_before_the_books_of_the_new_one() -> None:
    made = venue("tick@3")
    subscribed(made)
    made.advance(3 * SECOND)
    told = [body for at, body in events(made) if at == 3 * SECOND]
    assert [body["event_type"] for body in told] == ["tick_size_change"] * 2 + ["book"] * 2
    assert [(one["old_tick_size"], one["new_tick_size"]) for one in told[:2]] == [("0.001", "0.0001")] * 2
    assert [one["tick_size"] for one in told[2:]] == ["0.0001"] * 2


def test_refusals_are_those_of_the_server_in_front() -> None:
    asked = [venue(f"{name}@0").http("GET", "/time", {}, 0) for name in ("429", "418", "5xx")]
    assert [reply.status for reply in asked] == [429, 429, 503]
    assert ["Retry-After" in dict(reply.headers) for reply in asked] == [True, True, False]
