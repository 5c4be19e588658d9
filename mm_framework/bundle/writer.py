"""Who calls the files' writers: a thread of their own (`ThreadedWriter`), or the caller (`InlineWriter`).

A live run hands each record to the thread's queue and goes on; the queue is bounded by bytes, and a
run whose queue is ``full`` stops reading its connections. Imports write inline. `WriteQueue` is the
queue without the threads.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from mm_framework.bundle.disk import AppendFile
from mm_framework.bundle.settings import BundleSettings
from mm_framework.errors import MMError

__all__ = ["Appender", "BundleFileWriter", "InlineWriter", "LineFile", "ThreadedWriter", "WriteQueue"]


class Appender(Protocol):
    """A file that grows: `frames.LogWriter`, or `LineFile`."""

    def append(self, data: bytes) -> None:
        """Add bytes that are whole in themselves: a record, a line."""
        ...

    def flush(self) -> None:
        """Hand everything to the operating system."""
        ...

    def sync(self) -> None:
        """Force what was flushed to the disk; may be called from another thread."""
        ...

    def close(self) -> None:
        """Flush, sync and close."""
        ...

    def abandon(self) -> None:
        """Close without writing; for after an error."""
        ...


class LineFile(AppendFile):
    """An NDJSON table: each line is written whole, at once. The file must not exist."""

    def append(self, data: bytes) -> None:
        """Write one line, which ends with a line feed."""
        self.write(data)

    def flush(self) -> None:
        """Nothing waits."""

    def abandon(self) -> None:
        """Close the file."""
        self.close()


class BundleFileWriter(Protocol):
    """What `run.RunWriter` writes through."""

    @property
    def full(self) -> bool:
        """Whether more bytes wait than should."""
        ...

    def put(self, appender: Appender, data: bytes) -> None:
        """Append ``data`` to the file, now or later, in the order of calls. Raises EnvironmentFailed."""
        ...

    def wait_room(self, timeout_s: float) -> bool:
        """Wait until the queue is not full; False when it still is. Raises EnvironmentFailed."""
        ...

    def drain(self) -> None:
        """Return when everything put so far is with the operating system. Raises EnvironmentFailed."""
        ...

    def close(self) -> None:
        """Drain, close all files; no call follows. Raises EnvironmentFailed."""
        ...


class InlineWriter:
    """Writes in the caller, who says when to flush; never full."""

    full = False

    def __init__(self, appenders: Sequence[Appender]) -> None:
        self._appenders = appenders

    def put(self, appender: Appender, data: bytes) -> None:
        """See `BundleFileWriter`."""
        appender.append(data)

    def wait_room(self, timeout_s: float) -> bool:
        """See `BundleFileWriter`."""
        return True

    def drain(self) -> None:
        """See `BundleFileWriter`."""
        for appender in self._appenders:
            appender.flush()

    def close(self) -> None:
        """See `BundleFileWriter`."""
        _close(self._appenders, failed=False)


class WriteQueue:
    """What waits for the disk, and the work on it; whoever owns it says when that is done.

    ``wake`` is called when the work should not wait. The first error ends it all: every later `put`
    raises it.
    """

    def __init__(
        self, appenders: Sequence[Appender], settings: BundleSettings, wake: Callable[[], None]
    ) -> None:
        self.error: Exception | None = None
        self._appenders, self._wake = appenders, wake
        self._queue: deque[tuple[Appender, bytes]] = deque()
        self._limit = int(settings.queue_mib * (1 << 20))
        self._wake_records = max(1, settings.flush_records // 2)
        self._put_bytes = self._written_bytes = 0  # one writer each: the caller, who works
        self._unannounced = 0

    @property
    def full(self) -> bool:
        """Whether the queue holds more bytes than it should: stop reading what fills it."""
        return self._put_bytes - self._written_bytes > self._limit

    @property
    def empty(self) -> bool:
        """Whether everything is with the operating system."""
        return self._written_bytes >= self._put_bytes

    def put(self, appender: Appender, data: bytes) -> None:
        """See `BundleFileWriter`. Never waits: whoever ignores ``full`` uses memory."""
        self.check()
        self._put_bytes += len(data)
        self._queue.append((appender, data))
        self._unannounced += 1
        if self._unannounced >= self._wake_records or self.full:
            self._unannounced = 0
            self._wake()

    def check(self) -> None:
        """Raise the error, if there was one."""
        if self.error is not None:
            raise self.error

    def write(self) -> None:
        """Hand all that waits to the operating system; what goes wrong becomes ``error``."""
        written = 0
        try:
            for _ in range(len(self._queue)):
                appender, data = self._queue.popleft()
                appender.append(data)
                written += len(data)
            if written:
                for appender in self._appenders:
                    appender.flush()
        except Exception as error:
            self.error = self.error or error
        else:
            self._written_bytes += written

    def sync(self) -> None:
        """Force it to the disk; may be called from another thread than `write`."""
        try:
            for appender in self._appenders:
                appender.sync()
        except Exception as error:
            self.error = self.error or error

    def close(self) -> None:
        """Close all files, after the last `write`. Raises the error, if there was one."""
        _close(self._appenders, failed=self.error is not None)
        self.check()


class ThreadedWriter:
    """Writes in one thread and syncs in another, so that a slow sync does not hold back a flush.

    A record is with the operating system after ``flush_interval_s``, or sooner when half of
    ``flush_records`` wait. The first error ends both threads; every later call raises it.
    """

    def __init__(self, appenders: Sequence[Appender], settings: BundleSettings) -> None:
        self._wake, self._stop = threading.Event(), threading.Event()
        self._queue = WriteQueue(appenders, settings, self._wake.set)
        self._progress = threading.Condition()
        loops: list[tuple[str, Callable[[float], None], float]] = [
            ("flush", self._flush_loop, settings.flush_interval_s)
        ]
        if settings.fsync_interval_s > 0:
            loops.append(("sync", self._sync_loop, settings.fsync_interval_s))
        self._threads = [
            threading.Thread(target=loop, args=(interval_s,), name=f"bundle-{name}", daemon=True)
            for name, loop, interval_s in loops
        ]
        for thread in self._threads:
            thread.start()

    @property
    def full(self) -> bool:
        """See `WriteQueue`."""
        return self._queue.full

    def put(self, appender: Appender, data: bytes) -> None:
        """See `WriteQueue`."""
        self._queue.put(appender, data)

    def wait_room(self, timeout_s: float) -> bool:
        """See `BundleFileWriter`."""
        self._wake.set()
        self._wait_until(lambda: not self._queue.full, timeout_s)
        return not self._queue.full

    def drain(self) -> None:
        """See `BundleFileWriter`."""
        self._wake.set()
        self._wait_until(lambda: self._queue.empty)

    def close(self) -> None:
        """See `BundleFileWriter`."""
        self._stop.set()
        self._wake.set()
        for thread in self._threads:
            thread.join()
        self._queue.close()

    def _wait_until(self, reached: Callable[[], bool], timeout_s: float | None = None) -> None:
        with self._progress:
            self._progress.wait_for(lambda: reached() or self._queue.error is not None, timeout_s)
        self._queue.check()

    def _flush_loop(self, interval_s: float) -> None:
        while self._queue.error is None:
            stopping = self._stop.is_set()
            self._queue.write()
            with self._progress:
                self._progress.notify_all()
            if stopping:
                return
            self._wake.wait(interval_s)
            self._wake.clear()

    def _sync_loop(self, interval_s: float) -> None:
        due = time.monotonic() + interval_s
        while self._queue.error is None and not self._stop.wait(max(0.0, due - time.monotonic())):
            due = time.monotonic() + interval_s
            self._queue.sync()
        with self._progress:
            self._progress.notify_all()


def _close(appenders: Sequence[Appender], *, failed: bool) -> None:
    """Close every file, also after one of them could not be; raise the first error."""
    first: MMError | None = None
    for appender in appenders:
        try:
            if failed or first is not None:
                appender.abandon()
            else:
                appender.close()
        except MMError as error:
            first = error
            appender.abandon()
    if first is not None:
        raise first
