"""Models of the simulated exchange: latency of requests, and the queue ahead of an order."""

from __future__ import annotations

from typing import Protocol

__all__ = ["LatencyModel", "QueueModel"]


class LatencyModel(Protocol):
    """Nanoseconds from the decision to the matching engine, or back."""

    def latency(self, now_ns: int, feed_latency_ns: int, order_number: int) -> int:
        """The delay of one request or response, >= 0."""
        ...


class QueueModel(Protocol):
    """Lots ahead of a resting order at its price."""

    def advance(self, ahead: int, old: int, new: int, printed: int) -> int:
        """The lots ahead after the level went from ``old`` to ``new`` with ``printed`` lots traded."""
        ...
