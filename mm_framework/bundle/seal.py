"""Seal the segments of a bundle: each becomes a compressed file that reads as the segment did.

    compress beside it -> prove that it gives back the same bytes -> note both hashes -> remove the segment

A kill at any moment leaves, for each segment, itself or its seal, whole; the next call goes on from there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import attrs
import msgspec

from mm_framework.bundle.disk import FolderLock, replace_file, sync_folder, writing
from mm_framework.bundle.manifest import Manifest
from mm_framework.bundle.run import CAPTURE, open_run
from mm_framework.bundle.sealed import (
    SEAL_BLOCK_BYTES,
    Sealed,
    SealedFile,
    file_sha256,
    sealed_path,
    write_sealed,
)
from mm_framework.bundle.segment import segment_files
from mm_framework.errors import ConfigError, CorruptFrame, ManifestMismatch

__all__ = ["SEAL", "SealReport", "seal", "unseal"]

SEAL: Final = "seal.json"


@attrs.frozen
class SealReport:
    """All sealed segments of a bundle by name, and which of them this call sealed or opened again."""

    run: Path
    segments: dict[str, Sealed]
    changed: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        return {
            "run": str(self.run),
            "segments": {name: attrs.asdict(one) for name, one in self.segments.items()},
            "changed": list(self.changed),
            "raw_bytes": sum(one.raw_bytes for one in self.segments.values()),
            "sealed_bytes": sum(one.sealed_bytes for one in self.segments.values()),
        }


def seal(path: Path, progress: Callable[[int], object] = lambda _: None) -> SealReport:
    """Seal every segment of the bundle. ``progress`` is told bytes.

    Raises ConfigError for a run that has not ended in order, CorruptFrame for a damaged segment,
    StoreError's kinds for what is no bundle, EnvironmentFailed when it is being written, or cannot be.
    """
    folder, manifest, lock = _opened(path)
    try:
        if manifest.state == "running":
            raise ConfigError(
                f"run {path} has not ended in order: `mm recover {path}` first, then seal it", key="run"
            )
        _check_whole(path)
        known, changed = read_seal(path), []
        for _, _, segment in segment_files(folder):
            if segment.exists():
                known[segment.name] = _seal_one(path, segment, known, progress)
                changed.append(segment.name)
        return SealReport(path, known, tuple(changed))
    finally:
        lock.release()


def unseal(path: Path, progress: Callable[[int], object] = lambda _: None) -> SealReport:
    """Give every sealed segment its own file back, and remove the seals.

    Raises CorruptFrame for a seal that does not give back what was sealed: it is left as it is; else as
    `seal`.
    """
    folder, _, lock = _opened(path)
    try:
        known, changed = read_seal(path), []
        for _, _, segment in segment_files(folder):
            if sealed_path(segment).exists():
                _unseal_one(segment, progress)
                known.pop(segment.name, None)
                _write_seal(path, known)
                sealed_path(segment).unlink()
                changed.append(segment.name)
        return SealReport(path, known, tuple(changed))
    finally:
        lock.release()


def read_seal(path: Path) -> dict[str, Sealed]:
    """The sealed segments of a bundle by name. Raises ManifestMismatch for a table that is none."""
    file = path / SEAL
    if not file.exists():
        return {}
    try:
        return msgspec.json.decode(file.read_bytes(), type=dict[str, Sealed])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ManifestMismatch(f"{file} is not readable: {error}", path=file) from None


def _opened(path: Path) -> tuple[Path, Manifest, FolderLock]:
    manifest = open_run(path).manifest
    return path / CAPTURE, manifest, FolderLock(path)


def _check_whole(path: Path) -> None:
    """Every record can be read: a fault is to be repaired in the segment, not hidden in a seal."""
    for reader in open_run(path).shards:
        for stretch in reader.stretches():
            for _ in stretch.blocks():
                pass
            if stretch.segment.fault is not None:
                raise stretch.segment.fault.error()


def _seal_one(
    path: Path, segment: Path, known: dict[str, Sealed], progress: Callable[[int], object]
) -> Sealed:
    """Seal a segment whose file is there; a seal that a killed call left is made anew."""
    sealed = write_sealed(segment, progress)
    _write_seal(path, {**known, segment.name: sealed})
    with writing(segment):
        segment.unlink()
        sync_folder(segment.parent)
    return sealed


def _unseal_one(segment: Path, progress: Callable[[int], object]) -> None:
    part = segment.with_name(segment.name + ".part")
    with writing(segment), SealedFile(sealed_path(segment)) as source:
        with part.open("wb") as file:
            while block := source.read(SEAL_BLOCK_BYTES):
                file.write(block)
                progress(len(block))
            file.flush()
            os.fsync(file.fileno())
        if file_sha256(part) != source.raw_sha256:
            part.unlink()
            raise CorruptFrame(
                f"{sealed_path(segment)} does not give back what was sealed: it is damaged; `mm verify` tells"
                " what can be read",
                path=sealed_path(segment),
            )
        part.replace(segment)
        sync_folder(segment.parent)


def _write_seal(path: Path, segments: dict[str, Sealed]) -> None:
    replace_file(
        path / SEAL, msgspec.json.format(msgspec.json.encode(segments, order="sorted"), indent=2) + b"\n"
    )
