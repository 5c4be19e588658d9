"""The shadow gate: did a run of an hour, which acted on nothing, meet the limits of its cache and its ticks?

evidence = gather(feeds, run)        the log of ticks of a run, or of a whole folder
results = judge(evidence)            one verdict each, as those of `bundle.audit`
"""

from __future__ import annotations

import math
from array import array
from pathlib import Path
from typing import Final

import attrs
import msgspec

from mm_framework.bundle.audit import GateResult
from mm_framework.calibrate.lines import RUNS, TICKS, RunLine, iso, read
from mm_framework.errors import StoreError

__all__ = ["ShadowEvidence", "gather", "judge"]

LEAST_MINUTES: Final = 60.0
LEAST_HIT_RATIO: Final = 0.7
FETCH_P95_MS: Final = 35.0
TOTAL_P95_MS: Final = 150.0
MISS_RATE: Final = 0.02

_FOREVER: Final = 2**63


class _Stages(msgspec.Struct, frozen=True):
    fetch_md: float | None = None


class _Tick(msgspec.Struct, frozen=True):
    ts: int
    stage_latencies: _Stages
    tick_total_ms: float | None
    cache_hit: bool
    cache_age_ms: float | None
    deadline_miss: bool


@attrs.define
class ShadowEvidence:
    """What a log of ticks says. ``fetched``: lines with a stage ``fetch_md``, ``hits``: hits of these."""

    folder: Path
    run: str | None
    lines: int = 0
    unreadable: int = 0
    first_ms: int = _FOREVER
    last_ms: int = 0
    fetched: int = 0
    hits: int = 0
    misses: int = 0
    fetch_ms: array[float] = attrs.field(factory=lambda: array("d"))
    total_ms: array[float] = attrs.field(factory=lambda: array("d"))

    @property
    def minutes(self) -> float:
        """From the first line to the last."""
        return (self.last_ms - self.first_ms) / 60_000 if self.lines else 0.0

    def add(self, tick: _Tick) -> None:
        """A line."""
        self.lines += 1
        self.first_ms, self.last_ms = min(self.first_ms, tick.ts), max(self.last_ms, tick.ts)
        self.misses += tick.deadline_miss
        if tick.tick_total_ms is not None:
            self.total_ms.append(tick.tick_total_ms)
        if tick.stage_latencies.fetch_md is not None:
            self.fetched += 1
            self.hits += tick.cache_hit
            self.fetch_ms.append(tick.stage_latencies.fetch_md)


def gather(folder: Path, run: str | None = None) -> ShadowEvidence:
    """Read the log of ticks below a folder, of one run or of all. Raises StoreError where there is none."""
    files = sorted(folder.glob(f"{TICKS}_????????.jsonl"))
    if not files:
        raise StoreError(
            f"{folder} has no {TICKS}_YYYYMMDD.jsonl: run with --calibration-logs, or name its folder with"
            " --calibration-feeds-dir",
            path=folder,
        )
    first_ms, end_ms = (0, _FOREVER) if run is None else _range(folder, run)
    found = ShadowEvidence(folder, run)
    for path in files:
        try:
            with path.open("rb") as lines:
                for tick in read(lines, _Tick):
                    if tick is None:
                        found.unreadable += 1
                    elif first_ms <= tick.ts < end_ms:
                        found.add(tick)
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error.strerror or error}", path=path) from error
    return found


def _range(folder: Path, run: str) -> tuple[int, int]:
    """When a run logged: from its line among the runs until the next one begins."""
    path = folder / RUNS
    lines = path.read_bytes().splitlines() if path.is_file() else []
    runs = [one for one in read(lines, RunLine) if one is not None]
    places = [place for place, one in enumerate(runs) if one.run_id == run]
    if not places:
        names = ", ".join(sorted({one.run_id for one in runs})) or "none"
        raise StoreError(f"{path} names no run {run!r}; it names {names}", path=path)
    begun = runs[places[-1]].ts
    later = [one.ts for one in runs[places[-1] + 1 :] if one.ts > begun]
    return begun, min(later, default=_FOREVER)


def judge(evidence: ShadowEvidence) -> list[GateResult]:
    """The verdicts of the profile ``shadow``."""
    one = evidence
    told = f"{one.lines} lines" + (f" from {iso(one.first_ms)} to {iso(one.last_ms)}" if one.lines else "")
    return [
        _gate(one, "minutes", round(one.minutes, 3), LEAST_MINUTES, one.minutes >= LEAST_MINUTES, told),
        _at_least(one, "hit_ratio", one.hits / one.fetched if one.fetched else None, LEAST_HIT_RATIO),
        _at_most(one, "fetch_md_p95_ms", _p95(one.fetch_ms), FETCH_P95_MS, "no line has a stage fetch_md"),
        _at_most(one, "tick_total_p95_ms", _p95(one.total_ms), TOTAL_P95_MS, "no clock ran: a replay?"),
        _misses(one),
    ]


def _at_least(one: ShadowEvidence, name: str, value: float | None, limit: float) -> GateResult:
    text = f"{one.hits} of {one.fetched} looks" if value is not None else "the market-data cache was off"
    return _gate(one, name, value, limit, value is not None and value >= limit, text)


def _at_most(one: ShadowEvidence, name: str, value: float | None, limit: float, nothing: str) -> GateResult:
    text = nothing if value is None else "of all lines that tell it"
    return _gate(one, name, value, limit, value is not None and value <= limit, text)


def _misses(one: ShadowEvidence) -> GateResult:
    value = one.misses / one.lines if one.lines else None
    text = f"{one.misses} of {one.lines} lines missed their deadline"
    return _gate(one, "deadline_miss_rate", value, MISS_RATE, value is not None and value < MISS_RATE, text)


def _gate(
    one: ShadowEvidence, name: str, value: float | None, limit: float, good: bool, text: str
) -> GateResult:
    shown = None if value is None else round(value, 6)
    return GateResult(name, "PASS" if good else "FAIL", shown, limit, text, f"{one.folder}/{TICKS}_*.jsonl")


def _p95(numbers: array[float]) -> float | None:
    """Nearest rank."""
    return sorted(numbers)[math.ceil(0.95 * len(numbers)) - 1] if numbers else None
