"""The one place where records come into being: stamp, log, `Feed`, listeners, in one synchronous step.

Everything that enters a `Feed` passes through `Recorder.record`. So the order of processing is the
order of the stamps over all shards, and a replay of the log is the same calls again. Only the log
writer's queue stands behind it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, Protocol

import attrs

from mm_framework.capture.clock import Stamp
from mm_framework.capture.metrics import ShardMeter
from mm_framework.feed import Feed, FeedConfig, Output, VenueKit
from mm_framework.feed.output import Command, Defined, Notice
from mm_framework.model.frame import RecordKind, encode_json, encode_record
from mm_framework.model.instrument import Definition

__all__ = ["Lane", "LastRecords", "Listener", "Log", "Recorder"]

LAST_BYTES: Final = 1 << 18


class Listener(Protocol):
    """Hears a run: sinks, the trading pipeline. A replay drives it with the same calls.

    ``done``: it needs no more, the run may end. It may be set at any time.
    """

    @property
    def done(self) -> bool:
        """Whether the run may end."""
        ...

    def on_output(self, shard: int, record: bytes, mono_ns: int, output: Output) -> None:
        """A record, and what `Feed` made of it. Views in ``output`` are valid during the call only."""
        ...

    def next_timer_ns(self) -> int | None:
        """The mono_ns at which it wants a record, whatever it be; None for never."""
        ...

    def on_end(self, mono_ns: int) -> None:
        """The run is over; ``mono_ns`` of its last record."""
        ...


class Log(Protocol):
    """The part of a `bundle.run.RunWriter` that records go through."""

    @property
    def full(self) -> bool:
        """Whether too much waits for the disk."""
        ...

    def append(self, shard: int, record: bytes) -> None:
        """Append a record."""
        ...

    def checkpoint_due(self, shard: int, mono_ns: int) -> bool:
        """Whether the next record should be a checkpoint."""
        ...

    def definition(self, definition: Definition) -> None:
        """Add a definition."""
        ...


class LastRecords:
    """The latest records of a shard: some hundred KiB, for the case that an error ends the run."""

    def __init__(self) -> None:
        self._before: list[bytes] = []
        self._now: list[bytes] = []
        self._size = 0

    def add(self, record: bytes) -> None:
        """Keep one more; those that are LAST_BYTES older may go."""
        self._now.append(record)
        self._size += len(record)
        if self._size >= LAST_BYTES:
            self._before, self._now, self._size = self._now, [], 0

    def __iter__(self) -> Iterator[bytes]:
        yield from self._before
        yield from self._now


@attrs.define(eq=False)
class Lane:
    """A shard as the recorder sees it: its `Feed`, its meter, its latest records, the next one's index."""

    shard: int
    feed: Feed
    meter: ShardMeter
    last: LastRecords = attrs.field(factory=LastRecords)
    next_index: int = 0


class Recorder:
    """Makes records. ``react(shard, commands, notices)`` is called after the listeners.

    ``log`` None: nothing is written, everything else is the same. ``samples``: how many durations of
    frames a meter keeps of a heartbeat.
    """

    def __init__(
        self,
        configs: Sequence[FeedConfig],
        kits: Mapping[str, VenueKit],
        stamp: Stamp,
        log: Log | None,
        listeners: Sequence[Listener],
        react: Callable[[int, list[Command], list[Notice]], None],
        samples: int = 1024,
    ) -> None:
        self.stamp = stamp
        self.lanes = {
            config.shard: Lane(config.shard, Feed(kits, config.shard), ShardMeter(samples))
            for config in configs
        }
        self.last_ns = stamp.mono0_ns
        self._configs = configs
        self._log, self._listeners, self._react = log, tuple(listeners), react
        self._now = stamp.clock.mono_ns

    def start(self) -> None:
        """The first record of every shard."""
        for config in self._configs:
            payload = encode_json({"op": "start", "config": config.to_json()})
            self.record(config.shard, RecordKind.CONTROL, payload)

    def stop(self, stopped_by: str, error: str | None = None) -> None:
        """The last record of every shard; the listeners end."""
        body = {"op": "stop", "stopped_by": stopped_by, **({} if error is None else {"error": error})}
        for shard in self.lanes:
            self.record(shard, RecordKind.CONTROL, encode_json(body))
        for listener in self._listeners:
            listener.on_end(self.last_ns)

    def record(
        self, shard: int, kind: RecordKind, payload: bytes = b"", *, connection: int = 0, flags: int = 0
    ) -> None:
        """Record something now; a checkpoint or a step of the wall clock may follow it.

        Raises what the disk, the `Feed` or a listener raises.
        """
        lane = self.lanes[shard]
        self._make(lane, kind, payload, connection, flags)
        if kind == RecordKind.CONTROL:
            return
        if self._log is not None and self._log.checkpoint_due(shard, self.last_ns):
            self._make(lane, RecordKind.CHECKPOINT, lane.feed.checkpoint())
        step = self.stamp.take_step()
        if step is not None:
            for each in self.lanes.values():
                self._make(each, RecordKind.CLOCK, encode_json(attrs.asdict(step)))

    def next_ns(self, shard: int) -> int | None:
        """When the shard needs a record at the latest; the listeners' timers count for every shard."""
        return _earliest([self.lanes[shard].feed.next_deadline_ns(), *self._timers()])

    def overdue(self, shard: int, now_ns: int) -> bool:
        """Whether the shard needs a TICK record now; the first one's serves the listeners, too."""
        first = shard == next(iter(self.lanes))
        due_ns = _earliest([self.lanes[shard].feed.next_deadline_ns(), *(self._timers() if first else ())])
        return due_ns is not None and due_ns <= now_ns

    def _timers(self) -> list[int | None]:
        return [listener.next_timer_ns() for listener in self._listeners]

    @property
    def feeds(self) -> list[Feed]:
        """The feeds in order of shards."""
        return [lane.feed for lane in self.lanes.values()]

    @property
    def done(self) -> bool:
        """Whether a listener needs no more."""
        return any(listener.done for listener in self._listeners)

    def _make(
        self, lane: Lane, kind: RecordKind, payload: bytes, connection: int = 0, flags: int = 0
    ) -> None:
        mono_ns, wall_ns = self.stamp.next()
        record = encode_record(
            kind,
            payload,
            connection=connection,
            index=lane.next_index,
            mono_ns=mono_ns,
            wall_ns=wall_ns,
            flags=flags,
        )
        if self._log is not None:
            self._log.append(lane.shard, record)
        lane.next_index += 1
        lane.last.add(record)
        self.last_ns = mono_ns
        output = lane.feed.feed(record)
        parsed_ns = self._now()
        for listener in self._listeners:
            listener.on_output(lane.shard, record, mono_ns, output)
        commands, notices = list(output.commands), list(output.notices)
        if self._log is not None:
            for notice in notices:
                if isinstance(notice, Defined):
                    self._log.definition(notice.definition)
        self._react(lane.shard, commands, notices)
        if kind == RecordKind.FRAME:
            lane.meter.frame(len(payload), mono_ns, parsed_ns, self._now())


def _earliest(times_ns: Iterable[int | None]) -> int | None:
    return min((time_ns for time_ns in times_ns if time_ns is not None), default=None)
