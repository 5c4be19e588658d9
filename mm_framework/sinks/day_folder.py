"""One open day folder: growing files as gzip members, snapshots, live files, the log; resumed on a restart.

A folder that is there goes on: what a kill tore off is cut away, ``recv_seq`` and ``event_id`` follow the
highest that any file holds, and no header is written twice.
"""

from __future__ import annotations

import contextlib
import csv
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from mm_framework.bundle.disk import FolderLock, replace_file, writing
from mm_framework.errors import ConfigError, EnvironmentFailed
from mm_framework.sinks.day_lines import Line, Snapshot
from mm_framework.sinks.day_schema import (
    DIFFS,
    EVENTS,
    GAPS,
    LIVE_DIFFS,
    LIVE_TRADES,
    ORDERBOOK,
    RAW_TRADES,
    SCHEMA_FILE,
    TRADES,
    DayPlace,
    columns_of,
    schema_of,
)
from mm_framework.sinks.day_settings import DaySettings
from mm_framework.sinks.files import MemberFile, TextFile, line_number, read_tail
from mm_framework.sinks.live_stream import LiveStream

__all__ = ["DayFolder"]

_GROWING: Final = (ORDERBOOK, TRADES, EVENTS, GAPS, DIFFS, RAW_TRADES)
_SNAPSHOT = re.compile(r"snapshot_([0-9]{6,})_.*\.csv")


