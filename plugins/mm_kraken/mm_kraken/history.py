"""The past over REST: ``OHLC`` gives candles, ``Trades`` trades.

    {"error":[],"result":{"XXBTZUSD":[[1762808700,"1.0","1.2","0.9","1.1","1.05","12.5",7],...],"last":1762808640}}
    {"error":[],"result":{"XXBTZUSD":[["1.0","0.5",1762808701.1234567,"b","l","",4711],...],"last":"1762808701123456789"}}

Source: docs.kraken.com, REST ``OHLC`` and ``Trades``, read 2026-11-21. Only the last 720 candles are told,
the running one among them, and those without trades, too. Trades go on from ``last``, whether or not it is
included: a trade that comes twice has the same number.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from mm_framework.contracts.adapter import HttpRequest
from mm_framework.contracts.history import Candle, HistoryPage, HistoryQuery, PastTrade
from mm_framework.errors import MalformedFrame, VenueRefused
from mm_kraken.names import VENUE, rest_pair

__all__ = ["INTERVALS", "PAGE", "begin", "read", "request"]

INTERVALS: Final = {"1m": 1, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "4h": 240, "1d": 1440, "7d": 10080}
"""Our words for the venue's minutes."""

PAGE: Final = 1000

_SIDES: Final = {"b": "buy", "s": "sell"}


class _Answer(msgspec.Struct):
    error: list[str] = []
    result: dict[str, msgspec.Raw] = {}


_Text = str
_answers: Final = msgspec.json.Decoder(_Answer)
_bars: Final = msgspec.json.Decoder(list[tuple[int, _Text, _Text, _Text, _Text, _Text, _Text, int]])
_trades: Final = msgspec.json.Decoder(list[tuple[_Text, _Text, Decimal, str, str, str, int]])
_last: Final = msgspec.json.Decoder(str)


def begin(query: HistoryQuery) -> str:
    """What ``since`` is for the first page: s of candles, ns of trades, just before the first wanted one."""
    if query.kind == "candles":
        return str(query.from_ms // 1000 - 1)
    return str(query.from_ms * 1_000_000 - 1)


def request(rest_url: str, symbol: str, query: HistoryQuery, cursor: str, page: int) -> HttpRequest:
    """The request for a page. ``symbol``: the WebSocket name."""
    asked: dict[str, Any] = {"pair": rest_pair(symbol), "since": cursor}
    if query.kind == "candles":
        asked["interval"] = INTERVALS[query.interval]
        url = f"{rest_url}/0/public/OHLC?{urlencode(asked)}"
    else:
        url = f"{rest_url}/0/public/Trades?{urlencode({**asked, 'count': page})}"
    return HttpRequest(url, query.kind, instrument=query.instrument)


def read(query: HistoryQuery, cursor: str, body: bytes, page: int) -> HistoryPage:
    """Read an answer. Raises MalformedFrame and VenueRefused."""
    try:
        answer = _answers.decode(body)
        if answer.error:
            raise VenueRefused(f"{VENUE} refused {query.kind}: {'; '.join(answer.error)}", venue=VENUE)
        last = answer.result.pop("last")
        (rows,) = answer.result.values()
        if query.kind == "candles":
            return HistoryPage(candles=tuple(_candle(*row) for row in _bars.decode(rows)))
        trades = tuple(_trade(*row) for row in _trades.decode(rows))
        following = _last.decode(last)
    except (msgspec.DecodeError, UnicodeDecodeError, KeyError, ValueError) as error:
        raise MalformedFrame(f"{VENUE} answered with no {query.kind}: {error}", venue=VENUE) from error
    beyond = bool(trades) and trades[-1].ts_ns >= query.to_ms * 1_000_000
    return HistoryPage(
        trades=trades, cursor=None if len(trades) < page or beyond or following == cursor else following
    )


def _candle(
    at_s: int, first: str, high: str, low: str, last: str, mean: str, size: str, count: int
) -> Candle:
    return Candle(at_s * 1000, first, high, low, last, size)


def _trade(price: str, size: str, at_s: Decimal, side: str, kind: str, more: str, number: int) -> PastTrade:
    return PastTrade(int(at_s.scaleb(9)), str(number), price, size, _SIDES.get(side, ""))
