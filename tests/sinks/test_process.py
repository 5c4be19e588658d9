"""Sinks in a process of their own: the same files, their errors, and what happens when it dies."""

from __future__ import annotations

import gzip
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest
from sink_runs import ProcessJob, SinkTape, emulated_venue, replayed, sink_run, tree

from mm_framework.errors import ConfigError, EnvironmentFailed
from mm_framework.feed import Feed
from mm_framework.sinks.day_files import DayFiles
from mm_framework.sinks.process import SinkProcess
from mm_framework.sinks.settings import SinkSettings

pytest.importorskip("mm_kraken")


def recorded(venue: str, out: Path) -> list[bytes]:
    return SinkTape.run(venue, DayFiles(), out, seconds=5, rate=20.0).simulation.tape.records


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    return recorded("kraken", tmp_path_factory.mktemp("run") / "files")


def drive(sinks: SinkProcess, records: list[bytes], venue: str) -> None:
    feed = Feed(emulated_venue(venue).kits)
    for record in records:
        sinks.on_output(0, record, 0, feed.feed(record))


def content(folder: Path) -> dict[str, bytes]:
    files = tree(folder)
    return {name: gzip.decompress(data) if name.endswith(".gz") else data for name, data in files.items()}


@pytest.mark.parametrize(("venue", "queue_mib"), [("kraken", 64.0), ("binance", 0.001)])
def test_the_files_are_those_of_an_export(tmp_path: Path, venue: str, queue_mib: float) -> None:
    """Binance's books begin with requests, which are commands of `Feed`."""
    records = recorded(venue, tmp_path / "first")
    sinks = SinkProcess(ProcessJob(venue, tmp_path / "live"), SinkSettings(queue_mib=queue_mib))
    drive(sinks, records, venue)
    sinks.on_end(0)
    sinks.close()
    kits = emulated_venue(venue).kits
    replayed(records, kits, DayFiles(), sink_run(kits, tmp_path / "again"))
    live = content(tmp_path / "live")
    assert live == content(tmp_path / "again") == content(tmp_path / "first")
    assert any(name.endswith(".gz") for name in live)
    assert not [one for one in multiprocessing.active_children() if one.name == "sinks"]


def test_what_opening_raises_is_raised_here(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="exists and is never overwritten") as raised:
        SinkProcess(ProcessJob("kraken", tmp_path, fail_at=1))
    assert raised.value.key == "out"
    assert not [one for one in multiprocessing.active_children() if one.name == "sinks"]


def test_the_error_of_a_sink_is_raised_by_a_later_call(records: list[bytes], tmp_path: Path) -> None:
    sinks = SinkProcess(ProcessJob("kraken", tmp_path / "live", fail_at=3))
    with pytest.raises(EnvironmentFailed, match="No space left"):
        drive_slowly(sinks, records)
    with pytest.raises(EnvironmentFailed, match="No space left"):
        sinks.close()
    sinks.close()


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL there")
def test_a_process_that_is_killed_ends_the_run(records: list[bytes], tmp_path: Path) -> None:
    sinks = SinkProcess(ProcessJob("kraken", tmp_path / "live"))
    (process,) = (one for one in multiprocessing.active_children() if one.name == "sinks")
    assert process.pid is not None
    os.kill(process.pid, signal.SIGTERM)  # what ends a service reaches it too; the run ends it
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(EnvironmentFailed, match="writes the sinks ended with -9"):
        drive_slowly(sinks, records)
    with pytest.raises(EnvironmentFailed, match="ended with -9"):
        sinks.close()


def drive_slowly(sinks: SinkProcess, records: list[bytes]) -> None:
    """Until it raises, as it must."""
    feed = Feed(emulated_venue("kraken").kits)
    for record in records:
        sinks.on_output(0, record, 0, feed.feed(record))
        time.sleep(0.2)
    sinks.on_end(0)
