"""The latency report: from lines, from files, the same both times; also of a run that was killed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from toy_server import ToyServer, World

from mm_framework.bundle.latency import (
    PRESSURE,
    LatencyTally,
    latency_document,
    latency_text,
    nearest_rank,
    read_latency,
)
from mm_framework.bundle.manifest import Manifest, ShardInfo
from mm_framework.bundle.run import RunWriter
from mm_framework.errors import CorruptFrame

S = 1_000_000_000


def lost(
    at_s: float, reason: str = "RESET", *, planned: bool = False, shard: int = 0, connection: int = 0
) -> dict[str, Any]:
    place = {"shard": shard, "connection": connection, "mono_ns": round(at_s * S)}
    return {"event": "lost", "reason": reason, "planned": planned, **place}


def connected(at_s: float, shard: int = 0, connection: int = 0) -> dict[str, Any]:
    return {"event": "connected", "shard": shard, "connection": connection, "mono_ns": round(at_s * S)}


def beat(at_s: float, lag_ms: float) -> dict[str, Any]:
    return {"event": "heartbeat", "loop_lag_ms": lag_ms, "mono_ns": round(at_s * S)}


def told(*lines: dict[str, Any]) -> dict[str, Any]:
    tally = LatencyTally()
    for line in lines:
        tally.hear(line)
    return tally.report().to_json()


def sample(shard: int = 0, **values: float) -> dict[str, Any]:
    line: dict[str, Any] = {"shard": shard, **dict.fromkeys(PRESSURE)}
    for metric, value in values.items():
        line[metric] = dict.fromkeys(("p50", "p95", "p99", "max", "last"), value)
    return line


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [
        ([5], 50, 5),
        ([1, 2, 3, 4], 50, 2),
        ([1, 2, 3, 4], 99, 4),
        (list(range(1, 101)), 95, 95),
        ([1, 2], 1, 1),
    ],
)
def test_a_percentile_is_the_value_at_its_rank(values: list[int], share: int, expected: int) -> None:
    assert nearest_rank(values, share) == expected


def test_planned_and_unplanned_reconnects_are_told_apart_and_the_end_is_none() -> None:
    report = told(
        connected(0),
        lost(1),
        connected(3.5),
        lost(4, "SESSION_AGE", planned=True),
        connected(4.1),
        lost(9, "SHUTDOWN", planned=True),
    )
    assert report["reconnects"] == {"total": 1, "planned": 1, "by_reason": {"reset": 1, "session_age": 1}}
    assert report["disconnected"] == {"midrun": {"incidents": 1, "time_s_total": 2.5}}


def test_a_hole_that_is_open_at_the_end_counts_up_to_the_last_line_and_each_shard_has_its_own() -> None:
    report = told(connected(0), lost(1), lost(2, shard=1), connected(3), beat(7, 1.0))
    assert report["disconnected"]["midrun"] == {"incidents": 2, "time_s_total": 2 + 5}


def test_a_loss_beside_another_connection_of_the_shard_leaves_no_hole() -> None:
    """During a rotation a shard has two."""
    report = told(connected(0), connected(5, connection=1), lost(6, connection=1), beat(9, 1.0))
    assert report["reconnects"]["total"] == 1
    assert report["disconnected"]["midrun"] == {"incidents": 0, "time_s_total": 0}
    both = told(connected(0), connected(5, connection=1), lost(6), lost(7, connection=1), beat(9, 1.0))
    assert both["disconnected"]["midrun"] == {"incidents": 1, "time_s_total": 2}


def test_loop_lag_is_ranked_over_heartbeats() -> None:
    report = told(*(beat(n, float(n)) for n in range(100, 0, -1)))
    assert report["loop_lag_ms"] == {"p50": 50.0, "p95": 95.0, "p99": 99.0, "max": 100.0}
    assert report["hb_count"] == 100


def test_dropped_messages_add_up() -> None:
    assert told({"event": "dropped", "count": 3}, {"event": "dropped", "count": 4})["drops"] == {
        "dropped_messages_total": 7
    }


def test_five_heartbeats_in_a_row_over_the_limit_are_sustained_pressure() -> None:
    tally = LatencyTally()
    for _ in range(4):
        tally.sample(sample(shard=2, queue_depth=200))
    tally.sample(sample(shard=2, queue_depth=199))
    assert tally.report().pressure_streaks == {
        "failed": False,
        "worst_metric": "queue_depth",
        "worst_streak": 4,
        "worst_shard": 2,
    }
    for _ in range(5):
        tally.sample(sample(shard=1, recv_to_parsed_ms=50))
        tally.sample(sample(shard=2, recv_to_parsed_ms=49.9))
    assert tally.report().pressure_streaks == {
        "failed": True,
        "worst_metric": "recv_to_parsed_ms",
        "worst_streak": 5,
        "worst_shard": 1,
    }


def test_a_heartbeat_without_samples_ends_a_row() -> None:
    tally = LatencyTally()
    for _ in range(4):
        tally.sample(sample(backpressure_ms=25))
    tally.sample(sample())
    tally.sample(sample(backpressure_ms=25))
    assert tally.report().pressure_streaks["worst_streak"] == 4


def test_a_stage_gives_percentiles_of_its_p99_and_the_greatest_maximum() -> None:
    tally = LatencyTally()
    for n in range(1, 101):
        line = sample(recv_to_applied_ms=float(n))
        line["recv_to_applied_ms"]["max"] = n * 3.14159
        tally.sample(line)
    assert tally.report().stages["recv_to_applied_ms"] == {"p50": 50, "p95": 95, "p99": 99, "max": 314.159}


def test_a_run_without_telemetry_has_no_figures() -> None:
    report = LatencyTally().report()
    assert report.loop_lag_ms == {"p50": None, "p95": None, "p99": None, "max": None}
    assert report.pressure_streaks["worst_metric"] is None
    assert report.span_s == 0
    assert ["loop_lag_ms", "-", "-", "-", "-"] in [
        line.split() for line in latency_text("r", report).splitlines()
    ]


def live_bundle(folder: Path) -> Path:
    """A captured bundle: two losses, one of them planned by nobody, a busy machine."""
    world = World(ToyServer(["A/X", "B/X"], rate=30), shards=2)
    shards = tuple(ShardInfo(one.shard, one.venue, one.subscriptions) for one in world.plan().shards)
    manifest = Manifest(
        run_id=folder.name,
        state="running",
        created="2023-11-14T22:13:20Z",
        wall0_ns=world.clock.wall_ns(),
        mono0_ns=world.clock.now_ns,
        shards=shards,
        made_by="test",
    )
    world.log = RunWriter.create(folder, manifest, metrics=True)  # type: ignore[assignment]
    world.at(5, world.server.reset)
    world.capture(20)
    return folder


def test_the_report_of_the_end_is_what_the_files_give(tmp_path: Path) -> None:
    path = live_bundle(tmp_path / "run")
    report = read_latency(path)
    assert (path / "latency_report.json").read_bytes() == latency_document("run", report)
    assert (path / "latency_report.txt").read_text() == latency_text("run", report)
    document = json.loads((path / "latency_report.json").read_bytes())
    assert document["reconnects"] == {"total": 2, "planned": 0, "by_reason": {"reset": 2}}
    result = json.loads((path / "manifest.json").read_bytes())["result"]
    assert document["disconnected"]["midrun"] == result["disconnected"]
    lines = (path / "metrics" / "shard_01.ndjson").read_bytes().splitlines()
    assert {json.loads(line)["shard"] for line in lines} == {1}


def test_a_killed_run_is_reported_up_to_its_last_whole_line(tmp_path: Path) -> None:
    whole = live_bundle(tmp_path / "run")
    killed = shutil.copytree(whole, tmp_path / "killed")
    for file in (killed / "runlog.ndjson", killed / "metrics" / "shard_00.ndjson"):
        data = file.read_bytes()
        file.write_bytes(data[: len(data) * 2 // 3])
    report = read_latency(killed)
    assert 5 <= report.hb_count < read_latency(whole).hb_count
    assert report.reconnects["total"] == 2


@pytest.mark.parametrize("line", [b"no json\n", b'{"event":"lost"}\n', b'{"event":"dropped","count":null}\n'])
def test_a_run_log_of_something_else_is_refused(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "runlog.ndjson").write_bytes(b'{"event":"start"}\n' + line)
    with pytest.raises(CorruptFrame, match="line 2 of"):
        read_latency(tmp_path)
