"""A run bundle as a whole: `RunWriter` makes one, `open_run` opens one.

    data/runs/<run_id>/
      manifest.json  runlog.ndjson  instruments.ndjson  connections.ndjson  .lock
      capture/shard_00.frames  shard_00.idx  shard_00.0001.frames  ...
      metrics/global.ndjson  shard_00.ndjson  ...      latency_report.json  .txt      (live runs)
      fatal.json  last_frames_shard_00.bin  ...                            (runs that an error ended)
      missing_tokens.json                                                  (instruments that never spoke)

The manifest is the last file of a new bundle: whatever has one has all the others.
"""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any, Final

import attrs

from mm_framework.bundle.disk import DISK, Disk, DiskLock, writing
from mm_framework.bundle.fatal import write_fatal
from mm_framework.bundle.frames import LogWriter, Rotation, ShardReader
from mm_framework.bundle.latency import (
    LATENCY_JSON,
    LATENCY_TXT,
    LatencyTally,
    latency_document,
    latency_text,
)
from mm_framework.bundle.manifest import MANIFEST, Manifest, RunState
from mm_framework.bundle.names import check_run_id
from mm_framework.bundle.segment import segment_files, segment_name
from mm_framework.bundle.settings import BundleSettings
from mm_framework.bundle.tables import (
    CONNECTION_KINDS,
    CONNECTIONS,
    INSTRUMENTS,
    METRICS,
    RUNLOG,
    connection_line,
    definition_line,
    metrics_name,
    read_lines,
)
from mm_framework.bundle.writer import Appender, BundleFileWriter, InlineWriter, LineFile, ThreadedWriter
from mm_framework.errors import ConfigError, EnvironmentFailed, ManifestMismatch, MMError, StoreError
from mm_framework.model.frame import HEADER, encode_json, iter_records
from mm_framework.model.instrument import Definition

__all__ = ["CAPTURE", "MISSING", "MakeWriter", "Run", "RunWriter", "open_run"]

CAPTURE: Final = "capture"
MISSING: Final = "missing_tokens.json"

MakeWriter = Callable[[Sequence[Appender], BundleSettings], BundleFileWriter]
"""Makes what calls the writers of these files."""


def _inline(appenders: Sequence[Appender], settings: BundleSettings) -> InlineWriter:
    return InlineWriter(appenders)


