"""Subscriptions come and go while a shard lives."""

from __future__ import annotations

import attrs
import pytest
from feed_desk import Desk, book_of, checkpoint_record, kits_of, read
from toy_venue import ToyLog, ToyMarket, ack, refused, toy_config, toy_kits

from mm_framework.contracts.normalizer import InstrumentInfo
from mm_framework.errors import CorruptFrame, SchemaMismatch
from mm_framework.feed import Feed
from mm_framework.feed.output import Refusal, Send, StateChanged, StatusChanged
from mm_framework.model.events import Kind, Reason, SyncState
from mm_framework.model.frame import RecordKind


def joined(desk: Desk, symbol: str = "C/D") -> ToyMarket:
    """The desk follows another symbol, up to its snapshot."""
    market = ToyMarket(symbol, seed=9)
    desk.markets.append(market)
    desk.control("follow", book_of(symbol))
    desk.frame(ack(symbol))
    desk.frame(market.snapshot())
    return market


# following


def test_what_is_followed_on_a_live_connection_is_subscribed_at_once() -> None:
    desk = Desk()
    desk.synced()
    reading = desk.control("follow", book_of("C/D"), book_of("C/D", "trade"), book_of("E/F"))
    assert [(one["op"], one["ch"], one["syms"]) for one in reading.sent()] == [
        ("sub", "book", ["C/D", "E/F"]),
        ("sub", "trade", ["C/D"]),
    ]
    market = ToyMarket("C/D", seed=9)
    desk.frame(ack("C/D"))
    changes = desk.frame(market.snapshot()).of(StateChanged)
    assert [one.new for one in changes] == [SyncState.SYNCING, SyncState.SYNCED]
    assert desk.state("A/B") == desk.state("C/D") == "SYNCED"
    assert desk.feed.counts.gaps == 0


def test_what_is_followed_without_a_connection_waits_for_one() -> None:
    desk = Desk()
    assert desk.control("follow", book_of("C/D")).commands == []
    assert [one["syms"] for one in desk.open().sent()] == [["A/B", "C/D"]]


def test_what_is_followed_before_the_definitions_came_waits_for_them() -> None:
    desk = Desk(kits=kits_of(metadata_first=True))
    desk.open()
    assert desk.control("follow", book_of("C/D")).commands == []
    assert [one["syms"] for one in desk.frame(b'{"ch":"meta_done"}').sent()] == [["A/B", "C/D"]]


def test_what_is_followed_already_is_left_alone() -> None:
    desk = Desk()
    desk.synced()
    reading = desk.control("follow", book_of("A/B"))
    assert (reading.commands, reading.notices, reading.events()) == ([], [], [])


def test_metadata_that_comes_along_gives_the_scales_of_the_first_row() -> None:
    desk = Desk()
    desk.synced()
    info = InstrumentInfo("C/D", tick_size="0.01", lot_size="0.001", price_decimals=2, size_decimals=3)
    desk.control("follow", book_of("C/D"), infos=[attrs.asdict(info)])
    desk.frame(ack("C/D"))
    desk.frame(ToyMarket("C/D", seed=9).snapshot())
    definition = desk.feed.definitions[-1]
    assert (definition.id, definition.price_scale, definition.size_scale) == ("toy:C/D", 2, 3)
    assert (definition.tick_size, definition.lot_size) == ("0.01", "0.001")
    assert len([one for one in desk.feed.definitions if one.id == "toy:C/D"]) == 1


def test_metadata_in_the_configuration_does_the_same() -> None:
    config = toy_config()
    config["infos"] = [attrs.asdict(InstrumentInfo("A/B", tick_size="0.01"))]
    log = ToyLog(config)
    feed = Feed(toy_kits())
    for record in (log.records[0], log.open(), log.frame(ToyMarket().snapshot())):
        feed.feed(record)
    assert feed.definitions[0].tick_size == "0.01"
    assert feed.config.to_json()["infos"]
    assert "infos" not in ToyLog(toy_config()).records[0].decode("latin-1")


