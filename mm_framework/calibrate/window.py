"""The last numbers of a stream: mean, share, 95th percentile, and their standard errors. Pure."""

from __future__ import annotations

import math
import sys
from array import array
from bisect import bisect_left, insort
from typing import Final

__all__ = ["SAMPLES", "Window"]

SAMPLES: Final = 1000
"""The most that are kept."""


class Window:
    """The last numbers, each with a flag, their mean and variance. O(1) but for moving 8 KB of memory.

    ``ranked``: keeps them sorted, too, for percentiles. A number that is not known is NaN: its flag counts.
    """

    __slots__ = ("_flags", "_numbers", "_ranked", "_squares", "_sum", "_times", "flagged", "known")

    def __init__(self, *, ranked: bool = False) -> None:
        self._times, self._numbers, self._flags = array("q"), array("d"), array("b")
        self._ranked = array("d") if ranked else None
        self._sum = self._squares = 0.0
        self.known = self.flagged = 0

    def add(self, ts_ms: int, number: float, flag: bool) -> None:
        """The next one; times must not go back."""
        if len(self._times) == SAMPLES:
            self._drop()
        self._times.append(ts_ms)
        self._numbers.append(number)
        self._flags.append(flag)
        self.flagged += flag
        if number == number:
            self.known += 1
            self._sum += number
            self._squares += number * number
            if self._ranked is not None:
                insort(self._ranked, number)

    def forget(self, before_ms: int) -> None:
        """Leave out what is older."""
        while self._times and self._times[0] < before_ms:
            self._drop()

    def _drop(self) -> None:
        old = self._numbers[0]
        self.flagged -= self._flags[0]
        del self._times[0], self._numbers[0], self._flags[0]
        if old == old:
            self.known -= 1
            self._sum -= old
            self._squares -= old * old
            if self._ranked is not None:
                del self._ranked[bisect_left(self._ranked, old)]

    def __len__(self) -> int:
        return len(self._times)

    @property
    def nbytes(self) -> int:
        """The memory of what is kept."""
        kept = (self._times, self._numbers, self._flags, self._ranked)
        return sum(sys.getsizeof(column) for column in kept if column is not None)

    @property
    def mean(self) -> float | None:
        """Of the numbers that are known."""
        return self._sum / self.known if self.known else None

    @property
    def share(self) -> float | None:
        """Of the flags that are set."""
        return self.flagged / len(self) if self else None

    def mean_error(self) -> float:
        """The standard error of the mean."""
        if self.known < 2:
            return math.inf
        variance = max(0.0, self._squares / self.known - (self._sum / self.known) ** 2)
        return math.sqrt(variance / (self.known - 1))

    def share_error(self) -> float:
        """The standard error of the share."""
        share = self.share
        if share is None or len(self) < 2:
            return math.inf
        return math.sqrt(share * (1 - share) / (len(self) - 1))

    def p95(self) -> float | None:
        """Nearest rank."""
        ranked = self._ranked
        return ranked[math.ceil(0.95 * len(ranked)) - 1] if ranked else None

    def p95_error(self) -> float:
        """Half the distance of the order statistics one standard error beside the 95th percentile."""
        ranked = self._ranked
        if ranked is None or len(ranked) < 2:
            return math.inf
        count, rank = len(ranked), math.ceil(0.95 * len(ranked)) - 1
        step = math.ceil(math.sqrt(count * 0.95 * 0.05))
        return (ranked[min(count - 1, rank + step)] - ranked[max(0, rank - step)]) / 2
