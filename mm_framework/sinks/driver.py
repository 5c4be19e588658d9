"""What drives sinks: `SinkSet` in the caller, `LiveSinks` in a thread of its own beside a live run.

Both give every sink the same calls, and so does `process.SinkProcess` for runs of many instruments. A live
run only copies what `Feed` gave and goes on; reading the frames once more, compressing and writing happen
in the thread, which hands the interpreter back after every record, so that the event loop is not held up
for long.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mm_framework.contracts.sink import Settling, Sink, SinkRun
from mm_framework.errors import MMError, PluginError
from mm_framework.feed import Output, VenueKit
from mm_framework.model.frame import Block
from mm_framework.sinks.observer import Observer
from mm_framework.sinks.settings import SinkSettings

__all__ = ["LiveSinks", "SinkSet"]

WAKE_S: Final = 0.05
"""The thread looks so often; a wake-up for each record would cost the loop more than the record."""


class SinkSet:
    """Sinks that are written in the caller. ``kits`` are used by nobody else.

    What a sink raises that is no error of ours is its plugin's fault: PluginError.
    """

    def __init__(self, sinks: Sequence[Sink], kits: Mapping[str, VenueKit]) -> None:
        self._sinks = tuple(sinks)
        self._observer = Observer(kits)
        self._open: list[Sink] = []

    def open(self, runs: Sequence[SinkRun]) -> None:
        """Open all sinks, or none. ``runs``: the run as each sink shall see it."""
        try:
            for sink, told in zip(self._sinks, runs, strict=True):
                _call(sink, "open", told)
                self._open.append(sink)
        except BaseException:
            with contextlib.suppress(MMError):
                self.close()
            raise

    def take(self, shard: int, block: bytes, output: Output) -> None:
        """One encoded record and what `Feed` made of it, which stays as it is."""
        seen = self._observer.see(shard, block, output)
        for sink in self._sinks:
            _call(sink, "write", seen)

    def settle(self) -> None:
        """Show what was taken to those who read files that grow."""
        for sink in self._sinks:
            if isinstance(sink, Settling):
                _call(sink, "settle")

    def close(self) -> None:
        """Close all sinks, also after one of them could not be; raises the first error."""
        first: MMError | None = None
        while self._open:
            try:
                _call(self._open.pop(), "close")
            except MMError as error:
                first = first or error
        if first is not None:
            raise first


def _call(sink: Sink, method: str, *arguments: Any) -> None:
    """Call a method of a sink; what it raises that is no error of ours becomes PluginError."""
    try:
        getattr(sink, method)(*arguments)
    except MMError:
        raise
    except Exception as error:
        kind = type(sink)
        raise PluginError(
            f"sink {kind.__module__}.{kind.__qualname__}: {method} raised {type(error).__name__}: {error}",
            phase=method,
        ) from error


class LiveSinks:
    """Implements `capture.recorder.Listener` around an open `SinkSet`.

    The first error of a sink ends the thread and is raised by the next call, which ends the run.
    ``threaded`` False writes in the caller: for virtual time.
    """

    done = False

    def __init__(
        self, sinks: SinkSet, settings: SinkSettings | None = None, *, threaded: bool = True
    ) -> None:
        self._sinks = sinks
        self._limit = int((settings or SinkSettings()).queue_mib * (1 << 20))
        self._queue: deque[tuple[int, bytes, Output, int]] = deque()
        self._put_bytes = self._taken_bytes = 0  # one writer each: the caller, the thread
        self._stop = threading.Event()
        self._room = threading.Condition()
        self._error: Exception | None = None
        self._closed = False
        self._thread: threading.Thread | None = None
        if threaded:
            self._thread = threading.Thread(target=self._work, name="sinks", daemon=True)
            self._thread.start()

    def on_output(self, shard: int, record: Block, mono_ns: int, output: Output) -> None:
        """See `Listener`. Waits while too much waits for the sinks; raises what a sink raised."""
        block = bytes(record)
        if self._thread is None:
            self._sinks.take(shard, block, output.kept())
            self._sinks.settle()
            return
        if self._error is not None:
            raise self._error
        size = len(block) + len(output.rows) + len(output.messages)
        self._put_bytes += size
        self._queue.append((shard, block, output.kept(), size))
        if self._full():
            with self._room:
                self._room.wait_for(lambda: not self._full() or self._error is not None)

    def next_timer_ns(self) -> int | None:
        """See `Listener`: sinks wait for nothing."""
        return None

    def on_end(self, mono_ns: int) -> None:
        """See `Listener`: all files are whole when this returns. Raises what a sink raised."""
        self.close()

    def close(self) -> None:
        """Write what waits and close all sinks; a second call does nothing. Raises what a sink raised."""
        if self._closed:
            return
        self._closed = True
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        try:
            self._sinks.close()
        except MMError as error:
            self._error = self._error or error
        if self._error is not None:
            raise self._error

    def _full(self) -> bool:
        return self._put_bytes - self._taken_bytes > self._limit

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                self._take_all()
                self._stop.wait(WAKE_S)
            self._take_all()
        except Exception as error:
            self._error = error
            with self._room:
                self._room.notify_all()

    def _take_all(self) -> None:
        while self._queue:
            shard, block, output, size = self._queue.popleft()
            self._sinks.take(shard, block, output)
            was_full = self._full()
            self._taken_bytes += size
            if was_full:
                with self._room:
                    self._room.notify_all()
            time.sleep(0)
        self._sinks.settle()
