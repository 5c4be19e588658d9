"""How old data was when it came: a histogram of fixed buckets, small and quick."""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

__all__ = ["AGE_BOUNDS_MS", "Ages"]

AGE_BOUNDS_MS: Final = (
    0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 1e4, 6e4, 3.6e6
)  # fmt: skip
"""Upper bounds of the buckets; a last bucket takes all that is older."""


class Ages:
    """Counts of ages in ms. ``counts`` has one place more than there are bounds. Negative ages count as 0."""

    def __init__(self) -> None:
        self.counts = [0] * (len(AGE_BOUNDS_MS) + 1)
        self.total, self.sum_ms, self.max_ms = 0, 0.0, 0.0

    def add(self, age_ms: float) -> None:
        """One more."""
        self.counts[bisect_left(AGE_BOUNDS_MS, age_ms)] += 1
        self.total += 1
        self.sum_ms += age_ms
        self.max_ms = max(self.max_ms, age_ms)

    def quantile(self, share: float) -> float:
        """The upper bound of the bucket in which this share is reached, at most the maximum."""
        left = share * self.total
        for bound, count in zip(AGE_BOUNDS_MS, self.counts, strict=False):
            left -= count
            if left <= 0:
                return min(bound, self.max_ms)
        return self.max_ms

    def summary(self) -> dict[str, float] | None:
        """p50, p95, p99 and max; None when empty."""
        if not self.total:
            return None
        told = {f"p{percent}": self.quantile(percent / 100) for percent in (50, 95, 99)} | {
            "max": self.max_ms
        }
        return {name: round(value, 3) for name, value in told.items()}

    def histogram(self) -> list[tuple[float, int]]:
        """``(upper bound, count)`` of the buckets; the last one's bound is the maximum."""
        bounds = (*AGE_BOUNDS_MS, max(self.max_ms, AGE_BOUNDS_MS[-1]))
        return list(zip(bounds, self.counts, strict=True))
