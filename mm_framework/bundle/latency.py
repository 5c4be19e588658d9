"""The latency report of a run: what its run log and metrics say of reconnects, drops, lag and pressure.

    tally = LatencyTally()
    tally.hear(line)             # each line of runlog.ndjson, in order
    tally.sample(line)           # each line of metrics/shard_NN.ndjson
    tally.report()

The capture itself drives a tally with the lines as it writes them, so that what an operator sees
while a run goes on is what `read_latency` finds in the files afterwards, also after a crash.
"""

from __future__ import annotations

import bisect
import itertools
from array import array
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs

from mm_framework.bundle.tables import METRICS, RUNLOG, iter_lines
from mm_framework.errors import CorruptFrame
from mm_framework.model.frame import encode_json

__all__ = [
    "LATENCY_JSON",
    "LATENCY_TXT",
    "PRESSURE",
    "STREAK",
    "LatencyReport",
    "LatencyTally",
    "latency_document",
    "latency_text",
    "nearest_rank",
    "read_latency",
    "take_lines",
]

LATENCY_JSON: Final = "latency_report.json"
LATENCY_TXT: Final = "latency_report.txt"
SCHEMA: Final = 1

PRESSURE: Final[Mapping[str, tuple[str, float]]] = {
    "queue_depth": ("last", 200),
    "recv_to_parsed_ms": ("p99", 50),
    "recv_to_applied_ms": ("p99", 100),
    "backpressure_ms": ("p99", 25),
}
"""Metric -> which of its values at a heartbeat is looked at, and from which value on it is pressure."""

STREAK: Final = 5
"""Heartbeats in a row under pressure that make it sustained."""

N = TypeVar("N", int, float)


