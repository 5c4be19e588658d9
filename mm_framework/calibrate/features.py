"""Ten features of a symbol, kept along with its wake-ups and fills in O(1) a sample. Pure.

    features = SymbolFeatures(settings, alpha)
    features.gap(...), features.fill(...), features.tick(...)      in order of event time
    features.values()                                              name -> number, None while unknown

| feature | what |
| --- | --- |
| vol_realized | realised volatility of the mid, bps a square root of a second, on a grid of `sample_s` |
| liq_top_depth | best bid + best ask size |
| latency_p95 | ms, nearest rank, of the last 1000 wake-ups that were measured |
| pnl_dev | distance of profit (bps of turnover, after fees, at mid) from `pnl_target_bps` |
| fill_rate | fills / quotes of the last 1000 wake-ups with either, at most 1 |
| taker_share | share of takers of the last 1000 fills |
| queue_absorb_rate | size a second by which the queue before our oldest order gets shorter |
| queue_eta_ms | size ahead / absorb rate |
| slippage_bps | signed: positive is cost, against the mid at the decision |
| adverse_move_bps | signed: positive hurts, from the mid of a fill to the last one of its horizon |

All but the latency and the two shares are moving averages (`alpha` a sample, the first one begins them).
"""

from __future__ import annotations

import math
from array import array
from collections import deque
from typing import Final, NamedTuple

import attrs

from mm_framework.calibrate.chunk import Filled, Tick
from mm_framework.calibrate.ranked import WINDOW, Ranked
from mm_framework.calibrate.settings import CollectorSettings

__all__ = ["FEATURES", "SymbolFeatures"]

FEATURES: Final = (
    "vol_realized",
    "liq_top_depth",
    "latency_p95",
    "pnl_dev",
    "fill_rate",
    "taker_share",
    "queue_absorb_rate",
    "queue_eta_ms",
    "slippage_bps",
    "adverse_move_bps",
)

_MAX_PENDING: Final = 250
"""Fills that wait for their horizon; beyond that the oldest one is let go."""


class _Ema:
    """x <- alpha new + (1 - alpha) x; the first value begins it."""

    __slots__ = ("_alpha", "value")

    def __init__(self, alpha: float) -> None:
        self._alpha = alpha
        self.value: float | None = None

    def add(self, new: float) -> None:
        self.value = new if self.value is None else self.value + self._alpha * (new - self.value)


class _Ratio:
    """Sums of the last samples of two counts, and their ratio."""

    __slots__ = ("_next", "_parts", "_wholes", "part", "whole")

    def __init__(self) -> None:
        self._parts, self._wholes, self._next = array("i"), array("i"), 0
        self.part = self.whole = 0

    def add(self, part: int, whole: int) -> None:
        self.part += part
        self.whole += whole
        if len(self._parts) < WINDOW:
            self._parts.append(part)
            self._wholes.append(whole)
            return
        place = self._next
        self.part -= self._parts[place]
        self.whole -= self._wholes[place]
        self._parts[place], self._wholes[place] = part, whole
        self._next = (place + 1) % WINDOW

    def value(self) -> float | None:
        return min(1.0, self.part / self.whole) if self.whole > 0 else None


class _Pending(NamedTuple):
    """A fill that waits for the end of its horizon."""

    due_ns: int
    side: int
    mid: float


@attrs.define
class _Account:
    """Profit since the start, marked at the mid."""

    position: float = 0.0
    cash: float = 0.0
    turnover: float = 0.0

    def add(self, fill: Filled) -> None:
        signed = fill.side * fill.size
        self.position += signed
        self.cash -= signed * fill.price + fill.fee
        self.turnover += fill.size * fill.price

    def net_bps(self, mid: float | None) -> float | None:
        if not self.turnover or (mid is None and self.position):
            return None
        return 1e4 * (self.cash + self.position * (mid or 0.0)) / self.turnover


