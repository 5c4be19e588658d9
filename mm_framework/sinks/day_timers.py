"""What the ledger of a day folder tells when nothing happens: heartbeats, silence, a book out of step. Pure.

All times are mono_ns: `heard` and `arm` say what a record showed, `passed` what is to be told by then.
"""

from __future__ import annotations

from collections.abc import Iterator

import attrs

__all__ = ["DayTimers"]


@attrs.define
class DayTimers:
    """Seconds of 0 tell nothing. ``rearmed``: `due_ns` may be sooner than it was; who waits for it looks, and
    clears it.
    """

    heartbeat_s: float
    no_data_warn_s: float
    sync_warn_after_s: float
    rearmed: bool = True
    _heartbeat_ns: int | None = None
    _heard_ns: int | None = None
    _unsynced_ns: int | None = None
    _silence_told: bool = False
    _unsynced_told: bool = False

    def rest(self) -> None:
        """Nothing is followed: nothing is awaited."""
        self._heartbeat_ns = self._heard_ns = self._unsynced_ns = None
        self._silence_told = self._unsynced_told = False
        self.rearmed = True

    def heard(self, now_ns: int) -> None:
        """There is data: what was silent is not, and may be told to be silent again."""
        if self._silence_told or self._heard_ns is None:
            self._silence_told, self.rearmed = False, True
        self._heard_ns = now_ns

    def arm(self, now_ns: int, *, synced: bool) -> None:
        """A record was read; ``synced``: the book is in step, or none is followed."""
        if self.heartbeat_s and self._heartbeat_ns is None:
            self._heartbeat_ns, self.rearmed = _after(now_ns, self.heartbeat_s), True
        if synced:
            self._unsynced_ns = None
        elif self._unsynced_ns is None:
            self._unsynced_ns, self._unsynced_told, self.rearmed = now_ns, False, True

    @property
    def due_ns(self) -> int | None:
        """From when on `passed` has something to tell; None for never."""
        awaited = (self._heartbeat_ns, self._silent_ns, self._late_ns)
        return min((time_ns for time_ns in awaited if time_ns is not None), default=None)

    def passed(self, now_ns: int) -> Iterator[tuple[str, float]]:
        """What to tell, each once, and for how many seconds it is so (0 of a heartbeat)."""
        if self._heartbeat_ns is not None and now_ns >= self._heartbeat_ns:
            self._heartbeat_ns = _after(now_ns, self.heartbeat_s)
            yield "heartbeat", 0.0
        if self._heard_ns is not None and self._silent_ns is not None and now_ns >= self._silent_ns:
            self._silence_told = True
            yield "ws_no_data", _seconds(now_ns - self._heard_ns)
        if self._unsynced_ns is not None and self._late_ns is not None and now_ns >= self._late_ns:
            self._unsynced_told = True
            yield "sync_warning", _seconds(now_ns - self._unsynced_ns)

    @property
    def _silent_ns(self) -> int | None:
        """When a silence is told that nothing ends."""
        return None if self._silence_told else _after(self._heard_ns, self.no_data_warn_s)

    @property
    def _late_ns(self) -> int | None:
        """When it is told that the book is still out of step."""
        return None if self._unsynced_told else _after(self._unsynced_ns, self.sync_warn_after_s)


def _after(time_ns: int | None, seconds: float) -> int | None:
    return None if time_ns is None or not seconds else time_ns + round(seconds * 1e9)


def _seconds(span_ns: int) -> float:
    return round(span_ns / 1e9, 3)
