"""Installed venues for simulations."""

from __future__ import annotations

from functools import cache
from typing import Any

from mm_framework.plugins import Plugins, PluginSettings, load_plugins
from mm_framework.testing.installed import installed_venue
from mm_framework.testing.simulation import Venue

__all__ = ["VENUES", "venue"]

SYMBOLS = {
    "binance": ("BTCUSDT", "ETHUSDT"),
    "binance-usdm": ("BTCUSDT", "ETHUSDT"),
    "bitfinex": ("tBTCUSD", "tETHUSD"),
    "kraken": ("BTC/EUR", "MINA/GBP"),
    "polymarket": ("1234567890" * 7, "9876543210" * 7),
}
VENUES = tuple(SYMBOLS)


@cache
def plugins() -> Plugins:
    """All installed plugins."""
    return load_plugins(PluginSettings())


@cache
def venue(name: str, **adapter_settings: Any) -> Venue:
    """A venue with two instruments."""
    return installed_venue(plugins(), name, SYMBOLS[name], adapter_settings=adapter_settings)
