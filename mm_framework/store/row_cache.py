"""The row cache: parts as files of 64-byte rows that a process maps into memory and reads at once.

    header, 64 bytes: magic "MMROWS\\0\\1", schema u4, 4 bytes 0, rows u8, 40 bytes 0
    rows, 64 bytes each, as `model.events` has them

A file is named by what its part is made of (the Parquet file's SHA-256 and the run), made when it is
first needed, and may be removed at any time. Above the size limit the files that were used longest
ago go first. Beside it stand the books within its day, when a question first begins there (`books`).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import numpy as np
import numpy.typing as npt
import platformdirs

from mm_framework.bundle.disk import writing
from mm_framework.errors import ManifestMismatch
from mm_framework.store.books import Books, Stream, read_books, write_books
from mm_framework.store.manifest import Part
from mm_framework.store.mapped import map_rows
from mm_framework.store.parquet import parquet_file
from mm_framework.store.root import Root
from mm_framework.store.schema import ROW_COLUMNS, SCHEMA_VERSION, rows_of
from mm_framework.store.settings import StoreSettings

__all__ = ["RowCache", "part_rows"]

Rows = npt.NDArray[Any]

MAGIC: Final = b"MMROWS\0\1"
_HEADER = struct.Struct("<8sI4xQ40x")


class RowCache:
    """Files in a folder, at most ``max_bytes`` of them; 0 keeps nothing and reads Parquet each time."""

    def __init__(self, folder: Path | None = None, max_bytes: int = 20 * 10**9) -> None:
        self._folder = folder or Path(platformdirs.user_cache_dir("mm-framework")) / "rows"
        self._max_bytes = max_bytes

    @classmethod
    def of(cls, settings: StoreSettings) -> RowCache:
        """The cache that the settings ask for."""
        folder = Path(settings.cache_dir) if settings.cache_dir else None
        return cls(folder, round(settings.cache_max_gb * 1e9))

    def rows(self, root: Root, part: Part) -> Rows:
        """The rows of a part, of `row_dtype`; read-only. Raises StoreError when its file is not as named."""
        if not self._max_bytes:
            return np.concatenate([*part_rows(root, part)])
        path = self._path(part, "rows")
        found = self._mapped(path)
        if found is None:
            with self._making(path) as file:
                _write_rows(file, part_rows(root, part))
            found = self._mapped(path)
        if found is None:  # another process made room in the meantime
            return np.concatenate([*part_rows(root, part)])
        return found

    def books(
        self,
        root: Root,
        part: Part,
        streams: Callable[[Rows], Iterable[Stream]],
    ) -> Books | None:
        """Books within a part, made from ``streams``, the rows and depths of each of its instruments.

        None when nothing is kept here.
        """
        path = self._path(part, "books")
        found = read_books(path) if self._max_bytes else None
        if found is None and self._max_bytes:
            with self._making(path) as file:
                write_books(file, streams(self.rows(root, part)))
            found = read_books(path)
        elif found is not None:
            with contextlib.suppress(OSError):
                os.utime(path)
        return found

    def _path(self, part: Part, suffix: str) -> Path:
        name = hashlib.sha256(f"{part.files['events'][1]}|{part.run}".encode()).hexdigest()
        return self._folder / f"{name}.{suffix}"

    def _mapped(self, path: Path) -> Rows | None:
        try:
            with path.open("rb") as file:
                head = file.read(_HEADER.size)
                size = os.fstat(file.fileno()).st_size
            magic, schema, count = _HEADER.unpack(head)
            if magic != MAGIC or schema != SCHEMA_VERSION or size != _HEADER.size * (count + 1):
                return None
            os.utime(path)
            return map_rows(path, _HEADER.size, count)
        except (OSError, struct.error, ValueError):
            return None

    @contextlib.contextmanager
    def _making(self, path: Path) -> Iterator[BinaryIO]:
        """A file that becomes ``path`` when it is whole, for which others make room."""
        with writing(path):
            self._folder.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._folder, suffix=".part", delete=False) as file:
                try:
                    yield cast(BinaryIO, file)
                    file.close()
                    Path(file.name).replace(path)
                except BaseException:
                    file.close()
                    Path(file.name).unlink(missing_ok=True)
                    raise
        self._make_room(path)

    def _make_room(self, keep: Path) -> None:
        found = []
        for path in (*self._folder.glob("*.rows"), *self._folder.glob("*.books")):
            with contextlib.suppress(OSError):
                status = path.stat()
                found.append((status.st_mtime_ns, status.st_size, path))
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._max_bytes:
                break
            if path != keep:
                with contextlib.suppress(OSError):
                    path.unlink()
                    total -= size


def _write_rows(file: BinaryIO, many: Iterable[Rows]) -> None:
    count = 0
    file.write(bytes(_HEADER.size))
    for rows in many:
        count += len(rows)
        file.write(rows.data)
    file.seek(0)
    file.write(_HEADER.pack(MAGIC, SCHEMA_VERSION, count))


def part_rows(root: Root, part: Part) -> Iterator[Rows]:
    """The rows of a part from its Parquet file, one row group at a time."""
    name, _, rows = part.files["events"]
    with parquet_file(root, name, "events") as reader:
        found = 0
        shared = reader.metadata.num_rows != rows + part.synthetic  # a compacted file has several runs
        columns = [*ROW_COLUMNS, *(["run"] if shared else [])]
        for group in range(reader.num_row_groups):
            table = reader.read_row_group(group, columns=columns, use_threads=False)
            if shared:
                import pyarrow.compute as pc

                table = table.filter(pc.equal(table["run"], part.run))
            found += table.num_rows
            yield rows_of(table)
        if found != rows + part.synthetic:
            raise ManifestMismatch(
                f"{root.location(name)} has {found} rows of run {part.run}, the manifest says"
                f" {rows + part.synthetic}: build the store anew",
                path=name,
            )
