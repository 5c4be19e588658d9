"""An emulated Kraken in a process of its own, and captures of it in others."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs

__all__ = [
    "WAIT_S",
    "Emulated",
    "capture_process",
    "emulated_kraken",
    "emulated_venue",
    "ended_at",
    "wait_for_beats",
    "wait_for_frames",
    "wait_for_text",
]


WAIT_S = 240.0
"""What a busy machine may take for anything."""

FRAMES_SIZE = 4000
"""Bytes of a log that surely holds frames with data."""

DATA_KINDS = ("snapshot", "book", "trade", "ticker")


@attrs.frozen
class Emulated:
    """A running emulator: its endpoint, its process, and its truth log, whole once it has ended."""

    endpoint: str
    process: subprocess.Popen[str]
    truth: Path

    def end(self) -> None:
        """Stop in order."""
        self.process.terminate()
        self.process.wait(240)

    def sent_until(self, time_ns: int, symbol: str) -> int:
        """How many data frames of a symbol had left at a time of the machine's monotonic clock."""
        entries = map(json.loads, self.truth.read_bytes().splitlines())
        return sum(
            1
            for entry in entries
            if entry.get("symbol") == symbol
            and entry["kind"] in DATA_KINDS
            and "wire" in entry
            and entry["at_ns"] <= time_ns
        )


def emulated_kraken(folder: Path, *arguments: str) -> contextlib.AbstractContextManager[Emulated]:
    """``mm emulate kraken``; ended when the block is left."""
    return emulated_venue("kraken", folder, *arguments)


@contextlib.contextmanager
def emulated_venue(venue: str, folder: Path, *arguments: str) -> Iterator[Emulated]:
    """``mm emulate``; ended when the block is left."""
    truth = folder / "truth.ndjson"
    process = subprocess.Popen(
        [sys.executable, "-m", "mm_framework", "emulate", venue, "--truth", str(truth), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Emulated(process.stdout.readline().strip(), process, truth)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def capture_process(
    endpoint: str, data_dir: Path, *arguments: str, instrument: str = "kraken:BTC/EUR"
) -> subprocess.Popen[str]:
    """``mm capture`` of an endpoint, started."""
    command = ["capture", instrument, "--endpoint", endpoint, "--data-dir", str(data_dir)]
    return subprocess.Popen(
        [sys.executable, "-m", "mm_framework", *command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )


@contextlib.contextmanager
def ended_at(run: Path, size: int) -> Iterator[None]:
    """A capture of this process into ``run``, in the block, hears SIGINT once its log has ``size`` bytes."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.02):
            if _size(run) >= size:
                os.kill(os.getpid(), signal.SIGINT)
                return

    looker = threading.Thread(target=look)
    looker.start()
    try:
        yield
    finally:
        over.set()
        looker.join()


def wait_for_frames(
    runs: Sequence[Path], processes: Sequence[subprocess.Popen[str]], size: int = FRAMES_SIZE
) -> None:
    """Until the logs of all runs have ``size`` bytes, by default so many that they hold frames.

    Raises RuntimeError when a process ended before.
    """
    end_s = time.monotonic() + WAIT_S
    for run, process in zip(runs, processes, strict=True):
        while _size(run) < size:
            if process.poll() is not None or time.monotonic() > end_s:
                process.kill()
                raise RuntimeError(f"{run} does not grow: {process.communicate()[1]}")
            time.sleep(0.02)


def wait_for_beats(run: Path, count: int) -> None:
    """Until a running capture has written so many more heartbeats."""
    path = run / "metrics" / "global.ndjson"
    wait_for_text(path, "\n", _count(path, b"\n") + count)


def wait_for_text(path: Path, text: str, count: int = 1) -> None:
    """Until a file holds a text so many times."""
    end_s = time.monotonic() + WAIT_S
    while _count(path, text.encode()) < count:
        assert time.monotonic() < end_s, f"{path} does not say {text!r} {count} times"
        time.sleep(0.02)


def _size(run: Path) -> int:
    """Bytes in the log of its first shard."""
    log = run / "capture" / "shard_00.frames"
    return log.stat().st_size if log.exists() else 0


def _count(path: Path, text: bytes) -> int:
    return path.read_bytes().count(text) if path.exists() else 0
