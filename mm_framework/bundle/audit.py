"""Was the plant healthy? Gates over what a run left behind: heartbeats, connections, drops, lag, bytes.

    evidence = gather(run, threshold_s=2.0)
    report = audit(evidence)                    # or audit(evidence, gates=(*GATES, mine))

A gate is a pure function of the `Evidence`; a profile adds gates of its own to `GATES`. The gates of
`LATENCY_GATES` need only the latency report, and so are known while a run goes on, too.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import attrs

from mm_framework.bundle.fatal import read_fatal
from mm_framework.bundle.latency import STREAK, LatencyReport, read_latency, take_lines
from mm_framework.bundle.manifest import RunState
from mm_framework.bundle.run import MISSING, Run
from mm_framework.bundle.tables import RUNLOG, read_document
from mm_framework.bundle.times import format_utc
from mm_framework.errors import ManifestMismatch

__all__ = [
    "GATES",
    "LATENCY_GATES",
    "AuditReport",
    "Evidence",
    "Gate",
    "GateResult",
    "HeartbeatGaps",
    "LogCheck",
    "Word",
    "audit",
    "gather",
    "judge_latency",
]

MAX_LAG_P99_MS: Final = 10.0
MAX_LAG_MS: Final = 100.0
TOP_GAPS: Final = 10

Word = Literal["PASS", "WARN", "FAIL", "N/A"]
"""``N/A``: the run has no telemetry that could answer (an import, a slice)."""


@attrs.frozen
class GateResult:
    """What a gate found. ``value`` against ``limit`` as JSON values; ``command`` shows more of it."""

    name: str
    status: Word
    value: Any
    limit: Any
    text: str
    command: str


class HeartbeatGaps:
    """Times between the heartbeats of a run log, longer than ``threshold_s``.

    They count from its start to the beginning of its end: sockets and alerts are given time to finish.
    """

    def __init__(self, threshold_s: float) -> None:
        self.threshold_s = threshold_s
        self.count = self.over = 0
        self.max_s = 0.0
        self._last: tuple[int, int] | None = None
        self._top: list[tuple[float, int, int]] = []

    def hear(self, line: Mapping[str, Any]) -> None:
        """A line of the run log; only those with the events start, heartbeat and stopping count."""
        if line.get("event") not in ("start", "heartbeat", "stopping"):
            return
        now = (line["mono_ns"], line["wall_ns"])
        self.count += line["event"] == "heartbeat"
        if self._last is not None:
            gap_s = (now[0] - self._last[0]) / 1e9
            self.max_s = max(self.max_s, gap_s)
            if gap_s > self.threshold_s:
                self.over += 1
                heapq.heappush(self._top, (gap_s, self._last[1], now[1]))
                if len(self._top) > TOP_GAPS:
                    heapq.heappop(self._top)
        self._last = now

    def to_json(self) -> dict[str, Any]:
        """The keys of ``mm audit``; ``top_gaps``: the longest ones first, with the wall clock around them."""
        return {
            "threshold_seconds": self.threshold_s,
            "hb_count": self.count,
            "gaps_over_threshold": self.over,
            "max_gap_seconds": round(self.max_s, 6),
            "top_gaps": [
                {"gap_seconds": round(gap_s, 6), "from": format_utc(begin), "to": format_utc(end)}
                for gap_s, begin, end in sorted(self._top, reverse=True)
            ],
        }


@attrs.frozen
class LogCheck:
    """The frame log read once: ``records`` that are whole, ``crc_mismatch`` as `mm verify` counts it.

    ``torn_bytes``: of an interrupted write at the end, which is no mismatch in a run that was interrupted.
    """

    records: int
    crc_mismatch: int
    torn_bytes: int


@attrs.frozen
class Evidence:
    """What gates judge. ``run``: how the user names the bundle.

    ``live``: a capture wrote it, so that it has telemetry. ``fatal``, ``missing``: the documents of
    ``fatal.json`` and ``missing_tokens.json``, or None.
    """

    run: str
    path: Path
    state: RunState
    live: bool
    latency: LatencyReport
    heartbeats: HeartbeatGaps
    log: LogCheck
    fatal: dict[str, Any] | None
    missing: dict[str, Any] | None = None


Gate = Callable[[Evidence], GateResult]


def gather(
    run: Run,
    *,
    threshold_s: float = 2.0,
    name: str | None = None,
    progress: Callable[[int], object] = lambda _: None,
) -> Evidence:
    """Read what gates need; ``progress`` is told the bytes of each block of the log.

    Raises ManifestMismatch without a run log, CorruptFrame when a table cannot be read.
    """
    gaps = HeartbeatGaps(threshold_s)
    try:
        take_lines(run.path / RUNLOG, gaps.hear)
        latency = read_latency(run.path)
    except FileNotFoundError:
        raise ManifestMismatch(f"{run.path} is half a bundle, it has no {RUNLOG}", path=run.path) from None
    return Evidence(
        run=name or str(run.path),
        path=run.path,
        state=run.manifest.state,
        live=run.manifest.state not in ("imported", "sliced"),
        latency=latency,
        heartbeats=gaps,
        log=_check_log(run, progress),
        fatal=read_fatal(run.path),
        missing=read_document(run.path / MISSING),
    )


def _check_log(run: Run, progress: Callable[[int], object]) -> LogCheck:
    excused = run.manifest.state in ("running", "interrupted")
    records = mismatch = torn_bytes = 0
    for reader in run.shards:
        for stretch in reader.stretches():
            for block in stretch.blocks():
                progress(len(block))
            segment = stretch.segment
            records += segment.end.index - stretch.cursor.index if segment.header is not None else 0
            if segment.fault is not None:
                torn_bytes += segment.fault.lost_bytes if segment.fault.torn else 0
                mismatch += not (segment.fault.torn and excused)
    return LogCheck(records, mismatch, torn_bytes)


# the gates


def _result(
    evidence: Evidence, name: str, ok: bool, value: Any, limit: Any, text: str, verb: str
) -> GateResult:
    status: Word = "PASS" if ok else "FAIL"
    return GateResult(name, status, value, limit, text, f"mm {verb.format(evidence.run)}")


def heartbeat_gaps(evidence: Evidence) -> GateResult:
    """The process told of itself every second."""
    gaps = evidence.heartbeats
    verb = f"audit {{}} --threshold-seconds {gaps.threshold_s:g} --json"
    text = f"{gaps.count} heartbeats, longest time between two {gaps.max_s:.3f} s"
    if not evidence.live:
        return GateResult("heartbeat_gaps", "N/A", None, 0, "no capture", f"mm {verb.format(evidence.run)}")
    return _result(evidence, "heartbeat_gaps", gaps.over == 0, gaps.over, 0, text, verb)


def crc(evidence: Evidence) -> GateResult:
    """Every record of the log is as it was written."""
    log = evidence.log
    text = f"{log.records} records" + (f", torn end of {log.torn_bytes} bytes" if log.torn_bytes else "")
    return _result(
        evidence, "crc", log.crc_mismatch == 0, log.crc_mismatch, 0, text, "verify {} --summary-only"
    )


def fatal(evidence: Evidence) -> GateResult:
    """No error ended the run."""
    found = evidence.fatal
    text = "no fatal.json" if found is None else str(found.get("error"))
    return _result(evidence, "fatal", found is None, found is not None, False, text, "inspect {}")


def spoken(evidence: Evidence) -> GateResult:
    """Every instrument spoke in the first seconds, where that was asked for: a warning."""
    missing = [] if evidence.missing is None else evidence.missing.get("missing", [])
    text = "nobody is known to be silent"
    if missing:
        text = f"silent: {', '.join(str(one.get('instrument')) for one in missing[:3])}"
        text += ", ..." if len(missing) > 3 else ""
    status: Word = "WARN" if missing else "PASS"
    return GateResult("spoken", status, len(missing), 0, text, f"mm inspect {evidence.run}")


def ended(evidence: Evidence) -> GateResult:
    """The run came to an orderly end: a warning, as its data up to there is whole."""
    texts = {
        "running": "the run goes on, or was killed: `mm recover` makes it whole",
        "interrupted": "the run was ended by an error or by a second signal",
        "recovered": "the run was killed, and recovered",
    }
    status: Word = "WARN" if evidence.state in texts else "PASS"
    text = texts.get(evidence.state, "in order")
    return GateResult("ended", status, evidence.state, "complete", text, f"mm inspect {evidence.run}")


class _Finding(NamedTuple):
    """What a report says to one gate; ``good`` is None when it cannot tell."""

    name: str
    good: bool | None
    value: Any
    limit: Any
    text: str


_Judge = Callable[[LatencyReport], _Finding]


def _reconnects(report: LatencyReport) -> _Finding:
    told = report.reconnects
    reasons = ", ".join(f"{count} {reason}" for reason, count in told["by_reason"].items()) or "none"
    return _Finding(
        "reconnects", told["total"] == 0, told["total"], 0, f"{told['planned']} planned ones; {reasons}"
    )


def _disconnected(report: LatencyReport) -> _Finding:
    midrun = report.disconnected["midrun"]
    text = f"{midrun['time_s_total']:.3f} s disconnected"
    return _Finding("disconnected", midrun["incidents"] == 0, midrun["incidents"], 0, text)


def _drops(report: LatencyReport) -> _Finding:
    dropped = report.drops["dropped_messages_total"]
    return _Finding("drops", dropped == 0, dropped, 0, "messages not kept")


def _loop_lag_p99(report: LatencyReport) -> _Finding:
    value = report.loop_lag_ms["p99"]
    good = None if value is None else value <= MAX_LAG_P99_MS
    return _Finding("loop_lag_p99", good, value, MAX_LAG_P99_MS, "ms, of each heartbeat's worst")


def _loop_lag_max(report: LatencyReport) -> _Finding:
    value = report.loop_lag_ms["max"]
    good = None if value is None else value <= MAX_LAG_MS
    return _Finding("loop_lag_max", good, value, MAX_LAG_MS, "ms, worst of the run")


def _pressure(report: LatencyReport) -> _Finding:
    streaks = report.pressure_streaks
    text = "heartbeats in a row"
    if streaks["worst_metric"] is not None:
        text += f" of {streaks['worst_metric']}, shard {streaks['worst_shard']}"
    return _Finding("pressure", not streaks["failed"], streaks["worst_streak"], STREAK - 1, text)


_JUDGES: Final[tuple[_Judge, ...]] = (
    _reconnects,
    _disconnected,
    _drops,
    _loop_lag_p99,
    _loop_lag_max,
    _pressure,
)


def judge_latency(report: LatencyReport, run: str, *, live: bool = True) -> list[GateResult]:
    """The verdicts that the latency report alone gives, of a run that may go on. ``live``: see `Evidence`."""
    results = []
    for judge in _JUDGES:
        found = judge(report)
        status: Word = "N/A" if found.good is None or not live else "PASS" if found.good else "FAIL"
        command = f"mm latency {run}"
        results.append(GateResult(found.name, status, found.value, found.limit, found.text, command))
    return results


def _latency_gate(place: int) -> Gate:
    def gate(evidence: Evidence) -> GateResult:
        return judge_latency(evidence.latency, evidence.run, live=evidence.live)[place]

    gate.__name__ = _JUDGES[place].__name__.strip("_")
    gate.__doc__ = "See `judge_latency`."
    return gate


LATENCY_GATES: Final[tuple[Gate, ...]] = tuple(_latency_gate(place) for place in range(len(_JUDGES)))
"""``reconnects``, ``disconnected``, ``drops``, ``loop_lag_p99``, ``loop_lag_max``, ``pressure``."""

GATES: Final[tuple[Gate, ...]] = (heartbeat_gaps, *LATENCY_GATES, crc, fatal, spoken, ended)
"""The gates of every capture, in the order in which they are shown."""


@attrs.frozen
class AuditReport:
    """The answer of all gates."""

    evidence: Evidence
    results: tuple[GateResult, ...]

    @property
    def ok(self) -> bool:
        """No gate failed."""
        return all(result.status != "FAIL" for result in self.results)

    def to_json(self) -> dict[str, Any]:
        """The document of ``mm audit --json``."""
        evidence = self.evidence
        return {
            "ok": self.ok,
            "run_id": evidence.path.name,
            "state": evidence.state,
            **evidence.heartbeats.to_json(),
            "gates": [attrs.asdict(result) for result in self.results],
            "latency": evidence.latency.to_json(),
            "log": attrs.asdict(evidence.log),
            "fatal": evidence.fatal,
        }


def audit(
    evidence: Evidence, gates: Sequence[Gate] = GATES, *, only_warn: Collection[str] = ()
) -> AuditReport:
    """Ask every gate. A gate named in ``only_warn`` says WARN where it would say FAIL."""
    results = []
    for gate in gates:
        result = gate(evidence)
        if result.status == "FAIL" and result.name in only_warn:
            result = attrs.evolve(result, status="WARN")
        results.append(result)
    return AuditReport(evidence, tuple(results))
