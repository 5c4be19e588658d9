"""Settings of the Binance venues, a section each: ``[venue.binance]``, ``[venue.binance-usdm]``, ..."""

from __future__ import annotations

from typing import Any, Final

import attrs
from attrs.validators import and_, ge, gt, in_, le

from mm_binance.markets import COINM, SNAPSHOT_LIMITS, SPOT, TR, US, USDM, Market
from mm_framework.settings import section, setting

__all__ = ["SETTINGS", "BinanceSettings"]

_URL: Final = "Endpoint of the combined streams."
_REST: Final = "REST up to and with the version."
_DEPTH_MS: Final = "Cadence of book updates in milliseconds."
_LIMIT: Final = "Levels a side of a REST snapshot; more of them cost more weight."


@attrs.frozen
class BinanceSettings:
    """What all markets have: how to talk to the venue, and what it charges."""

    url: str
    rest_url: str
    depth_ms: int
    snapshot_limit: int
    idle_timeout_s: float = setting(
        45.0, help="Silence of a connection, of any kind, after which it counts as dead.", validator=gt(0)
    )
    ping_interval_s: float = setting(
        20.0, help="Time between requests for the list of streams, which show that we are heard; 0: none.",
        validator=ge(0),
    )  # fmt: skip
    vip: int = setting(0, help="VIP level of the account, for the fee model.", validator=and_(ge(0), le(9)))
    bnb_fees: bool = setting(False, help="Fees are paid in BNB, at a discount.")


def _url(market: Market) -> str:
    return setting(market.stream_url, help=_URL)


def _rest_url(market: Market) -> str:
    return setting(market.rest_url, help=_REST)


def _depth_ms(market: Market) -> int:
    return setting(100, help=_DEPTH_MS, validator=in_(market.depth_ms))


def _snapshot_limit(market: Market) -> int:
    most = market.weights[-1][0]
    return setting(1000, help=_LIMIT, validator=in_([n for n in SNAPSHOT_LIMITS if n <= most]))


@section("venue.binance")
@attrs.frozen
class SpotSettings(BinanceSettings):
    """Binance spot."""

    url: str = _url(SPOT)
    rest_url: str = _rest_url(SPOT)
    depth_ms: int = _depth_ms(SPOT)
    snapshot_limit: int = _snapshot_limit(SPOT)
    microseconds: bool = setting(False, help="Ask for times in microseconds instead of milliseconds.")


@section("venue.binance-usdm")
@attrs.frozen
class UsdmSettings(BinanceSettings):
    """USD-M futures."""

    url: str = _url(USDM)
    market_url: str = setting(USDM.market_url or "", help="Endpoint of the combined streams of trades.")
    rest_url: str = _rest_url(USDM)
    depth_ms: int = _depth_ms(USDM)
    snapshot_limit: int = _snapshot_limit(USDM)


@section("venue.binance-coinm")
@attrs.frozen
class CoinmSettings(BinanceSettings):
    """COIN-M futures."""

    url: str = _url(COINM)
    rest_url: str = _rest_url(COINM)
    depth_ms: int = _depth_ms(COINM)
    snapshot_limit: int = _snapshot_limit(COINM)


@section("venue.binance-us")
@attrs.frozen
class UsSettings(BinanceSettings):
    """Binance.US."""

    url: str = _url(US)
    rest_url: str = _rest_url(US)
    depth_ms: int = _depth_ms(US)
    snapshot_limit: int = _snapshot_limit(US)


@section("venue.binance-tr")
@attrs.frozen
class TrSettings(BinanceSettings):
    """Binance TR."""

    url: str = _url(TR)
    rest_url: str = _rest_url(TR)
    depth_ms: int = _depth_ms(TR)
    snapshot_limit: int = _snapshot_limit(TR)


SETTINGS: Final[dict[str, type[Any]]] = {
    SPOT.venue: SpotSettings,
    USDM.venue: UsdmSettings,
    COINM.venue: CoinmSettings,
    US.venue: UsSettings,
    TR.venue: TrSettings,
}
"""The settings class of each venue, a `BinanceSettings` with defaults."""
