"""Names lead to each other, and a border that the name does not tell is not guessed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from mm_binance.markets import COINM, MARKETS, SPOT, TR, US, USDM, Market
from mm_binance.names import channel_of, instrument_id, split, stream_name, venue_symbol
from mm_framework.errors import ConfigError
from mm_framework.model.instrument import parse_id


@pytest.mark.parametrize(
    ("market", "symbol", "instrument"),
    [
        (SPOT, "BTCUSDT", "binance:BTC/USDT"),
        (SPOT, "ADAEUR", "binance:ADA/EUR"),
        (SPOT, "BNBBTC", "binance:BNB/BTC"),
        (SPOT, "WHATEVER", "binance:WHATEVER"),
        (SPOT, "币安人生USDT", "binance:币安人生/USDT"),
        (US, "COMPUSDT", "binance-us:COMP/USDT"),
        (US, "ETHUSD", "binance-us:ETH/USD"),
        (US, "BNBUSD", "binance-us:BNBUSD"),
        (TR, "LTCBRL", "binance-tr:LTC/BRL"),
        (USDM, "SUSHIUSDT", "binance-usdm:SUSHI/USDT:PERP"),
        (USDM, "BTCUSDT_210625", "binance-usdm:BTC/USDT:210625"),
        (USDM, "ODD", "binance-usdm:ODD:PERP"),
        (COINM, "BTCUSD_PERP", "binance-coinm:BTC/USD:PERP"),
        (COINM, "BTCUSD_220624", "binance-coinm:BTC/USD:220624"),
    ],
)
def test_ids_and_names_lead_to_each_other(market: Market, symbol: str, instrument: str) -> None:
    assert instrument_id(market, symbol) == instrument
    assert venue_symbol(market, instrument) == symbol
    assert parse_id(instrument)[0] == market.venue
    assert instrument_id(market, symbol.lower()) == instrument
    assert venue_symbol(market, instrument.partition(":")[0] + ":" + symbol.lower()) == symbol


def test_the_id_of_another_market_is_a_configuration_error() -> None:
    for market in MARKETS[1:]:
        with pytest.raises(ConfigError, match=f"not of venue {market.venue}"):
            venue_symbol(market, "binance:BTC/USDT")


@pytest.mark.parametrize(
    ("market", "name", "parts"),
    [
        (SPOT, "USDT", None),
        (US, "BTCBUSD", None),
        (USDM, "BTCUSDT_210625", ("BTC", "USDT")),
        (COINM, "BTCUSD_PERP", ("BTC", "USD")),
    ],
)
def test_a_border_is_told_where_one_currency_fits(
    market: Market, name: str, parts: tuple[str, str] | None
) -> None:
    assert split(market, name) == parts


def test_every_recorded_definition_is_split_as_it_says(recordings: Path) -> None:
    path = recordings / "rest_exchangeInfo_spot_20211012.ndjson.gz"
    body = json.loads(json.loads(gzip.decompress(path.read_bytes()))["raw"])
    assert len(body["symbols"]) == 1695
    for one in body["symbols"]:
        assert split(SPOT, one["symbol"]) == (one["baseAsset"], one["quoteAsset"])
        assert venue_symbol(SPOT, instrument_id(SPOT, one["symbol"])) == one["symbol"]


@pytest.mark.parametrize(
    ("stream", "channel"),
    [
        ("btcusdt@depth@100ms", ("depth", "BTCUSDT")),
        ("btcusdt@depth", ("depth", "BTCUSDT")),
        ("btcusd_perp@depth20@500ms", ("depth20", "BTCUSD_PERP")),
        ("btcusdt@depth5", ("depth5", "BTCUSDT")),
        ("btcusdt@aggTrade", ("aggTrade", "BTCUSDT")),
        ("!serverShutdown", None),
        ("!ticker@arr", None),
        ("btcusdt", None),
    ],
)
def test_a_stream_names_its_channel_and_instrument(stream: str, channel: tuple[str, str] | None) -> None:
    assert channel_of(stream) == channel


def test_streams_are_written_in_lower_case() -> None:
    assert stream_name("BTCUSDT", "depth", 100) == "btcusdt@depth@100ms"
    assert stream_name("BTCUSD_PERP", "bookTicker") == "btcusd_perp@bookTicker"
