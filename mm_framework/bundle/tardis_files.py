"""Files of Tardis.dev, plain or gzipped, as groups of lines; see `formats.tardis` for their columns."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Generator, Iterator
from functools import partial
from pathlib import Path
from typing import Final

from mm_framework.bundle.containers import lines
from mm_framework.bundle.datasets import DataFile, Group
from mm_framework.errors import ConfigError, StoreError
from mm_framework.formats.tardis import BOOK, BOOK_COLUMNS, TARDIS, TRADE_COLUMNS, TRADES

__all__ = ["tardis_files"]

_KINDS: Final = {BOOK_COLUMNS.encode(): (BOOK, "book"), TRADE_COLUMNS.encode(): (TRADES, "trade")}
_WIDTH: Final = 8


def tardis_files(paths: list[Path]) -> tuple[list[DataFile], str]:
    """The files by their headers, and the exchange that all are of. Raises StoreError, ConfigError."""
    files, exchanges = [], {}
    for path in paths:
        with contextlib.closing(lines(path)) as content:
            head = [line for _, line in itertools.islice(content, 2)]
        kind, carries = _kind(path, head[0] if head else b"")
        if len(head) < 2:
            raise StoreError(f"{path} has no lines but its header", path=path)
        exchanges[head[1].partition(b",")[0].decode("ascii", "replace")] = path
        files.append(DataFile(path, TARDIS, kind, kind, carries, partial(_groups, path, kind)))
    if len(exchanges) > 1:
        (one, first), (other, second), *_ = exchanges.items()
        raise ConfigError(
            f"{first} is of {one} and {second} of {other}: import them as two runs", key="files"
        )
    return files, next(iter(exchanges))


def _kind(path: Path, header: bytes) -> tuple[str, str]:
    found = _KINDS.get(header.removeprefix(b"\xef\xbb\xbf"))
    if found is None:
        raise StoreError(
            f"{path}: found the header {header[:120].decode('ascii', 'replace')!r}, expected that of"
            f" {BOOK} ({BOOK_COLUMNS}) or {TRADES} ({TRADE_COLUMNS})",
            path=path,
        )
    return found


def _groups(path: Path, kind: str) -> Iterator[Group]:
    """Lines of a symbol and a receive time; lines of a snapshot are one message whatever their times."""
    updated: set[bytes] = set()
    with contextlib.closing(lines(path)) as content:
        for key, group in itertools.groupby(_rows(path, kind, content), key=lambda row: row[0]):
            _, symbol, snapshot, _ = key
            rows = list(group)
            restart = snapshot and symbol in updated
            if snapshot:
                updated.discard(symbol)
            else:
                updated.add(symbol)
            yield Group(
                symbol=symbol.decode("ascii", "replace"),
                time_ns=rows[-1][1] * 1000,
                payload=b"\n".join(row[3] for row in rows),
                line=rows[0][2],
                restart=restart,
            )


_Key = tuple[bytes, bytes, bool, bytes]


def _rows(
    path: Path, kind: str, content: Generator[tuple[int, bytes], None, None]
) -> Iterator[tuple[_Key, int, int, bytes]]:
    """``(key, receive time in us, line number, line)`` of each line behind the header."""
    exchange: bytes | None = None
    next(content)
    for number, line in content:
        cells = line.split(b",")
        if len(cells) != _WIDTH:
            raise StoreError(f"{path}, line {number}: {len(cells)} columns, expected {_WIDTH}", path=path)
        exchange = cells[0] if exchange is None else exchange
        if not cells[3].isdigit() or len(cells[3]) > 16 or not cells[1] or cells[0] != exchange:
            raise StoreError(
                f"{path}, line {number}: found {line[:60].decode('ascii', 'replace')!r}, expected exchange"
                f" {exchange.decode('ascii', 'replace')}, a symbol and a local_timestamp in microseconds",
                path=path,
            )
        snapshot = kind == BOOK and _is_true(path, number, cells[4])
        same = b"" if snapshot else b",".join(cells[2:4] if kind == BOOK else cells[3:4])
        yield (cells[0], cells[1], snapshot, same), int(cells[3]), number, line


def _is_true(path: Path, number: int, cell: bytes) -> bool:
    if cell not in (b"true", b"false"):
        raise StoreError(
            f"{path}, line {number}: is_snapshot is {cell[:40].decode('ascii', 'replace')!r},"
            " expected true or false",
            path=path,
        )
    return cell == b"true"
