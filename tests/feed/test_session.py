"""What a feed says to its venue, and when: subscriptions, silence, losses, pings."""

from __future__ import annotations

import json
import random

import attrs
import pytest
from feed_desk import Desk, kits_of, reconnects
from toy_venue import HEARTBEAT, ToyNormalizer, ack, refused

from mm_framework.contracts.adapter import VenueLimits
from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass, GoingAway, MessageWriter
from mm_framework.feed.output import (
    Acknowledged,
    ClockSample,
    Reconnect,
    Refusal,
    Rotate,
    Send,
    Silent,
    StateChanged,
    StatusChanged,
)
from mm_framework.model.events import Kind, Reason, SyncState
from mm_framework.model.frame import RecordKind, encode_json

WRONG = b'"c": 1'
OFFLINE = b'{"ch":"status","text":"maintenance","online":false}'
ONLINE = b'{"ch":"status","text":"online","online":true}'


def damaged(frame: bytes) -> bytes:
    """The frame with a wrong checksum."""
    return frame.replace(b'"c": ', WRONG)


# subscribing


def test_an_open_connection_is_subscribed_one_message_a_channel() -> None:
    desk = Desk(("A/B", "C/D"), channels=("book", "trade"))
    assert desk.all.commands == []
    sent = desk.open().sent()
    assert [(one["op"], one["ch"], one["depth"], one["syms"]) for one in sent] == [
        ("sub", "book", 5, ["A/B", "C/D"]),
        ("sub", "trade", None, ["A/B", "C/D"]),
    ]
    assert len({one["id"] for one in sent}) == 2
    assert all(one.connection == 0 for one in desk.all.of(Send))


def test_definitions_are_awaited_before_the_subscriptions() -> None:
    desk = Desk(kits=kits_of(metadata_first=True))
    assert [one["op"] for one in desk.open().sent()] == ["meta"]
    assert desk.frame(desk.market.metadata()).commands == []
    assert [one["op"] for one in desk.frame(b'{"ch":"meta_done"}').sent()] == ["sub"]
    desk.frame(desk.market.snapshot())
    definition = desk.feed.definitions[0]
    assert (definition.price_scale, definition.size_scale, definition.precision) == (2, 3, "metadata")
    assert (definition.tick_size, definition.depth) == ("0.01", 5)


def test_definitions_that_do_not_come_are_not_awaited_forever() -> None:
    desk = Desk(kits=kits_of(metadata_first=True), metadata_timeout_s=3.0)
    desk.open()
    waited, reading = desk.due()
    assert waited == 3.0
    assert [one["op"] for one in reading.sent()] == ["sub"]
    assert desk.frame(b'{"ch":"meta_done"}').commands == []


def test_a_symbol_that_is_not_listed_is_refused_with_near_names() -> None:
    desk = Desk(("BTC/EURO", "A/B"), kits=kits_of(metadata_first=True))
    desk.open()
    for symbol in ("BTC/EUR", "A/B", "ETH/EUR"):
        desk.frame(json.dumps({"ch": "meta", "sym": symbol}).encode())
    reading = desk.frame(b'{"ch":"meta_done"}')
    (refusal,) = reading.of(Refusal)
    assert (refusal.instrument, refusal.channel) == ("toy:BTC/EURO", "book")
    assert refusal.text.startswith("toy does not list BTC/EURO; near are BTC/EUR")
    assert [one["syms"] for one in reading.sent()] == [["A/B"]]
    desk.do(desk.log.lost())
    desk.open(1)
    desk.frame(b'{"ch":"meta","sym":"A/B"}', 1)
    assert desk.frame(b'{"ch":"meta_done"}', 1).of(Refusal) == []


def test_metadata_of_an_unknown_connection_is_harmless() -> None:
    desk = Desk(kits=kits_of(metadata_first=True))
    assert desk.frame(b'{"ch":"meta_done"}', 9).commands == []


def test_a_missing_acknowledgement_is_asked_for_again() -> None:
    desk = Desk(ack_timeout_s=4.0)
    desk.open()
    for _ in range(3):
        waited, reading = desk.due()
        assert waited == 4.0
        assert [one["op"] for one in reading.sent()] == ["unsub", "sub"]


