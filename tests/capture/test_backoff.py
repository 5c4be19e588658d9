"""Delays between attempts, and the venue's limits."""

from __future__ import annotations

import random
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework.capture.backoff import Rate, backoff

S = 1_000_000_000


class Highest(random.Random):
    """Draws the upper end always."""

    def uniform(self, a: float, b: float) -> float:
        return b


def test_the_ceiling_doubles_from_the_first_to_the_highest() -> None:
    assert list(islice(backoff(1.0, 30.0, Highest()), 8)) == [1, 2, 4, 8, 16, 30, 30, 30]


def test_the_first_delay_obeys_the_highest_too() -> None:
    assert list(islice(backoff(60.0, 30.0, Highest()), 2)) == [30, 30]


def test_delays_are_spread_over_the_whole_range_and_repeat_with_their_seed() -> None:
    delays = list(islice(backoff(1.0, 30.0, random.Random(1)), 1000))
    assert delays == list(islice(backoff(1.0, 30.0, random.Random(1)), 1000))
    late = delays[10:]
    assert min(late) < 1.0 < 29.0 < max(late) <= 30.0


def test_a_rate_lets_its_count_pass_and_then_waits_for_the_window() -> None:
    rate = Rate(3, 10.0)
    for second in (0, 1, 2):
        assert rate.delay_ns(second * S) == 0
        rate.take(second * S)
    assert rate.delay_ns(2 * S) == 8 * S
    assert rate.delay_ns(9 * S) == 1 * S
    assert rate.delay_ns(10 * S) == 0
    rate.take(10 * S)
    assert rate.delay_ns(10 * S) == 1 * S


@given(
    count=st.integers(1, 5),
    window=st.integers(1, 20),
    steps=st.lists(st.integers(0, 15), max_size=40),
)
def test_no_window_ever_holds_more_than_the_count(count: int, window: int, steps: list[int]) -> None:
    rate, now, taken = Rate(count, window), 0, list[int]()
    for step in steps:
        now += step * S
        now += rate.delay_ns(now)
        assert rate.delay_ns(now) == 0
        rate.take(now)
        taken.append(now)
    for time in taken:
        assert sum(time <= other < time + window * S for other in taken) <= count


def test_a_rate_of_nothing_is_our_mistake() -> None:
    with pytest.raises(RuntimeError, match="lets nothing pass"):
        Rate(0, 1.0)
