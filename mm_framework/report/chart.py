"""A chart as data: best prices of one instrument over a time, depth, ages, and times that are marked.

Where it comes from (a file, a day folder, a store) and how it is drawn (`png`, `page`) are other modules.
Prices and sizes are floats: a chart is looked at, nothing is computed from it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

import attrs
import numpy as np
import numpy.typing as npt

__all__ = ["MARKS", "Chart", "Depth", "Mark", "MarkKind", "Tops"]

Floats = npt.NDArray[np.float64]
MarkKind = Literal["out", "warned", "gap"]

MARKS: Final[dict[MarkKind, str]] = {"out": "left out", "warned": "warned about", "gap": "no data"}
"""Kinds of marked times, and what a legend calls them."""


@attrs.frozen(eq=False)
class Tops:
    """Best prices, each row in force until the next one; one array a column.

    ``ts_ns``: receive time, rising. ``bid``, ``ask``: NaN where there is no such side, where the book is
    not the venue's, and in a row that ends a stretch. ``age_ms``: NaN where it is not known.
    """

    ts_ns: npt.NDArray[np.int64]
    bid: Floats
    ask: Floats
    age_ms: Floats

    def __len__(self) -> int:
        return len(self.ts_ns)

    @property
    def mid(self) -> Floats:
        """Halfway between the best prices."""
        return (self.bid + self.ask) / 2

    @property
    def spread(self) -> Floats:
        """Best ask less best bid."""
        return self.ask - self.bid

    def part(self, rows: slice | npt.NDArray[Any]) -> Tops:
        """Some of the rows."""
        return Tops(self.ts_ns[rows], self.bid[rows], self.ask[rows], self.age_ms[rows])

    @classmethod
    def chained(cls, parts: Iterable[Tops]) -> Tops:
        """Parts one after the other, as if they had never been apart."""
        columns = zip(*(attrs.astuple(part, recurse=False) for part in parts), strict=True)
        return cls(*map(np.concatenate, columns))

    @classmethod
    def joined(cls, parts: Iterable[Tops]) -> Tops:
        """Stretches, at least one, one after the other; no line leads from one into the next."""
        ends = ((part, part.part(slice(-1, None))._ended()) for part in parts if len(part))
        return cls.chained(itertools.chain.from_iterable(ends))

    def _ended(self) -> Tops:
        """What stands behind a last row so that no line goes on from it."""
        nothing = np.full(len(self), np.nan)
        return Tops(self.ts_ns + 1, nothing, nothing, nothing)


@attrs.frozen(eq=False)
class Depth:
    """Sizes held in the book by time and price.

    ``ts_ns``: edges of the columns, one more than there are. ``prices``: likewise of the rows. ``sizes``:
    of shape (rows, columns), the book at the end of each column; 0 where nothing is held, NaN where the book
    is not known.
    """

    ts_ns: npt.NDArray[np.int64]
    prices: Floats
    sizes: npt.NDArray[np.float32]


@attrs.frozen
class Mark:
    """A time that something is said about, half-open. ``text``: what, for people."""

    start_ns: int
    end_ns: int
    kind: MarkKind
    text: str


@attrs.frozen(eq=False, kw_only=True)
class Chart:
    """All that is shown of one instrument.

    ``name``: its id, or what a file calls it. ``status``: a verdict word, None where none was given;
    ``notes``: sentences below the title. ``quote``, ``base``: what prices and sizes are counted in, empty
    if unknown. ``rows``: best prices before any were left out for drawing.
    """

    name: str
    tops: Tops
    rows: int
    quote: str = ""
    base: str = ""
    status: str | None = None
    notes: Sequence[str] = ()
    depth: Depth | None = None
    marks: Sequence[Mark] = ()
    normal_max_ms: float = 20.0
    degraded_max_ms: float = 80.0

    @property
    def span_ns(self) -> tuple[int, int]:
        """First and last time that is shown."""
        return int(self.tops.ts_ns[0]), int(self.tops.ts_ns[-1])

    @property
    def has_ages(self) -> bool:
        """Whether the age of any row is known."""
        return bool(np.isfinite(self.tops.age_ms).any())

    @property
    def age_limit_ms(self) -> float:
        """Up to where the panel of ages reaches: nearly all of them, and the normal band at least."""
        ages = self.tops.age_ms[np.isfinite(self.tops.age_ms)]
        most = float(np.percentile(ages, 99.9)) if len(ages) else 0.0
        return 1.25 * max(most, self.normal_max_ms)

    def _repr_png_(self) -> bytes:
        """What a notebook shows. Raises EnvironmentFailed without matplotlib."""
        from mm_framework.report.png import picture

        return picture(self)

    @property
    def file_stem(self) -> str:
        """A name for files: ``plot_kraken-BTC-EUR_20261121T000000Z``, the instrument and the first time."""
        stamp = np.datetime_as_string(np.datetime64(self.span_ns[0], "ns"), unit="s")
        words = re.sub(r"[^A-Za-z0-9.]+", "-", self.name).strip("-.")
        return f"plot_{words}_{re.sub('[-:]', '', stamp)}Z"
