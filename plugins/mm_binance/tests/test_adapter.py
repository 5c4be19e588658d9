"""Names, limits, messages and snapshot requests of the adapters."""

from __future__ import annotations

import json

import pytest

from mm_binance.adapter import BinanceAdapter
from mm_binance.markets import COINM, MARKETS, SPOT, TR, US, USDM, Market
from mm_binance.settings import SETTINGS
from mm_framework.contracts.adapter import Adapter, HttpRequest, SnapshotSource, Subscription


def subscription(symbol: str, channel: str = "depth", venue: str = "binance") -> Subscription:
    return Subscription(f"{venue}:{symbol}", symbol, channel)


def test_it_is_an_adapter_with_a_proof_for_each_channel() -> None:
    adapter: Adapter = BinanceAdapter(SPOT)
    source: SnapshotSource = BinanceAdapter(SPOT)
    assert adapter.venue == "binance"
    assert source.snapshot_request(subscription("BTCUSDT")).what == "snapshot"
    assert {channel.name: str(channel.proof) for channel in adapter.channels} == {
        "depth": "sequence",
        "trade": "ids",
        "aggTrade": "ids",
        "bookTicker": "none",
    }


@pytest.mark.parametrize(
    ("market", "channels", "instruments", "budget", "url"),
    [
        (SPOT, 4, 256, 6000, "wss://stream.binance.com:9443/stream"),
        (US, 4, 256, 1200, "wss://stream.binance.us:9443/stream"),
        (TR, 4, 256, 1200, "wss://stream-cloud.trbinance.com/stream"),
        (USDM, 3, 341, 2400, "wss://fstream.binance.com/public/stream"),
        (COINM, 3, 66, 2400, "wss://dstream.binance.com/stream"),
    ],
)
def test_each_market_has_its_address_and_limits(
    market: Market, channels: int, instruments: int, budget: int, url: str
) -> None:
    adapter = BinanceAdapter(market)
    assert (adapter.venue, adapter.url, len(adapter.channels)) == (market.venue, url, channels)
    limits = adapter.limits
    assert (limits.subscriptions, limits.rest_weight, limits.rest_window_s) == (instruments, budget, 60.0)
    assert (limits.connects, limits.connects_window_s, limits.max_age_s) == (300, 300.0, 82_800.0)
    assert instruments * channels <= market.streams
    assert limits.messages_per_s < (10 if market.futures else 5)


def test_subscribing_names_streams_with_the_cadence_of_books() -> None:
    wanted = [subscription("BTCUSDT"), subscription("ETHBTC"), subscription("ETHBTC", "trade")]
    (message,) = BinanceAdapter(SPOT).subscribe(wanted, 7)
    assert json.loads(message) == {
        "method": "SUBSCRIBE",
        "params": ["btcusdt@depth@100ms", "ethbtc@depth@100ms", "ethbtc@trade"],
        "id": 7,
    }
    (message,) = BinanceAdapter(SPOT).unsubscribe(wanted[:1], 8)
    assert json.loads(message) == {"method": "UNSUBSCRIBE", "params": ["btcusdt@depth@100ms"], "id": 8}


@pytest.mark.parametrize(
    ("market", "depth_ms", "stream"),
    [
        (SPOT, 1000, "x@depth"),
        (SPOT, 100, "x@depth@100ms"),
        (USDM, 250, "x@depth"),
        (USDM, 500, "x@depth@500ms"),
    ],
)
def test_the_usual_cadence_has_the_bare_name(market: Market, depth_ms: int, stream: str) -> None:
    adapter = BinanceAdapter(market, SETTINGS[market.venue](depth_ms=depth_ms))
    (message,) = adapter.subscribe([subscription("X")], 1)
    assert json.loads(message)["params"] == [stream]


def test_many_streams_go_out_in_messages_of_200_with_one_number() -> None:
    messages = BinanceAdapter(SPOT).subscribe([subscription(f"A{n}USDT") for n in range(450)], 3)
    bodies = [json.loads(message) for message in messages]
    assert [len(body["params"]) for body in bodies] == [200, 200, 50]
    assert {body["id"] for body in bodies} == {3}
    assert [stream for body in bodies for stream in body["params"]][449] == "a449usdt@depth@100ms"


