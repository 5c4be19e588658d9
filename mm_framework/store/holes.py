"""When a book was not the venue's after it once was, or a ticker was lost; when trades are missing."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mm_framework.model.events import Kind, Reason, SyncState

__all__ = ["Holes"]

Rows = npt.NDArray[Any]

_TRADES: Final = Reason.TRADE_ID_GAP.name.lower()


class Holes:
    """Follows the state of one instrument, row by row: of its book, or without one of its ticker."""

    def __init__(self) -> None:
        self._found: list[tuple[int, int, str]] = []
        self._open: tuple[int, str] | None = None
        self._book = self._once = False

    def feed(self, rows: Rows) -> None:
        """The next rows."""
        kinds = rows["kind"]
        self._told_anew(rows)
        for place in np.flatnonzero((kinds == Kind.SYNC_CHANGE) | (kinds == Kind.GAP)).tolist():
            row = rows[place]
            ts, reason = int(row["ts_recv_ns"]), Reason(int(row["aux"])).name.lower()
            if row["kind"] == Kind.GAP:
                self._gap(ts, reason)
                self._told_anew(rows[place:])
                continue
            self._book = True
            if row["size"] == SyncState.SYNCED:
                self._once = True
                self._close(ts)
            elif self._once and self._open is None and row["size"] != SyncState.STOPPED:
                self._open = (ts, reason)

    def _gap(self, ts: int, reason: str) -> None:
        """A moment, which a change of the book's state may follow; of a ticker until it is told anew."""
        if self._open is None and not self._book and reason != _TRADES:
            self._open = (ts, reason)
        elif self._open is None:
            self._found.append((ts, ts + 1, reason))

    def _told_anew(self, rows: Rows) -> None:
        """Best prices that are told end the hole of a ticker."""
        if self._open is None or self._book:
            return
        tops = rows["ts_recv_ns"][rows["kind"] == Kind.TOP]
        if len(tops):
            self._close(int(tops[0]))

    def found(self, end_ns: int) -> tuple[tuple[int, int, str], ...]:
        """All holes in order, ``(from_ns, to_ns, reason)``, half-open; an open one ends at ``end_ns``."""
        self._close(end_ns)
        return tuple(self._found)

    def _close(self, ts: int) -> None:
        if self._open is not None:
            from_ns, flag = self._open
            if self._found and self._found[-1][0] == from_ns:  # the gap that began it
                flag = self._found.pop()[2]
            self._found.append((from_ns, max(ts, from_ns + 1), flag))
            self._open = None
