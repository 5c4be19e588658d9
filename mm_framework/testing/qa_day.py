"""Made-up days for tests of checks: rows of one instrument, written message by message.

    day = QADay()
    day.begin()                              # a snapshot, and the book is proved
    day.quiet(50)                            # fifty messages that change a size
    day.level(ASK, 10_900, 5)                # prices at a scale of 2, sizes at a scale of 3
    findings_of(MyCheck(), day.rows())

The day needs no venue, and goes through the checks as `mm qa` takes a day of a store through them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from mm_framework.contracts.qa_check import Finding, QACheck
from mm_framework.model.events import ASK, BID, NULL, ROW, Kind, Reason, RowFlag, SyncState, row_dtype
from mm_framework.model.instrument import Definition
from mm_framework.quality.judge import check_day
from mm_framework.store.judge import DayRows

__all__ = ["DEFINITION", "START_NS", "QADay", "findings_of"]

START_NS = 1_700_000_000 * 10**9
DEFINITION = Definition(0, 0, "toy:A/B", "A/B", 2, 3, tick_size="0.01")
"""The instrument of all made-up days."""

_MS = 1_000_000


def findings_of(check: QACheck, day: DayRows) -> list[Finding]:
    """What one check finds in a day; an exception of the check is a finding whose result is ERROR."""
    return check_day(day, [check])


@attrs.define
class QADay:
    """Rows of one instrument, a message every 10 ms, venue time 5 ms before receipt.

    ``now``: receive time of the last message; raise it for a silence.
    """

    packed: bytearray = attrs.field(factory=bytearray)
    now: int = START_NS
    seq: int = 0

    def message(
        self, entries: Sequence[tuple[int, int, int, int, int]], flags: int = 0, venue: int | None = None
    ) -> None:
        """The next message: ``(kind, side, price, size, aux)`` of its rows; ``venue``: its venue time."""
        self.now += 10 * _MS
        self.seq += 1
        ts_venue = self.now - 5 * _MS if venue is None else venue
        for place, (kind, side, price, size, aux) in enumerate(entries):
            last = RowFlag.LAST if place == len(entries) - 1 else 0
            self.packed += ROW.pack(
                self.now, ts_venue, self.seq, price, size, aux, 0, 0, kind, side, flags | last, 1, self.seq
            )

    def begin(self) -> None:
        """A snapshot of 100.00 to 100.02, 0.500 each, and the book is proved."""
        levels = [(Kind.LEVEL, BID, 10_000, 500, NULL), (Kind.LEVEL, ASK, 10_002, 500, NULL)]
        self.message([(Kind.SNAPSHOT_START, 0, NULL, 2, NULL), *levels], RowFlag.SNAPSHOT)
        self.state(SyncState.SYNCING, SyncState.SYNCED, Reason.VERIFIED)

    def state(self, old: SyncState, new: SyncState, reason: Reason = Reason.NONE) -> None:
        """The book changes its state."""
        self.message([(Kind.SYNC_CHANGE, 0, old, new, reason)], venue=NULL)

    def level(self, side: int, price: int, size: int, *, flags: int = 0, venue: int | None = None) -> None:
        """A new size at a price; 0 removes it."""
        self.message([(Kind.LEVEL, side, price, size, NULL)], flags, venue)

    def trade(
        self, price: int, number: int, size: int = 10, *, flags: int = 0, venue: int | None = None
    ) -> None:
        """A print of a buyer."""
        self.message([(Kind.TRADE, 1, price, size, number)], flags, venue)

    def quiet(self, messages: int) -> None:
        """So many messages that change the size of the best bid, and nothing else."""
        for n in range(messages):
            self.level(BID, 10_000, 400 + n % 50)

    def rows(self, offsets: Mapping[int, float] | None = None) -> DayRows:
        """The day so far. ``offsets``: receive time -> offset of the venue's clock in ms from then on."""
        packed = np.frombuffer(bytes(self.packed), dtype=row_dtype())
        return DayRows(DEFINITION.id, packed, (DEFINITION,), dict(offsets or {}))
