"""The equity of a run as an Arrow table, exact, a part at a time. Pure.

ts_ns int64 · strategy, instrument, quote string · position, cash, fees, value, equity, mid decimal at the
finest scales of the run, ``mid`` null before the first one · stale bool
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mm_framework.model.fixed import MAX, NULL
from mm_framework.model.instrument import Definition
from mm_framework.results.parts import TableParts
from mm_framework.trading.equity import EquityPart, EquityPoints
from mm_framework.trading.ledger import money_scale

__all__ = ["amounts_of", "equity_parts"]

Numbers = npt.NDArray[Any]
"""int64, or Python's integers as objects."""

_HALF: Final = 1 << 61


def amounts_of(part: EquityPart) -> Numbers:
    """What each account was worth: cash + value - fees."""
    columns = (part.cash, part.value, part.fees)
    if any(_most(one) > _HALF for one in columns):
        columns = tuple(one.astype(object) for one in columns)  # type: ignore[assignment]
    cash, value, fees = columns
    total: Numbers = cash + value - fees
    return total


def equity_parts(
    points: EquityPoints, definitions: Mapping[str, Definition], quotes: Mapping[str, str]
) -> TableParts:
    """The table. ``definitions``: the last of each instrument; ``quotes``: its quote currency."""
    table = _Table(points, definitions, quotes)
    return TableParts(table.schema, table.batches)


class _Table:
    def __init__(
        self, points: EquityPoints, definitions: Mapping[str, Definition], quotes: Mapping[str, str]
    ) -> None:
        self._points = points
        self._names = [one for _, one in points.accounts]
        self._quotes = [quotes[one] for one in self._names]
        price = {name: one.price_scale for name, one in definitions.items()}
        size = {name: one.size_scale for name, one in definitions.items()}
        money = {name: money_scale(one) for name, one in definitions.items()}
        amounts = dict.fromkeys(("cash", "fees", "value", "equity"), money)
        self._scales = {"position": size, **amounts, "mid": price}
        self._kinds = self._widths()
        self.schema = pa.schema(
            [
                ("ts_ns", pa.int64()),
                *((name, pa.string()) for name in ("strategy", "instrument", "quote")),
                *self._kinds.items(),
                ("stale", pa.bool_()),
            ]
        )

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The rows."""
        strategies = [one for one, _ in self._points.accounts]
        texts = [pa.array(names, pa.string()) for names in (strategies, self._names, self._quotes)]
        for part in self._points.parts():
            owners, known = pa.array(part.account), part.mid2 != NULL
            decimals = [
                _decimals(numbers, kind, known if name == "mid" else None)
                for (name, kind), numbers in zip(self._kinds.items(), self._numbers(part), strict=True)
            ]
            columns = [
                pa.array(part.ts_ns),
                *(names.take(owners) for names in texts),
                *decimals,
                pa.array(part.stale.astype(bool)),
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=self.schema)

    def _widths(self) -> dict[str, pa.DataType]:
        """The type of each decimal column, wide enough for all of it."""
        most = [0] * len(self._scales)
        for part in self._points.parts():
            most = [max(a, _most(b)) for a, b in zip(most, self._numbers(part), strict=True)]
        kinds = {}
        for (name, scales), one in zip(self._scales.items(), most, strict=True):
            scale = max(scales.values(), default=0) + (name == "mid")
            kinds[name] = pa.decimal128(38, scale) if one < 10**38 else pa.decimal256(76, scale)
        return kinds

    def _numbers(self, part: EquityPart) -> list[Numbers]:
        """The decimal columns as integers at the scales of the table."""
        mid = np.where(part.mid2 == NULL, 0, part.mid2)
        columns = (part.position, part.cash, part.fees, part.value, amounts_of(part), mid)
        return [
            _times(column, self._factors(name)[part.account])
            for name, column in zip(self._scales, columns, strict=True)
        ]

    def _factors(self, column: str) -> Numbers:
        """By what the numbers of each account are multiplied: half of bid + ask is 5 at one digit more."""
        scales = self._scales[column]
        finest, more = max(scales.values(), default=0), 5 if column == "mid" else 1
        return np.array([more * 10 ** (finest - scales[name]) for name in self._names], object)


def _times(numbers: Numbers, factors: Numbers) -> Numbers:
    most = max(factors.tolist(), default=1)
    if numbers.dtype == object or most * _most(numbers) > MAX:
        return numbers.astype(object) * factors
    product: Numbers = numbers * factors.astype(np.int64)
    return product


def _most(numbers: Numbers) -> int:
    return max(abs(int(numbers.max())), abs(int(numbers.min()))) if len(numbers) else 0


def _decimals(numbers: Numbers, kind: pa.DataType, known: Numbers | None) -> pa.Array:
    width = kind.byte_width
    if numbers.dtype == object:
        values: Sequence[int] = numbers.tolist()
        data = b"".join(value.to_bytes(width, "little", signed=True) for value in values)
    else:
        sign = numbers >> 63
        data = np.stack([numbers, *[sign] * (width // 8 - 1)], axis=1).tobytes()
    told = np.ones(len(numbers), bool) if known is None else known
    return pa.Array.from_buffers(kind, len(numbers), [pa.array(told).buffers()[1], pa.py_buffer(data)])