def test_an_acknowledged_book_without_a_snapshot_is_asked_for_again() -> None:
    desk = Desk(ack_timeout_s=4.0)
    desk.open()
    assert desk.frame(ack("A/B")).of(Acknowledged) == [Acknowledged("toy:A/B", "book", True)]
    waited, reading = desk.act()
    assert waited == pytest.approx(4.0, abs=0.01)
    assert [one["op"] for one in reading.sent()] == ["unsub", "sub"]
    assert reading.of(Silent) == []


def test_updates_do_not_put_off_the_wait_for_a_snapshot_that_was_damaged() -> None:
    desk = Desk(ack_timeout_s=4.0)
    desk.open()
    desk.frame(ack("A/B"))
    desk.frame(b"{" + desk.market.snapshot())
    start = desk.log.mono_ns
    for _ in range(20):
        desk.frame(desk.market.step())
    _, reading = desk.act()
    assert desk.log.mono_ns - start < 4.1e9
    assert [one["op"] for one in reading.sent()] == ["unsub", "sub"]


@pytest.mark.parametrize("by", ["symbol", "request"])
def test_a_refused_subscription_is_reported_and_left_alone(by: str) -> None:
    desk = Desk(("A/B", "C/D"), channels=("book", "trade"))
    request = desk.open().sent()[0]
    named = (
        refused("A/B") if by == "symbol" else refused("A/B", req_id=request["id"]).replace(b'"A/B"', b"null")
    )
    refusals = desk.frame(named).of(Refusal)
    symbols = ["toy:A/B"] if by == "symbol" else ["toy:A/B", "toy:C/D"]
    assert refusals == [Refusal("no such symbol", symbol, "book") for symbol in symbols]
    assert desk.feed.counts.refusals == 1
    _, reading = desk.due()
    assert not set(symbols) & {
        f"toy:{s}" for one in reading.sent() if one["ch"] == "book" for s in one["syms"]
    }


def test_a_refusal_of_what_worked_before_is_tried_again() -> None:
    desk = Desk(ack_timeout_s=4.0)
    desk.synced()
    desk.due()
    assert desk.frame(refused("A/B")).of(Refusal) == []
    for _ in range(3):
        assert [one["op"] for one in desk.due()[1].sent()] == ["unsub", "sub"]


def test_when_everything_is_refused_nothing_is_awaited() -> None:
    desk = Desk(idle_s=60.0)
    desk.open()
    desk.frame(refused("A/B"))
    reading = desk.act()[1]
    assert reconnects(reading) == [Reconnect(0, Reason.IDLE)]


# silence


def test_a_silent_book_is_probed() -> None:
    desk = Desk(stream_idle_s=50.0)
    desk.synced()
    reading = desk.act()[1]
    assert reading.of(Silent) == [Silent("toy:A/B", "book", 50.0)]
    assert [one["op"] for one in reading.sent()] == ["unsub", "sub"]
    desk.frame(ack("A/B"))
    assert desk.frame(desk.market.snapshot()).of(StateChanged)[-1].new is SyncState.SYNCED
    assert desk.feed.counts.gaps == 0


def test_what_was_lost_in_silence_is_declared_by_the_probe() -> None:
    desk = Desk(stream_idle_s=50.0)
    desk.synced()
    desk.act()
    desk.market.set(1, 9999, 7)
    desk.frame(desk.market.snapshot())
    assert [(r.kind, r.aux, r.epoch) for r in desk.last.events() if r.kind == Kind.GAP] == [
        (Kind.GAP, Reason.SILENT, 1)
    ]
    assert desk.state() == "SYNCED"


def test_a_quiet_book_is_probed_at_growing_pauses_and_an_update_ends_them() -> None:
    desk = Desk(stream_idle_s=50.0)
    desk.synced()
    told = []
    for _ in range(4):
        told += [one.idle_s for one in desk.act()[1].of(Silent)]
        desk.frame(ack("A/B"))
        desk.frame(desk.market.snapshot())
    assert told == [50.0, 100.0, 200.0, 400.0]
    assert desk.feed.counts.gaps == 0
    desk.frame(desk.market.set(1, 9999, 7))
    assert desk.act()[1].of(Silent) == [Silent("toy:A/B", "book", 50.0)]