class RunWriter:
    """Writes one run bundle; made by `create`, which refuses a folder that exists.

    ``append`` takes every record that `Feed` is given, before or after it; the tables follow. All
    methods raise EnvironmentFailed when the disk fails; the run must then end.
    """

    def __init__(
        self,
        path: Path,
        manifest: Manifest,
        disk: Disk,
        lock: DiskLock,
        files: _Files,
        writer: BundleFileWriter,
    ) -> None:
        self.path, self.manifest = path, manifest
        self._disk, self._lock, self._files, self._writer = disk, lock, files, writer
        self._latency = LatencyTally()

    @classmethod
    def create(
        cls,
        path: Path,
        manifest: Manifest,
        *,
        settings: BundleSettings | None = None,
        threaded: bool = False,
        first_index: Mapping[int, int] | None = None,
        metrics: bool = False,
        disk: Disk = DISK,
        make_writer: MakeWriter | None = None,
    ) -> RunWriter:
        """A new bundle at ``path``, whose name is ``manifest.run_id``.

        ``threaded``: file work is done in threads (live runs); otherwise in the caller (virtual time,
        imports). ``first_index``: shard -> index of its first record, 0 unless given. ``metrics``: the
        run tells its telemetry (`metric`), and `close` writes the latency report. ``disk`` and
        ``make_writer`` (instead of ``threaded``) are for simulations.

        Raises ConfigError when ``path`` exists, EnvironmentFailed when it cannot be written; nothing
        of the bundle is left then.
        """
        if check_run_id(manifest.run_id) != path.name:
            raise RuntimeError(f"run id {manifest.run_id!r} for a bundle at {path}")
        settings = settings or BundleSettings()
        with writing(path):
            disk.make_folder(path.parent, parents=True)
            try:
                disk.make_folder(path)
            except FileExistsError:
                raise ConfigError(
                    f"run {path} exists and is never overwritten: choose another run id",
                    key="run_id",
                    value=manifest.run_id,
                ) from None
        with contextlib.ExitStack() as undo:
            undo.callback(disk.remove, path)
            lock = disk.lock(path)
            undo.callback(lock.release)
            files = _Files.create(path, manifest, settings, first_index or {}, metrics, disk, undo)
            manifest.write(path, disk)
            with writing(path):
                disk.sync_folder(path.parent)
            undo.pop_all()
        make_writer = make_writer or (ThreadedWriter if threaded else _inline)
        return cls(path, manifest, disk, lock, files, make_writer(files.all(), settings))

    @property
    def full(self) -> bool:
        """Whether too much waits for the disk: stop reading connections, then `wait_room`."""
        return self._writer.full

    def wait_room(self, timeout_s: float) -> bool:
        """Wait (blocking) until no longer ``full``; False when it still is after ``timeout_s``."""
        return self._writer.wait_room(timeout_s)

    def checkpoint_due(self, shard: int, mono_ns: int) -> bool:
        """Whether the shard's next record, stamped ``mono_ns`` or later, should be a CHECKPOINT.

        The caller stamps, appends and feeds a CHECKPOINT record with the payload ``feed.checkpoint()``.
        A new segment, when one is due, begins with it.
        """
        return self._files.rotations[shard].checkpoint_due(mono_ns)

    def append(self, shard: int, record: bytes) -> None:
        """Append one encoded record; its index and stamp must follow those of the shard's last one."""
        _, _, kind, _, _, _, mono_ns, _ = HEADER.unpack_from(record)
        self._files.rotations[shard].note(kind, mono_ns, len(record))
        self._writer.put(self._files.logs[shard], record)
        if kind in CONNECTION_KINDS:
            line = connection_line(shard, next(iter_records(record)))
            self._writer.put(self._files.connections, line)

    def connection(self, line: Mapping[str, Any]) -> None:
        """Add a line to ``connections.ndjson`` of a record that this log does not hold."""
        self._writer.put(self._files.connections, encode_json(line) + b"\n")

    def definition(self, definition: Definition) -> None:
        """Add a line to ``instruments.ndjson``."""
        self._writer.put(self._files.instruments, definition_line(definition))

    def log(self, event: Mapping[str, Any]) -> None:
        """Add a line to ``runlog.ndjson``; JSON values only."""
        self._latency.hear(event)
        self._writer.put(self._files.runlog, encode_json(event) + b"\n")

    def metric(self, shard: int | None, line: Mapping[str, Any]) -> None:
        """Add a line to the metrics of a shard, or of the run (None), unless the bundle keeps none."""
        file = self._files.metrics.get(shard)
        if file is not None:
            if shard is not None:
                self._latency.sample(line)
            self._writer.put(file, encode_json(line) + b"\n")

    def fatal(self, document: Mapping[str, Any], records: Mapping[int, Iterable[bytes]]) -> None:
        """Tell the error that ends the run: ``fatal.json`` and the last records of each shard."""
        clocks = (self.manifest.wall0_ns, self.manifest.mono0_ns)
        with writing(self.path):
            write_fatal(self._disk, self.path, document, records, clocks)

    def missing(self, document: Mapping[str, Any]) -> None:
        """Write ``missing_tokens.json``: the instruments that have not spoken."""
        with writing(self.path):
            self._disk.replace(self.path / MISSING, encode_json(document) + b"\n")

    def update(self, **changes: Any) -> None:
        """Replace the manifest with these fields changed."""
        self.manifest = attrs.evolve(self.manifest, **changes)
        self.manifest.write(self.path, self._disk)

    def drain(self) -> None:
        """Return when everything so far has been handed to the operating system."""
        self._writer.drain()

    def discard(self) -> None:
        """Give up: close all files and remove the bundle. No call follows."""
        with contextlib.suppress(MMError):
            self._writer.close()
        self._lock.release()
        self._disk.remove(self.path)

    def close(self, state: RunState = "complete", result: dict[str, Any] | None = None) -> None:
        """End the run: close all files, then say so in the manifest. No call follows."""
        try:
            self._writer.close()
            if self._files.metrics:
                self._report()
            self.update(state=state, result=result)
        finally:
            self._lock.release()

    def _report(self) -> None:
        report, run_id = self._latency.report(), self.manifest.run_id
        with writing(self.path):
            self._disk.replace(self.path / LATENCY_JSON, latency_document(run_id, report))
            self._disk.replace(self.path / LATENCY_TXT, latency_text(run_id, report).encode())


