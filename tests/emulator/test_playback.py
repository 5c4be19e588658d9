"""Playback: recorded data in the recording's rhythm, everything else as the dialect says it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import attrs
import pytest
from toy_dialect import SECOND, ToyDialect, subscribe

from mm_framework.bundle.manifest import Manifest, ShardInfo
from mm_framework.bundle.run import RunWriter, open_run
from mm_framework.emulator.actions import CloseConnection, SendFrame
from mm_framework.emulator.faults import parse_faults
from mm_framework.emulator.playback import STILL, playback, recorded_frames
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.errors import ConfigError, ReplayError
from mm_framework.model.frame import RecordKind, encode_record


def book(number: int, symbol: str = "A/B") -> bytes:
    return json.dumps({"ch": "book", "sym": symbol, "n": number}).encode()


RECORDED = [
    (100 * SECOND, b'{"ch":"hello"}'),
    (101 * SECOND, book(0)),
    (102 * SECOND, book(1, "C/D")),
    (103 * SECOND, b'{"ch":"hb"}'),
    (105 * SECOND, book(2)),
]


def venue(
    frames: Iterable[tuple[int, bytes]] = RECORDED, *, speed: float = 1.0, faults: str = ""
) -> VenueEmulator:
    dialect, listings = playback(ToyDialect(), frames, speed=speed)
    return VenueEmulator(dialect, listings, settings=STILL, faults=parse_faults(faults))


def sent(made: VenueEmulator) -> list[tuple[float, object]]:
    """``(seconds, n)`` of data frames, ``(seconds, ch)`` of others, heartbeats left out."""
    bodies = [
        (action.at_ns / SECOND, json.loads(action.payload))
        for action in made.drain()
        if isinstance(action, SendFrame)
    ]
    return [(round(at, 6), body.get("n", body["ch"])) for at, body in bodies if body["ch"] != "hb"]


def test_recorded_frames_come_in_their_rhythm_and_answers_from_the_dialect() -> None:
    made = venue()
    connection = made.connect(7 * SECOND, "/ws")
    made.receive(connection, subscribe("A/B"), 10 * SECOND)
    made.receive(connection, subscribe("C/D"), 10 * SECOND)
    made.advance(60 * SECOND)
    expected = [(7.0, "hello"), (10.0, "ok"), (10.0, "ok"), (10.0, 0), (11.0, 1), (14.0, 2)]
    assert sent(made) == expected


def test_a_higher_speed_shortens_the_pauses() -> None:
    made = venue(speed=4.0)
    made.receive(made.connect(0, "/ws"), subscribe(), 0)
    made.advance(60 * SECOND)
    assert sent(made)[2:] == [(0.0, 0), (1.0, 2)]


def test_a_stream_that_is_subscribed_again_plays_from_its_beginning() -> None:
    made = venue()
    connection = made.connect(0, "/ws")
    made.receive(connection, subscribe(), 0)
    made.receive(connection, subscribe(op="unsub"), 2 * SECOND)
    made.receive(connection, subscribe(), 3 * SECOND)
    made.advance(60 * SECOND)
    assert sent(made)[2:] == [(0.0, 0), (2.0, "bye"), (3.0, "ok"), (3.0, 0), (7.0, 2)]


def test_a_stream_subscribed_twice_at_one_moment_plays_once() -> None:
    made = venue()
    connection = made.connect(0, "/ws")
    for message in (subscribe(), subscribe(op="unsub"), subscribe()):
        made.receive(connection, message, SECOND)
    made.advance(60 * SECOND)
    assert [what for _, what in sent(made)] == ["hello", "ok", "bye", "ok", 0, 2]


def test_each_connection_plays_for_itself() -> None:
    made = venue()
    for start in (0, 10):
        made.receive(made.connect(start * SECOND, "/ws"), subscribe(), start * SECOND)
    made.advance(60 * SECOND)
    assert [at for at, what in sent(made) if what == 2] == [4.0, 14.0]


def test_heartbeats_go_on_beside_the_recording() -> None:
    made = venue()
    made.receive(made.connect(0, "/ws"), subscribe(), 0)
    made.advance(6 * SECOND + 1)
    assert sum(b'"hb"' in action.payload for action in made.drain() if isinstance(action, SendFrame)) == 6


def test_faults_strike_recorded_frames_too() -> None:
    made = venue(faults="drop@3,disconnect@5")
    made.receive(made.connect(0, "/ws"), subscribe(), 0)
    made.advance(60 * SECOND)
    actions = made.drain()
    assert not any(book(2) == action.payload for action in actions if isinstance(action, SendFrame))
    assert isinstance(actions[-1], CloseConnection)


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_speed_must_be_positive(speed: float) -> None:
    with pytest.raises(ConfigError, match="expected a positive number"):
        venue(speed=speed)


def test_a_recording_without_data_of_the_venue_cannot_be_played() -> None:
    with pytest.raises(ReplayError, match="no market data that the emulator of toy can play"):
        venue([(1, b'{"ch":"hello"}')])


def bundle(folder: Path, *, untimed: bool = False) -> Path:
    manifest = Manifest(
        run_id="r1",
        state="running",
        created="2026-11-21T00:00:00Z",
        wall0_ns=0,
        mono0_ns=0,
        shards=(ShardInfo(0, "toy"), ShardInfo(1, "toy")),
        made_by="test",
        flags=("untimed",) if untimed else (),
    )
    writer = RunWriter.create(folder / "r1", attrs.evolve(manifest))
    counts = [0, 0]
    for place, (mono_ns, payload) in enumerate(RECORDED):
        shard = place % 2
        for kind, data in ((RecordKind.FRAME, payload), (RecordKind.TICK, b"")):
            stamp = (place if untimed else mono_ns) * 2 + (kind == RecordKind.TICK)
            writer.append(shard, encode_record(kind, data, index=counts[shard], mono_ns=stamp, wall_ns=stamp))
            counts[shard] += 1
    writer.close()
    return folder / "r1"


def test_frames_of_a_bundle_come_from_all_shards_in_order(tmp_path: Path) -> None:
    frames = list(recorded_frames(open_run(bundle(tmp_path))))
    assert frames == [(mono_ns * 2, payload) for mono_ns, payload in RECORDED]


def test_frames_without_receive_times_come_one_each_10_ms(tmp_path: Path) -> None:
    frames = list(recorded_frames(open_run(bundle(tmp_path, untimed=True))))
    assert [mono_ns for mono_ns, _ in frames] == [place * 2 * 10_000_000 for place in range(5)]
