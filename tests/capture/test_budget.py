"""The budget of a host: never too much in any window, whatever the network does; refusals are obeyed."""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.capture.budget import Budget, Ticket, refusal_pause_ns, used_weight

S = 1_000_000_000
WALL = 1_763_712_000 * S
"""2025-11-21T08:00:00Z"""


def budget(
    weight: int = 100,
    window_s: float = 60.0,
    concurrent: int = 4,
    backoff_s: float = 10.0,
    backoff_max_s: float = 100.0,
) -> Budget:
    return Budget(weight, window_s, concurrent=concurrent, backoff_s=backoff_s, backoff_max_s=backoff_max_s)


def spend(one: Budget, now_ns: int, weight: int) -> None:
    one.done(one.take(now_ns, weight), now_ns)


# the window


def test_what_is_left_of_the_window_may_leave_at_once_and_the_rest_when_the_oldest_ends() -> None:
    one = budget(weight=100, window_s=60)
    spend(one, 0, 60)
    spend(one, 10 * S, 30)
    assert one.delay_ns(20 * S, 10) == 0
    assert one.delay_ns(20 * S, 11) == 40 * S
    assert one.delay_ns(20 * S, 70) == 40 * S
    assert one.delay_ns(20 * S, 71) == 50 * S
    assert one.delay_ns(60 * S - 1, 70) == 1
    assert one.delay_ns(60 * S, 70) == 0


def test_a_weight_is_held_until_a_window_after_its_answer() -> None:
    one = budget(weight=100, window_s=60)
    ticket = one.take(0, 100)
    assert one.delay_ns(90 * S, 1) is None
    one.done(ticket, 100 * S)
    assert one.delay_ns(100 * S, 1) == 60 * S


def test_no_more_requests_are_under_way_than_allowed() -> None:
    one = budget(concurrent=2)
    first, second = one.take(0, 1), one.take(0, 1)
    assert one.delay_ns(0, 1) is None
    one.done(second, S)
    assert one.delay_ns(S, 1) == 0
    assert one.take(S, 1).number == 3
    one.done(first, 2 * S)


def test_a_request_heavier_than_the_budget_never_fits() -> None:
    one = budget(weight=100)
    assert one.fits(100)
    assert not one.fits(101)


def test_of_two_venues_at_one_host_the_stricter_limits_hold() -> None:
    one = budget(weight=100, window_s=60)
    one.tighten(50, 10)
    assert not one.fits(51)
    assert one.window_s == 60
    one.tighten(80, 120)
    assert not one.fits(51)
    spend(one, 0, 50)
    assert one.delay_ns(0, 1) == 120 * S


Wanted = tuple[int, int, int, int]
"""A request: pause before it is asked for, weight, ns on the way to the host, ns back."""


class Network:
    """Requests through a budget and a network. ``counted``: when the host counted which weight.

    ``others``: what other clients of our address had used at the start, which a first answer tells.
    """

    def __init__(self, one: Budget, others: int = 0) -> None:
        self.budget, self.window_ns = one, round(one.window_s * S)
        self.counted: list[tuple[int, int]] = []
        self.sent: list[int] = []
        self.tells = others > 0
        if self.tells:
            self.counted.append((0, others))
            one.done(one.take(0, 0), 0, used=others)

    def run(self, wanted: list[Wanted]) -> None:
        """Make the requests in the order of asking."""
        asked = itertools.accumulate(pause_ns for pause_ns, *_ in wanted)
        waiting, queue = deque(enumerate(asked)), deque[int]()
        answers: list[tuple[int, int, int, Ticket]] = []
        now_ns = 0
        while waiting or queue or answers:
            while waiting and waiting[0][1] <= now_ns:
                queue.append(waiting.popleft()[0])
            while answers and answers[0][0] <= now_ns:
                _, _, counted_ns, ticket = heapq.heappop(answers)
                self.budget.done(ticket, now_ns, used=self.used(counted_ns) if self.tells else None)
            due = [waiting[0][1]] if waiting else []
            while queue:
                _, weight, there_ns, back_ns = wanted[queue[0]]
                delay_ns = self.budget.delay_ns(now_ns, weight)
                if delay_ns != 0:
                    assert delay_ns is not None or answers
                    due += [] if delay_ns is None else [now_ns + delay_ns]
                    break
                number, counted_ns = queue.popleft(), now_ns + there_ns
                self.sent.append(number)
                self.counted.append((counted_ns, weight))
                ticket = self.budget.take(now_ns, weight)
                heapq.heappush(answers, (counted_ns + back_ns, number, counted_ns, ticket))
            due += [answers[0][0]] if answers else []
            now_ns = max(now_ns, min(due, default=now_ns))

    def used(self, now_ns: int) -> int:
        """The host's count at a time."""
        return sum(weight for at_ns, weight in self.counted if now_ns - self.window_ns < at_ns <= now_ns)

    def most(self) -> int:
        """Its largest count ever."""
        return max((self.used(at_ns) for at_ns, _ in self.counted), default=0)


