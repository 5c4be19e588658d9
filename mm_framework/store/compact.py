"""Many small files of a day into one: the same rows, the same digests, fewer files to open."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

import attrs

from mm_framework.store.manifest import Part, StoreManifest
from mm_framework.store.parquet import parquet_file
from mm_framework.store.partitions import LOCK, is_ours, part_name
from mm_framework.store.reader import Store
from mm_framework.store.root import Root, locked
from mm_framework.store.schema import ROW_GROUP, writer

__all__ = ["compact"]


def compact(store: Store, temp_dir: str = "") -> tuple[StoreManifest, int]:
    """Give every partition of several runs one file a table; the new manifest and how many files went.

    What a build put into the store since it was opened is in there, too. Raises StoreError for a file that
    cannot be read, EnvironmentFailed for the disk or a build at work; the store is then as it was.
    """
    with locked(store.root):
        return _compacted(store.root, StoreManifest.read(store.root) or store.manifest, temp_dir)


def _compacted(root: Root, old: StoreManifest, temp_dir: str) -> tuple[StoreManifest, int]:
    parts: list[Part] = []
    before = {name for part in old.parts for name, _, _ in part.files.values()}
    for stored in old.partitions():
        ordered = sorted(stored.parts, key=lambda part: (part.stretches[0].first_ns, part.run))
        files = {name for part in ordered for name, _, _ in part.files.values()}
        tables = {table for part in ordered for table in part.files}
        parts += ordered if len(files) == len(tables) else _merged(root, ordered, temp_dir)
    parts.sort(key=lambda part: (part.partition, part.run))
    manifest = attrs.evolve(old, parts=tuple(parts))
    manifest.write(root)
    for name in root.names():
        if name not in manifest.names() and is_ours(name) and name != LOCK:
            root.remove(name)
    after = {name for part in manifest.parts for name, _, _ in part.files.values()}
    return manifest, len(before) - len(after)


def _merged(root: Root, parts: Sequence[Part], temp_dir: str) -> list[Part]:
    merged: dict[str, tuple[str, str]] = {}
    with tempfile.TemporaryDirectory(dir=temp_dir or None, prefix="mm-store-") as folder:
        for table in sorted({table for part in parts for table in part.files}):
            path = Path(folder) / f"{table}.parquet"
            with writer(path, table) as sink:
                for name in dict.fromkeys(part.files[table][0] for part in parts if table in part.files):
                    with parquet_file(root, name, table) as reader:
                        for group in range(reader.num_row_groups):
                            sink.write_table(reader.read_row_group(group), row_group_size=ROW_GROUP)
            with path.open("rb") as file:
                sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            name = part_name(table, parts[0].partition, "compacted", sha256)
            root.put(path, name)
            merged[table] = (name, sha256)
    return [
        attrs.evolve(
            part, files={table: (*merged[table], rows) for table, (_, _, rows) in part.files.items()}
        )
        for part in parts
    ]
