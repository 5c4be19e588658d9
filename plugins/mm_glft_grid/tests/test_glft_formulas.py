"""The distances against values found another way: high-precision arithmetic, and the equation in time."""

from __future__ import annotations

from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mm_glft_grid.formulas import ask_price, bid_price, closed_form, closed_table, exact_table

MARKETS = [
    {"gamma": 0.01, "sigma": 0.3, "a": 0.9, "k": 0.3},
    {"gamma": 0.1, "sigma": 2.0, "a": 140.0, "k": 1.5},
    {"gamma": 1.0, "sigma": 1.0, "a": 0.05, "k": 4.0},
    {"gamma": 0.002, "sigma": 25.0, "a": 3.0, "k": 0.02},
]


def by_hand(q: int, gamma: float, sigma: float, a: float, k: float, size: float) -> tuple[float, float]:
    """The closed form as it is printed, with fifty digits."""
    with localcontext() as context:
        context.prec = 50
        g, s, rate, decay, unit = (Decimal(x) for x in (gamma, sigma, a, k, size))
        x = g * unit / decay
        c1 = (1 + x).ln() / (g * unit)
        power = ((1 + x).ln() * (decay / (g * unit) + 1)).exp()
        c2 = (g / (2 * rate * unit * decay) * power).sqrt()
        return float(c1 + (2 * q + unit) / 2 * s * c2), float(c1 - (2 * q - unit) / 2 * s * c2)


def in_time(largest: int, gamma: float, sigma: float, a: float, k: float) -> list[float]:
    """The distances long before the end: v' = M v from v = 1 on, by squaring a matrix of positive numbers.

    All its entries stay positive, so nothing cancels and the smallest is as exact as the largest.
    """
    eta = a * (1 + gamma / k) ** -(1 + k / gamma)
    q = np.arange(-largest, largest + 1)
    matrix = np.diag(-k * gamma * sigma**2 / 2 * q.astype(float) ** 2)
    matrix += eta * (np.eye(len(q), k=1) + np.eye(len(q), k=-1))
    step = np.eye(len(q)) + matrix / (2 * np.abs(matrix).max())
    for _ in range(60):
        step = step @ step
        step /= step.max()
    value = step @ np.ones(len(q))
    return list(np.log1p(gamma / k) / gamma + np.log(value[:-1] / value[1:]) / k)


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("size", [1.0, 0.25, 7.0])
def test_the_closed_form_is_the_printed_one(market: dict[str, float], size: float) -> None:
    for q in (-20, -1, 0, 1, 20):
        found = closed_form(q, size=size, **market)
        assert found == pytest.approx(by_hand(q, size=size, **market), rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("market", MARKETS)
@pytest.mark.parametrize("largest", [1, 2, 10, 30])
def test_exact_distances_solve_the_equation_in_time(market: dict[str, float], largest: int) -> None:
    found = exact_table(largest, **market)
    assert found == pytest.approx(in_time(largest, **market), rel=1e-9, abs=1e-6)


def test_a_size_is_the_same_as_a_larger_risk_aversion() -> None:
    whole = closed_form(6.0, gamma=0.02, sigma=1.3, a=2.0, k=0.7, size=3.0)
    assert whole == pytest.approx(closed_form(2.0, gamma=0.06, sigma=1.3, a=2.0, k=0.7))


def test_near_no_inventory_the_closed_form_is_close_to_the_exact_one() -> None:
    market = MARKETS[0]
    exact, closed = exact_table(30, **market), closed_table(30, **market)
    assert exact[28:32] == pytest.approx(closed[28:32], rel=0.02)
    assert exact[-1] > closed[-1] + 0.5


def test_without_risk_aversion_only_the_limit_moves_the_quotes() -> None:
    """gamma 0: f(q) = cos(pi q / (2 Q + 2)); the closed form knows no limit."""
    found = exact_table(4, gamma=0.0, sigma=3.0, a=2.0, k=0.5)
    f = np.cos(np.pi * np.arange(-4, 5) / 10)
    assert found == pytest.approx(list(2.0 + np.log(f[:-1] / f[1:]) / 0.5), abs=1e-6)
    assert closed_table(4, gamma=0.0, sigma=3.0, a=2.0, k=0.5) == [2.0] * 8


def test_a_small_risk_aversion_goes_over_into_none() -> None:
    none, small = (exact_table(5, gamma=g, sigma=1.0, a=1.0, k=1.0) for g in (0.0, 1e-9))
    assert small == pytest.approx(none, abs=1e-6)


@given(st.floats(0, 10), st.floats(0, 100), st.floats(1e-3, 1e3), st.floats(1e-2, 50), st.integers(1, 60))
def test_a_longer_inventory_always_bids_lower(
    gamma: float, sigma: float, a: float, k: float, largest: int
) -> None:
    table = exact_table(largest, gamma=gamma, sigma=sigma, a=a, k=k)
    assert len(table) == 2 * largest
    assert np.all(np.isfinite(table))
    assert np.all(np.diff(table) > -1e-9)


@given(st.floats(-1e6, 1e9), st.integers(1, 10**12), st.sampled_from([1, 5, 10, 250]))
def test_prices_are_on_the_grid_and_never_cross(steps: float, best: int, step: int) -> None:
    bid, ask = bid_price(steps, best, step), ask_price(steps, best, step)
    assert bid % step == 0 == ask % step
    assert bid == 0 or (bid < best and bid <= steps * step)
    assert ask == 0 or (ask > best and ask >= steps * step)
