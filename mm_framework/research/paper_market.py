"""The market of Avellaneda and Stoikov, simulated, and computed exactly beside it.

M. Avellaneda, S. Stoikov: High-frequency trading in a limit order book, Quantitative Finance 8 (2008),
section 3.3. In each step of ``dt_s`` the agent quotes at S - bid distance and S + ask distance, each quote is
filled with probability A exp(-k distance) dt (1 at most), independently; then the mid S moves by
+-sigma sqrt(dt). ``inventory`` quotes around r = S - q gamma sigma^2 (T-t); ``symmetric`` around S, with the
average spread of the former.

    simulate(market, "inventory", paths, seed)   what many paths come to, with standard errors
    exact(market, "inventory")                   the same moments without chance

The exact moments come from the chain of inventories: its probabilities do not depend on S, so that the first
two moments of the wealth can be carried along with them. Both tell of the same market, by different ways:
where they differ by more than their standard errors, one of them is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Literal

import attrs
import numpy as np
import numpy.typing as npt
from attrs import validators

__all__ = ["POLICIES", "Moments", "PaperMarket", "Path", "Simulated", "exact", "follow", "simulate"]

Floats = npt.NDArray[np.float64]
Policy = Literal["inventory", "symmetric"]
POLICIES: Final[tuple[Policy, ...]] = ("inventory", "symmetric")

_BLOCK: Final = 20_000
"""Paths that are simulated at a time."""


@attrs.frozen
class PaperMarket:
    """Prices in their unit, times in seconds, inventory in shares; the defaults are those of the paper."""

    gamma: float = attrs.field(default=0.1, validator=validators.ge(0))
    sigma: float = attrs.field(default=2.0, validator=validators.ge(0))
    k: float = attrs.field(default=1.5, validator=validators.gt(0))
    a: float = attrs.field(default=140.0, validator=validators.gt(0))
    horizon_s: float = attrs.field(default=1.0, validator=validators.gt(0))
    dt_s: float = attrs.field(default=0.005, validator=validators.gt(0))
    price: float = 100.0

    def __attrs_post_init__(self) -> None:
        if self.steps < 1 or abs(self.steps * self.dt_s - self.horizon_s) > 1e-9 * self.horizon_s:
            raise ValueError(
                f"the horizon of {self.horizon_s} s is no whole number of steps of {self.dt_s} s"
            )

    @property
    def steps(self) -> int:
        """Steps until the end."""
        return round(self.horizon_s / self.dt_s)

    @property
    def step_move(self) -> float:
        """What the mid moves in a step, up or down."""
        return float(self.sigma * np.sqrt(self.dt_s))

    def spread(self, step: int) -> float:
        """Between the quotes of ``inventory`` at a step: gamma sigma^2 (T-t) + (2/gamma) ln(1 + gamma/k)."""
        base = 2.0 / self.k if self.gamma == 0 else 2.0 / self.gamma * np.log1p(self.gamma / self.k)
        return float(self._risk(step) + base)

    @property
    def mean_spread(self) -> float:
        """The average of `spread` over the steps."""
        return float(np.mean([self.spread(step) for step in range(self.steps)]))

    def distances(self, policy: Policy, step: int, held: Floats) -> tuple[Floats, Floats]:
        """Of bid and ask from the mid, for each inventory."""
        if policy == "symmetric":
            even = np.full(held.shape, self.mean_spread / 2.0)
            return even, even
        half, skew = self.spread(step) / 2.0, held * self._risk(step)
        return half + skew, half - skew

    def chance(self, distance: Floats) -> Floats:
        """That a quote so far from the mid is filled within a step."""
        chance: Floats = np.exp(np.minimum(np.log(self.a * self.dt_s) - self.k * distance, 0.0))
        return chance

    def _risk(self, step: int) -> float:
        return float(self.gamma * self.sigma**2 * (self.horizon_s - step * self.dt_s))


@attrs.frozen
class Moments:
    """Mean and standard deviation over paths of the final wealth (from 0) and the final inventory."""

    profit_mean: float
    profit_std: float
    held_mean: float
    held_std: float


@attrs.frozen
class Simulated:
    """What paths came to; ``error`` holds the standard error of each of ``moments``."""

    moments: Moments
    error: Moments
    profits: Floats
    helds: npt.NDArray[np.int64]


@attrs.frozen
class Path:
    """One path, an entry a step and one at the end; ``centre`` is halfway between the quotes."""

    times_s: Floats
    mid: Floats
    centre: Floats
    bid: Floats
    ask: Floats
    held: Floats
    wealth: Floats


def simulate(
    market: PaperMarket,
    policy: Policy,
    paths: int,
    seed: int,
    progress: Callable[[int], object] = lambda paths: None,
) -> Simulated:
    """Many paths; the same seed gives the same ones. Raises ValueError for fewer than two."""
    if paths < 2:
        raise ValueError(f"{paths} paths have no standard deviation: 2 are the least")
    profits, helds = [], []
    for number, first in enumerate(range(0, paths, _BLOCK)):
        count = min(_BLOCK, paths - first)
        draw = np.random.default_rng([seed, number])
        wealth, held = np.zeros(count), np.zeros(count)
        for step in range(market.steps):
            _step(market, policy, step, wealth, held, draw)
        profits.append(wealth)
        helds.append(held)
        progress(count)
    profit, held = np.concatenate(profits), np.concatenate(helds)
    (mean, std), (mean_error, std_error) = _estimates(profit)
    (held_mean, held_std), (held_mean_error, held_std_error) = _estimates(held)
    return Simulated(
        Moments(mean, std, held_mean, held_std),
        Moments(mean_error, std_error, held_mean_error, held_std_error),
        profit,
        held.astype(np.int64),
    )


def _step(
    market: PaperMarket, policy: Policy, step: int, wealth: Floats, held: Floats, draw: np.random.Generator
) -> Floats:
    """Fills at the quotes, then the mid moves: changes ``wealth`` and ``held``, gives the move."""
    bid, ask = market.distances(policy, step, held)
    bought = draw.random(len(held)) < market.chance(bid)
    sold = draw.random(len(held)) < market.chance(ask)
    wealth += bought * bid + sold * ask
    held += bought
    held -= sold
    move = np.where(draw.random(len(held)) < 0.5, market.step_move, -market.step_move)
    wealth += held * move
    return move


def _estimates(values: Floats) -> tuple[tuple[float, float], tuple[float, float]]:
    """Mean and standard deviation, and the standard error of each; the latter's by the fourth moment."""
    count = len(values)
    mean, std = float(np.mean(values)), float(np.std(values, ddof=1))
    if std == 0.0:
        return (mean, 0.0), (0.0, 0.0)
    peaked = float(np.mean(((values - mean) / std) ** 4))
    return (mean, std), (std / count**0.5, std * (max(peaked - 1.0, 0.0) / (4.0 * count)) ** 0.5)


