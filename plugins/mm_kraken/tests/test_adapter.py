"""Names, limits and depths of the adapter."""

from __future__ import annotations

import json

import pytest

from mm_framework.contracts.adapter import Adapter
from mm_framework.errors import ConfigError
from mm_kraken.adapter import DEPTHS, KrakenAdapter
from mm_kraken.settings import KrakenSettings


def test_it_is_an_adapter() -> None:
    adapter: Adapter = KrakenAdapter()
    assert adapter.venue == "kraken"
    assert adapter.url == "wss://ws.kraken.com/v2"
    assert {channel.name: str(channel.proof) for channel in adapter.channels} == {
        "book": "checksum(10)",
        "trade": "ids",
        "ticker": "none",
    }


def test_ids_and_names_lead_to_each_other() -> None:
    adapter = KrakenAdapter()
    assert adapter.instrument_id("XBT/EUR") == "kraken:BTC/EUR"
    assert adapter.venue_symbol("kraken:xbt/eur") == "BTC/EUR"
    assert adapter.base_quote("XDG/XBT") == ("DOGE", "BTC")
    assert adapter.base_quote("FOO") is None


def test_the_id_of_another_venue_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="not of venue kraken"):
        KrakenAdapter().venue_symbol("binance:BTC/USDT")


@pytest.mark.parametrize(
    ("levels", "depth"),
    [(None, 10), (0, 10), (10, 10), (11, 25), (25, 25), (26, 100), (999, 1000), (2000, 1000)],
)
def test_the_depth_of_a_recording_is_the_least_that_holds_its_snapshot(
    levels: int | None, depth: int
) -> None:
    assert KrakenAdapter().default_depth("book", levels) == depth
    assert depth in DEPTHS


def test_only_books_have_a_depth() -> None:
    assert KrakenAdapter().default_depth("trade", 50) is None


def test_scales_without_metadata() -> None:
    assert KrakenAdapter().default_scales("BTC/USD", "45285.2") == (10, 8)


def test_settings_change_endpoint_deadlines_and_what_is_asked_for() -> None:
    adapter = KrakenAdapter(
        KrakenSettings(
            url="ws://127.0.0.1:1", idle_timeout_s=3, ping_interval_s=0, metadata=False, tokenized_assets=True
        )
    )
    assert adapter.url == "ws://127.0.0.1:1"
    assert adapter.idle_timeout_s == 3
    assert adapter.ping_interval_s is None
    assert adapter.metadata_first is False
    (request,) = adapter.metadata_request(1)
    assert json.loads(request)["params"] == {
        "channel": "instrument",
        "include_tokenized_assets": True,
        "snapshot": True,
    }


@pytest.mark.parametrize("wrong", [{"idle_timeout_s": 0}, {"ping_interval_s": -1}, {"volume_30d_usd": -1}])
def test_settings_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        KrakenSettings(**wrong)  # type: ignore[arg-type]  # built from the table above
