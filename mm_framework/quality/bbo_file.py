"""Reads CSV files of best prices: the 12 columns of today and the 11 of earlier files.

    for quotes in BboFile(path).batches(): ...

A file is streamed; no cell or line that is damaged stops the reading, it is counted.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from mm_framework.bundle.bbo_columns import BBO_COLUMNS
from mm_framework.errors import EnvironmentFailed, StoreError

__all__ = ["EARLIER_COLUMNS", "BboFile", "Quotes"]

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

Floats = npt.NDArray[np.float64]


@attrs.frozen(eq=False)
class Quotes:
    """Consecutive rows, one array a column; NaN where a cell is empty or cannot be read.

    ``row``: number of each row in the file, from 1. ``symbol``: index in `BboFile.symbols`. Times are
    ms since 1970, ages ms. ``captured``: the texts of ``capture_time_utc``.
    """

    row: npt.NDArray[np.int64]
    symbol: npt.NDArray[np.int32]
    recv_ms: Floats
    venue_ms: Floats
    bid: Floats
    ask: Floats
    bid_qty: Floats
    ask_qty: Floats
    age_ms: Floats
    e2e_ms: Floats
    captured: Any

    def __len__(self) -> int:
        return len(self.row)

    def part(self, rows: slice | npt.NDArray[np.bool_]) -> Quotes:
        """Some of the rows, in order."""
        taken = {name: getattr(self, name)[rows] for name in _ARRAYS}
        captured = self.captured[rows] if isinstance(rows, slice) else self.captured.filter(pa.array(rows))
        return Quotes(**taken, captured=captured)


_ARRAYS: Final = tuple(field.name for field in attrs.fields(Quotes) if field.name != "captured")


class BboFile:
    """One file. Counts grow while `batches` runs.

    ``earlier``: it has the 11 columns. ``rows``; ``bad_lines``: lines with another number of cells;
    ``bad_cells``: cells that cannot be read, by column; ``symbols`` in order of appearance.
    Raises StoreError when the first line is no header of such a file, EnvironmentFailed without access.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows = self.bad_lines = 0
        self.bad_cells: Counter[str] = Counter()
        self.symbols: list[str] = []
        self.header = _header(path)
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

    def batches(self) -> Iterator[Quotes]:
        """All rows in order. Raises StoreError when the file cannot be read on."""
        for batch in self._read():
            if len(batch):
                yield self._quotes(batch)

    def _read(self) -> Iterator[Any]:
        convert = csv.ConvertOptions(
            column_types=dict.fromkeys(self.header, pa.binary()), strings_can_be_null=False
        )
        parse = csv.ParseOptions(invalid_row_handler=self._skip)
        read = csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False)
        try:
            with pa.input_stream(str(self.path), compression="detect") as stream:
                yield from csv.open_csv(stream, read, parse, convert)
        except pa.ArrowInvalid as error:
            raise StoreError(f"{self.path} cannot be read: {error}", path=self.path) from None
        except OSError as error:
            raise StoreError(
                f"{self.path} cannot be read to its end: {error.strerror or error}", path=self.path
            ) from None

    def _skip(self, row: Any) -> str:
        self.bad_lines += 1
        return "skip"

    def _quotes(self, batch: Any) -> Quotes:
        first = self.rows + 1
        self.rows += len(batch)
        text = {name: _text(batch.column(name)) for name in self.header}
        age = "data_age_ms" if self.earlier else "adjusted_age_ms"
        empty = np.full(len(batch), np.nan)
        return Quotes(
            row=np.arange(first, first + len(batch), dtype=np.int64),
            symbol=self._codes(text["symbol"]),
            recv_ms=self._numbers(text, "recv_ts_ms"),
            venue_ms=self._times(text) if self.earlier else self._numbers(text, "exchange_ts_ms"),
            bid=self._numbers(text, "bid"),
            ask=self._numbers(text, "ask"),
            bid_qty=self._numbers(text, "bid_qty"),
            ask_qty=self._numbers(text, "ask_qty"),
            age_ms=self._numbers(text, age),
            e2e_ms=empty if self.earlier else self._numbers(text, "e2e_since_sub_ms"),
            captured=text["capture_time_utc"],
        )

    def _codes(self, symbols: Any) -> npt.NDArray[np.int32]:
        encoded = symbols.dictionary_encode()
        numbers = []
        for symbol in encoded.dictionary.to_pylist():
            if symbol not in self.symbols:
                self.symbols.append(symbol)
            numbers.append(self.symbols.index(symbol))
        table = np.array(numbers, dtype=np.int32)
        codes: npt.NDArray[np.int32] = table[encoded.indices.to_numpy(zero_copy_only=False)]
        return codes

    def _numbers(self, text: dict[str, Any], name: str) -> Floats:
        """A column as numbers; what is neither empty nor a finite number is counted."""
        cells = text[name]
        filled = pc.not_equal(cells, "")
        given = pc.if_else(filled, cells, None)
        try:
            numbers = given.cast(pa.float64())
        except pa.ArrowInvalid:
            well = pc.match_substring_regex(cells, r"^[+-]?[0-9]+(\.[0-9]*)?([eE][+-]?[0-9]+)?$")
            numbers = pc.if_else(well, cells, None).cast(pa.float64())
        return self._counted(numbers, filled, name)

    def _times(self, text: dict[str, Any]) -> Floats:
        """The venue times of an earlier file, ISO 8601 with ``Z`` or an offset."""
        cells = text["exchange_ts"]
        filled = pc.not_equal(cells, "")
        try:
            stamps = pc.if_else(filled, cells, None).cast(pa.timestamp("ns", "UTC"))
        except pa.ArrowInvalid:
            return self._counted(_each_time(cells), filled, "exchange_ts")
        micros = stamps.cast(pa.timestamp("us", "UTC"), safe=False).cast(pa.int64()).cast(pa.float64())
        return self._counted(pc.divide(micros, 1e3), filled, "exchange_ts")

    def _counted(self, numbers: Any, filled: Any, name: str) -> Floats:
        values: Floats = np.array(numbers.to_numpy(zero_copy_only=False), dtype=np.float64)
        values[~np.isfinite(values)] = np.nan
        bad = int(np.count_nonzero(np.isnan(values) & filled.to_numpy(zero_copy_only=False)))
        if bad:
            self.bad_cells[name] += bad
        return values


def _header(path: Path) -> tuple[str, ...]:
    if path.is_dir():
        raise StoreError(f"{path} is a folder, expected a CSV file of best prices", path=path)
    try:
        with pa.input_stream(str(path), compression="detect") as stream:
            start = stream.read(4096)
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


def _each_time(cells: Any) -> Any:
    """Times cell by cell, None for what is none."""
    from datetime import datetime

    def read(cell: str) -> float | None:
        try:
            stamp = datetime.fromisoformat(cell)
        except ValueError:
            return None
        return None if stamp.tzinfo is None else stamp.timestamp() * 1e3

    return pa.array([read(cell) for cell in cells.to_pylist()], pa.float64())
