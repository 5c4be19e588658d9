"""Names, limits, scales and depths of the adapter."""

from __future__ import annotations

import json

import pytest

from mm_bitfinex.adapter import DEPTHS, BitfinexAdapter
from mm_bitfinex.settings import BitfinexSettings
from mm_framework.contracts.adapter import Adapter
from mm_framework.errors import ConfigError


def test_it_is_an_adapter() -> None:
    adapter: Adapter = BitfinexAdapter()
    assert adapter.venue == "bitfinex"
    assert adapter.url == "wss://api-pub.bitfinex.com/ws/2"
    assert {channel.name: (channel.carries, str(channel.proof)) for channel in adapter.channels} == {
        "book": ("book", "sequence"),
        "trades": ("trade", "sequence"),
        "ticker": ("ticker", "sequence"),
    }
    assert adapter.limits.subscriptions * len(adapter.channels) <= 25
    assert (adapter.limits.connects, adapter.limits.connects_window_s) == (20, 60.0)


def test_ids_and_names_lead_to_each_other() -> None:
    adapter = BitfinexAdapter()
    assert adapter.instrument_id("tBTCUSD") == "bitfinex:BTC/USD"
    assert adapter.venue_symbol("bitfinex:btc/usdt") == "tBTCUST"
    assert adapter.venue_symbol("bitfinex:tAAVE:USD") == "tAAVE:USD"
    assert adapter.venue_symbol("tTESTBTC:TESTUSD") == "tTESTBTC:TESTUSD"
    assert adapter.base_quote("tUSTUSD") == ("USDT", "USD")
    assert adapter.base_quote("fUSD") is None


def test_the_id_of_another_venue_is_a_configuration_error() -> None:
    with pytest.raises(ConfigError, match="not of venue bitfinex"):
        BitfinexAdapter().venue_symbol("kraken:BTC/USD")


@pytest.mark.parametrize(
    ("levels", "depth"), [(None, 25), (0, 25), (1, 1), (2, 25), (26, 100), (100, 100), (101, 250), (999, 250)]
)
def test_the_depth_of_a_recording_is_the_least_that_holds_its_snapshot(
    levels: int | None, depth: int
) -> None:
    assert BitfinexAdapter().default_depth("book", levels) == depth
    assert depth in DEPTHS


def test_only_books_have_a_depth() -> None:
    assert BitfinexAdapter().default_depth("trades", 50) is None


@pytest.mark.parametrize(
    ("price", "scales"),
    [
        ("6443.1", (10, 8)),
        ("1", (10, 8)),
        ("1.0001", (10, 8)),
        ("0.99999", (14, 8)),
        ("2e-8", (14, 8)),
        ("1e3", (10, 8)),
        (None, (10, 8)),
        ("1e-30", (10, 8)),
    ],
)
def test_prices_below_one_get_the_larger_scale(price: str | None, scales: tuple[int, int]) -> None:
    assert BitfinexAdapter().default_scales("tBTCUSD", price) == scales


@pytest.mark.parametrize(("bulk", "flags"), [(False, 229_376), (True, 229_376 + 536_870_912)])
def test_the_conf_flags_go_before_everything(bulk: bool, flags: int) -> None:
    adapter = BitfinexAdapter(BitfinexSettings(bulk_updates=bulk))
    assert adapter.metadata_first is True
    (message,) = adapter.metadata_request(1)
    assert json.loads(message) == {"event": "conf", "flags": flags}


def test_settings_change_endpoint_and_deadlines() -> None:
    adapter = BitfinexAdapter(
        BitfinexSettings(url="ws://127.0.0.1:1/ws/2", idle_timeout_s=3, ping_interval_s=0)
    )
    assert (adapter.url, adapter.idle_timeout_s, adapter.ping_interval_s) == (
        "ws://127.0.0.1:1/ws/2",
        3,
        None,
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"idle_timeout_s": 0},
        {"ping_interval_s": -1},
        {"volume_30d_usd": -1},
        {"leo_usdt": -1},
        {"fee_schedule": "2030-01-01"},
    ],
)
def test_settings_out_of_range_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        BitfinexSettings(**wrong)  # type: ignore[arg-type]  # built from the table above