def test_a_quiet_trade_channel_is_asked_for_at_growing_pauses() -> None:
    desk = Desk(channels=("trade",), stream_idle_s=50.0)
    desk.open()
    desk.frame(ack("A/B", "trade"))
    told = []
    for _ in range(9):
        told += [one.idle_s for one in desk.act()[1].of(Silent)]
        desk.frame(ack("A/B", "trade"))
    assert told == [50.0, 100.0, 200.0, 400.0, 800.0, 1600.0, 3200.0, 3600.0, 3600.0]
    desk.frame(desk.market.trade())
    assert desk.act()[1].of(Silent) == [Silent("toy:A/B", "trade", 50.0)]


# losses of the book


def test_resyncs_in_a_row_wait_longer_and_end_unverified() -> None:
    desk = Desk(
        resync_backoff_s=1.0,
        resync_backoff_max_s=6.0,
        resync_attempts=5,
        unverified_retry_s=300.0,
        ack_timeout_s=1e4,
        stream_idle_s=1e5,
    )
    desk.open()
    desk.frame(ack("A/B"))
    pauses: list[float] = []
    for _ in range(5):
        reading = desk.frame(damaged(desk.market.snapshot()))
        pauses.append(0.0)
        if not reading.commands:
            pauses[-1], reading = desk.act()
        assert [one["op"] for one in reading.sent()] == ["unsub", "sub"]
    assert pauses == [0.0, 1.0, 2.0, 4.0, 6.0]
    desk.frame(damaged(desk.market.snapshot()))
    desk.act()
    assert desk.frame(damaged(desk.market.snapshot())).commands == []
    assert desk.state() == "SYNCING"
    assert desk.act()[0] == pytest.approx(300.0, abs=0.01)
    desk.frame(desk.market.snapshot())
    assert desk.state() == "SYNCED"


def test_a_book_that_came_back_by_itself_is_not_asked_for_again() -> None:
    desk = Desk(resync_backoff_s=5.0)
    desk.open()
    desk.frame(ack("A/B"))
    for _ in range(2):
        desk.frame(damaged(desk.market.snapshot()))
    desk.frame(desk.market.snapshot())
    assert desk.state() == "SYNCED"
    waited, reading = desk.due()
    assert waited < 5.0
    assert reading.commands == []


def test_dropped_frames_lose_the_books_of_their_connection() -> None:
    desk = Desk(("A/B", "C/D"))
    desk.synced()
    body = encode_json({"count": 3, "bytes": 99, "connection": 0})
    reading = desk.do(desk.log.add(RecordKind.DROP, body, 0))
    gaps = [row for row in reading.events() if row.kind == Kind.GAP]
    assert {row.aux for row in gaps} == {Reason.DROPPED}
    assert len(gaps) == 2
    assert [one["op"] for one in reading.sent()] == ["unsub", "sub"] * 2
    assert desk.feed.counts.dropped_frames == 3
    assert desk.do(desk.log.add(RecordKind.DROP, body, 7)).events() == []


# connections


def test_a_lost_connection_is_a_gap_and_the_next_one_is_subscribed() -> None:
    desk = Desk()
    desk.synced()
    reading = desk.do(desk.log.lost("RESET"))
    assert [(r.kind, r.aux, r.epoch) for r in reading.events()] == [
        (Kind.GAP, Reason.RESET, 1),
        (Kind.SYNC_CHANGE, Reason.RESET, 2),
    ]
    assert desk.feed.next_deadline_ns() is None or desk.due()[1].commands == []
    assert [one["op"] for one in desk.open(1).sent()] == ["sub"]
    desk.frame(desk.market.snapshot(), 1)
    assert desk.state() == "SYNCED"
    assert {row.epoch for row in desk.last.events()} == {2}


