"""How late an event loop was: what the benchmark makes of what it saw, and that it sees it."""

from __future__ import annotations

import asyncio
import importlib
import os
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "sysconf"), reason="the benchmark reads /proc")


def test_percentiles_are_of_each_timer_after_the_first_seconds(tmp_path: Path) -> None:
    bench = importlib.import_module("run_four_venues")
    looks = tmp_path / "looks"
    lines = ["4.9 9.0", *(f"{5 + n / 100} {n / 10_000}" for n in range(1, 201)), "7.5 9.0"]
    looks.write_text("\n".join(lines) + "\n")
    told = bench.timer_lag_ms(looks, end_s=7.2)
    assert told == {"timers": 200, "p50": 10.0, "p99": 19.8, "max": 20.0, "over_10_ms": 0.5}


def test_a_loop_that_is_held_up_comes_late_to_its_timer() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        while len(watch.loops[-1].seen) < 3:
            await asyncio.sleep(0)
        begin_s = loop.time()
        time.sleep(0.2)
        held.append(loop.time() - begin_s)
        while watch.loops[-1].seen[-1][0] + start_s < begin_s:
            await asyncio.sleep(0)

    watch, held = importlib.import_module("watched_capture").Watch(), list[float]()
    with asyncio.Runner(loop_factory=watch.new_event_loop) as runner:
        start_s = runner.get_loop().time()
        runner.run(main())
    late_s = max(late_s for _, late_s in watch.loops[-1].seen)
    assert late_s >= held[0] - 0.02


@pytest.mark.parametrize(("count", "p99"), [(40, 40.0), (200, 198.0)])
def test_of_few_heartbeats_the_p99_is_the_worst(
    monkeypatch: pytest.MonkeyPatch, count: int, p99: float
) -> None:
    bench = importlib.import_module("run_four_venues")
    beats = [{"event": "heartbeat", "mono_ns": 0, "loop_lag_ms": 9e9}]
    beats += [
        {"event": "heartbeat", "mono_ns": (n + 10) * 10**9, "loop_lag_ms": float(n)}
        for n in range(1, count + 1)
    ]

    class Run:
        def runlog(self) -> list[dict[str, object]]:
            return beats

    monkeypatch.setattr(bench, "open_run", lambda path: Run())
    told = bench.beats_lag_ms(Path("run"))
    assert told == {"beats": count, "p50": count / 2, "p99": p99, "max": float(count)}
