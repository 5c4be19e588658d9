"""The bundle's write queue on virtual time: timers of the loop stand where live runs have threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from mm_framework.bundle.settings import BundleSettings
from mm_framework.bundle.writer import Appender, WriteQueue

__all__ = ["VirtualWriter"]


class VirtualWriter:
    """Implements `bundle.writer.BundleFileWriter`; to be made in the loop.

    ``busy_s()``: for how long the disk takes nothing more, 0 when it does.
    """

    def __init__(
        self, appenders: Sequence[Appender], settings: BundleSettings, busy_s: Callable[[], float]
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue = WriteQueue(appenders, settings, self._hurry)
        self._settings, self._busy_s = settings, busy_s
        self._hurried = self._closed = False
        self._loop.call_later(settings.flush_interval_s, self._flush)
        self._loop.call_later(settings.fsync_interval_s, self._sync)

    @property
    def full(self) -> bool:
        """See `bundle.writer.BundleFileWriter`."""
        return self._queue.full

    def put(self, appender: Appender, data: bytes) -> None:
        """See `bundle.writer.BundleFileWriter`."""
        self._queue.put(appender, data)

    def wait_room(self, timeout_s: float) -> bool:
        """See `bundle.writer.BundleFileWriter`; does not wait, which would take for ever here."""
        self._hurry()
        self._queue.check()
        return not self._queue.full

    def drain(self) -> None:
        """See `bundle.writer.BundleFileWriter`."""
        self._queue.write()
        self._queue.check()

    def close(self) -> None:
        """See `bundle.writer.BundleFileWriter`."""
        self._closed = True
        self._queue.write()
        self._queue.close()

    def _hurry(self) -> None:
        if not self._hurried:
            self._hurried = True
            self._loop.call_later(self._busy_s(), self._write)

    def _write(self) -> None:
        self._hurried = False
        if not self._closed and self._queue.error is None:
            if self._busy_s():
                self._hurry()
            else:
                self._queue.write()

    def _flush(self) -> None:
        self._again(self._flush, self._settings.flush_interval_s, self._write)

    def _sync(self) -> None:
        self._again(self._sync, self._settings.fsync_interval_s, self._queue.sync)

    def _again(self, timer: Callable[[], None], interval_s: float, work: Callable[[], None]) -> None:
        """Do the work when the disk lets us, and come again."""
        if self._closed or self._queue.error is not None:
            return
        busy_s = self._busy_s()
        if not busy_s:
            work()
        self._loop.call_later(busy_s or interval_s, timer)
