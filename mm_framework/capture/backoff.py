"""When to knock again: delays between attempts, and the venue's limits on how often. Pure."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator

__all__ = ["Rate", "backoff"]


def backoff(first_s: float, max_s: float, source: random.Random) -> Iterator[float]:
    """Delays in seconds: the k-th is drawn evenly from 0 to ``first_s * 2**k``, but at most ``max_s``.

    "Full jitter": clients that lost a venue together do not come back together.
    """
    ceiling = min(first_s, max_s)
    while True:
        yield source.uniform(0.0, ceiling)
        ceiling = min(ceiling * 2.0, max_s)


class Rate:
    """At most ``count`` events in any ``window_s``."""

    def __init__(self, count: int, window_s: float) -> None:
        if count < 1:
            raise RuntimeError(f"a rate of {count} events lets nothing pass")
        self._window_ns = round(window_s * 1e9)
        self._times: deque[int] = deque(maxlen=count)

    def delay_ns(self, now_ns: int) -> int:
        """How long to wait before the next event; 0 when it may be now."""
        if len(self._times) < (self._times.maxlen or 0):
            return 0
        return max(0, self._times[0] + self._window_ns - now_ns)

    def take(self, now_ns: int) -> None:
        """An event happens now."""
        self._times.append(now_ns)
