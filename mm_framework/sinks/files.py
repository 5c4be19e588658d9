"""Files that only grow, in whole pieces: plain text, and gzip as independent members.

A piece is closed when it holds ``max_rows`` lines, or by the first record that is stamped ``max_age_ns``
or more after its first line: a function of lines and their times, never of when somebody flushed. Each
piece is handed to the operating system in one write, so that a kill loses at most the one that was open;
what a kill tears off is cut away when the file is opened again.
"""

from __future__ import annotations

import contextlib
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import attrs
import msgspec

from mm_framework.bundle.disk import writing
from mm_framework.errors import StoreError

__all__ = ["MemberFile", "TextFile", "gzip_text", "line_number", "read_tail"]

GZIP_LEVEL: Final = 6
_READ_BYTES: Final = 1 << 20
MEMBER_BYTES: Final = 256 << 20
"""What a member may unpack to; those that are written here hold some hundred lines."""


@attrs.frozen
class Tail:
    """How a file ends. ``whole_bytes``: up to the end of its last whole piece; ``last``: its last line,
    without the line feed, None when it has none.
    """

    whole_bytes: int
    last: str | None


class TextFile:
    """A plain text file. A new one unless ``append``. Raises EnvironmentFailed, also when it exists."""

    def __init__(
        self, path: Path, *, append: bool = False, max_rows: int = 500, max_age_ns: int = 10**9
    ) -> None:
        self.path = path
        self._lines: list[str] = []
        self._first_ns: int | None = None
        self._max_rows, self._max_age_ns = max_rows, max_age_ns
        with writing(path):
            self._file = path.open("ab" if append else "xb", buffering=0)
            self._size = self._file.tell()

    @property
    def due_ns(self) -> int | None:
        """When the open piece is to be closed at the latest; None when none is open."""
        return None if self._first_ns is None else self._first_ns + self._max_age_ns

    def add(self, line: str, now_ns: int) -> None:
        """Add a line of a record stamped ``now_ns``; it ends with its line feed."""
        if self._first_ns is not None and now_ns - self._first_ns >= self._max_age_ns:
            self.flush()
        if self._first_ns is None:
            self._first_ns = now_ns
        self._lines.append(line)
        if len(self._lines) >= self._max_rows:
            self.flush()

    def flush_if_due(self, now_ns: int) -> None:
        """Time goes on: close the open piece if it is over."""
        if self._first_ns is not None and now_ns - self._first_ns >= self._max_age_ns:
            self.flush()

    def flush(self) -> None:
        """Hand the open piece to the operating system, whole or not at all."""
        if not self._lines:
            return
        data = self._encode("".join(self._lines).encode())
        self._lines, self._first_ns = [], None
        try:
            written = self._file.write(data)
            while written < len(data):
                written += self._file.write(data[written:])
        except OSError as error:
            with contextlib.suppress(OSError):
                self._file.truncate(self._size)
            with writing(self.path):
                raise error
        self._size += len(data)

    def close(self) -> None:
        """Flush and close; a second call does nothing."""
        if self._file.closed:
            return
        try:
            self.flush()
        finally:
            self._file.close()

    def discard(self) -> None:
        """Close and remove the file."""
        self._file.close()
        with writing(self.path):
            self.path.unlink(missing_ok=True)

    def _encode(self, data: bytes) -> bytes:
        return data


class MemberFile(TextFile):
    """A gzip file whose pieces are members, each readable by itself."""

    def _encode(self, data: bytes) -> bytes:
        return gzip.compress(data, GZIP_LEVEL, mtime=0)


def read_tail(path: Path) -> Tail:
    """How a file of `TextFile` or (``.gz``) `MemberFile` ends; reads it whole. Raises EnvironmentFailed."""
    with writing(path):
        pieces = _members(path) if path.suffix == ".gz" else _lines(path)
        whole, last = 0, b""
        for end, data in pieces:
            whole = end
            last = data.rpartition(b"\n")[0].rpartition(b"\n")[2] or last
    return Tail(whole, last.decode() if last else None)


def line_number(line: str, key: str) -> int:
    """A whole number of an NDJSON line that this module's files hold; 0 when it is none."""
    try:
        value = msgspec.json.decode(line, type=dict[str, msgspec.Raw])[key]
        return msgspec.json.decode(value, type=int)
    except (msgspec.DecodeError, KeyError):
        return 0


def gzip_text(path: Path) -> Iterator[str]:
    """The lines of a gzip file, without line feeds; a torn last member is left out. Raises OSError."""
    rest = b""
    for _, data in _members(path):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield line.decode()


def _members(path: Path) -> Iterator[tuple[int, bytes]]:
    """``(end in the file, content)`` of each whole member; what follows the last of them is left out."""
    with path.open("rb") as file:
        position, size, pending = 0, 0, b""
        inflate, parts = zlib.decompressobj(31), []
        while True:
            if not pending:
                pending = file.read(_READ_BYTES)
                if not pending:
                    return
            try:
                parts.append(inflate.decompress(pending, MEMBER_BYTES - size + 1))
            except zlib.error:
                return
            size += len(parts[-1])
            if size > MEMBER_BYTES:
                raise StoreError(
                    f"{path} holds a piece of more than {MEMBER_BYTES >> 20} MiB: no recorder writes"
                    " one, so it is not unpacked",
                    path=path,
                )
            if not inflate.eof:
                position, pending = position + len(pending), b""
                continue
            position += len(pending) - len(inflate.unused_data)
            pending = inflate.unused_data
            yield position, b"".join(parts)
            inflate, parts, size = zlib.decompressobj(31), [], 0


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """``(end in the file, line)`` of each whole line."""
    position = 0
    with path.open("rb") as file:
        for line in file:
            position += len(line)
            if line.endswith(b"\n"):
                yield position, line
