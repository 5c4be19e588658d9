"""REST history of the Binance emulator: trades, historicalTrades, aggTrades, klines.

Source: ``rest-api.md`` and the pages of USD-M and COIN-M futures, read 2026-11-21. Rows are oldest first.
With a begin (id or time, included) they go on from it, without one they are the last ones up to the end.
The venue shows what `emulator.history` keeps. Sizes of COIN-M are contracts: beside them its trades and
bars tell their worth in the base, where other markets tell the quote. Bars without trades are flat, and in
UTC (``timeZone`` is not read).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from mm_binance.emulator_frames import SymbolFrames
from mm_binance.emulator_query import Refusal, count_of, whole
from mm_framework.emulator.history import Candle, Period, Told, unbroken

__all__ = ["agg_trades", "historical_trades", "kline_weight", "klines", "trades"]

_SECOND: Final = 1000
_MINUTE, _HOUR, _DAY = 60 * _SECOND, 3600 * _SECOND, 86_400 * _SECOND
_MONDAY: Final = 4 * _DAY  # the epoch was a Thursday
_PERIODS: Final = {
    "1s": Period(_SECOND),
    **{f"{count}m": Period(count * _MINUTE) for count in (1, 3, 5, 15, 30)},
    **{f"{count}h": Period(count * _HOUR) for count in (1, 2, 4, 6, 8, 12)},
    **{f"{count}d": Period(count * _DAY) for count in (1, 3)},
    "1w": Period(7 * _DAY, _MONDAY),
    "1M": Period(0),
}
_FUTURES_KLINES: Final = ((99, 1), (499, 2), (1000, 5), (1500, 10))

_Row = TypeVar("_Row")


def trades(frames: SymbolFrames, query: Mapping[str, str]) -> list[dict[str, Any]]:
    """The last trades."""
    return [_trade(frames, told) for told in list(frames.history.trades)[-count_of(query, 500, 1000) :]]


def historical_trades(frames: SymbolFrames, query: Mapping[str, str]) -> list[dict[str, Any]]:
    """Trades from ``fromId`` on, or the last ones."""
    count = count_of(query, *((100, 500) if frames.futures else (500, 1000)))
    found = _page(frames.history.trades, whole(query, "fromId"), None, count, lambda told: told.made.trade_id)
    return [_trade(frames, told) for told in found]


def agg_trades(frames: SymbolFrames, query: Mapping[str, str]) -> list[dict[str, Any]]:
    """Aggregated trades from ``fromId`` on, or between two times, or the last ones."""
    count = count_of(query, 500, 1000)
    first, start, end = (whole(query, name) for name in ("fromId", "startTime", "endTime"))
    if first is not None and (start is not None or end is not None):
        raise Refusal(-1128, "Combination of optional parameters invalid.")
    if frames.futures and start is not None and end is not None and end - start >= _HOUR:
        raise Refusal(-1127, "More than 1 hours between startTime and endTime.")
    if first is not None:
        found = _page(frames.aggregates, first, None, count, lambda one: one.number)
    else:
        found = _page(frames.aggregates, start, end, count, lambda one: one.time_ms)
    rows = [
        {
            "a": one.number,
            "p": frames.price(one.prints[0].price),
            "q": frames.size(sum(made.size for made in one.prints)),
            "f": one.prints[0].trade_id,
            "l": one.prints[-1].trade_id,
            "T": one.time_ms,
            "m": one.prints[0].side < 0,
        }
        for one in found
    ]
    return rows if frames.futures else [{**row, "M": True} for row in rows]


def klines(frames: SymbolFrames, query: Mapping[str, str], now_ms: int) -> list[list[Any]]:
    """Bars whose begin lies between two times, the running one included."""
    if not query.get("interval"):
        raise Refusal(-1102, "Mandatory parameter 'interval' was not sent, was empty/null, or malformed.")
    period = _PERIODS.get(query["interval"])
    if period is None or (frames.futures and query["interval"] == "1s"):
        raise Refusal(-1120, "Invalid interval.")
    count = count_of(query, 500, 1500 if frames.futures else 1000)
    bars = unbroken(frames.history.candles(period), period, now_ms)
    begin, end = whole(query, "startTime"), whole(query, "endTime")
    found = _page(bars, begin, end, count, lambda bar: bar.open_ms)
    return [_kline(frames, bar, period.next_ms(bar.open_ms) - 1) for bar in found]


def kline_weight(query: Mapping[str, str], *, futures: bool) -> int:
    """The weight of a request of bars: of futures by their number."""
    written = query.get("limit", "500")
    if not futures or not written.isdecimal():
        return 2
    return next((weight for most, weight in _FUTURES_KLINES if int(written) <= most), 10)


def _page(
    rows: Sequence[_Row], first: int | None, last: int | None, count: int, key: Callable[[_Row], int]
) -> list[_Row]:
    """At most ``count`` rows whose key lies between the two, both included."""
    found = [
        row for row in rows if (first is None or key(row) >= first) and (last is None or key(row) <= last)
    ]
    return found[-count:] if first is None else found[:count]


def _trade(frames: SymbolFrames, told: Told) -> dict[str, Any]:
    made = told.made
    row = {
        "id": made.trade_id,
        "price": frames.price(made.price),
        "qty": frames.size(made.size),
        "baseQty" if frames.inverse else "quoteQty": frames.notional(frames.worth(made)),
        "time": told.time_ms,
        "isBuyerMaker": made.side < 0,
    }
    return row if frames.futures else {**row, "isBestMatch": True}


def _kline(frames: SymbolFrames, bar: Candle, close_ms: int) -> list[Any]:
    prices = [frames.price(price) for price in (bar.open, bar.high, bar.low, bar.close)]
    taken = [frames.size(bar.bought), frames.notional(bar.bought_notional)]
    volumes = [frames.size(bar.size), close_ms, frames.notional(bar.notional), bar.trades]
    return [bar.open_ms, *prices, *volumes, *taken, "0"]
