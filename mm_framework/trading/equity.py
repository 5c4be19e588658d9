"""What the accounts of a run were worth on a grid of times. Pure.

The grid is the multiples of its step, from the first that is not before the run's first moment to the first
that is not before its end. A point is the state after all that happened up to its time, marked as the ledger
marks: a long at the bids, a short at the asks, beyond the best level too.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Any, Final, overload

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.model.fixed import NULL
from mm_framework.trading.ledger import Ledger

__all__ = ["EquityGrid", "EquityPart", "EquityPoint", "EquityPoints"]

Numbers = npt.NDArray[Any]
"""int64, or Python's integers as objects where one is beyond that."""

PART: Final = 1 << 14
"""Points that are packed together."""


@attrs.frozen
class EquityPoint:
    """One account at one time; money in the account's unit, ``position`` at the size scale.

    Its equity is ``cash + value - fees``. ``value``: position x mark; ``stale``: that mark was no longer the
    market's. ``mid2``: bid + ask at the price scale, the last valid one; None before the first.
    """

    ts_ns: int
    strategy: str
    instrument: str
    position: int
    cash: int
    fees: int
    value: int
    stale: bool
    mid2: int | None


@attrs.frozen(eq=False)
class EquityPart:
    """Points as columns of one length. ``account``: the place in `EquityPoints.accounts`; ``stale``: 0 or 1;
    ``mid2``: NULL for None.
    """

    ts_ns: Numbers
    account: Numbers
    position: Numbers
    cash: Numbers
    fees: Numbers
    value: Numbers
    stale: Numbers
    mid2: Numbers


_Packed = bytes | tuple[int, ...]


class EquityPoints(Sequence[EquityPoint]):
    """Points in the order of their times, packed: some bytes each, and objects when somebody looks.

    ``accounts``: ``(strategy, instrument)``, in the order of their first points. Equal to a list of points.
    """

    def __init__(self) -> None:
        self.accounts: list[tuple[str, str]] = []
        self._places: dict[tuple[str, str], int] = {}
        self._packed: list[tuple[_Packed, ...]] = []
        self._rows: list[tuple[int, ...]] = []
        self._seen: tuple[int, list[EquityPoint]] = (-1, [])

    def add(self, ts_ns: int, account: tuple[str, str], *numbers: int) -> None:
        """``numbers``: the other columns of `EquityPart`, in its order."""
        place = self._places.setdefault(account, len(self.accounts))
        if place == len(self.accounts):
            self.accounts.append(account)
        self._rows.append((ts_ns, place, *numbers))
        if len(self._rows) == PART:
            self._packed.append(tuple(map(_pack, zip(*self._rows, strict=True))))
            self._rows = []

    def parts(self) -> Iterator[EquityPart]:
        """All points, `PART` at a time."""
        for columns in self._packed:
            yield EquityPart(*map(_unpack, columns))
        if self._rows:
            yield EquityPart(*map(_numbers, zip(*self._rows, strict=True)))

    def __len__(self) -> int:
        return len(self._packed) * PART + len(self._rows)

    @overload
    def __getitem__(self, index: int) -> EquityPoint: ...

    @overload
    def __getitem__(self, index: slice) -> list[EquityPoint]: ...

    def __getitem__(self, index: int | slice) -> EquityPoint | list[EquityPoint]:
        places = range(len(self))[index]
        return self._point(places) if isinstance(places, int) else [self._point(place) for place in places]

    def __iter__(self) -> Iterator[EquityPoint]:
        for part in self.parts():
            yield from self._points(part)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(one == two for one, two in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{len(self)} points of {len(self.accounts)} accounts>"

    def _point(self, place: int) -> EquityPoint:
        number, row = divmod(place, PART)
        if number == len(self._packed):
            return self._points(EquityPart(*map(_numbers, zip(self._rows[row], strict=True))))[0]
        if self._seen[0] != number:
            self._seen = number, self._points(EquityPart(*map(_unpack, self._packed[number])))
        return self._seen[1][row]

    def _points(self, part: EquityPart) -> list[EquityPoint]:
        columns = (getattr(part, field.name).tolist() for field in attrs.fields(EquityPart))
        return [self._made(*numbers) for numbers in zip(*columns, strict=True)]

    def _made(
        self, ts_ns: int, place: int, position: int, cash: int, fees: int, value: int, stale: int, mid2: int
    ) -> EquityPoint:
        told, (strategy, instrument) = None if mid2 == NULL else mid2, self.accounts[place]
        return EquityPoint(ts_ns, strategy, instrument, position, cash, fees, value, bool(stale), told)


def _numbers(column: Sequence[int]) -> Numbers:
    try:
        return np.array(column, np.int64)
    except OverflowError:
        return np.array(column, object)


def _pack(column: tuple[int, ...]) -> _Packed:
    numbers = _numbers(column)
    return column if numbers.dtype == object else zlib.compress(numbers.tobytes(), 1)


def _unpack(packed: _Packed) -> Numbers:
    if isinstance(packed, tuple):
        return np.array(packed, object)
    return np.frombuffer(zlib.decompress(packed), np.int64)


class EquityGrid:
    """Reads a ledger each ``step_ns``; an account has points from its first fill on."""

    def __init__(self, ledger: Ledger, step_ns: int) -> None:
        if step_ns <= 0:
            raise ValueError(f"the grid of equity is {step_ns} ns, expected more than 0")
        self.points = EquityPoints()
        self._ledger, self._step_ns = ledger, step_ns
        self._next_ns: int | None = None

    def reach(self, now_ns: int) -> None:
        """Time reaches ``now_ns``, nothing of which has happened yet."""
        if self._next_ns is None:
            self._next_ns = self._at_or_after(now_ns)
        while self._next_ns < now_ns:
            if not self._ledger.accounts:
                self._next_ns = self._at_or_after(now_ns)
                return
            self._read(self._next_ns)
            self._next_ns += self._step_ns

    @property
    def next_ns(self) -> int:
        """The next time of the grid; 0 before the first `reach`."""
        return self._next_ns or 0

    def go_on(self, next_ns: int) -> None:
        """The points before ``next_ns``, a time of the grid, were added by another."""
        self._next_ns = next_ns

    def end(self, end_ns: int) -> None:
        """The run is over; all of ``end_ns`` has happened."""
        self.reach(self._at_or_after(end_ns) + 1)

    def _at_or_after(self, ts_ns: int) -> int:
        return -(-ts_ns // self._step_ns) * self._step_ns

    def _read(self, ts_ns: int) -> None:
        for key, account in sorted(self._ledger.accounts.items(), key=_name):
            value, stale = account.mark()
            mid2 = account.slot.mid2
            self.points.add(
                ts_ns,
                key,
                account.position,
                account.cash,
                account.fees,
                value,
                int(stale),
                NULL if mid2 is None else mid2,
            )


def _name(item: tuple[tuple[str, str], object]) -> tuple[str, str]:
    return item[0]
