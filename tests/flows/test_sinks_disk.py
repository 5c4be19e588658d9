"""Captures with sinks on disks that fill up or are slow: the run is told, and what is there is right."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from kraken_virtual import kraken_kits
from processes import Emulated, emulated_kraken

from mm_framework.bundle.recover import recover
from mm_framework.bundle.run import open_run
from mm_framework.bundle.verify import verify
from mm_framework.cli import main
from mm_framework.sinks.files import gzip_text

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(os.name == "nt", reason="limits of a process and its files"),
]

LIMIT = 200_000


def capture(
    emulated: Emulated,
    folder: Path,
    *arguments: str,
    paths: tuple[Path, ...] = (),
    limit: Callable[[], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    command = [
        "capture",
        "kraken:BTC/EUR",
        "--endpoint",
        emulated.endpoint,
        "--data-dir",
        str(folder / "data"),
    ]
    path = os.pathsep.join(filter(None, [*map(str, paths), os.environ.get("PYTHONPATH", "")]))
    return subprocess.run(
        [sys.executable, "-m", "mm_framework", *command, "--run-id", "r1", "--sink", "day-files", *arguments],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
        preexec_fn=limit,
        timeout=240,
        check=False,
    )


def is_what_an_export_gives(folder: Path) -> int:
    """Every file of the day is the begin of the exported one; how many lines they have."""
    data, exported = folder / "data", folder / "exported"
    words = ["export", "r1", "--data-dir", str(data), "--to", "day-files", "--out", str(exported)]
    assert CliRunner().invoke(main, words).exit_code == 0
    lines = 0
    for path in (data / "kraken").rglob("*.gz"):
        kept, again = list(gzip_text(path)), list(gzip_text(exported / path.relative_to(data)))
        assert kept == again[: len(kept)], path.name
        lines += len(kept)
    return lines


@pytest.mark.parametrize("own", ["never", "always"])
def test_a_disk_that_is_full_ends_the_run_and_names_the_file(tmp_path: Path, own: str) -> None:
    """No file may grow over a limit: the live file of updates is the first to reach it, or, where the sinks
    are late in their process, the log itself.
    """
    import resource

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (LIMIT, LIMIT))

    with emulated_kraken(tmp_path, "--rate", "300") as emulated:
        process = capture(emulated, tmp_path, "--sinks-process", own, "--max-seconds", "200", limit=limit)
    assert process.returncode == 5, process.stderr
    (error,) = (line for line in process.stderr.splitlines() if line.startswith("error: "))
    of_log = own == "always" and "shard_00.frames: File too large" in error
    assert of_log or "live_depth_diffs.ndjson: File too large" in error
    path = tmp_path / "data" / "runs" / "r1"
    if of_log:
        recover(path, kraken_kits())
    else:
        assert open_run(path).manifest.state == "interrupted"
    assert verify(open_run(path), kraken_kits()).ok
    (live,) = (tmp_path / "data").rglob("live_depth_diffs.ndjson")
    whole = live.read_bytes()
    assert LIMIT // 10 < len(whole) <= LIMIT
    assert all(json.loads(line)["recv_seq"] for line in whole.splitlines())
    if not of_log:
        assert is_what_an_export_gives(tmp_path) > 50


@pytest.mark.parametrize("own", ["never", "always"])
def test_a_disk_that_is_slow_makes_the_run_wait_and_loses_nothing(tmp_path: Path, own: str) -> None:
    """``sitecustomize`` lets each gzip member take a while; little may wait for it."""
    (tmp_path / "sitecustomize.py").write_text(
        "import gzip, time\n"
        "compress = gzip.compress\n"
        "def slow(data, *arguments, **options):\n"
        "    time.sleep(0.3)\n"
        "    return compress(data, *arguments, **options)\n"
        "gzip.compress = slow\n"
    )
    words = ["--sinks-process", own, "--sinks-queue-mib", "0.02", "--max-seconds", "6", "--json"]
    with emulated_kraken(tmp_path, "--rate", "200") as emulated:
        process = capture(emulated, tmp_path, *words, paths=(tmp_path,))
    assert process.returncode == 0, process.stderr
    result = json.loads(process.stdout)
    assert (result["dropped_messages"], result["gaps"]) == (0, 0)
    assert result["frames"] > 200
    assert is_what_an_export_gives(tmp_path) > 200
    lags = [one["loop_lag_ms"] for one in open_run(tmp_path / "data" / "runs" / "r1").runlog()
            if one["event"] == "heartbeat"]  # fmt: skip
    assert max(lags) > 100, "the run did wait"
