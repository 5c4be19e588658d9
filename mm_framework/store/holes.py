"""When a book was not the venue's after it once was, and moments at which trades are missing."""

from __future__ import annotations

from typing import Any

import numpy.typing as npt

from mm_framework.model.events import Kind, Reason, SyncState

__all__ = ["Holes"]

Rows = npt.NDArray[Any]


class Holes:
    """Follows the state of one instrument's book, row by row."""

    def __init__(self) -> None:
        self._found: list[tuple[int, int, str]] = []
        self._open: tuple[int, str] | None = None
        self._once = False

    def feed(self, rows: Rows) -> None:
        """The next rows."""
        kinds = rows["kind"]
        for row in rows[(kinds == Kind.SYNC_CHANGE) | (kinds == Kind.GAP)]:
            ts, reason = int(row["ts_recv_ns"]), Reason(int(row["aux"])).name.lower()
            if row["kind"] == Kind.GAP:
                if self._open is None:
                    self._found.append((ts, ts + 1, reason))
            elif row["size"] == SyncState.SYNCED:
                self._once = True
                self._close(ts)
            elif self._once and self._open is None and row["size"] != SyncState.STOPPED:
                self._open = (ts, reason)

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