def test_a_connection_that_ends_before_it_subscribed_leaves_no_book_waiting() -> None:
    desk = Desk(kits=kits_of(metadata_first=True))
    desk.open()
    changes = desk.do(desk.log.lost("RESET")).of(StateChanged)
    assert [(one.old, one.new) for one in changes] == [(SyncState.SNAPSHOT, SyncState.CONNECTING)]


def test_a_failed_attempt_changes_nothing() -> None:
    desk = Desk()
    reading = desk.do(desk.log.lost("CONNECT_FAILED"))
    assert (reading.events(), reading.notices, reading.commands) == ([], [], [])


def test_an_orderly_end_is_no_gap_and_nothing_is_due_after_it() -> None:
    desk = Desk()
    desk.synced()
    reading = desk.do(desk.log.lost("SHUTDOWN", planned=True))
    assert reading.events() == []
    stopped = desk.do(desk.log.stop())
    assert [one.new for one in stopped.of(StateChanged)] == [SyncState.STOPPED]
    assert desk.feed.counts.gaps == 0
    assert desk.feed.next_deadline_ns() is None


def test_what_comes_after_the_stop_is_passed_over() -> None:
    desk = Desk()
    desk.synced()
    desk.do(desk.log.stop())
    before = desk.feed.checkpoint()
    for payload in (desk.market.snapshot(), damaged(desk.market.step()), b"{"):
        reading = desk.frame(payload)
        assert (reading.events(), reading.notices, reading.commands) == ([], [], [])
    desk.do(desk.log.add(RecordKind.DROP, encode_json({"count": 1, "bytes": 1, "connection": 0})))
    assert desk.feed.checkpoint() == before


def test_a_second_connection_takes_over_by_its_snapshot_without_a_new_epoch() -> None:
    desk = Desk()
    desk.synced()
    desk.open(1)
    update = desk.market.step()
    assert desk.frame(update, 1).events() == []
    assert desk.feed.counts.foreign_frames == 1
    desk.frame(update, 0)
    desk.frame(desk.market.snapshot(), 1)
    assert desk.frame(b'{"ch":"hb"}', 0).events() == []
    assert desk.do(desk.log.lost("CLOCK_REFRESH", planned=True)).events() == []
    desk.frame(desk.market.step(), 1)
    assert desk.state() == "SYNCED"
    assert {row.epoch for row in desk.all.events()} == {1}
    assert desk.feed.counts.gaps == 0


def test_a_malformed_snapshot_hands_nothing_over() -> None:
    desk = Desk()
    desk.synced()
    desk.open(1)
    before = desk.feed.checkpoint()
    bad = json.loads(desk.market.snapshot())
    bad["asks"][-1][1] = "1."
    desk.frame(json.dumps(bad).encode(), 1)
    kept, now = json.loads(before), json.loads(desk.feed.checkpoint())
    for state in (kept, now):
        for link in state["links"]:
            link["last_ns"] = 0
    assert kept == now


# dead connections


def test_a_connection_without_any_message_is_dead() -> None:
    desk = Desk(idle_s=20.0)
    desk.open()
    for _ in range(50):
        desk.frame(HEARTBEAT)
        assert not reconnects(desk.last)
    while not (closed := reconnects(desk.due()[1])):
        pass
    assert closed == [Reconnect(0, Reason.IDLE)]


def test_a_closing_connection_is_asked_for_nothing_and_wakes_nobody() -> None:
    desk = Desk(("A/B", "C/D"), idle_s=20.0, stream_idle_s=15.0, kits=kits_of(ping_s=7.0))
    desk.synced()
    while not reconnects(desk.due()[1]):
        pass
    assert desk.feed.next_deadline_ns() is None
    for _ in range(5):  # its LOST never comes, but frames still do
        reading = desk.frame(damaged(desk.market.step()))
        assert reading.commands == []
        desk.frame(desk.market.snapshot())
        for _ in range(3):
            if desk.feed.next_deadline_ns() is not None:
                assert desk.due()[1].commands == []
        assert desk.feed.next_deadline_ns() is None


