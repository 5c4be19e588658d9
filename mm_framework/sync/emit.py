"""The output buffers of `Feed`: rows and messages packed as they come, one message a group of rows.

The contract of ``Feed.feed`` is that its output is valid until the next call; compiled paths will
show their buffers themselves, this reference path hands out copies.
"""

from __future__ import annotations

from collections.abc import Sequence

from mm_framework.model.events import MESSAGE, NULL, ROW, Kind, MessageFlag, RowFlag

__all__ = ["Emitter", "Entry"]

Entry = tuple[int, int, int, int, int]
"""``(kind, side, price, size, aux)`` of a row."""


class Emitter:
    """Packs groups. The record's context (`at`) is set once a record; `seq` counts messages."""

    __slots__ = (
        "_connection",
        "_frame",
        "_messages",
        "_mono_ns",
        "_rows",
        "_ts_recv_ns",
        "mono_ns",
        "n_messages",
        "n_rows",
        "seq",
    )

    def __init__(self) -> None:
        self._rows = bytearray(64 * 256)
        self._messages = bytearray(64 * 64)
        self.mono_ns: list[int] = []
        self.n_rows = self.n_messages = self.seq = 0
        self.at(0, NULL, 0, 0)

    def clear(self) -> None:
        """Start the next output; the sequence goes on."""
        self.n_rows = self.n_messages = 0
        self.mono_ns = []

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
        self._reserve(n)
        position, pack, buffer = first_row * 64, ROW.pack_into, self._rows
        recv, seq, connection, frame = self._ts_recv_ns, self.seq, self._connection, self._frame
        remaining = n
        for row_kind, side, price, size, aux in entries:
            ts = times[n - remaining] if times else ts_venue_ns
            remaining -= 1
            row_flags = flags if ts != NULL else flags | RowFlag.NO_VENUE_TIME
            pack(
                buffer, position, recv, ts, seq, price, size, aux, instrument, connection,
                row_kind, side, row_flags if remaining else row_flags | RowFlag.LAST, epoch, frame,
            )  # fmt: skip
            position += 64
        MESSAGE.pack_into(
            self._messages, self.n_messages * 64, first, last, prev, checksum, ts_venue_ns, frame,
            instrument, first_row, n, connection, kind, _message_flags(flags, checksum),
        )  # fmt: skip
        self.mono_ns.append(self._mono_ns)
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
        return memoryview(bytes(memoryview(self._rows)[: self.n_rows * 64]))

    def messages(self) -> memoryview:
        """The messages since `clear`, 64 bytes each."""
        return memoryview(bytes(memoryview(self._messages)[: self.n_messages * 64]))

    def _reserve(self, n: int) -> None:
        if (self.n_rows + n) * 64 > len(self._rows):
            self._rows.extend(bytes(max(len(self._rows), n * 64)))
        if (self.n_messages + 1) * 64 > len(self._messages):
            self._messages.extend(bytes(len(self._messages)))


def _message_flags(flags: int, checksum: int) -> int:
    result = 0
    if flags & RowFlag.SNAPSHOT:
        result |= MessageFlag.SNAPSHOT
    if flags & RowFlag.UNTRUSTED:
        result |= MessageFlag.UNTRUSTED
    if checksum != NULL:
        result |= MessageFlag.HAS_CHECKSUM
    return result
