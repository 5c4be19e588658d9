"""Market lists of gamma and CLOB, whole bodies in, markets out."""

from __future__ import annotations

import gzip
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mm_framework.contracts.normalizer import FrameClass, InstrumentInfo, Refused
from mm_framework.errors import MalformedFrame
from mm_polymarket.fees import FeeSchedule
from mm_polymarket.markets import Market
from mm_polymarket.metadata import read_page

GAMMA: dict[str, Any] = {
    "conditionId": "0x1fad72fae204143ff1c3",
    "clobTokenIds": '["98022", "53831"]',
    "outcomes": '["Yes", "No"]',
    "orderPriceMinTickSize": 0.01,
    "orderMinSize": 5,
    "active": True,
    "closed": False,
    "archived": False,
    "enableOrderBook": True,
    "acceptingOrders": True,
    "negRisk": False,
    "slug": "new-album",
    "endDate": "2026-07-31T12:00:00Z",
    "feesEnabled": True,
    "feeSchedule": {"exponent": 1, "rate": 0.05, "takerOnly": True, "rebateRate": 0.25},
}
CLOB: dict[str, Any] = {
    "condition_id": "0x12a0cb60174abc437bf1",
    "minimum_tick_size": 0.001,
    "minimum_order_size": 5,
    "active": True,
    "closed": False,
    "archived": False,
    "enable_order_book": True,
    "accepting_orders": True,
    "neg_risk": True,
    "market_slug": "who-wins",
    "end_date_iso": "2024-09-10T00:00:00Z",
    "tokens": [
        {"token_id": "107", "outcome": "Red", "price": 0},
        {"token_id": "800", "outcome": "Blue", "price": 1},
    ],
}
COMPACT: dict[str, Any] = {
    "c": "0xdde06286a7b9464d344f",
    "t": [{"t": "65193", "o": "No"}, {"t": "28290", "o": "Yes"}],
    "mos": 5,
    "mts": 0.001,
    "ao": True,
    "nr": True,
    "fd": {"r": 0.05, "e": 1, "to": True},
}


def page(value: object) -> Any:
    return read_page(json.dumps(value).encode())


def only(value: object) -> Market:
    (market,) = page(value).markets
    assert isinstance(market, Market)
    return market


def test_gamma_writes_its_lists_inside_of_strings() -> None:
    assert only([GAMMA]) == Market(
        "0x1fad72fae204143ff1c3",
        "98022",
        "53831",
        ("Yes", "No"),
        "0.01",
        "5",
        False,
        True,
        "new-album",
        FeeSchedule(Fraction("0.05"), 1, True, Fraction("0.25")),
        "2026-07-31T12:00:00Z",
    )
    plain = GAMMA | {"clobTokenIds": ["98022", "53831"], "outcomes": None}
    assert only(plain).tokens == ("98022", "53831")


def test_a_market_without_fees_has_a_schedule_of_nothing() -> None:
    assert only(GAMMA | {"feeSchedule": None, "feesEnabled": False}).fees == FeeSchedule(Fraction(0))
    assert only(GAMMA | {"feeSchedule": None}).fees is None
    assert only(GAMMA | {"feeSchedule": {"rate": 0.1, "exponent": 1.5}}).fees is None


def test_clob_lists_tokens_with_their_outcomes() -> None:
    assert only({"data": [CLOB], "next_cursor": "MTAw", "count": 1}) == Market(
        "0x12a0cb60174abc437bf1",
        "107",
        "800",
        ("Red", "Blue"),
        "0.001",
        "5",
        True,
        True,
        "who-wins",
        end="2024-09-10T00:00:00Z",
    )
    assert page({"data": [CLOB], "next_cursor": "MTAw"}).next_cursor == "MTAw"


def test_a_compact_answer_says_the_same_in_one_letter() -> None:
    market = only(COMPACT)
    assert (market.yes, market.no, market.outcomes) == ("28290", "65193", ("Yes", "No"))
    assert market.fees == FeeSchedule(Fraction("0.05"))
    assert market.tick_size == "0.001"


def test_an_event_holds_its_markets() -> None:
    event = {"id": "1", "slug": "fed", "markets": [GAMMA, GAMMA | {"clobTokenIds": "[]"}]}
    for body in (event, [event], {"data": [event], "next_cursor": None}):
        told = page(body)
        assert (len(told.markets), told.entries, told.skipped) == (1, 2, 1)


@pytest.mark.parametrize(
    "changes",
    [
        {"closed": True},
        {"archived": True},
        {"active": False},
        {"acceptingOrders": False},
        {"enableOrderBook": False},
    ],
)
def test_a_market_that_takes_no_orders_is_not_tradable(changes: dict[str, bool]) -> None:
    assert only(GAMMA | changes).tradable is False
    assert only({key: value for key, value in GAMMA.items() if key not in changes}).tradable is True


@pytest.mark.parametrize(
    "changes",
    [
        {"clobTokenIds": ""},
        {"clobTokenIds": None},
        {"clobTokenIds": '["1"]'},
        {"clobTokenIds": '["1", "1"]'},
        {"clobTokenIds": '["1", "2", "3"]'},
        {"clobTokenIds": '["", ""]'},
        {"clobTokenIds": '["1", "0x2"]'},
        {"clobTokenIds": '["1", 2]'},
        {"clobTokenIds": "not a list"},
        {"conditionId": ""},
        {"conditionId": 5},
        {"orderPriceMinTickSize": "fine"},
    ],
)
def test_what_has_no_two_tokens_is_skipped_and_counted(changes: dict[str, object]) -> None:
    told = page([GAMMA | changes, GAMMA])
    assert (len(told.markets), told.skipped, told.entries) == (1, 1, 2)


