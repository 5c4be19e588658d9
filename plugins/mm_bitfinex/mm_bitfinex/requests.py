"""Messages that we send, and reading them back.

    {"event":"conf","flags":229376}
    {"event":"subscribe","channel":"book","symbol":"tBTCUSD","prec":"P0","freq":"F0","len":"100","subId":"7-book-tBTCUSD"}
    {"event":"unsubscribe","chanId":232957}

Source: docs.bitfinex.com, "General", "Books", "Trades", "Ticker", read 2026-11-21. One message carries one
subscription; ``subId`` comes back with its answer, so it begins with the number of our request.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from mm_bitfinex import table
from mm_framework.contracts.adapter import Subscription
from mm_framework.contracts.normalizer import Requested
from mm_framework.model.frame import encode_json

__all__ = ["conf", "levels", "ping", "read", "request_number", "subscriptions", "unsubscriptions"]

_NUMBER: Final = re.compile(r"([0-9]{1,9})(?![0-9])")


def conf(*, bulk: bool) -> bytes:
    """Sequence numbers, times and checksums for the whole connection; it replaces earlier flags."""
    wanted = table.TIMESTAMP | table.SEQUENCE | table.CHECKSUM | (table.BULK if bulk else 0)
    return encode_json({"event": "conf", "flags": wanted})


def subscriptions(wanted: Sequence[Subscription], default_depth: int, req_id: int) -> list[bytes]:
    """One message for each subscription."""
    return [encode_json(_subscribe(one, default_depth, req_id)) for one in wanted]


def _subscribe(one: Subscription, default_depth: int, req_id: int) -> dict[str, str]:
    message = {
        "event": "subscribe",
        "channel": one.channel,
        "symbol": one.venue_symbol,
        "subId": f"{req_id}-{one.channel}-{one.venue_symbol}",
    }
    if one.channel == "book":
        message |= {"prec": "P0", "freq": "F0", "len": str(one.depth or default_depth)}
    return message


def unsubscriptions(wanted: Sequence[Subscription], memo: table.Memo) -> list[bytes]:
    """One message for each subscription that has a channel number on the connection."""
    numbers = [table.channel_of(memo, one.channel, one.venue_symbol) for one in wanted]
    return [
        encode_json({"event": "unsubscribe", "chanId": int(number)})
        for number in numbers
        if number is not None
    ]


def ping(req_id: int) -> bytes:
    """The application ping."""
    return encode_json({"event": "ping", "cid": req_id})


class _Message(msgspec.Struct):
    event: str
    channel: str | None = None
    symbol: str | None = None
    len: str | int | None = None
    subId: str | int | None = None
    chanId: int | None = None
    cid: int | None = None


_decoder: Final = msgspec.json.Decoder(_Message)


def read(message: bytes, memo: table.Memo) -> Requested | None:
    """What a message asked for, None when it is neither a subscription, the end of one, nor a ping."""
    try:
        body = _decoder.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    match body.event:
        case "ping":
            return Requested(None, req_id=body.cid)
        case "subscribe" if body.channel is not None and body.symbol is not None:
            depth = levels(body.len) if body.channel == "book" else None
            return Requested(body.channel, (body.symbol,), depth, request_number(body.subId))
        case "unsubscribe":
            known = table.entry(memo, str(body.chanId))
            return None if known is None else Requested(known["kind"], (known["symbol"],), active=False)
        case _:
            return None


def levels(length: str | int | None) -> int | None:
    """The length of a book as the venue writes it, None where it does not."""
    written = str(length)
    return int(written) if written.isascii() and written.isdecimal() and len(written) < 6 else None


def request_number(sub_id: str | int | None) -> int | None:
    """The number of our request that a ``subId`` begins with, None in one that is not ours."""
    match = _NUMBER.match(str(sub_id))
    return int(match[1]) if match else None
