"""One connection takes over from another: what is taken, what is dropped, what happens when one dies."""

from __future__ import annotations

import json
from typing import Any

import attrs
import pytest
from feed_desk import Desk, Reading, book_of, kits_of
from numbered_venue import NumberedAdapter
from toy_venue import ToyNormalizer, ack, refused, toy_rules

from mm_framework.contracts.normalizer import ConnectionInfo, FrameClass, MessageWriter
from mm_framework.contracts.sync_engine import SequenceSpec, SyncRules
from mm_framework.errors import SchemaMismatch
from mm_framework.feed import VenueKit
from mm_framework.feed.output import Reconnect, Rotate, StateChanged
from mm_framework.model.events import NULL, Kind, Reason, SyncState

S = 1_000_000_000
REFRESH = Reason.CLOCK_REFRESH


def rotated(desk: Desk, *, replaces: int = 0, heir: int = 1) -> Reading:
    """A heir is open."""
    assert desk.control("rotate", reason="CLOCK_REFRESH").commands == [Rotate(replaces, REFRESH)]
    return desk.open(heir, replaces=replaces)


def ends(reading: Reading) -> list[Reconnect]:
    return reading.of(Reconnect)


def taken(desk: Desk, frame: bytes, connection: int) -> int:
    """How many messages of a frame are applied."""
    before = desk.feed.counts.messages
    desk.frame(frame, connection)
    return desk.feed.counts.messages - before


# books with snapshots


def test_the_heirs_snapshot_takes_a_book_over_within_its_epoch() -> None:
    desk = Desk(("A/B", "C/D"))
    desk.synced()
    assert [one["syms"] for one in rotated(desk).sent()] == [["A/B", "C/D"]]
    desk.frame(ack("A/B"), 1)
    desk.frame(desk.market.step(), 0)
    assert desk.frame(desk.market.snapshot(), 1).commands == []
    assert not taken(desk, desk.market.step(), 0), "the old connection is not heard any more"
    desk.frame(desk.markets[1].step(), 0)
    reading = desk.frame(desk.markets[1].snapshot(), 1)
    assert ends(reading) == [Reconnect(0, REFRESH)]
    lost = desk.do(desk.log.lost("CLOCK_REFRESH", planned=True, connection=0))
    assert (lost.events(), lost.commands, lost.notices) == ([], [], [])
    assert taken(desk, desk.markets[1].step(), 1)
    assert [view.epoch for view in desk.feed.instruments()] == [1, 1]
    assert (desk.feed.counts.gaps, desk.feed.counts.foreign_frames) == (0, 1)
    assert {desk.state("A/B"), desk.state("C/D")} == {"SYNCED"}


def test_a_snapshot_that_comes_late_on_the_old_connection_takes_nothing_back() -> None:
    desk = Desk(("A/B", "C/D"))
    desk.synced()
    rotated(desk)
    desk.frame(desk.market.snapshot(), 1)
    before = desk.feed.counts.foreign_frames
    assert desk.frame(desk.market.snapshot(), 0).events() == []
    assert desk.feed.counts.foreign_frames == before + 1


def test_definitions_are_awaited_on_the_heir_as_well() -> None:
    desk = Desk(kits=kits_of(metadata_first=True))
    desk.open()
    desk.frame(b'{"ch":"meta_done"}')
    desk.frame(desk.market.snapshot())
    assert [one["op"] for one in rotated(desk).sent()] == ["meta"]
    assert [one["op"] for one in desk.frame(b'{"ch":"meta_done"}', 1).sent()] == ["sub"]
    assert ends(desk.frame(desk.market.snapshot(), 1)) == [Reconnect(0, REFRESH)]


# trades


def test_numbered_trades_are_taken_from_both_and_once() -> None:
    desk = Desk(channels=("trade",))
    desk.open()
    desk.frame(ack("A/B", "trade"))
    desk.frame(desk.market.trade())
    rotated(desk)
    second, third, fourth, fifth = (desk.market.trade() for _ in range(4))
    assert desk.frame(third, 1).events() == [], "the second is on its way on the old connection"
    desk.frame(second, 0)
    desk.frame(third, 0)
    assert ends(desk.frame(third, 1)) == [Reconnect(0, REFRESH)], "known: the heir has caught up"
    desk.frame(fourth, 0)  # still on its way when the old connection was ended
    desk.frame(fourth, 1)
    desk.frame(fifth, 1)
    trades = [row.aux for row in desk.all.events() if row.kind == Kind.TRADE]
    assert trades == [1, 2, 3, 4, 5]
    assert desk.feed.counts.gaps == 0