def test_the_ping_asks_for_the_list_of_streams() -> None:
    assert json.loads(BinanceAdapter(SPOT).ping(4) or b"") == {"method": "LIST_SUBSCRIPTIONS", "id": 4}


@pytest.mark.parametrize(
    ("market", "limit", "url", "weight"),
    [
        (SPOT, 1000, "https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=1000", 50),
        (SPOT, 5000, "https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=5000", 250),
        (SPOT, 100, "https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=100", 5),
        (SPOT, 500, "https://api.binance.com/api/v3/depth?symbol=BTCUSDT&limit=500", 25),
        (US, 1000, "https://api.binance.us/api/v3/depth?symbol=BTCUSDT&limit=1000", 10),
        (TR, 500, "https://api.binance.me/api/v3/depth?symbol=BTCUSDT&limit=500", 5),
        (USDM, 1000, "https://fapi.binance.com/fapi/v1/depth?symbol=BTCUSDT&limit=1000", 20),
        (COINM, 50, "https://dapi.binance.com/dapi/v1/depth?symbol=BTCUSDT&limit=50", 2),
    ],
)
def test_a_snapshot_request_knows_its_weight(market: Market, limit: int, url: str, weight: int) -> None:
    adapter = BinanceAdapter(market, SETTINGS[market.venue](snapshot_limit=limit))
    request = adapter.snapshot_request(subscription("BTCUSDT", venue=market.venue))
    assert request == HttpRequest(url, "snapshot", weight, f"{market.venue}:BTCUSDT")


def test_names_of_any_alphabet_are_escaped_in_addresses() -> None:
    url = BinanceAdapter(SPOT).snapshot_request(subscription("币安人生USDT")).url
    assert url.isascii()
    assert "symbol=%E5%B8%81" in url


def test_settings_change_endpoint_deadlines_and_unit_of_time() -> None:
    settings = SETTINGS["binance"](url="ws://127.0.0.1:1/stream", ping_interval_s=0, microseconds=True)
    adapter = BinanceAdapter(SPOT, settings)
    assert adapter.url == "ws://127.0.0.1:1/stream?timeUnit=MICROSECOND"
    assert adapter.ping_interval_s is None
    assert adapter.metadata_first is False
    assert adapter.metadata_request(1) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"depth_ms": 250},
        {"snapshot_limit": 5001},
        {"snapshot_limit": 101},
        {"vip": 10},
        {"idle_timeout_s": 0},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SETTINGS["binance"](**wrong)


@pytest.mark.parametrize(
    ("price", "scales"),
    [(None, (8, 8)), ("61837.63000000", (8, 8)), ("0.35130000", (8, 5)), ("0.00000637", (8, 3))],
)
def test_cheap_instruments_have_fewer_decimals_of_size(price: str | None, scales: tuple[int, int]) -> None:
    assert BinanceAdapter(SPOT).default_scales("X", price) == scales


@pytest.mark.parametrize(
    ("market", "limit", "weight"),
    [(SPOT, 1, 5), (SPOT, 101, 25), (SPOT, 9999, 250), (USDM, 51, 5), (US, 1001, 50)],
)
def test_weights_go_by_the_next_step(market: Market, limit: int, weight: int) -> None:
    assert market.weight(limit) == weight


def test_a_full_snapshot_tells_how_many_levels_were_asked_for() -> None:
    told = [BinanceAdapter(market).default_depth("depth", 1000) for market in MARKETS]
    assert told == [1000] * len(MARKETS)
    assert BinanceAdapter(SPOT).default_depth("depth", 654) is None
    assert BinanceAdapter(SPOT).default_depth("depth", None) is None


def test_names_are_those_of_the_market() -> None:
    assert BinanceAdapter(SPOT).base_quote("BTCUSDT") == ("BTC", "USDT")
    assert BinanceAdapter(SPOT).instrument_id("btcusdt") == "binance:BTC/USDT"
    assert BinanceAdapter(SPOT).venue_symbol("binance:BTC/USDT") == "BTCUSDT"
