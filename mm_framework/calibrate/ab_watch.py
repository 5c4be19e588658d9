"""An A/B test fed with the chunks of a run: its gates act after the chunk that trips them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from heapq import merge
from operator import attrgetter

from mm_framework.calibrate.ab import METRICS, AbFill, AbRun, Rollback
from mm_framework.calibrate.chunk import Chunk, Filled, Tick
from mm_framework.calibrate.families import Family, Row
from mm_framework.calibrate.run_log import Deadline, slip_bps

__all__ = ["AbWatch"]

_BY_TIME = attrgetter("ts_ns")


class AbWatch:
    """Implements `chunk.ChunkObserver`. ``acted`` is called once, when a gate acts; ``ended`` at the end."""

    def __init__(
        self,
        run: AbRun,
        deadline: Deadline,
        *,
        acted: Callable[[Rollback], object] = lambda rollback: None,
        ended: Callable[[AbRun], object] = lambda run: None,
    ) -> None:
        self.run, self._deadline, self._acted, self._ended = run, deadline, acted, ended
        self._told = False

    def on_chunk(self, chunk: Chunk) -> None:
        """See the contract."""
        events: Iterable[Tick | Filled] = merge(chunk.ticks, chunk.fills, key=_BY_TIME)
        for event in events if chunk.fills else chunk.ticks:
            if isinstance(event, Filled):
                self.run.on_fill(_fill(event))
            else:
                self._tick(event)
        if self.run.rollback is not None and not self._told:
            self._told = True
            self._acted(self.run.rollback)

    def close(self) -> None:
        """See the contract."""
        self._ended(self.run)

    def families(self) -> Iterable[Family]:
        """What the page of metrics shows of the test: `families.Source`."""
        run = self.run
        gates = run.gates.values()
        yield Family("mm_ab_rollback", "Whether everything is back in A", [Row(float(run.rolled_back))])
        yield Family(
            "mm_ab_gate_tripped",
            "Whether a gate acted",
            [Row(float(gate.tripped_ms is not None), {"gate": gate.name}) for gate in gates],
        )
        yield Family(
            "mm_ab_gate_violations_total",
            "Looks, one a second, that found a gate violated",
            [Row(gate.violations, {"gate": gate.name}) for gate in gates],
            kind="counter",
        )
        metrics = {bucket: stats.metrics() for bucket, stats in run.stats.items()}
        for name in METRICS:
            rows = [Row(values[name], {"bucket": bucket}) for bucket, values in metrics.items()]
            yield Family(f"mm_ab_{name}", f"{name} of a side of the A/B test", rows)

    def _tick(self, tick: Tick) -> None:
        total_ms = math.nan if tick.total_ns is None else tick.total_ns / 1e6
        miss = self._deadline.missed(tick)
        self.run.on_tick(tick.ts_ns // 1_000_000, tick.symbol, total_ms, miss=miss, quotes=tick.quotes)


def _fill(fill: Filled) -> AbFill:
    mid = fill.mid if fill.mid is not None else fill.quote_mid
    slip = slip_bps(fill)
    return AbFill(
        ts_ms=fill.ts_ns // 1_000_000,
        symbol=fill.symbol,
        signed=fill.side * fill.size,
        price=fill.price,
        mid=fill.price if mid is None else mid,
        fee=fill.fee,
        slip_bps=math.nan if slip is None else slip,
        taker=not fill.maker,
    )
