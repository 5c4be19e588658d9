"""REST of the Binance emulator: ping, time, exchangeInfo, depth, ticker/bookTicker, and the history.

Source: ``rest-api.md``, ``errors.md``, read 2026-11-21; keys as in recordings. Every answer tells the weight
used in the present minute. Over the budget the answer is 429, after some of those a ban: 418 until it is
over, both with ``Retry-After``. A snapshot may be a copy from before (the venue's cache lags).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

import attrs
import msgspec

from mm_binance import emulator_history
from mm_binance.emulator_frames import SNAPSHOT_LEVELS, SymbolFrames
from mm_binance.emulator_query import Refusal, count_of
from mm_binance.emulator_settings import BinanceEmulatorSettings
from mm_binance.markets import Market
from mm_framework.contracts.emulator import HttpReply, Level, Listing, MarketView, VenueClock

__all__ = ["Rest", "Weights"]

_Past: TypeAlias = Callable[[SymbolFrames, Mapping[str, str]], list[dict[str, Any]]]
"""An endpoint of `emulator_history`."""

_SECOND: Final = 1_000_000_000
_MINUTE: Final = 60 * _SECOND
_MS: Final = 1_000_000
_WEIGHTS: Final = {
    "ping": 1, "time": 1, "exchangeInfo": 20, "trades": 25, "historicalTrades": 25, "aggTrades": 4,
    "ticker/bookTicker": 2,
}  # fmt: skip
_FUTURES_WEIGHTS: Final = _WEIGHTS | {"trades": 5, "historicalTrades": 20, "aggTrades": 20}


_HTML: Final = (("Content-Type", "text/html"),)
_BUSY: Final = {"code": -1008, "msg": "Server is currently overloaded with other requests. Please try again."}
_REFUSALS: Final = {
    429: (
        "Too much request weight used; current limit is {limit} request weight per 1 MINUTE. Please use"
        " WebSocket Streams for live updates to avoid polling the API."
    ),
    418: (
        "Way too much request weight used; IP banned until {until}. Please use WebSocket Streams for live"
        " updates to avoid bans."
    ),
}


class Weights:
    """The count of weight of all clients together, by whole minutes of market time.

    ``refused``: answers with 429 and 418 so far; ``peak``: the most of one minute.
    """

    def __init__(self, limit: int, settings: BinanceEmulatorSettings) -> None:
        self.limit, self.used, self.refused = limit, 0, {429: 0, 418: 0}
        self.peak = 0
        self._settings = settings
        self._minute = self._over = self._bans = self._until_ns = 0
        self._planned_ns = round(settings.ban_at_s * _SECOND)

    def take(self, weight: int, now_ns: int) -> tuple[int, int]:
        """``(status, seconds to wait)`` of a request: 200 and 0 unless it is refused."""
        if now_ns // _MINUTE != self._minute:
            self._minute, self.used, self._over = now_ns // _MINUTE, 0, 0
        if self._planned_ns and now_ns >= self._planned_ns:
            self._planned_ns = 0
            self._ban(now_ns)
        if now_ns < self._until_ns:
            return self._refuse(418, self._until_ns - now_ns)
        self.used += weight
        self.peak = max(self.peak, self.used)
        if self.used <= self.limit:
            return 200, 0
        self._over += 1
        if self._over >= self._settings.ban_after:
            self._ban(now_ns)
            return self._refuse(418, self._until_ns - now_ns)
        return self._refuse(429, _MINUTE - now_ns % _MINUTE)

    def _ban(self, now_ns: int) -> None:
        self._until_ns = now_ns + round(self._settings.ban_s * _SECOND) * 2**self._bans
        self._bans = min(self._bans + 1, 10)

    def _refuse(self, status: int, wait_ns: int) -> tuple[int, int]:
        self.refused[status] += 1
        return status, -(-wait_ns // _SECOND)


@attrs.frozen
class _Copy:
    taken_ns: int
    number: int
    bids: Sequence[Level]
    asks: Sequence[Level]


class Rest:
    """Answers requests."""

    def __init__(
        self,
        market: Market,
        settings: BinanceEmulatorSettings,
        view: MarketView,
        clock: VenueClock,
        frames: Mapping[str, SymbolFrames],
    ) -> None:
        self.weights = Weights(settings.weight or market.rest_weight, settings)
        self._market, self._settings, self._view = market, settings, view
        self._clock, self._frames = clock, frames
        self._prefix = urlsplit(market.rest_url).path + "/"
        self._copies: dict[str, _Copy] = {}
        self._answers: dict[str, Callable[[Mapping[str, str], int], Any]] = {
            "ping": lambda query, now_ns: {},
            "time": lambda query, now_ns: {"serverTime": self._ms(now_ns)},
            "exchangeInfo": self._exchange_info,
            "depth": self._depth,
            "trades": self._past(emulator_history.trades),
            "historicalTrades": self._past(emulator_history.historical_trades),
            "aggTrades": self._past(emulator_history.agg_trades),
            "klines": self._klines,
            "ticker/bookTicker": self._ticker,
        }

    def answer(self, method: str, path: str, query: Mapping[str, str], now_ns: int) -> HttpReply:
        """The reply to a request."""
        name = path.removeprefix(self._prefix) if path.startswith(self._prefix) else ""
        status, wait_s = self.weights.take(self._weight(name, query), now_ns)
        if status != 200:
            return self.refusal(status, wait_s, now_ns)
        headers = self._headers()
        if method != "GET" or name not in self._answers:
            return HttpReply(404, b"<html><body><h2>404 Not found</h2></body></html>", _HTML)
        try:
            found = self._answers[name](query, now_ns)
        except Refusal as error:
            return HttpReply(400, msgspec.json.encode(error.body), tuple(headers))
        body = found if isinstance(found, bytes) else msgspec.json.encode(found)
        return HttpReply(200, body, tuple(headers))

    def refusal(self, status: int, wait_s: int, now_ns: int) -> HttpReply:
        """The answer to a request that is refused: over the budget (429), banned (418), or a failure."""
        if status not in _REFUSALS:
            return HttpReply(status, msgspec.json.encode(_BUSY), (*self._headers(),))
        told = _REFUSALS[status].format(limit=self.weights.limit, until=self._ms(now_ns + wait_s * _SECOND))
        refusal = msgspec.json.encode({"code": -1003, "msg": told})
        return HttpReply(status, refusal, (*self._headers(), ("Retry-After", str(wait_s))))

    def _headers(self) -> list[tuple[str, str]]:
        used = [(f"X-MBX-USED-WEIGHT{unit}", str(self.weights.used)) for unit in ("", "-1M")]
        return [("Content-Type", "application/json;charset=UTF-8"), *used]

    def _weight(self, name: str, query: Mapping[str, str]) -> int:
        if name == "depth":
            limit = query.get("limit", "100")
            return self._market.weight(int(limit)) if limit.isdecimal() else 1
        if name == "klines":
            return emulator_history.kline_weight(query, futures=self._market.futures)
        return (_FUTURES_WEIGHTS if self._market.futures else _WEIGHTS).get(name, 1)

    # --- market data

    def _depth(self, query: Mapping[str, str], now_ns: int) -> bytes:
        frames = self._instrument(query)
        limit = count_of(query, 100, self._market.weights[-1][0])
        copy = self._copies.get(frames.symbol)
        if copy is None or now_ns - copy.taken_ns >= self._settings.snapshot_lag_ms * _MS:
            bids, asks = (side(frames.symbol, SNAPSHOT_LEVELS) for side in (self._view.bids, self._view.asks))
            copy = self._copies[frames.symbol] = _Copy(now_ns, frames.number, bids, asks)
        return frames.snapshot(copy.bids[:limit], copy.asks[:limit], copy.number, copy.taken_ns)

    def _past(self, rows: _Past) -> Callable[[Mapping[str, str], int], Any]:
        return lambda query, now_ns: rows(self._instrument(query), query)

    def _klines(self, query: Mapping[str, str], now_ns: int) -> list[list[Any]]:
        return emulator_history.klines(self._instrument(query), query, self._ms(now_ns))

    def _ticker(self, query: Mapping[str, str], now_ns: int) -> dict[str, Any]:
        frames = self._instrument(query)
        (bid, bid_size), (ask, ask_size) = (
            side(frames.symbol, 1)[0] for side in (self._view.bids, self._view.asks)
        )
        return {
            "symbol": frames.symbol,
            "bidPrice": frames.price(bid),
            "bidQty": frames.size(bid_size),
            "askPrice": frames.price(ask),
            "askQty": frames.size(ask_size),
        }

    # --- definitions

    def _exchange_info(self, query: Mapping[str, str], now_ns: int) -> dict[str, Any]:
        listings = list(self._view.listings.values())
        if "symbol" in query:
            listings = [self._instrument(query).listing]
        minute = {"interval": "MINUTE", "intervalNum": 1, "limit": self.weights.limit}
        limits = [{"rateLimitType": "REQUEST_WEIGHT", **minute}]
        describe = self._contract if self._market.futures else self._pair
        return {
            "timezone": "UTC",
            "serverTime": self._ms(now_ns),
            "rateLimits": limits,
            "exchangeFilters": [],
            "symbols": [describe(one) for one in listings],
        }

    def _pair(self, one: Listing) -> dict[str, Any]:
        return {
            "symbol": one.symbol,
            "status": "TRADING",
            "baseAsset": one.base,
            "baseAssetPrecision": 8,
            "quoteAsset": one.quote,
            "quotePrecision": 8,
            "quoteAssetPrecision": 8,
            "baseCommissionPrecision": 8,
            "quoteCommissionPrecision": 8,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"],
            "icebergAllowed": True,
            "ocoAllowed": True,
            "quoteOrderQtyMarketAllowed": True,
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "filters": self._filters(one),
            "permissions": ["SPOT"],
        }

    def _contract(self, one: Listing) -> dict[str, Any]:
        state = "contractStatus" if self._market.perpetual else "status"
        size = {"contractSize": self._frames[one.symbol].contract_size} if self._market.perpetual else {}
        return {
            "symbol": one.symbol,
            "pair": one.base + one.quote,
            "contractType": "PERPETUAL",
            state: "TRADING",
            "baseAsset": one.base,
            "quoteAsset": one.quote,
            "marginAsset": one.base if self._market.perpetual else one.quote,
            "pricePrecision": one.price_decimals,
            "quantityPrecision": one.size_decimals,
            **size,
            "filters": self._filters(one),
        }

    def _filters(self, one: Listing) -> list[dict[str, Any]]:
        frames = self._frames[one.symbol]
        tick, step = frames.price(one.tick), frames.size(1)
        most, lot, nothing = frames.price(one.price * 1000), frames.size(10**9), frames.size(0)
        return [
            {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": most, "tickSize": tick},
            {"filterType": "LOT_SIZE", "minQty": step, "maxQty": lot, "stepSize": step},
            {"filterType": "MARKET_LOT_SIZE", "minQty": nothing, "maxQty": lot, "stepSize": nothing},
        ]

    def _instrument(self, query: Mapping[str, str]) -> SymbolFrames:
        if not query.get("symbol"):
            raise Refusal(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
        frames = self._frames.get(query["symbol"])
        if frames is None:
            raise Refusal(-1121, "Invalid symbol.")
        return frames

    def _ms(self, at_ns: int) -> int:
        return self._clock(at_ns) // _MS
