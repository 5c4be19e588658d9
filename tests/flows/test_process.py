"""A capture as a process among others: it is stopped for long, its disk fails, its target is taken.

A short stop is longer than the deadlines, which are made shorter; ``MM_LONG_STOP=130`` stops it for 130 s
under the usual ones.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from kraken_virtual import kraken_kits
from processes import WAIT_S, Emulated, capture_process, emulated_kraken, wait_for_beats, wait_for_frames

from mm_framework.bundle.recover import recover
from mm_framework.bundle.run import open_run
from mm_framework.bundle.verify import verify
from mm_framework.errors import EnvironmentFailed

LONG_STOP_S = float(os.environ.get("MM_LONG_STOP", "0"))
IMPATIENT = (
    *("--capture-ping-interval-s", "0.5", "--capture-ping-timeout-s", "3"),
    *("--feed-idle-timeout-s", "3", "--feed-stream-idle-s", "3", "--capture-reconnect-backoff-s", "0.2"),
)

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.name == "nt", reason="signals and limits of POSIX"),
]


def frames_of(path: Path) -> int:
    return (path / "capture" / "shard_00.frames").stat().st_size


def wait_for_growth(path: Path, size: int) -> None:
    end_s = time.monotonic() + WAIT_S
    while frames_of(path) <= size:
        assert time.monotonic() < end_s, f"{path} does not grow"
        time.sleep(0.05)


def wait_for_sync(run: Path) -> None:
    """Until two heartbeats in a row, after that the run noticed its standstill, find every book SYNCED."""
    end_s = time.monotonic() + WAIT_S
    synced = 0
    while synced < 2:
        assert time.monotonic() < end_s, "the books are not in sync again"
        wait_for_beats(run, 1)
        if '"stood_still"' in (run / "runlog.ndjson").read_text():
            last = json.loads((run / "metrics" / "global.ndjson").read_bytes().splitlines()[-1])
            synced = synced + 1 if last["states"].keys() == {"SYNCED"} else 0


def test_a_stopped_process_goes_on_and_its_books_are_the_venues(tmp_path: Path) -> None:
    """The venue's messages wait in the sockets; deadlines that passed meanwhile are served once."""
    settings = () if LONG_STOP_S else IMPATIENT
    with emulated_kraken(tmp_path, "--rate", "100") as emulated:
        process = capture_process(emulated.endpoint, tmp_path, "--run-id", "r1", "--json", *settings)
        run = tmp_path / "runs" / "r1"
        try:
            wait_for_frames([run], [process])
            process.send_signal(signal.SIGSTOP)
            time.sleep(LONG_STOP_S or 4.0)
            process.send_signal(signal.SIGCONT)
            wait_for_growth(run, frames_of(run))
            wait_for_sync(run)
            process.send_signal(signal.SIGTERM)
            out, err = process.communicate(timeout=240)
        finally:
            process.kill()
    assert process.returncode == 0, err
    told = json.loads(out)
    assert told["stopped_by"] == "SIGTERM"
    assert {one["state"] for one in told["instruments"].values()} == {"SYNCED"}
    report = verify(open_run(run), kraken_kits())
    assert (report.errors, report.crc_mismatch) == (0, 0), report.failures
    assert report.counts.checksums_failed == 0
    log = list(open_run(run).runlog())
    lags = [line["loop_lag_ms"] for line in log if line["event"] == "heartbeat"]
    assert max(lags) > 1000 * (LONG_STOP_S or 4.0) / 2, "the heartbeat says how late it was"
    assert max(line["late_s"] for line in log if line["event"] == "stood_still") > (LONG_STOP_S or 4.0) - 1.1
    assert "stood still" in err


def test_a_run_whose_folder_is_removed_ends_and_says_so(tmp_path: Path) -> None:
    with emulated_kraken(tmp_path, "--rate", "100") as emulated:
        process = capture_process(emulated.endpoint, tmp_path, "--run-id", "r1")
        run = tmp_path / "runs" / "r1"
        try:
            wait_for_frames([run], [process])
            while run.exists():  # files come while others go
                shutil.rmtree(run, ignore_errors=True)
            time.sleep(1.0)  # longer than a block of frames waits to be written
            process.send_signal(signal.SIGTERM)
            _, err = process.communicate(timeout=240)
        finally:
            process.kill()
    assert process.returncode == 5, err
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert str(run) in errors[0]
    assert "Traceback" not in err