requests = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 0, S, 7 * S]) | st.integers(0, 20 * S),
        st.integers(0, 50),
        st.integers(0, 15 * S),
        st.integers(0, 15 * S),
    ),
    max_size=40,
)


@given(requests, st.integers(50, 120), st.integers(1, 30), st.integers(1, 5))
def test_in_any_window_of_the_host_no_more_than_the_budget_is_counted_and_all_leave_in_order(
    wanted: list[Wanted], weight: int, window_s: int, concurrent: int
) -> None:
    network = Network(budget(weight=weight, window_s=window_s, concurrent=concurrent))
    network.run(wanted)
    assert network.sent == list(range(len(wanted)))
    assert network.most() <= weight


@given(requests, st.integers(50, 120), st.integers(1, 30))
def test_when_answers_come_at_once_nothing_waits_longer_than_it_must(
    wanted: list[Wanted], weight: int, window_s: int
) -> None:
    """A request leaves either when it was asked for or when it just fits."""
    network = Network(budget(weight=weight, window_s=window_s, concurrent=50))
    network.run([(pause_ns, w, 0, 0) for pause_ns, w, *_ in wanted])
    asked_ns = 0
    for number, (at_ns, own) in enumerate(network.counted):
        asked_ns += wanted[number][0]
        earliest_ns = max([asked_ns, *(time_ns for time_ns, _ in network.counted[:number][-1:])])
        if at_ns > earliest_ns:
            before = [w for time_ns, w in network.counted[:number] if time_ns + window_s * S >= at_ns]
            assert sum(before) + own > weight


# what the host tells


def test_a_higher_count_of_the_host_is_believed_for_a_window() -> None:
    one = budget(weight=100, window_s=60)
    ticket = one.take(0, 5)
    one.done(ticket, S, used=90)
    assert one.delay_ns(S, 10) == 0
    assert one.delay_ns(S, 11) == 60 * S
    spend(one, 2 * S, 10)
    assert one.delay_ns(2 * S, 1) == 59 * S
    assert one.delay_ns(61 * S, 85) == 0


def test_a_lower_count_of_the_host_does_not_lower_ours() -> None:
    one = budget(weight=100, window_s=60)
    one.done(one.take(0, 95), S, used=1)
    assert one.delay_ns(2 * S, 6) == 59 * S


def test_what_was_under_way_may_not_stand_in_the_hosts_count_and_is_added() -> None:
    one = budget(weight=100, window_s=60)
    first, second, third = one.take(0, 10), one.take(0, 20), one.take(0, 30)
    one.done(second, S)
    one.done(first, 2 * S, used=40)
    assert one.delay_ns(2 * S, 11) == 60 * S
    assert one.delay_ns(2 * S, 10) == 0
    one.done(third, 3 * S, used=60)
    fourth = one.take(5 * S, 1)
    one.done(fourth, 5 * S, used=61)
    assert one.delay_ns(5 * S, 39) == 0
    assert one.delay_ns(5 * S, 40) == 60 * S


@given(requests, st.integers(50, 120), st.integers(1, 30), st.integers(1, 5), st.integers(1, 120))
def test_what_others_have_used_and_an_answer_told_counts_whatever_the_network_does(
    wanted: list[Wanted], weight: int, window_s: int, concurrent: int, others: int
) -> None:
    network = Network(budget(weight=weight, window_s=window_s, concurrent=concurrent), min(others, weight))
    network.run(wanted)
    assert network.sent == list(range(len(wanted)))
    assert network.most() <= weight


