"""Models of the simulated exchange: latency of requests, and the queue ahead of an order."""

from __future__ import annotations

from typing import Protocol

__all__ = ["LatencyModel", "OrderLatency", "QueueModel"]


class LatencyModel(Protocol):
    """Nanoseconds from the decision to the matching engine, or back."""

    def latency(self, now_ns: int, feed_latency_ns: int, order_number: int) -> int:
        """The delay of one request or response, >= 0."""
        ...


class OrderLatency(Protocol):
    """Both ways of an order: what the factory of a plugin's ``latency`` model makes."""

    @property
    def entry(self) -> LatencyModel:
        """From the decision to the matching engine; ``now_ns`` is the time of the decision."""
        ...

    @property
    def response(self) -> LatencyModel:
        """From the matching engine back; ``now_ns`` is the time there."""
        ...


class QueueModel(Protocol):
    """Lots ahead of a resting order at its price; what the factory of a ``queue`` model makes."""

    def advance(self, ahead: float, old: int, new: int, printed: int) -> float:
        """The lots ahead after the level went from ``old`` to ``new`` with ``printed`` lots traded.

        0 or more; prints at the price were already taken off ``ahead``.
        """
        ...
