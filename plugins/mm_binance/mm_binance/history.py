"""The past over REST: ``klines`` gives candles; spot tells every trade, futures aggregated ones.

    [[1499040000000,"0.0163","0.8000","0.0157","0.0158","148976.1",1499644799999,"2434.1",308,"1756.8","28.4","0"],...]
    [{"id":28457,"price":"4.0","qty":"12.0","quoteQty":"48.0","time":1499865549590,"isBuyerMaker":true},...]
    [{"a":26129,"p":"0.0163","q":"4.7","f":27781,"l":27781,"T":1498793709153,"m":true,"M":true},...]

Source: ``rest-api.md`` and the pages of USD-M and COIN-M futures, read 2026-11-21. Many trades share a
millisecond, so pages go by number: the first number is that of the first aggregated trade of an hour.
Futures record ``aggTrade``, and so their history is of the same numbers.
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from mm_binance.markets import Market
from mm_framework.contracts.adapter import HttpRequest
from mm_framework.contracts.history import INTERVALS_MS, Candle, HistoryPage, HistoryQuery, PastTrade
from mm_framework.errors import MalformedFrame, VenueRefused

__all__ = ["PAGE", "begin", "intervals", "read", "request"]

PAGE: Final = 1000

_HOUR_MS: Final = 3_600_000
_NOT_HERE: Final = frozenset({"3h", "7d"})
"""Its weeks begin on Mondays, ours on Thursdays."""


class _Error(msgspec.Struct):
    code: int
    msg: str = "no reason given"


class _Trade(msgspec.Struct):
    id: int
    price: str
    qty: str
    time: int
    isBuyerMaker: bool


class _Aggregate(msgspec.Struct):
    a: int
    p: str
    q: str
    f: int
    T: int
    m: bool


_errors: Final = msgspec.json.Decoder(_Error)
_bars: Final = msgspec.json.Decoder(list[tuple[int, str, str, str, str, str, int, str, int, str, str, str]])
_trades: Final = msgspec.json.Decoder(list[_Trade])
_aggregates: Final = msgspec.json.Decoder(list[_Aggregate])


def intervals(market: Market) -> tuple[str, ...]:
    """The candles of a market."""
    without = _NOT_HERE | ({"1s"} if market.futures else set())
    return tuple(one for one in INTERVALS_MS if one not in without)


def begin(query: HistoryQuery) -> str:
    """Candles from a time on; trades: first the hour in which they begin."""
    return f"{'from' if query.kind == 'candles' else 'hour'}:{query.from_ms}"


def request(
    market: Market, rest_url: str, symbol: str, query: HistoryQuery, cursor: str, page: int
) -> HttpRequest:
    """The request for a page."""
    how, _, at = cursor.partition(":")
    match how:
        case "from":
            asked: dict[str, Any] = {
                "interval": query.interval,
                "startTime": at,
                "endTime": query.to_ms - 1,
            }
            path, weight = "klines", 5 if market.futures else 2
        case "hour":
            asked = {"startTime": at, "endTime": _hour_end(query, int(at))}
            path, weight = "aggTrades", 20 if market.futures else 4
        case "aggregate":
            asked = {"fromId": at}
            path, weight = "aggTrades", 20 if market.futures else 4
        case _:
            asked = {"fromId": at}
            path, weight = "historicalTrades", 25
    limit = 1 if how == "hour" else page
    url = f"{rest_url}/{path}?{urlencode({'symbol': symbol, **asked, 'limit': limit})}"
    return HttpRequest(url, query.kind, weight=weight, instrument=query.instrument)


def read(market: Market, query: HistoryQuery, cursor: str, body: bytes, page: int) -> HistoryPage:
    """Read an answer. Raises MalformedFrame and VenueRefused."""
    how, _, at = cursor.partition(":")
    if body.lstrip()[:1] == b"{":
        _refused(market, query, body)
    try:
        match how:
            case "from":
                return _candles(query, body, page)
            case "hour":
                return _hour(market, query, int(at), _aggregates.decode(body))
            case "aggregate":
                told = _aggregates.decode(body)
                trades = [_past(one.a, one.T, one.p, one.q, one.m) for one in told]
                return _page(query, trades, f"aggregate:{told[-1].a + 1}" if told else "", page)
            case _:
                made = _trades.decode(body)
                trades = [_past(one.id, one.time, one.price, one.qty, one.isBuyerMaker) for one in made]
                return _page(query, trades, f"id:{made[-1].id + 1}" if made else "", page)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedFrame(
            f"{market.venue} answered with no {query.kind}: {error}", venue=market.venue
        ) from error


def _refused(market: Market, query: HistoryQuery, body: bytes) -> None:
    try:
        error = _errors.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    raise VenueRefused(f"{market.venue} refused {query.kind}: {error.msg} ({error.code})", venue=market.venue)


def _candles(query: HistoryQuery, body: bytes, page: int) -> HistoryPage:
    candles = tuple(Candle(*row[:6]) for row in _bars.decode(body))
    following = candles[-1].ts_ms + 1 if len(candles) == page else query.to_ms
    return HistoryPage(candles=candles, cursor=f"from:{following}" if following < query.to_ms else None)


def _hour(market: Market, query: HistoryQuery, at_ms: int, found: list[_Aggregate]) -> HistoryPage:
    """Where the trades begin: here, or in a later hour."""
    if found:
        first = found[0]
        return HistoryPage(cursor=f"aggregate:{first.a}" if market.futures else f"id:{first.f}")
    following = _hour_end(query, at_ms) + 1
    return HistoryPage(cursor=f"hour:{following}" if following < query.to_ms else None)


def _hour_end(query: HistoryQuery, at_ms: int) -> int:
    return min(at_ms + _HOUR_MS, query.to_ms) - 1


def _past(number: int, time_ms: int, price: str, size: str, sold: bool) -> PastTrade:
    return PastTrade(time_ms * 1_000_000, str(number), price, size, "sell" if sold else "buy")


def _page(query: HistoryQuery, trades: list[PastTrade], following: str, page: int) -> HistoryPage:
    over = len(trades) < page or trades[-1].ts_ns >= query.to_ms * 1_000_000
    return HistoryPage(trades=tuple(trades), cursor=None if over else following)
