"""Names, limits and messages of the adapter."""

from __future__ import annotations

import json

import pytest

from mm_framework.contracts.adapter import Adapter, Subscription, WitnessSource
from mm_framework.contracts.normalizer import ConnectionInfo, Requested
from mm_framework.errors import ConfigError
from mm_polymarket.adapter import PolymarketAdapter
from mm_polymarket.markets import Market
from mm_polymarket.names import outcome_symbol, yes_place
from mm_polymarket.normalizer import PolymarketNormalizer
from mm_polymarket.requests import PING, read
from mm_polymarket.settings import PolymarketSettings

MARKET = Market("0xDDE06286A7B9464D344F410AB0B3D2EB", "65193", "28290")


def subscription(token: str, channel: str = "book") -> Subscription:
    return Subscription(f"polymarket:{token}", token, channel)


def test_it_is_an_adapter_and_a_source_of_snapshots() -> None:
    adapter: Adapter = PolymarketAdapter()
    assert adapter.venue == "polymarket"
    assert {(one.name, one.carries, str(one.proof)) for one in adapter.channels} == {
        ("book", "book", "hash"),
        ("last_trade_price", "trade", "none"),
        ("best_bid_ask", "ticker", "none"),
    }
    assert adapter.limits.subscriptions == 200
    assert adapter.ping_interval_s == 10
    assert adapter.metadata_first is False
    assert adapter.metadata_request(1) == []
    source: WitnessSource = PolymarketAdapter()
    request = source.witness_request(subscription("65193"))
    assert request.url == "https://clob.polymarket.com/book?token_id=65193"
    assert (request.what, request.instrument) == ("witness", "polymarket:65193")


def test_an_id_is_the_token_until_its_market_is_known() -> None:
    adapter = PolymarketAdapter()
    assert adapter.instrument_id("65193") == "polymarket:65193"
    adapter.learn([MARKET])
    assert adapter.instrument_id("65193") == "polymarket:dde06286a7b9-YES"
    assert adapter.instrument_id("28290") == "polymarket:dde06286a7b9-NO"
    assert adapter.instrument_id("7") == "polymarket:7"
    for name in ("polymarket:dde06286a7b9-NO", "polymarket:28290"):
        assert adapter.venue_symbol(name) == "28290"


def test_of_two_markets_with_one_id_the_first_keeps_it() -> None:
    adapter = PolymarketAdapter()
    adapter.learn([MARKET, Market(MARKET.condition_id + "ff", "1", "2"), MARKET])
    assert adapter.venue_symbol("polymarket:dde06286a7b9-YES") == "65193"
    assert adapter.instrument_id("1") == "polymarket:1"


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("kraken:BTC/EUR", "not of venue polymarket"),
        ("kraken:123", "not of venue polymarket"),
        ("polymarket:dde06286a7b9-YES", "discover the universe"),
        ("polymarket:will-it-rain", "neither a token id"),
        ("polymarket:" + "9" * 79, "neither a token id"),
    ],
)
def test_an_id_that_cannot_be_subscribed_is_a_configuration_error(name: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        PolymarketAdapter().venue_symbol(name)


def test_the_first_outcome_is_yes_unless_the_names_say_otherwise() -> None:
    assert [yes_place(names) for names in (["Yes", "No"], ["Up", "Down"], ["No", "Yes"])] == [0, 0, 1]
    assert outcome_symbol("0xABCDEF0123456789", "NO") == "abcdef012345-NO"


def test_a_token_is_subscribed_once_whatever_channels_are_wanted() -> None:
    adapter = PolymarketAdapter()
    wanted = [subscription("1"), subscription("2"), subscription("1")]
    (message,) = adapter.subscribe(wanted, 7)
    assert json.loads(message) == {
        "assets_ids": ["1", "2"],
        "custom_feature_enabled": True,
        "initial_dump": True,
        "operation": "subscribe",
        "type": "market",
    }
    others = [subscription("1", "last_trade_price"), subscription("1", "best_bid_ask")]
    assert adapter.subscribe(others, 8) == []
    assert adapter.unsubscribe(others, 9) == []
    (message,) = adapter.unsubscribe(wanted[1:2], 9)
    assert json.loads(message) == {"assets_ids": ["2"], "operation": "unsubscribe"}


def test_what_goes_out_is_read_back(new_writer: type) -> None:
    adapter, out = PolymarketAdapter(), new_writer()
    ping = adapter.ping(3)
    assert ping == b"PING"
    messages = adapter.subscribe([subscription("1")], 1) + adapter.unsubscribe([subscription("2")], 2)
    for message in [
        *messages,
        ping,
        b"PONG",
        b"{}",
        b'{"assets_ids":["1"],"operation":"sing"}',
        b"\xff",
        b"[1",
    ]:
        PolymarketNormalizer().sent(message, ConnectionInfo(0, ""), out)
    gone = Requested("book", ("2",), active=False)
    assert out.controls == [Requested("book", ("1",)), gone, Requested(None)]
    assert read(b'{"assets_ids":["5"],"type":"MARKET"}') == Requested("book", ("5",))
    assert read(PING) == Requested(None)


def test_settings_change_endpoints_deadlines_and_what_is_asked_for() -> None:
    adapter = PolymarketAdapter(
        PolymarketSettings(
            url="ws://127.0.0.1:1/ws/market",
            clob_url="http://127.0.0.1:1/",
            idle_timeout_s=3,
            ping_interval_s=1,
            max_assets=50,
            custom_features=False,
        )
    )
    assert (adapter.url, adapter.idle_timeout_s, adapter.ping_interval_s) == (
        "ws://127.0.0.1:1/ws/market",
        3,
        1,
    )
    assert adapter.limits.subscriptions == 50
    assert adapter.witness_request(subscription("1")).url == "http://127.0.0.1:1/book?token_id=1"
    (message,) = adapter.subscribe([subscription("1")], 1)
    assert json.loads(message)["custom_feature_enabled"] is False


@pytest.mark.parametrize(
    "wrong",
    [
        {"idle_timeout_s": 0},
        {"ping_interval_s": 0},
        {"max_assets": 0},
        {"max_assets": 501},
        {"fee_rate": "2"},
        {"fee_rate": "NaN"},
        {"fee_rate": "dear"},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        PolymarketSettings(**wrong)  # type: ignore[arg-type]  # built from the table above


def test_scales_and_depth_without_metadata() -> None:
    adapter = PolymarketAdapter()
    assert adapter.default_scales("1", "0.5") == (6, 6)
    assert adapter.default_depth("book", 40) is None
    assert adapter.base_quote("1") is None
