"""Remove runs that are old: by their manifests, and never one that is being written."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal

import attrs

from mm_framework.bundle.disk import FolderLock, sync_folder, writing
from mm_framework.bundle.manifest import Manifest
from mm_framework.bundle.names import RUNS
from mm_framework.errors import EnvironmentFailed, StoreError

__all__ = ["RunFound", "find_runs", "remove_rests", "remove_run"]

GONE: Final = ".pruned-"
"""A run that is being removed is called so: it is no run any more, and the next call removes the rest."""

Verdict = Literal["keep", "remove", "running", "crashed", "unreadable", "not stored"]


@attrs.frozen
class RunFound:
    """A run of the data directory. ``age_days``: since its end, as its manifest says; None if unreadable.

    ``verdict``: ``running``, ``crashed`` (killed, not recovered), ``unreadable`` ones and those that are
    ``not stored`` where that was asked for stay, too.
    """

    run_id: str
    path: Path
    verdict: Verdict
    age_days: float | None
    bytes: int

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        return {**attrs.asdict(self), "path": str(self.path)}


def find_runs(data_dir: Path, keep: timedelta, now: datetime) -> list[RunFound]:
    """Every run under ``data_dir``, oldest name first; ``keep``: younger ones stay."""
    folder = data_dir / RUNS
    if not folder.is_dir():
        return []
    paths = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    return [_found(path, keep, now) for path in paths]


def remove_run(run: RunFound) -> bool:
    """Remove a run; False when it is being written after all. Raises EnvironmentFailed."""
    try:
        lock = FolderLock(run.path)
    except EnvironmentFailed:
        return False
    gone = run.path.with_name(GONE + run.run_id)
    with writing(run.path):
        if gone.exists():
            shutil.rmtree(gone)
        lock.release()  # no file of a folder may be open when it is renamed on Windows
        run.path.rename(gone)
        sync_folder(gone.parent)
        shutil.rmtree(gone)
    return True


def remove_rests(data_dir: Path) -> int:
    """Remove what killed calls left; how many folders."""
    rests = [path for path in (data_dir / RUNS).glob(f"{GONE}*") if path.is_dir()]
    for path in rests:
        with writing(path):
            shutil.rmtree(path)
    return len(rests)


def _found(path: Path, keep: timedelta, now: datetime) -> RunFound:
    size = sum(_bytes(file) for file in path.rglob("*") if file.is_file())
    try:
        manifest = Manifest.read(path)
        ended = _end(manifest)
    except (StoreError, EnvironmentFailed, ValueError):
        return RunFound(path.name, path, "unreadable", None, size)
    age = now - ended
    verdict: Verdict = "remove" if age > keep else "keep"
    if FolderLock.is_held(path):
        verdict = "running"
    elif manifest.state == "running":
        verdict = "crashed"
    return RunFound(path.name, path, verdict, round(age / timedelta(days=1), 3), size)


def _bytes(file: Path) -> int:
    """Of a file; 0 of one that its writer replaced or removed meanwhile."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


def _end(manifest: Manifest) -> datetime:
    """When a run ended, by its clock; a run without a result when it began."""
    begun = datetime.fromisoformat(manifest.created.replace("Z", "+00:00"))
    lasted_s = (manifest.result or {}).get("duration_s", 0.0)
    return begun + timedelta(seconds=float(lasted_s))
