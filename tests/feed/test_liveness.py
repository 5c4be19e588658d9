"""Subscriptions that say nothing: asked again, on another connection, then declared lost; crossed books."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from feed_desk import Desk, kits_of, reconnects
from toy_venue import ack

from mm_framework.feed import VenueKit
from mm_framework.feed.output import Reconnect
from mm_framework.model.events import Kind, Reason

S = 1_000_000_000


def quick(**more: Any) -> Desk:
    return Desk(("A/B", "C/D"), ack_timeout_s=4.0, stream_idle_s=50.0, unverified_retry_s=300.0, **more)


def kits_with(rules: dict[str, Any] | None = None, **limits: Any) -> dict[str, VenueKit]:
    """The toy venue with other rules or limits."""
    kit = kits_of()["toy"]
    kit.adapter.limits = attrs.evolve(kit.adapter.limits, **limits)
    return {"toy": attrs.evolve(kit, rules=attrs.evolve(kit.rules, **(rules or {})))}


def beat(desk: Desk, seconds: float, connection: int = 0) -> list[str]:
    """Time goes by in which only C/D is updated; what the feed asked for of A/B, and its reconnects."""
    said, end = [], desk.log.mono_ns + round(seconds * S)
    while desk.log.mono_ns < end:
        due = desk.feed.next_deadline_ns()
        if due is not None and due - desk.log.mono_ns <= S:
            reading = desk.due()[1]
        else:
            desk.log.mono_ns += S
            reading = desk.frame(desk.markets[1].set(1, 9000, desk.log.mono_ns % 99 + 1), connection)
        said += [one.reason.name for one in reconnects(reading)]
        said += [one["op"] for one in reading.sent() if one["syms"] == ["A/B"]]
    return said


def test_a_subscription_that_stays_silent_gets_another_connection_and_is_then_declared_lost() -> None:
    desk = quick()
    desk.synced()
    said = beat(desk, 70)
    assert said == ["unsub", "sub"] * 3 + ["LIVENESS"]
    desk.do(desk.log.lost("LIVENESS", connection=0))
    assert desk.open(1).sent()
    desk.frame(desk.markets[1].snapshot(), 1)
    assert beat(desk, 60, 1) == ["unsub", "sub"] * 3, "then slowly"
    assert beat(desk, 300, 1) == ["unsub", "sub"]
    desk.frame(ack("A/B"), 1)
    desk.frame(desk.market.snapshot(), 1)
    assert desk.state() == "SYNCED"


def test_what_one_connection_could_not_bring_is_declared_when_another_cannot_either() -> None:
    desk = Desk(ack_timeout_s=4.0, stream_idle_s=50.0, unanswered_reconnect=1, unverified_retry_s=300.0)
    desk.synced()
    desk.act()  # the probe
    assert reconnects(desk.act()[1]) == [Reconnect(0, Reason.LIVENESS)]
    rows = desk.do(desk.log.lost("LIVENESS", connection=0)).events()
    assert [row.aux for row in rows if row.kind == Kind.GAP] == [Reason.LIVENESS]


def test_several_silent_subscriptions_cost_one_connection() -> None:
    desk = quick(idle_s=1e6)
    desk.synced()
    closed: list[Reconnect] = []
    while not closed:
        closed += reconnects(desk.due()[1])
    assert closed == [Reconnect(0, Reason.LIVENESS)]
    desk.do(desk.log.lost("LIVENESS", connection=0))
    desk.open(1)
    for _ in range(12):
        assert reconnects(desk.due()[1]) == []


def test_a_subscription_that_never_began_does_not_cost_the_others_their_connection() -> None:
    desk = quick()
    desk.open()
    desk.frame(ack("C/D"))
    desk.frame(desk.markets[1].snapshot())
    assert "LIVENESS" not in beat(desk, 120)


def test_a_quiet_market_that_answers_is_no_silent_subscription() -> None:
    desk = Desk(ack_timeout_s=4.0, stream_idle_s=50.0)
    desk.synced()
    for _ in range(8):
        assert reconnects(desk.act()[1]) == []
        desk.frame(ack("A/B"))
        desk.frame(desk.market.snapshot())
    assert desk.feed.counts.gaps == 0


def test_a_venue_that_may_be_asked_twice_is_not_unsubscribed_first() -> None:
    desk = Desk(kits=kits_with(asks_twice=True), stream_idle_s=50.0)
    desk.synced()
    assert [one["op"] for one in desk.act()[1].sent()] == ["sub"]


def test_a_venue_may_take_long_for_the_first_message() -> None:
    desk = Desk(kits=kits_with(first_data_s=30.0), ack_timeout_s=4.0)
    desk.open()
    desk.frame(ack("A/B"))
    assert desk.act()[0] == pytest.approx(30.0, abs=0.01)


# crossed books


def crossing(desk: Desk) -> bytes:
    """A bid above the best ask, with the checksum missing."""
    frame = desk.market.set(1, desk.market.view(-1)[0][0] + 1, 5)
    return frame[: frame.index(b', "c"')] + b', "c": %d}' % -(2**63)


def graceful() -> Desk:
    kits = kits_with({"crossed": "grace"})
    desk = Desk(kits=kits)
    desk.synced()
    return desk


def test_a_book_may_be_crossed_for_a_moment() -> None:
    desk = graceful()
    frame = crossing(desk)
    assert desk.frame(frame).commands == []
    assert desk.state() == "SYNCED"
    desk.market.books[1].pop(max(desk.market.books[1]))
    price = desk.market.view(-1)[0][0] + 1
    undone = frame.replace(b'"0.005"', b'"0"')
    assert undone != frame, price
    desk.frame(undone)
    waited, reading = desk.due()
    assert waited <= 1.0
    assert (reading.events(), desk.state(), desk.feed.counts.crossed) == ([], "SYNCED", 0)


def test_a_book_that_stays_crossed_is_lost_at_its_time() -> None:
    desk = graceful()
    desk.frame(crossing(desk))
    waited, reading = desk.due()
    assert waited == pytest.approx(1.0, abs=0.01)
    assert [row.aux for row in reading.events() if row.kind == Kind.GAP] == [Reason.CROSSED]
    assert [one["op"] for one in reading.sent()] == ["unsub", "sub"]
    assert desk.feed.counts.crossed == 1


def test_a_checksum_that_holds_for_a_crossed_book_ends_the_doubt() -> None:
    desk = graceful()
    desk.frame(crossing(desk))
    desk.frame(desk.market.set(-1, desk.market.view(-1)[-1][0] + 5, 7))
    assert desk.feed.counts.checksums_failed == 0
    desk.due()
    assert (desk.state(), desk.feed.counts.crossed) == ("SYNCED", 0)
