"""What a store is built from: recognised, and told apart by what is in it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

import attrs

from mm_framework.bundle.manifest import MANIFEST
from mm_framework.bundle.run import CAPTURE, open_run
from mm_framework.bundle.segment import segment_files, segment_sha256, segment_status
from mm_framework.errors import ConfigError, EnvironmentFailed, StoreError
from mm_framework.store.manifest import Input

__all__ = ["Source", "find_source", "fingerprint", "unchanged"]

Kind = Literal["bundle"]


@attrs.frozen
class Source:
    """An input before it is read. ``run``: its name in the store; ``venues``: whose rows it holds."""

    kind: Kind
    path: Path
    run: str
    venues: frozenset[str]

    def files(self) -> dict[str, tuple[int, int]]:
        """The files that its rows are a function of: name -> (size, mtime_ns)."""
        return {path.name: segment_status(path) for _, _, path in segment_files(self.path / CAPTURE)}


def find_source(path: Path) -> Source:
    """What is at a path. Raises StoreError when that is nothing that a store is built from."""
    if (path / MANIFEST).exists() or (path / CAPTURE).is_dir():
        manifest = open_run(path).manifest
        if manifest.state == "running":
            raise StoreError(
                f"run {manifest.run_id} is still written, or was killed: wait, or `mm recover` it",
                path=path,
            )
        return Source("bundle", path, manifest.run_id, frozenset(info.venue for info in manifest.shards))
    if not path.exists():
        raise StoreError(f"there is no {path}: name run bundles, by id or path", path=path)
    raise StoreError(f"{path} is no run bundle: `mm import` makes one of a recording", path=path)


def fingerprint(source: Source) -> str:
    """The SHA-256 over the names and contents of its files. Raises EnvironmentFailed."""
    digest = hashlib.sha256()
    folder = source.path / CAPTURE
    for name in source.files():
        try:
            content = segment_sha256(folder / name)
        except OSError as error:
            raise EnvironmentFailed(f"cannot read {folder / name}: {error.strerror}") from error
        digest.update(f"{name} {content}\n".encode())
    return digest.hexdigest()


def unchanged(source: Source, known: Input, versions: Mapping[str, str]) -> bool:
    """Whether the store holds what reading the source anew would give; reads it only if it must."""
    if dict(known.versions) != dict(versions):
        return False
    same_place = os.path.abspath(source.path) == os.path.abspath(known.path)
    if same_place and source.files() == known.files:
        return True
    return fingerprint(source) == known.sha256


def check_names(sources: Iterable[Source]) -> None:
    """Two inputs of one name are an error. Raises ConfigError."""
    seen: dict[str, Source] = {}
    for source in sources:
        other = seen.setdefault(source.run, source)
        if other is not source:
            raise ConfigError(
                f"{other.path} and {source.path} are both called {source.run!r}: rename one", key="run"
            )
