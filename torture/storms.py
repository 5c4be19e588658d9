"""Real processes, sockets and disks, tried often: the tests of flows, with more rounds than a test takes.

Each test reads how often it tries from the environment; a failed test is a violation, and its last lines
are what is told.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from trial import Room, Tried

__all__ = ["disks", "kills", "slow_peers"]

REPOSITORY = Path(__file__).resolve().parent.parent


def _flows(variable: str, few: int, many: int, *tests: str) -> Callable[[Room], Tried]:
    def trial(room: Room) -> Tried:
        rounds = many if room.whole else few
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout", "0", *tests]
        environment = {**os.environ, **({variable: str(rounds)} if variable else {})}
        ran = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True)
        told = ran.stdout.splitlines()
        counted = {
            word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|error)", ran.stdout)
        }
        done = Tried(tried=sum(counted.values()), counts=counted)
        if ran.returncode:
            for line in [one for one in told if one.startswith(("FAILED", "ERROR"))] or told[-3:]:
                done.violation(line)
        return done

    return trial


kills = _flows("MM_KILLS", 1, 100, "tests/flows/test_kill.py", "tests/flows/test_kill_sinks.py")
"""``kill -9`` of captures, with sinks and without, at moments that differ."""

disks = _flows("", 1, 1, "tests/flows/test_sinks_disk.py", "tests/flows/test_process.py")
"""Disks that are full (by a limit of file size), slow, or taken away."""

slow_peers = _flows("MM_REAL_SECONDS", 10, 300, "tests/flows/test_real_time.py")
"""Every fault of the emulators on real sockets: slow, stalled, reset and half-open connections among them."""
