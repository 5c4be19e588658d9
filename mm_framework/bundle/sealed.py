"""A sealed segment: the bytes of a segment file as independent zstd blocks, readable anywhere in it.

    head frame | block | block | ... | seek table

Blocks hold 256 KiB each, the last one less. The file is a chain of zstd frames in the seekable format of
zstd's own repository (contrib/seekable_format, read 2026-11-21): `zstd -d` gives the segment back. The
head is a skippable frame with our magic, the size of the segment and its SHA-256.

A block that is damaged reads as zeros: the records in it then fail their CRC, as in a segment that is not
sealed, and all others are whole.
"""

from __future__ import annotations

import hashlib
import io
import os
import struct
from bisect import bisect_right
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import attrs

from mm_framework.bundle.disk import sync_folder, writing
from mm_framework.errors import CorruptFrame, SchemaMismatch

__all__ = ["SEAL_BLOCK_BYTES", "Sealed", "SealedFile", "sealed_path", "write_sealed"]

SEAL_BLOCK_BYTES: Final = 256 << 10
MAGIC: Final = b"MMSEALED"
FORMAT_VERSION: Final = 1

_SKIPPABLE: Final = 0x184D2A50
_SEEK_TABLE: Final = 0x184D2A5E
_SEEKABLE: Final = 0x8F92EAB1
_HEAD = struct.Struct("<II8sHHIQ32s")
_ENTRY = struct.Struct("<II")
_FOOTER = struct.Struct("<IBI")


@attrs.frozen
class Sealed:
    """Sizes and SHA-256 (hex) of a segment and of its sealed file."""

    raw_bytes: int
    raw_sha256: str
    sealed_bytes: int
    sealed_sha256: str


def sealed_path(segment: Path) -> Path:
    """``shard_00.frames.zst`` beside ``shard_00.frames``."""
    return segment.with_name(segment.name + ".zst")


class SealedFile(io.RawIOBase):
    """The bytes of the segment that a sealed file holds, for reading; ``size`` of them, of ``raw_sha256``.

    Raises OSError when the file cannot be opened, CorruptFrame when its head or its table is damaged,
    SchemaMismatch when a newer release wrote it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("rb")
        try:
            self.size, self.raw_sha256, entries = self._tables()
        except BaseException:
            self._file.close()
            raise
        self._starts = [0, *accumulate(raw for _, raw in entries)]
        self._offsets = [_HEAD.size, *accumulate((packed for packed, _ in entries), initial=_HEAD.size)][1:]
        self._entries = entries
        self._codec = _codec()
        self._place, self._held, self._block = 0, -1, b""

    def _tables(self) -> tuple[int, str, list[tuple[int, int]]]:
        head = self._file.read(_HEAD.size)
        if len(head) < _HEAD.size or head[8:16] != MAGIC:
            raise self._damaged("it does not begin like one")
        _, _, _, version, _, _, size, digest = _HEAD.unpack(head)
        if version != FORMAT_VERSION:
            raise SchemaMismatch(
                f"{self.path} has seal format {version}, this version reads {FORMAT_VERSION}: use a newer"
                " mm-framework",
                path=self.path,
            )
        end = self._file.seek(0, os.SEEK_END)
        self._file.seek(max(end - _FOOTER.size, 0))
        footer = self._file.read()
        count, _, magic = _FOOTER.unpack(footer) if len(footer) == _FOOTER.size else (0, 0, 0)
        start = end - _FOOTER.size - count * _ENTRY.size
        if magic != _SEEKABLE or start < _HEAD.size:
            raise self._damaged("its table of blocks cannot be read")
        self._file.seek(start)
        table = list(_ENTRY.iter_unpack(self._file.read(count * _ENTRY.size)))[1:]
        if sum(raw for _, raw in table) != size or sum(packed for packed, _ in table) > start:
            raise self._damaged("its table of blocks does not fit its size")
        largest = max((raw for _, raw in table), default=0)
        if largest > SEAL_BLOCK_BYTES:
            raise self._damaged(f"a block says that it holds {largest} bytes, at most {SEAL_BLOCK_BYTES}")
        return size, digest.hex(), table

    def _damaged(self, why: str) -> CorruptFrame:
        return CorruptFrame(
            f"{self.path} is damaged as a sealed segment: {why}; `zstd -d` may give back what is whole",
            path=self.path,
            offset=0,
        )

    def readable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a byte of the segment."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self.size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def tell(self) -> int:
        """The byte that is read next."""
        return self._place

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer as far as the segment goes; how many bytes."""
        view = memoryview(buffer).cast("B")
        filled = 0
        while filled < len(view) and self._place < self.size:
            block = bisect_right(self._starts, self._place) - 1
            inside = self._place - self._starts[block]
            part = self._load(block)[inside : inside + len(view) - filled]
            view[filled : filled + len(part)] = part
            filled += len(part)
            self._place += len(part)
        return filled

    def _load(self, block: int) -> bytes:
        if block != self._held:
            packed, raw = self._entries[block]
            self._file.seek(self._offsets[block])
            self._held, self._block = block, self._unpack(self._file.read(packed), raw)
        return self._block

    def _unpack(self, packed: bytes, raw: int) -> bytes:
        try:
            block = bytes(self._codec.decompress(packed, raw))
        except (OSError, ValueError):
            return bytes(raw)
        return block if len(block) == raw else bytes(raw)

    def close(self) -> None:
        """Close the file; a second call does nothing."""
        self._file.close()
        super().close()


