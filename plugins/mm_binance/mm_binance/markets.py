"""The markets of Binance as data: each is a venue of its own, and one code serves them all.

Sources, read 2026-11-21: github.com/binance/binance-spot-api-docs (``web-socket-streams.md``,
``rest-api.md``, state of 2026-07-21); developers.binance.com, "USDS-M Futures" and "COIN-M Futures" (market
streams, "Order Book", "Important WebSocket Change Notice"). Addresses of Binance.US and TR are those of
recordings of 2021-10-12 and 2023-04-10; their weights are those that spot had then.
"""

from __future__ import annotations

from typing import Final

import attrs

__all__ = ["COINM", "MARKETS", "SNAPSHOT_LIMITS", "SPOT", "TR", "US", "USDM", "Market"]

SNAPSHOT_LIMITS: Final = (5, 10, 20, 50, 100, 500, 1000, 5000)
"""Levels a side that a REST snapshot may be asked for; of futures at most 1000."""

_SPOT_QUOTES: Final = (
    "FDUSD", "USDT", "USDC", "TUSD", "BUSD", "USDP", "USDS", "USD1", "EURI", "BIDR", "BKRW", "BVND", "DOGE",
    "GYEN", "IDRT", "ARS", "AUD", "BNB", "BRL", "BTC", "COP", "CZK", "DAI", "DOT", "ETH", "EUR", "GBP", "JPY",
    "MXN", "NGN", "PAX", "PLN", "RON", "RUB", "SOL", "TRX", "TRY", "UAH", "UST", "VAI", "XRP", "ZAR",
)  # fmt: skip

_SPOT_WEIGHTS: Final = ((100, 5), (500, 25), (1000, 50), (5000, 250))
_OLD_WEIGHTS: Final = ((100, 1), (500, 5), (1000, 10), (5000, 50))
_FUTURES_WEIGHTS: Final = ((50, 2), (100, 5), (500, 10), (1000, 20))


@attrs.frozen
class Market:
    """One venue.

    ``stream_url``: its combined streams, ``market_url`` those of trades where they have an address of their
    own; ``rest_url``: REST up to the version. ``quotes``: the currencies that a name may end with.
    ``futures``: updates name the one before them (``pu``). ``perpetual``: what the name of a perpetual
    contract ends with, None where there are none. ``depth_ms``: the cadences of the diff stream, the one of
    the bare name ``@depth`` first. ``weights``: ``(levels, weight)`` of REST depth; ``info_weight`` and
    ``info_query`` of ``exchangeInfo``. ``rest_weight``: budget of a minute. ``streams`` of a connection;
    ``messages_per_s``: that we send.
    """

    venue: str
    title: str
    stream_url: str
    rest_url: str
    quotes: tuple[str, ...]
    depth_ms: tuple[int, ...]
    weights: tuple[tuple[int, int], ...]
    rest_weight: int
    info_weight: int = 20
    info_query: str = ""
    streams: int = 1024
    messages_per_s: float = 3.0
    futures: bool = False
    perpetual: str | None = None
    market_url: str | None = None

    def weight(self, limit: int) -> int:
        """The weight of a REST depth request for so many levels a side."""
        return next((weight for levels, weight in self.weights if limit <= levels), self.weights[-1][1])


SPOT: Final = Market(
    venue="binance",
    title="Binance spot",
    stream_url="wss://stream.binance.com:9443/stream",
    rest_url="https://api.binance.com/api/v3",
    quotes=_SPOT_QUOTES,
    depth_ms=(1000, 100),
    weights=_SPOT_WEIGHTS,
    rest_weight=6000,
    info_query="?showPermissionSets=false",
)

US: Final = Market(
    venue="binance-us",
    title="Binance.US spot",
    stream_url="wss://stream.binance.us:9443/stream",
    rest_url="https://api.binance.us/api/v3",
    quotes=("USDT", "USDC", "BUSD", "BNB", "BTC", "DAI", "ETH", "USD"),
    depth_ms=(1000, 100),
    weights=_OLD_WEIGHTS,
    rest_weight=1200,
)

TR: Final = Market(
    venue="binance-tr",
    title="Binance TR spot",
    stream_url="wss://stream-cloud.trbinance.com/stream",
    rest_url="https://api.binance.me/api/v3",
    quotes=_SPOT_QUOTES,
    depth_ms=(1000, 100),
    weights=_OLD_WEIGHTS,
    rest_weight=1200,
)

USDM: Final = Market(
    venue="binance-usdm",
    title="Binance USD-M futures",
    stream_url="wss://fstream.binance.com/public/stream",
    market_url="wss://fstream.binance.com/market/stream",
    rest_url="https://fapi.binance.com/fapi/v1",
    quotes=("USDT", "USDC", "BUSD", "BTC"),
    depth_ms=(250, 100, 500),
    weights=_FUTURES_WEIGHTS,
    rest_weight=2400,
    info_weight=1,
    messages_per_s=5.0,
    futures=True,
    perpetual="",
)

COINM: Final = Market(
    venue="binance-coinm",
    title="Binance COIN-M futures",
    stream_url="wss://dstream.binance.com/stream",
    rest_url="https://dapi.binance.com/dapi/v1",
    quotes=("USD",),
    depth_ms=(250, 100, 500),
    weights=_FUTURES_WEIGHTS,
    rest_weight=2400,
    info_weight=1,
    streams=200,
    messages_per_s=5.0,
    futures=True,
    perpetual="_PERP",
)

MARKETS: Final = (SPOT, USDM, COINM, US, TR)
