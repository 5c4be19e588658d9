"""What a live run knows of its venues' clocks: a listener that tells each decision of `ClockOffset`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from mm_framework.capture.clock import Stamp
from mm_framework.feed import Output
from mm_framework.feed.clock_offset import ClockOffsets, ClockSettings, OffsetDecision

__all__ = ["ClockWatch"]

KEPT: Final = 1024
"""Decisions a run that the manifest keeps, the first ones; the run log has all."""


class ClockWatch:
    """Implements `capture.recorder.Listener`. ``tell(shard, decision)`` hears each decision."""

    done = False

    def __init__(
        self, settings: ClockSettings, stamp: Stamp, tell: Callable[[int, OffsetDecision], None]
    ) -> None:
        self.offsets = ClockOffsets(settings, stamp.wall0_ns, stamp.mono0_ns)
        self._tell = tell
        self._kept: list[dict[str, Any]] = []

    def on_output(self, shard: int, record: bytes, mono_ns: int, output: Output) -> None:
        """See `Listener`."""
        for decision in self.offsets.take(shard, record, output):
            if len(self._kept) < KEPT:
                self._kept.append({"shard": shard, **decision.to_json()})
            self._tell(shard, decision)

    def next_timer_ns(self) -> int | None:
        """See `Listener`: it waits for nothing."""
        return None

    def on_end(self, mono_ns: int) -> None:
        """See `Listener`."""

    def samples(self) -> tuple[dict[str, Any], ...]:
        """The decisions for the manifest, each with its shard."""
        return tuple(self._kept)
