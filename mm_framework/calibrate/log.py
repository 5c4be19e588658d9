"""The calibration logs on disk: one writer thread, one file a UTC day and kind, one record a line.

    add(line) -> queue -> thread -> one write of many whole lines -> file of its day

A kill or a power cut may come in the middle of a write and leave a last line without its end: readers skip
it, and it is cut off when the file is opened again. One process at a time writes a folder.
"""

from __future__ import annotations

import os
import queue
import threading
from pathlib import Path
from typing import Final

from mm_framework.bundle.disk import FolderLock, writing
from mm_framework.calibrate.lines import FILLS, RUNS, TICKS, FillLine, RunLine, TickLine, encode, file_name
from mm_framework.errors import MMError

__all__ = ["CalibrationLog"]

_BATCH: Final = 512
_BLOCK: Final = 1 << 16
_ROOM: Final = 100_000
"""Lines that may wait for a slow disk; then `CalibrationLog.add` waits, too."""


class CalibrationLog:
    """Logs below ``folder``. `add` may be called from any thread; `close` writes what waits.

    Raises EnvironmentFailed where the folder cannot be made, or another process writes it; what fails later
    is raised by the next call.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self._lock = FolderLock(folder)
        self._queue: queue.Queue[FillLine | TickLine | RunLine | None] = queue.Queue(_ROOM)
        self._files: dict[str, tuple[str, int]] = {}
        self._error: MMError | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="calibration-log", daemon=True)
        self._thread.start()

    def add(self, line: FillLine | TickLine | RunLine) -> None:
        """Log a record. Raises what an earlier write met."""
        if self._error is not None:
            raise self._error
        self._queue.put(line)

    def close(self) -> None:
        """All lines are in their files when this returns; a second call does nothing."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        self._thread.join()
        for _, file in self._files.values():
            os.close(file)
        self._files.clear()
        self._lock.release()
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        going = True
        while going:
            lines = [self._queue.get()]
            while len(lines) < _BATCH and not self._queue.empty():
                lines.append(self._queue.get_nowait())
            going = lines[-1] is not None
            if self._error is None:
                try:
                    self._write([line for line in lines if line is not None])
                except MMError as error:
                    self._error = error

    def _write(self, lines: list[FillLine | TickLine | RunLine]) -> None:
        """Whole lines, one write for each run of them that shares a file."""
        waiting: dict[str, list[bytes]] = {}
        for line in lines:
            waiting.setdefault(self._name(line), []).append(encode(line))
        for name, texts in waiting.items():
            with writing(self.folder / name):
                _write_all(self._file(name), b"".join(texts))

    def _name(self, line: FillLine | TickLine | RunLine) -> str:
        if isinstance(line, RunLine):
            return RUNS
        return file_name(FILLS if isinstance(line, FillLine) else TICKS, line.ts)

    def _file(self, name: str) -> int:
        """The open file of a name; those of the same kind that are of another day are closed."""
        kind = name.rpartition("_")[0] or name
        opened, file = self._files.get(kind, ("", -1))
        if opened != name:
            if file >= 0:
                os.close(file)
            file = os.open(self.folder / name, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            self._files[kind] = (name, file)
            _cut_torn_line(file)
        return file


def _cut_torn_line(file: int) -> None:
    """Shorten a file to the end of its last whole line."""
    end = size = os.fstat(file).st_size
    while end:
        begin = max(0, end - _BLOCK)
        os.lseek(file, begin, os.SEEK_SET)
        found = os.read(file, end - begin).rfind(b"\n")
        if found >= 0:
            end = begin + found + 1
            break
        end = begin
    if end < size:
        os.ftruncate(file, end)


def _write_all(file: int, data: bytes) -> None:
    while data:
        data = data[os.write(file, data) :]
