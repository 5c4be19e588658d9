"""Make an interrupted or damaged bundle whole again, as far as it goes, and say what was lost.

    cut unreadable ends -> indexes -> tables -> manifest (state ``recovered``)

What is cut is first copied to ``lost/``. Every step is a function of the files as they are and is
repeated by the next call, so that a recovery that is itself killed loses nothing, and a second one
changes nothing.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from mm_framework.bundle.disk import FolderLock, replace_file, sync_folder, writing
from mm_framework.bundle.feeding import feed_shard
from mm_framework.bundle.index import encode_index, index_path
from mm_framework.bundle.manifest import Manifest
from mm_framework.bundle.run import open_run
from mm_framework.bundle.sealed import sealed_path
from mm_framework.bundle.segment import (
    SEGMENT_HEADER_BYTES,
    SegmentHeader,
    SegmentReader,
    parse_segment_name,
    scan,
)
from mm_framework.bundle.tables import (
    CONNECTION_KINDS,
    CONNECTIONS,
    INSTRUMENTS,
    RUNLOG,
    connection_line,
    definition_line,
    read_lines,
)
from mm_framework.errors import CorruptFrame
from mm_framework.feed import VenueKit
from mm_framework.model.frame import HEADER, MAX_FRAME_BYTES, encode_json, iter_records
from mm_framework.model.instrument import Definition

__all__ = ["LOST", "LostPart", "RecoverReport", "recover"]

LOST: Final = "lost"


@attrs.frozen
class LostPart:
    """Bytes that were cut from ``file`` at ``offset``; they are kept in ``kept_in``."""

    file: str
    offset: int
    bytes: int
    kept_in: str


@attrs.frozen
class RecoverReport:
    """What a recovery found. ``lost`` are the parts cut by this and earlier recoveries, by name.

    ``rewritten``: files made anew by this call. ``missing``: records that are absent between
    segments. ``state``: that of the manifest before and after.
    """

    run: Path
    state: tuple[str, str]
    lost: tuple[LostPart, ...]
    missing: int
    rewritten: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        return {
            "run": str(self.run),
            "state_before": self.state[0],
            "state": self.state[1],
            "lost": [attrs.asdict(part) for part in self.lost],
            "lost_bytes": sum(part.bytes for part in self.lost),
            "missing_records": self.missing,
            "rewritten": list(self.rewritten),
        }


def recover(path: Path, kits: Mapping[str, VenueKit]) -> RecoverReport:
    """Recover the bundle at ``path``; ``kits`` are needed to make the table of instruments.

    A bundle that needs nothing is left as it is. Raises StoreError's kinds for what is no bundle,
    EnvironmentFailed when it is being written, or cannot be.
    """
    open_run(path)
    lock = FolderLock(path)
    try:
        recovery = _Recovery(path, kits)
        recovery.cut_log()
        recovery.rebuild_indexes()
        recovery.rebuild_tables()
        return recovery.finish()
    finally:
        lock.release()


class _Recovery:
    """One call's steps, in order, and what they did."""

    def __init__(self, path: Path, kits: Mapping[str, VenueKit]) -> None:
        self.path, self.kits = path, kits
        self.rewritten: list[str] = []
        self.missing = 0

    def cut_log(self) -> None:
        """Cut every segment at its first unreadable record."""
        run = open_run(self.path)
        for reader in run.shards:
            for stretch in reader.stretches():
                for _ in stretch.blocks():
                    pass
                fault = stretch.segment.fault
                if fault is None:
                    continue
                if not fault.path.exists():
                    raise CorruptFrame(
                        f"{sealed_path(fault.path)} is damaged, and a seal cannot be cut: take it from a"
                        f" copy; until then readers skip from byte {fault.offset} to the next checkpoint",
                        path=fault.path,
                    )
                self.rewritten.append(fault.path.name)
                if fault.index is None:
                    self._repair_header(stretch.segment, run.manifest)
                else:
                    self._cut(fault.path, fault.offset)

    def _repair_header(self, segment: SegmentReader, manifest: Manifest) -> None:
        """Write the header again where what follows tells it; else give up what follows.

        The first segment of a shard then stays, empty; a later one goes.
        """
        path, first_index = segment.path, _first_index(segment.path)
        shard, number = parse_segment_name(path.name) or (0, 0)
        if first_index is None:
            self._cut(path, 0)
            if number:
                with writing(path):
                    path.unlink()
                    index_path(path).unlink(missing_ok=True)
                return
        header = SegmentHeader(shard, number, first_index or 0, manifest.wall0_ns, manifest.mono0_ns)
        with writing(path), path.open("r+b") as file:
            file.write(header.encode())
            file.flush()
            os.fsync(file.fileno())
        repaired = SegmentReader(path, last=segment.last)
        for _ in repaired.blocks():
            pass
        if repaired.fault is not None:
            self._cut(path, repaired.fault.offset)

    def _cut(self, path: Path, offset: int) -> None:
        """Move what is behind ``offset`` to ``lost/``: first a durable copy, then the cut."""
        if path.stat().st_size <= offset:
            return
        folder = self.path / LOST
        target = folder / f"{path.name}.{offset:012d}"
        part = target.with_name(f"{target.name}.part")
        with writing(target):
            folder.mkdir(exist_ok=True)
            with path.open("rb") as source, part.open("wb") as copy:
                source.seek(offset)
                shutil.copyfileobj(source, copy, 1 << 20)
                copy.flush()
                os.fsync(copy.fileno())
            part.replace(target)
            sync_folder(folder)
        with writing(path), path.open("r+b") as file:
            file.truncate(offset)
            os.fsync(file.fileno())

    def rebuild_indexes(self) -> None:
        """Make every index anew; count the records that are absent between segments."""
        for reader in open_run(self.path).shards:
            for stretch in reader.stretches():
                self.missing += stretch.missing
                self._replace(index_path(stretch.segment.path), encode_index(stretch.segment))

    def rebuild_tables(self) -> None:
        """Make the tables of instruments and connections anew; cut a last run log line that is not whole."""
        run = open_run(self.path)
        definitions: dict[tuple[int, int], Definition] = {}
        lines: dict[tuple[int, int, int], bytes] = {}
        read = _Covered()
        for reader in run.shards:
            for fed in feed_shard(reader, self.kits):
                for record in iter_records(fed.block):
                    read.add(reader.shard, record.index)
                    if record.kind in CONNECTION_KINDS:
                        key = (record.mono_ns, reader.shard, record.index)
                        lines[key] = connection_line(reader.shard, record)
                for definition in fed.feed.definitions:
                    definitions[(reader.shard, definition.index)] = definition
        for told in self._told_connections():
            if read.lacks(told["shard"], told["frame"]):
                lines[told["mono_ns"], told["shard"], told["frame"]] = encode_json(told) + b"\n"
        self._replace(self.path / CONNECTIONS, b"".join(line for _, line in sorted(lines.items())))
        ordered = sorted(definitions.items(), key=lambda item: (item[1].valid_from_ns, *item[0]))
        self._replace(self.path / INSTRUMENTS, b"".join(definition_line(one) for _, one in ordered))
        runlog = self.path / RUNLOG
        data = runlog.read_bytes() if runlog.exists() else b""
        if data and not data.endswith(b"\n"):
            self._cut(runlog, data.rfind(b"\n") + 1)
            self.rewritten.append(RUNLOG)

    def _told_connections(self) -> list[dict[str, Any]]:
        """The present table, as far as it is readable: it may know of records that the log lacks."""
        try:
            table = read_lines(self.path / CONNECTIONS)
        except (FileNotFoundError, CorruptFrame):
            return []
        return [line for line in table if all(isinstance(line.get(key), int) for key in _TOLD)]

    def _replace(self, path: Path, data: bytes) -> None:
        """Give a file this content, if it has another."""
        if not path.exists() or path.read_bytes() != data:
            replace_file(path, data)
            self.rewritten.append(path.name)

    def finish(self) -> RecoverReport:
        """Write the manifest, if anything is to be said."""
        run = open_run(self.path)
        manifest, before = run.manifest, run.manifest.state
        lost = tuple(_lost_parts(self.path / LOST))
        if self.rewritten or before in ("running", "interrupted", "recovered"):
            first = (manifest.recovered or {}).get("state_before", before)
            facts = {
                "state_before": first,
                "lost": [attrs.asdict(part) for part in lost],
                "missing_records": self.missing,
            }
            changed = attrs.evolve(manifest, state="recovered", recovered=facts)
            if changed != manifest:
                changed.write(self.path)
            manifest = changed
        return RecoverReport(self.path, (before, manifest.state), lost, self.missing, tuple(self.rewritten))


