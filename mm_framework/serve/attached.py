"""The live run of a strategy beside the server: what it tells of itself in a file.

<data dir>/running/<run>.json     `answers.StrategyNow`, anew once a second, gone at the end of the run
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from mm_framework.serve.answers import StrategyNow

__all__ = ["FRESH_MS", "RUNNING", "Attached"]

RUNNING: Final = "running"
FRESH_MS: Final = 10_000
"""A file that was not written for so long is of a run that was killed."""


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


class Attached:
    """Reads what the runs below ``data_dir`` tell. ``now_ms``: the clock, Unix time in ms."""

    def __init__(self, data_dir: Path, now_ms: Callable[[], int] = _now_ms) -> None:
        self._folder, self._now_ms = data_dir / RUNNING, now_ms
        self._decode = msgspec.json.Decoder(StrategyNow).decode

    def now(self) -> StrategyNow | None:
        """The run that told last, None when none is going on."""
        told = [one for path in self._folder.glob("*.json") if (one := self._read(path)) is not None]
        return max(told, key=lambda one: one.ts_ms, default=None)

    def _read(self, path: Path) -> StrategyNow | None:
        try:
            told = self._decode(path.read_bytes())
        except (OSError, msgspec.DecodeError):  # it ended meanwhile, or is none of ours
            return None
        return told if abs(self._now_ms() - told.ts_ms) <= FRESH_MS else None