def write_sealed(segment: Path, progress: Callable[[int], object] = lambda _: None) -> Sealed:
    """Seal a segment file beside it, and prove that the seal gives back its bytes.

    The sealed file appears at once and durably. Raises EnvironmentFailed when the disk refuses,
    CorruptFrame when what was written does not give back the segment; the segment stays in every case.
    """
    target = sealed_path(segment)
    part = target.with_name(target.name + ".part")
    with writing(target):
        raw_bytes, raw_sha256 = _write(segment, part, progress)
        found = _digest_of(part)
        if found != (raw_bytes, raw_sha256):
            part.unlink()
            raise CorruptFrame(
                f"sealing {segment} failed: the sealed bytes are not those of the segment", path=segment
            )
        sealed = Sealed(raw_bytes, raw_sha256, part.stat().st_size, file_sha256(part))
        part.replace(target)
        sync_folder(target.parent)
    return sealed


def _write(segment: Path, part: Path, progress: Callable[[int], object]) -> tuple[int, str]:
    codec, digest, size = _codec(), hashlib.sha256(), 0
    entries = [(_HEAD.size, 0)]
    with segment.open("rb") as source, part.open("wb") as file:
        file.write(bytes(_HEAD.size))
        while block := source.read(SEAL_BLOCK_BYTES):
            digest.update(block)
            packed = codec.compress(block, asbytes=True)
            file.write(packed)
            entries.append((len(packed), len(block)))
            size += len(block)
            progress(len(block))
        table = b"".join(_ENTRY.pack(*entry) for entry in entries)
        file.write(struct.pack("<II", _SEEK_TABLE, len(table) + _FOOTER.size) + table)
        file.write(_FOOTER.pack(len(entries), 0, _SEEKABLE))
        file.seek(0)
        head = (_SKIPPABLE, _HEAD.size - 8, MAGIC, FORMAT_VERSION, 0, SEAL_BLOCK_BYTES, size, digest.digest())
        file.write(_HEAD.pack(*head))
        file.flush()
        os.fsync(file.fileno())
    return size, digest.hexdigest()


def _digest_of(sealed: Path) -> tuple[int, str]:
    """Size and SHA-256 of what a sealed file gives back."""
    digest, size = hashlib.sha256(), 0
    with SealedFile(sealed) as file:
        while block := file.read(SEAL_BLOCK_BYTES):
            digest.update(block)
            size += len(block)
    return size, digest.hexdigest()


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _codec() -> Any:
    import pyarrow as pa

    return pa.Codec("zstd", compression_level=1)
