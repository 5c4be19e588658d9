"""Names of instruments: the venue's ``BTCUSDT``, ours ``binance:BTC/USDT``; streams ``btcusdt@depth@100ms``.

Contracts: ``BTCUSDT`` of USD-M and ``BTCUSD_PERP`` of COIN-M are ``binance-usdm:BTC/USDT:PERP`` and
``binance-coinm:BTC/USD:PERP``; ``BTCUSDT_210625`` is ``binance-usdm:BTC/USDT:210625``.

The venue writes no border between base and quote. It is found where exactly one of the market's
currencies fits at the end, and is right then for all 1,695 names of an ``exchangeInfo`` of 2021-10-12;
else the name stays whole, such as BNBUSD of Binance.US, where BUSD was a currency, too.
"""

from __future__ import annotations

import re
from typing import Final

from mm_binance.markets import Market
from mm_framework.errors import ConfigError
from mm_framework.model.instrument import parse_id

__all__ = ["PARTIAL", "channel_of", "instrument_id", "split", "stream_name", "venue_symbol", "wire_name"]

PARTIAL: Final = re.compile(r"([^@]+)@(depth(?:5|10|20))(?:@[0-9]+ms)?")
"""A stream of the best levels only: ``btcusdt@depth20@100ms``."""

_STREAM: Final = re.compile(r"([^@!][^@]*)@([A-Za-z]+)(?:@([0-9]+)ms)?")


def wire_name(market: Market, name: str) -> str:
    """The venue's name of an instrument in any spelling, ours without the venue included: ``BTCUSDT``."""
    pair, _, contract = name.upper().replace("/", "").partition(":")
    if not contract:
        return pair
    return pair + (market.perpetual or "" if contract == "PERP" else f"_{contract}")


def instrument_id(market: Market, name: str) -> str:
    """``binance:BTC/USDT`` of the venue's name in any spelling."""
    symbol = wire_name(market, name)
    pair, _, contract = symbol.partition("_")
    parts = split(market, symbol)
    shown = "/".join(parts) if parts else pair
    if market.perpetual is not None:
        return f"{market.venue}:{shown}:{contract or 'PERP'}"
    return f"{market.venue}:{'/'.join(parts) if parts else symbol}"


def venue_symbol(market: Market, instrument: str) -> str:
    """``BTCUSDT`` of ``binance:BTC/USDT``. Raises ConfigError for another venue's id."""
    venue, name = parse_id(instrument)
    if venue != market.venue:
        raise ConfigError(
            f"instrument {instrument!r} is not of venue {market.venue}", key="instrument", value=instrument
        )
    return wire_name(market, name)


def split(market: Market, symbol: str) -> tuple[str, str] | None:
    """``("BTC", "USDT")``, None where the name does not tell."""
    pair = symbol.partition("_")[0] if market.futures else symbol
    fits = [quote for quote in market.quotes if pair.endswith(quote) and len(pair) > len(quote)]
    return (pair[: -len(fits[0])], fits[0]) if len(fits) == 1 else None


def stream_name(symbol: str, channel: str, depth_ms: int | None = None) -> str:
    """``btcusdt@depth@100ms``; without ``depth_ms`` the bare name."""
    name = f"{symbol.lower()}@{channel}"
    return name if depth_ms is None else f"{name}@{depth_ms}ms"


def channel_of(stream: str) -> tuple[str, str] | None:
    """``("depth", "BTCUSDT")`` of a stream's name, None for one of all instruments or an odd name."""
    match = PARTIAL.fullmatch(stream)
    if match is None:
        match = _STREAM.fullmatch(stream)
    return None if match is None else (match[2], match[1].upper())
