"""What a live run knows of its venues' clocks: a listener that tells each decision of `ClockOffset`.

Where a venue answers pings with its time the offset is refreshed by these alone; one that tells it over
HTTP is asked there, as `stale` says; one that tells it in acknowledgements only is subscribed on a new
connection, which takes over from the old one without a hole, as `worn` says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol

from mm_framework.capture.clock import Clock, Stamp
from mm_framework.contracts.adapter import Adapter, HttpRequest, TimeSource
from mm_framework.feed import Output
from mm_framework.feed.clock_offset import ClockOffsets, ClockSettings, OffsetDecision
from mm_framework.feed.output import ClockSample
from mm_framework.model.events import Reason

__all__ = ["RETRY_NS", "ClockWatch"]

RETRY_NS: Final = 60 * 10**9
"""So long after a question over HTTP that brought no answer it is asked again."""

LOOK_S: Final = 10.0
"""Time between two looks at what is stale."""

KEPT: Final = 1024
"""Decisions a run that the manifest keeps, the first ones; the run log has all."""


class Refresher(Protocol):
    """The part of a `capture.runner.Capture` that measures offsets anew."""

    def ask_time(self, shard: int, request: HttpRequest) -> None:
        """Make an HTTP request in its turn; the answer becomes a record of the shard."""
        ...

    def rotate(self, shard: int, reason: Reason) -> None:
        """Replace the connections of a shard without a hole."""
        ...


class ClockWatch:
    """Implements `capture.recorder.Listener`. ``tell(shard, decision)`` hears each decision."""

    done = False

    def __init__(
        self,
        settings: ClockSettings,
        stamp: Stamp,
        adapters: Mapping[int, Adapter],
        tell: Callable[[int, OffsetDecision], None],
    ) -> None:
        self.offsets = ClockOffsets(settings, stamp.wall0_ns, stamp.mono0_ns)
        self._refresh_ns = round(settings.offset_refresh_s * 1e9)
        self._adapters, self._tell = adapters, tell
        self._asked_ns = dict.fromkeys(adapters, stamp.mono0_ns)
        self._kept: list[dict[str, Any]] = []
        self._sources: dict[int, set[str]] = {shard: set() for shard in adapters}

    def on_output(self, shard: int, record: bytes, mono_ns: int, output: Output) -> None:
        """See `Listener`."""
        self._sources[shard].update(one.source for one in output.notices if isinstance(one, ClockSample))
        for decision in self.offsets.take(shard, record, output):
            if len(self._kept) < KEPT:
                self._kept.append({"shard": shard, **decision.to_json()})
            self._tell(shard, decision)

    def stale(self, now_ns: int) -> list[tuple[int, TimeSource]]:
        """The shards that are to be asked over HTTP now."""
        found: list[tuple[int, TimeSource]] = []
        for shard, adapter in self._adapters.items():
            due_ns = max(self.offsets.of(shard).due_ns, self._asked_ns[shard])
            if self._refresh_ns and isinstance(adapter, TimeSource) and now_ns >= due_ns:
                found.append((shard, adapter))
                self._asked_ns[shard] = now_ns + min(self._refresh_ns, RETRY_NS)
        return found

    def worn(self, now_ns: int) -> list[int]:
        """The shards whose connections are to be replaced now, since only acknowledgements tell the time."""
        found = []
        for shard, sources in self._sources.items():
            due_ns = max(self.offsets.of(shard).due_ns, self._asked_ns[shard])
            alone = sources == {"acknowledgement"} and not isinstance(self._adapters[shard], TimeSource)
            if self._refresh_ns and alone and now_ns >= due_ns:
                found.append(shard)
                self._asked_ns[shard] = now_ns + self._refresh_ns
        return found

    async def refresh(self, run: Refresher, clock: Clock) -> None:
        """Do what `stale` and `worn` say, now and again, until it is cancelled."""
        while True:
            for shard, adapter in self.stale(clock.mono_ns()):
                run.ask_time(shard, adapter.time_request())
            for number in self.worn(clock.mono_ns()):
                run.rotate(number, Reason.CLOCK_REFRESH)
            await asyncio.sleep(LOOK_S)

    def next_timer_ns(self) -> int | None:
        """See `Listener`: it waits for nothing."""
        return None

    def on_end(self, mono_ns: int) -> None:
        """See `Listener`."""

    def samples(self) -> tuple[dict[str, Any], ...]:
        """The decisions for the manifest, each with its shard."""
        return tuple(self._kept)
