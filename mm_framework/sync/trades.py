"""Trades of one instrument: numbers without holes, a repetition dropped, a jump declared."""

from __future__ import annotations

import attrs

from mm_framework.model.events import NULL, Kind, Reason, RowFlag
from mm_framework.sync.counts import Counts
from mm_framework.sync.emit import Emitter, Entry

__all__ = ["Print", "TradeState", "TradeSync"]


@attrs.frozen
class Print:
    """One trade: aggressor's side (1, -1, 0 unsaid), integers at the scales, NULL where unsaid."""

    side: int
    price: int
    size: int
    trade_id: int
    ts_venue_ns: int


@attrs.define
class TradeState:
    """``last_id``: the highest trade number seen, None before the first."""

    last_id: int | None = None


class TradeSync:
    """Emits trades in order. With ``numbered`` their ids must be consecutive."""

    def __init__(self, emitter: Emitter, counts: Counts, *, numbered: bool) -> None:
        self.emitter, self.counts, self.numbered = emitter, counts, numbered
        self.s = TradeState()

    def apply(self, number: int, epoch: int, prints: list[Print], *, snapshot: bool) -> Reason | None:
        """Emit the prints of one message; TRADE_ID_GAP when numbers are missing before one of them.

        A gap row stands before the first print after the hole: price = the number expected, size =
        the number found.
        """
        flags = int(RowFlag.SNAPSHOT) if snapshot else 0
        group: list[Print] = []
        jumped: Reason | None = None
        for trade in prints:
            if self.numbered and trade.trade_id != NULL:
                last = self.s.last_id
                if last is not None and trade.trade_id <= last:
                    self.counts.duplicate_trades += 1
                    continue
                if last is not None and trade.trade_id != last + 1:
                    self._flush(number, epoch, group, flags)
                    group = []
                    jumped = Reason.TRADE_ID_GAP
                    self.counts.gaps += 1
                    self.emitter.event(Kind.GAP, number, epoch, last + 1, trade.trade_id, jumped)
                self.s.last_id = trade.trade_id
            group.append(trade)
        self._flush(number, epoch, group, flags)
        return jumped

    def _flush(self, number: int, epoch: int, group: list[Print], flags: int) -> None:
        if not group:
            return
        entries: list[Entry] = [(Kind.TRADE, t.side, t.price, t.size, t.trade_id) for t in group]
        self.emitter.group(
            Kind.TRADE, number, epoch, entries, flags=flags, first=group[0].trade_id,
            last=group[-1].trade_id, ts_venue_ns=max(t.ts_venue_ns for t in group),
            times=[t.ts_venue_ns for t in group],
        )  # fmt: skip
        self.counts.trades += len(group)
