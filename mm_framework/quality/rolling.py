"""Ages of the last rows, summed up now and then while they come."""

from __future__ import annotations

from typing import Final

import attrs
import numpy as np

__all__ = ["AgeSummary", "RollingAges"]

WINDOW: Final = 50_000


@attrs.frozen
class AgeSummary:
    """Of the last rows (``window`` of them): ages in ms. ``count``: all so far; ``rate``: rows a second since
    the summary before.
    """

    count: int
    window: int
    rate: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    mean_ms: float
    max_ms: float

    def text(self) -> str:
        """One line."""
        return (
            f"count={self.count} rate={self.rate:.1f}/s p50={self.p50_ms:.1f} p95={self.p95_ms:.1f}"
            f" p99={self.p99_ms:.1f} mean={self.mean_ms:.1f} max={self.max_ms:.1f} ms"
        )


class RollingAges:
    """The last ``window`` ages."""

    def __init__(self, window: int = WINDOW) -> None:
        self._ages = np.empty(window)
        self._count = self._told_count = 0
        self._told_ns: int | None = None

    def add(self, age_ms: float) -> None:
        """The next one."""
        self._ages[self._count % len(self._ages)] = age_ms
        self._count += 1

    def summary(self, mono_ns: int) -> AgeSummary | None:
        """What they come to now; None before the first. The first one's rate is 0."""
        if not self._count:
            return None
        ages = self._ages[: min(self._count, len(self._ages))]
        since_ns = 0 if self._told_ns is None else mono_ns - self._told_ns
        rate = (self._count - self._told_count) / (since_ns / 1e9) if since_ns > 0 else 0.0
        self._told_ns, self._told_count = mono_ns, self._count
        p50, p95, p99 = np.percentile(ages, (50, 95, 99))
        numbers = (p50, p95, p99, ages.mean(), ages.max())
        return AgeSummary(self._count, len(ages), round(rate, 3), *(round(float(x), 3) for x in numbers))