class SymbolFeatures:
    """``total_ticks``, ``fills``, ``maker_fills``, ``taker_fills`` count from the start."""

    def __init__(self, settings: CollectorSettings, alpha: float) -> None:
        self._target_bps = settings.pnl_target_bps
        self._grid_ns = round(settings.sample_s * 1e9)
        self._horizon_ns = round(settings.adverse_horizon_s * 1e9)
        self.total_ticks = self.fills = self.maker_fills = self.taker_fills = 0
        self._account = _Account()
        self._mid: float | None = None
        self._sampled: tuple[int, float] | None = None
        self._variance, self._depth, self._pnl_dev = _Ema(alpha), _Ema(alpha), _Ema(alpha)
        self._absorbed, self._elapsed, self._eta = _Ema(alpha), _Ema(alpha), _Ema(alpha)
        self._slippage, self._adverse = _Ema(alpha), _Ema(alpha)
        self._latency, self._fill_rate, self._takers = Ranked(), _Ratio(), _Ratio()
        self._new_fills = 0
        self._queue: tuple[tuple[str, int], float, int] | None = None
        self._pending: deque[_Pending] = deque(maxlen=_MAX_PENDING)

    def gap(self) -> None:
        """The market was not trusted: nothing is compared across that."""
        self._mid = self._sampled = self._queue = None
        self._pending.clear()

    def fill(self, fill: Filled) -> None:
        """A fill; those of one moment come before its wake-up."""
        self.fills += 1
        self.maker_fills += fill.maker
        self.taker_fills += not fill.maker
        self._new_fills += 1
        self._takers.add(not fill.maker, 1)
        self._account.add(fill)
        if fill.quote_mid:
            self._slippage.add(1e4 * fill.side * (fill.price - fill.quote_mid) / fill.quote_mid)
        if fill.mid:
            self._settle_horizons(fill.ts_ns - 1)
            self._pending.append(_Pending(fill.ts_ns + self._horizon_ns, fill.side, fill.mid))

    def tick(self, tick: Tick) -> None:
        """A wake-up."""
        self.total_ticks += 1
        self._settle_horizons(tick.ts_ns - 1)
        if tick.bid is not None and tick.ask is not None and 0 < tick.bid <= tick.ask:
            self._mid = (tick.bid + tick.ask) / 2
            self._sample(tick.ts_ns, self._mid)
        if tick.bid_size is not None and tick.ask_size is not None:
            self._depth.add(tick.bid_size + tick.ask_size)
        if tick.total_ns is not None:
            self._latency.add(tick.total_ns / 1e6)
        if tick.quotes or self._new_fills:
            self._fill_rate.add(self._new_fills, tick.quotes)
            self._new_fills = 0
        self._see_queue(tick)
        net_bps = self.net_bps
        if net_bps is not None:
            self._pnl_dev.add(abs(net_bps - self._target_bps))
        self._settle_horizons(tick.ts_ns)

    @property
    def net_bps(self) -> float | None:
        """Profit since the start after fees, at the last mid, in bps of turnover; None without fills."""
        return self._account.net_bps(self._mid)

    def values(self) -> dict[str, float | None]:
        """The ten of `FEATURES`."""
        variance = self._variance.value
        return {
            "vol_realized": None if variance is None else 1e4 * math.sqrt(variance),
            "liq_top_depth": self._depth.value,
            "latency_p95": self._latency.p95(),
            "pnl_dev": self._pnl_dev.value,
            "fill_rate": self._fill_rate.value(),
            "taker_share": self._takers.value(),
            "queue_absorb_rate": self._absorb_rate(),
            "queue_eta_ms": self._eta.value,
            "slippage_bps": self._slippage.value,
            "adverse_move_bps": self._adverse.value,
        }

    def _sample(self, now_ns: int, mid: float) -> None:
        """The mid on the grid: the first one at or after each of its points."""
        if self._sampled is None:
            self._sampled = (now_ns, mid)
            return
        then_ns, then = self._sampled
        if now_ns // self._grid_ns > then_ns // self._grid_ns:
            self._variance.add(math.log(mid / then) ** 2 / ((now_ns - then_ns) / 1e9))
            self._sampled = (now_ns, mid)

    def _see_queue(self, tick: Tick) -> None:
        """How much shorter the queue before one and the same order has become."""
        before, self._queue = self._queue, None
        if tick.order is None or tick.ahead is None:
            return
        self._queue = (tick.order, tick.ahead, tick.ts_ns)
        if before is not None and before[0] == tick.order and tick.ts_ns > before[2]:
            self._absorbed.add(max(0.0, before[1] - tick.ahead))
            self._elapsed.add((tick.ts_ns - before[2]) / 1e9)
        rate = self._absorb_rate()
        if rate:
            self._eta.add(1000 * tick.ahead / rate)

    def _absorb_rate(self) -> float | None:
        absorbed, elapsed = self._absorbed.value, self._elapsed.value
        return None if absorbed is None or not elapsed else absorbed / elapsed

    def _settle_horizons(self, now_ns: int) -> None:
        """Fills whose horizon ends by now: the mid is the last one until then."""
        while self._pending and self._pending[0].due_ns <= now_ns:
            fill = self._pending.popleft()
            if self._mid is not None:
                self._adverse.add(1e4 * fill.side * (fill.mid - self._mid) / fill.mid)
