"""Checks of a day that warn: prices that jump, spreads and sizes far from usual, best prices that stand
still, ages. They take no data out on their own, except that a day of unsafe ages fails.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from mm_framework.contracts.qa_check import Finding, QABatch
from mm_framework.model.events import NULL, Kind, RowFlag
from mm_framework.model.fixed import parse
from mm_framework.model.instrument import Definition
from mm_framework.quality.check_settings import LatencyLimits, SpikeLimits, StaleLimits, WidthLimits

__all__ = ["LatencyRegime", "Spikes", "Stale", "Widths"]

Rows = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]

_S: Final = 10**9
MAX_TOLD: Final = 1000
"""Findings of one check that are told one by one."""


class Spikes:
    """Mid prices that jump far and come back at once."""

    name = "spike"

    def __init__(self, limits: SpikeLimits) -> None:
        self._limits = limits
        self._times: list[npt.NDArray[np.int64]] = []
        self._mids: list[Floats] = []

    def take(self, batch: QABatch) -> None:
        """See `QACheck`."""
        tops = _two_sided(batch.tops)
        step = _tick(batch.definition, tops)
        self._times.append(tops["ts_recv_ns"].astype(np.int64))
        self._mids.append((tops["bid"].astype(np.float64) + tops["ask"]) / (2 * step))

    def findings(self) -> list[Finding]:
        """See `QACheck`."""
        times = np.concatenate([np.empty(0, np.int64), *self._times])
        mids = np.concatenate([np.empty(0), *self._mids])
        changes = np.diff(mids)
        moved = np.abs(changes[changes != 0])
        if not len(moved):
            return []
        limit = max(self._limits.deviations * float(np.median(moved)), self._limits.ticks)
        found = []
        for place in np.flatnonzero(np.abs(changes) > limit).tolist():
            end = int(
                np.searchsorted(times, times[place + 1] + round(self._limits.within_s * _S), side="right")
            )
            back = np.abs(mids[place + 1 : end] - mids[place]) <= abs(changes[place]) / 2
            if back.any():
                until = int(times[place + 1 + int(np.argmax(back))])
                numbers = {"ticks": abs(float(changes[place])), "limit": limit}
                start = int(times[place + 1])
                found.append(Finding(self.name, "WARN", self.name, start, max(until, start + 1), numbers))
        return found[:MAX_TOLD]


class Widths:
    """Spreads and best sizes of more than so many times their running median."""

    name = "width"

    def __init__(self, limits: WidthLimits) -> None:
        self._limits = limits
        self._parts: list[Rows] = []

    def take(self, batch: QABatch) -> None:
        """See `QACheck`."""
        tops = _two_sided(batch.tops)
        spread = tops["ask"] - tops["bid"]
        size = np.maximum(_told(tops["bid_size"]), _told(tops["ask_size"]))
        self._parts.append(np.stack([tops["ts_recv_ns"], spread, size], axis=1).astype(np.float64))

    def findings(self) -> list[Finding]:
        """See `QACheck`."""
        values = np.concatenate([np.empty((0, 3)), *self._parts])
        window, found = self._limits.window, []
        for start in range(window, len(values), window):
            usual = np.median(values[start - window : start, 1:], axis=0)
            some = values[start : start + window]
            for column, flag in ((0, "spread"), (1, "size")):
                limit = float(usual[column]) * self._limits.times_median
                wide = np.flatnonzero(some[:, column + 1] > limit)
                if limit > 0 and len(wide):
                    first, last = int(some[wide[0], 0]), int(some[wide[-1], 0])
                    numbers = {
                        "count": len(wide),
                        "max_times_median": float(some[wide, column + 1].max() / usual[column]),
                        "limit": self._limits.times_median,
                    }
                    found.append(Finding(self.name, "WARN", flag, first, last + 1, numbers))
        return found[:MAX_TOLD]


class Stale:
    """Best prices that do not change while trades print outside of them."""

    name = "stale"

    def __init__(self, limits: StaleLimits) -> None:
        self._limits = limits
        self._last: Rows | None = None
        self._outside = 0
        self._found: list[Finding] = []

    def take(self, batch: QABatch) -> None:
        """See `QACheck`."""
        rows = batch.rows
        prints = rows[(rows["kind"] == Kind.TRADE) & (rows["flags"] & RowFlag.SNAPSHOT == 0)]
        tops = batch.tops if self._last is None else np.concatenate([self._last, batch.tops])
        if not len(tops):
            return
        # The best prices of each print are the last ones before it.
        places = np.searchsorted(tops["ts_recv_ns"], prints["ts_recv_ns"], side="right") - 1
        prints, places = prints[places >= 0], places[places >= 0]
        bid, ask = tops["bid"][places], tops["ask"][places]
        beyond = ((prints["price"] < bid) & (bid != NULL)) | ((prints["price"] > ask) & (ask != NULL))
        outside = np.bincount(places[beyond], minlength=len(tops))
        outside[0] += self._outside
        self._look(tops, outside)
        self._last, self._outside = np.array(tops[-1:]), int(outside[-1])

    def findings(self) -> list[Finding]:
        """See `QACheck`."""
        return self._found[:MAX_TOLD]

    def _look(self, tops: Rows, outside: npt.NDArray[np.int64]) -> None:
        times, limits = tops["ts_recv_ns"], self._limits
        still = np.diff(times) / _S
        stale = (still > limits.after_s) & (outside[:-1] >= limits.trades) & tops["trusted"][:-1]
        for place in np.flatnonzero(stale).tolist():
            numbers = {"seconds": float(still[place]), "trades": int(outside[place]), "limit": limits.after_s}
            start, end = int(times[place]), int(times[place + 1])
            self._found.append(Finding(self.name, "WARN", self.name, start, end, numbers))


class LatencyRegime:
    """How old best prices were when they came, by the venue's clock."""

    name = "latency"

    def __init__(self, limits: LatencyLimits) -> None:
        self._limits = limits
        self._count = self._normal = self._unsafe = self._negative = 0

    def take(self, batch: QABatch) -> None:
        """See `QACheck`."""
        ages = batch.age_ms[~np.isnan(batch.age_ms)]
        self._count += len(ages)
        self._normal += int(np.count_nonzero(ages <= self._limits.normal_max_ms))
        self._unsafe += int(np.count_nonzero(ages > self._limits.degraded_max_ms))
        self._negative += int(np.count_nonzero(ages < -self._limits.negative_ms))

    def findings(self) -> list[Finding]:
        """See `QACheck`."""
        if not self._count:
            return []
        limits, count = self._limits, self._count
        unsafe, normal, negative = self._unsafe / count, self._normal / count, self._negative / count
        numbers: dict[str, int | float] = {"unsafe": unsafe, "normal": normal, "negative": negative}
        found = []
        if unsafe > limits.unsafe_share_fail:
            numbers_of = {**numbers, "limit": limits.unsafe_share_fail}
            found.append(Finding(self.name, "FAIL", "unsafe_ages", None, None, numbers_of))
        elif unsafe >= limits.unsafe_share_max or normal <= limits.normal_share_min:
            found.append(Finding(self.name, "WARN", "slow_ages", None, None, numbers))
        if negative > limits.negative_share_warn:
            found.append(Finding(self.name, "WARN", "clock_offset", None, None, numbers))
        return found


def _two_sided(tops: Rows) -> Rows:
    """Those best prices that were the venue's, have both sides and are not crossed."""
    both = (tops["bid"] != NULL) & (tops["ask"] != NULL)
    return np.asarray(tops[both & tops["trusted"] & (tops["ask"] >= tops["bid"])])


def _told(sizes: Rows) -> Rows:
    return np.where(sizes == NULL, 0, sizes)


def _tick(definition: Definition, tops: Rows) -> int:
    """The tick at the definition's scale; the grid of the prices where none is told."""
    if definition.tick_size is not None:
        return max(1, parse(definition.tick_size, definition.price_scale))
    if definition.price_decimals is not None:
        return int(10 ** max(0, definition.price_scale - definition.price_decimals))
    return max(1, int(np.gcd.reduce(np.concatenate([tops["bid"], tops["ask"]]), initial=0)))
