"""Rows and messages: their 64-byte layouts, their codes, and the writer that fills them.

A **message** stands for one instrument in one frame (or one event of ours: a gap, a change of
state); its **rows** carry levels, trades, tops and events. Both are fixed little-endian structs, so
that the reference path (`struct`), compiled kernels (raw addresses) and the store (numpy) see the
same bytes. Codes are a contract, pinned by a test: never renumber, only add.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Final, NamedTuple

from mm_framework.model.fixed import NULL

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "ASK",
    "BID",
    "MESSAGE",
    "NULL",
    "PLANNED",
    "ROW",
    "Kind",
    "Message",
    "MessageFlag",
    "Reason",
    "Row",
    "RowFlag",
    "SyncState",
    "iter_messages",
    "iter_rows",
    "message_dtype",
    "row_dtype",
]

BID: Final = 1
ASK: Final = -1

ROW = struct.Struct("<qqqqqqIHBbHHI")
MESSAGE = struct.Struct("<qqqqqIIIIHBB4x")


class Kind(enum.IntEnum):
    """What a row or message is."""

    LEVEL = 1
    SNAPSHOT_START = 2
    TRADE = 3
    TOP = 4
    GAP = 5
    CHECKSUM_MISMATCH = 6
    SYNC_CHANGE = 7
    DEFINITION = 8
    STATUS = 9
    TICK_SIZE = 10
    KNOWN_DEPTH = 11


class RowFlag(enum.IntFlag):
    """Bits of a row's ``flags``."""

    LAST = 1
    SNAPSHOT = 2
    NO_VENUE_TIME = 4
    UNTRUSTED = 8
    DEPTH_UNPROVED = 16
    SYNTHETIC = 32


class MessageFlag(enum.IntFlag):
    """Bits of a message's ``flags``."""

    SNAPSHOT = 1
    UNTRUSTED = 2
    HAS_CHECKSUM = 4


class SyncState(enum.IntEnum):
    """State of an instrument's book; `sync.state` holds the transitions."""

    CONNECTING = 1
    SNAPSHOT = 2
    SYNCING = 3
    SYNCED = 4
    RESYNCING = 5
    STOPPED = 6


class Reason(enum.IntEnum):
    """Why a state changed, a gap was declared or a connection ended."""

    NONE = 0
    START = 1
    CONNECTED = 2
    SNAPSHOT = 3
    VERIFIED = 4
    ENDED = 5
    REFRESHED = 6
    # losses of continuity in the data
    CHECKSUM_MISMATCH = 10
    SEQUENCE_GAP = 11
    TRADE_ID_GAP = 12
    CROSSED = 13
    SILENT = 14
    SCALE_CHANGE = 15
    VALUE_OVERFLOW = 16
    ACK_TIMEOUT = 17
    DROPPED = 18
    UNSUBSCRIBED = 19
    MALFORMED = 20
    STALE_SNAPSHOT = 21
    HASH_MISMATCH = 22
    SNAPSHOT_DIFFERS = 23
    # losses of a connection that nobody asked for
    CONNECT_FAILED = 30
    REMOTE_CLOSED = 31
    RESET = 32
    IDLE = 33
    PING_TIMEOUT = 34
    PROTOCOL_ERROR = 35
    TLS_FAILED = 36
    FRAME_TOO_LARGE = 37
    LIVENESS = 38
    # planned ends of a connection
    SHUTDOWN = 50
    CLOCK_REFRESH = 51
    SESSION_AGE = 52
    UNIVERSE_CHANGE = 53
    VENUE_NOTICE = 54
    RECORDING_END = 55


PLANNED: Final = frozenset(
    {
        Reason.SHUTDOWN,
        Reason.CLOCK_REFRESH,
        Reason.SESSION_AGE,
        Reason.UNIVERSE_CHANGE,
        Reason.VENUE_NOTICE,
        Reason.RECORDING_END,
    }
)
"""Reasons of the planned class: they do not trip the "no reconnect" gate."""


class Row(NamedTuple):
    """One 64-byte row. i8 fields hold NULL where nothing was told."""

    ts_recv_ns: int
    ts_venue_ns: int
    seq: int
    price: int
    size: int
    aux: int
    instrument: int
    connection: int
    kind: int
    side: int
    flags: int
    epoch: int
    frame: int


class Message(NamedTuple):
    """One 64-byte message. ``first_row`` counts from the start of the buffer it came with."""

    first: int
    last: int
    prev: int
    checksum: int
    ts_venue_ns: int
    frame: int
    instrument: int
    first_row: int
    n_rows: int
    connection: int
    kind: int
    flags: int


def iter_rows(buffer: bytes | bytearray | memoryview) -> Iterator[Row]:
    """The rows of a buffer whose length is a multiple of 64."""
    return map(Row._make, ROW.iter_unpack(buffer))


def iter_messages(buffer: bytes | bytearray | memoryview) -> Iterator[Message]:
    """The messages of a buffer whose length is a multiple of 64."""
    return map(Message._make, MESSAGE.iter_unpack(buffer))


@cache
def row_dtype() -> np.dtype[np.void]:
    """The numpy type of a row, for `numpy.frombuffer`."""
    import numpy as np

    formats = ["<i8"] * 6 + ["<u4", "<u2", "u1", "i1", "<u2", "<u2", "<u4"]
    return np.dtype({"names": list(Row._fields), "formats": formats})


@cache
def message_dtype() -> np.dtype[np.void]:
    """The numpy type of a message, for `numpy.frombuffer`."""
    import numpy as np

    formats = ["<i8"] * 5 + ["<u4"] * 4 + ["<u2", "u1", "u1"]
    offsets = [0, 8, 16, 24, 32, 40, 44, 48, 52, 56, 58, 59]
    names = list(Message._fields)
    return np.dtype({"names": names, "formats": formats, "offsets": offsets, "itemsize": 64})
