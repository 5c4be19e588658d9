"""Polymarket's history over REST: the market of a token, pages of whole seconds, refusals."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from mm_framework.contracts.history import HistoryPage, HistoryQuery, PastTrade
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.errors import MalformedFrame, VenueRefused
from mm_polymarket.adapter import PolymarketAdapter
from mm_polymarket.emulator import PolymarketDialect
from mm_polymarket.emulator_listings import TOKENS, identity

TOKEN = TOKENS[0]
CONDITION = identity(TOKEN).condition_id
QUERY = HistoryQuery("trades", f"polymarket:{TOKEN}", 1_779_000_000_000, 1_779_000_100_500)
END = 1_779_000_100


def row(at_s: int, digest: str = "0xa", size: float = 5.25, asset: str = TOKEN) -> dict[str, Any]:
    return {
        "side": "BUY",
        "asset": asset,
        "size": size,
        "price": 0.52,
        "timestamp": at_s,
        "transactionHash": digest,
    }


def told(rows: list[dict[str, Any]], last_s: int = END, limit: int = 4) -> HistoryPage:
    adapter = PolymarketAdapter()
    adapter.history_page = 4
    return adapter.read_history(QUERY, f"trades:{CONDITION}:{last_s}:{limit}", msgspec.json.encode(rows))


def test_the_market_of_a_token_is_looked_for_among_the_open_and_then_the_closed_ones() -> None:
    adapter = PolymarketAdapter()
    assert adapter.history_begin(QUERY) == "open"
    request = adapter.history_request(QUERY, "open")
    assert request.url.endswith(f"/markets?clob_token_ids={TOKEN}&closed=false")
    assert adapter.read_history(QUERY, "open", b"[]").cursor == "closed"
    market = {
        "conditionId": CONDITION,
        "clobTokenIds": json.dumps([TOKEN, TOKENS[1]]),
        "outcomes": '["Yes","No"]',
    }
    page = adapter.read_history(QUERY, "closed", msgspec.json.encode([market]))
    assert page.cursor == f"trades:{CONDITION}:{END}:1000"
    assert adapter.history_request(QUERY, page.cursor).url.endswith(
        f"/trades?market={CONDITION}&start=1778999999&end=1779000101&limit=1000&takerOnly=true"
    )
    with pytest.raises(VenueRefused, match="knows no market"):
        adapter.read_history(QUERY, "closed", b"[]")


def test_the_oldest_second_of_a_page_belongs_to_the_next_one() -> None:
    """Whether or not the page is full: the venue may cut it earlier than we asked."""
    page = told([row(END, "0x1"), row(END - 1, "0x2"), row(END - 2, "0x3")])
    assert [one.id.partition("/")[0] for one in page.trades] == ["0x1", "0x2"]
    assert page.cursor == f"trades:{CONDITION}:{END - 2}:4"
    last = told([row(END - 2, "0x3")], END - 2)
    assert last == HistoryPage(
        trades=(PastTrade((END - 2) * 10**9, "0x3/0.52/5.25/buy/0", "0.52", "5.25", "buy"),)
    )
    assert told([]) == HistoryPage()


def test_a_second_that_fills_a_page_is_asked_for_with_larger_ones() -> None:
    rows = [row(END) for _ in range(4)]
    page = told(rows)
    assert (page.trades, page.cursor) == ((), f"trades:{CONDITION}:{END}:40")
    assert [one.id[-1] for one in told(rows, limit=40).trades] == ["0", "1", "2", "3"], (
        "equal rows are counted"
    )
    with pytest.raises(VenueRefused, match="cannot be had"):
        told([row(END)] * 10_000, limit=10_000)


def test_rows_of_the_other_token_and_of_later_seconds_are_left_out() -> None:
    page = told([row(END + 1), row(END, asset=TOKENS[1]), row(END, "0xb")])
    assert [one.id for one in page.trades] == ["0xb/0.52/5.25/buy/0"]


def test_what_is_not_newest_first_is_malformed_and_an_error_is_told() -> None:
    with pytest.raises(MalformedFrame, match="newest first"):
        told([row(END - 1), row(END)])
    with pytest.raises(VenueRefused, match="offset of 10000"):
        PolymarketAdapter().read_history(QUERY, "open", b'{"error":"offset of 10000 exceeded"}')


def test_the_emulator_tells_trades_between_two_seconds() -> None:
    second = 1_000_000_000
    emulator = VenueEmulator(
        PolymarketDialect(), [PolymarketDialect().listing(TOKEN)], seed=4, wall_ns=1_779_000_000 * second
    )
    emulator.advance(60 * second)

    def times(**query: str) -> list[int]:
        reply = emulator.http("GET", "/trades", {"limit": "10000", **query}, 60 * second)
        return [one["timestamp"] for one in json.loads(reply.body)]

    whole = times()
    begin, end = 1_779_000_010, 1_779_000_030
    assert times(start=str(begin), end=str(end)) == [one for one in whole if begin <= one <= end] != []
    assert emulator.http("GET", "/trades", {"start": "x"}, 60 * second).status == 400
