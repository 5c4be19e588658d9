"""Records of a strategy's own numbers: attributes that hold int64 or float64 and nothing else.

A compiled strategy sees the same fields as machine numbers. Here every assignment is checked, so
that what would wrap or be cut there is an error in both modes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mm_framework.model.fixed import MAX

__all__ = ["MIN", "int64", "make_record"]

MIN = -MAX - 1


def int64(value: object, what: str) -> int:
    """``value`` when it is an integer that int64 holds; TypeError or OverflowError otherwise."""
    if isinstance(value, int):
        if MIN <= value <= MAX:
            return int(value)
        raise OverflowError(f"{what} is {value}, which int64 does not hold")
    raise TypeError(f"{what} is {value!r}, expected an integer")


def float64(value: object, what: str) -> float:
    """``value`` as a float; TypeError when it is not a number."""
    if isinstance(value, (int, float)):
        return float(value)
    raise TypeError(f"{what} is {value!r}, expected a number")


_CHECKS: dict[str, Callable[[object, str], int | float]] = {"i8": int64, "f8": float64}


class _Field:
    """One number of a record."""

    def __init__(self, name: str, kind: str) -> None:
        self.name, self.slot, self.check = name, f"_{name}", _CHECKS[kind]

    def __get__(self, record: Any, owner: type | None = None) -> Any:
        return getattr(record, self.slot)

    def __set__(self, record: Any, value: object) -> None:
        setattr(record, self.slot, self.check(value, self.name))


class _Array:
    """A declared array of numbers: fixed length, no negative index, no slices."""

    __slots__ = ("_check", "_name", "_values")

    def __init__(self, name: str, kind: str, length: int) -> None:
        self._name, self._check = name, _CHECKS[kind]
        self._values = [self._check(0, name)] * length

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, k: int) -> int | float:
        return self._values[self._index(k)]

    def __setitem__(self, k: int, value: object) -> None:
        self._values[self._index(k)] = self._check(value, self._name)

    def _index(self, k: int) -> int:
        if 0 <= k < len(self._values):
            return k
        raise IndexError(f"index {k} of {self._name}, which has {len(self._values)} elements")


def make_record(fields: Mapping[str, str], **extra: object) -> Any:
    """A record with the declared fields, all 0; ``extra`` attributes are as given.

    ``fields`` maps names to ``i8``, ``f8``, ``i8[n]`` or ``f8[n]`` (checked by the contract). Unknown
    attributes cannot be set.
    """
    members: dict[str, Any] = {}
    slots = list(extra)
    first: dict[str, object] = dict(extra)
    for name, declared in fields.items():
        kind, _, length = declared.rstrip("]").partition("[")
        if length:
            slots.append(name)
            first[name] = _Array(name, kind, int(length))
        else:
            slots.append(f"_{name}")
            members[name] = _Field(name, kind)
            first[name] = 0
    record = type("Record", (), {"__slots__": tuple(slots), **members})()
    for name, value in first.items():
        setattr(record, name, value)
    return record
