"""Recordings of others: the containers that `mm import` reads, each frame with its bytes as recorded.

    raw           one frame a line                                              no receive times
    recorder      {"ts": seconds, "dir": open|out|in|http, "url"?, "raw"?} a line
    log           "<ns since epoch> <frame or REST body>" a line
    headered      {"captured_at", "url"?, ...}, then {"rx_ns", "dir"?, "frame"} a line
    init-updates  {"init": frame, "updates": [frame, ...]}                      no receive times
    tests         {"test" or "kind", "raw"} a line                              no receive times
    body          the whole file is one frame or one REST body                  no receive times

Any of them may be gzipped. `detect` tells which one a file is, `read` gives its items in order. A file
that cannot be read raises StoreError, which names the file and, where there is one, the line.
"""

from __future__ import annotations

import contextlib
import gzip
import itertools
import re
import zlib
from collections.abc import Callable, Generator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Final, Literal, cast

import attrs
import msgspec

from mm_framework.errors import MMError, StoreError
from mm_framework.model.fixed import parse
from mm_framework.model.frame import MAX_FRAME_BYTES, RecordKind

__all__ = ["FORMATS", "Item", "detect", "lines", "read"]

_GZIP: Final = b"\x1f\x8b"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MAX_LINE: Final = 4 * MAX_FRAME_BYTES
"""A frame inside a JSON string may grow by its escapes; longer lines are refused unread."""
_MAX_WHOLE: Final = 1 << 30
_MAX_WALL_NS: Final = 1 << 62
_LOG_LINE: Final = re.compile(rb"([0-9]{15,19}) (\S.*)", re.DOTALL)


@attrs.frozen
class Item:
    """One thing that was recorded.

    ``kind``: OPEN, SENT, FRAME, HTTP, or None where the container does not tell a frame from a REST
    body; of data sets also CONTROL and LOST. ``payload``: its bytes, empty for OPEN, the name of a
    `Reason` for LOST. ``wall_ns``: receive time, ns since the epoch, None without one. ``url``: as far as
    the container tells. ``line``: of the file, from 1; 0 when the file has no lines.
    """

    kind: RecordKind | None
    payload: bytes
    wall_ns: int | None = None
    url: str | None = None
    line: int = 0


class _BadLine(Exception):
    """What is wrong with a line, without its place."""


def read(path: Path, container: str) -> Iterator[Item]:
    """The items of a file in order; ``container`` is one of FORMATS. Raises StoreError."""
    items = _whole_file(path, container) if container in _WHOLE else _line_by_line(path, container)
    for item in items:
        where = f"{path}, line {item.line}" if item.line else str(path)
        if len(item.payload) > MAX_FRAME_BYTES:
            raise StoreError(
                f"{where}: a frame of {len(item.payload)} bytes, at most {MAX_FRAME_BYTES}", path=path
            )
        if item.wall_ns is not None and not 0 <= item.wall_ns < _MAX_WALL_NS:
            raise StoreError(
                f"{where}: receive time {item.wall_ns} ns, expected one from 1970 to 2116", path=path
            )
        yield item


def _line_by_line(path: Path, container: str) -> Iterator[Item]:
    parser = _LINES[container]()
    for number, line in lines(path):
        try:
            item = parser(line)
        except (_BadLine, msgspec.DecodeError, UnicodeError, RecursionError, MMError) as error:
            message = f"{path}, line {number}: no line of format {container}: {error}"
            raise StoreError(message, path=path) from None
        if item is not None:
            yield Item(item.kind, item.payload, item.wall_ns, item.url, number)


def _whole_file(path: Path, container: str) -> Iterator[Item]:
    try:
        yield from _WHOLE[container](_content(path))
    except (_BadLine, msgspec.DecodeError, RecursionError) as error:
        raise StoreError(f"{path} is no file of format {container}: {error}", path=path) from None


def detect(path: Path) -> str:
    """Which of FORMATS a file is. Raises StoreError when none fits."""
    with contextlib.closing(lines(path)) as content:
        first = list(itertools.islice(content, 2))
    if not first:
        raise StoreError(f"{path} is empty", path=path)
    line = first[0][1]
    if _LOG_LINE.fullmatch(line):
        return "log"
    try:
        document = msgspec.json.decode(line)
        whole = len(first) == 1
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        document, whole = _whole_document(path), True
    if not isinstance(document, dict | list):
        raise _none_fits(path)
    keys = document.keys() if isinstance(document, dict) else set()
    for container, alternatives in _SIGNS.items():
        if any(keys >= needed for needed in alternatives):
            return container
    return "body" if whole else "raw"


def _whole_document(path: Path) -> object:
    try:
        return msgspec.json.decode(_content(path))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise _none_fits(path) from None


def _none_fits(path: Path) -> StoreError:
    return StoreError(
        f"{path} is in none of the formats {', '.join(FORMATS)}: its first line is neither JSON nor a time"
        " and a frame, and the file as a whole is no JSON document; --format names one",
        path=path,
    )


_SIGNS: Final[dict[str, list[set[str]]]] = {
    "recorder": [{"ts", "dir"}],
    "headered": [{"captured_at"}],
    "tests": [{"test", "raw"}, {"kind", "raw"}],
    "init-updates": [{"init", "updates"}],
}


class _RecorderLine(msgspec.Struct):
    ts: msgspec.Raw
    dir: Literal["open", "out", "in", "http"]
    url: str | None = None
    raw: str | None = None


