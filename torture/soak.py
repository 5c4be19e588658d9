"""A capture for long at a high rate: its memory does not grow once it has begun."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from trial import Room, Tried

__all__ = ["judged", "soak"]

RATE = 3000
GROWTH = 1.05
SLACK_MIB = 4.0
MM = (sys.executable, "-m", "mm_framework")


def soak(room: Room) -> Tried:
    """Ten minutes when everything is to be tried. Memory of the last third is held against the second."""
    seconds = 600.0 if room.whole else max(30.0, room.seconds)
    data = room.folder / "data"
    emulator = subprocess.Popen(
        [*MM, "emulate", "kraken", "--rate", str(RATE)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert emulator.stdout is not None
        endpoint = emulator.stdout.readline().strip()
        capture = subprocess.Popen(
            [*MM, "capture", "kraken:BTC/EUR", "--endpoint", endpoint, "--data-dir", str(data),
             "--run-id", "soak", "--max-seconds", str(seconds)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        samples = _memory(capture)
    finally:
        emulator.kill()
        emulator.wait()
    return judged(samples, capture.returncode)


def _memory(process: subprocess.Popen[bytes]) -> list[float]:
    """Resident MiB of a process, once a second until it ends."""
    page, samples = os.sysconf("SC_PAGE_SIZE"), []
    while process.poll() is None:
        try:
            pages = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            break
        samples.append(pages * page / (1 << 20))
        time.sleep(1)
    process.wait()
    return samples


def judged(samples: list[float], code: int) -> Tried:
    """What samples of memory (MiB) and the exit code say."""
    third = len(samples) // 3
    done = Tried(tried=len(samples))
    if code or third < 2:
        done.violation(f"the capture ended with {code} after {len(samples)} samples of its memory")
        return done
    before, after = max(samples[third : 2 * third]), max(samples[2 * third : -1])
    done.counts = {"MiB in the second third": round(before), "MiB in the last third": round(after)}
    if after > before * GROWTH + SLACK_MIB:
        done.violation(f"memory grows: {before:.1f} MiB at most in the second third, {after:.1f} in the last")
    return done
