"""Profiles of ``mm capture``: the defaults of the three earlier recorders, and their names of variables.

A profile's value stands where a setting's default would: file, variables and flags go above it.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from mm_framework.cli.app import App
from mm_framework.settings import Given

__all__ = ["PROFILES", "Profile", "use_profile"]


@attrs.frozen
class Profile:
    """``settings`` maps ``section.name`` to text. ``instruments``, ``channels``: what is captured when
    nothing is named, ``missing`` what to say when that is nothing; ``sinks`` are written besides those that
    are named. ``compat``: variables without a prefix are read, too.
    """

    help: str
    settings: Mapping[str, str]
    instruments: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    sinks: tuple[str, ...] = ()
    compat: bool = False
    missing: str = ""


PROFILES: Mapping[str, Profile] = {
    "bbo": Profile(
        help="best bid and offer of Kraken's ticker (BTC/EUR)",
        settings={
            "target.venue": "kraken",
            "capture.summary_every_s": "5",
            "capture.reconnect_backoff_s": "1",
            "capture.reconnect_backoff_max_s": "30",
        },
        instruments=("kraken:BTC/EUR",),
        channels=("ticker",),
        sinks=("bbo-csv",),
    ),
    "recorder": Profile(
        help="depth and trades, Binance unless EXCHANGE says otherwise; SYMBOL is required",
        settings={
            "target.venue": "binance",
            "capture.ping_interval_s": "20",
            "capture.ping_timeout_s": "60",
            "capture.reconnect_backoff_s": "1",
            "capture.reconnect_backoff_max_s": "30",
            "capture.max_session_s": "85800",
            "capture.open_timeout_s": "10",
            "capture.no_data_warn_s": "10",
            "window.start_hhmm": "00:00",
        },
        sinks=("day-files",),
        compat=True,
        missing="--profile recorder needs a symbol: SYMBOL=BTCUSDC, --symbol BTCUSDC or binance:BTC/USDC",
    ),
    "plant": Profile(
        help="all active markets of Polymarket over 8 shards",
        settings={
            "target.venue": "polymarket",
            "plant.shards": "8",
            "plant.universe_refresh": "true",
            "plant.universe_refresh_interval_s": "60",
            "plant.max_markets": "2000",
            "plant.confirm_timeout_s": "45",
            "plant.confirm_min_events": "1",
            "capture.ping_interval_s": "10",
            "capture.ping_timeout_s": "10",
            "feed.stream_idle_s": "120",
        },
        instruments=("polymarket:*",),
    ),
}


def use_profile(app: App, name: str) -> Profile:
    """Let the profile's values be the defaults of everything that is loaded from now on."""
    profile = PROFILES[name]
    for key, text in profile.settings.items():
        section, _, field = key.rpartition(".")
        app.defaults.setdefault(section, {})[field] = Given(text, f"profile {name}")
    app.compat |= profile.compat
    return profile
