"""An A/B test while it runs: six metrics a bucket, four safety gates on event time, a latch. Pure.

    on_tick, on_fill, on_quotes -> the bucket of the symbol -> `look`, once a second of event time
        -> each gate: violated, clear, or too little data -> violated for 600 s without a break: rollback

In mode ``dry`` it tells what it would do; ``online`` every symbol is in A from the rollback on, for good.
A gate is an alarm and no test: see ``AbSettings.z`` for what keeps an A/A run quiet.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final, Literal

import attrs

from mm_framework.calibrate.ab_settings import AbSettings
from mm_framework.calibrate.routing import Bucket, Routing
from mm_framework.calibrate.window import Window

__all__ = ["GATES", "METRICS", "AbFill", "AbRun", "BucketStats", "GateState", "Rollback"]

METRICS: Final = (
    "net_bps",
    "slippage_bps",
    "fill_rate",
    "taker_share",
    "tick_total_p95",
    "deadline_miss_rate",
)
GATES: Final[Mapping[str, str]] = {
    "slippage_degradation": "slippage_bps",
    "taker_share_increase": "taker_share",
    "latency_regression": "tick_total_p95",
    "deadline_miss_spike": "deadline_miss_rate",
}
"""A gate and the metric that it watches."""

_LOOK_MS: Final = 1000


@attrs.frozen
class AbFill:
    """A fill at an event time. ``signed``: + bought, - sold; ``mid``: just before it; ``slip_bps``: cost, NaN
    where nobody knows.
    """

    ts_ms: int
    symbol: str
    signed: float
    price: float
    mid: float
    fee: float
    slip_bps: float
    taker: bool


@attrs.define
class BucketStats:
    """What one bucket did. Profit, turnover and fill rate are of the whole run, the others of the window.

    ``ticks``: durations, flagged where the deadline was missed; one that nobody measured is NaN. ``trades``:
    slippage of fills, flagged where it was a taker's.
    """

    ticks: Window = attrs.field(factory=lambda: Window(ranked=True))
    trades: Window = attrs.field(factory=Window)
    fills: int = 0
    quotes: int = 0
    profit: float = 0.0
    turnover: float = 0.0
    _accounts: dict[str, tuple[float, float]] = attrs.field(factory=dict)

    def add_fill(self, fill: AbFill) -> None:
        """A fill; the position before it is marked at its mid."""
        position, before = self._accounts.get(fill.symbol, (0.0, fill.mid))
        held, made = position * (fill.mid - before), fill.signed * (fill.mid - fill.price)
        self.profit += held + made - fill.fee
        self._accounts[fill.symbol] = (position + fill.signed, fill.mid)
        self.turnover += abs(fill.signed) * fill.price
        self.fills += 1
        self.trades.add(fill.ts_ms, fill.slip_bps, fill.taker)

    def forget(self, before_ms: int) -> None:
        """Leave out of the windows what is older."""
        self.ticks.forget(before_ms)
        self.trades.forget(before_ms)

    def metrics(self) -> dict[str, float | None]:
        """The six of `METRICS`; null without data."""
        return {
            "net_bps": 1e4 * self.profit / self.turnover if self.turnover else None,
            "slippage_bps": self.trades.mean,
            "fill_rate": self.fills / self.quotes if self.quotes else None,
            "taker_share": self.trades.share,
            "tick_total_p95": self.ticks.p95(),
            "deadline_miss_rate": self.ticks.share,
        }

    @property
    def nbytes(self) -> int:
        """The memory of the windows."""
        return self.ticks.nbytes + self.trades.nbytes


@attrs.define
class GateState:
    """``since_ms``: from when on it is violated without a break, None while it is not. ``violations``: looks
    that found it violated; ``looks``: those that had data. ``tripped_ms``: when it acted.
    """

    name: str
    since_ms: int | None = None
    violations: int = 0
    looks: int = 0
    tripped_ms: int | None = None


@attrs.frozen
class Rollback:
    """A gate acted: when, which, and what the two sides showed."""

    ts_ms: int
    gate: str
    a: float
    b: float


class AbRun:
    """A test with its symbols. Event times must not go back."""

    def __init__(self, routing: Routing, settings: AbSettings | None = None) -> None:
        self.routing, self.settings = routing, settings or AbSettings()
        self.stats: dict[Bucket, BucketStats] = {"A": BucketStats(), "B": BucketStats()}
        self.gates = {name: GateState(name) for name in GATES}
        self.rollback: Rollback | None = None
        self.assigned: dict[str, Bucket] = {}
        self.started_ms: int | None = None
        self.ended_ms: int | None = None
        self._next_ms = 0
        self._judges: Mapping[str, Callable[[], tuple[float, float, bool] | None]] = {
            "slippage_degradation": self._slippage,
            "taker_share_increase": self._taker_share,
            "latency_regression": self._latency,
            "deadline_miss_spike": self._misses,
        }

    @property
    def rolled_back(self) -> bool:
        """Every symbol is in A for good; nothing more is counted."""
        return self.rollback is not None and self.settings.mode == "online"

    def bucket(self, symbol: str) -> Bucket:
        """Where a symbol is now: in A, once there was a rollback online."""
        if self.rolled_back:
            return "A"
        found = self.assigned.get(symbol)
        if found is None:
            found = self.assigned[symbol] = self.routing.bucket(symbol)
        return found

    def on_tick(self, ts_ms: int, symbol: str, total_ms: float, *, miss: bool, quotes: int = 0) -> None:
        """A wake-up at an event time; the gates are looked at once a second. ``total_ms``: NaN if unknown."""
        if self.rolled_back:
            self.ended_ms = ts_ms
            return
        stats = self.stats[self.bucket(symbol)]
        stats.ticks.add(ts_ms, total_ms, miss)
        stats.quotes += quotes
        if ts_ms >= self._next_ms:
            self.look(ts_ms)

    def on_fill(self, fill: AbFill) -> None:
        """A fill."""
        if self.rolled_back:
            self.ended_ms = fill.ts_ms
            return
        self.stats[self.bucket(fill.symbol)].add_fill(fill)
        if fill.ts_ms >= self._next_ms:
            self.look(fill.ts_ms)

    def look(self, ts_ms: int) -> None:
        """Judge all gates at an event time."""
        self.started_ms = ts_ms if self.started_ms is None else self.started_ms
        self.ended_ms, self._next_ms = ts_ms, ts_ms + _LOOK_MS
        if self.rollback is not None:
            return
        for stats in self.stats.values():
            stats.forget(ts_ms - self.settings.window_sec * 1000)
        for name, judge in self._judges.items():
            found = judge()
            if found is not None:
                self._judged(ts_ms, self.gates[name], *found)

    def _judged(self, ts_ms: int, gate: GateState, a: float, b: float, violated: bool) -> None:
        gate.looks += 1
        if not violated:
            gate.since_ms = None
            return
        gate.violations += 1
        gate.since_ms = ts_ms if gate.since_ms is None else gate.since_ms
        if ts_ms - gate.since_ms >= self.settings.duration_sec * 1000 and self.rollback is None:
            gate.tripped_ms = ts_ms
            self.rollback = Rollback(ts_ms, gate.name, a, b)

    def _sides(self, name: Literal["ticks", "trades"]) -> tuple[Window, Window]:
        a, b = (getattr(self.stats[bucket], name) for bucket in ("A", "B"))
        return a, b

    def _few(self, a: int, b: int) -> bool:
        return min(a, b) < self.settings.min_samples

    def _slippage(self) -> tuple[float, float, bool] | None:
        a, b = self._sides("trades")
        if a.mean is None or b.mean is None or self._few(a.known, b.known):
            return None
        noise = self.settings.z * math.hypot(a.mean_error(), b.mean_error())
        return a.mean, b.mean, b.mean > a.mean and b.mean - a.mean > noise

    def _taker_share(self) -> tuple[float, float, bool] | None:
        a, b = self._sides("trades")
        if a.share is None or b.share is None or self._few(len(a), len(b)):
            return None
        noise = self.settings.z * math.hypot(a.share_error(), b.share_error())
        worse = b.share > a.share + self.settings.taker_share_step
        return a.share, b.share, worse and b.share - a.share > noise

    def _latency(self) -> tuple[float, float, bool] | None:
        a, b = self._sides("ticks")
        first, second = a.p95(), b.p95()
        if first is None or second is None or self._few(a.known, b.known):
            return None
        noise = self.settings.z * math.hypot(a.p95_error(), b.p95_error())
        return first, second, second > self.settings.latency_factor * first and second - first > noise

    def _misses(self) -> tuple[float, float, bool] | None:
        a, b = self._sides("ticks")
        if a.share is None or b.share is None or self._few(len(a), len(b)):
            return None
        over = b.share - self.settings.deadline_miss_limit
        return a.share, b.share, over > 0 and over > self.settings.z * b.share_error()
