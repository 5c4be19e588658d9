"""The emulated venue as a pure machine: the same input gives the same output, faults do what they say."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from toy_dialect import SECOND, Follower, ToyDialect, subscribe

from mm_framework.contracts.emulator import FrameKind, notices_of
from mm_framework.emulator.actions import (
    Action,
    CloseConnection,
    ResetConnection,
    SendFrame,
    SlowConnection,
    StallConnection,
)
from mm_framework.emulator.faults import parse_faults
from mm_framework.emulator.settings import MarketSettings
from mm_framework.emulator.truth import Outcome, TruthEntry, TruthLog
from mm_framework.emulator.venue import VenueEmulator
from mm_framework.errors import VenueRefused

WALL = 1_795_000_000 * SECOND


def venue(
    faults: str = "", *, symbols: tuple[str, ...] = ("A/B",), seed: int = 7, **settings: Any
) -> VenueEmulator:
    dialect = ToyDialect()
    return VenueEmulator(
        dialect,
        [dialect.listing(symbol) for symbol in symbols],
        seed=seed,
        settings=MarketSettings(**{"rate": 200.0, "levels": 30, **settings}),
        faults=parse_faults(faults, notices_of(dialect)),
        wall_ns=WALL,
        truth=TruthLog(levels=3),
    )


def connected(faults: str = "", *subscriptions: bytes, **kwargs: Any) -> VenueEmulator:
    made = venue(faults, **kwargs)
    connection = made.connect(0, "/ws")
    for message in subscriptions or (subscribe(), subscribe(channel="trade")):
        made.receive(connection, message, 0)
    return made


def payloads(actions: list[Action]) -> list[dict[str, Any]]:
    return [json.loads(action.payload) for action in actions if isinstance(action, SendFrame)]


def struck(made: VenueEmulator, name: str) -> list[TruthEntry]:
    return [entry for entry in made.truth.entries if name in entry.faults]


def frames_of(made: VenueEmulator) -> list[TruthEntry]:
    return [entry for entry in made.truth.entries if entry.wire is not None]


# --- without faults


@pytest.mark.parametrize("steps", [1, 7, 1000])
def test_how_the_calls_are_spread_does_not_matter(steps: int) -> None:
    faults = "drop:0.01,corrupt:0.01,reorder:0.02,jump@3,slow@4,silent@7,disconnect@8"
    at_once, in_steps = connected(faults), connected(faults)
    at_once.advance(10 * SECOND)
    for step in range(1, steps + 1):
        in_steps.advance(10 * SECOND * step // steps)
    actions = at_once.drain()
    assert len(actions) > 500
    assert in_steps.drain() == actions
    assert in_steps.truth.entries == at_once.truth.entries


def test_next_event_tells_when_something_will_happen() -> None:
    made = connected()
    made.drain()
    for _ in range(300):
        due_ns = made.next_event_ns()
        assert due_ns is not None
        made.advance(due_ns - 1)
        assert made.drain() == []
        made.advance(due_ns)
        assert {action.at_ns for action in made.drain()} <= {due_ns}
        assert made.next_event_ns() != due_ns


def test_nothing_happens_by_itself_on_a_still_market_without_subscriptions() -> None:
    made = venue(rate=0.0)
    made.connect(0, "/ws")
    assert made.next_event_ns() is None


def test_a_follower_of_the_frames_has_the_truth_s_best_levels_at_each_of_them() -> None:
    made = connected()
    made.advance(20 * SECOND)
    sent, entries = payloads(made.drain()), frames_of(made)
    assert len(sent) == len(entries)
    follower, books = Follower(5), 0
    for frame, entry in zip(sent, entries, strict=True):
        if frame["ch"] == "book":
            follower.apply(frame)
            assert follower.holds(frame)
            assert (tuple(follower.bids[:3]), tuple(follower.asks[:3])) == (entry.bids, entry.asks)
            books += 1
    assert books > 1000


def test_the_truth_log_lists_every_frame_with_its_place_on_the_wire() -> None:
    made = connected()
    made.advance(5 * SECOND)
    entries = [entry for entry in made.truth.entries if entry.kind != "connection"]
    assert [entry.wire for entry in entries] == list(range(len(entries)))
    assert [entry.number for entry in entries] == list(range(len(entries)))
    assert {entry.outcome for entry in entries} == {Outcome.SENT}
    kinds = Counter(entry.kind for entry in entries)
    assert kinds[FrameKind.CONTROL] == kinds[FrameKind.SNAPSHOT] == 1
    assert kinds[FrameKind.SUBSCRIBED] == 2
    assert 4 <= kinds[FrameKind.HEARTBEAT] <= 5
    assert {entry.depth for entry in entries if entry.kind == FrameKind.BOOK} == {5}


def test_trade_frames_name_their_trades() -> None:
    made = connected("", subscribe(channel="trade"))
    made.advance(20 * SECOND)
    told = [number for frame in payloads(made.drain()) if frame["ch"] == "trade" for number in frame["ids"]]
    logged = [number for entry in made.truth.entries for number in entry.trade_ids]
    assert told == logged == list(range(told[0], told[0] + len(told)))
    assert len(told) > 100


def test_each_connection_gets_what_it_subscribed() -> None:
    made = venue(symbols=("A/B", "C/D"))
    first, second = made.connect(0, "/ws"), made.connect(0, "/ws")
    made.receive(first, subscribe("A/B"), 0)
    made.receive(second, subscribe("C/D"), 0)
    made.advance(2 * SECOND)
    symbols: dict[int, set[str]] = {first: set(), second: set()}
    for action in made.drain():
        assert isinstance(action, SendFrame)
        body = json.loads(action.payload)
        if "sym" in body:
            symbols[action.connection].add(body["sym"])
    assert symbols == {first: {"A/B"}, second: {"C/D"}}


def test_an_unknown_path_is_refused() -> None:
    with pytest.raises(VenueRefused, match="no WebSocket at /nope; this venue has /ws"):
        venue().connect(0, "/nope")


def test_a_path_may_have_a_query() -> None:
    assert venue().connect(0, "/ws?x=1") == 0


def test_a_closed_connection_gets_nothing_more_and_may_be_closed_again() -> None:
    made = connected()
    made.closed(0, SECOND)
    made.drain()
    made.closed(0, SECOND)
    made.receive(0, subscribe(), SECOND)
    made.advance(5 * SECOND)
    assert made.drain() == []
    assert made.connections == []
    assert [entry.outcome for entry in made.truth.entries][-1] == Outcome.ENDED


def test_rest_requests_reach_the_front_end_at_their_time() -> None:
    reply = venue().http("GET", "/time", {"a": "b"}, 3 * SECOND)
    assert (reply.status, json.loads(reply.body)) == (200, {"now": WALL + 3 * SECOND, "a": "b"})


def test_a_log_that_does_not_keep_entries_counts_them() -> None:
    dialect = ToyDialect()
    made = VenueEmulator(dialect, [dialect.listing("A/B")], truth=TruthLog(keep=False))
    made.receive(made.connect(0, "/ws"), subscribe(), 0)
    made.advance(SECOND)
    assert made.truth.entries == []
    assert made.truth.outcomes[Outcome.SENT] == len(made.drain())


# --- faults of frames


def test_dropped_frames_are_not_sent_and_stand_in_the_log() -> None:
    made = connected("drop:0.05")
    made.advance(20 * SECOND)
    dropped = struck(made, "drop")
    assert {(entry.outcome, entry.wire) for entry in dropped} == {(Outcome.SUPPRESSED, None)}
    data = sum(entry.kind in ("book", "trade", "snapshot") for entry in made.truth.entries)
    assert 0.03 < len(dropped) / data < 0.07
    assert len(made.drain()) == len(frames_of(made))


def test_a_fault_at_a_time_strikes_the_first_frame_from_then_on_and_no_other() -> None:
    made = connected("drop@3")
    made.advance(10 * SECOND)
    (dropped,) = struck(made, "drop")
    data = [entry for entry in made.truth.entries if entry.kind in ("book", "trade", "snapshot")]
    assert dropped == next(entry for entry in data if entry.at_ns >= 3 * SECOND)


def test_only_frames_with_market_data_are_struck() -> None:
    made = connected("drop:1")
    made.advance(3 * SECOND)
    assert {frame["ch"] for frame in payloads(made.drain())} == {"hello", "ok", "hb"}


def test_repeated_frames_are_sent_twice_in_a_row() -> None:
    made = connected("repeat:0.05")
    made.advance(10 * SECOND)
    actions, repeated = made.drain(), [e for e in made.truth.entries if e.outcome == Outcome.REPEATED]
    assert len(repeated) > 20
    for entry in repeated:
        assert entry.wire is not None
        first, second = actions[entry.wire - 1], actions[entry.wire]
        assert isinstance(first, SendFrame)
        assert isinstance(second, SendFrame)
        assert first.payload == second.payload
        assert made.truth.entries[made.truth.entries.index(entry) - 1].number == entry.number


def test_a_reordered_frame_comes_after_the_next_one_with_the_book_of_its_own_time() -> None:
    plain, made = connected(), connected("reorder@3")
    plain.advance(10 * SECOND)
    made.advance(10 * SECOND)
    delayed, late = struck(made, "reorder")
    assert (delayed.outcome, delayed.wire) == (Outcome.DELAYED, None)
    assert late.outcome == Outcome.SENT
    assert (late.number, late.bids, late.asks) == (delayed.number, delayed.bids, delayed.asks)
    expected, place = plain.drain(), late.wire
    assert place is not None
    expected[place - 1], expected[place] = expected[place], expected[place - 1]
    assert payloads(made.drain()) == payloads(expected)


def test_a_frame_that_is_held_back_at_the_end_of_its_connection_is_lost() -> None:
    made = connected("reorder:1")
    made.advance(SECOND)
    made.closed(0, SECOND)
    made.advance(2 * SECOND)
    assert {frame["ch"] for frame in payloads(made.drain())} == {"hello", "ok", "hb"}


def test_a_corrupted_frame_differs_in_one_digit() -> None:
    plain, made = connected(), connected("corrupt:0.05")
    plain.advance(10 * SECOND)
    made.advance(10 * SECOND)
    truth, sent, altered = plain.drain(), made.drain(), 0
    for entry, was, action in zip(frames_of(made), truth, sent, strict=True):
        assert isinstance(was, SendFrame)
        assert isinstance(action, SendFrame)
        differing = [pair for pair in zip(was.payload, action.payload, strict=True) if pair[0] != pair[1]]
        if entry.outcome == Outcome.ALTERED:
            assert entry.faults == ("corrupt",)
            assert all(chr(byte).isdigit() for byte in differing[0])
            assert len(differing) == 1
            altered += 1
        else:
            assert differing == []
    assert altered > 20


def test_a_wrong_checksum_leaves_all_else_as_it_was() -> None:
    plain, made = connected(), connected("checksum:0.1")
    plain.advance(10 * SECOND)
    made.advance(10 * SECOND)
    wrong = 0
    for entry, was, frame in zip(
        frames_of(made), payloads(plain.drain()), payloads(made.drain()), strict=True
    ):
        if "checksum" in entry.faults:
            assert frame.pop("crc") != was.pop("crc")
            wrong += 1
        assert frame == was
    assert wrong > 20


def test_a_wrong_checksum_waits_for_a_frame_that_has_one() -> None:
    made = venue("checksum@0")
    connection = made.connect(0, "/ws")
    made.receive(connection, subscribe(channel="trade"), 0)
    made.advance(5 * SECOND)
    assert struck(made, "checksum") == []
    made.receive(connection, subscribe(), 5 * SECOND)
    (entry,) = struck(made, "checksum")
    assert entry.kind == FrameKind.SNAPSHOT


def test_adding_a_fault_leaves_the_draws_of_the_others_as_they_were() -> None:
    alone, both = connected("drop:0.02"), connected("corrupt:0.1,drop:0.02,jump@4")
    for made in (alone, both):
        made.advance(10 * SECOND)
    assert [entry.number for entry in struck(alone, "drop")] == [
        entry.number for entry in struck(both, "drop")
    ]


# --- faults of connections


def test_a_silent_symbol_speaks_again_when_it_is_subscribed_again() -> None:
    made = connected("silent@2", subscribe("A/B"), subscribe("C/D"), symbols=("A/B", "C/D"))
    made.advance(5 * SECOND)
    (event,) = [entry for entry in made.truth.entries if entry.outcome == Outcome.STRUCK]
    symbol = event.symbol
    assert symbol in ("A/B", "C/D")
    made.drain()
    made.advance(10 * SECOND)
    spoke = Counter(frame.get("sym") for frame in payloads(made.drain()))
    assert spoke[symbol] == 0
    assert sum(spoke.values()) > 100
    suppressed = struck(made, "silent")[1:]
    assert {entry.symbol for entry in suppressed} == {symbol}
    made.receive(0, subscribe(symbol, op="unsub"), 10 * SECOND)
    made.receive(0, subscribe(symbol), 10 * SECOND)
    made.advance(12 * SECOND)
    assert Counter(frame.get("sym") for frame in payloads(made.drain()))[symbol] > 20


def test_a_half_open_connection_stays_and_says_nothing() -> None:
    made = connected("half-open@2")
    made.advance(2 * SECOND)
    (stall,) = [action for action in made.drain() if not isinstance(action, SendFrame)]
    assert stall == StallConnection(0, 2 * SECOND)
    made.receive(0, subscribe(), 3 * SECOND)
    made.advance(10 * SECOND)
    assert made.drain() == []
    assert made.connections == [0]
    assert struck(made, "half-open")[-1].outcome == Outcome.SUPPRESSED


def test_a_mute_connection_is_accepted_and_never_answered() -> None:
    made = connected("mute@0")
    made.advance(SECOND)
    assert made.drain() == [StallConnection(0, 0)]
    made.connect(2 * SECOND, "/ws")
    assert payloads(made.drain()) == [{"ch": "hello"}]


@pytest.mark.parametrize(("name", "kind"), [("reset", ResetConnection), ("disconnect", CloseConnection)])
def test_a_connection_is_cut_at_its_time(name: str, kind: type) -> None:
    made = connected(f"{name}@2")
    made.advance(10 * SECOND)
    last = made.drain()[-1]
    assert isinstance(last, kind)
    assert last.at_ns == 2 * SECOND
    assert made.connections == []
    (entry,) = struck(made, name)
    assert (entry.outcome, entry.connection) == (Outcome.ENDED, 0)


def test_a_fault_at_a_time_waits_for_a_connection_with_a_subscription() -> None:
    made = venue("disconnect@1")
    connection = made.connect(3 * SECOND, "/ws")
    made.advance(5 * SECOND)
    assert made.connections == [connection]
    made.receive(connection, subscribe(), 6 * SECOND)
    assert made.connections == []
    assert made.connect(7 * SECOND, "/ws") == 1
    made.receive(1, subscribe(), 7 * SECOND)
    made.advance(20 * SECOND)
    assert made.connections == [1]


def test_a_fault_with_a_rate_passes_when_there_is_no_victim() -> None:
    made = venue("disconnect:5")
    made.advance(10 * SECOND)
    assert made.truth.entries == []
    connection = made.connect(10 * SECOND, "/ws")
    made.receive(connection, subscribe(), 10 * SECOND)
    assert made.connections == [connection]
    made.advance(15 * SECOND)
    assert made.connections == []


def test_bytes_of_a_slow_connection_leave_late_and_in_order() -> None:
    made = connected("slow@2")
    made.advance(4 * SECOND)
    actions = made.drain()
    (slow,) = [action for action in actions if isinstance(action, SlowConnection)]
    after = [action for action in actions[actions.index(slow) :] if isinstance(action, SendFrame)]
    times = [action.at_ns for action in after]
    assert times == sorted(times)
    assert times[0] == frames_of(made)[len(actions) - 1 - len(after)].at_ns + len(
        after[0].payload
    ) * SECOND // (slow.bytes_per_s)
    assert slow.until_ns > 3 * SECOND


def test_clock_faults_bend_the_venue_s_stamps_only() -> None:
    made = connected("jump@2,skew@4")
    made.advance(10 * SECOND)
    offsets = [
        frame["ts"] - entry.at_ns - WALL
        for frame, entry in zip(payloads(made.drain()), frames_of(made), strict=True)
        if "ts" in frame
    ]
    jumped = [offset for offset in dict.fromkeys(offsets) if offset]
    assert offsets[0] == 0
    assert 0 < abs(jumped[0]) <= 5 * SECOND
    drift = abs(offsets[-1] - jumped[0])
    assert 0 < drift <= 6 * SECOND * 500 / 1_000_000
    details = [entry.detail for entry in made.truth.entries if entry.kind == "clock"]
    assert details == [f"by {jumped[0]} ns", details[1]]


def test_a_fault_without_a_time_comes_once_within_the_first_minute() -> None:
    times = []
    for seed in range(8):
        made = connected("disconnect", seed=seed, rate=5.0)
        made.advance(120 * SECOND)
        (entry,) = struck(made, "disconnect")
        times.append(entry.at_ns)
    assert max(times) < 60 * SECOND
    assert len(set(times)) == 8


# --- faults of the market and of the venue itself


def test_a_tick_size_becomes_a_tenth_once_for_each_instrument() -> None:
    made = connected("tick:5", subscribe("A/B"), subscribe("C/D"), symbols=("A/B", "C/D"))
    before = made.market.bids("A/B", 3)
    assert made.market.listings["A/B"].tick == 10
    made.advance(10 * SECOND)
    told = [frame for frame in payloads(made.drain()) if frame["ch"] == "tick"]
    assert sorted(frame["sym"] for frame in told) == ["A/B", "C/D"]
    assert {frame["tick"] for frame in told} == {1}
    assert {listing.price_decimals for listing in made.market.listings.values()} == {3}
    assert all(price % 10 == 0 for price, _ in before)
    assert any(price % 10 for price, _ in made.market.bids("A/B", 10))


def test_a_notice_reaches_every_session_and_one_that_closes_says_nothing_more() -> None:
    made = venue("goodbye@2")
    for _ in range(2):
        made.receive(made.connect(0, "/ws"), subscribe(), 0)
    made.advance(5 * SECOND)
    actions = [action for action in made.drain() if action.at_ns >= 2 * SECOND]
    assert [type(action) for action in actions] == [SendFrame, CloseConnection] * 2
    assert payloads(actions) == [{"ch": "goodbye", "sym": "A/B"}] * 2
    assert actions[1] == CloseConnection(0, 1012, "later", 2 * SECOND)
    assert made.connections == []
    assert [entry.detail for entry in made.truth.entries if entry.outcome == Outcome.ENDED] == [
        "closed with 1012"
    ] * 2
    assert [(entry.kind, entry.symbol) for entry in struck(made, "goodbye")] == [("venue", "A/B")]


def test_a_stalled_connection_does_not_hear_that_it_ends() -> None:
    made = connected("half-open@1,goodbye@2")
    other = made.connect(SECOND, "/ws")
    made.receive(other, subscribe(), SECOND)
    made.advance(5 * SECOND)
    assert made.connections == [0]
    assert [action.connection for action in made.drain() if isinstance(action, CloseConnection)] == [other]
