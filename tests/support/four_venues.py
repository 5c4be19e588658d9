"""The venues of this repository, as tests of all of them take them."""

from __future__ import annotations

from functools import partial
from typing import Final

from mm_binance.adapter import BinanceAdapter
from mm_binance.emulator import BinanceDialect
from mm_binance.markets import SPOT, USDM, Market
from mm_binance.normalizer import BinanceNormalizer
from mm_binance.sync import rules_of
from mm_bitfinex.adapter import BitfinexAdapter
from mm_bitfinex.emulator import BitfinexDialect
from mm_bitfinex.normalizer import BitfinexNormalizer
from mm_bitfinex.sync import RULES as BITFINEX_RULES
from mm_framework.testing.simulation import Venue
from mm_kraken.adapter import KrakenAdapter
from mm_kraken.emulator import KrakenDialect
from mm_kraken.normalizer import KrakenNormalizer
from mm_kraken.sync import RULES as KRAKEN_RULES
from mm_polymarket.adapter import PolymarketAdapter
from mm_polymarket.emulator import PolymarketDialect
from mm_polymarket.emulator_listings import TOKENS
from mm_polymarket.normalizer import PolymarketNormalizer
from mm_polymarket.sync import RULES as POLYMARKET_RULES

__all__ = ["VENUES"]


def _binance(market: Market, *instruments: str) -> Venue:
    return Venue(
        partial(BinanceAdapter, market),
        partial(BinanceNormalizer, market),
        rules_of(market),
        instruments,
        partial(BinanceDialect, market),
    )


VENUES: Final[dict[str, Venue]] = {
    "kraken": Venue(
        KrakenAdapter, KrakenNormalizer, KRAKEN_RULES, ("kraken:BTC/EUR", "kraken:MINA/GBP"), KrakenDialect
    ),
    "binance": _binance(SPOT, "binance:BTC/USDT", "binance:ETH/USDT"),
    "binance-usdm": _binance(USDM, "binance-usdm:BTC/USDT:PERP", "binance-usdm:ETH/USDT:PERP"),
    "bitfinex": Venue(
        BitfinexAdapter,
        BitfinexNormalizer,
        BITFINEX_RULES,
        ("bitfinex:BTC/USD", "bitfinex:ETH/USD"),
        BitfinexDialect,
    ),
    "polymarket": Venue(
        PolymarketAdapter,
        PolymarketNormalizer,
        POLYMARKET_RULES,
        tuple(f"polymarket:{token}" for token in TOKENS[:2]),
        PolymarketDialect,
    ),
}
