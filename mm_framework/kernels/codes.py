"""What the parts of `advance` answer and count, as numbers that kernels know."""

from __future__ import annotations

from typing import Final

from mm_framework.kernels.jit import inline
from mm_framework.kernels.layout import CTX_COUNTS, Count, Stop
from mm_framework.kernels.memory import load_i8, store_8

__all__ = [
    "BROKEN",
    "COVERED",
    "DATA",
    "DEADLINE",
    "FRAMES",
    "GOOD",
    "HASHES_UNVERIFIED",
    "HASHES_VERIFIED",
    "HEARTBEATS",
    "KIND",
    "LEVELS",
    "MESSAGES",
    "NOT_COVERED",
    "NO_BOOK",
    "NO_ROWS",
    "NO_TEXT",
    "NO_UNDO",
    "RECORDS",
    "REFUSED",
    "SEQUENCE_APPLIED",
    "STATE",
    "TOPS",
    "TOPS_COMPARED",
    "TOPS_EQUAL",
    "TRADES",
    "UNKNOWN_DELETES",
    "UNPROVED",
    "VERIFIED",
    "tally",
]

GOOD: Final = int(Stop.END)
KIND: Final = int(Stop.KIND)
DEADLINE: Final = int(Stop.DEADLINE)
REFUSED: Final = int(Stop.REFUSED)
STATE: Final = int(Stop.STATE)
BROKEN: Final = int(Stop.BROKEN)
NO_ROWS: Final = int(Stop.ROWS)
NO_BOOK: Final = int(Stop.BOOK)
NO_UNDO: Final = int(Stop.UNDO)
NO_TEXT: Final = int(Stop.TEXT)

RECORDS: Final = CTX_COUNTS + 8 * Count.records
FRAMES: Final = CTX_COUNTS + 8 * Count.frames
DATA: Final = CTX_COUNTS + 8 * Count.data
HEARTBEATS: Final = CTX_COUNTS + 8 * Count.heartbeats
MESSAGES: Final = CTX_COUNTS + 8 * Count.messages
LEVELS: Final = CTX_COUNTS + 8 * Count.levels
TRADES: Final = CTX_COUNTS + 8 * Count.trades
TOPS: Final = CTX_COUNTS + 8 * Count.tops
VERIFIED: Final = CTX_COUNTS + 8 * Count.checksums_verified
COVERED: Final = CTX_COUNTS + 8 * Count.levels_covered
NOT_COVERED: Final = CTX_COUNTS + 8 * Count.levels_not_covered
UNKNOWN_DELETES: Final = CTX_COUNTS + 8 * Count.unknown_deletes
SEQUENCE_APPLIED: Final = CTX_COUNTS + 8 * Count.sequence_applied
TOPS_COMPARED: Final = CTX_COUNTS + 8 * Count.tops_compared
TOPS_EQUAL: Final = CTX_COUNTS + 8 * Count.tops_equal
HASHES_VERIFIED: Final = CTX_COUNTS + 8 * Count.hashes_verified
HASHES_UNVERIFIED: Final = CTX_COUNTS + 8 * Count.hashes_unverified
UNPROVED: Final = CTX_COUNTS + 8 * Count.depth_unproved_messages


@inline
def tally(ctx: int, what: int, n: int) -> None:
    """Add ``n`` to a count, or to another word of the context."""
    store_8(ctx + what, load_i8(ctx + what) + n)
