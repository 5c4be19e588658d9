"""Pairs that the Kraken emulator can list: a few with their usual prices, any other with round ones.

Decimals of price and quantity are those of the venue's ``instrument`` channel for the pairs named
here (docs.kraken.com, WebSocket v2 ``instrument``, read 2026-11-21, and recordings); prices are
invented, near those of late 2026.
"""

from __future__ import annotations

from typing import Final

from mm_framework.contracts.emulator import Listing
from mm_framework.errors import ConfigError
from mm_framework.model.fixed import decimals_of, parse
from mm_kraken.names import split_pair

__all__ = ["listing"]

SIZE_DECIMALS: Final = 8

# symbol: (price with all its decimals, usual order)
_KNOWN: Final = {
    "ADA/EUR": ("0.452100", "2500"),
    "BTC/EUR": ("95000.0", "0.25"),
    "BTC/USD": ("109800.0", "0.25"),
    "BTC/USDT": ("109850.0", "0.1"),
    "DOGE/EUR": ("0.1482000", "8000"),
    "ETH/BTC": ("0.03340", "2"),
    "ETH/EUR": ("3175.00", "4"),
    "ETH/USD": ("3668.00", "4"),
    "MINA/GBP": ("0.0912", "2000"),
    "SOL/EUR": ("148.20", "40"),
    "XRP/EUR": ("1.92400", "1200"),
}
_OTHER: Final = ("100.00", "10")


def listing(symbol: str) -> Listing:
    """The pair of any of the venue's names, such as ``BTC/EUR`` or ``XBTEUR``.

    Raises ConfigError when base and quote cannot be told from the name.
    """
    pair = split_pair(symbol)
    if pair is None or not all(pair):
        raise ConfigError(
            f"{symbol!r} is no pair of Kraken: expected BASE/QUOTE, such as BTC/EUR",
            key="symbol",
            value=symbol,
        )
    base, quote = pair
    price, size = _KNOWN.get(f"{base}/{quote}", _OTHER)
    decimals = decimals_of(price)
    return Listing(
        symbol=f"{base}/{quote}",
        base=base,
        quote=quote,
        price_scale=decimals,
        size_scale=SIZE_DECIMALS,
        price_decimals=decimals,
        size_decimals=SIZE_DECIMALS,
        tick=1,
        price=parse(price, decimals),
        size=parse(size, SIZE_DECIMALS),
    )
