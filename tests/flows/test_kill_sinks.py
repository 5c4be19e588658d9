"""``kill -9`` of a capture with sinks: at most the open member of a file is lost, and a restart goes on.

``MM_KILLS=100`` kills so many of each kind, at moments that differ.
"""

from __future__ import annotations

import csv
import gzip
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from processes import WAIT_S, Emulated, capture_process, emulated_kraken, wait_for_frames

from mm_framework.cli import main
from mm_framework.sinks.day_reader import DayReader
from mm_framework.sinks.day_verify import verify_day
from mm_framework.sinks.files import gzip_text
from mm_kraken.sync import RULES

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.name == "nt", reason="a day folder of a killed run may still be locked there"),
]

DATE = "20261121"
"""The day folder of all runs, also of those around midnight."""

MEMBER_MS = 1000
"""A member covers a second of receive times, however late the sinks are."""


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulated]:
    with emulated_kraken(tmp_path_factory.mktemp("emulator"), "--rate", "150") as running:
        yield running


KILLS = int(os.environ.get("MM_KILLS", "1"))


def start(folder: Path, run_id: str, process: str) -> list[str]:
    return ["--run-id", run_id, "--sink", "day-files", "--sink", f"bbo-csv={folder / run_id}.csv",
            "--sinks-process", process, "--sink-day-files-folder-date", DATE,
            "--channel", "book", "--channel", "trade", "--channel", "ticker"]  # fmt: skip


def day_of(folder: Path) -> Path:
    (path,) = folder.glob("data/kraken/BTCEUR/*")
    return path


def live_times(folder: Path) -> list[int]:
    """The receive times that the live file of updates holds, in ms."""
    for path in folder.glob("data/kraken/BTCEUR/*/live/live_depth_diffs.ndjson"):
        return [json.loads(line)["recv_ms"] for line in path.read_bytes().splitlines(keepends=True)
                if line.endswith(b"\n")]  # fmt: skip
    return []


def wait_for_span(folder: Path, span_ms: int) -> None:
    """Until the sinks have written lines over so long a time."""
    end_s = time.monotonic() + WAIT_S
    while time.monotonic() < end_s:
        times = live_times(folder)
        if times and times[-1] - times[0] >= span_ms:
            return
        time.sleep(0.05)
    raise AssertionError("no lines in time")


@pytest.mark.parametrize("kill", range(KILLS))
@pytest.mark.parametrize("own", ["never", "always"])
def test_a_kill_loses_at_most_a_member_and_a_restart_goes_on(
    emulated: Emulated, tmp_path: Path, own: str, kill: int
) -> None:
    data = tmp_path / "data"
    process = capture_process(emulated.endpoint, data, *start(tmp_path, "first", own))
    try:
        wait_for_span(tmp_path, 2 * MEMBER_MS + 131 * (kill % 8))
    finally:
        process.kill()
        process.communicate()
    live = live_times(tmp_path)
    day = day_of(tmp_path)
    exported = tmp_path / "exported"
    assert CliRunner().invoke(
        main, ["export", "first", "--data-dir", str(data), "--to", "day-files", "--out", str(exported)]
    ).exit_code == 0  # fmt: skip
    whole = exported / day.relative_to(data)
    kept: dict[str, list[str]] = {}
    for path in day.rglob("*.gz"):
        name = path.relative_to(day).as_posix()
        kept[name] = list(gzip_text(path))
        again = list(gzip_text(whole / name))
        shared = min(len(kept[name]), len(again))
        assert kept[name][:shared] == again[:shared], f"{name} is not what an export gives"
    diffs = [json.loads(line) for line in kept[f"diffs/depth_diffs_BTCEUR_{day.name}.ndjson.gz"]]
    lost = live[len(diffs) :]
    assert diffs, "two members of a second were whole"
    assert not lost or lost[-1] - lost[0] <= MEMBER_MS

    later = capture_process(emulated.endpoint, data, *start(tmp_path, "second", own))
    wait_for_frames([data / "runs" / "second"], [later], 40_000)
    later.send_signal(signal.SIGTERM)
    _, stderr = later.communicate(timeout=120)
    assert later.returncode == 0, stderr
    for path in day.rglob("*.gz"):
        name = path.relative_to(day).as_posix()
        text = gzip.decompress(path.read_bytes()).decode().splitlines()
        assert text[: len(kept[name])] == kept[name]
        assert text.count(text[0]) == 1
    reader = DayReader(day)
    report = verify_day(reader, RULES)
    assert report.ok, (report.found, report.declared)
    assert (report.runs, report.snapshots) == (["first", "second"], 2)
    events = list(csv.DictReader(gzip_text(next(day.glob("events_*.gz")))))
    numbers = [int(row["event_id"]) for row in events]
    assert numbers == sorted(set(numbers)), "a lost member leaves a hole at most"
    assert events[-1]["type"] == "run_stop"