def test_a_long_list_is_awaited_as_long_as_the_venue_lets_us_ask() -> None:
    kits = kits_of()
    limits = attrs.evolve(kits["toy"].adapter.limits, messages_per_s=2.0)
    kits["toy"].adapter.limits = limits
    desk = Desk(kits=kits, ack_timeout_s=4.0)
    desk.synced()
    many = [attrs.evolve(book_of(f"N{n}/X"), depth=n + 5) for n in range(20)]
    assert len(desk.control("follow", *many).sent()) == 20
    start = desk.log.mono_ns
    _, reading = desk.act()
    assert 4.0 <= (desk.log.mono_ns - start) / 1e9 < 5.0
    assert len(reading.sent()) == 2, "only the first one's answer is due"


# following no longer


def test_an_unfollowed_instrument_stops_and_its_late_frames_are_counted() -> None:
    desk = Desk()
    desk.synced()
    market = joined(desk)
    reading = desk.control("unfollow", book_of("C/D"))
    assert [(one["op"], one["syms"]) for one in reading.sent()] == [("unsub", ["C/D"])]
    (change,) = reading.of(StateChanged)
    assert (change.instrument, change.new, change.reason) == (
        "toy:C/D",
        SyncState.STOPPED,
        Reason.UNSUBSCRIBED,
    )
    rows = reading.events()
    assert [(row.kind, row.epoch) for row in rows] == [(Kind.SYNC_CHANGE, 1)]
    for frame in (market.step(), market.snapshot(), market.step()):
        assert desk.frame(frame).events() == []
    assert desk.feed.counts.unfollowed_frames == 3
    assert desk.feed.counts.gaps == 0
    desk.frame(desk.market.step())
    assert desk.state("A/B") == "SYNCED"


def test_the_others_on_the_connection_feel_nothing() -> None:
    desk = Desk(stream_idle_s=30.0)
    desk.synced()
    joined(desk)
    desk.control("unfollow", book_of("C/D"))
    for _ in range(20):
        desk.frame(desk.market.step())
    _, reading = desk.act()
    assert [one["syms"] for one in reading.sent()] == [["A/B"], ["A/B"]], "nothing is awaited of C/D"
    assert desk.feed.counts.epochs == 2


def test_following_again_begins_a_new_epoch_without_a_gap() -> None:
    desk = Desk()
    desk.synced()
    market = joined(desk)
    for _ in range(5):
        desk.frame(market.step())
    desk.control("unfollow", book_of("C/D"))
    reading = desk.control("follow", book_of("C/D"))
    assert [one["op"] for one in reading.sent()] == ["sub"]
    assert [one.new for one in reading.of(StateChanged)] == [SyncState.CONNECTING, SyncState.SNAPSHOT]
    desk.frame(ack("C/D"))
    rows = desk.frame(market.snapshot()).events()
    assert {row.epoch for row in rows} == {2}
    assert desk.state("C/D") == "SYNCED"
    assert desk.feed.counts.gaps == 0
    numbers = {one.number for one in desk.feed.definitions if one.id == "toy:C/D"}
    assert len(numbers) == 1


def test_trades_that_were_missed_on_purpose_are_no_gap() -> None:
    desk = Desk(channels=("book", "trade"))
    desk.synced()
    desk.frame(desk.market.trade())
    desk.control("unfollow", book_of("A/B", "trade"))
    for _ in range(3):
        assert desk.frame(desk.market.trade()).events() == []
    desk.control("follow", book_of("A/B", "trade"))
    (row,) = desk.frame(desk.market.trade()).events()
    assert (row.kind, row.aux) == (Kind.TRADE, 5)
    assert desk.state() == "SYNCED"


