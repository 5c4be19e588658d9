"""Volatility and correlation of closing prices. Floats, since these are statistics and no money. Pure.

A return is the logarithm of a close over the close of the interval before; it is there when both are, so an
interval without a trade takes two returns away and makes none up. Means are subtracted first: the sums keep
their digits whatever the drift is.
"""

from __future__ import annotations

from typing import Final

import attrs
import numpy as np
import numpy.typing as npt

__all__ = ["Moment", "correlation", "returns", "volatility"]

Closes = npt.NDArray[np.float64]
"""One price an interval, in order of time; NaN where there was no trade."""

LEAST_RETURNS: Final = 2


@attrs.frozen
class Moment:
    """A figure of ``points`` returns (of pairs of them for a correlation); None where they say nothing."""

    value: float | None
    points: int


def returns(closes: Closes) -> Closes:
    """One less than there are closes; NaN where a close of the two is missing or not above zero."""
    usable = np.where(closes > 0, closes, np.nan)
    return np.diff(np.log(usable))


def volatility(closes: Closes) -> Moment:
    """The standard deviation (of a sample: n - 1) of the returns of one interval, 0.01 for one percent."""
    found = returns(closes)
    found = found[~np.isnan(found)]
    if len(found) < LEAST_RETURNS:
        return Moment(None, len(found))
    centred = found - found.mean()
    return Moment(float(np.sqrt(centred @ centred / (len(found) - 1))), len(found))


def correlation(one: Closes, other: Closes) -> Moment:
    """Pearson's of the returns of two instruments, -1 to 1, over intervals in which both have one.

    None where one of them does not vary.
    """
    pair = np.stack((returns(one), returns(other)))
    pair = pair[:, ~np.isnan(pair).any(axis=0)]
    points = pair.shape[1]
    if points < LEAST_RETURNS:
        return Moment(None, points)
    first, second = pair - pair.mean(axis=1, keepdims=True)
    scale = np.sqrt(first @ first) * np.sqrt(second @ second)
    if not scale > 0:
        return Moment(None, points)
    return Moment(float(np.clip(first @ second / scale, -1.0, 1.0)), points)
