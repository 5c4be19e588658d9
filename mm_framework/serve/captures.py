"""The run bundles of a data directory, and how those are that are being written now.

Only folders that are there are read: nothing of a request becomes part of a path. A run log is read on from
where it was read last, so that to ask often costs little.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import attrs
import msgspec

from mm_framework.bundle.alive import is_written
from mm_framework.bundle.audit import HeartbeatGaps, judge_latency
from mm_framework.bundle.latency import LatencyTally
from mm_framework.bundle.manifest import MANIFEST, Manifest
from mm_framework.bundle.names import RUNS
from mm_framework.bundle.tables import METRICS, RUNLOG
from mm_framework.errors import MMError, StoreError
from mm_framework.serve.answers import Capture, GateNow, RunInfo

__all__ = ["Captures", "RunWatch"]

GAP_S: Final = 2.0
"""Heartbeats further apart fail their gate."""

_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Captures:
    """The bundles below ``data_dir/runs``. Several threads may ask at a time."""

    def __init__(self, data_dir: Path) -> None:
        self._runs = data_dir / RUNS
        self._known: dict[Path, tuple[tuple[int, int], RunInfo]] = {}
        self._watches: dict[str, RunWatch] = {}
        self._lock = threading.Lock()

    def runs(self) -> list[RunInfo]:
        """All readable bundles, the newest first."""
        with self._lock:
            return self._list()

    def now(self) -> list[Capture]:
        """The captures that are being written, the newest first."""
        with self._lock:
            running = [one.run_id for one in self._list() if one.running]
            self._watches = {
                run: self._watches.get(run) or RunWatch(self._runs / run, run) for run in running
            }
            return [watch.now() for watch in self._watches.values()]

    def _list(self) -> list[RunInfo]:
        found: dict[Path, tuple[tuple[int, int], RunInfo]] = {}
        for file in self._runs.glob(f"[!.]*/{MANIFEST}"):
            try:
                stat = file.stat()
                stamp = stat.st_mtime_ns, stat.st_size
                known = self._known.get(file)
                info = known[1] if known and known[0] == stamp else _info(Manifest.read(file.parent))
            except (MMError, OSError):
                continue
            found[file] = stamp, info
        self._known = found
        told = [
            msgspec.structs.replace(info, running=_is_running(file.parent, info.state))
            for file, (_, info) in found.items()
        ]
        return sorted(told, key=lambda one: (one.created, one.run_id), reverse=True)


def _info(manifest: Manifest) -> RunInfo:
    subscribed = {one.instrument for shard in manifest.shards for one in shard.subscriptions}
    return RunInfo(
        run_id=manifest.run_id,
        state=manifest.state,
        running=False,
        created=manifest.created,
        made_by=manifest.made_by,
        venues=sorted({shard.venue for shard in manifest.shards}),
        instruments=len(subscribed),
        flags=list(manifest.flags),
    )


def _is_running(folder: Path, state: str) -> bool:
    try:
        return state == "running" and is_written(folder)
    except StoreError:  # it was pruned meanwhile
        return False


@attrs.define
class _Tail:
    """The whole lines of a growing file, each once."""

    path: Path
    place: int = 0

    def take(self, hear: Callable[[Mapping[str, Any]], None]) -> None:
        """Give the new ones; a line that is no object of JSON, or not what was expected, is left out."""
        with self.path.open("rb") as file:
            file.seek(self.place)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self.place += len(line)
                try:
                    hear(_decode(line))
                except (msgspec.DecodeError, AttributeError, KeyError, TypeError):
                    continue


class RunWatch:
    """One capture, as its run log and its metrics tell it: the gates that can be judged while it runs."""

    def __init__(self, folder: Path, run_id: str) -> None:
        self._folder, self._run_id = folder, run_id
        self._log = _Tail(folder / RUNLOG)
        self._shards: dict[Path, _Tail] = {}
        self._tally, self._gaps = LatencyTally(), HeartbeatGaps(GAP_S)
        self._beat: Mapping[str, Any] = {}

    def now(self) -> Capture:
        """What it says up to now."""
        try:
            self._log.take(self._hear)
            for file in sorted((self._folder / METRICS).glob("shard_*.ndjson")):
                self._shards.setdefault(file, _Tail(file)).take(self._tally.sample)
        except OSError:  # it was pruned meanwhile
            pass
        report = self._tally.report(stages=False)
        first = GateNow(
            name="heartbeat_gaps",
            status="PASS" if self._gaps.over == 0 else "FAIL",
            value=self._gaps.over,
            limit=0,
            text=f"{self._gaps.count} heartbeats, longest time between two {self._gaps.max_s:.3f} s",
        )
        others = [
            GateNow(one.name, one.status, one.value, one.limit, one.text)
            for one in judge_latency(report, self._run_id)
        ]
        return Capture(
            run_id=self._run_id,
            running=True,
            elapsed_s=self._beat.get("elapsed_s"),
            frames_per_s=self._beat.get("frames_per_s"),
            connected=self._beat.get("connected"),
            reconnects=report.reconnects["total"],
            gates=[first, *others],
        )

    def _hear(self, line: Mapping[str, Any]) -> None:
        self._tally.hear(line)
        self._gaps.hear(line)
        if line.get("event") == "heartbeat":
            self._beat = line
