"""The time of market data at the venue, on our own clock."""

from __future__ import annotations

import random

import pytest

from mm_framework.model.events import NULL, Kind, Message, Row
from mm_framework.testing.strategies import tape
from mm_framework.trading.timeline import Clocks, TapeMessage, Timeline, venue_order

US = 1_000


def message(
    seq: int, recv_ns: int, venue_ns: int = NULL, kind: Kind = Kind.LEVEL, number: int = 0
) -> TapeMessage:
    row = Row(recv_ns, venue_ns, seq, 1, 1, NULL, number, 0, int(kind), 1, 1, 1, 0)
    told = Message(NULL, NULL, NULL, NULL, venue_ns, 0, number, 0, 1, 0, int(kind), 0)
    return TapeMessage(recv_ns, seq, told, [row])


def times(tape: list[TapeMessage], clocks: Clocks | None = None) -> list[int]:
    timeline = Timeline(clocks)
    return [timeline.stamp(one).v_ns for one in tape]


def test_venue_time_less_theta_and_never_later_than_a_microsecond_before_its_receipt() -> None:
    clocks = Clocks(theta_ns={0: 400 * US})
    tape = [message(0, 1_000 * US, 1_300 * US), message(1, 2_000 * US, 2_500 * US)]
    assert times(tape, clocks) == [900 * US, 1_999 * US]


def test_without_venue_time_a_latency_is_assumed_and_counted() -> None:
    timeline = Timeline(Clocks(assumed_ns=300 * US))
    assert timeline.stamp(message(0, 1_000 * US)).v_ns == 700 * US
    assert (timeline.messages, timeline.untimed, timeline.clipped) == (1, 1, 0)


def test_time_never_falls_within_one_channel_of_one_instrument() -> None:
    tape = [
        message(0, 1_000 * US, 900 * US),
        message(1, 1_100 * US, 850 * US),
        message(2, 1_200 * US, 850 * US, Kind.TRADE),
        message(3, 1_300 * US, 800 * US, number=1),
    ]
    assert times(tape) == [900 * US, 900 * US, 850 * US, 800 * US]


def test_more_than_the_longest_latency_is_not_believed() -> None:
    timeline = Timeline(Clocks(longest_ns=100 * US))
    assert timeline.stamp(message(0, 1_000 * US, 10 * US)).v_ns == 900 * US
    assert timeline.clipped == 1


def test_what_we_noticed_has_the_time_of_the_book_message_it_came_with() -> None:
    tape = [
        message(0, 10_000 * US, 9_900 * US),
        message(1, 10_000 * US, kind=Kind.SYNC_CHANGE),
        message(2, 30_000 * US, kind=Kind.GAP),
    ]
    assert times(tape, Clocks(assumed_ns=300 * US)) == [9_900 * US, 9_900 * US, 29_700 * US]


def test_prints_come_before_books_of_the_same_moment() -> None:
    tape = [message(0, 1_000 * US, 500 * US), message(1, 1_100 * US, 500 * US, Kind.TRADE)]
    timeline = Timeline()
    stamped = [timeline.stamp(one) for one in tape]
    assert [one.tape.seq for one in venue_order(stamped, 10**9)] == [1, 0]


@pytest.mark.parametrize("seed", range(20))
def test_the_order_of_the_venue_is_that_of_a_sort_and_holds_no_more_than_it_must(seed: int) -> None:
    draw = random.Random(seed)
    tape, recv_ns = [], 0
    for seq in range(500):
        recv_ns += draw.randrange(1, 400 * US)
        kind = draw.choice((Kind.LEVEL, Kind.TRADE))
        tape.append(message(seq, recv_ns, recv_ns - draw.randrange(3_000 * US), kind, draw.randrange(3)))
    timeline = Timeline(Clocks(longest_ns=2_000 * US))
    stamped = [timeline.stamp(one) for one in tape]
    read = 0

    def reading() -> object:
        nonlocal read
        for one in stamped:
            read += 1
            yield one

    ordered = []
    for one in venue_order(reading(), 2_000 * US):  # type: ignore[arg-type]
        ordered.append(one)
        if read < len(stamped):
            assert one.v_ns < stamped[read - 1].tape.recv_ns - 2_000 * US
    assert ordered == sorted(stamped, key=lambda one: one.order)


def test_only_the_first_definition_of_an_instrument_is_there_before_all_else() -> None:
    """A finer scale brings a new number, and holds from its own moment on."""
    market = tape("test:A/B").at(10).book(bids=[("99", "1")], asks=[("101", "2")])
    market.at(20).instrument("test:A/B", price_scale=4).book(bids=[("99.5", "1")], asks=[("101", "2")])
    line = Timeline()
    stamped = [line.stamp(message) for message in market.messages()]
    early = [one.tape.recv_ns - one.v_ns for one in stamped if one.tape.definition is not None]
    assert early == [line.clocks.longest_ns, line.clocks.assumed_ns]
