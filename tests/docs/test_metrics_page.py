"""The page of metrics names every key of the metrics files and every event of the run log."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from toy_server import ToyServer, World

from mm_framework.bundle.latency import PRESSURE, STREAK, LatencyTally
from mm_framework.calibrate.collectors import Collectors
from mm_framework.calibrate.md_cache import MdCache
from mm_framework.capture.exposed import ExposedCapture


@pytest.fixture(scope="module")
def text(repository: Path) -> str:
    return (repository / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")


def test_every_key_of_the_metrics_files_is_explained(text: str) -> None:
    world = World(ToyServer(rate=20))
    world.capture(3.5)
    keys = {key for _, line in world.log.metrics for key in line} | {"host", "coverage"}
    assert [key for key in sorted(keys) if f"`{key}`" not in text] == []


def test_every_key_of_the_report_and_every_limit_is_explained(text: str) -> None:
    report = LatencyTally().report().to_json()
    keys = {*report, *report["pressure_streaks"], *report["reconnects"], *report["loop_lag_ms"]}
    assert [key for key in sorted(keys) if f"`{key}`" not in text] == []
    for metric, (_, limit) in PRESSURE.items():
        assert f"`{metric}`" in text
        assert f" {limit} or more" in text
    assert STREAK == 5
    assert "Five in a row" in text


def test_every_event_of_the_run_log_is_explained(text: str, repository: Path) -> None:
    events = {
        event for path in (repository / "mm_framework" / "capture").glob("*.py") for event in told(path)
    }
    assert {"connected", "lost", "dropped", "state"} <= events
    assert [event for event in sorted(events) if f"`{event}`" not in text] == []


def test_every_metric_of_a_capture_is_explained(text: str) -> None:
    world, exposed = World(ToyServer(rate=20)), ExposedCapture()
    world.progress = exposed.hear
    world.capture(1.5)
    names = [family.name for family in exposed.families()]
    assert len(names) > 10
    assert [name for name in names if f"`{name}`" not in text] == []


def test_every_metric_of_prometheus_is_explained(text: str) -> None:
    collectors = Collectors()
    collectors.close()
    names = [family.name for family in [*collectors.families(), *MdCache().families()]]
    assert len(names) > 10
    assert [name for name in names if f"`{name}`" not in text] == []


def told(path: Path) -> Iterator[str]:
    """The events that a module logs: ``x.log(level, "event", ...)``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "log":
            yield from (
                word.value
                for word in node.args[1:2]
                if isinstance(word, ast.Constant) and isinstance(word.value, str)
            )
