"""How a capture does, as metrics for Prometheus: what its last heartbeat told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from mm_framework.calibrate.families import Family, Row
from mm_framework.capture.heartbeat import Beat

__all__ = ["ExposedCapture"]

_COUNTERS: Final = {
    "frames": "frames received",
    "bytes": "bytes of their payloads",
    "checksums_verified": "checksums of books that held",
    "checksums_failed": "checksums of books that did not hold",
    "gaps": "losses of continuity",
    "epochs": "books built",
    "dropped_messages": "messages received and not kept",
}
_GAUGES: Final = {
    "elapsed_s": "time since the start, seconds",
    "connected": "open connections",
    "loop_lag_ms": "how late the event loop came to a timer, the worst of a second",
    "backpressure_ms": "how long connections were not read in a second",
}


class ExposedCapture:
    """Hears heartbeats; `families` is a `calibrate.families.Source`, empty before the first."""

    def __init__(self) -> None:
        self._beat: Beat | None = None

    def hear(self, beat: Beat) -> None:
        """The latest heartbeat."""
        self._beat = beat

    def families(self) -> Iterator[Family]:
        """The metrics ``mm_capture_*``; keys of ``metrics/global.ndjson`` give the names."""
        if self._beat is None:
            return
        told = self._beat.overall
        for key, text in _COUNTERS.items():
            yield Family(f"mm_capture_{key}_total", text, [Row(told[key])], "counter")
        reconnects = told["reconnects"]
        rows = [
            Row(reconnects[key], {"planned": word}) for key, word in (("total", "no"), ("planned", "yes"))
        ]
        yield Family("mm_capture_reconnects_total", "reconnects", rows, "counter")
        for key, text in _GAUGES.items():
            yield Family(f"mm_capture_{key}", text, [Row(told[key])])
        books = [Row(count, {"state": state}) for state, count in sorted(told["states"].items())]
        yield Family("mm_capture_books", "books by state", books)