def test_a_quiet_channel_follows_when_what_is_on_its_way_has_had_its_time() -> None:
    desk = Desk(channels=("trade",), handover_settle_s=2.0)
    desk.open()
    desk.frame(ack("A/B", "trade"))
    rotated(desk)
    assert desk.frame(ack("A/B", "trade"), 1).commands == []
    desk.frame(desk.market.trade(), 0)
    waited, reading = desk.act()
    assert waited == pytest.approx(2.0, abs=0.01)
    assert ends(reading) == [Reconnect(0, REFRESH)]
    desk.frame(desk.market.trade(), 1)
    assert [row.aux for row in desk.all.events() if row.kind == Kind.TRADE] == [1, 2]


class Anonymous(ToyNormalizer):
    """Trades without numbers, tickers with one."""

    def _trades(self, body: dict[str, Any], out: MessageWriter) -> FrameClass:
        if out.begin("trade", "trade", body["sym"]):
            for _, side, price, size in body["trades"]:
                out.trade(1 if side == "buy" else -1, price, size, NULL, body.get("t", NULL))
            out.end()
        return FrameClass.DATA

    def _ticker(self, body: dict[str, Any], out: MessageWriter) -> FrameClass:
        if out.begin("ticker", "ticker", body["sym"]):
            out.top(body["bid"], body["bid_size"], body["ask"], body["ask_size"])
            out.end(last=body["u"])
        return FrameClass.DATA


def anonymous() -> dict[str, VenueKit]:
    kits = kits_of()
    rules = attrs.evolve(toy_rules(), trade_ids=False)
    return {"toy": VenueKit(kits["toy"].adapter, Anonymous(), rules)}


def test_prints_without_a_number_are_taken_as_often_as_the_one_says_them_that_says_them_more_often() -> None:
    desk = Desk(channels=("trade",), kits=anonymous(), handover_settle_s=2.0)
    desk.open()
    desk.frame(ack("A/B", "trade"))
    rotated(desk)
    desk.frame(ack("A/B", "trade"), 1)
    one, two, three = (desk.market.trade(t) for t in (10, 20, 30))
    for frame, connection, times in (
        (one, 0, 1),
        (one, 1, 0),
        (two, 1, 1),
        (one, 0, 1),  # the same again is another print
        (two, 0, 0),
        (one, 1, 0),
        (three, 0, 1),
    ):
        assert taken(desk, frame, connection) == times
    assert ends(desk.act()[1]) == [Reconnect(0, REFRESH)]
    assert desk.frame(three, 1).events() == [], "the old connection had said it"
    assert taken(desk, three, 1)
    assert taken(desk, one, 1)


def ticker(number: int) -> bytes:
    body = {"ch": "ticker", "sym": "A/B", "bid": "1", "ask": "2", "u": number}
    return json.dumps({**body, "bid_size": "1", "ask_size": "1"}).encode()


def test_the_heirs_tickers_are_taken_from_the_number_on_that_is_new() -> None:
    desk = Desk(channels=("ticker",), kits=anonymous())
    desk.open()
    desk.frame(ack("A/B", "ticker"))
    desk.frame(ticker(1))
    rotated(desk)
    desk.frame(ticker(2), 0)
    desk.frame(ticker(3), 0)
    assert ends(desk.frame(ticker(2), 1)) == [Reconnect(0, REFRESH)]
    for number, connection in ((4, 0), (3, 1), (4, 1), (5, 1)):
        desk.frame(ticker(number), connection)
    assert [row.aux for row in desk.all.events() if row.kind == Kind.TOP and row.side == 1] == [1, 2, 3, 4, 5]


# books with numbers


