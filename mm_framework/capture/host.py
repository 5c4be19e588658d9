"""What a run uses of its machine: disk and memory. Reads files, so it is called in a thread."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import attrs

__all__ = ["HostProbe", "HostUsage"]


@attrs.frozen
class HostUsage:
    """``disk_free_bytes`` of ``disk_total_bytes`` where the run is written, which takes ``run_bytes`` of it.

    ``rss_bytes``: memory of this process, None where the system does not tell it (only Linux does).
    """

    disk_free_bytes: int
    disk_total_bytes: int
    run_bytes: int
    rss_bytes: int | None

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        return attrs.asdict(self)


@attrs.frozen
class HostProbe:
    """Looks at the machine from the folder of a run. Raises OSError when the folder is gone."""

    path: Path

    def __call__(self) -> HostUsage:
        """The usage now."""
        usage = shutil.disk_usage(self.path)
        return HostUsage(usage.free, usage.total, _size(self.path), _rss_bytes())


def _size(folder: Path) -> int:
    total = 0
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False):
            total += _size(Path(entry.path))
        else:
            total += entry.stat(follow_symlinks=False).st_size
    return total


def _rss_bytes() -> int | None:
    """proc(5), /proc/[pid]/statm: the second number is the resident set in pages."""
    if not sys.platform.startswith("linux"):
        return None
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
