"""Compressed inputs, unpacked as far as they are believable: a bomb is refused, not unpacked."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, Final

import attrs
import pyarrow as pa

from mm_framework.errors import StoreError
from mm_framework.store.settings import StoreSettings

__all__ = ["Unpacking"]

FREE_BYTES: Final = 64 << 20
"""What any file may unpack to, however small it is."""


@attrs.frozen
class Unpacking:
    """How much a compressed file may unpack to: ``ratio`` times its size, and 64 MiB in any case."""

    ratio: int = StoreSettings().max_unpack_ratio

    def open(self, path: Path) -> Any:
        """A file for reading, unpacked by its ending (``.gz``, ``.zst`` ...). Raises OSError.

        Its reads raise StoreError beyond the limit.
        """
        limit = max(FREE_BYTES, path.stat().st_size * self.ratio)
        return _Limited(pa.input_stream(str(path), compression="detect"), path, limit, self.ratio)

    def check(self, path: Path, packed: int, unpacked: int) -> None:
        """Raises StoreError when so many bytes may not become so many."""
        if unpacked > max(FREE_BYTES, packed * self.ratio):
            raise _bomb(path, self.ratio)


class _Limited(io.RawIOBase):
    """A stream that ends in an error where it gets too long."""

    def __init__(self, stream: Any, path: Path, left: int, ratio: int) -> None:
        self._stream, self._path, self._left, self._ratio = stream, path, left, ratio

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """See `io.RawIOBase`."""
        count = int(self._stream.readinto(buffer))
        self._left -= count
        if self._left < 0:
            raise _bomb(self._path, self._ratio)
        return count

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._stream.close()
        super().close()


def _bomb(path: Path, ratio: int) -> StoreError:
    return StoreError(
        f"{path} unpacks to more than {ratio} times its size: no market data does, so it is refused; raise"
        " --store-max-unpack-ratio if you know what it is",
        path=path,
    )
