"""A live run on virtual time: what becomes a record, when connections come and go, how it ends."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise
from typing import Any

import pytest
from toy_server import MS, S, ToyServer, World
from toy_venue import ToyAdapter

from mm_framework.capture.settings import CaptureSettings
from mm_framework.contracts.adapter import Subscription, VenueLimits
from mm_framework.contracts.normalizer import InstrumentInfo
from mm_framework.errors import ConnectionLost, EnvironmentFailed, VenueRefused
from mm_framework.feed import Feed, Output
from mm_framework.model.frame import RecordKind, iter_records

KIND = RecordKind


def settings(**changes: Any) -> CaptureSettings:
    return CaptureSettings(**{"jitter_seed": 1, **changes})


class Heard:
    """A listener that keeps copies of all that it hears."""

    def __init__(self) -> None:
        self.outputs: list[tuple[int, bytes, int, bytes, bytes]] = []
        self.timers: list[int] = []
        self.fired: list[tuple[int, int]] = []
        self.ended: list[int] = []
        self.done = False

    def on_output(self, shard: int, record: bytes, mono_ns: int, output: Output) -> None:
        self.outputs.append((shard, record, mono_ns, bytes(output.rows), bytes(output.messages)))
        while self.timers and self.timers[0] <= mono_ns:
            self.fired.append((self.timers.pop(0), mono_ns))

    def next_timer_ns(self) -> int | None:
        return self.timers[0] if self.timers else None

    def on_end(self, mono_ns: int) -> None:
        self.ended.append(mono_ns)


# what is recorded


def test_a_wall_clock_that_goes_to_1970_and_back_changes_no_order_and_no_receive_time() -> None:
    world = World()
    start_ns, away_ns = world.clock.wall_ns(), world.clock.wall_offset_ns

    def turn(to_ns: int) -> None:
        world.clock.wall_offset_ns = to_ns

    world.at(5, lambda now_ns: turn(1_000_000_000 - now_ns))
    world.at(15, lambda now_ns: turn(away_ns))
    result = world.capture(25)
    assert (result.counts.gaps, result.counts.epochs, result.reconnects["total"]) == (0, 1, 0)
    there, back = world.log.bodies(KIND.CLOCK)
    assert there["after_ns"] < 2_000_000_000 < start_ns < there["before_ns"]
    assert back["before_ns"] < 20_000_000_000 < start_ns < back["after_ns"]
    records = world.log.of()
    assert all(one.mono_ns < other.mono_ns for one, other in pairwise(records))
    assert min(record.wall_ns for record in records) < 2_000_000_000


def test_a_shard_begins_with_its_configuration_and_ends_with_stop() -> None:
    world = World()
    result = world.capture(10)
    kinds = [record.kind for record in world.log.of()]
    assert (kinds[0], kinds[-1]) == (KIND.CONTROL, KIND.CONTROL)
    assert kinds.count(KIND.CONTROL) == 2
    start, stop = world.log.bodies(KIND.CONTROL)
    assert start["config"] == world.run._recorder._configs[0].to_json()
    assert stop == {"op": "stop", "stopped_by": "max_seconds"}
    assert result.stopped_by == "max_seconds"
    assert (world.log.state, world.log.result) == ("complete", result.to_json())


def test_a_connection_is_opened_subscribed_heard_and_closed_at_the_end() -> None:
    world = World()
    world.capture(10)
    log = world.log
    assert log.bodies(KIND.OPEN) == [
        {"attempt": 1, "transport": "memory", "url": "ws://toy.invalid", "venue": "toy"}
    ]
    assert [bytes(record.payload) for record in log.of(KIND.SENT)] == ToyAdapter().subscribe(
        world.plan().shards[0].subscriptions, 1
    )
    assert log.bodies(KIND.LOST) == [{"code": None, "detail": "", "planned": True, "reason": "SHUTDOWN"}]
    assert len(log.of(KIND.FRAME)) > 80
    assert {record.connection for record in log.of(KIND.OPEN, KIND.SENT, KIND.FRAME, KIND.LOST)} == {0}
    assert len(world.server.left) == 1


def test_stamps_increase_over_all_shards_and_indexes_have_no_hole() -> None:
    server = ToyServer([f"{name}/X" for name in "ABCDEFGH"], rate=100)
    draw = random.Random(1)
    world = World(server, shards=4, delay=lambda: draw.randrange(30 * MS))
    world.capture(10)
    stamps = [record.mono_ns for record in world.log.of()]
    assert all(a < b for a, b in pairwise(stamps))
    for shard in range(4):
        records = world.log.of(shard=shard)
        assert [record.index for record in records] == list(range(len(records)))
        assert len(records) > 100
    assert sorted({record.connection for record in world.log.of(KIND.OPEN)}) == [0, 1, 2, 3]


def test_receive_time_is_the_clock_at_the_frame(subtests: pytest.Subtests) -> None:
    world = World(latency=lambda: 7 * MS)
    world.capture(5)
    (opened,) = world.log.of(KIND.OPEN)
    assert world.after(opened.mono_ns) == pytest.approx(0.014)
    first = world.log.of(KIND.FRAME)[0]
    assert first.mono_ns - opened.mono_ns == 7 * MS
    assert first.wall_ns == first.mono_ns + world.clock.wall_offset_ns


def test_a_replay_of_the_records_gives_what_the_listeners_heard() -> None:
    """Live is k = 1; here a fresh Feed reads the same records, also after losses and late timers."""
    server = ToyServer(["A/X", "B/X", "C/X"], rate=50)
    draw = random.Random(3)
    heard = Heard()
    world = World(server, shards=2, delay=lambda: draw.choice((0, 0, 0, 400)) * MS)
    world.at(5, server.reset)
    world.at(9, lambda now_ns: setattr(server, "skip", 3))
    world.at(12, lambda now_ns: setattr(server, "speaks", False))
    world.at(20, lambda now_ns: setattr(server, "speaks", True))
    world.capture(40, listeners=[heard])
    feeds = {shard: Feed(world.kits, shard) for shard in (0, 1)}
    replayed = []
    for shard, record in world.log.records:
        output = feeds[shard].feed(record)
        (decoded,) = iter_records(record)
        replayed.append((shard, record, decoded.mono_ns, bytes(output.rows), bytes(output.messages)))
    assert replayed == heard.outputs
    assert {KIND.TICK, KIND.LOST, KIND.OPEN} <= {record.kind for record in world.log.of()}
    assert sum(len(rows) for *_, rows, _ in heard.outputs) > 64 * 500


def test_without_a_bundle_the_listeners_hear_the_same() -> None:
    with_log, without = Heard(), Heard()
    World().capture(10, listeners=[with_log])
    World().capture(10, listeners=[without], record=False)
    assert with_log.outputs == without.outputs
    assert with_log.ended == without.ended == [with_log.outputs[-1][2]]


def test_a_step_of_the_wall_clock_is_a_record_in_every_shard() -> None:
    world = World(ToyServer(["A/X", "B/X"]), shards=2)
    world.at(3, lambda now_ns: setattr(world.clock, "wall_offset_ns", world.clock.wall_offset_ns + S))
    world.capture(6)
    steps = world.log.bodies(KIND.CLOCK)
    assert [step["after_ns"] - step["before_ns"] for step in steps] == [S, S]
    assert [len(world.log.of(KIND.CLOCK, shard=shard)) for shard in (0, 1)] == [1, 1]
    assert all(a < b for a, b in pairwise(record.mono_ns for record in world.log.of()))


def test_a_checkpoint_that_is_due_follows_the_record_before_it() -> None:
    world = World()
    world.log.checkpoint_every = 25
    world.capture(10)
    checkpoints = world.log.of(KIND.CHECKPOINT)
    assert len(checkpoints) >= 3
    feed = Feed(world.kits, 0)
    for _, data in world.log.records:
        (record,) = iter_records(data)
        if record.kind == KIND.CHECKPOINT:
            assert feed.checkpoint() == bytes(record.payload)
        feed.feed(data)


def test_definitions_go_to_the_table_as_they_come() -> None:
    world = World(ToyServer(["A/X", "B/X"]))
    world.capture(5)
    (feed,) = world.run._recorder.feeds
    assert world.log.definitions == feed.definitions
    assert {one.id for one in world.log.definitions} == {"toy:A/X", "toy:B/X"}


# connections that are lost


def test_after_a_reset_the_next_connection_has_the_next_number_and_builds_the_books_anew() -> None:
    world = World()
    world.at(10, world.server.reset)
    result = world.capture(30)
    lost, shutdown = world.log.bodies(KIND.LOST)
    assert (lost["reason"], lost["planned"], shutdown["reason"]) == ("RESET", False, "SHUTDOWN")
    assert [record.connection for record in world.log.of(KIND.OPEN)] == [0, 1]
    assert result.reconnects == {"total": 1, "planned": 0, "by_reason": {"reset": 1}}
    assert result.disconnected["incidents"] == 1
    assert 0 < result.disconnected["time_s_total"] < 1.1
    assert result.instruments == {"toy:A/B": {"state": "SYNCED", "epoch": 2}}
    assert result.counts.epochs == 2


def test_a_silent_venue_is_noticed_at_the_deadline_by_a_tick() -> None:
    world = World()
    world.at(10, lambda now_ns: setattr(world.server, "speaks", False))
    world.at(18, lambda now_ns: setattr(world.server, "speaks", True))
    result = world.capture(30)
    last = [record for record in world.log.of(KIND.FRAME) if world.after(record.mono_ns) < 12][-1]
    lost = world.log.of(KIND.LOST)[0]
    tick = [record for record in world.log.of(KIND.TICK) if record.mono_ns < lost.mono_ns][-1]
    assert tick.mono_ns - last.mono_ns == pytest.approx(5 * S, abs=1000)
    assert lost.index == tick.index + 1
    assert world.log.bodies(KIND.LOST)[0]["reason"] == "IDLE"
    assert result.reconnects["by_reason"] == {"idle": 1}


def test_a_silence_is_warned_about_once() -> None:
    class Patient(ToyAdapter):
        idle_timeout_s = 60.0

    world = World(adapter=Patient(), settings=settings(no_data_warn_s=4))
    world.at(10, lambda now_ns: setattr(world.server, "speaks", False))
    world.at(20, lambda now_ns: setattr(world.server, "speaks", True))
    world.capture(30)
    (warning,) = world.log.events("no_data")
    assert 4 <= warning["silent_s"] < 5.1


def test_a_venue_that_is_down_is_asked_again_ever_more_slowly_under_one_number() -> None:
    world = World()
    world.at(10, lambda now_ns: setattr(world.server, "listens", False))
    world.at(10, world.server.reset)
    world.at(400, lambda now_ns: setattr(world.server, "listens", True))
    result = world.capture(500)
    attempts = world.server.connects
    delays = [(b - a) / S for a, b in pairwise(attempts[1:-1])]
    assert len(delays) > 15
    assert all(delay <= min(2.0**k, 30) + 0.1 for k, delay in enumerate(delays, 2))
    assert max(delays) > 15
    failed = world.log.of(KIND.LOST)[1:-1]
    assert {record.connection for record in failed} == {1}
    assert {body["reason"] for body in world.log.bodies(KIND.LOST)[1:-1]} == {"CONNECT_FAILED"}
    assert [record.connection for record in world.log.of(KIND.OPEN)] == [0, 1]
    assert result.connections == {"opened": 2, "failed": len(failed)}
    assert result.disconnected["time_s_total"] == pytest.approx(400, abs=20)
    assert result.reconnects["total"] == 1


def test_delays_begin_anew_after_a_connection_that_lasted() -> None:
    def delays_of(uptime_s: float) -> list[float]:
        world = World(settings=settings(stable_s=20))
        for k in range(1, 7):
            world.at(k * uptime_s, world.server.reset)
        world.capture(7 * uptime_s)
        return [line["delay_s"] for line in world.log.events("waiting")]

    assert max(delays_of(60)) < 1.0
    assert max(delays_of(12)) > 2.0


def test_the_venues_limit_on_connects_holds_over_all_shards() -> None:
    class Slow(ToyAdapter):
        limits = VenueLimits(connects=3, connects_window_s=60)

    world = World(ToyServer([f"{name}/X" for name in "ABCD"]), shards=4, adapter=Slow())
    world.capture(100)
    seconds = [world.after(time_ns) for time_ns in world.server.connects]
    assert seconds == pytest.approx([0.01, 0.03, 0.05, 60.01], abs=0.005)


def test_our_messages_keep_the_venues_pace() -> None:
    class Slow(ToyAdapter):
        limits = VenueLimits(messages_per_s=2)

    world = World(adapter=Slow())
    for second in range(5, 9):
        world.at(second, lambda now_ns: setattr(world.server, "skip", 1))
    world.capture(20)
    sent = [record.mono_ns for record in world.log.of(KIND.SENT)]
    assert len(sent) >= 4
    assert all(sum(a <= b < a + S for b in sent) <= 2 for a in sent)


def test_after_maintenance_the_least_pause_of_the_venue_is_kept() -> None:
    class Patient(ToyAdapter):
        limits = VenueLimits(reconnect_min_s=5)

    for code, least in ((1012, 5.0), (1000, 0.0)):
        world = World(adapter=Patient())
        world.at(10, lambda now_ns, code=code, world=world: world.server.hang_up(code, now_ns))
        world.capture(30)
        (waiting,) = world.log.events("waiting")
        assert least <= waiting["delay_s"] < least + 1.0
        assert world.log.bodies(KIND.LOST)[0]["code"] == code


def test_an_unanswered_ping_ends_the_connection() -> None:
    server = ToyServer()
    world = World(server, settings=settings(ping_interval_s=20, ping_timeout_s=15))
    world.at(30, lambda now_ns: [wire.stall() for wire in server.wires])
    result = world.capture(70)
    lost = world.log.of(KIND.LOST)[0]
    assert world.log.bodies(KIND.LOST)[0]["reason"] == "PING_TIMEOUT"
    assert world.after(lost.mono_ns) == pytest.approx(40.01 + 15, abs=0.05)
    assert result.reconnects["by_reason"] == {"ping_timeout": 1}


def test_a_connection_of_old_age_hands_over_to_a_new_one() -> None:
    world = World(settings=settings(max_session_s=25))
    result = world.capture(60)
    assert result.reconnects == {"total": 0, "planned": 2, "by_reason": {"session_age": 2}}
    assert world.log.events("waiting") == []
    assert result.disconnected == {"incidents": 0, "time_s_total": 0.0}
    assert [body["planned"] for body in world.log.bodies(KIND.LOST)] == [True] * 3
    assert (result.counts.gaps, result.counts.epochs) == (0, 1)
    opened, lost = world.log.of(KIND.OPEN), world.log.of(KIND.LOST)
    assert [body.get("replaces") for body in world.log.bodies(KIND.OPEN)] == [None, 0, 1]
    assert all(new.mono_ns < old.mono_ns for new, old in zip(opened[1:], lost[:2], strict=True))


def test_connections_begin_and_grow_old_one_after_the_other() -> None:
    symbols = [f"A/{letter}" for letter in "UVWXYZ"]
    world = World(ToyServer(symbols), shards=6, settings=settings(max_session_s=100))
    result = world.capture(105)
    assert result.reconnects == {"total": 0, "planned": 6, "by_reason": {"session_age": 6}}
    opened = [world.after(at_ns) for at_ns in world.server.connects]
    first, second = opened[:6], sorted(opened[6:])
    assert first == pytest.approx([0.01, 0.03, 0.05, 0.07, 0.09, 0.11], abs=0.005)
    assert 90 < second[0] < second[-1] < 100.2
    assert min(after - before for before, after in pairwise(second)) > 0.5


def test_a_gap_is_repaired_by_a_new_subscription_on_the_same_connection() -> None:
    world = World()
    world.at(10, lambda now_ns: setattr(world.server, "skip", 1))
    result = world.capture(30)
    assert result.counts.checksums_failed == 1
    assert [body["op"] for _, body in world.server.heard] == ["sub", "sub", "unsub", "sub"]
    assert (result.connections["opened"], result.counts.epochs) == (1, 2)
    changes = [(line["new"], line["reason"]) for line in world.log.events("state")]
    assert ("RESYNCING", "CHECKSUM_MISMATCH") in changes
    assert changes[-2:] == [("SYNCED", "VERIFIED"), ("STOPPED", "SHUTDOWN")]


def test_commands_for_a_connection_that_is_gone_are_dropped() -> None:
    world = World()
    world.at(10, lambda now_ns: setattr(world.server, "skip", 1))
    for tenth in range(100, 120):
        world.at(tenth / 10, world.server.reset)
    world.capture(60)
    opened = {record.connection: record.index for record in world.log.of(KIND.OPEN)}
    lost = {record.connection: record.index for record in world.log.of(KIND.LOST)}
    for record in world.log.of(KIND.SENT, KIND.FRAME):
        assert opened[record.connection] < record.index < lost[record.connection]


# the beginning that cannot be had


def test_a_first_connection_that_fails_three_times_ends_the_run() -> None:
    server = ToyServer()
    server.listens = False
    world = World(server)
    with pytest.raises(
        ConnectionLost, match=r"no connection to ws://toy.invalid after 3 attempts: .*refused"
    ):
        world.capture(None)
    assert len(server.connects) == 3
    assert [body["reason"] for body in world.log.bodies(KIND.LOST)] == ["CONNECT_FAILED"] * 3
    assert world.log.state == "interrupted"
    assert world.log.result is not None
    assert "after 3 attempts" in world.log.result["error"]
    stop = world.log.bodies(KIND.CONTROL)[-1]
    assert stop == {"op": "stop", "stopped_by": "error", "error": world.log.result["error"]}


def test_the_number_of_first_attempts_is_a_setting_and_zero_is_no_end() -> None:
    for count, attempts in ((1, 1), (0, 8)):
        server = ToyServer()
        server.listens = False
        world = World(server, settings=settings(first_attempts=count))
        with pytest.raises(ConnectionLost, match="1 attempt:" if count else "in the time given"):
            world.capture(60)
        assert len(server.connects) >= attempts


def test_a_refused_subscription_ends_the_run_with_the_venues_words() -> None:
    server = ToyServer(["A/X", "B/X"])
    server.unknown = {"B/X"}
    world = World(server)
    with pytest.raises(VenueRefused, match=r"toy refused book of toy:B/X: no such symbol") as caught:
        world.capture(60)
    assert caught.value.exit_code == 2
    assert world.log.state == "interrupted"
    assert world.after(world.log.of()[-1].mono_ns) < 1


def test_a_refusal_of_what_had_begun_does_not_end_the_run() -> None:
    world = World()
    world.at(9, lambda now_ns: world.server.unknown.add("A/B"))
    world.at(10, world.server.reset)
    result = world.capture(30)
    assert result.stopped_by == "max_seconds"
    assert [body["op"] for _, body in world.server.heard].count("sub") > 3


# a slow disk


def full_between(world: World, begin_s: float, end_s: float) -> None:
    world.at(begin_s, lambda now_ns: setattr(world.log, "full", True))
    world.at(end_s, lambda now_ns: setattr(world.log, "full", False))


def test_while_the_log_is_full_nothing_is_read_and_nothing_is_lost() -> None:
    plain, world = World(), World()
    full_between(world, 10, 13)
    plain.capture(30)
    result = world.capture(30)
    frames = [bytes(record.payload) for record in world.log.of(KIND.FRAME)]
    assert frames == [bytes(record.payload) for record in plain.log.of(KIND.FRAME)]
    seconds = [world.after(record.mono_ns) for record in world.log.of(KIND.FRAME)]
    assert sum(10.2 < second < 12.99 for second in seconds) == 0
    assert result.dropped_messages == 0
    assert len(world.log.events("paused")) == len(world.log.events("resumed")) == 1


def test_a_pause_longer_than_the_deadlines_is_no_silence_of_the_venue() -> None:
    world = World()
    full_between(world, 10, 25)
    result = world.capture(40)
    assert result.reconnects["total"] == 0
    assert [record for record in world.log.of(KIND.TICK) if 10.2 < world.after(record.mono_ns) < 24.9] == []


def test_messages_over_the_overrun_are_dropped_and_counted_in_the_log() -> None:
    """The transport goes on although it was paused, as one does that has read ahead."""
    world = World(settings=settings(overrun_mib=2000 / (1 << 20)))
    full_between(world, 10, 13)
    original = world.transport.connect

    async def deaf(url: str, receiver: Any, options: Any) -> None:
        await original(url, receiver, options)
        (link,) = world.run._shards[0].links.values()
        connection: Any = link._connection
        connection.pause = lambda: None

    world.transport.connect = deaf  # type: ignore[method-assign]  # a transport that does not obey
    result = world.capture(30)
    (body,) = world.log.bodies(KIND.DROP)
    assert body["connection"] == 0
    assert body["count"] == result.dropped_messages > 5
    kept = sum(len(r.payload) for r in world.log.of(KIND.FRAME) if 10.2 < world.after(r.mono_ns) < 13)
    assert kept <= 2000
    assert result.counts.dropped_frames == body["count"]
    assert result.counts.epochs == 2


# timers of listeners


def test_a_timer_of_a_listener_fires_at_the_first_record_from_then_on() -> None:
    heard = Heard()
    heard.timers = [1_000_000_000 + round(second * S) for second in (2.5, 2.5000001, 7.25)]
    world = World(ToyServer(rate=0.2))
    world.capture(10, listeners=[heard])
    assert len(heard.fired) == 3
    assert all(0 <= fired - due < 2_000 for due, fired in heard.fired)
    assert len(world.log.of(KIND.TICK)) >= 3


def test_a_listener_that_is_done_ends_the_run() -> None:
    heard = Heard()
    world = World()
    world.at(5, lambda now_ns: setattr(heard, "done", True))
    result = world.capture(None, listeners=[heard])
    assert result.stopped_by == "listener"
    assert 5 < result.duration_s < 6.1


# ends


def test_a_stop_is_in_order_and_the_first_reason_counts() -> None:
    world = World()
    world.at(5, lambda now_ns: (world.run.stop("SIGTERM"), world.run.stop("SIGINT")))
    result = world.capture(None)
    assert result.stopped_by == "SIGTERM"
    assert result.duration_s == pytest.approx(5, abs=0.01)
    assert [record.kind for record in world.log.of()[-2:]] == [KIND.LOST, KIND.CONTROL]


def test_a_cancelled_run_ends_in_order_too() -> None:
    world = World()

    def cancel(now_ns: int) -> None:
        for task in asyncio.all_tasks():
            if task.get_name() == "Task-1" or "main" in repr(task.get_coro()):
                task.cancel()

    world.at(5, cancel)
    with pytest.raises(asyncio.CancelledError):
        world.capture(None)
    assert world.log.state == "interrupted"
    assert [record.kind for record in world.log.of()[-2:]] == [KIND.LOST, KIND.CONTROL]


def test_an_error_of_the_disk_ends_the_run() -> None:
    world = World()
    error = EnvironmentFailed("no space left on device: data/runs/x")
    world.at(5, lambda now_ns: setattr(world.log, "broken", error))
    with pytest.raises(EnvironmentFailed, match="no space left"):
        world.capture(None)
    assert world.log.state == "interrupted"
    assert len(world.server.left) == 1


def test_an_error_of_a_listener_ends_the_run_after_the_log_was_closed() -> None:
    class Wrong(Heard):
        def on_output(self, shard: int, record: bytes, mono_ns: int, output: Output) -> None:
            if mono_ns > 5 * S:
                raise RuntimeError("wrong")

    world = World()
    with pytest.raises(RuntimeError, match="wrong"):
        world.capture(None, listeners=[Wrong()])
    assert world.log.state == "interrupted"


# telling


def test_a_heartbeat_is_told_each_second_with_the_lateness_of_the_loop() -> None:
    late = iter([0] * 200 + [1200 * MS] + [0] * 10_000)
    world = World(delay=lambda: next(late))
    world.capture(30)
    beats = world.log.events("heartbeat")
    assert len(beats) in (29, 30)
    assert max(beat["loop_lag_ms"] for beat in beats) >= 100
    assert beats[-1]["frames"] > beats[0]["frames"] > 0
    assert beats[-1]["states"] == {"SYNCED": 1}
    assert beats[-1]["connected"] == 1


def test_the_run_log_tells_the_course_of_a_run() -> None:
    world = World()
    world.at(10, world.server.reset)
    world.capture(20)
    course = [line["event"] for line in world.log.lines if line["event"] not in ("heartbeat", "definition")]
    began = ["connected", "state", "subscribed", "state", "state", "subscribed"]
    ended = ["stopping", "lost", "state", "stop"]
    assert course == ["start", *began, "state", "lost", "waiting", *began, *ended]
    assert all({"mono_ns", "wall_ns", "level"} <= line.keys() for line in world.log.events("state"))


def test_the_same_seeds_give_the_same_records() -> None:
    def records(seed: int) -> list[tuple[int, bytes]]:
        server = ToyServer(["A/X", "B/X", "C/X"], seed=seed, rate=30)
        draw, late = random.Random(seed), random.Random(seed + 1)
        world = World(
            server,
            shards=2,
            latency=lambda: draw.randrange(50 * MS),
            delay=lambda: late.choice((0, 0, 0, 0, 300 * MS)),
        )
        world.at(8, server.reset)
        world.capture(20)
        return world.log.records

    assert records(1) == records(1)
    assert records(1) != records(2)


# what is followed


def toy_subscriptions(symbol: str) -> tuple[Subscription, ...]:
    return tuple(
        Subscription(f"toy:{symbol}", symbol, channel, 5 if channel == "book" else None)
        for channel in ("book", "trade")
    )


def test_what_is_followed_comes_and_goes_while_a_run_goes_on() -> None:
    world = World(ToyServer(["A/B", "C/D"], rate=50))
    world.instruments = ["toy:A/B"]
    info = InstrumentInfo("C/D", tick_size="0.01")
    world.at(10, lambda now_ns: world.run.follow(0, toy_subscriptions("C/D"), [info]))
    world.at(20, lambda now_ns: world.run.unfollow(0, toy_subscriptions("C/D")))
    world.at(25, lambda now_ns: world.run.follow(0, toy_subscriptions("C/D")))
    result = world.capture(30)
    assert result.instruments == {
        "toy:A/B": {"state": "SYNCED", "epoch": 1},
        "toy:C/D": {"state": "SYNCED", "epoch": 2},
    }
    assert (result.counts.gaps, result.reconnects["total"]) == (0, 0)
    assert result.counts.unfollowed_frames < 5, "the venue was told"
    assert [one["op"] for one in world.log.bodies(KIND.CONTROL)] == [
        "start",
        "follow",
        "unfollow",
        "follow",
        "stop",
    ]
    assert next(one.tick_size for one in world.log.definitions if one.id == "toy:C/D") == "0.01"
    feed = Feed(world.kits)
    for _, record in world.log.records:
        feed.feed(record)
    assert feed.counts == result.counts


def test_a_new_subscription_that_is_refused_does_not_end_the_run() -> None:
    world = World()
    world.at(10, lambda now_ns: world.run.follow(0, toy_subscriptions("N/ONE")))
    result = world.capture(20)
    assert result.stopped_by == "max_seconds"
    assert [line["instrument"] for line in world.log.events("refused")] == ["toy:N/ONE"] * 2


def test_a_shard_that_is_not_there_cannot_follow() -> None:
    world = World()
    said: list[str] = []

    def follow(now_ns: int) -> None:
        try:
            world.run.follow(7, toy_subscriptions("C/D"))
        except RuntimeError as error:
            said.append(str(error))

    world.at(1, follow)
    world.capture(2)
    assert said == ["this run has no shard 7"]
