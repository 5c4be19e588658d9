"""Heartbeats: the run log's line, and the metrics of the run and of each shard."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from toy_server import MS, MemoryLog, ToyServer, World

from mm_framework.capture.clock import RealClock, Stamp
from mm_framework.capture.heartbeat import Heartbeats
from mm_framework.capture.host import HostProbe, HostUsage
from mm_framework.capture.runner import Capture
from mm_framework.capture.settings import CaptureSettings
from mm_framework.capture.telemetry import Tally
from mm_framework.sync.counts import Counts

USAGE = HostUsage(disk_free_bytes=7, disk_total_bytes=9, run_bytes=1, rss_bytes=None)


def metrics(log: MemoryLog, shard: int | None) -> list[dict[str, Any]]:
    return [line for number, line in log.metrics if number == shard]


def test_every_heartbeat_writes_a_line_for_the_run_and_one_for_each_shard() -> None:
    world = World(ToyServer(["A/X", "B/X"], rate=40), shards=2)
    world.capture(10.5)
    beats = world.log.events("heartbeat")
    overall, shards = metrics(world.log, None), [metrics(world.log, number) for number in (0, 1)]
    assert len(beats) == len(overall) == len(shards[0]) == len(shards[1]) == 10
    for line, first, second in zip(overall, *shards, strict=True):
        assert line["beat"] == first["beat"] == second["beat"]
        assert line["bytes"] == first["bytes"] + second["bytes"]
        assert {"mono_ns", "wall_ns"} <= line.keys() & first.keys()
    assert overall[-1]["frames"] == sum(lines[-1]["frames"] for lines in shards) > 100
    assert json.loads(json.dumps(world.log.metrics[-1][1])) == world.log.metrics[-1][1]


def test_refreshes_are_told_by_what_became_of_them() -> None:
    counts = Counts(refreshes=4, refreshes_joined=2, refreshes_differing=1, refreshes_failed=1)
    beat = Heartbeats(CaptureSettings(), 0).beat(10**9, [], counts, Tally(), None)
    assert beat.overall["refreshes"] == {"asked": 4, "joined": 2, "differs": 1, "failed": 1}


def test_a_shard_tells_the_metrics_that_gates_read() -> None:
    world = World(ToyServer(rate=50))
    world.capture(5.5)
    line = metrics(world.log, 0)[-1]
    for name in ("queue_depth", "recv_to_parsed_ms", "recv_to_applied_ms", "backpressure_ms"):
        assert {"p50", "p95", "p99", "max"} <= line[name].keys()
    assert line["recv_to_parsed_ms"]["count"] == pytest.approx(line["frames_per_s"], abs=2)
    assert line["venue"] == "toy"


def test_the_window_is_bounded_by_the_setting() -> None:
    world = World(ToyServer(rate=50), settings=CaptureSettings(jitter_seed=1, metrics_max_samples=7))
    world.capture(3.5)
    assert metrics(world.log, 0)[-1]["recv_to_parsed_ms"]["count"] == 7


def test_lag_between_heartbeats_is_not_missed() -> None:
    """A stall of 700 ms in the middle of a second: the heartbeat itself is on time."""
    late = iter([0] * 100 + [700 * MS] + [0] * 10_000)
    world = World(delay=lambda: next(late))
    world.capture(20.5)
    assert max(beat["loop_lag_ms"] for beat in world.log.events("heartbeat")) > 500


def test_coverage_is_told_at_most_as_often_as_asked_for() -> None:
    world = World(ToyServer(["A/X", "B/X"], rate=20))
    world.capture(20.5)
    covered = [line for line in metrics(world.log, None) if "coverage" in line]
    assert [line["beat"] for line in covered] == [1, 6, 11, 16]
    assert covered[-1]["coverage"] == {"streams": 4, "books": 2, "synced": 2}
    assert "coverage" in metrics(world.log, 0)[0]


def test_reconnects_are_counted_for_their_shard() -> None:
    world = World(ToyServer(["A/X", "B/X"], rate=20), shards=2)
    world.at(3.2, world.server.reset)
    world.capture(20.5)
    assert metrics(world.log, 1)[-1]["reconnects"] == {"total": 1, "planned": 0, "by_reason": {"reset": 1}}
    assert metrics(world.log, None)[-1]["reconnects"]["total"] == 2
    assert metrics(world.log, None)[1]["reconnects"]["total"] == 0


def test_time_in_which_connections_are_not_read_is_back_pressure() -> None:
    world = World(ToyServer(rate=50))

    def fill(now_ns: int) -> None:
        world.log.full = True

    def drain(now_ns: int) -> None:
        world.log.full = False

    world.at(2.3, fill)
    world.at(4.6, drain)
    world.capture(8.5)
    waited = [line["backpressure_ms"] for line in metrics(world.log, None)]
    assert waited[0] == 0
    assert waited[2] == pytest.approx(700, abs=100)
    assert waited[3] == pytest.approx(1000, abs=1)
    assert waited[4] == pytest.approx(600, abs=100)
    assert sum(waited) == pytest.approx(2300, abs=100)
    assert metrics(world.log, 0)[3]["backpressure_ms"]["p99"] == waited[3]


def test_the_machine_is_looked_at_in_a_thread() -> None:
    world, threads = World(), []

    def look() -> HostUsage:
        threads.append(threading.current_thread())
        return USAGE

    async def main() -> None:
        capture = Capture(
            world.plan(),
            world.kits,
            world.transport,
            stamp=Stamp(RealClock()),
            settings=CaptureSettings(heartbeat_s=0.1, disk_usage_interval_seconds=0.15, first_attempts=0),
            writer=world.log,
            host=look,
        )
        asyncio.get_running_loop().call_later(0.6, capture.stop, "test")
        await capture.run()

    world.server.listens = False
    asyncio.run(main())
    assert threads
    assert threading.main_thread() not in threads
    told = [line["host"] for line in metrics(world.log, None) if "host" in line]
    assert 2 <= len(told) <= 5
    assert told[0] == USAGE.to_json()


def test_the_probe_tells_disk_memory_and_the_size_of_the_run(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    (tmp_path / "a").write_bytes(b"12345")
    (tmp_path / "metrics" / "b").write_bytes(b"123")
    usage = HostProbe(tmp_path)()
    assert usage.run_bytes == 8
    assert 0 < usage.disk_free_bytes <= usage.disk_total_bytes
    if sys.platform.startswith("linux"):
        assert usage.rss_bytes is not None
        assert 10 * 2**20 < usage.rss_bytes < 2**40
