"""Binance's public data (github.com/binance/binance-public-data, read 2026-11-21): CSV in zip files.

    aggTrades    id, price, quantity, first id, last id, time, is buyer maker[, is best match]
    trades       id, price, quantity, quote quantity, time, is buyer maker[, is best match]
    bookTicker   update id, bid, bid quantity, ask, ask quantity, transaction time, event time

Files of futures begin with a header, most of spot do not. Times are milliseconds, of spot microseconds
from 2025-01-01 on; their length tells which. A frame holds lines of one time. Ids are consecutive but for
the trades of futures, which leave out those of the insurance fund.
"""

from __future__ import annotations

from typing import Final

from mm_framework.contracts.adapter import Channel, Proof
from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass, MessageWriter
from mm_framework.contracts.sync_engine import SyncRules
from mm_framework.errors import MalformedFrame
from mm_framework.formats.file_adapter import FileAdapter
from mm_framework.formats.lines import Lines, kind_of, number_or_null, symbol_of
from mm_framework.model.events import NULL

__all__ = [
    "ADAPTER",
    "CHANNELS",
    "COLUMNS",
    "NUMBERED",
    "RISING",
    "RISING_ADAPTER",
    "RISING_RULES",
    "RULES",
    "TIME_COLUMN",
    "ZIP",
    "BinanceLines",
    "time_ns",
]

ZIP: Final = "binance-zip"
RISING: Final = "binance-zip-rising"
"""The same files where the ids of trades have holes."""

CHANNELS: Final = {
    "aggTrades": ("aggTrade", "trade"),
    "trades": ("trade", "trade"),
    "bookTicker": ("bookTicker", "ticker"),
}
"""What is in a file -> its channel, and what that carries."""

COLUMNS: Final = {"aggTrades": (7, 8), "trades": (6, 7), "bookTicker": (7,)}
TIME_COLUMN: Final = {"aggTrades": 5, "trades": 4, "bookTicker": 6}
NUMBERED: Final = ("aggTrades", "trades")

_MICROSECONDS: Final = 10**14
"""Times from here on are in microseconds: as milliseconds they would be in the year 5138."""


def _adapter(name: str, proof: Proof) -> FileAdapter:
    proofs = {"trade": proof, "ticker": Proof("none")}
    return FileAdapter(
        name, tuple(Channel(channel, carries, proofs[carries]) for channel, carries in CHANNELS.values())
    )


ADAPTER: Final = _adapter(ZIP, Proof("ids"))
RULES: Final = SyncRules(crossed="ignore", trade_ids=True)
RISING_ADAPTER: Final = _adapter(RISING, Proof("none"))
RISING_RULES: Final = SyncRules(crossed="ignore", trade_ids="rising")

_MAKER: Final = {"true": -1, "True": -1, "false": 1, "False": 1}
"""Whether the buyer was the maker -> side of the aggressor."""


class BinanceLines(Lines):
    """Implements `contracts.normalizer.Normalizer`."""

    version = "1"

    def decode(self, frame: bytes, connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        """Read lines of one time. Raises MalformedFrame."""
        kind = kind_of(connection)
        if kind not in CHANNELS:
            return FrameClass.UNKNOWN
        rows = self.rows(frame, *COLUMNS[kind])
        if kind in NUMBERED:
            _trades(kind, symbol_of(connection), rows, out)
        else:
            _tickers(symbol_of(connection), rows, out)
        return FrameClass.DATA


def _trades(kind: str, symbol: str, rows: list[list[str]], out: MessageWriter) -> None:
    place = TIME_COLUMN[kind]
    if not out.begin(CHANNELS[kind][0], "trade", symbol):
        return
    for row in rows:
        side = _MAKER.get(row[place + 1])
        if side is None:
            raise MalformedFrame(
                f"found {row[place + 1][:40]!r} for 'is buyer maker', expected true or false"
            )
        out.trade(side, row[1], row[2], number_or_null(row[0]), time_ns(row[place]))
    out.end()


def _tickers(symbol: str, rows: list[list[str]], out: MessageWriter) -> None:
    for number, bid, bid_size, ask, ask_size, _, time in rows:
        if out.begin("bookTicker", "ticker", symbol):
            out.top(bid, bid_size, ask, ask_size)
            out.end(last=number_or_null(number), ts_venue_ns=time_ns(time))


def time_ns(text: str) -> int:
    """Nanoseconds since 1970 of a time in milli- or microseconds, null for anything else."""
    number = number_or_null(text)
    if number == NULL:
        return NULL
    return number * (1000 if number >= _MICROSECONDS else 1_000_000)
