"""A day of capture on virtual time: decisions on the venue's clock are told, kept and replayable."""

from __future__ import annotations

import json
from typing import Any

import pytest
from sink_runs import emulated_venue
from toy_server import MS, S, ToyServer, World
from toy_venue import VENUE, ToyAdapter, ToyNormalizer, toy_rules

from mm_framework.capture import teller
from mm_framework.capture.clock import Stamp, VirtualClock
from mm_framework.capture.clock_watch import ClockWatch
from mm_framework.capture.memory import Wire
from mm_framework.capture.settings import CaptureSettings
from mm_framework.contracts.adapter import HttpRequest
from mm_framework.feed import Feed, Output, VenueKit
from mm_framework.feed.clock_offset import ClockOffsets, ClockSettings
from mm_framework.feed.output import ClockSample
from mm_framework.model.frame import RecordKind, encode_json, encode_record

HOUR_S = 3600


class TimedServer(ToyServer):
    """Answers pings with its time: 10 ppm fast, and once, at 6 h, off by 0.8 s for twenty minutes."""

    def __init__(self, start_ns: int, offset_ns: int) -> None:
        super().__init__(rate=0.1)
        self.start_ns, self.offset_ns = start_ns, offset_ns

    def receive(self, wire: Wire, message: bytes, now_ns: int) -> None:
        body = json.loads(message)
        if body["op"] == "ping":
            time_ns = self.time_ns(now_ns)
            pong = {"op": "pong", "id": body["id"], "in": time_ns, "out": time_ns}
            self._say(wire, encode_json(pong), now_ns)
        else:
            super().receive(wire, message, now_ns)

    def time_ns(self, now_ns: int) -> int:
        age_ns = now_ns - self.start_ns
        wrong = 6 * HOUR_S * S <= age_ns < 6 * HOUR_S * S + 1200 * S
        return now_ns + self.offset_ns + age_ns // 100_000 + (800 * MS if wrong else 0)


class Watcher(ToyAdapter):
    ping_interval_s = 30.0
    idle_timeout_s = 60.0


def test_a_day_of_capture_tells_and_keeps_every_decision_and_a_replay_comes_to_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(teller, "LAG_PROBE_S", 60.0)
    clock = VirtualClock()
    server = TimedServer(clock.now_ns, clock.wall_offset_ns + 20 * MS)
    settings = CaptureSettings(jitter_seed=1, heartbeat_s=3600, no_data_warn_s=0)
    world = World(server, adapter=Watcher(), settings=settings)

    def step(now_ns: int) -> None:
        world.clock.wall_offset_ns -= 600 * MS

    world.at(12 * HOUR_S, step)
    world.capture(24 * HOUR_S)

    told = world.log.events("clock_offset")
    verdicts = [line["verdict"] for line in told]
    assert verdicts.count("rejected_jump") in range(10, 21)
    assert verdicts.count("accepted") in range(90, 99)
    assert {line["level"] for line in told if line["verdict"] != "accepted"} == {"warning"}
    kept: list[dict[str, Any]] = list(world.log.manifest["clock_samples"])
    assert [one["verdict"] for one in kept] == verdicts

    before = [one["offset_ns"] for one in kept if one["verdict"] == "accepted"]
    assert 20 * MS <= before[0] <= 21 * MS
    last_ms = before[-1] / MS  # 10 ppm of a day, and the step of our clock
    assert 600 + 20 + 0.01 * 23 * HOUR_S < last_ms < 600 + 20 + 0.01 * 24 * HOUR_S + 1

    feed = Feed({VENUE: VenueKit(Watcher(), ToyNormalizer(), toy_rules())}, 0)
    config = world.run._recorder._configs[0]
    offsets = ClockOffsets(ClockSettings(), config.wall0_ns, config.mono0_ns)
    again = [
        {"shard": shard, **decision.to_json()}
        for shard, record in world.log.records
        for decision in offsets.take(shard, record, feed.feed(record))
    ]
    assert again == kept


class Timeless(ToyAdapter):
    idle_timeout_s = 60.0


class Timed(Timeless):
    """Tells the time over HTTP."""

    def time_request(self) -> HttpRequest:
        return HttpRequest("http://toy.invalid/time", "time")

    def server_time_ns(self, body: bytes) -> int | None:
        return int(body)


def stale(watch: ClockWatch, seconds: float) -> list[int]:
    return [shard for shard, _ in watch.stale(1_000_000_000 + round(seconds * S))]


