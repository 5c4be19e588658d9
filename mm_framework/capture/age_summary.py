"""Lines of a live run on how old the best prices of the venue's tickers are."""

from __future__ import annotations

from collections.abc import Callable

from mm_framework.capture.clock import Stamp
from mm_framework.feed import Output
from mm_framework.feed.clock_offset import ClockOffsets, ClockSettings
from mm_framework.model.events import NULL, Kind, iter_messages
from mm_framework.model.frame import HEADER
from mm_framework.quality.rolling import AgeSummary, RollingAges

__all__ = ["AgeSummaries"]


class AgeSummaries:
    """Implements `capture.recorder.Listener`: ``tell`` hears a summary every ``every_s`` of recorded time."""

    done = False

    def __init__(
        self, every_s: float, settings: ClockSettings, stamp: Stamp, tell: Callable[[AgeSummary], None]
    ) -> None:
        self._offsets = ClockOffsets(settings, stamp.wall0_ns, stamp.mono0_ns)
        self._ages = RollingAges()
        self._every_ns, self._due_ns = round(every_s * 1e9), stamp.mono0_ns + round(every_s * 1e9)
        self._tell = tell

    def on_output(self, shard: int, record: bytes, mono_ns: int, output: Output) -> None:
        """See `Listener`."""
        self._offsets.take(shard, record, output)
        if len(output.messages):
            self._add(shard, record, output)
        if mono_ns >= self._due_ns:
            self._due_ns = mono_ns + self._every_ns
            if (summary := self._ages.summary(mono_ns)) is not None:
                self._tell(summary)

    def _add(self, shard: int, record: bytes, output: Output) -> None:
        _, _, _, _, _, _, _, wall_ns = HEADER.unpack_from(record)
        offset_ns = self._offsets.of(shard).offset_ns
        for message in iter_messages(output.messages):
            if message.kind == Kind.TOP and message.ts_venue_ns != NULL:
                self._ages.add((wall_ns - message.ts_venue_ns + offset_ns) / 1e6)

    def next_timer_ns(self) -> int | None:
        """See `Listener`: a summary comes with the record that follows its time."""
        return None

    def on_end(self, mono_ns: int) -> None:
        """See `Listener`: the last summary."""
        if (summary := self._ages.summary(mono_ns)) is not None:
            self._tell(summary)
