"""Is a store what its manifest says: every file there, its bytes, its columns, its rows, their digests."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any, Final, cast

import attrs
import numpy as np

from mm_framework.bundle.digest import EventDigest
from mm_framework.errors import StoreError
from mm_framework.store.manifest import Part
from mm_framework.store.parquet import parquet_file
from mm_framework.store.partitions import is_ours
from mm_framework.store.reader import Store
from mm_framework.store.row_cache import part_rows

__all__ = ["StoreFault", "StoreReport", "verify_store"]


_CONTENT: Final = (
    "its SHA-256 is not the one that the manifest names: delete it, and `mm store build` with its run makes"
    " it anew"
)


@attrs.frozen
class StoreFault:
    """What is wrong with a file. ``kind``: missing, content, schema, rows or digest."""

    path: str
    kind: str
    text: str


@attrs.frozen
class StoreReport:
    """What was looked at. ``left_over``: files of builds that did not end, which the next one removes."""

    digest: str
    files: int
    rows: int
    faults: tuple[StoreFault, ...]
    left_over: int

    @property
    def ok(self) -> bool:
        """Whether the store is what its manifest says."""
        return not self.faults

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        return {"ok": self.ok, **attrs.asdict(self)}


def verify_store(store: Store, progress: Callable[[str], object] = lambda name: None) -> StoreReport:
    """Read everything. Raises EnvironmentFailed when the disk or the network refuses."""
    manifest = store.manifest
    faults: list[StoreFault] = []
    files = 0
    for part in (*manifest.parts, *manifest.kept):
        for table, (name, sha256, _) in part.files.items():
            progress(name)
            files += 1
            found = [*_file_faults(store, table, name, sha256)]
            if table == "events" and not found:
                found += _digest_faults(store, part)
            faults += found
    left_over = set(store.root.names()) - manifest.names()
    return StoreReport(
        manifest.digest, files, manifest.rows, tuple(faults), sum(map(is_ours, left_over - {".lock"}))
    )


def _file_faults(store: Store, table: str, name: str, sha256: str) -> Iterator[StoreFault]:
    location = store.root.location(name)
    try:
        with store.root.open(name) as file:
            if hashlib.file_digest(cast(Any, file), "sha256").hexdigest() != sha256:
                yield StoreFault(location, "content", _CONTENT)
                return
        with parquet_file(store.root, name, table):
            pass
    except StoreError as error:
        yield StoreFault(location, "schema" if store.root.size(name) is not None else "missing", str(error))
    except OSError as error:
        yield StoreFault(location, "content", f"it cannot be read: {error.strerror or error}")


def _digest_faults(store: Store, part: Part) -> Iterator[StoreFault]:
    name = part.files["events"][0]
    digests = {one.instrument: EventDigest([one.instrument]) for one in part.stretches}
    ids = {number: one.id for (run, number), one in store.definitions.items() if run == part.run}
    try:
        for rows in part_rows(store.root, part):
            for some in np.split(rows, np.flatnonzero(np.diff(rows["instrument"])) + 1):
                if len(some):
                    instrument = ids[int(some["instrument"][0])]
                    digests[instrument].update(some, ids)
    except (StoreError, KeyError) as error:
        yield StoreFault(store.root.location(name), "rows", str(error))
        return
    for one in part.stretches:
        if digests[one.instrument].hexdigest() != one.digest:
            text = f"the events of {one.instrument} do not give the digest that the manifest names"
            yield StoreFault(store.root.location(name), "digest", text)