_TOLD = ("mono_ns", "shard", "frame")


class _Covered:
    """Which records of each shard the log has: where each unbroken run of indexes begins and ends."""

    def __init__(self) -> None:
        self._runs: dict[int, list[list[int]]] = {}

    def add(self, shard: int, index: int) -> None:
        runs = self._runs.setdefault(shard, [])
        if runs and runs[-1][1] == index:
            runs[-1][1] = index + 1
        else:
            runs.append([index, index + 1])

    def lacks(self, shard: int, index: int) -> bool:
        """Whether a record before the log's end is not in it."""
        runs = self._runs.get(shard, [])
        return bool(runs) and index < runs[-1][1] and not any(first <= index < end for first, end in runs)


def _first_index(path: Path) -> int | None:
    """The index of the record behind a damaged header, None when that cannot be read either."""
    with path.open("rb") as file:
        file.seek(SEGMENT_HEADER_BYTES)
        header = file.read(HEADER.size)
        if len(header) < HEADER.size:
            return None
        _, length, _, _, _, index, _, _ = HEADER.unpack(header)
        record = header + file.read(min(length, MAX_FRAME_BYTES))
    end, *_ = scan(memoryview(record), 0, index, -(2**63))
    return int(index) if end else None


def _lost_parts(folder: Path) -> list[LostPart]:
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    return [
        LostPart(path.stem, int(path.suffix[1:]), path.stat().st_size, f"{LOST}/{path.name}")
        for path in paths
        if path.suffix[1:].isdecimal()
    ]
