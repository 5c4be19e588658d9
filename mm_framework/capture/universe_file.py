"""Universe files: catalogues as `mm discover --out` writes them and `mm capture --universe` reads them.

{"format":"mm-universe","version":1,"created":"2026-11-21T10:00:00Z","venues":[{"venue":"kraken",...}]}
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import attrs
import msgspec

from mm_framework.bundle.disk import replace_file
from mm_framework.capture.catalog import Catalogue
from mm_framework.errors import EnvironmentFailed, SchemaMismatch, StoreError

__all__ = ["read_universe", "write_universe"]

FORMAT: Final = "mm-universe"
VERSION: Final = 1


@attrs.frozen
class _File:
    format: str
    version: int
    created: str
    venues: tuple[Catalogue, ...]


def write_universe(path: Path, catalogues: Iterable[Catalogue], created: str) -> None:
    """Write or replace the file, as a whole. ``created``: UTC, ISO 8601. Raises EnvironmentFailed."""
    body = attrs.asdict(_File(FORMAT, VERSION, created, tuple(catalogues)))
    text = msgspec.json.format(msgspec.json.encode(body, order="sorted"), indent=1)
    replace_file(path, text + b"\n")


def read_universe(path: Path) -> dict[str, Catalogue]:
    """The catalogues of a file by venue.

    Raises EnvironmentFailed when it cannot be opened, SchemaMismatch for a newer one, StoreError for
    what is no universe file.
    """
    try:
        body: Any = msgspec.json.decode(path.read_bytes())
    except OSError as error:
        raise EnvironmentFailed(f"cannot read the universe {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise StoreError(f"{path} is not a universe file: {error}", path=path) from None
    if not isinstance(body, dict) or body.get("format") != FORMAT:
        raise StoreError(f"{path} is not a universe file: mm discover VENUE --out FILE makes one", path=path)
    if body.get("version") != VERSION:
        raise SchemaMismatch(
            f"{path} has schema {body.get('version')!r}, this version reads {VERSION}: discover it anew",
            path=path,
        )
    try:
        file = msgspec.convert(body, _File)
    except msgspec.ValidationError as error:
        raise StoreError(f"{path} is not a universe file: {error}", path=path) from None
    return {one.venue: one for one in file.venues}