class DayFolder:
    """Open for writing. ``files``: the day's files; ``live``: the rolling ones.

    ``recv_seq``, ``event_id``: the highest that the folder holds. Raises ConfigError when it was written
    with other columns, EnvironmentFailed when the disk refuses or another process writes there.
    """

    def __init__(
        self,
        root: Path,
        logs: Path,
        place: DayPlace,
        date: str,
        instrument: str,
        symbol: str,
        settings: DaySettings,
        *,
        checksum: bool,
        files: bool,
        live: bool,
    ) -> None:
        self.path = place.folder(root, date)
        self._symbol, self._settings = symbol, settings
        self.recv_seq = self.event_id = 0
        self._files: dict[str, MemberFile] = {}
        self._live: dict[str, LiveStream] = {}
        self._log: TextFile | None = None
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as undo:
            self._lock = FolderLock(self.path)
            undo.callback(self._lock.release)
            undo.callback(self._close_all)
            if files:
                schema = schema_of(place, date, instrument, symbol, settings.depth_levels, checksum=checksum)
                self._open_files(place, date, schema, checksum=checksum)
                self._log = self._open_log(place.log(logs, date))
            if live:
                self._open_live()
            undo.pop_all()

    @property
    def due_ns(self) -> int | None:
        """The mono_ns at which a member is to be closed, None when all are."""
        files = (*self._files.values(), *([] if self._log is None else [self._log]))
        return min((file.due_ns for file in files if file.due_ns is not None), default=None)

    def flush_if_due(self, now_ns: int) -> None:
        """Close the members whose time is over."""
        for file in self._files.values():
            file.flush_if_due(now_ns)
        if self._log is not None:
            self._log.flush_if_due(now_ns)

    def add(self, out: Iterable[Line | Snapshot], now_ns: int, recv_ms: int) -> None:
        """Write what one record gave, stamped ``now_ns``."""
        for one in out:
            if isinstance(one, Snapshot):
                self._snapshot(one)
                continue
            if one.file in self._files:
                self._files[one.file].add(one.text, now_ns)
            if one.file in self._live:
                self._live[one.file].add(one.text, recv_ms)
            if self._log is not None and one.file == EVENTS:
                self._log.add(_log_line(one.text, self._symbol), now_ns)

    def settle(self) -> None:
        """Hand the lines of the live files to the operating system."""
        for stream in self._live.values():
            stream.flush()

    def close(self) -> None:
        """Flush and close all files. Raises EnvironmentFailed after it closed the others."""
        try:
            self._close_all()
        finally:
            self._lock.release()

    def _close_all(self) -> None:
        first: EnvironmentFailed | None = None
        for file in (*self._files.values(), *self._live.values(), self._log):
            try:
                if file is not None:
                    file.close()
            except EnvironmentFailed as error:
                first = first or error
        if first is not None:
            raise first

    # opening

    def _open_files(self, place: DayPlace, date: str, schema: dict[str, Any], *, checksum: bool) -> None:
        self._write_schema(schema)
        for key in _GROWING:
            if key == DIFFS and not self._settings.store_depth_diffs:
                continue
            path = self.path / place.file(key, date)
            of_trades = key in (TRADES, RAW_TRADES)
            rows = self._settings.trades_buffer_rows if of_trades else self._settings.orderbook_buffer_rows
            columns = columns_of(key, self._settings.depth_levels, checksum=checksum)
            self._files[key] = self._open_file(path, key, columns, rows)
        with writing(self.path):
            (self.path / "snapshots").mkdir(exist_ok=True)
            for one in (self.path / "snapshots").iterdir():
                if match := _SNAPSHOT.fullmatch(one.name):
                    self.event_id = max(self.event_id, int(match[1]))

    def _open_file(self, path: Path, key: str, columns: tuple[str, ...], rows: int) -> MemberFile:
        """A new file with its header, or an old one behind its last whole member."""
        header = path.name.endswith(".csv.gz")
        with writing(path):
            path.parent.mkdir(exist_ok=True)
        last: str | None = None
        if path.exists():
            tail = read_tail(path)
            with writing(path), path.open("r+b") as file:
                file.truncate(tail.whole_bytes)
            last = tail.last
        age_ns = round(self._settings.buffer_flush_interval_s * 1e9)
        opened = MemberFile(path, append=True, max_rows=rows, max_age_ns=age_ns)
        if last is None:
            if header:
                opened.add(",".join(columns) + "\n", 0)
                opened.flush()
        elif not header:
            self.recv_seq = max(self.recv_seq, line_number(last, "recv_seq"))
        elif last != ",".join(columns):
            cells = dict(zip(columns, next(csv.reader([last])), strict=False))
            self.recv_seq = max(self.recv_seq, int(cells["recv_seq"]))
            self.event_id = max(self.event_id, int(cells.get("event_id", "0")))
        return opened

    def _open_log(self, path: Path) -> TextFile:
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            tail = read_tail(path)
            with writing(path), path.open("r+b") as file:
                file.truncate(tail.whole_bytes)
        return TextFile(path, append=True)

    def _open_live(self) -> None:
        rotate_ms = round(self._settings.live_stream_rotate_s * 1000)
        retain_ms = round(self._settings.live_stream_retention_s * 1000)
        for key, name in ((DIFFS, LIVE_DIFFS), (RAW_TRADES, LIVE_TRADES)):
            stream = self._live[key] = LiveStream(self.path / name, rotate_ms, retain_ms)
            self.recv_seq = max(self.recv_seq, stream.recv_seq)

    def _write_schema(self, schema: dict[str, Any]) -> None:
        path = self.path / SCHEMA_FILE
        if not path.exists():
            replace_file(path, msgspec.json.format(msgspec.json.encode(schema), indent=2) + b"\n")
            return
        with writing(path):
            data = path.read_bytes()
        try:
            found = msgspec.json.decode(data, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            found = {}
        for key in ("schema", "version", "depth_levels", "instrument"):
            if found.get(key) != schema[key]:
                raise ConfigError(
                    f"{self.path} was written with {key} {found.get(key)!r}, this run has {schema[key]!r}: "
                    "choose the same, or another data directory",
                    key=key,
                    value=schema[key],
                )

    def _snapshot(self, snapshot: Snapshot) -> None:
        if self._files:
            replace_file(self.path / f"{snapshot.name}.json", snapshot.raw)
            replace_file(self.path / f"{snapshot.name}.csv", snapshot.table.encode())


_WARNINGS: Final = frozenset(
    {
        "resync_start",
        "ws_lost",
        "ws_connect_failed",
        "ws_no_data",
        "sync_warning",
        "buffer_warning",
        "dropped",
        "trade_gap",
        "clock_step",
    }
)


def _log_line(event: str, symbol: str) -> str:
    """``2026-11-21T10:00:00.123Z WARNING BTC/EUR resync_start epoch=2 {"reason":...}`` of a ledger's line."""
    _, recv_ms, _, run_id, word, epoch, details = next(csv.reader([event]))
    moment = datetime.fromtimestamp(int(recv_ms) // 1000, UTC)
    level = "ERROR" if word == "fatal" else "WARNING" if word in _WARNINGS else "INFO"
    when = f"{moment:%Y-%m-%dT%H:%M:%S}.{int(recv_ms) % 1000:03d}Z"
    return f"{when} {level} {symbol} {word} run={run_id} epoch={epoch} {details}\n"