class Numbered(ToyNormalizer):
    """``{"U":first,"u":last}``, with a price of the last number."""

    def decode(self, frame: bytes, connection: ConnectionInfo, out: MessageWriter) -> FrameClass:
        body = json.loads(frame)
        if "u" not in body:
            return super().decode(frame, connection, out)
        if out.begin("book", "book", "A/B", snapshot=body.get("snap", False)):
            out.level(1, f"{body['u']}", "1")
            out.end(first=body["U"], last=body["u"], prev=body["U"] - 1)
        return FrameClass.DATA


def numbered(link: str, bridge: str = "rest") -> dict[str, VenueKit]:
    spec = SequenceSpec(link=link, bridge=bridge)  # type: ignore[arg-type]
    return {"toy": VenueKit(NumberedAdapter(), Numbered(), SyncRules(crossed="ignore", sequence=spec))}


def update(first: int, last: int, **more: Any) -> bytes:
    return json.dumps({"U": first, "u": last, **more}).encode()


def numbered_desk(link: str, bridge: str = "rest") -> Desk:
    desk = Desk(kits=numbered(link, bridge))
    desk.open()
    desk.frame(ack("A/B"))
    desk.frame(update(1, 1, snap=True))
    desk.frame(update(2, 2))
    rotated(desk)
    return desk