def test_trades_that_are_told_again_to_a_new_follower_are_dropped_also_after_a_restart() -> None:
    desk = Desk(channels=("book", "trade"))
    desk.synced()
    told = [desk.market.trade() for _ in range(2)]
    for frame in told:
        desk.frame(frame)
    desk.control("unfollow", book_of("A/B", "trade"))
    desk.control("follow", book_of("A/B", "trade"))
    other = Feed(toy_kits())
    read(other, [checkpoint_record(desk.feed.checkpoint(), desk.log.records[-1])])
    for frame, ids in ((told[1], []), (desk.market.trade(count=2), [3, 4])):
        desk.frame(frame)
        assert [row.aux for row in desk.last.events()] == ids
        assert bytes(read(other, [desk.log.records[-1]]).rows) == bytes(desk.last.rows)
    assert desk.feed.counts.duplicate_trades == 1
    assert desk.feed.counts.gaps == 0


def test_what_is_not_followed_can_be_unfollowed() -> None:
    desk = Desk()
    desk.synced()
    for one in (book_of("X/Y"), book_of("A/B", "trade")):
        reading = desk.control("unfollow", one)
        assert (reading.commands, reading.events()) == ([], [])
    desk.control("unfollow", book_of())
    assert desk.control("unfollow", book_of()).commands == []


def test_an_unfollowed_subscription_is_not_asked_for_on_the_next_connection() -> None:
    desk = Desk(("A/B", "C/D"))
    desk.synced()
    desk.control("unfollow", book_of("C/D"))
    changes = desk.do(desk.log.lost("RESET")).of(StateChanged)
    assert [one.instrument for one in changes] == ["toy:A/B"]
    assert [one["syms"] for one in desk.open(1).sent()] == [["A/B"]]
    assert desk.state("C/D") == "STOPPED"


def test_an_acknowledgement_that_comes_too_late_is_answered_by_unsubscribing() -> None:
    """A venue that gives numbers cannot be told before it gave one."""
    desk = Desk()
    desk.synced()
    desk.control("follow", book_of("C/D"))
    desk.control("unfollow", book_of("C/D"))
    reading = desk.frame(ack("C/D"))
    assert [(one["op"], one["syms"]) for one in reading.sent()] == [("unsub", ["C/D"])]
    assert desk.frame(refused("C/D")).of(Refusal) == []


def test_a_refused_subscription_can_be_followed_again_after_it_was_left() -> None:
    desk = Desk()
    desk.synced()
    desk.control("follow", book_of("C/D"))
    assert len(desk.frame(refused("C/D")).of(Refusal)) == 1
    desk.control("unfollow", book_of("C/D"))
    assert [one["syms"] for one in desk.control("follow", book_of("C/D")).sent()] == [["C/D"]]


def test_the_end_of_a_run_leaves_what_had_stopped() -> None:
    desk = Desk(("A/B", "C/D"))
    desk.synced()
    desk.control("unfollow", book_of("C/D"))
    changes = desk.do(desk.log.stop()).of(StateChanged)
    assert [(one.instrument, one.reason) for one in changes] == [("toy:A/B", Reason.SHUTDOWN)]


def test_a_recording_of_others_sends_nothing() -> None:
    config = toy_config()
    config["live"] = False
    log, feed = ToyLog(config), Feed(toy_kits())
    subscription = attrs.asdict(book_of("C/D"))
    for record in (log.records[0], log.open(), log.control("follow", subscriptions=[subscription])):
        assert not [one for one in feed.feed(record).commands if isinstance(one, Send)]


# what the venue ends


ENDED = b'{"ch":"ended","text":"resolved","sym":"C/D"}'