class _Recorder:
    """Container R: ``ts`` is decimal text in seconds, ``raw`` the exact text as a JSON string."""

    kinds: Final = {
        "open": RecordKind.OPEN,
        "out": RecordKind.SENT,
        "in": RecordKind.FRAME,
        "http": RecordKind.HTTP,
    }

    def __call__(self, line: bytes) -> Item:
        row = msgspec.json.decode(line, type=_RecorderLine)
        kind = self.kinds[row.dir]
        if row.raw is None and kind is not RecordKind.OPEN:
            raise _BadLine(f"a line of direction {row.dir} without raw")
        payload = b"" if kind is RecordKind.OPEN else (row.raw or "").encode()
        seconds = str(row.ts, "utf-8").strip('"')
        return Item(kind, payload, parse(seconds, 9), row.url)


class _HeaderLine(msgspec.Struct):
    captured_at: str
    url: str | None = None


class _HeaderedLine(msgspec.Struct):
    rx_ns: int
    frame: msgspec.Raw
    dir: Literal["tx", "rx"] = "rx"


class _Headered:
    """Wall time = ``captured_at`` of the header plus the monotonic time since the first line."""

    def __init__(self) -> None:
        self.captured_ns: int | None = None
        self.first_ns: int | None = None

    def __call__(self, line: bytes) -> Item | None:
        if self.captured_ns is None:
            header = msgspec.json.decode(line, type=_HeaderLine)
            self.captured_ns = _iso_ns(header.captured_at)
            return Item(RecordKind.OPEN, b"", self.captured_ns, header.url)
        row = msgspec.json.decode(line, type=_HeaderedLine)
        self.first_ns = row.rx_ns if self.first_ns is None else self.first_ns
        kind = RecordKind.SENT if row.dir == "tx" else RecordKind.FRAME
        return Item(kind, bytes(row.frame), self.captured_ns + row.rx_ns - self.first_ns)


class _Log:
    """Container L: frames and REST bodies are not told apart."""

    def __call__(self, line: bytes) -> Item:
        match = _LOG_LINE.fullmatch(line)
        if match is None:
            raise _BadLine(f"found {line[:40]!r}, expected nanoseconds since the epoch, a space and a frame")
        return Item(None, match[2], int(match[1]))


class _Raw:
    """Container P: whatever the line holds is the frame."""

    def __call__(self, line: bytes) -> Item:
        return Item(RecordKind.FRAME, line)


class _TestLine(msgspec.Struct):
    raw: str
    test: str | None = None
    kind: str | None = None


class _Tests:
    """A ``kind`` that begins with ``rest`` is a REST body; otherwise the line does not tell."""

    def __call__(self, line: bytes) -> Item:
        row = msgspec.json.decode(line, type=_TestLine)
        if row.test is None and row.kind is None:
            raise _BadLine("neither test nor kind beside raw")
        rest = row.kind is not None and row.kind.startswith("rest")
        return Item(RecordKind.HTTP if rest else None, row.raw.encode())


class _InitUpdates(msgspec.Struct):
    init: msgspec.Raw
    updates: list[msgspec.Raw]


def _init_updates(content: bytes) -> Iterator[Item]:
    file = msgspec.json.decode(content, type=_InitUpdates)
    for frame in (file.init, *file.updates):
        yield Item(RecordKind.FRAME, bytes(frame))


def _body(content: bytes) -> Iterator[Item]:
    stripped = content.strip()
    if not stripped:
        raise _BadLine("the file is empty")
    yield Item(None, stripped)


_LINES: Final[dict[str, Callable[[], Callable[[bytes], Item | None]]]] = {
    "raw": _Raw,
    "recorder": _Recorder,
    "log": _Log,
    "headered": _Headered,
    "tests": _Tests,
}
_WHOLE: Final[dict[str, Callable[[bytes], Iterator[Item]]]] = {
    "init-updates": _init_updates,
    "body": _body,
}

FORMATS: Final = ("raw", "recorder", "log", "headered", "init-updates", "tests", "body")


def _iso_ns(written: str) -> int:
    try:
        moment = datetime.fromisoformat(written)
    except ValueError:
        raise _BadLine(f"captured_at is {written[:40]!r}, expected an ISO 8601 time") from None
    if moment.tzinfo is None:
        raise _BadLine(f"captured_at {written} has no offset from UTC")
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def lines(path: Path) -> Generator[tuple[int, bytes], None, None]:
    """``(number, line)`` of the lines that are not blank, without their ends."""
    with _opened(path) as file:
        number = 0
        while line := file.readline(_MAX_LINE + 1):
            number += 1
            if len(line) > _MAX_LINE:
                raise StoreError(f"{path}, line {number}: longer than {_MAX_LINE} bytes", path=path)
            line = line.rstrip(b"\r\n")
            if line.strip():
                yield number, line


def _content(path: Path) -> bytes:
    with _opened(path) as file:
        content = file.read(_MAX_WHOLE + 1)
    if len(content) > _MAX_WHOLE:
        raise StoreError(f"{path} is over {_MAX_WHOLE} bytes: too large to be one document", path=path)
    return content


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The file's bytes, unzipped where it is gzip; whatever goes wrong is a StoreError."""
    try:
        with path.open("rb") as file:
            if file.peek(len(_GZIP))[: len(_GZIP)] == _GZIP:
                with gzip.open(file) as unzipped:
                    yield cast("IO[bytes]", unzipped)
            else:
                yield file
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise StoreError(f"{path} is a damaged gzip file: {error}", path=path) from None
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}", path=path) from None
