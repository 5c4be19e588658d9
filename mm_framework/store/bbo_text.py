"""A CSV of best prices as text: its header, its columns, the lines that do not fit.

    for columns in BboText(path).batches(): columns["bid"]        # pyarrow strings

Nothing is turned into numbers here: the store reads exact integers from the text, the check of a file
floats. A file is streamed; one that unpacks to far more than it holds is refused.
"""

from __future__ import annotations

import codecs
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from pyarrow import csv

from mm_framework.bundle.bbo_columns import BBO_COLUMNS
from mm_framework.errors import EnvironmentFailed, StoreError
from mm_framework.store.unpack import Unpacking

__all__ = ["EARLIER_COLUMNS", "BboText", "Utf8", "header_of"]

EARLIER_COLUMNS: Final = (
    "capture_time_utc",
    "recv_ts_ms",
    "exchange_ts",
    "symbol",
    "bid",
    "ask",
    "bid_qty",
    "ask_qty",
    "data_age_ms",
)
"""Of the 11 columns of earlier files those that mean something; two more follow and are ignored."""

BLOCK_BYTES: Final = 1 << 20
_HEADER_BYTES: Final = 4096
_MOST_BAD_LINES: Final = 100_000
"""With more of them than of others a file is no CSV of these columns, and reading on is of no use."""


class BboText:
    """One file. ``bad_lines`` and ``rows`` grow while `batches` runs.

    ``earlier``: it has the 11 columns. ``bad_lines``: lines with another number of cells.
    Raises StoreError when the first line is no header of such a file, EnvironmentFailed without access.
    """

    def __init__(self, path: Path, limits: Unpacking | None = None) -> None:
        self.path = path
        self._limits = limits or Unpacking()
        self.rows = self.bad_lines = 0
        self.header = header_of(path)
        if self.header == BBO_COLUMNS:
            self.earlier = False
        elif len(self.header) == len(EARLIER_COLUMNS) + 2 and set(EARLIER_COLUMNS) <= set(self.header):
            self.earlier = True
        else:
            missing = sorted(set(BBO_COLUMNS) - set(self.header))
            raise StoreError(
                f"{path} is no file of best prices: expected the columns {','.join(BBO_COLUMNS)} (or the 11"
                f" of earlier files), missing are {','.join(missing) or 'none, but the order differs'}",
                path=path,
            )

    def batches(self) -> Iterator[dict[str, Any]]:
        """Columns by name, as Arrow strings, in order. Raises StoreError when the file cannot be read on."""
        self.rows = self.bad_lines = 0
        for batch in self._read():
            if len(batch):
                self.rows += len(batch)
                yield {name: _text(batch.column(name)) for name in self.header}

    def _read(self) -> Iterator[Any]:
        convert = csv.ConvertOptions(
            column_types=dict.fromkeys(self.header, pa.binary()), strings_can_be_null=False
        )
        parse = csv.ParseOptions(invalid_row_handler=self._skip)
        read = csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False)
        try:
            with self._limits.open(self.path) as stream:
                yield from csv.open_csv(pa.PythonFile(Utf8(stream), mode="r"), read, parse, convert)
        except pa.ArrowInvalid as error:
            raise StoreError(f"{self.path} cannot be read: {error}", path=self.path) from None
        except OSError as error:
            raise StoreError(
                f"{self.path} cannot be read to its end: {error.strerror or error}", path=self.path
            ) from None

    def _skip(self, row: Any) -> str:
        self.bad_lines += 1
        return "error" if self.bad_lines > max(_MOST_BAD_LINES, self.rows) else "skip"


class Utf8:
    """A stream for reading whose bytes are UTF-8: ``?`` stands for each byte that is not.

    The reader of CSV cannot tell of a bad line that is no text.
    """

    closed = False

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

    def read(self, size: int = -1) -> bytes:
        """At most ``size`` bytes, none at the end. Raises OSError."""
        while True:
            held, _ = self._decoder.getstate()
            block = self._stream.read(size - len(held) if size > len(held) else size)
            if not held and block.isascii():
                return bytes(block)
            text = self._decoder.decode(block, final=not block)
            if text or not block:
                return text.encode("utf-8", "replace")


def header_of(path: Path) -> tuple[str, ...]:
    """The cells of a file's first line. Raises StoreError, EnvironmentFailed."""
    if path.is_dir():
        raise StoreError(f"{path} is a folder, expected a CSV file of best prices", path=path)
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            start = stream.read(_HEADER_BYTES)
    except FileNotFoundError:
        raise StoreError(f"there is no file {path}", path=path) from None
    except PermissionError as error:
        raise EnvironmentFailed(f"cannot read {path}: {error.strerror}") from error
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}", path=path) from None
    line = bytes(start).partition(b"\n")[0].rstrip(b"\r")
    return tuple(line.decode(errors="replace").removeprefix("\ufeff").split(","))


def _text(cells: Any) -> Any:
    """A column as text; bytes that are no UTF-8 become marks."""
    with contextlib.suppress(pa.ArrowInvalid):
        return cells.cast(pa.string())
    return pa.array([cell.decode(errors="replace") for cell in cells.to_pylist()], pa.string())
