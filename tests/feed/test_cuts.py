"""Any cut of a log into blocks, and any restart from a checkpoint, gives the same."""

from __future__ import annotations

import json
from functools import cache

import pytest
from feed_desk import Reading, checkpoint_record, read, stormy_log
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_venue import ToyLog, toy_kits, toy_session

from mm_framework.feed import Feed
from mm_framework.feed.output import StateChanged
from mm_framework.model.events import Kind, Reason, iter_messages, iter_rows
from mm_framework.model.frame import RecordKind

SEEDS = range(6)


@cache
def storm(seed: int) -> ToyLog:
    return stormy_log(seed)


@cache
def whole(seed: int) -> tuple[Reading, bytes, object]:
    feed = Feed(toy_kits())
    reading = read(feed, storm(seed).records)
    return reading, feed.checkpoint(), feed.counts


@given(st.sampled_from(SEEDS), st.lists(st.integers(1, 400), max_size=30))
@settings(max_examples=60, deadline=None)
def test_any_cut_gives_the_same_rows_messages_commands_notices_and_state(seed: int, cuts: list[int]) -> None:
    feed = Feed(toy_kits())
    assert read(feed, storm(seed).records, cuts) == whole(seed)[0]
    assert feed.checkpoint() == whole(seed)[1]
    assert feed.counts == whole(seed)[2]


@pytest.mark.parametrize("seed", SEEDS)
def test_one_record_at_a_time_is_as_all_at_once(seed: int) -> None:
    feed = Feed(toy_kits())
    assert read(feed, storm(seed).records, range(1000)) == whole(seed)[0]


def test_the_storms_hold_what_they_promise() -> None:
    counts = [whole(seed)[2] for seed in SEEDS]
    for name in (
        "malformed",
        "checksums_failed",
        "gaps",
        "orphan_deltas",
        "overflows",
        "dropped_frames",
        "tops",
    ):
        assert sum(getattr(one, name) for one in counts) > 0, name
    reasons = {one.reason for seed in SEEDS for one in whole(seed)[0].of(StateChanged)}
    assert {Reason.SCALE_CHANGE, Reason.CHECKSUM_MISMATCH, Reason.RESET, Reason.DROPPED} <= reasons
    assert whole(0)[0].commands


@pytest.mark.parametrize("seed", SEEDS)
def test_a_restart_from_a_checkpoint_at_any_record_gives_the_same_rest(seed: int) -> None:
    records = storm(seed).records
    full, end, _ = whole(seed)
    feed, said = Feed(toy_kits()), Reading()
    for place, record in enumerate(records[:-1]):
        said.take(feed, record)
        if place % 7 == seed:
            saved = feed.checkpoint()
            other = Feed(toy_kits())
            rest = read(other, [checkpoint_record(saved, record), *records[place + 1 :]])
            n_rows, n_messages = len(said.rows), len(said.messages)
            assert bytes(rest.rows) == bytes(full.rows[n_rows:])
            base = n_rows // 64
            assert [m._replace(first_row=m.first_row + base) for m in rest.messages] == full.messages[
                n_messages:
            ]
            assert rest.mono_ns == full.mono_ns[n_messages:]
            assert rest.commands == full.commands[len(said.commands) :]
            assert rest.notices == full.notices[len(said.notices) :]
            assert other.checkpoint() == end


@pytest.mark.parametrize("seed", SEEDS)
def test_a_restored_feed_writes_the_checkpoint_that_it_came_from(seed: int) -> None:
    records = storm(seed).records
    feed = Feed(toy_kits())
    read(feed, records[: len(records) // 2])
    saved = feed.checkpoint()
    other = Feed(toy_kits())
    read(other, [checkpoint_record(saved, records[0])])
    assert other.checkpoint() == saved
    assert json.loads(saved)["format"] == 1


def test_a_feed_that_has_state_passes_over_checkpoints() -> None:
    log = toy_session(steps=60)
    with_them = toy_session(steps=60, checkpoint_every=9)
    assert any(record[8] == RecordKind.CHECKPOINT for record in with_them.records)
    plain, other = Feed(toy_kits()), Feed(toy_kits())
    one, two = read(plain, log.records), read(other, with_them.records)
    levels = [[(r.kind, r.side, r.price, r.size, r.epoch) for r in x.events()] for x in (one, two)]
    assert levels[0] == levels[1]


@pytest.mark.parametrize("seed", SEEDS)
def test_rows_tell_one_story(seed: int) -> None:
    """Messages tile the rows; a book's epoch never falls, and each begins with a snapshot."""
    reading = whole(seed)[0]
    rows = reading.events()
    place = 0
    for number, message in enumerate(reading.messages):
        assert message.first_row == place
        group = rows[place : place + message.n_rows]
        assert {(row.seq, row.instrument, row.connection, row.frame) for row in group} == {
            (number, message.instrument, message.connection, message.frame)
        }
        assert [row.flags & 1 for row in group] == [0] * (len(group) - 1) + [1]
        place += message.n_rows
    assert place == len(rows)
    epochs: dict[int, int] = {}
    built: dict[int, int] = {}
    for row in rows:
        assert row.epoch >= epochs.get(row.instrument, 1)
        epochs[row.instrument] = row.epoch
        if row.kind == Kind.SNAPSHOT_START:
            built[row.instrument] = row.epoch
        elif row.kind == Kind.LEVEL:
            assert built[row.instrument] == row.epoch


@pytest.mark.parametrize("seed", SEEDS)
def test_deadlines_of_a_storm_never_stay_in_the_past(seed: int) -> None:
    feed = Feed(toy_kits())
    for record in storm(seed).records:
        feed.feed(record)
        deadline = feed.next_deadline_ns()
        if deadline is not None:
            assert deadline > int.from_bytes(record[16:24], "little")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_recording_of_others_has_no_deadlines_and_gives_no_commands(seed: int) -> None:
    feed = Feed(toy_kits())
    for record in stormy_log(seed, live=False).records:
        assert feed.feed(record).commands == []
        assert feed.next_deadline_ns() is None


def test_output_of_one_call_is_whole_by_itself() -> None:
    feed = Feed(toy_kits())
    for record in storm(1).records:
        output = feed.feed(record)
        messages = list(iter_messages(output.messages))
        assert output.n_messages == len(messages) == len(output.mono_ns)
        assert output.n_rows == sum(m.n_rows for m in messages) == len(list(iter_rows(output.rows)))


def test_without_receive_times_rows_have_none() -> None:
    feed = Feed(toy_kits())
    reading = read(feed, stormy_log(1, untimed=True).records)
    assert {row.ts_recv_ns for row in reading.events()} == {-(2**63)}
