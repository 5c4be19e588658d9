"""Trades of one instrument: numbers without holes, a repetition dropped, a jump declared."""

from __future__ import annotations

from typing import Literal

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


PLAUSIBLE_JUMP = 1000
"""A number further ahead than this is believed only when the next one follows it."""


@attrs.define
class TradeState:
    """``last_id``: the trades up to this number are captured or declared, None before the first.

    ``suspect_id``: a number too far ahead to be believed alone, until the next trade tells. ``left_id``:
    the last number when nobody followed the trades any more, until the next one.
    """

    last_id: int | None = None
    suspect_id: int | None = None
    left_id: int | None = None


class TradeSync:
    """Emits trades in order. With ``numbered`` their ids must be consecutive, or (``rising``) only rise.

    A hole is declared before the print that shows it. One damaged number far ahead must not turn all
    that follows into repetitions: it is emitted, one missing trade is declared in its place, and the
    numbering goes on from there; when the next trade follows the far number, the hole was real and the
    rest of it is declared too.
    """

    def __init__(self, emitter: Emitter, counts: Counts, *, numbered: bool | Literal["rising"]) -> None:
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
                if self._repeated(trade.trade_id):
                    self.counts.duplicate_trades += 1
                    continue
                for expected, found in self._holes(trade.trade_id, snapshot=snapshot):
                    self._flush(number, epoch, group, flags)
                    group = []
                    jumped = Reason.TRADE_ID_GAP
                    self.counts.gaps += 1
                    self.emitter.event(Kind.GAP, number, epoch, expected, found, jumped)
            group.append(trade)
        self._flush(number, epoch, group, flags)
        return jumped

    def meets(self, prints: list[Print]) -> bool:
        """Whether prints of another connection are known or follow: nothing is missing before them."""
        numbers = [trade.trade_id for trade in prints if trade.trade_id != NULL]
        return self.s.last_id is None or not numbers or min(numbers) <= self.s.last_id + 1

    def forget(self) -> None:
        """Nobody follows the trades any more: what is missing later is no hole, what is known stays known."""
        s = self.s
        self.s = TradeState(left_id=s.left_id if s.last_id is None else s.last_id)

    def _repeated(self, trade_id: int) -> bool:
        s = self.s
        if s.last_id is None:
            return s.left_id is not None and trade_id <= s.left_id
        return trade_id <= s.last_id or trade_id == s.suspect_id

    def _holes(self, trade_id: int, *, snapshot: bool) -> list[tuple[int, int]]:
        """Take a new number in; the holes before it as (expected, found)."""
        s, last, suspect = self.s, self.s.last_id, self.s.suspect_id
        s.suspect_id = s.left_id = None
        if self.numbered == "rising":
            s.last_id = trade_id
            return []
        holes: list[tuple[int, int]] = []
        if last is not None and suspect is not None and 0 < trade_id - suspect <= PLAUSIBLE_JUMP:
            holes.append((last + 1, suspect))
            last = suspect
        elif last is not None and trade_id - last > PLAUSIBLE_JUMP and not snapshot:
            s.last_id, s.suspect_id = last + 1, trade_id
            return [(last + 1, last + 2)]
        if last is not None and trade_id != last + 1:
            holes.append((last + 1, trade_id))
        s.last_id = trade_id
        return holes

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