@attrs.frozen
class _Files:
    """The open files of a bundle that is written, and when each log's next checkpoint is due."""

    logs: dict[int, LogWriter]
    rotations: dict[int, Rotation]
    runlog: LineFile
    instruments: LineFile
    connections: LineFile
    metrics: dict[int | None, LineFile]

    @classmethod
    def create(
        cls,
        path: Path,
        manifest: Manifest,
        settings: BundleSettings,
        first_index: Mapping[int, int],
        metrics: bool,
        disk: Disk,
        undo: contextlib.ExitStack,
    ) -> _Files:
        """Open all files; how to close each goes to ``undo``."""
        with writing(path):
            disk.make_folder(path / CAPTURE)
        logs = {}
        for info in manifest.shards:
            logs[info.shard] = log = LogWriter(
                path / CAPTURE,
                info.shard,
                wall0_ns=manifest.wall0_ns,
                mono0_ns=manifest.mono0_ns,
                settings=settings,
                first_index=first_index.get(info.shard, 0),
                disk=disk,
            )
            undo.callback(log.abandon)

        def line_file(name: str) -> LineFile:
            file = LineFile(path / name, disk)
            undo.callback(file.abandon)
            return file

        runlog, instruments, connections = map(line_file, (RUNLOG, INSTRUMENTS, CONNECTIONS))
        told: dict[int | None, LineFile] = {}
        if metrics:
            with writing(path):
                disk.make_folder(path / METRICS)
            told = {shard: line_file(f"{METRICS}/{metrics_name(shard)}") for shard in (None, *logs)}
        rotations = {shard: Rotation(settings, shard) for shard in logs}
        return cls(logs, rotations, runlog, instruments, connections, told)

    def all(self) -> list[Appender]:
        tables = (self.runlog, self.instruments, self.connections)
        return [*self.logs.values(), *tables, *self.metrics.values()]


@attrs.frozen
class Run:
    """An opened bundle. ``shards``: one reader a shard, in the order of the manifest."""

    path: Path
    manifest: Manifest
    shards: tuple[ShardReader, ...]

    def records(self) -> Iterator[tuple[int, memoryview]]:
        """``(shard, encoded record)`` of all shards in the order of processing: mono_ns, shard, index.

        Raises CorruptFrame at damage; a torn end of a shard ends that shard.
        """

        def keyed(reader: ShardReader) -> Iterator[tuple[int, int, int, memoryview]]:
            for record in reader.records():
                _, _, _, _, _, index, mono_ns, _ = HEADER.unpack_from(record)
                yield mono_ns, reader.shard, index, record

        for _, shard, _, record in heapq.merge(*map(keyed, self.shards), key=itemgetter(0, 1, 2)):
            yield shard, record

    def instruments(self) -> list[dict[str, Any]]:
        """The lines of ``instruments.ndjson``: definitions in the order in which they came into force."""
        return read_lines(self.path / INSTRUMENTS)

    def connections(self) -> list[dict[str, Any]]:
        """The lines of ``connections.ndjson``: opened and lost connections, in order."""
        return read_lines(self.path / CONNECTIONS)

    def runlog(self) -> list[dict[str, Any]]:
        """The lines of ``runlog.ndjson``."""
        return read_lines(self.path / RUNLOG)


def open_run(path: Path) -> Run:
    """Open a bundle for reading, also one that is still written.

    Raises StoreError when there is none, ManifestMismatch when part of it is missing or unreadable,
    SchemaMismatch when a newer release wrote it, EnvironmentFailed without permission to read.
    """
    try:
        return _open_run(path)
    except OSError as error:
        raise EnvironmentFailed(f"cannot read {path}: {error.strerror or error}") from error


def _open_run(path: Path) -> Run:
    if not path.exists():
        raise StoreError(f"there is no run bundle {path}", path=path)
    if not path.is_dir():
        raise StoreError(
            f"{path} is a file, not a run bundle: `mm import` makes one of a recording", path=path
        )
    capture = path / CAPTURE
    if not (path / MANIFEST).exists() and capture.is_dir():
        raise ManifestMismatch(
            f"{path} is half a bundle, it has no {MANIFEST}: its run ended before it began", path=path
        )
    manifest = Manifest.read(path)
    _check_segments(path, manifest)
    return Run(path, manifest, tuple(ShardReader(capture, info.shard) for info in manifest.shards))


def _check_segments(path: Path, manifest: Manifest) -> None:
    """The log has the shards of the manifest and no other."""
    capture = path / CAPTURE
    files = segment_files(capture) if capture.is_dir() else []
    names = {path.name for _, _, path in files}
    found = {shard for shard, _, _ in files}
    expected = {info.shard for info in manifest.shards}
    for shard in sorted(expected):
        if segment_name(shard, 0) not in names:
            raise ManifestMismatch(
                f"{path} is half a bundle: {CAPTURE}/{segment_name(shard, 0)} of its manifest is missing",
                path=path,
            )
    if found - expected:
        raise ManifestMismatch(
            f"{path} holds logs of shards {sorted(found - expected)} that its manifest does not know",
            path=path,
        )