def exact(market: PaperMarket, policy: Policy) -> Moments:
    """The moments without chance.

    ``share[q]`` is the probability of inventory q, ``first[q]`` and ``second[q]`` the moments of the wealth
    on the paths that have it; a step changes q by one at most, so no inventory is left out.
    """
    held = np.arange(-market.steps, market.steps + 1, dtype=np.float64)
    share, first, second = np.zeros((3, len(held)))
    share[market.steps] = 1.0
    for step in range(market.steps):
        bid, ask = market.distances(policy, step, held)
        buys, sells = market.chance(bid), market.chance(ask)
        new = np.zeros((3, len(held)))
        for bought in (0, 1):
            for sold in (0, 1):
                odds = (buys if bought else 1 - buys) * (sells if sold else 1 - sells)
                gain = bought * bid + sold * ask
                moved = np.stack(
                    [
                        odds * share,
                        odds * (first + gain * share),
                        odds * (second + 2 * gain * first + gain**2 * share),
                    ]
                )
                new += _shifted(moved, bought - sold)
        share, first, second = new
        second = second + held**2 * market.step_move**2 * share
    mean = float(first.sum())
    held_mean = float(held @ share)
    return Moments(
        profit_mean=mean,
        profit_std=max(float(second.sum()) - mean**2, 0.0) ** 0.5,
        held_mean=held_mean,
        held_std=max(float(held**2 @ share) - held_mean**2, 0.0) ** 0.5,
    )


def _shifted(rows: npt.NDArray[Any], by: int) -> npt.NDArray[Any]:
    """All entries ``by`` places further on; what would leave the end has no probability."""
    return np.roll(rows, by, axis=1)


def follow(market: PaperMarket, policy: Policy, seed: int) -> Path:
    """One path in full."""
    draw = np.random.default_rng([seed, 0])
    wealth, held, mid = np.zeros(1), np.zeros(1), market.price
    rows = []
    for step in range(market.steps + 1):
        bid, ask = market.distances(policy, min(step, market.steps - 1), held)
        quotes = (mid + (ask[0] - bid[0]) / 2.0, mid - bid[0], mid + ask[0])
        rows.append((step * market.dt_s, mid, *quotes, held[0], wealth[0]))
        if step < market.steps:
            mid += float(_step(market, policy, step, wealth, held, draw)[0])
    return Path(*np.array(rows).T)
