"""REST history of the Bitfinex emulator: ``trades/SYMBOL/hist`` and ``candles/trade:1m:SYMBOL/hist``.

Source: docs.bitfinex.com, REST reference, "Trades" and "Candles", read 2026-11-21. Rows between ``start`` and
``end`` (ms, both included), newest first unless ``sort`` is 1. There is no cursor: a page goes on from the
last stamp, and trades of that stamp come again. Candles without trades are missing; ``last`` is the newest.
The venue shows what `emulator.history` keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple, TypeVar

from mm_bitfinex.emulator_frames import PairData
from mm_framework.emulator.history import Period
from mm_framework.model.frame import encode_json

__all__ = ["candles", "error", "trades"]

_MOST: Final = 10_000
_TRADES_DEFAULT: Final = 125
_CANDLES_DEFAULT: Final = 100
_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000
_MONDAY: Final = 4 * _DAY  # the epoch was a Thursday
_PERIODS: Final = {
    **{f"{count}m": Period(count * _MINUTE) for count in (1, 5, 15, 30)},
    **{f"{count}h": Period(count * _HOUR) for count in (1, 3, 6, 12)},
    "1D": Period(_DAY),
    "1W": Period(7 * _DAY, _MONDAY),
    "7D": Period(7 * _DAY, _MONDAY),
    "14D": Period(14 * _DAY, _MONDAY),
    "1M": Period(0),
}

_Row = TypeVar("_Row")


class _Range(NamedTuple):
    limit: int
    sort: int
    start_ms: int
    end_ms: int


def trades(pair: PairData, query: Mapping[str, str]) -> bytes:
    """``[[id, ms, amount, price], ...]``, or an error."""
    asked = _range(query, _TRADES_DEFAULT)
    if isinstance(asked, bytes):
        return asked
    found = _page(pair.history.trades, asked, lambda told: told.time_ms)
    return _body([pair.trade_at(told.made, told.time_ms) for told in found])


def candles(pairs: Mapping[str, PairData], key: str, section: str, query: Mapping[str, str]) -> bytes:
    """``[[ms, open, close, high, low, volume], ...]``, one such row for ``last``, or an error."""
    kind, _, rest = key.partition(":")
    length, _, symbol = rest.partition(":")
    if kind != "trade" or symbol not in pairs:
        return error("symbol: invalid")
    if length not in _PERIODS:
        return error("time_interval: invalid")
    asked = _range(query, _CANDLES_DEFAULT)
    if isinstance(asked, bytes):
        return asked
    pair = pairs[symbol]
    bars = pair.history.candles(_PERIODS[length])
    if section == "last":
        return pair.candle(bars[-1]).encode() if bars else b"[]"
    return _body([pair.candle(bar) for bar in _page(bars, asked, lambda bar: bar.open_ms)])


def error(text: str) -> bytes:
    """What a request with wrong parameters gets."""
    return encode_json(["error", 10020, text])


def _range(query: Mapping[str, str], usual: int) -> _Range | bytes:
    """What is asked for, or the error."""
    written = {"limit": str(usual), "sort": "-1", "start": "0", "end": str(2**63), **query}
    told = [written[name] for name in ("limit", "sort", "start", "end")]
    if not all(text.isascii() and text.removeprefix("-").isdecimal() and len(text) <= 20 for text in told):
        return error("params: invalid")
    asked = _Range(*map(int, told))
    return asked if 0 < asked.limit <= _MOST else error("limit: invalid")


def _page(rows: Sequence[_Row], asked: _Range, time_ms: Callable[[_Row], int]) -> list[_Row]:
    found = sorted((row for row in rows if asked.start_ms <= time_ms(row) <= asked.end_ms), key=time_ms)
    return found[: asked.limit] if asked.sort == 1 else found[::-1][: asked.limit]


def _body(rows: Sequence[str]) -> bytes:
    return f"[{','.join(rows)}]".encode()