def test_an_instrument_that_the_venue_ended_stops_and_nothing_is_awaited_of_it() -> None:
    desk = Desk(channels=("book", "trade"), stream_idle_s=30.0)
    desk.synced()
    market = joined(desk)
    reading = desk.frame(ENDED)
    assert reading.of(StatusChanged) == [StatusChanged("resolved", False, "toy:C/D")]
    index = desk.feed.definitions[-1].index
    rows = [(row.kind, row.size, row.aux) for row in reading.events()]
    assert rows == [(Kind.STATUS, 0, index), (Kind.SYNC_CHANGE, SyncState.STOPPED, Reason.ENDED)]
    (change,) = reading.of(StateChanged)
    assert (change.instrument, change.new, change.reason) == ("toy:C/D", SyncState.STOPPED, Reason.ENDED)
    assert [(one["op"], one["syms"]) for one in reading.sent()] == [("unsub", ["C/D"])]
    for frame in (market.step(), market.snapshot()):
        assert desk.frame(frame).events() == []
    assert (desk.feed.counts.unfollowed_frames, desk.feed.counts.gaps) == (2, 0)
    again = desk.frame(ENDED)
    assert (again.commands, again.notices, again.events()) == ([], [], [])
    asked = [one["syms"] for _ in range(3) for one in desk.act()[1].sent()]
    assert all(symbols == ["A/B"] for symbols in asked), "silence of C/D is none"


def test_what_ended_is_not_asked_for_on_the_next_connection() -> None:
    desk = Desk(("A/B", "C/D"))
    desk.synced()
    desk.frame(ENDED)
    desk.do(desk.log.lost("RESET"))
    assert [one["syms"] for one in desk.open(1).sent()] == [["A/B"]]
    assert desk.state("C/D") == "STOPPED"


def test_what_ended_can_be_left_and_followed_again() -> None:
    desk = Desk()
    desk.synced()
    market = joined(desk)
    desk.frame(ENDED)
    assert desk.control("unfollow", book_of("C/D")).commands == []
    assert [one["op"] for one in desk.control("follow", book_of("C/D")).sent()] == ["sub"]
    desk.frame(ack("C/D"))
    assert {row.epoch for row in desk.frame(market.snapshot()).events()} == {2}
    desk.frame(ENDED)
    assert [one["op"] for one in desk.control("follow", book_of("C/D")).sent()] == ["sub"]


def test_the_end_of_what_nobody_follows_is_none_of_ours() -> None:
    desk = Desk()
    desk.synced()
    reading = desk.frame(ENDED)
    assert (reading.commands, reading.notices, reading.events()) == ([], [], [])


# logs that nobody wrote


@pytest.mark.parametrize("op", ["unheard", None, 7])
def test_an_unknown_change_is_of_a_newer_version(op: object) -> None:
    desk = Desk()
    with pytest.raises(SchemaMismatch, match="newer mm-framework"):
        desk.do(desk.log.control(op))  # type: ignore[arg-type]


def test_a_change_of_another_form_is_of_a_newer_version() -> None:
    for body in ({"subscriptions": 1}, {"subscriptions": [], "more": 1}, {}):
        desk = Desk()
        with pytest.raises(SchemaMismatch, match="newer mm-framework"):
            desk.do(desk.log.control("follow", **body))


def test_records_that_no_runner_writes_are_named() -> None:
    cases = [
        (RecordKind.CONTROL, b"{"),
        (RecordKind.CONTROL, b"[]"),
        (RecordKind.LOST, b'{"reason":"WHIM"}'),
        (RecordKind.LOST, b"{}"),
        (RecordKind.OPEN, b"7"),
        (RecordKind.DROP, b'{"count":"x"}'),
        (99, b""),
    ]
    for kind, payload in cases:
        desk = Desk()
        with pytest.raises(CorruptFrame, match="record 1 ") as caught:
            desk.do(desk.log.add(kind, payload))
        assert caught.value.exit_code == 4


def test_a_log_has_its_configuration_once_and_first() -> None:
    desk = Desk()
    with pytest.raises(CorruptFrame, match="out of place"):
        desk.do(desk.log.control("start", config=toy_config()))
    with pytest.raises(CorruptFrame, match="out of place"):
        Feed(toy_kits()).feed(ToyLog().control("stop"))
