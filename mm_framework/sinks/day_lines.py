"""The lines of a day folder, spelled: every line takes its number here. Pure.

Prices and sizes are given as text, exact; what is unsaid is an empty cell, or null in NDJSON.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import msgspec

from mm_framework.contracts.sink import Seen, Told, ToldTrade
from mm_framework.model.events import ASK, BID, NULL, Kind, Reason, Row
from mm_framework.model.frame import RecordKind
from mm_framework.model.instrument import Definition
from mm_framework.sinks.day_schema import (
    DIFFS,
    EVENTS,
    GAPS,
    ORDERBOOK,
    RAW_TRADES,
    TRADES,
    DayPlace,
    snapshot_columns,
)

__all__ = ["DayLines", "Line", "Snapshot"]

_encode: Final = msgspec.json.Encoder().encode
_SIDES: Final = {BID: "buy", ASK: "sell", 0: ""}
_QUOTED: Final = re.compile(r'["\r\n]')
_BUYER_IS_MAKER: Final = {BID: "false", ASK: "true", 0: ""}

Texts = tuple[int, str, str]
"""``(side, price, size)``."""


class Line(NamedTuple):
    """A line of a growing file, with its line feed."""

    file: str
    text: str


class Snapshot(NamedTuple):
    """The two files of a snapshot: ``<name>.csv`` and ``<name>.json``."""

    name: str
    table: str
    raw: bytes


class DayLines:
    """``recv_seq``, ``event_id``: the last numbers given out; ``epoch``, ``recv_ms``: those of now.

    ``whole`` False: only what the live files hold is spelled, under the same numbers.
    """

    def __init__(
        self, place: DayPlace, symbol: str, run_id: str, *, checksum: bool, whole: bool = True
    ) -> None:
        self._place, self._symbol, self._run_id, self._checksum = place, symbol, run_id, checksum
        self.whole = whole
        self.recv_seq = self.event_id = 0
        self.recv_ms = 0
        self._book_seq = 0
        self.epoch = 1
        self._out: list[Line | Snapshot] = []
        names = {"exchange": place.exchange, "symbol": symbol}
        self._names = _encode(names).decode()[1:-1]

    def take(self) -> list[Line | Snapshot]:
        """The lines since the last call."""
        out, self._out = self._out, []
        return out

    def event(self, word: str, facts: dict[str, Any]) -> None:
        """A line of the ledger."""
        self.recv_seq += 1
        self.event_id += 1
        if not self.whole:
            return
        details = msgspec.json.encode(facts).decode()
        number = f"{self.event_id:06d}"
        self._csv(EVENTS, number, self.recv_ms, self.recv_seq, self._run_id, word, self.epoch, details)

    def gap(self, event: str, facts: dict[str, Any], epoch: int) -> None:
        """A loss, under the number of the event before it."""
        if not self.whole:
            return
        details = msgspec.json.encode(facts).decode()
        self._csv(GAPS, self.recv_ms, self.recv_seq, self._run_id, epoch, event, details)

    def diff(self, seen: Seen, told: Told) -> None:
        """An update of the book, or a checksum of its own."""
        self.recv_seq += 1
        self._book_seq = self.recv_seq
        rest = seen.spelled.get(id(told))
        if rest is None:
            rest = seen.spelled[id(told)] = self._diff(told) + self._end(seen)
        self._ndjson(DIFFS, rest)

    def _diff(self, told: Told) -> str:
        """What a line says of an update."""
        event_ms = milliseconds(told.ts_venue_ns)
        first, last = (0 if number == NULL else number for number in (told.first, told.last))
        bids = _encode([level[1:] for level in told.levels if level[0] == BID]).decode()
        asks = _encode([level[1:] for level in told.levels if level[0] == ASK]).decode()
        prev = "" if told.prev == NULL else f',"pu":{told.prev}'
        checksum = "null" if told.checksum == NULL else told.checksum
        tail = f'{prev},"checksum":{checksum}' if self._checksum else prev
        told_ms = "null" if event_ms is None else event_ms
        return f'"E":{told_ms},"U":{first},"u":{last},"b":{bids},"a":{asks}{tail},'

    def trade(self, seen: Seen, told: Told, trade: ToldTrade, *, first: bool) -> None:
        """A print, in both files; the frame stands with the ``first`` one that it told."""
        self.recv_seq += 1
        event_ms, trade_ms = milliseconds(told.ts_venue_ns), milliseconds(trade.ts_venue_ns)
        trade_id = None if trade.trade_id == NULL else trade.trade_id
        if self.whole:
            self._csv(
                TRADES, event_ms, self.recv_ms, self.recv_seq, self._run_id, trade_id, trade_ms, trade.price,
                trade.size, _BUYER_IS_MAKER[trade.side], _SIDES[trade.side], trade.order_type,
                self._place.exchange, self._symbol,
            )  # fmt: skip
        rest = seen.spelled.get(id(trade))
        if rest is None:
            line = {
                "event_time_ms": event_ms,
                "trade_id": trade_id,
                "price": trade.price,
                "qty": trade.size,
                "side": _SIDES[trade.side],
            }
            rest = seen.spelled[id(trade)] = _encode(line).decode()[1:-1] + "," + self._end(seen, whole=first)
        self._ndjson(RAW_TRADES, rest)

    def frame(self, bids: Sequence[str], asks: Sequence[str], ts_venue_ns: int) -> None:
        """The best levels, ``price,size`` each and as many a side, under the number of the update before."""
        event_ms = milliseconds(ts_venue_ns)
        told = "" if event_ms is None else event_ms
        levels = [*bids, *asks]
        levels[::2], levels[1::2] = bids, asks
        head = f"{told},{self.recv_ms},{self._book_seq},{self._run_id},{self.epoch}"
        self._out.append(Line(ORDERBOOK, f"{head},{','.join(levels)}\n"))

    def snapshot(
        self,
        tag: str,
        levels: Sequence[Texts],
        number: int,
        checksum: int,
        raw: bytes,
        definition: Definition,
    ) -> None:
        """The files of a snapshot, and the event that names them."""
        if not self.whole:
            self.event("snapshot_loaded", {})
            self._book_seq = self.recv_seq
            return
        event_id = f"{self.event_id + 1:06d}"
        name, last_id = f"snapshots/snapshot_{event_id}_{tag}", 0 if number == NULL else number
        facts: dict[str, Any] = {
            "tag": tag,
            "file": f"{name}.csv",
            "lastUpdateId": last_id,
            "bids": sum(side == BID for side, _, _ in levels),
            "asks": sum(side == ASK for side, _, _ in levels),
            "depth": definition.depth,
            "price_decimals": definition.price_decimals,
            "size_decimals": definition.size_decimals,
        }
        tail: list[object] = []
        if self._checksum:
            facts["checksum"] = None if checksum == NULL else checksum
            tail = ["" if checksum == NULL else checksum]
        table = io.StringIO()
        writer = csv.writer(table, lineterminator="\n")
        writer.writerow(snapshot_columns(checksum=self._checksum))
        for side, price, size in levels:
            word = "bid" if side == BID else "ask"
            writer.writerow([self._run_id, event_id, word, price, size, last_id, *tail])
        self._out.append(Snapshot(name, table.getvalue(), raw))
        self.event("snapshot_loaded", facts)
        self._book_seq = self.recv_seq

    def _csv(self, file: str, *cells: object) -> None:
        texts = ["" if cell is None else str(cell) for cell in cells]
        line = ",".join(texts)
        if line.count(",") >= len(texts) or _QUOTED.search(line):
            table = io.StringIO()
            csv.writer(table, lineterminator="\n").writerow(texts)
            line = table.getvalue()[:-1]
        self._out.append(Line(file, f"{line}\n"))

    def _ndjson(self, file: str, rest: str) -> None:
        """``rest``: the line behind what only this file says."""
        self._out.append(Line(file, f'{{"recv_ms":{self.recv_ms},"recv_seq":{self.recv_seq},{rest}'))

    def _end(self, seen: Seen, *, whole: bool = True) -> str:
        """How a line ends: whose it is, and the frame, which stands with the first line of it."""
        raw = bytes(seen.record.payload) if whole else b"null"
        if b"\n" in raw or b"\r" in raw:
            raw = msgspec.json.format(raw, indent=-1)
        return f'{self._names},"raw":{raw.decode()}}}\n'


def milliseconds(ns: int) -> int | None:
    """Whole milliseconds, None of NULL."""
    return None if ns == NULL else ns // 1_000_000


def loss_facts(row: Row) -> tuple[str, dict[str, Any]]:
    """The word of a loss, and what is known of it."""
    reason = Reason(row.aux)
    word = "checksum_mismatch" if row.kind == Kind.CHECKSUM_MISMATCH else "gap"
    facts = {
        "reason": reason.name,
        "expected": None if row.price == NULL else row.price,
        "found": None if row.size == NULL else row.size,
    }
    return ("trade_gap" if reason is Reason.TRADE_ID_GAP else word), facts


def payload_of(seen: Seen) -> bytes:
    """What a snapshot came in: the frame, or the body of the answer."""
    payload = bytes(seen.record.payload)
    return payload.partition(b"\n")[2] if seen.record.kind == RecordKind.HTTP else payload