def test_pings_go_out_and_an_unanswered_one_ends_the_connection() -> None:
    desk = Desk(kits=kits_of(ping_s=7.0), ping_timeout_s=3.0, ack_timeout_s=1e5)
    desk.open()
    waited, reading = desk.due()
    assert waited == 7.0
    (ping,) = reading.sent()
    assert ping["op"] == "ping"
    desk.frame(b'{"op":"pong","id":%d}' % ping["id"])
    times = []
    while not reconnects(reading):
        waited, reading = desk.due()
        times += [one["op"] for one in reading.sent()]
    assert times == ["ping"]
    assert reconnects(reading) == [Reconnect(0, Reason.PING_TIMEOUT)]


# a venue whose channels have heartbeats of their own


def beat(symbol: str, channel: str = "book") -> bytes:
    return b'{"ch":"hb","of":"%s","sym":"%s"}' % (channel.encode(), symbol.encode())


def test_a_channel_that_says_that_it_lives_is_not_asked_about() -> None:
    desk = Desk(("A/B", "C/D"), stream_idle_s=30.0)
    desk.synced()
    asked = []
    for _ in range(12):
        desk.log.mono_ns += 10_000_000_000
        asked += desk.frame(beat("A/B")).sent()
    assert {symbol for one in asked for symbol in one["syms"]} == {"C/D"}
    assert desk.state("A/B") == "SYNCED"


def test_a_heartbeat_is_no_book_and_answers_no_question() -> None:
    desk = Desk(stream_idle_s=30.0, ack_timeout_s=5.0)
    desk.open()
    desk.frame(ack("A/B"))
    desk.log.mono_ns += 4_000_000_000
    desk.frame(beat("A/B"))
    desk.log.mono_ns += 2_000_000_000
    assert [one["op"] for one in desk.frame(beat("A/B")).sent()] == ["unsub", "sub"], "the snapshot is due"


def test_a_heartbeat_of_another_connection_or_of_nobodys_says_nothing() -> None:
    desk = Desk(stream_idle_s=30.0)
    desk.synced()
    before = desk.feed.next_deadline_ns()
    for one in (beat("X/Y"), beat("A/B", "trade")):
        reading = desk.frame(one)
        assert (reading.commands, reading.events()) == ([], [])
    assert desk.feed.next_deadline_ns() == before


# a venue that does not trade


def test_while_the_venue_does_not_trade_silence_means_nothing() -> None:
    desk = Desk(("A/B", "C/D"), stream_idle_s=50.0)
    desk.synced()
    reading = desk.frame(OFFLINE)
    assert reading.of(StatusChanged) == [StatusChanged("maintenance", False)]
    assert [(row.kind, row.size) for row in reading.events()] == [(Kind.STATUS, 0)] * 2
    assert desk.frame(OFFLINE).events() == []
    for _ in range(6):
        assert desk.due()[1].commands == []
    desk.frame(ONLINE)
    sent = []
    for _ in range(4):
        sent += desk.due()[1].sent()
    assert {one["op"] for one in sent} == {"unsub", "sub"}


def test_a_resync_waits_for_the_venue_to_trade_again() -> None:
    desk = Desk(resync_backoff_s=5.0, resync_backoff_max_s=30.0)
    desk.open()
    desk.frame(ack("A/B"))
    desk.frame(damaged(desk.market.snapshot()))
    desk.frame(damaged(desk.market.snapshot()))
    desk.frame(OFFLINE)
    for _ in range(8):
        assert desk.due()[1].commands == []
    desk.frame(ONLINE)
    sent = []
    for _ in range(2):
        sent += [one["op"] for one in desk.due()[1].sent()]
    assert sent[:2] == ["unsub", "sub"]


def test_the_state_of_one_market_is_a_notice_only() -> None:
    desk = Desk()
    desk.synced()
    reading = desk.frame(b'{"ch":"status","text":"halt","online":false,"sym":"A/B"}')
    assert reading.of(StatusChanged) == [StatusChanged("halt", False, "toy:A/B")]
    assert reading.events() == []


