"""Performance of a series of profits: ratios, and the tail. Pure.

x are the profits of the steps of a grid of equity; P is the number of steps in a year of 365 days. Ratios per
year are not given for less than 30 days: a mean and its interval then say all there is to say. They depend
on the grid, and all but the adjusted one assume that profits of different steps are independent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import attrs
import numpy as np
import numpy.typing as npt

__all__ = ["DAY_NS", "Performance", "Tail", "performance", "tail"]

DAY_NS: Final = 86_400 * 10**9
YEAR_NS: Final = 365 * DAY_NS
LEAST_DAYS: Final = 30
LEAST_TAIL: Final = 10
Z95: Final = 1.959963984540054

Floats = npt.NDArray[np.float64]


@attrs.frozen
class Tail:
    """Value at risk and expected shortfall at ``level``, losses being positive.

    ``points``: how many losses are at or beyond VaR; fewer than 10 are ``few``.
    """

    level: float
    var: float
    es: float
    points: int

    @property
    def few(self) -> bool:
        """Whether this says little."""
        return self.points < LEAST_TAIL


@attrs.frozen
class Performance:
    """Of the profits of ``n`` steps of ``step_ns``. ``interval``: 95 %, of the mean.

    None: a ratio that is not defined (nothing varies, nothing was lost) or stands on too little.
    ``sharpe_adjusted``: with the autocorrelation of the first ``lags`` steps; ``sharpe_error``: that of
    ``sharpe``.
    """

    step_ns: int
    n: int
    mean: float | None
    std: float | None
    interval: tuple[float, float] | None
    sharpe: float | None
    sharpe_error: float | None
    sharpe_adjusted: float | None
    lags: int
    sortino: float | None
    calmar: float | None
    tails: tuple[Tail, ...]


def performance(
    profits: Floats | Sequence[float],
    step_ns: int,
    most_drawdown: float,
    levels: Sequence[float] = (0.95, 0.99),
) -> Performance:
    """``profits``: x. ``most_drawdown``: the deepest of the run, in the same currency."""
    x = np.asarray(profits, np.float64)
    n, periods = len(x), YEAR_NS / step_ns
    mean = float(x.mean()) if n else None
    std = float(x.std(ddof=1)) if n > 1 and np.ptp(x) else None
    error = None if std is None else std / math.sqrt(n)
    interval = None if mean is None or error is None else (mean - Z95 * error, mean + Z95 * error)
    enough = n * step_ns >= LEAST_DAYS * DAY_NS and mean is not None
    sharpe = sharpe_error = adjusted = sortino = calmar = None
    lags = 0
    if enough and mean is not None:
        down = math.sqrt(float(np.square(np.minimum(x, 0)).mean()))
        sortino = mean / down * math.sqrt(periods) if down else None
        calmar = mean * periods / most_drawdown if most_drawdown else None
        if std is not None:
            ratio = mean / std
            sharpe = ratio * math.sqrt(periods)
            sharpe_error = math.sqrt((1 + ratio**2 / 2) / n) * math.sqrt(periods)
            lags = min(int(10 * math.log10(n)), int(periods) - 1, n - 1)
            spread = periods + 2 * sum(
                (periods - k) * rho for k, rho in enumerate(_autocorrelations(x, lags), start=1)
            )
            adjusted = ratio * periods / math.sqrt(spread) if spread > 0 else None
    return Performance(
        step_ns, n, mean, std, interval, sharpe, sharpe_error, adjusted, lags, sortino, calmar,
        tuple(tail(x, level) for level in levels) if n else (),
    )  # fmt: skip


def tail(profits: Floats | Sequence[float], level: float) -> Tail:
    """VaR is the k-th smallest loss, k = ceil(level n), ES the mean of it and all beyond."""
    losses = np.sort(-np.asarray(profits, np.float64))
    k = math.ceil(round(level * len(losses), 9))
    beyond = losses[max(k, 1) - 1 :]
    return Tail(level, float(beyond[0]), float(beyond.mean()), len(beyond))


def _autocorrelations(x: Floats, lags: int) -> list[float]:
    """Of the first lags, from 1 on."""
    centred = x - x.mean()
    scale = float(centred @ centred)
    return [float(centred[k:] @ centred[:-k]) / scale for k in range(1, lags + 1)]
