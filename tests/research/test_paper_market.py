"""The market of Avellaneda and Stoikov against a second computation that shares nothing with the first."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import pytest

from mm_framework.research.paper_market import (
    POLICIES,
    Moments,
    PaperMarket,
    Policy,
    exact,
    follow,
    simulate,
)

PAPER = PaperMarket()


def independently(gamma: float, policy: str, paths: int) -> list[tuple[float, float]]:
    """Cash, shares and price of each path by themselves, as the paper tells it, with another generator.

    Gives value and standard error of: mean and deviation of the wealth, mean and deviation of the shares.
    """
    draw = np.random.Generator(np.random.Philox(99))
    price, cash, shares = np.full(paths, 100.0), np.zeros(paths), np.zeros(paths)
    spreads = [gamma * 4.0 * (1 - n / 200) + 2 / gamma * math.log(1 + gamma / 1.5) for n in range(200)]
    for n in range(200):
        if policy == "inventory":
            centre = price - shares * gamma * 4.0 * (1 - n / 200)
            bid, ask = centre - spreads[n] / 2, centre + spreads[n] / 2
        else:
            bid, ask = price - sum(spreads) / 400, price + sum(spreads) / 400
        hit = draw.random(paths) < 140.0 * np.exp(-1.5 * (price - bid)) * 0.005
        lifted = draw.random(paths) < 140.0 * np.exp(-1.5 * (ask - price)) * 0.005
        cash += lifted * ask - hit * bid
        shares += hit.astype(float) - lifted
        price += (2 * draw.integers(0, 2, paths) - 1) * 2.0 * math.sqrt(0.005)
    found = []
    for values in (cash + shares * price, shares):
        mean, std = values.mean(), values.std()
        fourth = ((values - mean) ** 4).mean()
        found.append((mean, std / math.sqrt(paths)))
        found.append((std, math.sqrt((fourth - std**4) / (4 * std**2 * paths))))
    return found


def numbers(moments: Moments) -> list[float]:
    return [moments.profit_mean, moments.profit_std, moments.held_mean, moments.held_std]


@pytest.mark.parametrize("policy", POLICIES)
def test_two_hundred_thousand_independent_paths_confirm_the_exact_moments(policy: Policy) -> None:
    for (value, error), true in zip(
        independently(0.1, policy, 200_000), numbers(exact(PAPER, policy)), strict=True
    ):
        assert abs(value - true) < 4 * error


@pytest.mark.parametrize("gamma", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("policy", POLICIES)
def test_the_simulation_agrees_with_the_exact_moments(gamma: float, policy: Policy) -> None:
    market = PaperMarket(gamma=gamma)
    found = simulate(market, policy, 20_000, seed=3)
    true, errors = numbers(exact(market, policy)), numbers(found.error)
    for value, error, one in zip(numbers(found.moments), errors, true, strict=True):
        assert abs(value - one) < 4.5 * error


def test_the_exact_moments_of_a_market_small_enough_to_write_out() -> None:
    """Two steps, all sixteen outcomes of fills and moves in a loop."""
    market = PaperMarket(gamma=0.3, sigma=1.5, k=0.8, a=2.0, horizon_s=0.4, dt_s=0.2)
    total: dict[str, float] = dict.fromkeys(("p", "w", "w2", "q", "q2"), 0.0)

    def go(step: int, odds: float, wealth: float, held: int) -> None:
        if step == 2:
            for name, value in (("p", 1), ("w", wealth), ("w2", wealth**2), ("q", held), ("q2", held**2)):
                total[name] += odds * value
            return
        risk = 0.3 * 1.5**2 * (0.4 - 0.2 * step)
        half = (risk + 2 / 0.3 * math.log(1 + 0.3 / 0.8)) / 2
        far = {1: half + held * risk, -1: half - held * risk}
        chance = {side: min(1.0, 2.0 * 0.2 * math.exp(-0.8 * far[side])) for side in far}
        for buy in (0, 1):
            for sell in (0, 1):
                fills = (chance[1] if buy else 1 - chance[1]) * (chance[-1] if sell else 1 - chance[-1])
                for way in (-1, 1):
                    now = held + buy - sell
                    move = way * 1.5 * math.sqrt(0.2)
                    gained = buy * far[1] + sell * far[-1] + now * move
                    go(step + 1, odds * fills / 2, wealth + gained, now)

    go(0, 1.0, 0.0, 0)
    found = exact(market, "inventory")
    assert total["p"] == pytest.approx(1)
    assert found.profit_mean == pytest.approx(total["w"], abs=1e-12)
    assert found.profit_std == pytest.approx(math.sqrt(total["w2"] - total["w"] ** 2))
    assert found.held_mean == pytest.approx(total["q"], abs=1e-12)
    assert found.held_std == pytest.approx(math.sqrt(total["q2"] - total["q"] ** 2))


def test_the_published_results_are_met() -> None:
    """Table 1 of the paper, gamma 0.1, of 1000 paths: profit 65.0 and 6.6, symmetric 68.4 and 12.7."""
    inventory, symmetric = exact(PAPER, "inventory"), exact(PAPER, "symmetric")
    assert pytest.approx(1.49, abs=0.01) == PAPER.mean_spread
    assert inventory.profit_mean == pytest.approx(65.0, abs=0.4)
    assert inventory.profit_std == pytest.approx(6.6, abs=0.4)
    assert symmetric.profit_mean == pytest.approx(68.4, abs=0.8)
    assert symmetric.profit_std == pytest.approx(12.7, abs=0.9)


def test_the_same_seed_gives_the_same_paths_however_many_come_after() -> None:
    few, more = (simulate(PAPER, "inventory", paths, seed=5).profits for paths in (20_000, 20_500))
    assert np.array_equal(few, more[:20_000])
    assert not np.array_equal(few, simulate(PAPER, "inventory", 20_000, seed=6).profits)


def test_a_followed_path_is_one_of_its_market() -> None:
    path = follow(PAPER, "inventory", seed=1)
    assert len(path.mid) == 201
    assert np.allclose(np.abs(np.diff(path.mid)), PAPER.step_move)
    assert np.all(path.ask[:200] - path.bid[:200] == pytest.approx([PAPER.spread(n) for n in range(200)]))
    skew = path.mid[:200] - path.centre[:200]
    left = 1 - np.arange(200) / 200
    assert np.allclose(skew, path.held[:200] * 0.4 * left)


@pytest.mark.parametrize("changes", [{"k": 0.0}, {"a": 0.0}, {"gamma": -1.0}, {"dt_s": 0.3}])
def test_a_market_that_means_nothing_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"k|a|gamma|steps"):
        PaperMarket(**changes)


def test_a_market_without_chance_of_fills_stays_where_it_is() -> None:
    far = PaperMarket(a=1e-300)
    assert numbers(exact(far, "symmetric")) == pytest.approx([0, 0, 0, 0], abs=1e-100)
    found = simulate(far, "symmetric", random.Random(0).randint(2, 9), seed=0)
    assert numbers(found.error) == [0, 0, 0, 0]
