"""The writer's thread: order, room, barriers, errors; and that a killed process loses little."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest
from logs import plain_records

from mm_framework.bundle.frames import LogWriter, ShardReader
from mm_framework.bundle.settings import BundleSettings
from mm_framework.bundle.writer import InlineWriter, LineFile, ThreadedWriter
from mm_framework.errors import EnvironmentFailed


class SlowFile:
    """An appender that waits for leave, to see what a slow disk does."""

    def __init__(self) -> None:
        self.leave = threading.Event()
        self.data: list[bytes] = []
        self.closed = self.abandoned = False
        self.failure: Exception | None = None

    def append(self, data: bytes) -> None:
        self.leave.wait(10)
        if self.failure:
            raise self.failure
        self.data.append(data)

    def flush(self) -> None:
        pass

    def sync(self) -> None:
        pass

    def close(self) -> None:
        self.closed = True

    def abandon(self) -> None:
        self.abandoned = True


def settings(**changes: float) -> BundleSettings:
    return BundleSettings(**{"flush_interval_s": 0.01, **changes})  # type: ignore[arg-type]  # all are numbers


def test_everything_is_written_in_the_order_of_calls(tmp_path: Path) -> None:
    records = plain_records(5000)
    log = LogWriter(tmp_path, 0, wall0_ns=0, mono0_ns=0)
    lines = LineFile(tmp_path / "lines.ndjson")
    writer = ThreadedWriter([log, lines], settings(fsync_interval_s=0.01))
    for record in records:
        writer.put(log, record)
    writer.put(lines, b"{}\n")
    writer.drain()
    assert [bytes(record) for record in ShardReader(tmp_path, 0).records()] == records
    assert (tmp_path / "lines.ndjson").read_bytes() == b"{}\n"
    writer.close()


def test_a_record_is_written_without_any_further_call() -> None:
    file = SlowFile()
    file.leave.set()
    writer = ThreadedWriter([file], settings())
    writer.put(file, b"one")
    deadline = time.monotonic() + 240
    while not file.data and time.monotonic() < deadline:
        time.sleep(0.005)
    assert file.data == [b"one"]
    writer.close()


def test_a_full_queue_says_so_until_there_is_room() -> None:
    file = SlowFile()
    writer = ThreadedWriter([file], settings(queue_mib=100 / (1 << 20)))
    writer.put(file, bytes(60))
    assert not writer.full
    writer.put(file, bytes(60))
    assert writer.full
    assert not writer.wait_room(0.02)
    file.leave.set()
    assert writer.wait_room(240)
    assert not writer.full
    writer.close()
    assert file.closed


def test_an_error_of_the_thread_reaches_every_later_call() -> None:
    file = SlowFile()
    file.failure = EnvironmentFailed("the disk is full")
    writer = ThreadedWriter([file], settings())
    writer.put(file, b"lost")
    file.leave.set()
    with pytest.raises(EnvironmentFailed, match="the disk is full"):
        writer.drain()
    with pytest.raises(EnvironmentFailed, match="the disk is full"):
        writer.put(file, b"more")
    with pytest.raises(EnvironmentFailed, match="the disk is full"):
        writer.wait_room(0)
    with pytest.raises(EnvironmentFailed, match="the disk is full"):
        writer.close()
    assert file.abandoned
    assert not file.closed


def test_a_mistake_of_ours_in_the_thread_is_not_swallowed(tmp_path: Path) -> None:
    log = LogWriter(tmp_path, 0, wall0_ns=0, mono0_ns=0)
    writer = ThreadedWriter([log], settings())
    writer.put(log, plain_records(2)[1])
    with pytest.raises(RuntimeError, match="record 1 at"):
        writer.drain()
    with pytest.raises(RuntimeError, match="record 1 at"):
        writer.close()


def test_close_writes_what_waits_and_closes_every_file_even_after_an_error() -> None:
    class Refusing(SlowFile):
        def close(self) -> None:
            raise EnvironmentFailed("no")

    first, second, third = SlowFile(), Refusing(), SlowFile()
    writer = InlineWriter([first, second, third])
    with pytest.raises(EnvironmentFailed, match="no"):
        writer.close()
    assert (first.closed, second.abandoned, third.abandoned) == (True, True, True)


def test_lines_are_never_written_over_an_existing_file(tmp_path: Path) -> None:
    (tmp_path / "t").write_bytes(b"old")
    with pytest.raises(EnvironmentFailed, match="cannot write"):
        LineFile(tmp_path / "t")


def test_a_killed_process_loses_at_most_what_came_within_the_flush_interval(tmp_path: Path) -> None:
    """Each record is announced once it is put; those announced a second before the kill are there."""
    program = """
        import sys, time
        sys.path.insert(0, sys.argv[2])
        from pathlib import Path
        from logs import plain_records
        from mm_framework.bundle.frames import LogWriter
        from mm_framework.bundle.settings import BundleSettings
        from mm_framework.bundle.writer import ThreadedWriter
        log = LogWriter(Path(sys.argv[1]), 0, wall0_ns=0, mono0_ns=0)
        writer = ThreadedWriter([log], BundleSettings(flush_interval_s=0.05))
        for number, record in enumerate(plain_records(20_000), 1):
            writer.put(log, record)
            print(number, flush=True)
            time.sleep(0.001)
    """
    support = Path(__file__).parents[1] / "support"
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path), str(support)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        announced: list[tuple[float, int]] = []
        for line in process.stdout:
            announced.append((time.monotonic(), int(line)))
            if announced[-1][0] - announced[0][0] > 1.4:
                break
        process.kill()
        killed = time.monotonic()
        process.stdout.read()
    kept = [bytes(record) for record in ShardReader(tmp_path, 0).records()]
    assert kept == plain_records(20_000)[: len(kept)]
    due = max((number for moment, number in announced if moment < killed - 1.0), default=0)
    assert due > 10
    assert len(kept) >= due