# all deadlines together


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happens_no_deadline_stays_in_the_past(seed: int) -> None:
    """`Desk.due` fails when one does: a runner would log TICK records without end."""
    draw = random.Random(seed)
    desk = Desk(
        ("A/B", "C/D"),
        channels=("book", "trade"),
        kits=kits_of(ping_s=9.0, metadata_first=True),
        idle_s=40.0,
        stream_idle_s=30.0,
    )
    connection, closed = 0, 0
    desk.open()
    for _ in range(600):
        market, roll = draw.choice(desk.markets), draw.randrange(20)
        if roll < 8 and desk.feed.next_deadline_ns() is not None:
            closed += len(reconnects(desk.due()[1]))
        elif roll < 11:
            desk.frame(draw.choice([market.snapshot(), damaged(market.snapshot())]), connection)
        elif roll < 13:
            desk.frame(draw.choice([market.step(), market.trade(), damaged(market.step())]), connection)
        elif roll < 15:
            desk.frame(draw.choice([ONLINE, OFFLINE]), connection)
        elif roll < 17:
            channel = draw.choice(["book", "trade"])
            desk.frame(
                draw.choice([ack(market.symbol, channel), refused(market.symbol, channel)]), connection
            )
        elif roll < 18:
            desk.frame(draw.choice([b'{"ch":"meta_done"}', market.metadata(), b'{"op":"pong"}']), connection)
        elif roll < 19:
            desk.frame(market.snapshot(), 99)  # a connection that nobody opened
        elif draw.random() < 0.3:
            desk.do(desk.log.lost(connection=connection))
            connection += 1
            desk.open(connection)
    assert closed > 0


# the venue's clock


def test_a_clock_sample_of_known_numbers() -> None:
    desk = Desk()
    desk.open()
    desk.do(desk.log.sent(b'{"op":"ping","id":77}'))
    wall = desk.log.wall0_ns + desk.log.mono_ns - desk.log.mono0_ns
    # 1 ms to and fro; the venue is 500 us ahead, and answers 100 us after the question came.
    answer = {"op": "pong", "id": 77, "in": wall + 950_000, "out": wall + 1_050_000}
    (sample,) = desk.frame(json.dumps(answer).encode()).of(ClockSample)
    assert sample == ClockSample(0, "pong", 500_000, 900_000)
    assert desk.frame(json.dumps(answer).encode()).of(ClockSample) == []


def test_an_acknowledgement_is_a_clock_sample_too() -> None:
    desk = Desk()
    (request,) = desk.open().of(Send)
    desk.do(desk.log.sent(request.payload))
    body = json.loads(ack("A/B", req_id=json.loads(request.payload)["id"]))
    wall = desk.log.wall0_ns + desk.log.mono_ns - desk.log.mono0_ns
    (sample,) = desk.frame(json.dumps({**body, "in": wall, "out": wall}).encode()).of(ClockSample)
    assert sample == ClockSample(0, "acknowledgement", -500_000, 1_000_000)


def test_an_answer_that_nobody_asked_for_is_no_sample() -> None:
    desk = Desk()
    desk.open()
    assert desk.frame(b'{"op":"pong","id":5,"in":1,"out":2}').of(ClockSample) == []


def test_a_connection_is_replaced_before_it_is_too_old() -> None:
    kits = kits_of()
    kits["toy"].adapter.limits = VenueLimits(max_age_s=3600.0)
    desk = Desk(kits=kits, stream_idle_s=1e6)
    desk.synced()
    desk.due()  # the bound of the first acknowledgement, which has come
    when_s, said = desk.due()
    assert said.commands == [Rotate(0, Reason.SESSION_AGE)]
    assert 3580 < when_s <= 3600


def test_a_venue_that_goes_away_is_left_for_a_new_connection_once() -> None:
    class Leaving(ToyNormalizer):
        def decode(self, frame: bytes, connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
            if frame == b"bye":
                out.control(GoingAway("restart"))
                return FrameClass.CONTROL
            return super().decode(frame, connection, out)

    kits = kits_of()
    desk = Desk(kits={"toy": attrs.evolve(kits["toy"], normalizer=Leaving())})
    desk.synced()
    assert desk.frame(b"bye").commands == [Rotate(0, Reason.VENUE_NOTICE)]
    assert desk.frame(b"bye").commands == []
