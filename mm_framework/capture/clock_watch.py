"""What a live run knows of its venues' clocks: a listener that tells each decision of `ClockOffset`.

Where a venue answers pings with its time the offset is refreshed by these alone. For the others `stale`
says what is to be done: ask for the time over HTTP, or, where only the acknowledgement of a subscription
tells it, replace the connection as planned.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, Protocol

from mm_framework.capture.clock import Clock, Stamp
from mm_framework.contracts.adapter import Adapter, HttpRequest, TimeSource
from mm_framework.feed import Output
from mm_framework.feed.clock_offset import ClockOffsets, ClockSettings, OffsetDecision
from mm_framework.model.events import Reason

__all__ = ["STALE_NS", "ClockWatch", "Refresh"]

STALE_NS: Final = 60 * 10**9
"""So long after a refresh was due the venue's pings have not brought a sample, or HTTP no answer."""

Refresh = tuple[int, Literal["time", "rotate"]]
"""A shard, and how its offset is to be measured."""

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
        self._acknowledged: set[int] = set()
        self._kept: list[dict[str, Any]] = []

    def on_output(self, shard: int, record: bytes, mono_ns: int, output: Output) -> None:
        """See `Listener`."""
        for decision in self.offsets.take(shard, record, output):
            if decision.source == "acknowledgement":
                self._acknowledged.add(shard)
            if len(self._kept) < KEPT:
                self._kept.append({"shard": shard, **decision.to_json()})
            self._tell(shard, decision)

    def stale(self, now_ns: int) -> list[Refresh]:
        """The shards whose offset nobody has refreshed in time, each told once a refresh interval."""
        found: list[Refresh] = []
        for shard, adapter in self._adapters.items():
            by_http = isinstance(adapter, TimeSource)
            grace_ns = 0 if by_http or adapter.ping_interval_s is None else STALE_NS
            due_ns = max(self.offsets.of(shard).due_ns, self._asked_ns[shard])
            if not self._refresh_ns or now_ns < due_ns + grace_ns:
                continue
            if by_http:
                found.append((shard, "time"))
            elif shard in self._acknowledged:
                found.append((shard, "rotate"))
            self._asked_ns[shard] = now_ns + (
                min(self._refresh_ns, STALE_NS) if by_http else self._refresh_ns
            )
        return found

    async def refresh(self, run: Refresher, clock: Clock) -> None:
        """Do what `stale` says, now and again, until it is cancelled."""
        while True:
            for shard, how in self.stale(clock.mono_ns()):
                if how == "rotate":
                    run.rotate(shard, Reason.CLOCK_REFRESH)
                else:
                    adapter = self._adapters[shard]
                    assert isinstance(adapter, TimeSource)
                    run.ask_time(shard, adapter.time_request())
            await asyncio.sleep(LOOK_S)

    def next_timer_ns(self) -> int | None:
        """See `Listener`: it waits for nothing."""
        return None

    def on_end(self, mono_ns: int) -> None:
        """See `Listener`."""

    def samples(self) -> tuple[dict[str, Any], ...]:
        """The decisions for the manifest, each with its shard."""
        return tuple(self._kept)
