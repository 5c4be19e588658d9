"""Instruments that the Binance emulator can list: a few with their usual prices, any other with round ones.

Decimals of increments are those of recordings (``exchangeInfo`` of 2021-10-12, streams of 2021 to 2024);
prices are invented, near those of the recordings or of late 2026.
"""

from __future__ import annotations

from typing import Final

from mm_binance.markets import COINM, SPOT, TR, US, USDM, Market
from mm_binance.names import split, wire_name
from mm_framework.contracts.emulator import Listing
from mm_framework.errors import ConfigError
from mm_framework.model.fixed import decimals_of, parse

__all__ = ["DEFAULT_SYMBOLS", "listing"]

# symbol: (price as futures write it, tick size, usual order with all its decimals)
_SPOT: Final = {
    "ADAEUR": ("0.4521", "0.0001", "2500.0"),
    "BNBUSDT": ("978.42", "0.01", "1.250"),
    "BTCEUR": ("94810.22", "0.01", "0.05000"),
    "BTCUSDT": ("109850.01", "0.01", "0.05000"),
    "COMPUSDT": ("297.20", "0.01", "12.40000"),
    "CRVUSDT": ("2.637", "0.001", "400.0"),
    "DOGEUSDT": ("0.17152", "0.00001", "8000"),
    "ETHBTC": ("0.03340", "0.00001", "2.0000"),
    "ETHUSDT": ("3668.10", "0.01", "1.5000"),
    "LRCBTC": ("0.00000637", "0.00000001", "6500"),
    "LTCBRL": ("473.1", "0.1", "2.653"),
    "NKNUSDT": ("0.3513", "0.0001", "3100"),
    "SOLUSDT": ("171.24", "0.01", "14.000"),
    "XEMUSDT": ("0.0410", "0.0001", "240000"),
}
_USDM: Final = {
    "AKROUSDT": ("0.01731", "0.00001", "170000"),
    "BTCUSDT": ("109842.30", "0.10", "0.120"),
    "ETHUSDT": ("3667.41", "0.01", "2.500"),
    "SUSHIUSDT": ("7.6110", "0.0010", "640"),
}
_COINM: Final = {"BTCUSD_PERP": ("109851.2", "0.1", "400"), "ETHUSD_PERP": ("3667.90", "0.01", "900")}
_OTHER: Final = ("100.00", "0.01", "10.000")

DEFAULT_SYMBOLS: Final = {
    SPOT.venue: ("BTCUSDT",),
    US.venue: ("COMPUSDT",),
    TR.venue: ("XEMUSDT",),
    USDM.venue: ("BTCUSDT",),
    COINM.venue: ("BTCUSD_PERP",),
}


def listing(market: Market, name: str) -> Listing:
    """The instrument of any of the venue's names, such as ``BTCUSDT`` or ``BTC/USDT``.

    Raises ConfigError when base and quote cannot be told from the name.
    """
    symbol = wire_name(market, name)
    parts = split(market, symbol)
    if parts is None:
        raise ConfigError(
            f"{name!r} is no instrument of {market.title} that can be emulated: expected base and quote,"
            " such as BTCUSDT",
            key="symbol",
            value=name,
        )
    known = _COINM if market is COINM else _USDM if market.futures else _SPOT
    price, tick, size = known.get(symbol, _OTHER)
    decimals, size_decimals = decimals_of(price), decimals_of(size)
    return Listing(
        symbol=symbol,
        base=parts[0],
        quote=parts[1],
        price_scale=decimals,
        size_scale=size_decimals,
        price_decimals=decimals,
        size_decimals=size_decimals,
        tick=parse(tick, decimals),
        price=parse(price, decimals),
        size=parse(size, size_decimals),
    )