@pytest.mark.parametrize(
    ("headers", "window_s", "used"),
    [
        ({"x-mbx-used-weight-1m": "1250", "x-mbx-used-weight": "7"}, 60, 1250),
        ({"x-mbx-used-weight-10s": "12"}, 10, 12),
        ({"x-mbx-used-weight-1m": "1250"}, 10, None),
        ({"x-mbx-used-weight-1m": "-3"}, 60, None),
        ({"x-mbx-used-weight-1m": "many"}, 60, None),
        ({}, 60, None),
    ],
)
def test_the_used_weight_of_the_same_window_is_read(
    headers: dict[str, str], window_s: float, used: int | None
) -> None:
    assert used_weight(headers, window_s) == used


# refusals


def test_a_refusal_with_a_time_stops_everything_until_then() -> None:
    one = budget()
    first, second = one.take(0, 1), one.take(0, 1)
    assert one.refused(first, 2 * S, 30 * S) == 32 * S
    assert one.delay_ns(2 * S, 0) == 30 * S
    one.done(second, 3 * S)
    assert one.delay_ns(3 * S, 1) == 29 * S
    assert one.delay_ns(32 * S, 1) == 0


def test_a_shorter_refusal_does_not_end_a_longer_one() -> None:
    one = budget()
    first, second = one.take(0, 1), one.take(0, 1)
    one.refused(first, S, 120 * S)
    assert one.refused(second, 2 * S, S) == 121 * S


def test_pauses_without_a_time_double_up_to_the_most_and_begin_anew_after_a_good_answer() -> None:
    one = budget(backoff_s=10, backoff_max_s=60)
    pauses, now_ns = [], 0
    for _ in range(5):
        until_ns = one.refused(one.take(now_ns, 1), now_ns, None)
        pauses.append((until_ns - now_ns) // S)
        now_ns = until_ns
    assert pauses == [10, 20, 40, 60, 60]
    spend(one, now_ns, 1)
    assert one.refused(one.take(now_ns, 1), now_ns, None) == now_ns + 10 * S


def test_requests_that_were_under_way_together_are_refused_as_one() -> None:
    one = budget(backoff_s=10)
    tickets = [one.take(0, 1) for _ in range(3)]
    untils = [one.refused(ticket, now_ns, None) for now_ns, ticket in enumerate(tickets, S)]
    assert untils == [11 * S, 11 * S + 1, 11 * S + 2]
    assert one.refused(one.take(12 * S, 1), 12 * S, None) == 32 * S


def test_an_answer_to_what_left_before_the_refusal_does_not_end_the_row() -> None:
    one = budget(backoff_s=10)
    early = one.take(0, 1)
    one.refused(one.take(0, 1), S, None)
    one.done(early, 2 * S)
    assert one.refused(one.take(20 * S, 1), 20 * S, None) == 40 * S


def date(after_s: float) -> str:
    return format_datetime(datetime.fromtimestamp(WALL // S + after_s, UTC), usegmt=True)


@pytest.mark.parametrize(
    ("headers", "body", "pause_s"),
    [
        ({"retry-after": "17"}, b"", 17),
        ({"retry-after": " 2.5 "}, b"", 2.5),
        ({"retry-after": "0"}, b"", None),
        ({"retry-after": "-5"}, b"", None),
        ({"retry-after": "soon"}, b"", None),
        ({"retry-after": "1e9"}, b"", None),
        ({}, b"", None),
        ({"retry-after": date(90)}, b"", 90),
        ({"retry-after": date(-90)}, b"", None),
        ({"retry-after": date(90), "date": date(60)}, b"", 30),
        ({}, b'{"code":-1003,"msg":"Way too much; IP banned until 1763712120500. Use streams."}', 120.5),
        ({"date": date(20)}, b"IP banned until 1763712120000.", 100),
        ({"retry-after": "500"}, b"IP banned until 1763712120000.", 500),
        ({"retry-after": "5"}, b"IP banned until 1763712120000.", 120),
        ({}, b"IP banned until 17637121200001", None),
        ({}, b" " * 5000 + b"banned until 1763712120000", None),
    ],
)
def test_the_longest_time_that_a_refusal_names_counts(
    headers: dict[str, str], body: bytes, pause_s: float | None
) -> None:
    assert refusal_pause_ns(headers, body, WALL) == (None if pause_s is None else round(pause_s * S))


@given(st.text(max_size=40), st.text(max_size=40), st.binary(max_size=60))
def test_no_text_of_a_host_is_an_error(told: str, then: str, body: bytes) -> None:
    pause_ns = refusal_pause_ns({"retry-after": told, "date": then}, b"until " + body, WALL)
    assert pause_ns is None or pause_ns > 0
