"""A rolling NDJSON file: `<name>` grows, is renamed to `<name>.<n>`, and is removed after its time.

``n`` counts up and is never used again while a file with a higher one is there; no line is in two files.
Lines reach the operating system when `flush` is called, and a second after they came at the latest.
"""

from __future__ import annotations

import re
from pathlib import Path

from mm_framework.bundle.disk import writing
from mm_framework.sinks.files import TextFile, line_number, read_tail

__all__ = ["LiveStream"]


class LiveStream:
    """``rotate_ms``: the time that a file covers; ``retain_ms``: how long it is kept then, 0 for ever.

    Times are receive times in ms, as they stand in the lines. What an earlier run left is rotated first.
    """

    def __init__(self, path: Path, rotate_ms: int, retain_ms: int) -> None:
        self.path, self._rotate_ms, self._retain_ms = path, rotate_ms, retain_ms
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        self._kept = _rotated(path)
        self.recv_seq = max((seq for _, _, seq in self._kept), default=0)
        self._number = max((number for number, _, _ in self._kept), default=0)
        self._first_ms: int | None = None
        self._last_ms = 0
        if path.exists():
            tail = read_tail(path)
            with writing(path), path.open("r+b") as file:
                file.truncate(tail.whole_bytes)
            if tail.last is not None:
                self._last_ms, seq = line_number(tail.last, "recv_ms"), line_number(tail.last, "recv_seq")
                self.recv_seq = max(self.recv_seq, seq)
                self._rename()
        self._file = TextFile(path, append=True)

    def add(self, line: str, now_ms: int) -> None:
        """Add a line of a record received at ``now_ms``."""
        if self._first_ms is not None and now_ms - self._first_ms >= self._rotate_ms:
            self._file.close()
            self._rename()
            self._file = TextFile(self.path, append=True)
        if self._first_ms is None:
            self._first_ms = now_ms
            self._forget(now_ms)
        self._last_ms = now_ms
        self._file.add(line, now_ms * 1_000_000)

    def flush(self) -> None:
        """Hand the lines to the operating system."""
        self._file.flush()

    def close(self) -> None:
        """Close the file, which stays as it is."""
        self._file.close()

    def _rename(self) -> None:
        self._number += 1
        with writing(self.path):
            self.path.rename(self.path.with_name(f"{self.path.name}.{self._number}"))
        self._kept.append((self._number, self._last_ms, 0))
        self._first_ms = None

    def _forget(self, now_ms: int) -> None:
        """Remove the files whose time is over."""
        if not self._retain_ms:
            return
        for number, last_ms, _ in self._kept:
            if now_ms - last_ms >= self._retain_ms:
                with writing(self.path):
                    self.path.with_name(f"{self.path.name}.{number}").unlink(missing_ok=True)
        self._kept = [one for one in self._kept if now_ms - one[1] < self._retain_ms]


def _rotated(path: Path) -> list[tuple[int, int, int]]:
    """``(n, receive time of the last line, its recv_seq)`` of the rotated files that are there."""
    pattern = re.compile(re.escape(path.name) + r"\.([0-9]{1,9})")
    found = []
    for one in path.parent.iterdir():
        match = pattern.fullmatch(one.name)
        if match is not None:
            last = read_tail(one).last
            times = (0, 0) if last is None else (line_number(last, "recv_ms"), line_number(last, "recv_seq"))
            found.append((int(match[1]), *times))
    return sorted(found)
