"""The past over REST: ``candles/trade:1m:tBTCUSD/hist`` and ``trades/tBTCUSD/hist``.

    [[1678465320000,19999,20003,20005,19998,0.0123],...]        ms, open, CLOSE, high, low, volume
    [[388063448,1567526214876,1.918524,10682],...]              id, ms, amount (negative: sold), price

Source: docs.bitfinex.com, REST reference, "Candles" and "Trades", read 2026-11-21. Candles without trades
are missing. There is no cursor: a page of trades goes on from the last stamp, whose trades come again.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final
from urllib.parse import urlencode

import msgspec

from mm_bitfinex.names import VENUE
from mm_framework.contracts.adapter import HttpRequest
from mm_framework.contracts.history import Candle, HistoryPage, HistoryQuery, PastTrade
from mm_framework.errors import MalformedFrame, VenueRefused

__all__ = ["INTERVALS", "PAGE", "begin", "read", "request"]

INTERVALS: Final = {
    **{word: word for word in ("1m", "5m", "15m", "30m", "1h", "3h", "6h", "12h")},
    "1d": "1D",
}
"""Our words for the venue's."""

PAGE: Final = 10_000

_bars: Final = msgspec.json.Decoder(list[tuple[int, Decimal, Decimal, Decimal, Decimal, Decimal]])
_trades: Final = msgspec.json.Decoder(list[tuple[int, int, Decimal, Decimal]])


def begin(query: HistoryQuery) -> str:
    """The first ``start``."""
    return str(query.from_ms)


def request(rest_url: str, symbol: str, query: HistoryQuery, cursor: str, page: int) -> HttpRequest:
    """The request for a page, oldest first."""
    asked = urlencode({"sort": 1, "start": cursor, "end": query.to_ms - 1, "limit": page})
    if query.kind == "candles":
        path = f"candles/trade:{INTERVALS[query.interval]}:{symbol}/hist"
    else:
        path = f"trades/{symbol}/hist"
    return HttpRequest(f"{rest_url}/{path}?{asked}", query.kind, instrument=query.instrument)


def read(query: HistoryQuery, cursor: str, body: bytes, page: int) -> HistoryPage:
    """Read an answer. Raises MalformedFrame and VenueRefused."""
    try:
        _refused(query, body)
        if query.kind == "candles":
            bars = _bars.decode(body)
            candles = tuple(_candle(*row) for row in bars)
            return HistoryPage(candles=candles, cursor=str(bars[-1][0] + 1) if len(bars) == page else None)
        rows = _trades.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedFrame(f"{VENUE} answered with no {query.kind}: {error}", venue=VENUE) from error
    trades = tuple(_trade(*row) for row in rows)
    if len(rows) < page:
        return HistoryPage(trades=trades)
    following = rows[-1][1]
    if str(following) == cursor:
        raise MalformedFrame(
            f"{VENUE} has {page} trades or more in one millisecond ({following}), and tells no more at once",
            venue=VENUE,
        )
    return HistoryPage(trades=trades, cursor=str(following))


def _refused(query: HistoryQuery, body: bytes) -> None:
    match msgspec.json.decode(body):
        case ["error", int(code), str(text), *_]:
            raise VenueRefused(f"{VENUE} refused {query.kind}: {text} ({code})", venue=VENUE)
        case {"error": str(text)}:
            raise VenueRefused(f"{VENUE} refused {query.kind}: {text}", venue=VENUE)


def _candle(at_ms: int, first: Decimal, last: Decimal, high: Decimal, low: Decimal, size: Decimal) -> Candle:
    return Candle(at_ms, *(f"{one:f}" for one in (first, high, low, last, size)))


def _trade(number: int, at_ms: int, amount: Decimal, price: Decimal) -> PastTrade:
    side = "buy" if amount > 0 else "sell"
    return PastTrade(at_ms * 1_000_000, str(number), f"{price:f}", f"{abs(amount):f}", side)
