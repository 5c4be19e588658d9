"""Volatility and correlation against the standard library, and what has no answer."""

from __future__ import annotations

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mm_framework.serve.moments import Moment, correlation, returns, volatility

NAN = float("nan")
prices = st.lists(st.floats(0.001, 1e6), min_size=4, max_size=60)


def array(*values: float) -> np.ndarray:
    return np.array(values)


@settings(max_examples=60, deadline=None)
@given(prices)
def test_volatility_is_the_deviation_of_log_returns(closes: list[float]) -> None:
    told = [math.log(later / earlier) for earlier, later in itertools.pairwise(closes)]
    found = volatility(np.array(closes))
    assert found.points == len(told)
    assert found.value == pytest.approx(statistics.stdev(told), rel=1e-9, abs=1e-12)


def test_a_drift_that_dwarfs_the_moves_takes_no_digits() -> None:
    """A hundred million times as large: a sum of squares less the square of the sum would be noise."""
    wobble = [(-1) ** number * 1e-9 for number in range(200)]
    closes = np.exp(np.cumsum([0.0, *(0.1 + one for one in wobble)]))
    assert volatility(closes).value == pytest.approx(statistics.stdev(wobble), rel=1e-4)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(0.5, 2.0), st.floats(0.5, 2.0)), min_size=5, max_size=60))
def test_correlation_is_that_of_the_standard_library(pairs: list[tuple[float, float]]) -> None:
    one, other = (np.array(side) for side in zip(*pairs, strict=True))
    found = correlation(one, other)
    first, second = returns(one).tolist(), returns(other).tolist()
    if min(statistics.pstdev(first), statistics.pstdev(second)) < 1e-9:
        return
    assert found.value == pytest.approx(statistics.correlation(first, second), abs=1e-6)
    assert correlation(one, one).value == pytest.approx(1.0)
    assert correlation(one, 1 / one).value == pytest.approx(-1.0)


def test_an_interval_without_a_trade_makes_no_return_up() -> None:
    whole = array(1.0, 2.0, NAN, 8.0, 4.0)
    assert np.isnan(returns(whole)).tolist() == [False, True, True, False]
    assert volatility(whole).points == 2
    assert correlation(whole, array(1.0, 3.0, 4.0, NAN, 2.0)) == Moment(None, 1), "pairs of whole returns"


@pytest.mark.parametrize("closes", [(), (1.0,), (1.0, 2.0), (NAN, NAN, NAN), (0.0, -1.0, 2.0)])
def test_too_few_returns_say_nothing(closes: tuple[float, ...]) -> None:
    assert volatility(array(*closes)).value is None
    assert correlation(array(*closes), array(*closes)).value is None


def test_a_price_that_does_not_move_has_no_correlation() -> None:
    assert volatility(array(5.0, 5.0, 5.0, 5.0)) == Moment(0.0, 3)
    assert correlation(array(5.0, 5.0, 5.0, 5.0), array(1.0, 2.0, 3.0, 5.0)) == Moment(None, 3)
