"""The four venues of this repository with connections that grow old quickly."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import attrs

from mm_framework.contracts.adapter import Adapter
from mm_framework.testing.simulation import Venue

__all__ = ["VENUES", "aging"]


def _kraken() -> Venue:
    from mm_kraken.adapter import KrakenAdapter
    from mm_kraken.emulator import KrakenDialect
    from mm_kraken.normalizer import KrakenNormalizer
    from mm_kraken.sync import RULES

    instruments = ("kraken:BTC/EUR", "kraken:MINA/GBP")
    return Venue(KrakenAdapter, KrakenNormalizer, RULES, instruments, KrakenDialect)


def _binance(name: str, *instruments: str) -> Venue:
    from mm_binance import markets
    from mm_binance.adapter import BinanceAdapter
    from mm_binance.emulator import BinanceDialect
    from mm_binance.normalizer import BinanceNormalizer
    from mm_binance.sync import rules_of

    market = getattr(markets, name)
    return Venue(
        partial(BinanceAdapter, market),
        partial(BinanceNormalizer, market),
        rules_of(market),
        instruments,
        partial(BinanceDialect, market),
    )


def _bitfinex() -> Venue:
    from mm_bitfinex.adapter import BitfinexAdapter
    from mm_bitfinex.emulator import BitfinexDialect
    from mm_bitfinex.normalizer import BitfinexNormalizer
    from mm_bitfinex.sync import RULES

    instruments = ("bitfinex:BTC/USD", "bitfinex:ETH/USD")
    return Venue(BitfinexAdapter, BitfinexNormalizer, RULES, instruments, BitfinexDialect)


def _polymarket() -> Venue:
    from mm_polymarket.adapter import PolymarketAdapter
    from mm_polymarket.emulator import PolymarketDialect
    from mm_polymarket.emulator_listings import TOKENS
    from mm_polymarket.normalizer import PolymarketNormalizer
    from mm_polymarket.sync import RULES

    instruments = tuple(f"polymarket:{token}" for token in TOKENS[:2])
    return Venue(PolymarketAdapter, PolymarketNormalizer, RULES, instruments, PolymarketDialect)


VENUES: dict[str, Callable[[], Venue]] = {
    "kraken": _kraken,
    "binance": partial(_binance, "SPOT", "binance:BTC/USDT", "binance:ETH/USDT"),
    "binance-usdm": partial(_binance, "USDM", "binance-usdm:BTC/USDT:PERP", "binance-usdm:ETH/USDT:PERP"),
    "bitfinex": _bitfinex,
    "polymarket": _polymarket,
}


def aging(venue: Venue, age_s: float) -> Venue:
    """The venue with connections that are replaced when they are so old."""

    def adapter() -> Adapter:
        made: Any = venue.adapter()
        made.limits = attrs.evolve(made.limits, max_age_s=age_s)
        result: Adapter = made
        return result

    return attrs.evolve(venue, adapter=adapter)