def test_small_ticks_are_plain_decimals() -> None:
    assert only(GAMMA | {"orderPriceMinTickSize": 1e-05}).tick_size == "0.00001"
    assert only(GAMMA | {"orderPriceMinTickSize": "0.0025"}).tick_size == "0.0025"
    assert only(GAMMA | {"orderPriceMinTickSize": None}).tick_size is None


def test_definitions_name_both_tokens(rest: Any, writer: Any) -> None:
    assert rest(json.dumps([GAMMA, CLOB | {"closed": True}])) is FrameClass.CONTROL
    assert writer.controls == [
        InstrumentInfo("98022", "1fad72fae204-YES", "USD", tick_size="0.01", status="active"),
        InstrumentInfo("53831", "1fad72fae204-NO", "USD", tick_size="0.01", status="active"),
        InstrumentInfo("107", "12a0cb60174a-YES", "USD", tick_size="0.001", status="closed"),
        InstrumentInfo("800", "12a0cb60174a-NO", "USD", tick_size="0.001", status="closed"),
    ]


BOOK: dict[str, Any] = {
    "market": "0xaa",
    "asset_id": "100",
    "timestamp": "123456789",
    "hash": "ab",
    "bids": [{"price": "0.3", "size": "100"}],
    "asks": [],
    "min_order_size": "5",
    "tick_size": "0.01",
    "neg_risk": False,
    "last_trade_price": "0.5",
}


def test_rest_books_are_snapshots_that_tell_all_that_their_hash_covers(rest: Any, writer: Any) -> None:
    assert rest(json.dumps([BOOK, BOOK | {"asset_id": "101"}])) is FrameClass.DATA
    assert [message["symbol"] for message in writer.messages] == ["100", "101"]
    assert writer.messages[0]["rows"] == [(1, "0.3", "100")]
    assert json.loads(writer.messages[0]["digest"]) == {
        "hash": "ab",
        "market": "0xaa",
        "timestamp": "123456789",
        "min_order_size": "5",
        "tick_size": "0.01",
        "neg_risk": False,
        "last_trade_price": "0.5",
    }


def test_an_error_is_a_refusal(rest: Any, writer: Any) -> None:
    assert rest('{"error":"No orderbook exists for the requested token id"}') is FrameClass.CONTROL
    assert writer.controls == [Refused("No orderbook exists for the requested token id")]


@pytest.mark.parametrize(
    "body",
    [
        '{"history":[{"t":1697875200,"p":0.5}]}',
        '[{"proxyWallet":"0x1","side":"BUY","asset":"5"}]',
        '{"data":{"a":1}}',
        '{"error":5}',
        "[]",
        "5",
        "null",
    ],
)
def test_other_answers_are_unknown(rest: Any, writer: Any, body: str) -> None:
    assert rest(body) is FrameClass.UNKNOWN
    assert writer.messages == writer.controls == []


@pytest.mark.parametrize("body", [b"", b"<html>502</html>", b'{"data":[', b"\xff", b'[{"asset_id":'])
def test_what_is_not_json_is_malformed(rest: Any, body: bytes) -> None:
    with pytest.raises(MalformedFrame, match="not a REST answer"):
        rest(body)
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        read_page(body)


def test_half_a_book_is_malformed(rest: Any) -> None:
    with pytest.raises(MalformedFrame, match="without one of its sides"):
        rest(json.dumps({key: value for key, value in BOOK.items() if key != "asks"}))


@pytest.mark.parametrize(
    ("name", "markets", "entries", "tradable"),
    [
        ("clob_markets_fed_june_20260517.json", 5, 5, 5),
        ("gamma_event_fed_june_20260517.json", 5, 5, 5),
        ("gamma_markets_202606.json", 2, 2, 2),
        ("clob_markets_page.json.gz", 99, 100, 1),
    ],
)
def test_recorded_answers(shared_data: Path, name: str, markets: int, entries: int, tradable: int) -> None:
    path = shared_data / "polymarket" / name
    body = gzip.decompress(path.read_bytes()) if name.endswith("gz") else path.read_bytes()
    told = read_page(body)
    assert (len(told.markets), told.entries, told.skipped) == (markets, entries, entries - markets)
    assert sum(market.tradable for market in told.markets) == tradable
    assert not told.rest
    assert {market.tick_size for market in told.markets} <= {"0.01", "0.001"}


def test_gamma_and_clob_agree_on_the_recorded_event(shared_data: Path) -> None:
    folder = shared_data / "polymarket"
    gamma = read_page((folder / "gamma_event_fed_june_20260517.json").read_bytes()).markets
    clob = read_page((folder / "clob_markets_fed_june_20260517.json").read_bytes()).markets
    keys = ("condition_id", "tokens", "tick_size", "min_size", "neg_risk", "tradable", "outcomes")
    by_condition = {market.condition_id: market for market in clob}
    for one in gamma:
        other = by_condition[one.condition_id]
        assert [getattr(one, key) for key in keys] == [getattr(other, key) for key in keys]
        assert one.fees is not None
        assert other.fees is not None
        assert one.fees.rate == other.fees.rate == Fraction("0.05")
