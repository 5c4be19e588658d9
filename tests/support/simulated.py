"""Installed venues for simulations."""

from __future__ import annotations

from functools import cache

from mm_framework.plugins import PluginSettings, Plugins, load_plugins
from mm_framework.testing.installed import installed_venue
from mm_framework.testing.simulation import Venue

__all__ = ["VENUES", "venue"]

VENUES = ("binance", "binance-usdm", "bitfinex", "kraken", "polymarket")


@cache
def plugins() -> Plugins:
    """All installed plugins."""
    return load_plugins(PluginSettings())


@cache
def venue(name: str) -> Venue:
    """A venue with its first two instruments."""
    return installed_venue(plugins(), name)