def nearest_rank(ranked: Sequence[N], share: int) -> N:
    """The percentile of sorted values: the least one that ``share`` % of them do not exceed."""
    return ranked[max(0, -(-len(ranked) * share // 100) - 1)]


@attrs.frozen
class LatencyReport:
    """What a run's telemetry says.

    ``hb_count``: heartbeats. ``reconnects``: ``total`` (unplanned), ``planned``, ``by_reason``.
    ``disconnected``: ``midrun`` with ``incidents``, unplanned losses of a shard's only connection, and
    ``time_s_total``, the time until it had one again, over all shards. ``loop_lag_ms``: percentiles of the
    greatest lag of each heartbeat. ``pressure_streaks``: the longest row of heartbeats under pressure of
    one metric of one shard. ``stages``: metric -> percentiles of its p99 at the heartbeats of all shards,
    to three significant digits, and ``max`` of its maxima. Values are None where no heartbeat was told.
    """

    hb_count: int
    reconnects: dict[str, Any]
    disconnected: dict[str, Any]
    drops: dict[str, int]
    loop_lag_ms: dict[str, float | None]
    pressure_streaks: dict[str, Any]
    stages: dict[str, dict[str, float | None]]
    first_ns: int | None = None
    last_ns: int | None = None

    @property
    def span_s(self) -> float:
        """Seconds between the first and the last line."""
        if self.first_ns is None or self.last_ns is None:
            return 0.0
        return (self.last_ns - self.first_ns) / 1e9

    def to_json(self) -> dict[str, Any]:
        """JSON values only; the keys that gates name come first."""
        return {
            "schema": SCHEMA,
            "hb_count": self.hb_count,
            "span_s": round(self.span_s, 3),
            "reconnects": self.reconnects,
            "disconnected": self.disconnected,
            "drops": self.drops,
            "loop_lag_ms": self.loop_lag_ms,
            "pressure_streaks": self.pressure_streaks,
            "stages": self.stages,
        }


class LatencyTally:
    """Takes lines of the run log and of metrics, and gives the report at any time."""

    def __init__(self) -> None:
        self.heartbeats = 0
        self._reasons: Counter[str] = Counter()
        self._planned = self._unplanned = self._incidents = self._dropped = self._hole_ns = 0
        self._open: defaultdict[int, set[int]] = defaultdict(set)
        self._holes: dict[int, int] = {}
        self._lags = array("d")
        self._stages: dict[str, _Stage] = {metric: _Stage() for metric in PRESSURE}
        self._streaks = _Streaks()
        self._first_ns: int | None = None
        self._last_ns: int | None = None

    def hear(self, line: Mapping[str, Any]) -> None:
        """A line of the run log."""
        mono_ns = line.get("mono_ns")
        if isinstance(mono_ns, int):
            self._first_ns = mono_ns if self._first_ns is None else self._first_ns
            self._last_ns = mono_ns
        match line.get("event"):
            case "heartbeat":
                self.heartbeats += 1
                bisect.insort(self._lags, line.get("loop_lag_ms", 0.0))
            case "connected":
                self._open[line["shard"]].add(line["connection"])
                self._close_hole(line["shard"], line["mono_ns"])
            case "lost":
                self._lost(line)
            case "dropped":
                self._dropped += line["count"]

    def sample(self, line: Mapping[str, Any]) -> None:
        """A line of a shard's metrics."""
        for metric, (key, limit) in PRESSURE.items():
            values = line.get(metric)
            self._streaks.add(line["shard"], metric, values is not None and values[key] >= limit)
            if values is not None:
                self._stages[metric].add(values)

    def report(self, *, stages: bool = True) -> LatencyReport:
        """Everything so far; holes that are open end at the last line. ``stages`` takes a while: without
        it they are empty.
        """
        open_ns = sum((self._last_ns or since_ns) - since_ns for since_ns in self._holes.values())
        return LatencyReport(
            hb_count=self.heartbeats,
            reconnects={
                "total": self._unplanned,
                "planned": self._planned,
                "by_reason": dict(sorted(self._reasons.items())),
            },
            disconnected={
                "midrun": {
                    "incidents": self._incidents,
                    "time_s_total": round((self._hole_ns + open_ns) / 1e9, 6),
                }
            },
            drops={"dropped_messages_total": self._dropped},
            loop_lag_ms=_percentiles(self._lags),
            pressure_streaks=self._streaks.report(),
            stages={metric: stage.report() for metric, stage in self._stages.items()} if stages else {},
            first_ns=self._first_ns,
            last_ns=self._last_ns,
        )

    def _lost(self, line: Mapping[str, Any]) -> None:
        """A connection ended; a hole begins when it was not planned and the shard has no other one."""
        shard = line["shard"]
        self._open[shard].discard(line["connection"])
        if line["reason"] == "SHUTDOWN":
            return
        self._reasons[line["reason"].lower()] += 1
        if line["planned"]:
            self._planned += 1
            return
        self._unplanned += 1
        if not self._open[shard]:
            self._incidents += 1
            self._holes.setdefault(shard, line["mono_ns"])

    def _close_hole(self, shard: int, now_ns: int) -> None:
        since_ns = self._holes.pop(shard, None)
        if since_ns is not None:
            self._hole_ns += now_ns - since_ns


class _Stage:
    """The values of one metric over the heartbeats of all shards, to three digits: few differ."""

    def __init__(self) -> None:
        self._p99s: Counter[float] = Counter()
        self._max: float | None = None

    def add(self, values: Mapping[str, Any]) -> None:
        self._p99s[float(f"{values['p99']:.3g}")] += 1
        self._max = values["max"] if self._max is None else max(self._max, values["max"])

    def report(self) -> dict[str, float | None]:
        return {**_percentiles(_Ranked(self._p99s)), "max": self._max}


class _Ranked(Sequence[float]):
    """Counted values as the sorted sequence that they stand for."""

    def __init__(self, counts: Counter[float]) -> None:
        self._values = sorted(counts)
        self._ends = list(itertools.accumulate(counts[value] for value in self._values))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def __getitem__(self, place: Any) -> Any:
        return self._values[bisect.bisect_right(self._ends, place if place >= 0 else len(self) + place)]


class _Streaks:
    """Rows of heartbeats under pressure, for each metric of each shard."""

    def __init__(self) -> None:
        self._now: Counter[tuple[int, str]] = Counter()
        self._worst: tuple[int, str | None, int | None] = (0, None, None)

    def add(self, shard: int, metric: str, pressed: bool) -> None:
        if not pressed:
            self._now.pop((shard, metric), None)
            return
        self._now[shard, metric] += 1
        if self._now[shard, metric] > self._worst[0]:
            self._worst = (self._now[shard, metric], metric, shard)

    def report(self) -> dict[str, Any]:
        streak, metric, shard = self._worst
        return {
            "failed": streak >= STREAK,
            "worst_metric": metric,
            "worst_streak": streak,
            "worst_shard": shard,
        }


def _percentiles(ranked: Sequence[float]) -> dict[str, float | None]:
    """``p50``, ``p95``, ``p99`` by nearest rank and ``max`` of sorted values; None of none."""
    if not ranked:
        return dict.fromkeys(("p50", "p95", "p99", "max"))
    found: dict[str, float | None] = {f"p{share}": nearest_rank(ranked, share) for share in (50, 95, 99)}
    return found | {"max": ranked[-1]}


def read_latency(path: Path) -> LatencyReport:
    """The report of a bundle, from its files.

    Raises CorruptFrame at a line that cannot be read, FileNotFoundError without a run log.
    """
    tally = LatencyTally()
    take_lines(path / RUNLOG, tally.hear)
    for file in sorted((path / METRICS).glob("shard_*.ndjson")):
        take_lines(file, tally.sample)
    return tally.report()


def take_lines(file: Path, take: Callable[[Mapping[str, Any]], None]) -> None:
    """Give every whole line to ``take``. Raises CorruptFrame also at one that has not what it needs."""
    for number, line in enumerate(iter_lines(file), 1):
        try:
            take(line)
        except (AttributeError, KeyError, TypeError) as error:
            raise CorruptFrame(
                f"line {number} of {file} is no line of a capture: {type(error).__name__} {error}", path=file
            ) from None


def latency_document(run_id: str, report: LatencyReport) -> bytes:
    """The bytes of ``latency_report.json``."""
    return encode_json({"run_id": run_id, **report.to_json()}) + b"\n"


def latency_text(run_id: str, report: LatencyReport) -> str:
    """The report for people, lines ended by a line feed."""
    reconnects, midrun = report.reconnects, report.disconnected["midrun"]
    streaks = report.pressure_streaks
    reasons = ", ".join(f"{count} {reason}" for reason, count in reconnects["by_reason"].items())
    worst = f"{streaks['worst_streak']} heartbeats"
    if streaks["worst_metric"] is not None:
        worst += f" of {streaks['worst_metric']}, shard {streaks['worst_shard']}"
    lines = [
        f"run {run_id}: {report.hb_count} heartbeats in {report.span_s:.1f} s",
        f"reconnects      {reconnects['total']} unplanned, {reconnects['planned']} planned"
        + (f" ({reasons})" if reasons else ""),
        f"disconnected    {midrun['incidents']} times in mid-run, {midrun['time_s_total']:.3f} s in all",
        f"dropped         {report.drops['dropped_messages_total']} messages",
        f"pressure        longest row {worst}",
        "",
        f"{'':<20}{'p50':>12}{'p95':>12}{'p99':>12}{'max':>12}",
    ]
    rows = {"loop_lag_ms": report.loop_lag_ms, **report.stages}
    for name, values in rows.items():
        cells = (values[key] for key in ("p50", "p95", "p99", "max"))
        lines.append(f"{name:<20}" + "".join(f"{_cell(cell):>12}" for cell in cells))
    lines.append("loop lag: of the greatest of each heartbeat; the others: of the p99 of each heartbeat")
    return "\n".join(lines) + "\n"


def _cell(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")
