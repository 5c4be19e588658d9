"""What a store is built from: told apart by what is in it, read into days and instruments.

A `Source` is one input before it is read. Here are run bundles; `bbo_input` has files of best prices, and
rooms above bring their own.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Protocol

import attrs

from mm_framework.bundle.manifest import MANIFEST
from mm_framework.bundle.run import CAPTURE, Run, open_run
from mm_framework.bundle.segment import segment_files, segment_sha256, segment_status
from mm_framework.errors import ConfigError, EnvironmentFailed, StoreError
from mm_framework.feed import VenueKit
from mm_framework.model.instrument import Definition
from mm_framework.store.manifest import Input, Note
from mm_framework.store.spill import Spill, spill_run

__all__ = [
    "BundleSource",
    "Dealt",
    "Finder",
    "Source",
    "check_names",
    "find_again",
    "find_source",
    "unchanged",
]

Kits = Mapping[str, VenueKit]


@attrs.frozen
class Dealt:
    """What an input came to, besides the rows that `Spill` holds.

    ``definitions``: times of validity are receive times. ``offsets``: shard -> receive time -> offset of the
    venue's clock in ms from then on. ``notes``: what the rows do not show; ``counts``: how often what was.
    """

    definitions: tuple[Definition, ...]
    start_ns: int
    offsets: Mapping[int, Mapping[int, float]] = attrs.field(factory=dict)
    notes: tuple[Note, ...] = ()
    counts: Mapping[str, int] = attrs.field(factory=dict)


class Source(Protocol):
    """An input; it can be sent to another process."""

    @property
    def kind(self) -> str:
        """What it is: ``bundle``, ``bbo-csv``, ``day-folder``."""
        ...

    @property
    def path(self) -> Path:
        """Where it is."""
        ...

    @property
    def run(self) -> str:
        """Its name in the store."""
        ...

    @property
    def venues(self) -> frozenset[str]:
        """The venues whose kits read it."""
        ...

    @property
    def symbols(self) -> Mapping[str, str]:
        """Symbol as the input has it -> instrument id, where the user said so."""
        ...

    def files(self) -> dict[str, tuple[int, int]]:
        """The files that its rows are a function of: name -> (size, mtime_ns)."""
        ...

    def fingerprint(self) -> str:
        """The SHA-256 over the contents of its files. Raises EnvironmentFailed."""
        ...

    def deal(self, kits: Kits, spill: Spill) -> Dealt:
        """Put all rows into ``spill``. Raises StoreError and its kinds for what cannot be read."""
        ...


@attrs.frozen
class BundleSource:
    """A run bundle."""

    path: Path
    run: str
    venues: frozenset[str]
    symbols: Mapping[str, str] = attrs.field(factory=dict)

    @property
    def kind(self) -> str:
        """See `Source`."""
        return "bundle"

    def files(self) -> dict[str, tuple[int, int]]:
        """See `Source`."""
        return {path.name: segment_status(path) for _, _, path in segment_files(self.path / CAPTURE)}

    def fingerprint(self) -> str:
        """See `Source`; equal for a log that is sealed."""
        digest = hashlib.sha256()
        folder = self.path / CAPTURE
        for name in self.files():
            try:
                content = segment_sha256(folder / name)
            except OSError as error:
                raise EnvironmentFailed(f"cannot read {folder / name}: {error.strerror}") from error
            digest.update(f"{name} {content}\n".encode())
        return digest.hexdigest()

    def deal(self, kits: Kits, spill: Spill) -> Dealt:
        """See `Source`."""
        run = open_run(self.path)
        definitions = spill_run(run, kits, spill)
        shift_ns = run.manifest.wall0_ns - run.manifest.mono0_ns
        return Dealt(
            tuple(attrs.evolve(one, valid_from_ns=one.valid_from_ns + shift_ns) for one in definitions),
            run.manifest.wall0_ns,
            _offsets(run),
        )


Finder = Callable[[Path], Source | None]
"""Recognises a kind of input at a path; None when there is something else."""


def find_source(path: Path, *finders: Finder) -> Source:
    """What is at a path: a run bundle, or what another finder knows.

    Raises StoreError when that is nothing that a store is built from, or not whole.
    """
    if (path / MANIFEST).exists() or (path / CAPTURE).is_dir():
        return _bundle(path)
    if not path.exists():
        raise StoreError(f"there is no {path}: name run bundles, by id or path, or files", path=path)
    for find in finders:
        source = find(path)
        if source is not None:
            return source
    raise StoreError(
        f"{path} is no run bundle, no CSV of best prices (.csv, .csv.gz) and no day folder: `mm import` makes"
        " a bundle of a recording",
        path=path,
    )


def find_again(known: Input) -> Source:
    """A run bundle that a store knows, where it was. Raises StoreError when it is not there."""
    return find_source(Path(known.path))


def _bundle(path: Path) -> BundleSource:
    manifest = open_run(path).manifest
    if manifest.state == "running":
        raise StoreError(
            f"run {manifest.run_id} is still written, or was killed: wait, or `mm recover` it", path=path
        )
    return BundleSource(path, manifest.run_id, frozenset(info.venue for info in manifest.shards))


def unchanged(source: Source, known: Input, versions: Mapping[str, str]) -> bool:
    """Whether the store holds what reading the source anew would give; reads it only if it must."""
    if dict(known.versions) != dict(versions) or dict(known.symbols) != dict(source.symbols):
        return False
    same_place = os.path.abspath(source.path) == os.path.abspath(known.path)
    if same_place and source.files() == known.files:
        return True
    return source.fingerprint() == known.sha256


def check_names(sources: Iterable[Source]) -> None:
    """Two inputs of one name are an error. Raises ConfigError."""
    seen: dict[str, Source] = {}
    for source in sources:
        other = seen.setdefault(source.run, source)
        if other is not source:
            raise ConfigError(
                f"{other.path} and {source.path} are both called {source.run!r}: rename one", key="run"
            )


def _offsets(run: Run) -> dict[int, dict[int, float]]:
    """The offsets of the venues' clocks as the run accepted them."""
    manifest = run.manifest
    found: dict[int, dict[int, float]] = {}
    for sample in manifest.clock_samples:
        if sample.get("in_force_ns") is not None:
            ts_recv_ns = int(sample["mono_ns"]) - manifest.mono0_ns + manifest.wall0_ns
            found.setdefault(int(sample["shard"]), {})[ts_recv_ns] = int(sample["in_force_ns"]) / 1e6
    return found
