"""Is a capture of this data directory alive? For health checks of containers and services."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import attrs

from mm_framework.bundle.disk import FolderLock
from mm_framework.bundle.manifest import MANIFEST, Manifest
from mm_framework.bundle.tables import RUNLOG
from mm_framework.errors import StoreError

__all__ = ["LivingRun", "is_written", "living_run"]


@attrs.frozen
class LivingRun:
    """A run that is being written; ``silent_s`` since its run log grew, as it does each second."""

    run_id: str
    silent_s: float


def living_run(
    runs: Path, now_s: float, wanted: Callable[[Manifest], bool] = lambda manifest: True
) -> LivingRun | None:
    """The run under ``runs`` that is being written and spoke last, of those that are ``wanted``."""
    found = [run for file in runs.glob(f"[!.]*/{MANIFEST}") if (run := _living(file.parent, now_s, wanted))]
    return min(found, key=lambda run: run.silent_s, default=None)


def is_written(path: Path) -> bool:
    """Whether the run of this folder is being written now: a killed one is not, whatever its manifest says.

    Raises StoreError for a manifest that cannot be read.
    """
    return Manifest.read(path).state == "running" and FolderLock.is_held(path)


def _living(path: Path, now_s: float, wanted: Callable[[Manifest], bool]) -> LivingRun | None:
    try:
        if not (wanted(Manifest.read(path)) and is_written(path)):
            return None
    except StoreError:
        return None
    log = path / RUNLOG
    return LivingRun(path.name, max(0.0, now_s - log.stat().st_mtime)) if log.exists() else None
