"""Market data: arrays whose first element is a channel number, number tokens kept as written.

    [204928,[2e-8,0,1],50]                                                     book, with a sequence number
    [17470,[[6443,5,5.26056135],[6442.9,2,1.17073057],...],7,1618677543951]    and with a time in ms
    [18788,"te",[5690221201,1734237017719,0.00991467,102570],2]                a trade, then again as "tu"
    [232952,[60400,76.1,60406,86.2,-1292,-0.0209,60410,10.0,62408,60057],6]    ticker
    [232957,"cs",-1175357890,9]            [232957,"hb",10]

What an array has at its end depends on the conf flags of the connection: nothing, a number, a time, or
both in this order. The venue may append fields to the data, so they are found from the end, and a time
is told from a number by its 13 digits: that needs no flags, which a recording may not hold. Source:
docs.bitfinex.com, "General", "Books", "Trades", "Ticker", "WebSocket checksum", read 2026-11-21;
recordings of 2018-11-12 and 2021-04-17.

A trade is written once, at its ``te`` (sent at once) or, when that was missed, at its ``tu`` (up to
two seconds later). A ticker's sizes are sums over 25 levels, not those of its prices, and left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from mm_bitfinex import table
from mm_bitfinex.names import VENUE
from mm_framework.contracts.normalizer import Alive, FrameClass, MessageWriter
from mm_framework.errors import MalformedFrame
from mm_framework.model.events import ASK, BID, NULL
from mm_framework.model.fixed import MAX

__all__ = ["decode"]

_tokens: Final = msgspec.json.Decoder(list[msgspec.Raw])
_WHOLE: Final = re.compile(r"0|[1-9][0-9]{0,17}")
_SEQUENCE: Final = re.compile(r"0|[1-9][0-9]{0,11}")
_TIME: Final = re.compile(r"[1-9][0-9]{12}(?:[0-9]{3})?")
_NUMBER_STARTS: Final = frozenset("-0123456789")
_CHECKSUM_BITS: Final = 32
_WORDS: Final = frozenset(["te", "tu", "cs"])


def decode(frame: bytes, memo: table.Memo, out: MessageWriter) -> FrameClass:
    """Read an array frame. Raises MalformedFrame, msgspec.DecodeError."""
    parts = _list(frame)
    if len(parts) < 2:
        raise _malformed("a channel number and data", parts)
    number, data = parts[0], parts[1]
    word = data[1:-1] if data[0] == '"' else ""
    body = 3 if word in _WORDS else 2
    if len(parts) < body:
        raise _malformed(f"data behind {word}", parts)
    sequence, time_ns = _tail(parts[body:])
    if sequence is not None:
        out.sequence(sequence)
    if word == "hb":
        _heartbeat(number, memo, out)
        return FrameClass.HEARTBEAT
    if not _WHOLE.fullmatch(number):
        return FrameClass.UNKNOWN
    known = table.entry(memo, number)
    read = None if known is None else _READERS.get((known["kind"], word))
    if known is None or read is None:
        return FrameClass.UNKNOWN
    read(_Data(number, parts[body - 1], known, memo, time_ns), out)
    return FrameClass.DATA


def _heartbeat(number: str, memo: table.Memo, out: MessageWriter) -> None:
    """It may come before its channel is acknowledged, or be of a book that is left out."""
    known = table.entry(memo, number) if _WHOLE.fullmatch(number) else None
    if known is not None and known["kind"] in ("book", "trades", "ticker"):
        out.control(Alive(known["kind"], known["symbol"]))


class _Data:
    """One array of a known channel: its ``token``, and what is known of the channel."""

    __slots__ = ("known", "memo", "number", "symbol", "time_ns", "token")

    def __init__(self, number: str, token: str, known: table.Entry, memo: table.Memo, time_ns: int) -> None:
        self.number, self.token, self.known, self.memo, self.time_ns = number, token, known, memo, time_ns
        self.symbol: str = known["symbol"]

    def begin(self, out: MessageWriter, channel: str, carries: str, *, snapshot: bool) -> bool:
        return out.begin(channel, carries, self.symbol, snapshot=snapshot, wire=self.number)


def _tail(tail: list[str]) -> tuple[int | None, int]:
    """``(sequence number, time in ns)`` of what stands behind the data; None and NULL if it is not told."""
    time_ns = NULL
    if tail and _TIME.fullmatch(tail[-1]):
        time_ns = _time_ns(tail[-1])
        tail = tail[:-1]
    return (int(tail[-1]) if tail and _SEQUENCE.fullmatch(tail[-1]) else None), time_ns


# --- book


def _book(data: _Data, out: MessageWriter) -> None:
    """One level, or an array of levels: the first one is the snapshot, and so is each that is no bulk."""
    levels, nested = _levels(data.token)
    fresh: bool = data.known["fresh"]
    snapshot = nested and (fresh or not table.flags(data.memo) & table.BULK)
    if snapshot:
        data.known["fresh"] = False
    if data.begin(out, "book", "book", snapshot=snapshot):
        for level in levels:
            out.level(*level)
        out.end(ts_venue_ns=data.time_ns)


def _grouped(data: _Data, out: MessageWriter) -> None:
    """A book of a coarser precision is another book than the instrument's: it is checked and left out."""
    _levels(data.token)


