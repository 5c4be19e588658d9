"""Whether a store has all that a bundle would give: what must be so before the bundle may go."""

from __future__ import annotations

from pathlib import Path

from mm_framework.errors import MMError
from mm_framework.store.inputs import find_source
from mm_framework.store.reader import Store

__all__ = ["holds"]


def holds(store: Store, path: Path) -> bool:
    """Whether the bundle's log is an input of the store with this very content, and its files are there.

    Raises EnvironmentFailed when the disk or the network refuses.
    """
    try:
        source = find_source(path)
    except MMError:
        return False
    known = next((one for one in store.manifest.inputs if one.run == source.run), None)
    if known is None or known.sha256 != source.fingerprint():
        return False
    parts = [part for part in (*store.manifest.parts, *store.manifest.kept) if part.run == source.run]
    names = [name for part in parts for name, _, _ in part.files.values()]
    return all(store.root.size(name) is not None for name in names)
