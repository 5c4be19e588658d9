"""What every trial is given, and what it gives back.

A trial draws everything from its seed: the same seed and share of time try the same things in the same
order, however far the time reaches.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import attrs

__all__ = ["MOST_TOLD", "Room", "Trial", "Tried"]

MOST_TOLD = 20
"""Violations of a trial that are kept; a broken reader would give thousands."""

Item = TypeVar("Item")


@attrs.define
class Tried:
    """What a trial did: how often, and every case in which the program broke its word."""

    tried: int = 0
    violations: list[str] = attrs.field(factory=list)
    counts: dict[str, int] = attrs.field(factory=dict)

    def count(self, name: str) -> None:
        """One more of a kind."""
        self.counts[name] = self.counts.get(name, 0) + 1

    def violation(self, text: str) -> None:
        """The program broke its word."""
        if len(self.violations) < MOST_TOLD:
            self.violations.append(text)


@attrs.define
class Room:
    """A trial's folder, seed and time (s); ``whole`` tries everything, else what the time allows."""

    folder: Path
    seed: int
    seconds: float
    whole: bool = False
    _end_s: float = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._end_s = time.monotonic() + self.seconds

    def draw(self, name: str) -> random.Random:
        """A stream of this trial's own."""
        return random.Random(f"{self.seed}/{name}")

    @property
    def over(self) -> bool:
        """Whether the time is spent; never when everything is to be tried."""
        return not self.whole and time.monotonic() > self._end_s

    def some(self, items: Sequence[Item], name: str) -> Iterator[Item]:
        """The items in a drawn order, until the time is spent."""
        order = list(items)
        self.draw(name).shuffle(order)
        for item in order:
            if self.over:
                return
            yield item


Trial = Callable[[Room], Tried]
