"""A Dask cluster of processes on this machine, whose workers can be killed."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["dask_cluster"]


@contextlib.contextmanager
def dask_cluster(folder: Path) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and two workers, each a process; the scheduler's address, and the workers."""
    told = folder / "scheduler.json"
    path = os.pathsep.join(one for one in sys.path if one)
    environment = {**os.environ, "PYTHONPATH": path}
    dask = [sys.executable, "-m", "dask"]
    common = {"env": environment, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> None:
        started.append(subprocess.Popen([*dask, *arguments], cwd=folder, **common))  # type: ignore[call-overload]

    here = ("--scheduler-file", str(told))
    try:
        start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show", *here)
        for _ in range(960):
            if told.exists() and told.stat().st_size:
                break
            time.sleep(0.25)
        for _ in range(2):
            start("worker", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1", *here)
        yield json.loads(told.read_text())["address"], started[1:]
    finally:
        for process in started:
            process.kill()
            process.wait()
