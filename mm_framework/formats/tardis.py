"""Tardis.dev's CSV of books and trades, as documented at docs.tardis.dev (read 2026-11-21).

    incremental_book_L2   exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount
    trades                exchange,symbol,timestamp,local_timestamp,id,side,price,amount

Times are microseconds since 1970; where the exchange told none, ``timestamp`` repeats ``local_timestamp``.
Lines of one ``local_timestamp`` are one message. A frame holds the lines of one message. Amounts are new
absolute sizes, 0 removes the level. Nothing in the files proves that they are complete.
"""

from __future__ import annotations

from typing import Final

from mm_framework.contracts.adapter import Channel, Proof
from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass, MessageWriter
from mm_framework.contracts.sync_engine import SyncRules
from mm_framework.errors import MalformedFrame
from mm_framework.formats.file_adapter import FileAdapter
from mm_framework.formats.lines import Lines, kind_of, number_or_null
from mm_framework.model.events import ASK, BID, NULL

__all__ = [
    "ADAPTER",
    "BOOK",
    "BOOK_COLUMNS",
    "EXCHANGES",
    "RULES",
    "TARDIS",
    "TRADES",
    "TRADE_COLUMNS",
    "TardisLines",
]

TARDIS: Final = "tardis-csv"
BOOK: Final = "incremental_book_L2"
TRADES: Final = "trades"
BOOK_COLUMNS: Final = "exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount"
TRADE_COLUMNS: Final = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"

EXCHANGES: Final = {
    "binance-futures": "binance-usdm",
    "binance-delivery": "binance-coinm",
}
"""Exchanges that have another name here."""

ADAPTER: Final = FileAdapter(
    TARDIS, (Channel(BOOK, "book", Proof("none")), Channel(TRADES, "trade", Proof("none")))
)
RULES: Final = SyncRules(crossed="ignore")

_BOOK_SIDES: Final = {"bid": BID, "ask": ASK}
_TRADE_SIDES: Final = {"buy": 1, "sell": -1, "unknown": 0}
_WIDTH: Final = 8


class TardisLines(Lines):
    """Implements `contracts.normalizer.Normalizer`."""

    version = "1"

    def decode(self, frame: bytes, connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        """Read the lines of one message. Raises MalformedFrame."""
        kind = kind_of(connection)
        if kind == BOOK:
            _book(self.rows(frame, _WIDTH), out)
        elif kind == TRADES:
            _trades(self.rows(frame, _WIDTH), out)
        else:
            return FrameClass.UNKNOWN
        return FrameClass.DATA


def _book(rows: list[list[str]], out: MessageWriter) -> None:
    _, symbol, venue_us, local_us, snapshot, *_ = rows[-1]
    if not out.begin(BOOK, "book", symbol, snapshot=snapshot == "true"):
        return
    for _, _, _, _, _, side, price, amount in rows:
        out.level(_side(side, _BOOK_SIDES), price, amount)
    out.end(ts_venue_ns=_venue_ns(venue_us, local_us))


def _trades(rows: list[list[str]], out: MessageWriter) -> None:
    if not out.begin(TRADES, "trade", rows[0][1]):
        return
    for _, _, venue_us, local_us, number, side, price, amount in rows:
        out.trade(
            _side(side, _TRADE_SIDES), price, amount, number_or_null(number), _venue_ns(venue_us, local_us)
        )
    out.end()


def _side(text: str, sides: dict[str, int]) -> int:
    side = sides.get(text)
    if side is None:
        raise MalformedFrame(f"found side {text[:40]!r}, expected {', '.join(sides)}")
    return side


def _venue_ns(venue_us: str, local_us: str) -> int:
    number = number_or_null(venue_us)
    return NULL if venue_us == local_us or number == NULL else number * 1000
