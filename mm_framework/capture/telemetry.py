"""What a capture tells of itself: connections, losses, drops; its status and its result."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import attrs

from mm_framework.feed import Feed
from mm_framework.feed.views import book_views
from mm_framework.model.events import PLANNED, Reason
from mm_framework.sync.counts import Counts

__all__ = ["CaptureResult", "Status", "Tally", "instrument_lines", "total_counts"]


@attrs.define
class Tally:
    """Counts of the runner itself. ``lost``: ends of open connections by reason.

    ``hole_ns``: time without a connection after an unplanned loss, over all shards.
    """

    connects: int = 0
    failed_attempts: int = 0
    lost: Counter[Reason] = attrs.field(factory=Counter)
    hole_ns: int = 0
    dropped_frames: int = 0
    dropped_bytes: int = 0
    pauses: int = 0

    @property
    def unplanned(self) -> int:
        """Losses that nobody asked for."""
        return sum(n for reason, n in self.lost.items() if reason not in PLANNED)

    def reconnects(self) -> dict[str, Any]:
        """``total`` (unplanned), ``planned``, ``by_reason``; the end of the run itself is none."""
        told = {reason: n for reason, n in sorted(self.lost.items()) if reason is not Reason.SHUTDOWN}
        return {
            "total": self.unplanned,
            "planned": sum(told.values()) - self.unplanned,
            "by_reason": {reason.name.lower(): n for reason, n in told.items()},
        }

    def disconnected(self) -> dict[str, Any]:
        """``incidents`` and ``time_s_total`` between an unplanned loss and the next open connection."""
        return {"incidents": self.unplanned, "time_s_total": round(self.hole_ns / 1e9, 6)}


@attrs.frozen
class Status:
    """A run that goes on. ``frames_per_s``: since the last one; ``connected``: open
    connections; ``reconnects``: unplanned ones.

    ``states``: how many instruments are in each state of their book.
    """

    elapsed_s: float
    frames: int
    frames_per_s: float
    checksums_verified: int
    checksums_failed: int
    gaps: int
    epochs: int
    connected: int
    reconnects: int
    states: dict[str, int]


@attrs.frozen
class CaptureResult:
    """How a run ended. ``stopped_by``: max_seconds, listener, the name of a signal, or error.

    ``counts``: of all shards. ``connections``: ``opened``, and ``failed`` attempts. ``reconnects``,
    ``disconnected``: see `Tally`. ``instruments``: id -> ``state``, ``epoch`` as the end began.
    """

    stopped_by: str
    duration_s: float
    counts: Counts
    connections: dict[str, int]
    reconnects: dict[str, Any]
    disconnected: dict[str, Any]
    dropped_messages: int
    instruments: dict[str, dict[str, Any]]
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """JSON values only; the keys that `mm verify` also has are named as there."""
        fields = attrs.asdict(self)
        counts = fields["counts"]
        return {
            **fields,
            "frames": counts["frames"],
            "checksums": {"verified": counts["checksums_verified"], "failed": counts["checksums_failed"]},
            "gaps": counts["gaps"],
            "epochs": counts["epochs"],
            "crossed": counts["crossed"],
        }


def total_counts(feeds: Iterable[Feed]) -> Counts:
    """The counts of all shards."""
    total = Counts()
    for feed in feeds:
        total.add(feed.counts)
    return total


def instrument_lines(feeds: Iterable[Feed]) -> dict[str, dict[str, Any]]:
    """State of each instrument, by id."""
    return {name: {"state": one.state.name, "epoch": one.epoch} for name, one in book_views(feeds).items()}
