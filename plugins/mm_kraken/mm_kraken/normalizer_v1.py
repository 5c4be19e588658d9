"""Market data of WebSocket v1, frozen by the venue: read from old recordings, never captured.

    [1360,{"as":[["0.000022900","13355.87450757","1618678123.481570"],...],"bs":[...]},"book-1000","ADA/XBT"]
    [1360,{"a":[[price,volume,time],...]},{"b":[...],"c":"974947235"},"book-1000","ADA/XBT"]
    [993,[["354.11000000","0.89594024","1618678142.557535","s","l",""]],"trade","XMR/USD"]
    [1668,{"a":["13.253900",35,"35.72892241"],"b":["13.232900",185,"185.18432037"]},"ticker","WAVES/EUR"]

Numbers are JSON strings. A snapshot has no checksum; an update has ``c`` in its last side object. The
newest level is the message's time; a ticker has none. A fourth element ``"r"`` marks a level that is
published again: it is applied like any other. Source: docs.kraken.com, WebSocket v1 ``book``,
``trade``, ``ticker`` and the guide "Book checksum (v1)", read 2026-11-21; recordings of 2021-04-17.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from mm_framework.contracts.normalizer import FrameClass, MessageWriter
from mm_framework.errors import MalformedFrame
from mm_framework.model.events import ASK, BID, NULL
from mm_kraken.names import VENUE
from mm_kraken.times import seconds_ns

__all__ = ["decode"]

_BOOK: Final = re.compile(r"book-(10|25|100|500|1000)")
_SYMBOL: Final = re.compile(r"[!-~]{1,64}")
_SIDES: Final = {"b": BID, "s": ASK}
_decoder: Final = msgspec.json.Decoder()


def decode(frame: bytes, out: MessageWriter) -> FrameClass:
    """Read an array frame. Raises MalformedFrame, msgspec.DecodeError."""
    body = _decoder.decode(frame)
    if not isinstance(body, list) or len(body) < 4:
        raise _malformed("an array of at least 4 elements", body)
    _, *parts, name, symbol = body
    if not isinstance(name, str) or not isinstance(symbol, str):
        raise _malformed("a channel and a pair at the end", body[-2:])
    book = _BOOK.fullmatch(name)
    if book is None and name not in _READERS:
        return FrameClass.UNKNOWN
    if not _SYMBOL.fullmatch(symbol):
        raise _malformed("the name of a pair", symbol)
    if book is not None:
        _book(parts, symbol, int(book[1]), out)
    else:
        _READERS[name](parts, symbol, out)
    return FrameClass.DATA


def _book(parts: list[Any], symbol: str, depth: int, out: MessageWriter) -> None:
    sides: dict[str, Any] = {}
    for part in parts:
        if not isinstance(part, dict) or sides.keys() & part.keys():
            raise _malformed("side objects with different keys", parts)
        sides |= part
    snapshot = "as" in sides or "bs" in sides
    names = ("bs", "as") if snapshot else ("b", "a")
    if snapshot and not sides.keys() >= set(names):
        raise _malformed("both sides in a snapshot", parts)
    checksum = NULL if snapshot else _checksum(sides.get("c"))
    if not out.begin("book", "book", symbol, snapshot=snapshot):
        return
    newest = NULL
    for side, key in ((BID, names[0]), (ASK, names[1])):
        for level in _array(sides.get(key, [])):
            price, volume, time = _texts(level, 3)
            newest = max(newest, seconds_ns(time))
            out.level(side, price, volume)
    out.end(checksum=checksum, ts_venue_ns=newest, depth=depth)


def _checksum(written: object) -> int:
    if isinstance(written, str) and written.isascii() and written.isdecimal() and len(written) <= 10:
        value = int(written)
        if value < 2**32:
            return value
    raise _malformed("a checksum of 32 bits as decimal text", written)


def _trades(parts: list[Any], symbol: str, out: MessageWriter) -> None:
    """Version 1 numbers no trades and does not mark a snapshot."""
    if len(parts) != 1:
        raise _malformed("one list of trades", parts)
    if not out.begin("trade", "trade", symbol):
        return
    newest = NULL
    for trade in _array(parts[0]):
        price, volume, time, side = _texts(trade, 4)
        if side not in _SIDES:
            raise _malformed("the side b or s", side)
        ts = seconds_ns(time)
        newest = max(newest, ts)
        out.trade(_SIDES[side], price, volume, ts_venue_ns=ts)
    out.end(ts_venue_ns=newest)


def _ticker(parts: list[Any], symbol: str, out: MessageWriter) -> None:
    if len(parts) != 1 or not isinstance(parts[0], dict):
        raise _malformed("one ticker object", parts)
    bid, ask = (_best(parts[0].get(key)) for key in ("b", "a"))
    if out.begin("ticker", "ticker", symbol):
        out.top(*bid, *ask)
        out.end()


def _best(best: object) -> tuple[str | None, str | None]:
    """``[price, whole lots, lots]``; a price or size of 0 means that the side is empty."""
    if not isinstance(best, list) or len(best) < 3:
        raise _malformed("price, whole lots and lots", best)
    price, lots = _texts([best[0], best[2]], 2)
    if not price.strip("0.") or not lots.strip("0."):
        return None, None
    return price, lots


_READERS: Final[dict[str, Callable[[list[Any], str, MessageWriter], None]]] = {
    "trade": _trades,
    "ticker": _ticker,
}


def _array(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise _malformed("an array", value)
    return value


def _texts(value: object, count: int) -> list[str]:
    """The first ``count`` elements, all strings."""
    if not isinstance(value, list) or len(value) < count:
        raise _malformed(f"an array of at least {count} elements", value)
    texts = value[:count]
    if not all(isinstance(element, str) for element in texts):
        raise _malformed("numbers as strings", value)
    return texts


def _malformed(expected: str, found: object) -> MalformedFrame:
    return MalformedFrame(f"found {str(found)[:60]!r}, expected {expected}", venue=VENUE)
