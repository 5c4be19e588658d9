"""Zip files of Binance's public data as groups of lines; see `formats.binance_data` for their columns.

A zip holds one CSV of its own name. A ``.CHECKSUM`` beside it must fit. Nothing is unpacked to disk, no
path in it is used, and one that expands beyond reason is refused unread.
"""

from __future__ import annotations

import contextlib
import itertools
import re
import zipfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Final

from mm_framework.bundle.datasets import DataFile, Group, check_once
from mm_framework.errors import ConfigError, StoreError
from mm_framework.formats.binance_data import CHANNELS, COLUMNS, RISING, TIME_COLUMN, ZIP, time_ns
from mm_framework.model.events import NULL

__all__ = ["KLINES", "Archive", "archive_lines", "binance_files", "check_sum", "market_of"]

KLINES: Final = "klines"
MAX_EXPANSION: Final = 100
"""How often larger than the zip its content may be; true files expand about five to ten times."""

_MAX_LINE: Final = 4096
_NAME: Final = re.compile(
    r"([A-Z0-9]+(?:_[A-Z0-9]+)?)-(aggTrades|trades|bookTicker|(?:1s|[0-9]{1,2}[mhdw]|1mo))-([0-9]{4}-[0-9]{2}(?:-[0-9]{2})?)\.zip"
)
_MARKETS: Final = {"spot": "binance", "um": "binance-usdm", "cm": "binance-coinm"}
_SUM: Final = re.compile(rb"([0-9a-f]{64})[ \t]+\*?(\S+)\s*")


class Archive:
    """A zip as its name tells it: ``BTCUSDT-aggTrades-2026-11-01.zip``, ``BTCUSDT-1m-2026-11.zip``.

    ``kind``: aggTrades, trades, bookTicker or klines; ``interval`` of klines.
    """

    def __init__(self, path: Path) -> None:
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise StoreError(
                f"{path} does not say what is in it: expected a name of Binance's public data, such as"
                " BTCUSDT-aggTrades-2026-11-01.zip",
                path=path,
            )
        self.path, self.symbol, self.date = path, match[1], match[3]
        self.kind = match[2] if match[2] in CHANNELS else KLINES
        self.interval = match[2] if self.kind == KLINES else None


def market_of(paths: list[Path]) -> str:
    """The venue that the folders of files name: ``data/spot/...``, ``data/futures/um/...``.

    Raises ConfigError when they do not.
    """
    found = {_MARKETS[part] for path in paths for part in path.absolute().parts if part in _MARKETS}
    if len(found) != 1:
        raise ConfigError(
            "the files do not say of which market they are: name it with --venue"
            f" ({', '.join(_MARKETS.values())})",
            key="venue",
        )
    return found.pop()


def binance_files(paths: list[Path], venue: str) -> tuple[list[DataFile], str]:
    """The files by their names, and the format that reads them. Raises StoreError, ConfigError."""
    archives = [Archive(path) for path in paths]
    futures = venue in ("binance-usdm", "binance-coinm")
    rising = futures and any(one.kind == "trades" for one in archives)
    container = RISING if rising else ZIP
    files = [
        DataFile(one.path, container, one.kind, *CHANNELS[one.kind], partial(_groups, one))
        for one in archives
    ]
    for symbol in {one.symbol for one in archives}:
        own = [file for file, one in zip(files, archives, strict=True) if one.symbol == symbol]
        check_once(own, {"trades": "trades", "aggTrades": "trades"})
    return files, container


def check_sum(path: Path, sha256: str) -> bool:
    """Whether there is a ``.CHECKSUM`` beside a zip, which then fits. Raises StoreError if it does not."""
    beside = path.with_name(path.name + ".CHECKSUM")
    if not beside.exists():
        return False
    try:
        match = _SUM.fullmatch(beside.read_bytes()[:4096])
    except OSError as error:
        raise StoreError(f"cannot read {beside}: {error.strerror or error}", path=beside) from None
    if match is None or match[2].decode("utf-8", "replace") != path.name:
        raise StoreError(f"{beside}: expected one line, the SHA-256 of {path.name} and its name", path=beside)
    if match[1].decode() != sha256:
        raise StoreError(
            f"{path} has SHA-256 {sha256[:12]}..., its .CHECKSUM says {match[1].decode()[:12]}...: it is"
            " damaged or not complete; fetch it again",
            path=path,
        )
    return True


def archive_lines(archive: Archive) -> Iterator[tuple[int, bytes]]:
    """``(number, line)`` of the CSV behind its header, if it has one. Raises StoreError."""
    path = archive.path
    with _member(path) as file:
        for number in itertools.count(1):
            line = file.readline(_MAX_LINE + 1)
            if not line:
                return
            if len(line) > _MAX_LINE:
                raise StoreError(f"{path}, line {number}: longer than {_MAX_LINE} bytes", path=path)
            line = line.rstrip(b"\r\n")
            if line and not (number == 1 and not line[:1].isdigit()):
                yield number, line


@contextlib.contextmanager
def _member(path: Path) -> Iterator[IO[bytes]]:
    """The one file of a zip; whatever is wrong with it is a StoreError."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_checked(path, archive)) as file:
            yield file
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise StoreError(f"{path} is a damaged zip file: {error}", path=path) from None
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror or error}", path=path) from None


def _checked(path: Path, archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = archive.infolist()
    expected = path.with_suffix(".csv").name
    if len(members) != 1 or members[0].filename != expected:
        found = ", ".join(repr(one.filename[:80]) for one in members[:3]) or "nothing"
        raise StoreError(f"{path} holds {found}, expected {expected} alone", path=path)
    member = members[0]
    if member.flag_bits & 1:
        raise StoreError(f"{path} is encrypted", path=path)
    size = path.stat().st_size
    if member.file_size > MAX_EXPANSION * size:
        raise StoreError(
            f"{path} says that its {size} bytes expand to {member.file_size}: over {MAX_EXPANSION} times,"
            " which no file of prices does",
            path=path,
        )
    return member


def _groups(archive: Archive) -> Iterator[Group]:
    """Lines of one time."""
    for at_ns, group in itertools.groupby(_rows(archive), key=lambda row: row[0]):
        rows = list(group)
        yield Group(archive.symbol, at_ns, b"\n".join(line for _, _, line in rows), rows[0][1])


def _rows(archive: Archive) -> Iterator[tuple[int, int, bytes]]:
    """``(time, number, line)`` of each line."""
    place, widths = TIME_COLUMN[archive.kind], COLUMNS[archive.kind]
    for number, line in archive_lines(archive):
        cells = line.split(b",")
        at_ns = time_ns(cells[place].decode("ascii", "replace")) if len(cells) in widths else NULL
        if at_ns == NULL:
            raise StoreError(
                f"{archive.path}, line {number}: found {line[:60].decode('ascii', 'replace')!r}, expected"
                f" {' or '.join(map(str, widths))} columns of {archive.kind}, column {place + 1} a time",
                path=archive.path,
            )
        yield at_ns, number, line
