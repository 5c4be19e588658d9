"""The book that a part begins with, when it begins in the middle of a run: rows outside of every count."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mm_framework.model.book import Book
from mm_framework.model.events import ASK, BID, NULL, ROW, Kind, Reason, RowFlag, SyncState, row_dtype

__all__ = ["book_rows"]


def book_rows(book: Book, number: int, state: SyncState, epoch: int, ts_recv_ns: int) -> npt.NDArray[Any]:
    """State and book of an instrument number as SYNTHETIC rows of `row_dtype`, all stamped ``ts_recv_ns``."""
    levels = [(BID, *level) for level in book.bids()] + [(ASK, *level) for level in book.asks()]
    flags = RowFlag.NO_VENUE_TIME | RowFlag.SYNTHETIC
    if state is not SyncState.SYNCED:
        flags |= RowFlag.UNTRUSTED
    entries: list[tuple[int, int, int, int, int, int]] = [
        (Kind.SYNC_CHANGE, 0, state, state, Reason.NONE, flags | RowFlag.LAST)
    ]
    if levels:
        flags |= RowFlag.SNAPSHOT
        entries.append((Kind.SNAPSHOT_START, 0, NULL, len(levels), NULL, flags))
        entries += [(Kind.LEVEL, side, price, size, NULL, flags) for side, price, size in levels]
        entries[-1] = (*entries[-1][:5], flags | RowFlag.LAST)
    packed = b"".join(
        ROW.pack(ts_recv_ns, NULL, NULL, price, size, aux, number, 0, kind, side, bits, epoch, 0)
        for kind, side, price, size, aux, bits in entries
    )
    return np.frombuffer(packed, dtype=row_dtype())
