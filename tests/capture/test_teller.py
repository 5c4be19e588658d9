"""What a run tells never changes what happens; a log that cannot be written ends the run in order."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from toy_server import MemoryLog, ToyServer, World

from mm_framework.capture.heartbeat import Beat
from mm_framework.capture.settings import CaptureSettings
from mm_framework.errors import EnvironmentFailed


def test_the_records_of_a_run_do_not_depend_on_what_it_tells() -> None:
    def records(**settings: Any) -> list[tuple[int, bytes]]:
        world = World(ToyServer(["A/X", "B/X"], rate=30), settings=CaptureSettings(jitter_seed=1, **settings))
        world.at(6, world.server.reset)
        world.capture(15)
        return world.log.records

    assert records() == records(heartbeat_s=0.3, metrics_max_samples=1, coverage_metrics_interval_seconds=1)


def test_each_heartbeat_is_given_to_whoever_wants_it() -> None:
    beats: list[Beat] = []
    world = World(ToyServer(rate=30))
    world.progress = beats.append
    world.capture(5.5, record=False)
    assert [beat.overall["beat"] for beat in beats] == [1, 2, 3, 4, 5]
    assert beats[-1].status.frames > 100
    assert beats[-1].latency.heartbeats == 5


class Breaking(MemoryLog):
    """A log that takes no metrics after a while."""

    def metric(self, shard: int | None, line: Mapping[str, Any]) -> None:
        if line["beat"] == 4:
            raise EnvironmentFailed("the disk is full")
        super().metric(shard, line)


def test_metrics_that_cannot_be_written_end_the_run_and_its_log_is_whole() -> None:
    world = World(ToyServer(rate=30))
    world.log = Breaking()
    with pytest.raises(EnvironmentFailed, match="the disk is full"):
        world.capture(20)
    assert world.log.state == "interrupted"
    assert world.log.fatal_document is not None
    assert world.log.fatal_document["exit_code"] == 5
    assert json.loads(json.dumps(world.log.fatal_document))["type"] == "EnvironmentFailed"
    assert world.log.last_records[0] == [record for _, record in world.log.records]
    assert world.log.lines[-1]["event"] == "stop"
