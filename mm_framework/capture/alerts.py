"""What an operator is told while a run goes on: a gate that fails, a storm of resyncs, a disk that fills.

`AlertWatch` decides, on heartbeats alone and with time as an argument. `capture.alert_sender` carries
the alerts out.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Final

import attrs

from mm_framework.bundle.audit import judge_latency
from mm_framework.capture.heartbeat import Beat
from mm_framework.capture.settings import AlertSettings

__all__ = ["Alert", "AlertWatch"]

GIB: Final = 1 << 30
MIN_LAGS: Final = 100
"""Heartbeats before the p99 of their lag means anything."""

MAX_GAP_S: Final = 2.0


@attrs.frozen
class Alert:
    """Something that an operator should know. ``suppressed``: of this kind, since the last one told."""

    kind: str
    text: str
    facts: dict[str, Any]
    suppressed: int = 0

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        return attrs.asdict(self)


class AlertWatch:
    """Looks at every heartbeat. Each gate is told once a run, the rest as often as the interval lets.

    A gate that begins to fail within the interval is told when it is over, or by `rest` at the end.
    """

    def __init__(self, settings: AlertSettings) -> None:
        self._settings = settings
        self._failed: set[str] = set()
        self._untold: dict[str, str] = {}
        self._resyncs: deque[tuple[int, int]] = deque()
        self._told_ns: dict[str, int] = {}
        self._suppressed: dict[str, int] = {}
        self._last_ns: int | None = None

    def beat(self, beat: Beat, now_ns: int) -> list[Alert]:
        """What this heartbeat gives reason to tell."""
        found = [*self._gates(beat, now_ns), *self._storm(beat, now_ns), *self._disk(beat)]
        return [told for one in found if (told := self._let(one, now_ns)) is not None]

    def rest(self) -> list[Alert]:
        """The run is over: gates that wait for the interval, which is no longer waited for."""
        return self._of_gates() if "gate_failed" in self._settings.on else []

    def failed(self, error: str, now_ns: int) -> list[Alert]:
        """An error ends the run."""
        told = self._let(Alert("run_failed", f"the run was ended: {error}", {"error": error}), now_ns)
        return [] if told is None else [told]

    def _let(self, alert: Alert, now_ns: int) -> Alert | None:
        """The alert, if it may be told now."""
        kind = alert.kind
        if kind not in self._settings.on:
            return None
        if self._waits(kind, now_ns):
            self._suppressed[kind] = self._suppressed.get(kind, 0) + 1
            return None
        self._told_ns[kind] = now_ns
        return attrs.evolve(alert, suppressed=self._suppressed.pop(kind, 0))

    def _waits(self, kind: str, now_ns: int) -> bool:
        """Whether one of its kind was told so lately that the next one waits."""
        since_ns = self._told_ns.get(kind)
        return since_ns is not None and now_ns - since_ns < self._settings.min_interval_s * 1e9

    def _gates(self, beat: Beat, now_ns: int) -> list[Alert]:
        """Gates that have begun to fail, in one alert, when it may be told."""
        results = [
            one for one in judge_latency(beat.latency.report(stages=False), "RUN") if one.status == "FAIL"
        ]
        if beat.latency.heartbeats < MIN_LAGS:
            results = [one for one in results if one.name != "loop_lag_p99"]
        failing = {one.name: f"{one.name} {one.value} (limit {one.limit}): {one.text}" for one in results}
        gap_s = 0.0 if self._last_ns is None else (now_ns - self._last_ns) / 1e9
        self._last_ns = now_ns
        if gap_s > MAX_GAP_S:
            failing["heartbeat_gaps"] = f"heartbeat_gaps: no heartbeat for {gap_s:.1f} s"
        new = {name: text for name, text in failing.items() if name not in self._failed}
        self._failed |= new.keys()
        self._untold |= new
        return [] if self._waits("gate_failed", now_ns) else self._of_gates()

    def _of_gates(self) -> list[Alert]:
        told, self._untold = self._untold, {}
        return [Alert("gate_failed", "; ".join(told.values()), {"gates": list(told)})] if told else []

    def _storm(self, beat: Beat, now_ns: int) -> list[Alert]:
        recent = self._resyncs
        recent.append((now_ns, beat.resyncs))
        while recent[0][0] < now_ns - 60 * 10**9:
            recent.popleft()
        count = beat.resyncs - recent[0][1]
        if count < self._settings.resyncs:
            return []
        return [Alert("resync_storm", f"{count} resyncs of books within a minute", {"resyncs": count})]

    def _disk(self, beat: Beat) -> list[Alert]:
        host = beat.overall.get("host")
        if host is None or host["disk_free_bytes"] >= self._settings.disk_low_gib * GIB:
            return []
        free_gib = host["disk_free_bytes"] / GIB
        text = (
            f"{free_gib:.2f} GiB free where the run is written (alert below {self._settings.disk_low_gib:g})"
        )
        return [Alert("disk_low", text, host)]
