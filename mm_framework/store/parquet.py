"""A store's Parquet file, opened with care: it is what its name says, no larger than it can be, and whole."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Final

import pyarrow.parquet as pq

from mm_framework.errors import ManifestMismatch, StoreError
from mm_framework.store.root import Root
from mm_framework.store.schema import check_schema

__all__ = ["is_parquet", "parquet_file"]

_MAGIC: Final = b"PAR1"

GROUP_ROWS: Final = 1 << 20
GROUP_BYTES: Final = 512 << 20
"""What a row group may hold and unpack to; full ones of 20 columns have some 80 MiB."""


@contextlib.contextmanager
def parquet_file(root: Root, name: str, table: str) -> Iterator[pq.ParquetFile]:
    """The file of a table, to be read inside of the block.

    Raises StoreError when it is missing, SchemaMismatch for another table, ManifestMismatch for one that is
    damaged or unpacks too far, also while it is read.
    """
    location = root.location(name)
    with root.open(name) as file:
        try:
            reader = pq.ParquetFile(file)
            check_schema(reader.schema_arrow, table, location)
            _check_size(reader.metadata, location)
            yield reader
        except (OSError, ValueError, MemoryError) as error:
            text = " ".join(str(error).split())
            raise ManifestMismatch(
                f"{location} is not readable: {text}; `mm store verify` names what is damaged; build the"
                " store anew",
                path=name,
            ) from None


def is_parquet(root: Root, name: str) -> bool:
    """Whether a file is there and begins and ends as Parquet does: one that was cut off does not."""
    try:
        with root.open(name) as file:
            begin = file.read(len(_MAGIC))
            file.seek(-len(_MAGIC), os.SEEK_END)
            return begin == file.read() == _MAGIC
    except (OSError, StoreError):
        return False


def _check_size(found: pq.FileMetaData, path: str) -> None:
    """Raises ManifestMismatch for a file that unpacks to more than any that was written here."""
    for place in range(found.num_row_groups):
        group = found.row_group(place)
        if group.num_rows > GROUP_ROWS or group.total_byte_size > GROUP_BYTES:
            raise ManifestMismatch(
                f"row group {place} of {path} says that it unpacks to {group.num_rows} rows in"
                f" {group.total_byte_size} bytes; no store has more than {GROUP_ROWS} in {GROUP_BYTES}, so it"
                " is not read: build the store anew",
                path=path,
            )
