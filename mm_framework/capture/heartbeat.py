"""The heartbeat of a run: a line of the run log, a line of metrics for the run and for each shard.

`Heartbeats` hears every line of the run log and reads the shards' meters; it takes time as an argument.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from mm_framework.bundle.latency import LatencyTally
from mm_framework.capture.host import HostUsage
from mm_framework.capture.metrics import ShardMeter
from mm_framework.capture.settings import CaptureSettings
from mm_framework.capture.telemetry import Status, Tally
from mm_framework.sync.counts import Counts

__all__ = ["Beat", "BookNow", "Heartbeats", "ShardNow"]

NS_PER_MS = 1e6
NS_PER_S = 1e9


@attrs.frozen
class ShardNow:
    """A shard as the runner sees it: its number, venue, meter, open connections, messages not stamped yet."""

    shard: int
    venue: str
    meter: ShardMeter
    connected: int
    waiting: int = 0


@attrs.frozen
class BookNow:
    """A book: the name of its state, and its epoch."""

    state: str
    epoch: int


@attrs.frozen
class Beat:
    """One heartbeat. ``line``: for the run log, ``overall`` and ``shards``: for the metrics, without stamps.

    ``resyncs``: how often books had to be resynced, so far. ``books``: shard -> instrument -> its book; the
    heartbeats' own, to be read at once. ``latency``: what the run's telemetry says so far.
    """

    status: Status
    line: dict[str, Any]
    overall: dict[str, Any]
    shards: dict[int, dict[str, Any]]
    resyncs: int
    books: Mapping[int, Mapping[str, BookNow]]
    latency: LatencyTally


@attrs.define
class _Seen:
    """What the run log has told of a shard, and what the last heartbeat counted.

    ``states`` counts the books by state: there may be thousands.
    """

    books: dict[str, BookNow] = attrs.field(factory=dict)
    states: Counter[str] = attrs.field(factory=Counter)
    streams: set[tuple[str | None, str]] = attrs.field(factory=set)
    planned: int = 0
    unplanned: int = 0
    reasons: Counter[str] = attrs.field(factory=Counter)
    frames: int = 0
    bytes: int = 0

    def change(self, instrument: str, book: BookNow) -> None:
        """A book has another state; a stopped one is gone."""
        earlier = self.books.pop(instrument, None)
        if earlier is not None:
            self.states[earlier.state] -= 1
        if book.state != "STOPPED":
            self.books[instrument] = book
            self.states[book.state] += 1


@attrs.frozen
class _Interval:
    """Between two heartbeats: ``lag_ms`` the worst, ``waited_ms`` while connections were not read.

    ``covers``: books and streams are counted at its end.
    """

    seconds: float
    lag_ms: float
    waited_ms: float
    covers: bool


class Heartbeats:
    """Makes the beats of a run that began at ``mono0_ns``."""

    def __init__(self, settings: CaptureSettings, mono0_ns: int) -> None:
        self.latency = LatencyTally()
        self._settings = settings
        self._mono0_ns = self._last_ns = mono0_ns
        self._seen: dict[int, _Seen] = {}
        self._lag_ns = self._paused_ns = self._count = self._frames = self._bytes = self._resyncs = 0
        self._paused_since_ns: int | None = None
        self._coverage_ns: int | None = None

    def hear(self, line: Mapping[str, Any]) -> None:
        """A line of the run log, with its stamps."""
        self.latency.hear(line)
        match line["event"]:
            case "state":
                self._resyncs += line["new"] == "RESYNCING"
                self._of(line["shard"]).change(line["instrument"], BookNow(line["new"], line["epoch"]))
            case "subscribed":
                self._of(line["shard"]).streams.add((line["instrument"], line["channel"]))
            case "unsubscribed":
                self._of(line["shard"]).streams.discard((line["instrument"], line["channel"]))
            case "lost":
                self._lost(line)
            case "paused":
                self._paused_since_ns = line["mono_ns"]
            case "resumed" if self._paused_since_ns is not None:
                self._paused_ns += line["mono_ns"] - self._paused_since_ns
                self._paused_since_ns = None

    def lag(self, lag_ns: int) -> None:
        """The event loop came so late to a timer."""
        self._lag_ns = max(self._lag_ns, lag_ns)

    def beat(
        self, now_ns: int, shards: Iterable[ShardNow], counts: Counts, tally: Tally, host: HostUsage | None
    ) -> Beat:
        """The heartbeat of this moment; what follows is counted for the next one.

        ``host`` is given with one heartbeat of several.
        """
        shards, past = list(shards), self._take_interval(now_ns)
        lines = {one.shard: self._shard(one, past) for one in shards}
        for line in lines.values():
            self.latency.sample(line)
        status = self._status(now_ns, past, shards, counts, tally)
        told = {"loop_lag_ms": past.lag_ms, "paused": self._paused_since_ns is not None}
        told |= {**attrs.asdict(status), "dropped_messages": tally.dropped_frames}
        return Beat(
            status=status,
            line={"event": "heartbeat", **told},
            overall=self._overall(past, status, shards, tally, host) | {"refreshes": _refreshes(counts)},
            shards=lines,
            resyncs=self._resyncs,
            books={shard: seen.books for shard, seen in sorted(self._seen.items())},
            latency=self.latency,
        )

    def _overall(
        self, past: _Interval, status: Status, shards: list[ShardNow], tally: Tally, host: HostUsage | None
    ) -> dict[str, Any]:
        """The metrics of the run."""
        size = sum(one.meter.bytes for one in shards)
        line = {
            "beat": self._count,
            **attrs.asdict(status),
            "bytes": size,
            "bytes_per_s": round((size - self._bytes) / past.seconds, 1),
            "dropped_messages": tally.dropped_frames,
            "reconnects": tally.reconnects(),
            "disconnected": tally.disconnected(),
            "loop_lag_ms": past.lag_ms,
            "backpressure_ms": past.waited_ms,
        }
        self._bytes = size
        if past.covers:
            line["coverage"] = _coverage(self._seen.values())
        if host is not None:
            line["host"] = host.to_json()
        return line

    def _take_interval(self, now_ns: int) -> _Interval:
        """What has passed since the last beat."""
        seconds = max(now_ns - self._last_ns, 1) / NS_PER_S
        self._count, self._last_ns = self._count + 1, now_ns
        lag_ms, self._lag_ns = round(self._lag_ns / NS_PER_MS, 3), 0
        return _Interval(seconds, lag_ms, self._take_paused_ms(now_ns), self._covers(now_ns))

    def _of(self, shard: int) -> _Seen:
        return self._seen.setdefault(shard, _Seen())

    def _lost(self, line: Mapping[str, Any]) -> None:
        if line["reason"] != "SHUTDOWN":
            seen = self._of(line["shard"])
            seen.reasons[line["reason"].lower()] += 1
            seen.planned += line["planned"]
            seen.unplanned += not line["planned"]

    def _take_paused_ms(self, now_ns: int) -> float:
        """How long connections were not read since the last beat."""
        if self._paused_since_ns is not None:
            self._paused_ns += now_ns - self._paused_since_ns
            self._paused_since_ns = now_ns
        paused_ms, self._paused_ns = round(self._paused_ns / NS_PER_MS, 3), 0
        return paused_ms

    def _covers(self, now_ns: int) -> bool:
        """Whether this beat counts books and streams."""
        interval_ns = self._settings.coverage_metrics_interval_seconds * NS_PER_S
        if self._coverage_ns is not None and now_ns - self._coverage_ns < interval_ns:
            return False
        self._coverage_ns = now_ns
        return True

    def _shard(self, now: ShardNow, past: _Interval) -> dict[str, Any]:
        """The metrics of a shard."""
        seen, meter = self._of(now.shard), now.meter
        line = {
            "beat": self._count,
            "shard": now.shard,
            "venue": now.venue,
            "connected": now.connected,
            "frames": meter.frames,
            "frames_per_s": round((meter.frames - seen.frames) / past.seconds, 1),
            "bytes": meter.bytes,
            "bytes_per_s": round((meter.bytes - seen.bytes) / past.seconds, 1),
            "reconnects": {
                "total": seen.unplanned,
                "planned": seen.planned,
                "by_reason": dict(sorted(seen.reasons.items())),
            },
            **meter.take(),
            "backpressure_ms": _single(past.waited_ms),
        }
        seen.frames, seen.bytes = meter.frames, meter.bytes
        if past.covers:
            line["coverage"] = _coverage([seen])
        return line

    def _status(
        self, now_ns: int, past: _Interval, shards: list[ShardNow], counts: Counts, tally: Tally
    ) -> Status:
        states = sum((seen.states for seen in self._seen.values()), Counter())
        frames_per_s = (counts.frames - self._frames) / past.seconds
        self._frames = counts.frames
        return Status(
            elapsed_s=round((now_ns - self._mono0_ns) / NS_PER_S, 3),
            frames=counts.frames,
            frames_per_s=round(frames_per_s, 1),
            checksums_verified=counts.checksums_verified,
            checksums_failed=counts.checksums_failed,
            gaps=counts.gaps,
            epochs=counts.epochs,
            connected=sum(one.connected for one in shards),
            reconnects=tally.unplanned,
            states=dict(sorted(states.items())),
        )


def _coverage(shards: Iterable[_Seen]) -> dict[str, int]:
    """``streams`` that the venue has confirmed, ``books`` that have a state, ``synced`` of them."""
    streams = books = synced = 0
    for seen in shards:
        streams += len(seen.streams)
        books += len(seen.books)
        synced += seen.states["SYNCED"]
    return {"streams": streams, "books": books, "synced": synced}


def _refreshes(counts: Counts) -> dict[str, int]:
    """Snapshots that were to tell more of books that are kept, by what became of them."""
    return {
        "asked": counts.refreshes,
        "joined": counts.refreshes_joined,
        "differs": counts.refreshes_differing,
        "failed": counts.refreshes_failed,
    }


def _single(value: float) -> dict[str, float]:
    """A window with one sample."""
    return {"count": 1, **dict.fromkeys(("p50", "p95", "p99", "max", "last"), value)}
