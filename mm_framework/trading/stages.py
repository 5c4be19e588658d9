"""How long each stage of a live run takes: the latency report (requirement D10).

A record passes named points; a stage is the time between two of them:

    received -> decoded -> normalized -> state -> strategy -> allocator -> execution -> emitted -> done

``received`` is the record's own stamp, ``decoded`` when the normalizer has read it, ``normalized``
when `Feed` has returned, ``state`` when the market view is up to date, ``strategy`` when a strategy is
called, ``allocator`` when its intent is taken up, ``execution`` when it is sent to the exchange,
``emitted`` when its outcome is known, ``done`` when all that the record brought is worked off.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final

from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass, MessageWriter, Normalizer

__all__ = ["STAGES", "StageClock", "TimedNormalizer"]

STAGES: Final = {
    "recv_to_decode": ("received", "decoded"),
    "decode_to_normalize": ("decoded", "normalized"),
    "normalize_to_state": ("normalized", "state"),
    "state_to_strategy": ("state", "strategy"),
    "strategy_to_allocator": ("strategy", "allocator"),
    "allocator_to_execution": ("allocator", "execution"),
    "execution_to_emit": ("execution", "emitted"),
    "e2e_total": ("received", "done"),
    "e2e_intent_ready": ("received", "execution"),
}
"""Stage -> the points between which it lies."""

MAX_SAMPLES: Final = 65_536
"""Percentiles are of the latest so many; counts and maxima of all."""

_ENDING: Final = {
    end: [stage for stage, (_, last) in STAGES.items() if last == end] for _, end in STAGES.values()
}


class _Samples:
    def __init__(self) -> None:
        self.count = self.max_ns = 0
        self.latest: deque[int] = deque(maxlen=MAX_SAMPLES)

    def add(self, duration_ns: int) -> None:
        self.count += 1
        self.max_ns = max(self.max_ns, duration_ns)
        self.latest.append(duration_ns)

    def report(self) -> dict[str, float | int | None]:
        ranked = sorted(self.latest)

        def percentile(share: int) -> float | None:
            """Nearest rank, in microseconds."""
            return ranked[-(-len(ranked) * share // 100) - 1] / 1000 if ranked else None

        return {
            "count": self.count,
            "p50_us": percentile(50),
            "p90_us": percentile(90),
            "p99_us": percentile(99),
            "max_us": self.max_ns / 1000 if self.count else None,
        }


class StageClock:
    """Takes the time at each point. ``clock`` is the one that stamps records, in ns."""

    def __init__(self, clock: Callable[[], int]) -> None:
        self._clock = clock
        self._samples = {stage: _Samples() for stage in STAGES}
        self._at: dict[str, int] = {}

    def begin(self, received_ns: int, decoded_ns: int | None) -> None:
        """`Feed` has returned what it made of a record; ``decoded_ns`` is None when it was no frame."""
        self._at = {}
        if decoded_ns is not None:
            self._at["received"] = received_ns
            self._reach("decoded", decoded_ns)
            self.point("normalized")

    def point(self, name: str) -> None:
        """The present record is at this point."""
        if self._at:
            self._reach(name, self._clock())

    def _reach(self, name: str, now_ns: int) -> None:
        for stage in _ENDING.get(name, ()):
            start_ns = self._at.get(STAGES[stage][0])
            if start_ns is not None:
                self._samples[stage].add(max(0, now_ns - start_ns))
        self._at[name] = now_ns

    def measured(self) -> tuple[int | None, dict[str, int]]:
        """How long the present record took, in ns, and each stage that it went through; None when it was no
        frame.
        """
        at = self._at
        stages = {
            stage: max(0, at[last] - at[first])
            for stage, (first, last) in STAGES.items()
            if first in at and last in at
        }
        return stages.pop("e2e_total", None), stages

    def report(self) -> dict[str, dict[str, float | int | None]]:
        """For each stage ``count, p50_us, p90_us, p99_us, max_us``; null where it never happened."""
        return {stage: samples.report() for stage, samples in self._samples.items()}


class TimedNormalizer:
    """A normalizer that notes when its last frame was read; otherwise the one it is given."""

    def __init__(self, normalizer: Normalizer, clock: Callable[[], int]) -> None:
        self.normalizer, self._clock = normalizer, clock
        self.version = normalizer.version
        self._decoded_ns: int | None = None

    def take_decoded_ns(self) -> int | None:
        """When the last frame was read, once."""
        decoded_ns, self._decoded_ns = self._decoded_ns, None
        return decoded_ns

    def decode(self, frame: bytes, connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        """See the contract."""
        try:
            return self.normalizer.decode(frame, connection, out)
        finally:
            self._decoded_ns = self._clock()

    def sent(self, message: bytes, connection: ConnectionInfo, out: MessageWriter) -> None:
        """See the contract."""
        self.normalizer.sent(message, connection, out)

    def http(self, meta: Mapping[str, Any], body: bytes, out: MessageWriter) -> FrameClass:
        """See the contract."""
        return self.normalizer.http(meta, body, out)
