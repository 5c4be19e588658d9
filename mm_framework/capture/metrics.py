"""What the frames of a shard cost, sampled between two heartbeats.

`ShardMeter.frame` is called for every frame and does no more than keep three numbers; `take` makes
percentiles of them once a heartbeat.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from mm_framework.bundle.latency import nearest_rank

__all__ = ["ShardMeter", "Window"]

NS_PER_MS = 1e6


class Window:
    """The latest ``size`` samples since they were last taken; ``add`` keeps one more."""

    def __init__(self, size: int) -> None:
        self._samples: deque[int] = deque(maxlen=size)
        self.add = self._samples.append

    def take(self, unit: float = 1) -> dict[str, Any] | None:
        """``count``, ``p50``, ``p95``, ``p99`` (nearest rank), ``max``, ``last``, divided by ``unit``; then
        the window is empty. None without samples.
        """
        if not self._samples:
            return None
        last, ranked = self._samples[-1], sorted(self._samples)
        self._samples.clear()
        shares = {f"p{share}": nearest_rank(ranked, share) for share in (50, 95, 99)}
        values = {**shares, "max": ranked[-1], "last": last}
        return {"count": len(ranked)} | {name: _divided(value, unit) for name, value in values.items()}


class ShardMeter:
    """Counts a shard's frames and samples how long each took.

    ``parsed``: from the stamp of receipt until `Feed` has returned what the frame gives; it reads a frame and
    applies it to the book in one step. ``applied``: until listeners, commands and notices are done,
    too. Both in ns. ``depth``: messages that were read from the socket and wait for their stamp.
    """

    def __init__(self, samples: int) -> None:
        self.frames = self.bytes = 0
        self.parsed, self.applied, self.depth = Window(samples), Window(samples), Window(samples)
        self._parsed, self._applied = self.parsed.add, self.applied.add

    def frame(self, size: int, received_ns: int, parsed_ns: int, applied_ns: int) -> None:
        """A frame of ``size`` bytes was worked off."""
        self.frames += 1
        self.bytes += size
        self._parsed(parsed_ns - received_ns)
        self._applied(applied_ns - received_ns)

    def take(self) -> dict[str, Any]:
        """The metrics of the samples since the last call; None for one without samples."""
        return {
            "queue_depth": self.depth.take(),
            "recv_to_parsed_ms": self.parsed.take(NS_PER_MS),
            "recv_to_applied_ms": self.applied.take(NS_PER_MS),
        }


def _divided(value: int, unit: float) -> float | int:
    return value if unit == 1 else round(value / unit, 6)
