"""What a connection has agreed on: its conf flags, and what its channel numbers stand for.

    {"flags": 229376, "channels": {"957": {"kind": "book", "symbol": "tBTCUSD", "fresh": true}},
     "trades": {"tBTCUSD": [5690221201, 5690221202]}}

``trades`` are the ids of the last trades of each symbol. It is the ``memo`` of the connection: JSON
values only. A channel number is of this connection and nobody else's; the venue may use it for
something else after a reconnect.
"""

from __future__ import annotations

from typing import Any, Final, TypeAlias

__all__ = [
    "BULK",
    "CHECKSUM",
    "SEQUENCE",
    "TIMESTAMP",
    "Entry",
    "Memo",
    "add",
    "channel_of",
    "entry",
    "flags",
    "note_trade",
    "remove",
]

Memo: TypeAlias = dict[str, Any]
Entry: TypeAlias = dict[str, Any]

# docs.bitfinex.com, "General" (conf flags), read 2026-11-21.
TIMESTAMP: Final = 32_768
"""The time in ms at the end of every array."""
SEQUENCE: Final = 65_536
"""The number of the array on its connection, behind its data."""
CHECKSUM: Final = 131_072
"""Checksum frames on book channels."""
BULK: Final = 536_870_912
"""Several changes of a book in one array."""

TRADES_KEPT: Final = 512
"""Ids that are remembered of a symbol: more than come between a ``te`` and its ``tu``, and a snapshot."""


def flags(memo: Memo) -> int:
    """The conf flags in force, 0 before any."""
    value: int = memo.get("flags", 0)
    return value


def entry(memo: Memo, number: str) -> Entry | None:
    """What a channel number stands for, None when nobody said."""
    found: Entry | None = memo.get("channels", {}).get(number)
    return found


def add(memo: Memo, number: str, kind: str, symbol: str) -> None:
    """A subscription was acknowledged. An older number of the same one stands for nothing any more.

    ``kind``: book, trades, ticker, ``grouped`` (a book of a coarser precision) or ``other``.
    """
    channels: dict[str, Entry] = memo.setdefault("channels", {})
    if kind != "other":
        for old in [
            key for key, known in channels.items() if (known["kind"], known["symbol"]) == (kind, symbol)
        ]:
            del channels[old]
    channels[number] = {"kind": kind, "symbol": symbol, "fresh": True}


def remove(memo: Memo, number: str) -> Entry | None:
    """A subscription ended; what it was, None when nobody knows."""
    removed: Entry | None = memo.get("channels", {}).pop(number, None)
    return removed


def channel_of(memo: Memo, kind: str, symbol: str) -> str | None:
    """The number of a subscription, None while there is none."""
    for number, known in memo.get("channels", {}).items():
        if (known["kind"], known["symbol"]) == (kind, symbol):
            return str(number)
    return None


def note_trade(memo: Memo, symbol: str, trade_id: int) -> bool:
    """Whether a trade is news on the connection; from now on it is none."""
    seen: list[int] = memo.setdefault("trades", {}).setdefault(symbol, [])
    if trade_id in seen:
        return False
    seen.append(trade_id)
    del seen[:-TRADES_KEPT]
    return True
