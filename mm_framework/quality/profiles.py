"""Profiles of acceptance: was a capture of best prices long, fresh and steady enough?

    evidence = [gather_file(BboFile(path)) for path in files]
    results = judge(PROFILES["24h"], evidence)

A profile judges files of best prices; for a bundle they are made from it. Its gates stand beside those of
`bundle.audit`. The limits are those of earlier work; samples are asked for in proportion to the time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import attrs
import msgspec
import numpy as np

from mm_framework.bundle.audit import GateResult, Word
from mm_framework.quality.bbo_file import BboFile, Quotes
from mm_framework.quality.file_check import FileReport, check_file
from mm_framework.quality.latency import Ages

__all__ = ["PROFILES", "FileEvidence", "Profile", "gather_file", "judge"]

HOUR_MS: Final = 3_600_000.0
HOUR_FACTOR: Final = 2.0
SILENCE_S: Final = 60.0
LOOP_LOSSES: Final = 3
LOOP_S: Final = 600.0
SAMPLES_A_DAY: Final = 500_000


@attrs.frozen
class Profile:
    """What a file must reach; ``files`` of them are needed. Ages in ms, ``unsafe_max`` is a share.

    ``uptime_min``: share of the time from the first row to the last of all files that is covered.
    """

    name: str
    least_hours: float
    least_samples: int
    files: int = 1
    p50_max_ms: float = 15.0
    p95_max_ms: float = 100.0
    p99_max_ms: float = 400.0
    unsafe_max: float = 0.08
    uptime_min: float = 0.99


PROFILES: Final[Mapping[str, Profile]] = {
    "1h": Profile("1h", 58 / 60, SAMPLES_A_DAY // 24),
    "24h": Profile("24h", 23.5, SAMPLES_A_DAY),
    "7d": Profile("7d", 23.5, SAMPLES_A_DAY, files=7),
}


@attrs.frozen
class FileEvidence:
    """What the gates judge of one file. ``first_ms``, ``last_ms``: receive times.

    ``hours_p95_ms``: of each hour since the first row, a rest of less than half an hour belongs to the
    hour before. ``silent_s``: all silences longer than a minute, together. ``losses_s``: when connections
    were lost that nobody asked for, in seconds since 1970; None without the session file that tells.
    """

    report: FileReport
    first_ms: float
    last_ms: float
    hours_p95_ms: tuple[float, ...]
    silences: int
    silent_s: float
    longest_silence_s: float
    losses_s: tuple[float, ...] | None

    @property
    def hours(self) -> float:
        """How long it ran."""
        return (self.last_ms - self.first_ms) / HOUR_MS


class _Clock:
    """Ages by the hour, and silences of the whole file."""

    def __init__(self) -> None:
        self.run = 0
        self.forget()

    def forget(self) -> None:
        self.first_ms = self.last_ms = float("nan")
        self.silences, self.silent_ms, self.longest_ms = 0, 0.0, 0.0
        self._hours: dict[int, Ages] = {}

    def take(self, run: int, quotes: Quotes) -> None:
        """The next rows; only those of the latest run count."""
        if run != self.run:
            self.run = run
            self.forget()
        keep = ~np.isnan(quotes.recv_ms)
        times = quotes.recv_ms[keep]
        if not len(times):
            return
        if np.isnan(self.first_ms):
            self.first_ms = self.last_ms = float(times[0])
        steps = np.diff(times, prepend=self.last_ms)
        long = steps[steps > SILENCE_S * 1e3]
        self.silences += len(long)
        self.silent_ms += float(long.sum())
        self.longest_ms = max(self.longest_ms, float(steps.max()))
        self.last_ms = float(times[-1])
        hours = np.floor((times - self.first_ms) / (HOUR_MS / 2)).astype(np.int64)
        for half in np.unique(hours).tolist():
            self._hours.setdefault(half, Ages()).add(quotes.age_ms[keep][hours == half])

    def hours_p95_ms(self) -> tuple[float, ...]:
        """The 95th percentile of each hour that has an age."""
        count = max(1, (max(self._hours, default=0) + 1) // 2)
        parts: list[list[Any]] = [[] for _ in range(count)]
        for half, ages in sorted(self._hours.items()):
            parts[min(half // 2, count - 1)].append(ages.all())
        joined = [np.concatenate(part) for part in parts if part]
        return tuple(round(float(np.percentile(ages, 95)), 3) for ages in joined if len(ages))


def gather_file(file: BboFile, progress: Callable[[int], object] = lambda _: None) -> FileEvidence:
    """Read a file, and the session file beside it if there is one. Raises StoreError."""
    clock = _Clock()
    report = check_file(file, listener=clock.take, progress=progress)
    return FileEvidence(
        report,
        0.0 if np.isnan(clock.first_ms) else clock.first_ms,
        0.0 if np.isnan(clock.last_ms) else clock.last_ms,
        clock.hours_p95_ms(),
        clock.silences,
        clock.silent_ms / 1e3,
        clock.longest_ms / 1e3,
        _losses(file.path.with_name(file.path.name + ".session.ndjson")),
    )


def _losses(sidecar: Path) -> tuple[float, ...] | None:
    """When connections were lost unplanned; a last line that was cut off is left out."""
    if not sidecar.is_file():
        return None
    losses = []
    for line in sidecar.read_bytes().splitlines():
        try:
            told = msgspec.json.decode(line, type=dict[str, Any])
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if told.get("event") == "connection_lost" and not told.get("planned"):
            losses.append(float(told["recv_ts_ms"]) / 1e3)
    return tuple(losses)


def judge(profile: Profile, files: Sequence[FileEvidence]) -> list[GateResult]:
    """The verdicts on each file, in order, and, where several are asked for, on all together."""
    results = [result for file in files for result in _judge_file(profile, file)]
    if profile.files > 1:
        results += _judge_all(profile, files)
    return results


def _judge_file(profile: Profile, file: FileEvidence) -> Iterator[GateResult]:
    report, ages = file.report, file.report.ages
    name = Path(report.file).name

    def at_least(gate: str, value: float, limit: float, text: str) -> GateResult:
        return _gate(gate, "PASS" if value >= limit else "FAIL", value, limit, f"{name}: {text}", report)

    def at_most(gate: str, value: float | None, limit: float, text: str, over: Word = "FAIL") -> GateResult:
        good = value is not None and value <= limit
        return _gate(gate, "PASS" if good else over, value, limit, f"{name}: {text}", report)

    yield (
        at_most("runs_detected", report.runs_detected, 1, "contiguous runs")
        if report.rows
        else at_least("runs_detected", 0, 1, "the file holds no row")
    )
    failed = [one.text for one in report.findings if one.result == "FAIL"]
    yield _gate(
        "qa",
        "FAIL" if failed else "PASS",
        report.status,
        "PASS",
        f"{name}: {'; '.join(failed) or 'ok'}",
        report,
    )
    yield at_least(
        "hours", round(file.hours, 3), round(profile.least_hours, 3), "hours from first to last row"
    )
    yield at_least("samples", ages.count, profile.least_samples, "rows with an age")
    yield at_most("p50_ms", ages.p50_ms, profile.p50_max_ms, "median age")
    yield at_most("p95_ms", ages.p95_ms, profile.p95_max_ms, "age")
    yield at_most("p99_ms", ages.p99_ms, profile.p99_max_ms, "age")
    yield at_most("unsafe", round(ages.unsafe.share, 6), profile.unsafe_max, "share of unsafe rows")
    hours = file.hours_p95_ms
    limit = round(HOUR_FACTOR * float(np.median(hours)), 3) if hours else 0.0
    yield at_most(
        "worst_hour_p95_ms", max(hours, default=None), limit, "worst hour, against twice the median"
    )
    yield at_most(
        "silence_s", round(file.longest_silence_s, 3), SILENCE_S, f"{file.silences} silences", over="WARN"
    )
    yield _reconnects(file, name)


def _reconnects(file: FileEvidence, name: str) -> GateResult:
    """Repeated reconnects are a red flag, a loop of them fails."""
    losses = file.losses_s
    if losses is None:
        text = f"{name}: no session file beside it"
        return _gate("reconnect_loop", "N/A", None, LOOP_LOSSES - 1, text, file.report)
    times = np.array(sorted(losses))
    worst = max((int(np.count_nonzero((times >= t) & (times < t + LOOP_S))) for t in times), default=0)
    status: Word = "FAIL" if worst >= LOOP_LOSSES else "WARN" if len(losses) > 1 else "PASS"
    text = f"{name}: unplanned losses within ten minutes, {len(losses)} in all"
    return _gate("reconnect_loop", status, worst, LOOP_LOSSES - 1, text, file.report)


def _judge_all(profile: Profile, files: Sequence[FileEvidence]) -> Iterator[GateResult]:
    count = len(files)
    yield GateResult(
        "files",
        "PASS" if count == profile.files else "FAIL",
        count,
        profile.files,
        "files, one a day",
        f"mm audit FILE... --profile {profile.name}",
    )
    covered_s = sum((file.last_ms - file.first_ms) / 1e3 - file.silent_s for file in files)
    whole_s = (max((f.last_ms for f in files), default=0) - min((f.first_ms for f in files), default=0)) / 1e3
    uptime = min(1.0, covered_s / whole_s) if whole_s > 0 else 0.0
    yield GateResult(
        "uptime",
        "PASS" if uptime >= profile.uptime_min else "FAIL",
        round(uptime, 6),
        profile.uptime_min,
        "share of the time that the files cover",
        "mm qa FILE",
    )


def _gate(name: str, status: Word, value: Any, limit: Any, text: str, report: FileReport) -> GateResult:
    verb = "qa" if name in ("qa", "runs_detected", "silence_s") else "analyze"
    return GateResult(name, status, value, limit, text, f"mm {verb} {report.file}")