def watch_of(adapter: ToyAdapter, **settings: float) -> ClockWatch:
    stamp = Stamp(VirtualClock())
    return ClockWatch(ClockSettings(**settings), stamp, {0: adapter}, lambda shard, decision: None)


def heard(watch: ClockWatch, seconds: float, source: str) -> None:
    sample = ClockSample(0, source, 5 * MS, 1 * MS)
    mono_ns = 1_000_000_000 + round(seconds * S)
    wall_ns = mono_ns + 1_750_000_000_000_000_000
    record = encode_record(RecordKind.FRAME, b"{}", index=0, mono_ns=mono_ns, wall_ns=wall_ns)
    nothing = memoryview(b"")
    watch.on_output(0, record, mono_ns, Output(nothing, nothing, nothing, [], [sample]))


def test_a_time_over_http_is_asked_for_at_once_and_when_it_is_due() -> None:
    watch = watch_of(Timed())
    assert stale(watch, 0) == [0]
    assert stale(watch, 59) == []
    assert stale(watch, 60) == [0]  # no answer came
    heard(watch, 61, "http")
    assert stale(watch, 960) == []
    assert stale(watch, 961) == [0]


def worn(watch: ClockWatch, seconds: float) -> list[int]:
    return watch.worn(1_000_000_000 + round(seconds * S))


def test_a_venue_that_never_tells_its_time_is_left_alone() -> None:
    watch = watch_of(Timeless())
    assert [stale(watch, seconds) + worn(watch, seconds) for seconds in (0, 1000, 5000)] == [[], [], []]


def test_where_only_acknowledgements_tell_the_time_a_new_connection_asks_for_one_when_it_is_due() -> None:
    watch = watch_of(Timeless())
    heard(watch, 0, "acknowledgement")
    assert worn(watch, 899) == []
    assert worn(watch, 900) == [0]
    assert worn(watch, 1000) == []  # the new connection is on its way
    heard(watch, 905, "acknowledgement")
    assert worn(watch, 1804) == []
    assert worn(watch, 1805) == [0]
    assert stale(watch, 5000) == []


@pytest.mark.parametrize(("adapter", "source"), [(Timeless(), "pong"), (Timed(), "http")])
def test_where_something_else_tells_the_time_connections_stay(adapter: ToyAdapter, source: str) -> None:
    watch = watch_of(adapter)
    heard(watch, 0, "acknowledgement")
    heard(watch, 1, source)
    assert worn(watch, 5000) == []


class Acknowledging(ToyServer):
    """Tells its time, 20 ms ahead of ours, in acknowledgements only."""

    ahead_ns = 0

    def _say(self, wire: Wire, frame: bytes, now_ns: int) -> None:
        body = json.loads(frame)
        if body.get("op") == "ack":
            body["in"] = body["out"] = now_ns + self.ahead_ns
            frame = encode_json(body)
        super()._say(wire, frame, now_ns)


def test_the_offset_of_such_a_venue_is_refreshed_without_a_hole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(teller, "LAG_PROBE_S", 60.0)
    settings = CaptureSettings(jitter_seed=1, heartbeat_s=3600, no_data_warn_s=0)
    server = Acknowledging(rate=0.5)
    world = World(server, adapter=Timeless(), settings=settings)
    server.ahead_ns = world.clock.wall_offset_ns + 20 * MS
    result = world.capture(HOUR_S)
    kept: list[dict[str, Any]] = list(world.log.manifest["clock_samples"])
    assert {one["connection"] for one in kept} == {0, 1, 2, 3}
    assert {one["source"] for one in kept} == {"acknowledgement"}
    assert all(abs(one["in_force_ns"] - 20 * MS) < 10 * MS for one in kept)
    assert result.reconnects["by_reason"]["clock_refresh"] == 3
    assert result.reconnects["total"] == result.counts.gaps == 0


def test_zero_asks_for_nothing() -> None:
    watch = watch_of(Timed(), offset_refresh_s=0)
    assert stale(watch, 10_000) == []


def test_binance_tells_its_time_over_http() -> None:
    pytest.importorskip("mm_binance")
    from mm_framework.testing.simulation import Simulation

    simulation = Simulation(emulated_venue("binance"), seconds=1000, rate=0.5)
    simulation.run()
    feed = Feed(simulation.kits)
    notices = [n for record in simulation.tape.records for n in feed.feed(record).notices]
    samples = [one for one in notices if isinstance(one, ClockSample)]
    assert [(one.source, one.connection) for one in samples] == [("http", -1)] * 2
    assert all(abs(one.offset_ns) <= one.delay_ns // 2 + 1 * MS for one in samples)
