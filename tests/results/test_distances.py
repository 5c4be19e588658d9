"""Quotes by their distance from the mid: cells, waits, and the rate that a known one gives back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mm_framework.model.events import NULL
from mm_framework.results.distances import by_distance, own_rate
from mm_framework.results.lives import Ended, Lives
from tests.support.run_columns import S, path


def made(*rows: tuple[float, float, int, int, float | None]) -> Lives:
    """``(from, to, side, price, first fill)`` in seconds."""
    start = np.array([round(row[0] * S) for row in rows], np.int64)
    end = np.array([round(row[1] * S) for row in rows], np.int64)
    side, price = (np.array([row[k] for row in rows], np.int64) for k in (2, 3))
    first = np.array([NULL if row[4] is None else round(row[4] * S) for row in rows], np.int64)
    zeros = np.zeros(len(rows), np.int64)
    ahead: Any = zeros.astype(float)
    return Lives(zeros, zeros, side, price, zeros + 40, start, end, zeros + Ended.OPEN, zeros, first, ahead)


MARKET = path((0, 9990, 10010), (50, None, None), (60, 9990, 10011))


def test_a_quote_stands_with_those_of_its_distance() -> None:
    quotes = made(
        (1, 11, 1, 9999, 3),  # 1 tick below the mid of 10000
        (1, 5, -1, 10001, None),  # 1 tick above
        (2, 4, 1, 10000, 2.5),  # at the mid
        (2, 4, -1, 9999, None),  # beyond it
        (61, 63, 1, 9990, None),  # the mid is 10000.5: 10.5 ticks
        (55, 56, 1, 9990, None),  # nobody knows the mid
    )
    cells = by_distance(quotes, MARKET)
    assert [(one.from_ticks, one.to_ticks, one.survival.quotes, one.survival.filled) for one in cells] == [
        (-np.inf, 0, 1, 0),
        (0, 1, 1, 1),
        (1, 2, 2, 1),
        (10, np.inf, 1, 0),
    ]
    assert [one.exposed_s for one in cells] == [2.0, 0.5, 2.0 + 4.0, 2.0]
    assert cells[2].survival.within(2.0) == 0.5
    assert cells[2].survival.within(1.0) == 0.0


def test_the_rate_of_fills_comes_out_again() -> None:
    """Waits drawn from 0.5 exp(-0.4 d) a second, cut off after 5 s."""
    draw = np.random.default_rng(1)
    market, rows = path((0, 9980, 10020)), []
    for d in np.repeat((1, 2, 4, 8), 4000).tolist():
        wait = draw.exponential(1 / (0.5 * np.exp(-0.4 * d)))
        rows.append((1.0, 1.0 + min(wait, 5.0), 1, 10000 - d, 1.0 + wait if wait < 5 else None))
    found = own_rate(made(*rows), market)
    assert found == pytest.approx((0.5, 0.4), rel=0.05)


def test_too_few_fills_give_no_rate() -> None:
    assert own_rate(made(), MARKET) is None
    assert own_rate(made((1, 2, 1, 9999, None)), MARKET) is None
    assert own_rate(made((55, 56, 1, 9999, None)), MARKET) is None
    assert own_rate(made((1, 2, 1, 9999, 1.5), (1, 2, 1, 9999, None)), MARKET) is None
    assert by_distance(made(), MARKET) == []
