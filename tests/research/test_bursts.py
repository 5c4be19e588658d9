"""Bursts by hand: what one aggressor did at one time, how far it reached, when quotes were exposed."""

from __future__ import annotations

import numpy as np
import pytest
from research_markets import T0_NS, columns, prints

from mm_framework.model.events import NULL
from mm_framework.research.bursts import Bursts, bursts_of, exposure_of

S = 10**9
BOOK = [(T0_NS, 100.0, 1.0, 102.0, 1.0), (T0_NS + 10 * S, 104.0, 1.0, 106.0, 1.0)]


def shown(found: Bursts) -> list[tuple[float, int, float]]:
    times = ((found.ts_ns - T0_NS) / S).tolist()
    return list(zip(times, found.side.tolist(), found.reach.tolist(), strict=True))


def test_prints_of_one_match_are_one_burst_that_reaches_as_far_as_the_worst() -> None:
    t = T0_NS + 2 * S
    trades = prints([(t, 102.0, 1, 1), (t, 103.0, 1, 1), (t, 105.0, 2, 1), (t + S, 99.0, 1, -1)])
    assert shown(bursts_of(columns(BOOK, trades=trades))) == [(2.0, 1, 4.0), (3.0, -1, 2.0)]


def test_both_sides_at_one_time_are_two_bursts() -> None:
    t = T0_NS + 2 * S
    trades = prints([(t, 102.0, 1, 1), (t, 100.0, 1, -1)])
    assert shown(bursts_of(columns(BOOK, trades=trades))) == [(2.0, 1, 1.0), (2.0, -1, 1.0)]


def test_the_mid_is_that_before_the_first_print() -> None:
    """At the very time of a change of the book the print met the book of before."""
    trades = prints([(T0_NS + 10 * S, 106.0, 1, 1), (T0_NS + 11 * S, 106.0, 1, 1)])
    assert [reach for *_, reach in shown(bursts_of(columns(BOOK, trades=trades)))] == [5.0, 1.0]


def test_the_venue_says_what_belongs_together() -> None:
    t = T0_NS + 2 * S
    trades = prints([(t, 102.0, 1, 1), (t + 1, 103.0, 1, 1), (t + 2, 104.0, 1, 1)])
    trades.venue_ns[:] = [7, 7, 8]
    assert len(bursts_of(columns(BOOK, trades=trades))) == 2
    trades.venue_ns[:] = NULL
    assert len(bursts_of(columns(BOOK, trades=trades))) == 3


def test_what_is_not_known_is_left_out_and_counted() -> None:
    trades = prints([(T0_NS - S, 102.0, 1, 1), (T0_NS + S, 102.0, 1, 0), (T0_NS + 2 * S, 102.0, 1, 1)])
    found = bursts_of(columns(BOOK, trades=trades))
    assert (len(found), found.prints, found.unsaid) == (1, 1, 2)
    assert len(bursts_of(columns(BOOK))) == 0


def test_exposure_is_the_time_with_a_mid() -> None:
    nan = float("nan")
    book = [*BOOK, (T0_NS + 20 * S, nan, nan, nan, nan), (T0_NS + 25 * S, 100.0, 1.0, 102.0, 1.0)]
    found = exposure_of(columns(book, end_ns=T0_NS + 30 * S))
    begins = T0_NS + np.array([0, 5, 18, 21, 24, -9, 28]) * S
    ends = T0_NS + np.array([30, 15, 22, 24, 26, 0, 99]) * S
    assert found.seconds(begins, ends) == pytest.approx([25, 10, 2, 0, 1, 0, 2])
