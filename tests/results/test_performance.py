"""Known answers of ratios and tails."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mm_framework.results.performance import DAY_NS, performance, tail

MINUTE_NS = 60 * 10**9


def daily(days: int = 40) -> list[float]:
    """3 and -1 in turn: mean 1, downside sqrt(1/2)."""
    return [3.0, -1.0] * (days // 2)


def test_ratios_of_daily_profits() -> None:
    one = performance(daily(), DAY_NS, most_drawdown=5.0)
    std = 2 * math.sqrt(40 / 39)
    assert (one.n, one.mean) == (40, 1.0)
    assert one.std == pytest.approx(std)
    assert one.sharpe == pytest.approx(math.sqrt(365) / std)
    assert one.sharpe_error == pytest.approx(math.sqrt((1 + 1 / std**2 / 2) / 40) * math.sqrt(365))
    assert one.sortino == pytest.approx(math.sqrt(365) / math.sqrt(0.5))
    assert one.calmar == pytest.approx(365 / 5)
    assert one.interval == pytest.approx((1 - 1.95996 * std / 40**0.5, 1 + 1.95996 * std / 40**0.5), abs=1e-4)


def test_of_less_than_thirty_days_a_mean_and_its_interval_are_all() -> None:
    one = performance(daily(28), DAY_NS, most_drawdown=5.0)
    assert (one.sharpe, one.sharpe_adjusted, one.sortino, one.calmar) == (None, None, None, None)
    assert one.mean == 1.0
    assert one.interval is not None
    assert performance(daily(), MINUTE_NS, most_drawdown=5.0).sharpe is None


def test_nothing_that_varies_and_nothing_lost_leave_ratios_undefined() -> None:
    one = performance([2.0] * 40, DAY_NS, most_drawdown=0.0)
    assert (one.std, one.sharpe, one.sortino, one.calmar) == (None, None, None, None)
    assert performance([], DAY_NS, 0.0).mean is None


@pytest.mark.parametrize("rho", [0.5, 0.0, -0.5])
def test_a_year_of_profits_that_depend_on_each_other(rho: float) -> None:
    """An AR(1) of rho has sqrt((1 - rho) / (1 + rho)) of the ratio that independent profits would have."""
    steps = np.random.default_rng(3).normal(0, 1, 4000)
    x = np.zeros(4000)
    for k in range(1, 4000):
        x[k] = rho * x[k - 1] + steps[k]
    one = performance(x + 0.2, DAY_NS, 5.0)
    assert one.sharpe is not None
    assert one.lags == 36
    assert one.sharpe_adjusted == pytest.approx(math.sqrt((1 - rho) / (1 + rho)) * one.sharpe, rel=0.2)


def test_var_is_a_loss_that_was_made_and_es_the_mean_beyond() -> None:
    profits = [float(-loss) for loss in range(1, 101)]  # losses 1 to 100
    one = tail(profits, 0.95)
    assert (one.var, one.es, one.points, one.few) == (95.0, 97.5, 6, True)
    assert tail(profits, 0.99).es == pytest.approx(99.5)
    assert tail(profits * 10, 0.95).few is False
    assert tail([4.0], 0.95) == tail([4.0], 0.99).__class__(0.95, -4.0, -4.0, 1)
