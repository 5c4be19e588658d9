"""The logs of fills and ticks of a run, from its chunks.

    Chunk -> each fill a line; of each symbol every 10th wake-up a line -> CalibrationLog

A line of ticks stands for the wake-ups since the one before it, and counts their quotes; what is left at the
end is one more line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

from mm_framework.calibrate.chunk import Chunk, Fetched, Filled, Tick
from mm_framework.calibrate.lines import FillLine, RunLine, TickLine, iso
from mm_framework.calibrate.log import CalibrationLog
from mm_framework.calibrate.window import Window

__all__ = ["FETCH", "Deadline", "RunLog", "RunName", "slip_bps"]

FETCH = "fetch_md"
"""The stage in which a wake-up waited for the market-data cache."""

_NO_FETCH = Fetched(hit=False, age_ns=None)
_NS_A_MS = 1e6


@attrs.frozen
class RunName:
    """What the line of a run says of it; see `lines.RunLine`."""

    run_id: str
    mode: Literal["live", "replay", "backtest"]
    digest: str | None = None


@attrs.frozen
class Deadline:
    """How long a wake-up may take, ms."""

    limit_ms: float

    def missed(self, tick: Tick) -> bool:
        """Whether it took longer, or waited for data in vain."""
        late = tick.total_ns is not None and tick.total_ns > self.limit_ms * _NS_A_MS
        return late or (tick.fetched is not None and tick.fetched.deadline_miss)


def slip_bps(fill: Filled) -> float | None:
    """What a fill cost against the mid when it was asked for, in basis points; negative is earned."""
    mid = fill.quote_mid
    return None if not mid else 1e4 * fill.side * (fill.price - mid) / mid


@attrs.define
class _Pending:
    """Wake-ups of a symbol since its last line; ``tick``: the latest."""

    tick: Tick
    ticks: int = 0
    quotes: int = 0


class RunLog:
    """Implements `chunk.ChunkObserver`. ``every``: wake-ups of a symbol for a line."""

    def __init__(self, log: CalibrationLog, run: RunName, deadline: Deadline, every: int = 10) -> None:
        self._log, self._run, self._deadline, self._every = log, run, deadline, every
        self._begun = False
        self._pending: dict[str, _Pending] = {}
        self._stages: dict[str, Window] = {}

    def on_chunk(self, chunk: Chunk) -> None:
        """See the contract. Raises what the disk refuses."""
        for tick in chunk.ticks:
            self._begin(tick.ts_ns)
            self._tick(tick)
        for fill in chunk.fills:
            self._begin(fill.ts_ns)
            self._log.add(_fill_line(fill))

    def close(self) -> None:
        """See the contract. Raises what the disk refuses."""
        for pending in self._pending.values():
            if pending.ticks:
                self._line(pending)
        self._log.close()

    def _begin(self, ts_ns: int) -> None:
        if not self._begun:
            self._begun = True
            run = self._run
            self._log.add(RunLine(ts_ns // 1_000_000, run.run_id, run.mode, run.digest))

    def _tick(self, tick: Tick) -> None:
        for stage, duration_ns in _stages(tick).items():
            if stage not in self._stages:
                self._stages[stage] = Window(ranked=True)
            self._stages[stage].add(tick.ts_ns, duration_ns / _NS_A_MS, False)
        pending = self._pending.get(tick.symbol)
        if pending is None:
            pending = self._pending[tick.symbol] = _Pending(tick)
        pending.tick = tick
        pending.ticks += 1
        pending.quotes += tick.quotes
        if pending.ticks == self._every:
            self._line(pending)

    def _line(self, pending: _Pending) -> None:
        tick, fetched = pending.tick, pending.tick.fetched or _NO_FETCH
        ts_ms = tick.ts_ns // 1_000_000
        line = TickLine(
            ts=ts_ms,
            ts_iso=iso(ts_ms),
            symbol=tick.symbol,
            stage_latencies={stage: _ms(ns) for stage, ns in _stages(tick).items()},
            stage_p95_ms={
                stage: round(p95, 4) for stage, one in self._stages.items() if (p95 := one.p95()) is not None
            },
            tick_total_ms=None if tick.total_ns is None else _ms(tick.total_ns),
            cache_hit=fetched.hit,
            cache_age_ms=None if fetched.age_ns is None else _ms(fetched.age_ns),
            used_stale=fetched.used_stale,
            deadline_miss=self._deadline.missed(tick),
            quotes=pending.quotes,
            ticks=pending.ticks,
        )
        self._log.add(line)
        pending.ticks = pending.quotes = 0


def _stages(tick: Tick) -> Mapping[str, int]:
    if tick.fetched is None or FETCH in tick.stages:
        return tick.stages
    return {**tick.stages, FETCH: tick.fetched.wait_ns}


def _fill_line(fill: Filled) -> FillLine:
    ts_ms = fill.ts_ns // 1_000_000
    spread, mid = fill.quote_spread, fill.quote_mid
    slip = slip_bps(fill)
    return FillLine(
        ts=ts_ms,
        ts_iso=iso(ts_ms),
        symbol=fill.symbol,
        side="BUY" if fill.side > 0 else "SELL",
        price=fill.price,
        qty=fill.size,
        maker=fill.maker,
        taker=not fill.maker,
        queue_pos_est=fill.ahead,
        quote_price=fill.quote_price,
        mid_at_quote=mid,
        mid_now=fill.mid,
        spread_at_quote_bps=None if spread is None or not mid else round(1e4 * spread / mid, 6),
        latency_ms=_ms(fill.latency_ns),
        slip_bps=None if slip is None else round(slip, 6),
        fee=fill.fee,
    )


def _ms(duration_ns: int) -> float:
    return round(duration_ns / _NS_A_MS, 4)
