"""The output buffers of `Feed`: rows and messages packed as they come, one message a group of rows.

What `Emitter` shows are views of its buffers, valid until the next group; compiled kernels write into
the same ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from mm_framework.model.events import MESSAGE, NULL, ROW, Kind, MessageFlag, RowFlag

__all__ = ["Emitter", "Entry", "Memory"]

_NO_VENUE_TIME: Final = int(RowFlag.NO_VENUE_TIME)
_LAST: Final = int(RowFlag.LAST)

Entry = tuple[int, int, int, int, int]
"""``(kind, side, price, size, aux)`` of a row."""


class Memory(Protocol):
    """A buffer of a fixed size that somebody allocated."""

    @property
    def view(self) -> memoryview:
        """Its bytes."""
        ...


class _Plain:
    """Memory of Python's own."""

    def __init__(self, size: int) -> None:
        self.view = memoryview(bytearray(size))


class Emitter:
    """Packs groups. The record's context (`at`) is set once a record; `seq` counts messages.

    ``allocate`` makes the buffers: ``row_memory``, ``message_memory`` (64 bytes each) and
    ``stamp_memory`` (8 bytes a message: the mono_ns of its record).
    """

    __slots__ = (
        "_allocate",
        "_connection",
        "_frame",
        "_messages",
        "_mono_ns",
        "_rows",
        "_stamps",
        "_ts_recv_ns",
        "message_memory",
        "n_messages",
        "n_rows",
        "row_memory",
        "seq",
        "stamp_memory",
    )

    def __init__(self, allocate: Callable[[int], Memory] = _Plain) -> None:
        self._allocate = allocate
        self.n_rows = self.n_messages = self.seq = 0
        self._take_rows(allocate(64 * 256))
        self._take_messages(allocate(64 * 64), allocate(8 * 64))
        self.at(0, NULL, 0, 0)

    def clear(self) -> None:
        """Start the next output; the sequence goes on."""
        self.n_rows = self.n_messages = 0

    def at(self, mono_ns: int, ts_recv_ns: int, connection: int, frame: int) -> None:
        """The record that the next groups belong to."""
        self._mono_ns, self._ts_recv_ns = mono_ns, ts_recv_ns
        self._connection, self._frame = connection, frame

    def group(
        self,
        kind: int,
        instrument: int,
        epoch: int,
        entries: Sequence[Entry],
        *,
        flags: int = 0,
        first: int = NULL,
        last: int = NULL,
        prev: int = NULL,
        checksum: int = NULL,
        ts_venue_ns: int = NULL,
        times: Sequence[int] = (),
    ) -> None:
        """Append one message and its rows; the last row gets LAST. ``times``: venue times of the rows,
        where they differ; else all have that of the message.
        """
        first_row, n = self.n_rows, len(entries)
        flags = int(flags)  # a row's flags are ored as integers, which enums are slow at
        self.reserve(n)
        position, pack, buffer = first_row * 64, ROW.pack_into, self._rows
        recv, seq, connection, frame = self._ts_recv_ns, self.seq, self._connection, self._frame
        remaining = n
        for row_kind, side, price, size, aux in entries:
            ts = times[n - remaining] if times else ts_venue_ns
            remaining -= 1
            row_flags = flags if ts != NULL else flags | _NO_VENUE_TIME
            pack(
                buffer, position, recv, ts, seq, price, size, aux, instrument, connection,
                row_kind, side, row_flags if remaining else row_flags | _LAST, epoch, frame,
            )  # fmt: skip
            position += 64
        MESSAGE.pack_into(
            self._messages, self.n_messages * 64, first, last, prev, checksum, ts_venue_ns, frame,
            instrument, first_row, n, connection, kind, _message_flags(flags, checksum),
        )  # fmt: skip
        self._stamps[self.n_messages] = self._mono_ns
        self.n_rows += n
        self.n_messages += 1
        self.seq += 1

    def event(
        self, kind: Kind, instrument: int, epoch: int, price: int, size: int, aux: int, *, flags: int = 0
    ) -> None:
        """Append an event of ours: a message of one row."""
        self.group(kind, instrument, epoch, [(kind, 0, price, size, aux)], flags=flags)

    def rows(self) -> memoryview:
        """The rows since `clear`, 64 bytes each."""
        return self._rows[: self.n_rows * 64]

    def messages(self) -> memoryview:
        """The messages since `clear`, 64 bytes each."""
        return self._messages[: self.n_messages * 64]

    def stamps(self) -> memoryview:
        """The mono_ns of each message's record, int64."""
        return self._stamps[: self.n_messages]

    def reserve(self, rows: int, messages: int = 1) -> None:
        """Make room for so many more, in other buffers if need be; what was written goes with them."""
        if (self.n_rows + rows) * 64 > len(self._rows):
            written = self.rows()
            self._take_rows(self._allocate(2 * max(len(self._rows), rows * 64)))
            self._rows[: len(written)] = written
        if (self.n_messages + messages) * 64 > len(self._messages):
            written, stamps = self.messages(), self.stamps()
            size = 2 * max(len(self._messages), messages * 64)
            self._take_messages(self._allocate(size), self._allocate(size // 8))
            self._messages[: len(written)] = written
            self._stamps[: len(stamps)] = stamps

    def _take_rows(self, memory: Memory) -> None:
        self.row_memory, self._rows = memory, memory.view

    def _take_messages(self, memory: Memory, stamps: Memory) -> None:
        self.message_memory, self._messages = memory, memory.view
        self.stamp_memory, self._stamps = stamps, stamps.view.cast("q")


def _message_flags(flags: int, checksum: int) -> int:
    result = 0
    if flags & RowFlag.SNAPSHOT:
        result |= MessageFlag.SNAPSHOT
    if flags & RowFlag.UNTRUSTED:
        result |= MessageFlag.UNTRUSTED
    if checksum != NULL:
        result |= MessageFlag.HAS_CHECKSUM
    return result
