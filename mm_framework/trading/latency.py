"""Latency models: nanoseconds from a decision to the matching engine, and from there back. Pure.

A model has one direction and one signature, ``latency(now_ns, feed_latency_ns, order_number)``: ``now_ns``
is the time of the decision or, on the way back, that at the venue; ``feed_latency_ns`` that of the market
data that arrived last. A negative result means that the request never reaches the venue: it is refused,
and its sender learns that after as many nanoseconds.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence

import attrs

from mm_framework.errors import ConfigError
from mm_framework.num import log

__all__ = ["Constant", "FeedDerived", "Interpolated", "Measured", "RandomLatency"]

_MASK = 2**64 - 1


def _not_negative(_: object, attribute: attrs.Attribute[int], value: int) -> None:
    if value < 0:
        raise ConfigError(f"latency {attribute.name} is {value} ns, expected 0 or more", key=attribute.name)


@attrs.frozen
class Constant:
    """Always the same."""

    ns: int = attrs.field(default=0, validator=_not_negative)

    def latency(self, now_ns: int, feed_latency_ns: int, order_number: int) -> int:
        """See the module."""
        return self.ns


@attrs.frozen
class FeedDerived:
    """``factor`` x the latency of the feed + ``base_ns``, in whole nanoseconds, never below 0."""

    factor_ppm: int = attrs.field(default=1_000_000, validator=_not_negative)
    base_ns: int = 0

    def latency(self, now_ns: int, feed_latency_ns: int, order_number: int) -> int:
        """See the module."""
        return max(0, max(0, feed_latency_ns) * self.factor_ppm // 1_000_000 + self.base_ns)


@attrs.frozen
class RandomLatency:
    """``base_ns`` + an exponential of mean ``mean_ns``, drawn for each order number by itself.

    So another order in between does not shift the draws of those behind it. ``seed`` also tells the two
    directions apart.
    """

    seed: int
    base_ns: int = attrs.field(default=0, validator=_not_negative)
    mean_ns: int = attrs.field(default=0, validator=_not_negative)

    def latency(self, now_ns: int, feed_latency_ns: int, order_number: int) -> int:
        """See the module."""
        z = (self.seed * 0x9E3779B97F4A7C15 + order_number * 0xD1B54A32D192ED03) & _MASK
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        uniform = ((z ^ (z >> 31)) >> 11) * 2.0**-53
        return self.base_ns + int(-log(1.0 - uniform) * self.mean_ns)


@attrs.frozen
class Measured:
    """One measured request. ``venue_ns`` is 0 where the venue's gateway refused it."""

    request_ns: int
    venue_ns: int
    response_ns: int


class Interpolated:
    """Measured latencies, linear in between; the first and last hold beyond the ends.

    ``way``: ``entry`` is linear in the time of the request, ``response`` in the time at the venue. Beside a
    refused request, the entry is the negative of the round trip. Results are cut to whole nanoseconds.
    """

    def __init__(self, rows: Sequence[Measured], way: str) -> None:
        if not rows:
            raise ConfigError("the latency table is empty, expected one measured request or more")
        self._refused = way == "entry"
        if way == "entry":
            self._at = [row.request_ns for row in rows]
            self._values = [row.venue_ns - row.request_ns for row in rows]
            self._trips = [row.response_ns - row.request_ns for row in rows]
            self._lost = [row.venue_ns <= 0 for row in rows]
        else:
            reached = [row for row in rows if row.venue_ns > 0]
            if not reached:
                raise ConfigError(
                    "no request of the latency table reached the venue: no response to learn from"
                )
            self._at = [row.venue_ns for row in reached]
            self._values = [row.response_ns - row.venue_ns for row in reached]
        if any(one >= two for one, two in zip(self._at, self._at[1:], strict=False)):
            raise ConfigError(f"the times of the latency table do not ascend ({way})")

    def latency(self, now_ns: int, feed_latency_ns: int, order_number: int) -> int:
        """See the module."""
        k = bisect.bisect_right(self._at, now_ns) - 1
        low, high = max(k, 0), min(k + 1, len(self._at) - 1)
        if self._refused and (self._lost[low] or self._lost[high]):
            return -self._between(self._trips, low, high, now_ns)
        return self._between(self._values, low, high, now_ns)

    def rows(self) -> list[tuple[int, int, int, bool]]:
        """The table as it is read: time, latency, round trip (0 on the way back), whether it was refused."""
        if not self._refused:
            return [(at, value, 0, False) for at, value in zip(self._at, self._values, strict=True)]
        return list(zip(self._at, self._values, self._trips, self._lost, strict=True))

    def _between(self, values: Sequence[int], low: int, high: int, now_ns: int) -> int:
        if low == high or now_ns <= self._at[low]:
            return values[low]
        step, span = now_ns - self._at[low], self._at[high] - self._at[low]
        rise = (values[high] - values[low]) * step
        return values[low] + (rise // span if rise >= 0 else -(-rise // span))