def test_two_recorders_do_not_share_a_run(tmp_path: Path) -> None:
    """Started at once; one of them gets the run, the other one is told."""
    with emulated_kraken(tmp_path, "--rate", "100") as emulated:
        both = [capture_process(emulated.endpoint, tmp_path, "--run-id", "r1") for _ in range(2)]
        try:
            end_s = time.monotonic() + WAIT_S
            while all(process.poll() is None for process in both) and time.monotonic() < end_s:
                time.sleep(0.05)
            refused = next(process for process in both if process.poll() is not None)
            (other,) = (process for process in both if process is not refused)
            _, err = refused.communicate(timeout=240)
            wait_for_frames([tmp_path / "runs" / "r1"], [other])
            with pytest.raises(EnvironmentFailed, match="is being written by another process"):
                recover(tmp_path / "runs" / "r1", kraken_kits())
            other.send_signal(signal.SIGTERM)
            other.communicate(timeout=240)
        finally:
            for process in both:
                process.kill()
    assert refused.returncode == 2, err
    assert "is never overwritten" in err
    assert other.returncode == 0
    assert verify(open_run(tmp_path / "runs" / "r1"), kraken_kits()).ok


def limited(emulated: Emulated, folder: Path, limit: int) -> subprocess.CompletedProcess[str]:
    """A capture whose files may not grow over ``limit`` bytes: a disk that fills up while it is written."""
    import resource

    command = ["capture", "kraken:BTC/EUR", "--endpoint", emulated.endpoint, "--data-dir", str(folder)]
    return subprocess.run(
        [sys.executable, "-m", "mm_framework", *command, "--run-id", "r1", "--max-seconds", "200"],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        timeout=240,
        check=False,
    )


def test_what_was_written_before_the_disk_was_full_is_a_run(tmp_path: Path) -> None:
    with emulated_kraken(tmp_path, "--rate", "200") as emulated:
        process = limited(emulated, tmp_path, 40_000)
    assert process.returncode == 5, process.stderr
    run = tmp_path / "runs" / "r1"
    assert frames_of(run) == 40_000, "the last block was written as far as it fits"
    report = recover(run, kraken_kits())
    assert report.state[1] == "recovered"
    assert sum(part.bytes for part in report.lost) < 40_000
    after = verify(open_run(run), kraken_kits())
    assert after.ok, after.failures
    assert after.counts.checksums_verified > 50


@pytest.mark.skipif(sys.platform != "linux", reason="fails fsync through the Linux loader")
def test_a_disk_that_does_not_keep_what_it_was_given_ends_the_run(tmp_path: Path) -> None:
    """``sitecustomize`` lets the third fsync of a log fail, as a dying disk would."""
    (tmp_path / "sitecustomize.py").write_text(
        "import errno, os\n"
        "fsync, logs = os.fsync, []\n"
        "def failing(descriptor):\n"
        "    if os.readlink(f'/proc/self/fd/{descriptor}').endswith('.frames'):\n"
        "        logs.append(descriptor)\n"
        "        if len(logs) > 2:\n"
        "            raise OSError(errno.EIO, os.strerror(errno.EIO))\n"
        "    fsync(descriptor)\n"
        "os.fsync = failing\n"
    )
    path = os.pathsep.join(filter(None, [str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    with emulated_kraken(tmp_path, "--rate", "100") as emulated:
        command = ["capture", "kraken:BTC/EUR", "--endpoint", emulated.endpoint, "--data-dir", str(tmp_path)]
        process = subprocess.run(
            [
                *(sys.executable, "-m", "mm_framework", *command, "--run-id", "r1", "--max-seconds", "200"),
                *("--bundle-fsync-interval-s", "0.3"),
            ],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": path},
            timeout=240,
            check=False,
        )
    assert process.returncode == 5, process.stderr
    errors = [line for line in process.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "shard_00.frames" in errors[0]
    assert "Input/output error" in errors[0]
    recover(tmp_path / "runs" / "r1", kraken_kits())
    assert verify(open_run(tmp_path / "runs" / "r1"), kraken_kits()).ok
