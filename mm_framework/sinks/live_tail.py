"""A reader of `live_stream` files for other programs: each line once, in order, over all rotations.

    tail = LiveTail(folder / "live" / "live_trades.ndjson")
    lines = tail.read()          what is new; ask again later

The file that grows is read from where reading ended. A file that was renamed meanwhile is read to its end
first, then those that were renamed after it. Lines carry ``recv_seq``, which grows over restarts, too: one
that was given already is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from mm_framework.sinks.files import line_number

__all__ = ["LiveTail"]


class LiveTail:
    """``path`` is the file that grows, which may not exist yet. ``after``: the last ``recv_seq`` known.

    Read more often than `live_stream_retention_s`: a file that was removed is lost. No file stays open, so
    that rotation works on every system.
    """

    def __init__(self, path: Path, after: int = 0) -> None:
        self.path, self.last_seq = path, after
        self._name = re.compile(re.escape(path.name) + r"\.([0-9]{1,9})")
        self._renamed = 0
        self._offset = 0

    def read(self) -> list[str]:
        """The lines that are new and whole, without their ends. Raises OSError."""
        lines: list[str] = []
        while (number := self._next()) is not None:
            lines += self._news(self._whole(self._numbered(number), self._offset)[0])
            self._renamed, self._offset = number, 0
        found, size = self._whole(self.path, self._offset)
        if not self._numbered(self._renamed + 1).exists():  # it was this file, all the time
            lines += self._news(found)
            self._offset += size
        return lines

    def _next(self) -> int | None:
        """The number of the first renamed file that was not read to its end, None without one."""
        if self._numbered(self._renamed + 1).exists():
            return self._renamed + 1
        highest = max(self._numbers(), default=0)
        if 0 < highest < self._renamed:
            self._renamed = self._offset = 0  # all were removed, and another run counts from 1
        # A list that was made while files were renamed may lack some: each is looked for by its name.
        numbers = range(self._renamed + 1, highest + 1)
        return next((number for number in numbers if self._numbered(number).exists()), None)

    def _numbers(self) -> Iterator[int]:
        """The numbers of renamed files."""
        if self.path.parent.is_dir():
            matches = map(self._name.fullmatch, (one.name for one in self.path.parent.iterdir()))
            yield from (int(match[1]) for match in matches if match is not None)

    def _numbered(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.name}.{number}")

    def _whole(self, path: Path, offset: int) -> tuple[list[str], int]:
        """Whole lines from ``offset`` on, and their bytes; none of a file that is not there (any more)."""
        try:
            with path.open("rb") as file:
                file.seek(offset)
                data = file.read()
        except FileNotFoundError:
            return [], 0
        data = data[: data.rfind(b"\n") + 1]
        return data.decode().split("\n")[:-1], len(data)

    def _news(self, lines: list[str]) -> list[str]:
        """Those that were not given yet."""
        news = []
        for line in lines:
            seq = line_number(line, "recv_seq")
            if seq > self.last_seq:
                self.last_seq = seq
                news.append(line)
        return news
