"""REST history of the Kraken emulator: ``OHLC`` and ``Trades``.

Source: docs.kraken.com, REST ``OHLC`` and ``Trades``, read 2026-11-21; spelling as in answers of 2025-11-10.
Candles: the last 720, those without trades flat, the running one last. Trades: the oldest after ``since`` (s,
or ns where the number is that large) first; ``last`` is the stamp of the last one, which no other trade has:
trades of one moment are told apart there by a ns each. The venue shows what `emulator.history` keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from mm_framework.contracts.emulator import HttpReply
from mm_framework.emulator.history import Candle, Period, unbroken
from mm_framework.model.frame import encode_json
from mm_kraken.emulator_frames import PairFrames, decimal
from mm_kraken.names import canonical

__all__ = ["PREFIXES", "answer"]

PREFIXES: Final = ("/0/public/OHLC", "/0/public/Trades")

CANDLES: Final = 720
_MINUTES: Final = (1, 5, 15, 30, 60, 240, 1440, 10080, 21600)
_MOST: Final = 1000
_SECOND: Final = 1_000_000_000
_NANOSECONDS: Final = 10**12  # a `since` that is no second of our time


def answer(pairs: Mapping[str, PairFrames], wall_ns: int, path: str, query: Mapping[str, str]) -> HttpReply:
    """The reply to a request of either kind."""
    pair = pairs.get(canonical(query.get("pair", "")))
    if pair is None:
        return _reply(["EQuery:Unknown asset pair"])
    since = query.get("since", "0")
    written = [since, query.get("count", str(_MOST)), query.get("interval", "1")]
    if not all(one.isascii() and one.isdecimal() and len(one) < 20 for one in written):
        return _reply(["EGeneral:Invalid arguments"])
    number, count, minutes = map(int, written)
    if path == PREFIXES[0]:
        return _candles(pair, query["pair"], minutes, number, wall_ns)
    if path == PREFIXES[1] and 1 <= count <= _MOST:
        return _trades(pair, query["pair"], number, count)
    return _reply(["EGeneral:Invalid arguments"])


def _candles(pair: PairFrames, name: str, minutes: int, since_s: int, wall_ns: int) -> HttpReply:
    if minutes not in _MINUTES:
        return _reply(["EGeneral:Invalid arguments:interval"])
    period = Period(minutes * 60_000)
    bars = unbroken(pair.history.candles(period), period, wall_ns // 1_000_000)[-CANDLES:]
    rows = [_candle(pair, bar) for bar in bars if bar.open_ms // 1000 > since_s]
    last = bars[-2].open_ms // 1000 if len(bars) > 1 else 0
    return _reply([], {name: rows, "last": last})


def _candle(pair: PairFrames, bar: Candle) -> list[object]:
    prices = [pair.price(price) for price in (bar.open, bar.high, bar.low, bar.close)]
    mean = pair.price(bar.notional // bar.size) if bar.size else "0.0"
    return [bar.open_ms // 1000, *prices, mean, pair.size(bar.size), bar.trades]


def _trades(pair: PairFrames, name: str, since: int, count: int) -> HttpReply:
    since_ns = since if since >= _NANOSECONDS else since * _SECOND
    rows: list[str] = []
    stamp = 0
    last = since_ns
    for told in pair.history.trades:
        stamp = max(stamp + 1, told.time_ns)
        if stamp <= since_ns:
            continue
        if len(rows) == count:
            break
        made, last = told.made, stamp
        rows.append(
            f'["{pair.price(made.price)}","{pair.size(made.size)}",{decimal(told.time_ns // 1000, 6)},'
            f'"{"b" if made.side > 0 else "s"}","{"l" if made.limit_order else "m"}","",{made.trade_id}]'
        )
    body = f'{{"error":[],"result":{{"{name}":[{",".join(rows)}],"last":"{last}"}}}}'
    return HttpReply(200, body.encode())


def _reply(errors: list[str], result: object = None) -> HttpReply:
    return HttpReply(200, encode_json({"error": errors, **({} if errors else {"result": result})}))
