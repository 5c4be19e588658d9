"""The end of a log that another process is writing: what is new, as blocks of whole, checked records.

    tail = Tail(folder, shard)          from the newest checkpoint on
    while block := tail.read(): ...     empty: nothing new for now; ask again later

A record of which only a part is there is waited for. The next segment is taken up when there is one and
all of this one has been read.
"""

from __future__ import annotations

from pathlib import Path

from mm_framework.bundle.index import load_index
from mm_framework.bundle.segment import (
    CUT_SHORT,
    Cursor,
    Fault,
    SegmentReader,
    open_segment,
    scan,
    segment_files,
    segment_name,
)
from mm_framework.errors import CorruptFrame, EnvironmentFailed, ManifestMismatch
from mm_framework.model.frame import HEADER, RecordKind

__all__ = ["Tail"]

_EMPTY = memoryview(b"")


class Tail:
    """``fault``: what is wrong with the record that is due, if it is there and cannot be read.

    It may yet become whole, where a file shows what is written to it bit by bit; a caller gives up on it
    after some time. Raises ManifestMismatch for a shard without a log.
    """

    def __init__(self, folder: Path, shard: int) -> None:
        self._folder, self._shard = folder, shard
        numbers = [number for found, number, _ in segment_files(folder) if found == shard]
        if not numbers:
            raise ManifestMismatch(f"{folder} has no log of shard {shard}", path=folder)
        self._segment = numbers[-1]
        self._cursor: Cursor | None = None
        while not self._begin(newest=True) and self._segment > numbers[0]:
            self._segment -= 1  # the newest one has been created and not begun
        self.fault: Fault | None = None

    def read(self, size: int = 1 << 20) -> memoryview:
        """The next records, of about ``size`` bytes; a CHECKPOINT always begins a block.

        Raises CorruptFrame for damage in a segment that is over, EnvironmentFailed when the file is gone.
        """
        if self._cursor is None and not self._begin(newest=False):
            return _EMPTY
        over = self._path(self._segment + 1).exists()  # asked first: then nothing more is written to this one
        assert self._cursor is not None
        data = self._bytes(self._cursor, size)
        start = self._cursor
        position, index, mono_ns, wrong = scan(data, 0, start.index, start.mono_ns)
        if position:
            self._cursor, self.fault = Cursor(start.offset + position, index, mono_ns), None
            return data[:position]
        if wrong == CUT_SHORT and len(data) == size:
            return self.read(2 * size)
        if not len(data):
            return self.read(size) if over and self._next() else _EMPTY
        self.fault = None if wrong is None or wrong == CUT_SHORT else self._wrong(wrong, len(data))
        if over:
            raise self._wrong(wrong or CUT_SHORT, len(data)).error()
        return _EMPTY

    def _begin(self, *, newest: bool) -> bool:
        """Find the place to begin in this segment; False while its header is not whole."""
        reader = SegmentReader(self._path(self._segment))
        if reader.header is None:
            return False
        self._cursor = reader.start
        if newest:
            checkpoints = [one for one in load_index(reader) if one.kind == RecordKind.CHECKPOINT]
            self._cursor = checkpoints[-1].cursor if checkpoints else reader.start
        return True

    def _next(self) -> bool:
        """Go on to the next segment; False while its header is not whole."""
        reader = SegmentReader(self._path(self._segment + 1))
        if reader.header is None:
            return False
        assert self._cursor is not None
        if reader.header.first_index != self._cursor.index:
            raise CorruptFrame(
                f"{reader.path} begins with record {reader.header.first_index},"
                f" but the segment before it ends with {self._cursor.index - 1}",
                path=reader.path,
                index=reader.header.first_index,
            )
        self._segment += 1
        self._cursor = Cursor(reader.start.offset, self._cursor.index, self._cursor.mono_ns)
        return True

    def _bytes(self, cursor: Cursor, size: int) -> memoryview:
        path = self._path(self._segment)
        try:
            with open_segment(path) as file:
                file.seek(cursor.offset)
                return memoryview(file.read(max(size, HEADER.size)))
        except OSError as error:
            raise EnvironmentFailed(f"cannot read {path}: {error.strerror or error}") from error

    def _wrong(self, reason: str, left: int) -> Fault:
        assert self._cursor is not None
        cursor = self._cursor
        return Fault(self._path(self._segment), cursor.offset, cursor.index, reason, False, left)

    def _path(self, segment: int) -> Path:
        return self._folder / segment_name(self._shard, segment)
