"""``mm audit``, ``mm latency`` and what ``mm inspect`` tells of a fatal run: documents and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import toy_venue as toy
from click.testing import CliRunner, Result
from toy_server import ToyServer, World

from mm_framework.bundle.manifest import Manifest, ShardInfo
from mm_framework.bundle.run import RunWriter
from mm_framework.cli import main
from mm_framework.cli.app import App
from mm_framework.errors import VenueRefused


@pytest.fixture(autouse=True)
def _installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(App, "plugins", toy.toy_plugins())


def capture(folder: Path, world: World) -> None:
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
    world.capture(12.5)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the runs ``good``, ``lost`` and ``refused``."""
    data = tmp_path_factory.mktemp("audited")
    capture(data / "runs" / "good", World(ToyServer(rate=30)))
    world = World(ToyServer(rate=30))
    world.at(4, world.server.reset)
    capture(data / "runs" / "lost", world)
    world = World(ToyServer(["A/B"]))
    world.server.unknown = {"A/B"}
    with pytest.raises(VenueRefused):
        capture(data / "runs" / "refused", world)
    return data


def mm(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, [*arguments, "--data-dir", str(data)])


def document(result: Result) -> dict[str, Any]:
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def test_audit_of_a_healthy_run_is_exit_code_0_with_the_documented_keys(data: Path) -> None:
    result = mm(data, "audit", "good", "--threshold-seconds", "2", "--json")
    assert result.exit_code == 0, result.output
    told = document(result)
    assert told["ok"] is True
    keys = ("threshold_seconds", "hb_count", "gaps_over_threshold", "max_gap_seconds", "top_gaps")
    assert [told[key] for key in keys] == [2.0, 12, 0, pytest.approx(1, abs=0.1), []]
    for gate in told["gates"]:
        assert set(gate) == {"name", "status", "value", "limit", "text", "command"}


def test_audit_names_what_failed_and_where_to_see_more(data: Path) -> None:
    result = mm(data, "audit", "lost")
    assert result.exit_code == 1
    assert "lost: FAIL: reconnects, disconnected" in result.stdout
    assert "mm latency lost" in result.stdout


@pytest.mark.parametrize("name", ["audit", "gate", "capture-audit"])
def test_audit_answers_to_its_other_names(data: Path, name: str) -> None:
    assert mm(data, name, "good").stdout.endswith("good: PASS\n")


def test_latency_tells_the_documented_keys_and_fails_on_a_lost_connection(data: Path) -> None:
    good, lost = mm(data, "latency", "good", "--json"), mm(data, "capture-latency-report", "lost", "--json")
    assert (good.exit_code, lost.exit_code) == (0, 1)
    told = document(lost)
    assert told["ok"] is False
    assert told["failed_gates"] == ["reconnects", "disconnected"]
    assert told["reconnects"] == {"total": 1, "planned": 0, "by_reason": {"reset": 1}}
    assert told["disconnected"]["midrun"]["incidents"] == 1
    assert told["disconnected"]["midrun"]["time_s_total"] > 0
    assert told["drops"] == {"dropped_messages_total": 0}
    assert set(told["loop_lag_ms"]) == {"p50", "p95", "p99", "max"}
    assert {"failed", "worst_metric", "worst_streak"} <= set(told["pressure_streaks"])
    text = mm(data, "latency", "lost").stdout
    assert text.startswith((data / "runs" / "lost" / "latency_report.txt").read_text())
    assert text.endswith("lost: FAIL: reconnects, disconnected\n")


@pytest.mark.parametrize("verb", ["audit", "latency"])
def test_what_is_no_bundle_is_exit_code_4(data: Path, verb: str) -> None:
    result = mm(data, verb, "absent")
    assert result.exit_code == 4
    assert result.stderr.count("\n") == 1


def test_a_threshold_must_be_a_time(data: Path) -> None:
    assert mm(data, "audit", "good", "--threshold-seconds", "0").exit_code == 2


def test_inspect_tells_of_a_fatal_end_and_shows_the_last_records(data: Path) -> None:
    told = document(mm(data, "inspect", "refused", "--json"))
    assert told["fatal"]["type"] == "VenueRefused"
    assert told["fatal"]["exit_code"] == 2
    (last,) = told["last_frames"]
    assert (last["shard"], last["file"]) == (0, "last_frames_shard_00.bin")
    assert last["records"] == told["records"]
    text = mm(data, "inspect", "refused").stdout
    assert "VenueRefused" in text
    assert "last_frames_shard_00.bin" in text
    shown = document(mm(data, "inspect", "refused", "--last-frames", "--kind", "lost", "--json"))
    assert [one["kind"] for one in shown["records"]] == ["lost"]
    assert document(mm(data, "inspect", "good", "--json"))["fatal"] is None
    assert mm(data, "audit", "refused").exit_code == 1
