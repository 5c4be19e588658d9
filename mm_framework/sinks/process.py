"""Sinks in a process of their own, so that what they cost holds up nobody.

    run -> records and what `Feed` made of them, some at a time -> pipe -> `SinkSet`

The process is told what sinks in a thread are told, so it needs no books of its own to prove anything. It
ends with the run: in order when it is told to, at once when the run is killed.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Final

from mm_framework.errors import EnvironmentFailed, MMError
from mm_framework.feed import Output
from mm_framework.model.frame import Block
from mm_framework.sinks.driver import WAKE_S, SinkSet
from mm_framework.sinks.settings import SinkSettings

__all__ = ["Job", "SinkProcess"]

BATCH_BYTES: Final = 1 << 18
"""Sent at once: the process looks whether the run still lives after each batch."""

NICENESS: Final = 5
"""Of the process: whoever receives goes first."""

_SIZES: Final = struct.Struct("<5I")
"""Before each record: its shard, and the bytes of the record, of rows, messages and of the pickled rest."""

_STAMP_SHARE: Final = 8
"""Bytes of messages for each byte of their stamps."""

_END: Final = b"."

Job = Callable[[], SinkSet]
"""Opens the sinks, in their process: it is pickled."""


class SinkProcess:
    """Implements `capture.recorder.Listener`.

    The first error of a sink ends the process and is raised by a later call, which ends the run. Raises
    what opening raises. `close` must be called.
    """

    done = False

    def __init__(self, job: Job, settings: SinkSettings | None = None) -> None:
        self._limit = int((settings or SinkSettings()).queue_mib * (1 << 20))
        self._queue: deque[bytes] = deque()
        self._put_bytes = self._taken_bytes = 0  # one writer each: the caller, the thread
        self._stop = threading.Event()
        self._room = threading.Condition()
        self._error: Exception | None = None
        self._closed = False
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, job), name="sinks", daemon=True)
        try:
            self._process.start()
            theirs.close()
            self._hear()
        except Exception as error:
            told = self._told(error)
            self._end()
            raise told from None
        except BaseException:
            self._end()
            raise
        self._thread = threading.Thread(target=self._work, name="sinks", daemon=True)
        self._thread.start()

    def on_output(self, shard: int, record: Block, mono_ns: int, output: Output) -> None:
        """See `Listener`. Waits while too much waits for the sinks; raises what a sink raised."""
        if self._error is not None:
            raise self._error
        told = _packed(shard, record, output)
        self._put_bytes += len(told)
        self._queue.append(told)
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
        """Write what waits, close all sinks and end the process; a second call does nothing.

        Raises what a sink raised.
        """
        if self._closed:
            return
        self._closed = True
        self._stop.set()
        try:
            self._thread.join()
        finally:
            self._end()
        if self._error is not None:
            raise self._error

    def _full(self) -> bool:
        return self._put_bytes - self._taken_bytes > self._limit

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                self._send_all()
                self._stop.wait(WAKE_S)
            self._send_all()
            self._pipe.send_bytes(_END)
            while self._hear() is not None:
                pass
        except Exception as error:
            self._error = self._told(error)
            with self._room:
                self._room.notify_all()

    def _send_all(self) -> None:
        """Send what waits, and hear how far the process is."""
        while self._queue:
            batch, size = [], 0
            while self._queue and size < BATCH_BYTES:
                batch.append(self._queue.popleft())
                size += len(batch[-1])
            self._pipe.send_bytes(b"".join(batch))
            while self._pipe.poll():
                self._hear()
        while self._pipe.poll(WAKE_S if self._full() else 0):
            self._hear()

    def _hear(self) -> int | None:
        """The next word of the process: bytes that it took, None when it did as told. Raises its error."""
        word: int | Exception | None = self._pipe.recv()
        if isinstance(word, Exception):
            raise word
        if word is not None:
            self._taken_bytes += word
            with self._room:
                self._room.notify_all()
        return word

    def _told(self, error: Exception) -> Exception:
        """The error of a sink; where the pipe broke, the one that the process left in it."""
        if not isinstance(error, EOFError | OSError):
            return error
        try:
            while True:
                self._hear()
        except (EOFError, OSError):
            self._process.join()
            code = self._process.exitcode
            return EnvironmentFailed(
                f"the process that writes the sinks ended with {code}: start the run again, with"
                " --sinks-process never if there is too little memory for two"
            )
        except Exception as left:
            return left

    def _end(self) -> None:
        """The process ends when its pipe does."""
        self._pipe.close()
        if self._process.pid is not None:
            self._process.join()
            self._process.close()


def serve(pipe: Connection, job: Job) -> None:
    """What the process does: opens the sinks, takes records until it is told to close."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # it is the run that is stopped, and then tells
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    try:
        sinks = job()
    except Exception as error:
        _tell(pipe, error)
        return
    try:
        pipe.send(None)
        _take_all(pipe, sinks)
    except (EOFError, ConnectionError):
        os._exit(1)  # the run was killed; its sinks end like it, with what they had handed over
    except Exception as error:
        with contextlib.suppress(MMError):
            sinks.close()
        _tell(pipe, error)
        return
    try:
        sinks.close()
    except Exception as error:
        _tell(pipe, error)
    else:
        pipe.send(None)


def _take_all(pipe: Connection, sinks: SinkSet) -> None:
    """Until the end is told. Raises EOFError when the run is no more, and what a sink raises."""
    while (batch := pipe.recv_bytes()) != _END:
        for shard, record, output in _unpacked(batch):
            sinks.take(shard, record, output)
        sinks.settle()
        pipe.send(len(batch))


def _packed(shard: int, record: Block, output: Output) -> bytes:
    """A record and what was made of it; most records have neither commands nor notices."""
    rest = pickle.dumps((output.commands, output.notices)) if output.commands or output.notices else b""
    sizes = _SIZES.pack(shard, len(record), len(output.rows), len(output.messages), len(rest))
    return b"".join((sizes, record, output.rows, output.messages, output.mono_ns.cast("B"), rest))


def _unpacked(batch: bytes) -> Iterator[tuple[int, bytes, Output]]:
    """``(shard, encoded record, output)`` of what was sent at once."""
    view, position = memoryview(batch), 0
    while position < len(batch):
        shard, n_record, n_rows, n_messages, n_rest = _SIZES.unpack_from(batch, position)
        rows = position + _SIZES.size + n_record
        messages = rows + n_rows
        stamps = messages + n_messages
        rest = stamps + n_messages // _STAMP_SHARE
        record = batch[position + _SIZES.size : rows]
        position = rest + n_rest
        commands, notices = pickle.loads(view[rest:position]) if n_rest else ([], [])
        output = Output(
            view[rows:messages], view[messages:stamps], view[stamps:rest].cast("q"), commands, notices
        )
        yield shard, record, output


def _tell(pipe: Connection, error: Exception) -> None:
    """Hand an error to the run; one that cannot be pickled as its text."""
    with contextlib.suppress(ConnectionError):
        try:
            pipe.send(error)
        except (AttributeError, TypeError, pickle.PicklingError):
            pipe.send(EnvironmentFailed(f"a sink failed: {type(error).__name__}: {error}"))
