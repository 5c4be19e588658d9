"""Columns of decimal text into int64 at a scale, exactly, many cells at once.

The grammar is that of `model.fixed`: a JSON number. What a cell-by-cell reading would refuse is refused.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mm_framework.errors import MMError
from mm_framework.model.events import NULL
from mm_framework.model.fixed import MAX_SCALE, parse

__all__ = ["Extent", "exact_integers", "iso_times"]

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_PLAIN: Final = r"^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?$"
_DIGITS: Final = 38
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Extent:
    """How large and how fine the numbers of some columns are: what their scale follows from."""

    def __init__(self) -> None:
        self.decimals = self._whole = 0

    def add(self, cells: Any) -> None:
        """Look at a column of text; cells that are no plain number do not count."""
        plain = cells.filter(pc.match_substring_regex(cells, _PLAIN))
        if not len(plain):
            return
        lengths = pc.utf8_length(plain).to_numpy(zero_copy_only=False)
        points = pc.find_substring(plain, ".").to_numpy(zero_copy_only=False)
        whole = np.where(points < 0, lengths, points)
        self._whole = max(self._whole, int(whole.max()))
        self.decimals = max(self.decimals, int(np.where(points < 0, 0, lengths - points - 1).max()))

    @property
    def scale(self) -> int:
        """The decimals as written, as far as int64 then holds the largest of the numbers."""
        return min(self.decimals, max(0, MAX_SCALE - self._whole))


def exact_integers(cells: Any, scale: int) -> tuple[Integers, Flags]:
    """Each cell at the scale, null where it is empty; and which cells cannot be read, which are null too."""
    empty = pc.equal(cells, "").to_numpy(zero_copy_only=False)
    plain = pc.match_substring_regex(cells, _PLAIN).to_numpy(zero_copy_only=False)
    values = np.full(len(cells), NULL, dtype=np.int64)
    try:
        exact = pc.if_else(pa.array(plain), cells, "0").cast(pa.decimal128(_DIGITS, scale))
    except pa.ArrowInvalid:
        plain = np.zeros(len(cells), dtype=bool)
    else:
        low, high = _words(exact)
        fits = plain & (high == np.where(low < 0, -1, 0)) & (low != NULL)
        values[fits], plain = low[fits], fits
    bad = np.zeros(len(cells), dtype=bool)
    for place in np.flatnonzero(~plain & ~empty).tolist():
        try:
            values[place] = parse(cells[place].as_py(), scale)
        except MMError:
            bad[place] = True
    return values, bad


def iso_times(cells: Any) -> tuple[Integers, Flags]:
    """ISO 8601 with ``Z`` or an offset as ns since 1970, null where a cell is empty; and which are none."""
    empty = pc.equal(cells, "").to_numpy(zero_copy_only=False)
    bad = np.zeros(len(cells), dtype=bool)
    try:
        stamps = pc.if_else(pa.array(~empty), cells, None).cast(pa.timestamp("ns", "UTC"))
    except pa.ArrowInvalid:
        values = np.array([_iso(cell) for cell in cells.to_pylist()], dtype=np.int64)
        return values, (values == NULL) & ~empty
    return np.asarray(stamps.cast(pa.int64()).fill_null(NULL).to_numpy(zero_copy_only=False)), bad


def _words(decimals: Any) -> tuple[Integers, Integers]:
    """The lower and the upper 64 bits of 128-bit decimals."""
    words = np.frombuffer(decimals.buffers()[1], dtype="<i8")
    words = words[2 * decimals.offset : 2 * (decimals.offset + len(decimals))]
    return words[::2], words[1::2]


def _iso(cell: str) -> int:
    try:
        stamp = datetime.fromisoformat(cell)
    except ValueError:
        return NULL
    if stamp.tzinfo is None:
        return NULL
    since = stamp - _EPOCH
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000
