"""How much memory this process has touched."""

from __future__ import annotations

import mmap
from pathlib import Path

__all__ = ["resident_bytes"]


def resident_bytes() -> int:
    """What is resident, as /proc tells it."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * mmap.PAGESIZE
