"""REST of the Kraken emulator: ``/0/public/`` SystemStatus, Time, AssetPairs, Depth, OHLC and Trades.

Source: docs.kraken.com, REST reference, read 2026-11-21; spelling as in recordings (escaped slashes,
prices with at least 5 decimals and volumes with 3 in Depth). Errors come with HTTP 200 and a
non-empty ``error`` list.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, Final

import msgspec

from mm_framework.contracts.emulator import HttpReply, Level, Listing, MarketView, VenueClock
from mm_framework.model.fixed import text
from mm_kraken.emulator_frames import decimal

__all__ = ["answer", "refusal"]

_SECOND: Final = 1_000_000_000
_PREFIX: Final = "/0/public/"
_DEPTH_MAX: Final = 500
_ALIASES: Final = {"BTC": "XBT", "DOGE": "XDG"}
_OLD_COINS: Final = frozenset(["ETC", "ETH", "LTC", "MLN", "REP", "XBT", "XDG", "XLM", "XMR", "XRP", "ZEC"])
_OLD_MONEY: Final = frozenset(["AUD", "CAD", "EUR", "GBP", "JPY", "USD"])

# Pairs of two old codes that came later, as in an answer of 2021-04-17.
_LATER_PAIRS: Final = frozenset([
    "AUDJPY", "AUDUSD", "ETHAUD", "EURAUD", "EURCAD", "EURGBP", "EURJPY", "LTCAUD", "LTCETH", "LTCGBP",
    "XBTAUD", "XDGEUR", "XDGUSD", "XRPAUD", "XRPETH", "XRPGBP",
])  # fmt: skip

# 30-day volume in USD, percent: docs.kraken.com, AssetPairs, November 2025.
_TAKER: Final = [
    [0, 0.4], [10000, 0.35], [50000, 0.24], [100000, 0.22], [250000, 0.2], [500000, 0.18],
    [1000000, 0.16], [2500000, 0.14], [5000000, 0.12], [10000000, 0.1],
]  # fmt: skip
_MAKER: Final = [
    [0, 0.25], [10000, 0.2], [50000, 0.14], [100000, 0.12], [250000, 0.1], [500000, 0.08],
    [1000000, 0.06], [2500000, 0.04], [5000000, 0.02], [10000000, 0],
]  # fmt: skip


def answer(
    market: MarketView, clock: VenueClock, method: str, path: str, query: Mapping[str, str], now_ns: int
) -> HttpReply:
    """The reply to a request."""
    wall_ns = clock(now_ns)
    match path.removeprefix(_PREFIX) if path.startswith(_PREFIX) and method == "GET" else "":
        case "SystemStatus":
            return _reply({"status": "online", "timestamp": f"{_utc(wall_ns):%Y-%m-%dT%H:%M:%SZ}"})
        case "Time":
            rfc1123 = f"{_utc(wall_ns):%a, %d %b %y %H:%M:%S +0000}"
            return _reply({"unixtime": wall_ns // _SECOND, "rfc1123": rfc1123})
        case "AssetPairs":
            return _asset_pairs(market, query)
        case "Depth":
            return _depth(market, query, wall_ns)
        case _:
            return _error("EGeneral:Unknown method")


def refusal(status: int, until_s: int) -> HttpReply:
    """A refused request has status 200 and says why; a failure is that of the server in front."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return _error("EAPI:Rate limit exceeded")
    if status == HTTPStatus.IM_A_TEAPOT:
        return _error(f"EService:Throttled:{until_s}")
    return HttpReply(
        status, b"<html><body>Service Unavailable</body></html>", (("Content-Type", "text/html"),)
    )


def _asset_pairs(market: MarketView, query: Mapping[str, str]) -> HttpReply:
    listings = list(market.listings.values())
    if "pair" in query:
        found = [_find(market, name) for name in query["pair"].split(",")]
        listings = [one for one in found if one is not None]
        if len(listings) < len(found):
            return _error("EQuery:Unknown asset pair")
    return _reply({_key(one): _pair(one) for one in listings})


def _depth(market: MarketView, query: Mapping[str, str], wall_ns: int) -> HttpReply:
    count = query.get("count", "100")
    if "pair" not in query or not count.isdecimal() or not 1 <= int(count) <= _DEPTH_MAX:
        return _error("EGeneral:Invalid arguments")
    one = _find(market, query["pair"])
    if one is None:
        return _error("EQuery:Unknown asset pair")
    second, levels = wall_ns // _SECOND, int(count)
    sides = {"asks": market.asks(one.symbol, levels), "bids": market.bids(one.symbol, levels)}
    return _reply({_key(one): {name: _levels(one, side, second) for name, side in sides.items()}})


def _levels(one: Listing, levels: list[Level], second: int) -> list[list[Any]]:
    """Prices are exact; volumes are rounded to 3 decimals, and never to nothing."""
    more = max(0, 5 - one.price_decimals)
    price_unit = 10 ** (one.price_scale - one.price_decimals)
    milli = 10 ** (one.size_scale - 3)
    return [
        [
            decimal(price // price_unit * 10**more, one.price_decimals + more),
            decimal(max(1, round(size / milli)), 3),
            second,
        ]
        for price, size in levels
    ]


def _find(market: MarketView, name: str) -> Listing | None:
    for one in market.listings.values():
        if name in (_key(one), _altname(one), _wsname(one)):
            return one
    return None


def _pair(one: Listing) -> dict[str, Any]:
    return {
        "altname": _altname(one),
        "wsname": _wsname(one),
        "aclass_base": "currency",
        "base": _asset(one.base),
        "aclass_quote": "currency",
        "quote": _asset(one.quote),
        "lot": "unit",
        "cost_decimals": one.price_decimals + 4,
        "pair_decimals": one.price_decimals,
        "lot_decimals": one.size_decimals,
        "lot_multiplier": 1,
        "leverage_buy": [],
        "leverage_sell": [],
        "fees": _TAKER,
        "fees_maker": _MAKER,
        "fee_volume_currency": "ZUSD",
        "margin_call": 80,
        "margin_stop": 40,
        "ordermin": "0.0001",
        "costmin": "0.5",
        "tick_size": text(one.tick, one.price_scale),
        "status": "online",
        "execution_venue": "international",
    }


def _code(code: str) -> str:
    return _ALIASES.get(code, code)


def _asset(code: str) -> str:
    """``XXBT`` of BTC, ``ZEUR`` of EUR: the letters of the venue's first years."""
    code = _code(code)
    return f"X{code}" if code in _OLD_COINS else f"Z{code}" if code in _OLD_MONEY else code


def _altname(one: Listing) -> str:
    return _code(one.base) + _code(one.quote)


def _wsname(one: Listing) -> str:
    return f"{_code(one.base)}/{_code(one.quote)}"


def _key(one: Listing) -> str:
    """Pairs of the first years have the long names as their key, later ones their altname."""
    base, quote, altname = _asset(one.base), _asset(one.quote), _altname(one)
    old = base != _code(one.base) and quote != _code(one.quote) and altname not in _LATER_PAIRS
    return base + quote if old or altname == "USDTUSD" else altname


def _utc(wall_ns: int) -> datetime:
    return datetime.fromtimestamp(wall_ns // _SECOND, UTC)


def _reply(result: object) -> HttpReply:
    body = msgspec.json.encode({"error": [], "result": result})
    return HttpReply(200, body.replace(b"/", b"\\/"))


def _error(message: str) -> HttpReply:
    return HttpReply(200, msgspec.json.encode({"error": [message]}))
