"""REST of the Bitfinex emulator: ``/v2/`` platform/status, conf, ticker, tickers, book, and the history.

Source: docs.bitfinex.com, REST reference and "Requirements and limitations", read 2026-11-21. Errors are
``["error",code,"text"]`` with status 500; an endpoint that is asked too often is blocked for a minute
with status 429.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mm_bitfinex import emulator_history
from mm_bitfinex.emulator_frames import PairData
from mm_bitfinex.emulator_history import error
from mm_bitfinex.names import ALIASES
from mm_framework.contracts.emulator import HttpReply, Listing, MarketView
from mm_framework.model.frame import encode_json

__all__ = ["LIMITED", "MAINTAINED", "Rest"]

LIMITED: Final = HttpReply(429, b'{"error":"ERR_RATE_LIMIT"}')
MAINTAINED: Final = HttpReply(500, b'["error",20060,"maintenance"]')

_MINUTE: Final = 60_000_000_000
_PER_MINUTE: Final = {
    "platform": 30,
    "conf": 90,
    "ticker": 30,
    "tickers": 30,
    "book": 240,
    "trades": 15,
    "candles": 30,
}
_BOOK_LENGTHS: Final = ("1", "25", "100")


class Rest:
    """What the venue answers, and how often each endpoint was asked in the last minute."""

    def __init__(self, market: MarketView, pairs: Mapping[str, PairData]) -> None:
        self._market, self._pairs = market, pairs
        self._asked: dict[str, list[int]] = {}
        self._blocked_ns: dict[str, int] = {}

    def answer(self, method: str, path: str, query: Mapping[str, str], now_ns: int) -> HttpReply:
        """The reply to a request."""
        words = path.strip("/").split("/")
        if method != "GET" or words[0] != "v2" or len(words) < 2 or words[1] not in _PER_MINUTE:
            return HttpReply(404, b'["error",10010,"not found"]')
        endpoint, arguments = words[1], words[2:]
        if self._limited(endpoint, now_ns):
            return LIMITED
        body = self._body(endpoint, arguments, query)
        return HttpReply(500, body) if body.startswith(b'["error"') else HttpReply(200, body)

    def _limited(self, endpoint: str, now_ns: int) -> bool:
        if now_ns < self._blocked_ns.get(endpoint, 0):
            return True
        asked = [at for at in self._asked.get(endpoint, []) if at > now_ns - _MINUTE]
        self._asked[endpoint] = [*asked, now_ns]
        if len(asked) < _PER_MINUTE[endpoint]:
            return False
        self._blocked_ns[endpoint] = now_ns + _MINUTE
        return True

    def _body(self, endpoint: str, arguments: list[str], query: Mapping[str, str]) -> bytes:
        match endpoint, arguments:
            case "platform", ["status"]:
                return b"[1]"
            case "conf", [maps]:
                return self._conf(maps.split(","))
            case "tickers", []:
                return self._tickers(query.get("symbols", "ALL"))
            case "ticker", [symbol] if symbol in self._pairs:
                return self._pairs[symbol].ticker().encode()
            case "book", [symbol, "P0"] if symbol in self._pairs:
                length = query.get("len", "25")
                if length not in _BOOK_LENGTHS:
                    return error("len: invalid")
                return self._pairs[symbol].book_rows(int(length)).encode()
            case "trades", [symbol, "hist"] if symbol in self._pairs:
                return emulator_history.trades(self._pairs[symbol], query)
            case "candles", [key, "hist" | "last" as section]:
                return emulator_history.candles(self._pairs, key, section, query)
            case _:
                return error("symbol: invalid")

    def _conf(self, maps: list[str]) -> bytes:
        pairs = [symbol.removeprefix("t") for symbol in self._pairs]
        known = {
            "pub:list:pair:exchange": pairs,
            "pub:list:currency": sorted(
                {code for one in self._market.listings.values() for code in _codes(one)}
            ),
            "pub:map:currency:sym": [[code, ours] for code, ours in sorted(ALIASES.items())],
            "pub:info:pair": [[pair, _info()] for pair in pairs],
        }
        return encode_json([known.get(name, []) for name in maps])

    def _tickers(self, symbols: str) -> bytes:
        wanted = list(self._pairs) if symbols == "ALL" else symbols.split(",")
        rows = [f'["{name}",{self._pairs[name].ticker()[1:]}' for name in wanted if name in self._pairs]
        return f"[{','.join(rows)}]".encode()


def _codes(one: Listing) -> tuple[str, str]:
    wire = {ours: code for code, ours in ALIASES.items()}
    return wire.get(one.base, one.base), wire.get(one.quote, one.quote)


def _info() -> list[str | float | None]:
    """Least and greatest order, initial and least margin, in the places that the venue has for them."""
    return [None, None, None, "0.0001", "2000.0", None, None, None, 0.3, 0.15, None, None]
