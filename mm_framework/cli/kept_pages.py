"""Pages of documents that earlier commands kept."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from mm_framework.errors import ManifestMismatch

__all__ = ["as_written", "write_text"]


@contextlib.contextmanager
def as_written(document: str, path: Path | None, remedy: str) -> Iterator[None]:
    """Whoever lacks a word of a document in the block is told so, and what to do. Raises ManifestMismatch."""
    try:
        yield
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise ManifestMismatch(
            f"{document} is not as this version writes it ({type(error).__name__}: {error}): {remedy}",
            path=path,
        ) from error


def write_text(file: Path, text: str) -> None:
    """Write a page, at once. Raises EnvironmentFailed, StoreError."""
    from mm_framework.bundle.disk import replace_file, writing

    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True)
    replace_file(file, text.encode())
