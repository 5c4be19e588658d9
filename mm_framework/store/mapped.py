"""Rows of a file, mapped into memory, and giving that memory back while a day goes by."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mm_framework.model.events import row_dtype

__all__ = ["give_back", "map_rows"]

Rows = npt.NDArray[Any]


def map_rows(path: Path, offset: int = 0, count: int | None = None) -> Rows:
    """``count`` rows, all unless given, of a file from ``offset`` on, read-only, of `row_dtype`.

    Raises OSError, and ValueError for a file that is empty or shorter.
    """
    return np.memmap(path, dtype=row_dtype(), mode="r", offset=offset, shape=count)


def give_back(rows: Rows) -> None:
    """Let go of the memory of all rows of a mapped file; who looks at one again reads it again.

    Rows that are no file's stay, and all do where the system cannot be told.
    """
    owner: Any = rows
    while owner is not None and not isinstance(owner, mmap.mmap):
        owner = getattr(owner, "base", None)
    if owner is not None and hasattr(mmap, "MADV_DONTNEED"):
        owner.madvise(mmap.MADV_DONTNEED)