def _levels(token: str) -> tuple[list[tuple[int, str, str]], bool]:
    """``(levels, whether they came as an array of levels)``."""
    rows = _list(token.encode())
    if rows and rows[0][0] != "[":
        return [_level(rows)], False
    return [_level(_list(row.encode())) for row in rows], True


def _level(row: list[str]) -> tuple[int, str, str]:
    """``[price, count, amount]``: an amount with a minus is an ask's, a count of 0 removes the level."""
    if len(row) < 3:
        raise _malformed("price, count and amount", row)
    price, count, amount = row[:3]
    side, size = _signed(amount)
    return side, _positive(price), _number(size) if _whole(count) else "0"


def _checksum(data: _Data, out: MessageWriter) -> None:
    value = _whole(data.token.removeprefix("-"))
    value = -value if data.token[0] == "-" else value
    if not -(2 ** (_CHECKSUM_BITS - 1)) <= value < 2 ** (_CHECKSUM_BITS - 1):
        raise _malformed("a signed number of 32 bits", data.token)
    if data.begin(out, "book", "book", snapshot=False):
        out.end(checksum=value, ts_venue_ns=data.time_ns)


def _grouped_checksum(data: _Data, out: MessageWriter) -> None:
    """The digest of a book that is left out."""


# --- trades


def _executed(data: _Data, out: MessageWriter) -> None:
    """``te`` or ``tu``: whichever comes first."""
    _trades(data, [_trade(_list(data.token.encode()))], out, snapshot=False)


def _trade_snapshot(data: _Data, out: MessageWriter) -> None:
    """The last trades, newest first; written oldest first."""
    rows = [_trade(_list(row.encode())) for row in _list(data.token.encode())]
    data.known["fresh"] = False
    _trades(data, rows[::-1], out, snapshot=True)


def _trades(
    data: _Data, rows: list[tuple[int, int, int, str, str]], out: MessageWriter, *, snapshot: bool
) -> None:
    news = [row for row in rows if table.note_trade(data.memo, data.symbol, row[0])]
    if (news or snapshot) and data.begin(out, "trades", "trade", snapshot=snapshot):
        for trade_id, time_ns, side, price, size in news:
            out.trade(side, price, size, trade_id, time_ns)
        out.end(ts_venue_ns=max((row[1] for row in news), default=NULL))


def _trade(row: list[str]) -> tuple[int, int, int, str, str]:
    """``[id, ms, amount, price]``: an amount below 0 was sold by the taker."""
    if len(row) < 4:
        raise _malformed("id, time, amount and price", row)
    trade_id, time_ms, amount, price = row[:4]
    side, size = _signed(amount)
    return _whole(trade_id), _time_ns(time_ms), side, _positive(price), _positive(size)


# --- ticker


def _ticker(data: _Data, out: MessageWriter) -> None:
    """``[bid, bid size, ask, ask size, ...]``."""
    row = _list(data.token.encode())
    if len(row) < 4:
        raise _malformed("the best bid and ask with sizes", row)
    bid, ask = _best(row[0]), _best(row[2])
    snapshot: bool = data.known["fresh"]
    data.known["fresh"] = False
    if data.begin(out, "ticker", "ticker", snapshot=snapshot):
        out.top(bid, None, ask, None)
        out.end(ts_venue_ns=data.time_ns, time_text=_time_text(data.time_ns))


def _best(token: str) -> str | None:
    """A price; null or 0 means that the side is empty."""
    return None if token == "null" or _is_zero(_number(token)) else _positive(token)


_READERS: Final[dict[tuple[Any, str], Callable[[_Data, MessageWriter], None]]] = {
    ("book", ""): _book,
    ("book", "cs"): _checksum,
    ("grouped", ""): _grouped,
    ("grouped", "cs"): _grouped_checksum,
    ("trades", ""): _trade_snapshot,
    ("trades", "te"): _executed,
    ("trades", "tu"): _executed,
    ("ticker", ""): _ticker,
}


# --- tokens


def _list(document: bytes) -> list[str]:
    """The elements of an array as they are written."""
    return [str(token, "utf-8") for token in _tokens.decode(document)]


def _number(token: str) -> str:
    if token[0] not in _NUMBER_STARTS:
        raise _malformed("a number", token)
    return token


def _positive(token: str) -> str:
    if _number(token)[0] == "-" or _is_zero(token):
        raise _malformed("a number above 0", token)
    return token


def _signed(token: str) -> tuple[int, str]:
    """``(side, size)`` of an amount."""
    side = ASK if token[0] == "-" else BID
    return side, _number(token.removeprefix("-"))


def _whole(token: str) -> int:
    if not _WHOLE.fullmatch(token):
        raise _malformed("a whole number", token)
    return int(token)


def _time_ns(token: str) -> int:
    """Nanoseconds of milliseconds (13 digits), or of microseconds (16)."""
    ns = int(token.ljust(16, "0")) * 1000 if _TIME.fullmatch(token) else MAX + 1
    if ns > MAX:
        raise _malformed("a time in ms", token)
    return ns


def _time_text(time_ns: int) -> str | None:
    """A time as it is written: ms, or us where it has them."""
    if time_ns == NULL:
        return None
    ms, rest = divmod(time_ns, 1_000_000)
    return str(time_ns // 1000 if rest else ms)


def _is_zero(token: str) -> bool:
    return not token.lower().partition("e")[0].strip("-0.")


def _malformed(expected: str, found: object) -> MalformedFrame:
    return MalformedFrame(f"found {str(found)[:60]!r}, expected {expected}", venue=VENUE)
