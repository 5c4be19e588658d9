"""The run before this one that was killed: a new run names it, so that its hole is not taken for silence."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Final

from mm_framework.bundle.disk import FolderLock
from mm_framework.bundle.manifest import MANIFEST, Manifest
from mm_framework.errors import EnvironmentFailed, StoreError

__all__ = ["killed_run"]

LOOKED_AT: Final = 200
"""Runs that are read, newest first; a data directory may hold years of them."""


def killed_run(runs: Path, instruments: Collection[str]) -> str | None:
    """The id of the newest run of one of these instruments, if it was killed; else None.

    ``runs``: the folder of runs. A run that is being written is passed over, and a folder that cannot be
    read. A run that was recovered since counts as killed: its data ends before it should.
    """
    wanted = set(instruments)
    for manifest in _newest(runs):
        recorded = {one.instrument for shard in manifest.shards for one in shard.subscriptions}
        if not wanted & recorded:
            continue
        if manifest.state == "running":
            if FolderLock.is_held(runs / manifest.run_id):
                continue
            return manifest.run_id
        return manifest.run_id if manifest.state == "recovered" else None
    return None


def _newest(runs: Path) -> list[Manifest]:
    """The newest runs, by what their manifests say."""
    files = sorted(runs.glob(f"[!.]*/{MANIFEST}"), key=_changed_ns, reverse=True)
    found = []
    for file in files[:LOOKED_AT]:
        try:
            manifest = Manifest.read(file.parent)
        except (StoreError, EnvironmentFailed):
            continue
        if manifest.run_id == file.parent.name:
            found.append(manifest)
    return sorted(found, key=lambda one: (one.wall0_ns, one.run_id), reverse=True)


def _changed_ns(file: Path) -> int:
    """When a manifest was written; 0 of one that was removed meanwhile."""
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return 0