def prices(desk: Desk) -> list[int]:
    return [row.price // 10**6 for row in desk.all.events() if row.kind == Kind.LEVEL]


@pytest.mark.parametrize("link", ["first", "prev"])
def test_numbered_updates_are_taken_from_both_and_once(link: str) -> None:
    desk = numbered_desk(link)
    assert desk.frame(update(5, 5), 1).events() == [], "the heir is ahead: what is missing comes"
    for number in (3, 4, 5):
        desk.frame(update(number, number), 0)
    desk.frame(update(6, 6), 1)
    desk.frame(update(6, 6), 0)
    desk.frame(update(7, 7), 1)
    assert prices(desk) == [1, 2, 3, 4, 5, 6, 7]
    assert desk.feed.counts.gaps == 0


@pytest.mark.parametrize("link", ["first", "prev"])
def test_updates_that_are_cut_otherwise_on_the_heir_overlap(link: str) -> None:
    desk = numbered_desk(link)
    desk.frame(update(3, 5), 0)
    assert ends(desk.frame(update(2, 4), 1)) == [Reconnect(0, REFRESH)], "known: the heir carries the book"
    desk.frame(update(5, 8), 1)
    desk.frame(update(9, 9), 1)
    assert prices(desk) == [1, 2, 5, 8, 9]
    assert (desk.feed.counts.gaps, desk.state()) == (0, "SYNCED")


def test_a_numbered_book_whose_snapshots_come_on_the_channel_is_taken_over_by_the_heirs() -> None:
    """The heir cuts updates elsewhere: 4 came and went between two cuts, so no update tells it."""
    desk = numbered_desk("prev", "channel")
    assert desk.frame(update(3, 3), 1).events() == [], "its snapshot comes first"
    desk.frame(update(3, 4), 0)
    assert ends(desk.frame(update(1, 5, snap=True), 1)) == [Reconnect(0, REFRESH)]
    assert not taken(desk, update(5, 5), 0), "the old connection is not heard any more"
    desk.frame(update(6, 8), 1)
    assert prices(desk) == [1, 2, 4, 5, 8]
    assert (desk.feed.counts.gaps, desk.state()) == (0, "SYNCED")


def test_a_hole_of_the_heir_after_that_is_a_gap() -> None:
    desk = numbered_desk("first")
    desk.frame(update(3, 3), 1)
    desk.frame(update(6, 6), 1)
    assert desk.feed.counts.gaps == 1


@pytest.mark.parametrize(("acknowledged", "gaps"), [(True, 0), (False, 1)])
def test_an_old_connection_that_dies_leaves_numbered_streams_to_a_heir_that_answered(
    acknowledged: bool, gaps: int
) -> None:
    desk = numbered_desk("first")
    if acknowledged:
        desk.frame(ack("A/B"), 1)
    desk.do(desk.log.lost("RESET", connection=0))
    desk.frame(update(3, 3), 1)
    assert desk.feed.counts.gaps == gaps
    assert desk.state() == ("SYNCED" if acknowledged else "SNAPSHOT")


def test_numbers_go_on_with_the_old_connection_when_the_heir_dies() -> None:
    kits = numbered("first")
    desk = Desk(("A/B",), channels=("book", "trade"), kits=kits)
    desk.open()
    desk.frame(ack("A/B"))
    desk.frame(update(1, 1, snap=True))
    rotated(desk)
    desk.frame(update(2, 2), 1)
    desk.frame(update(2, 2), 0)
    desk.do(desk.log.lost("RESET", connection=1))
    desk.frame(update(3, 3), 0)
    assert prices(desk) == [1, 2, 3]
    assert (desk.feed.counts.gaps, desk.state()) == (0, "SYNCED")


# what goes wrong


def test_a_heir_that_does_not_open_is_tried_again_later() -> None:
    desk = Desk(handover_timeout_s=20.0, handover_retry_s=50.0, stream_idle_s=1e6)
    desk.synced()
    desk.control("rotate", reason="CLOCK_REFRESH")
    desk.do(desk.log.lost("CONNECT_FAILED", connection=1))
    waited, reading = desk.act()
    assert reading.commands == [Rotate(0, REFRESH)]
    assert waited == pytest.approx(70.0, abs=0.01)
    assert desk.control("rotate", reason="CLOCK_REFRESH").commands == []
    assert desk.state() == "SYNCED"


def test_a_heir_that_dies_before_it_took_over_leaves_no_trace() -> None:
    desk = Desk(("A/B", "C/D"), handover_retry_s=50.0, stream_idle_s=1e6)
    desk.synced()
    rotated(desk)
    reading = desk.do(desk.log.lost("RESET", connection=1))
    assert (reading.events(), reading.commands) == ([], [])
    assert taken(desk, desk.market.step(), 0)
    waited, reading = desk.act()
    assert reading.commands == [Rotate(0, REFRESH)]
    assert waited == pytest.approx(50.0, abs=0.01)


def test_a_heir_that_dies_takes_the_books_that_followed_it_and_they_are_asked_for_on_the_old_one() -> None:
    desk = Desk(("A/B", "C/D"))
    desk.synced()
    rotated(desk)
    desk.frame(desk.market.snapshot(), 1)
    reading = desk.do(desk.log.lost("RESET", connection=1))
    assert [(one["op"], one["syms"]) for one in reading.sent()] == [("unsub", ["A/B"]), ("sub", ["A/B"])]
    assert {one.instrument for one in reading.of(StateChanged)} == {"toy:A/B"}
    desk.frame(ack("A/B"), 0)
    desk.frame(desk.market.snapshot(), 0)
    assert desk.state("A/B") == desk.state("C/D") == "SYNCED"
    assert [view.epoch for view in desk.feed.instruments()] == [2, 1]


def test_an_old_connection_that_dies_loses_the_books_that_had_not_followed() -> None:
    desk = Desk(("A/B", "C/D"))
    desk.synced()
    rotated(desk)
    desk.frame(desk.market.snapshot(), 1)
    reading = desk.do(desk.log.lost("RESET", connection=0))
    changes = [(one.instrument, one.new) for one in reading.of(StateChanged)]
    assert changes == [("toy:C/D", SyncState.CONNECTING), ("toy:C/D", SyncState.SNAPSHOT)]
    assert reading.commands == [], "it was asked for on the heir"
    desk.frame(desk.markets[1].snapshot(), 1)
    assert [view.epoch for view in desk.feed.instruments()] == [1, 2]
    assert desk.state("C/D") == "SYNCED"


def test_a_stream_that_does_not_come_on_the_heir_is_asked_for_anew_and_the_others_wait() -> None:
    desk = Desk(("A/B", "C/D"), ack_timeout_s=5.0, stream_idle_s=1e6)
    desk.synced()
    rotated(desk)
    desk.frame(desk.market.snapshot(), 1)
    waited, reading = desk.act()
    assert waited == pytest.approx(5.0, abs=0.01)
    assert [(one["op"], one["syms"]) for one in reading.sent()] == [("unsub", ["C/D"]), ("sub", ["C/D"])]
    desk.frame(desk.markets[1].step(), 0)
    assert ends(desk.frame(desk.markets[1].snapshot(), 1)) == [Reconnect(0, REFRESH)]
    assert desk.feed.counts.gaps == 0


def test_a_heir_that_says_nothing_is_given_up() -> None:
    desk = Desk(("A/B", "C/D"), ack_timeout_s=5.0, handover_retry_s=50.0, stream_idle_s=1e6)
    desk.synced()
    rotated(desk)
    commands = [desk.act()[1].commands for _ in range(4)]
    assert commands[-1] == [Reconnect(1, REFRESH)]
    desk.do(desk.log.lost("CLOCK_REFRESH", planned=True, connection=1))
    assert taken(desk, desk.market.step(), 0)
    assert desk.feed.counts.gaps == 0
    assert desk.act()[1].commands == [Rotate(0, REFRESH)]


def test_a_stream_that_never_comes_on_the_heir_does_not_hold_the_others_for_ever() -> None:
    desk = Desk(("A/B", "C/D"), ack_timeout_s=5.0, stream_idle_s=1e6)
    desk.synced()
    rotated(desk)
    desk.frame(desk.market.snapshot(), 1)
    readings = [desk.act()[1] for _ in range(4)]
    assert ends(readings[-1]) == [Reconnect(0, REFRESH)]
    assert [row.aux for row in readings[-1].events() if row.kind == Kind.GAP] == [Reason.ACK_TIMEOUT]
    assert desk.state("C/D") == "RESYNCING"
    desk.frame(desk.markets[1].snapshot(), 1)
    assert desk.state("C/D") == "SYNCED"


def test_a_refusal_on_the_heir_gives_it_up() -> None:
    desk = Desk(("A/B", "C/D"))
    desk.synced()
    rotated(desk)
    assert ends(desk.frame(refused("A/B"), 1)) == [Reconnect(1, REFRESH)]
    assert desk.state("A/B") == "SYNCED"
    assert taken(desk, desk.market.step(), 0)


def test_a_book_that_breaks_meanwhile_waits_for_the_heirs_snapshot() -> None:
    desk = Desk(("A/B", "C/D"))
    desk.synced()
    rotated(desk)
    reading = desk.frame(desk.market.step().replace(b'"c": ', b'"c": 1'), 0)
    assert reading.commands == []
    assert desk.state() == "RESYNCING"
    desk.frame(desk.market.snapshot(), 1)
    assert desk.state() == "SYNCED"


# what is followed meanwhile


def test_what_is_followed_during_a_handover_is_asked_for_on_the_heir() -> None:
    desk = Desk(("A/B", "C/D"))
    desk.synced()
    rotated(desk)
    reading = desk.control("follow", book_of("E/F"))
    assert [(one.connection, json.loads(one.payload)["syms"]) for one in reading.commands] == [(1, ["E/F"])]


def test_what_is_unfollowed_during_a_handover_is_left_on_both_and_not_awaited() -> None:
    desk = Desk(("A/B", "C/D"))
    desk.synced()
    rotated(desk)
    desk.frame(desk.market.snapshot(), 1)
    reading = desk.control("unfollow", book_of("C/D"))
    assert [one.connection for one in reading.commands[:2]] == [0, 1]
    assert ends(reading) == [Reconnect(0, REFRESH)]


def test_only_planned_reasons_rotate() -> None:
    desk = Desk()
    desk.synced()
    with pytest.raises(SchemaMismatch):
        desk.control("rotate", reason="RESET")


def test_without_a_connection_there_is_nothing_to_rotate() -> None:
    desk = Desk()
    assert desk.control("rotate", reason="CLOCK_REFRESH").commands == []
    desk.synced()
    rotated(desk)
    assert desk.control("rotate", reason="CLOCK_REFRESH").commands == [], "the heir is new"


def test_a_heir_of_a_connection_that_is_gone_is_a_connection_like_any_other() -> None:
    desk = Desk()
    desk.synced()
    desk.control("rotate", reason="CLOCK_REFRESH")
    desk.do(desk.log.lost("RESET", connection=0))
    assert [one["syms"] for one in desk.open(1, replaces=0).sent()] == [["A/B"]]
    desk.frame(desk.market.snapshot(), 1)
    assert desk.state() == "SYNCED"
