"""Pairs that the Bitfinex emulator can list: a few with usual prices, any other with round ones.

Prices are invented and have five significant digits or more, zeros included. Amounts have 8 decimals.
"""

from __future__ import annotations

from typing import Final

from mm_bitfinex.names import split_pair, wire_symbol
from mm_bitfinex.ticks import tick
from mm_framework.contracts.emulator import Listing
from mm_framework.errors import ConfigError
from mm_framework.model.fixed import decimals_of, parse

__all__ = ["listing"]

SIZE_DECIMALS: Final = 8

# symbol: (price with all its decimals, usual order)
_KNOWN: Final = {
    "tBTCUSD": ("64210", "0.25"),
    "tBTCUST": ("64250", "0.1"),
    "tBTCF0:USTF0": ("64260", "0.5"),
    "tDOGUSD": ("278200", "0.05"),
    "tETHBTC": ("0.033400", "2"),
    "tETHUSD": ("3166.8", "4"),
    "tSHIB:BTC": ("0.00000064210", "50000"),
    "tTESTBTC:TESTUSD": ("60410", "0.5"),
    "tXRPBTC": ("0.000029960", "1200"),
    "tXRPUSD": ("1.9240", "1200"),
}
_OTHER: Final = ("300.00", "10")


def listing(symbol: str) -> Listing:
    """The pair of any of its names, such as ``tBTCUSD`` or ``BTC/USD``.

    Raises ConfigError when base and quote cannot be told from the name.
    """
    pair = split_pair(symbol)
    if pair is None:
        raise ConfigError(
            f"{symbol!r} is no pair of Bitfinex: expected its symbol, such as tBTCUSD or tAAVE:USD",
            key="symbol",
            value=symbol,
        )
    name = wire_symbol(symbol)
    price, size = _KNOWN.get(name, _OTHER)
    decimals = decimals_of(price)
    return Listing(
        symbol=name,
        base=pair[0],
        quote=pair[1],
        price_scale=decimals,
        size_scale=SIZE_DECIMALS,
        price_decimals=decimals,
        size_decimals=SIZE_DECIMALS,
        tick=tick(parse(price, decimals)),
        price=parse(price, decimals),
        size=parse(size, SIZE_DECIMALS),
    )
