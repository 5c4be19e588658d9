"""The numeric functions of strategies."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_framework import num


@given(st.integers(-(10**18), 10**18), st.integers(1, 10**9))
def test_multiples_below_and_above_a_value(value: int, step: int) -> None:
    low, high = num.floor_to(value, step), num.ceil_to(value, step)
    assert low <= value <= high
    assert low % step == high % step == 0
    assert high - low in (0, step)


@given(st.floats(0.1, 10), st.integers(-20, 20))
def test_an_integer_power_is_close_to_the_real_one(x: float, n: int) -> None:
    assert num.powi(x, n) == pytest.approx(math.pow(x, n), rel=1e-12)


def test_integer_powers_of_small_numbers_are_products() -> None:
    assert (num.powi(3.0, 0), num.powi(3.0, 1), num.powi(3.0, 2), num.powi(3.0, 5)) == (1.0, 3.0, 9.0, 243.0)
    assert num.powi(2.0, -2) == 0.25


def test_what_has_no_real_result_raises() -> None:
    with pytest.raises(ValueError, match=r"domain|expected"):
        num.log(0.0)
    with pytest.raises(ValueError, match=r"domain|expected"):
        num.pow(-1.0, 0.5)
    with pytest.raises(ZeroDivisionError):
        num.powi(0.0, -1)
