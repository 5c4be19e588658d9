"""The points of a sweep: which values its parameters take. Pure.

    parameters({"size": "1,2,5", "min_spread": "0.01..0.20"})
    grid(...)                 all combinations, the last parameter fastest
    sample(..., 100, seed=0)  so many of them, drawn from a seed, none twice

A value is text, as ``--set`` has it. ``LOW..HIGH`` is all decimals from LOW to HIGH with as many digits after
the point as the longer of both has.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from mm_framework.errors import ConfigError

__all__ = ["MAX_POINTS", "Values", "grid", "parameters", "sample", "size_of"]

MAX_POINTS = 100_000

_RANGE = re.compile(r"(-?\d+(?:\.\d+)?)\.\.(-?\d+(?:\.\d+)?)")

Values = Sequence[str]


class _Range(Sequence[str]):
    """Decimals at one distance."""

    def __init__(self, low: str, high: str) -> None:
        digits = max(len(text.partition(".")[2]) for text in (low, high))
        self._unit = Decimal(1).scaleb(-digits)
        self._low = int(Decimal(low) / self._unit)
        self._count = int(Decimal(high) / self._unit) - self._low + 1

    def __len__(self) -> int:
        return max(0, self._count)

    def __getitem__(self, k: int) -> str:  # type: ignore[override]  # there are no slices
        if not 0 <= k < self._count:
            raise IndexError(k)
        return str((self._low + k) * self._unit)


def parameters(given: Mapping[str, str]) -> dict[str, Values]:
    """Parameter -> its values. Raises ConfigError for an empty list, a range that ends before it begins."""
    found: dict[str, Values] = {}
    for name, text in given.items():
        match = _RANGE.fullmatch(text)
        values: Values = _Range(*match.groups()) if match else text.split(",")
        if not len(values) or (match is None and len(set(values)) < len(values)):
            raise ConfigError(
                f"--set {name}={text}: expected different values A,B,C or a range LOW..HIGH", key=name
            )
        found[name] = values
    return found


def size_of(values: Mapping[str, Values]) -> int:
    """How many combinations there are."""
    return math.prod(len(one) for one in values.values())


def grid(values: Mapping[str, Values]) -> list[dict[str, str]]:
    """All combinations. Raises ConfigError when they are too many."""
    count = size_of(values)
    if count > MAX_POINTS:
        raise ConfigError(
            f"the grid has {count} points, more than {MAX_POINTS}: give fewer values, or --samples N",
            key="set",
        )
    return [_point(values, number) for number in range(count)]


def sample(values: Mapping[str, Values], count: int, seed: int) -> list[dict[str, str]]:
    """``count`` combinations, or all when there are no more, in the order in which they are drawn."""
    whole = size_of(values)
    if whole <= count:
        return grid(values)
    return [_point(values, number) for number in _drawn(random.Random(seed), whole, count)]


def _drawn(draw: random.Random, whole: int, count: int) -> Iterator[int]:
    seen: set[int] = set()
    while len(seen) < count:
        number = draw.randrange(whole)
        if number not in seen:
            seen.add(number)
            yield number


def _point(values: Mapping[str, Values], number: int) -> dict[str, str]:
    """The combination of a number, the last parameter counting fastest."""
    point: dict[str, str] = {}
    for name in reversed(list(values)):
        number, place = divmod(number, len(values[name]))
        point[name] = values[name][place]
    return {name: point[name] for name in values}
