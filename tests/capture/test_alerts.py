"""When an operator is told of something, and when again."""

from __future__ import annotations

from typing import Any

import pytest

from mm_framework.bundle.latency import LatencyTally
from mm_framework.capture.alerts import Alert, AlertWatch
from mm_framework.capture.heartbeat import Beat
from mm_framework.capture.settings import AlertSettings
from mm_framework.capture.telemetry import Status
from mm_framework.errors import ConfigError

S = 1_000_000_000
GIB = 1 << 30
STATUS = Status(0, 0, 0, 0, 0, 0, 0, 0, 0, {})


class Story:
    """Heartbeats, one a second, and the alerts that they gave."""

    def __init__(self, **settings: Any) -> None:
        self.watch = AlertWatch(AlertSettings(webhook_url="x", **settings))
        self.tally, self.now_ns = LatencyTally(), 0

    def beat(self, *, lag_ms: float = 0.1, resyncs: int = 0, free_gib: float | None = None) -> list[Alert]:
        self.now_ns += S
        self.tally.hear({"event": "heartbeat", "loop_lag_ms": lag_ms, "mono_ns": self.now_ns})
        overall: dict[str, Any] = {}
        if free_gib is not None:
            overall["host"] = {"disk_free_bytes": round(free_gib * GIB)}
        beat = Beat(STATUS, {}, overall, {}, resyncs, {}, self.tally)
        return self.watch.beat(beat, self.now_ns)

    def lose(self) -> None:
        line = {"event": "lost", "reason": "RESET", "planned": False, "shard": 0, "connection": 0}
        self.tally.hear({**line, "mono_ns": self.now_ns})


def test_a_gate_is_told_once_when_it_begins_to_fail() -> None:
    story = Story(min_interval_s=0)
    assert story.beat() == []
    story.lose()
    (alert,) = story.beat()
    assert (alert.kind, alert.facts) == ("gate_failed", {"gates": ["reconnects", "disconnected"]})
    assert "reconnects 1 (limit 0)" in alert.text
    story.lose()
    assert story.beat() == []


def test_a_gate_that_begins_to_fail_within_the_interval_is_told_when_it_is_over() -> None:
    story = Story(min_interval_s=10)
    story.lose()
    (first,) = story.beat()
    story.tally.hear({"event": "dropped", "count": 3})
    assert [alert for _ in range(9) for alert in story.beat()] == []
    (second,) = story.beat()
    assert (second.facts, second.suppressed) == ({"gates": ["drops"]}, 0)
    assert "drops 3 (limit 0)" in second.text
    assert first.facts == {"gates": ["reconnects", "disconnected"]}
    assert story.watch.rest() == []


def test_a_gate_that_waits_is_told_when_the_run_ends() -> None:
    story = Story(min_interval_s=10)
    story.lose()
    story.beat()
    story.tally.hear({"event": "dropped", "count": 3})
    assert story.beat() == []
    (last,) = story.watch.rest()
    assert last.facts == {"gates": ["drops"]}
    assert story.watch.rest() == []


def test_lag_at_the_start_is_no_p99() -> None:
    story = Story(min_interval_s=0)
    assert story.beat(lag_ms=50) == []
    assert [alert for _ in range(150) for alert in story.beat()] == []
    late = [alert for _ in range(3) for alert in story.beat(lag_ms=50)]
    assert [alert.facts["gates"] for alert in late] == [["loop_lag_p99"]]


def test_a_heartbeat_that_did_not_come_is_told_with_the_next_one() -> None:
    story = Story()
    story.beat()
    story.now_ns += 4 * S
    (alert,) = story.beat()
    assert alert.text == "heartbeat_gaps: no heartbeat for 5.0 s"


def test_resyncs_of_a_minute_are_a_storm() -> None:
    story = Story(resyncs=5, min_interval_s=0)
    for total in (0, 1, 2, 3, 4):
        assert story.beat(resyncs=total) == []
    (alert,) = story.beat(resyncs=5)
    assert (alert.kind, alert.facts) == ("resync_storm", {"resyncs": 5})
    quiet = [story.beat(resyncs=5) for _ in range(70)]
    assert quiet[-1] == []
    assert story.beat(resyncs=9) == []


def test_a_kind_is_told_as_often_as_the_interval_lets_and_counts_what_it_kept_back() -> None:
    story = Story(min_interval_s=10)
    told = [alert for _ in range(25) for alert in story.beat(free_gib=1.5)]
    assert [alert.suppressed for alert in told] == [0, 9, 9]
    assert told[0].kind == "disk_low"
    assert "1.50 GiB free" in told[0].text
    assert story.beat(free_gib=6) == []


def test_only_what_was_asked_for_is_told() -> None:
    story = Story(on=("disk_low",))
    story.lose()
    assert story.beat() == []
    assert len(story.beat(free_gib=0.1)) == 1
    assert story.watch.failed("no", story.now_ns) == []
    assert Story().watch.failed("the disk is full", 1)[0].text == "the run was ended: the disk is full"


def test_an_unknown_kind_is_refused_and_nobody_to_tell_is_off() -> None:
    with pytest.raises(ConfigError, match=r"alerts\.on has gate; expected some of gate_failed"):
        AlertSettings(on=("gate", "disk_low"))
    assert not AlertSettings().enabled
    assert AlertSettings(command=("true",)).enabled
