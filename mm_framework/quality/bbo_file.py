"""Reads CSV files of best prices: the 12 columns of today and the 11 of earlier files.

    for quotes in BboFile(path).quotes(): ...

A file is streamed; no cell or line that is damaged stops the reading, it is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import attrs
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mm_framework.store.bbo_text import BboText

__all__ = ["BboFile", "Quotes"]

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


class BboFile(BboText):
    """One file as numbers. Counts grow while `quotes` runs.

    ``bad_cells``: cells that cannot be read, by column; ``symbols`` in order of appearance; the rest is
    as in `BboText`.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.bad_cells: Counter[str] = Counter()
        self.symbols: list[str] = []

    def quotes(self) -> Iterator[Quotes]:
        """All rows in order. Raises StoreError when the file cannot be read on."""
        for columns in self.batches():
            yield self._quotes(columns)

    def _quotes(self, text: dict[str, Any]) -> Quotes:
        count = len(text["symbol"])
        first = self.rows - count + 1
        age = "data_age_ms" if self.earlier else "adjusted_age_ms"
        empty = np.full(count, np.nan)
        return Quotes(
            row=np.arange(first, first + count, dtype=np.int64),
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
