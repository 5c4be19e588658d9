"""How likely quotes were filled, by their distance from the mid as they came to rest. Pure.

A quote keeps the distance that it began with, though the mid moves on; one without a mid then is left out.
"""

from __future__ import annotations

import itertools
import math
from typing import Final

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.model.events import NULL
from mm_framework.research.calibration import fit_own_quotes
from mm_framework.results.execution import Survival, time_to_fill
from mm_framework.results.lives import Lives
from mm_framework.results.path import TopPath

__all__ = ["EDGES", "AtDistance", "by_distance", "own_rate"]

EDGES: Final = (-math.inf, 0.0, 1.0, 2.0, 3.0, 5.0, 10.0, math.inf)
"""Between which distances quotes are put together, in ticks; below 0 a quote is beyond the mid."""

Floats = npt.NDArray[np.float64]


@attrs.frozen
class AtDistance:
    """Quotes from ``from_ticks`` (included) to ``to_ticks``; what they waited together, to the first fill."""

    from_ticks: float
    to_ticks: float
    exposed_s: float
    survival: Survival


def by_distance(quotes: Lives, path: TopPath) -> list[AtDistance]:
    """The cells that have a quote, nearest first. ``quotes``: of one account; ``path``: its market."""
    distance = _distance(quotes, path)
    found = []
    for low, high in itertools.pairwise(EDGES):
        inside = quotes.where((distance >= low) & (distance < high))
        if len(inside):
            found.append(AtDistance(low, high, float(_waited_s(inside).sum()), time_to_fill(inside)))
    return found


def own_rate(quotes: Lives, path: TopPath) -> tuple[float, float] | None:
    """(A, k) of A exp(-k distance), in 1/s and 1/ticks: the rate at which own quotes had their first fill.

    It knows the queue, other than the rate at which prints reach a price. None where too little was filled.
    """
    distance = _distance(quotes, path)
    known = quotes.where(~np.isnan(distance))
    if not len(known):
        return None
    return fit_own_quotes(distance[~np.isnan(distance)], _waited_s(known), _filled(known).astype(np.float64))


def _distance(quotes: Lives, path: TopPath) -> Floats:
    """Ticks between a quote and the mid as it came to rest, NaN without a mid."""
    mid2 = path.value(path.mid2, path.at(quotes.start_ns))
    ticks = quotes.side * (mid2 - 2 * quotes.price) / (2 * path.instrument.tick)
    return np.where(mid2 == NULL, np.nan, ticks)


def _filled(quotes: Lives) -> npt.NDArray[np.bool_]:
    return np.asarray(quotes.first_fill_ns != NULL)


def _waited_s(quotes: Lives) -> Floats:
    """Until the first fill, or the end."""
    until_ns = np.where(_filled(quotes), quotes.first_fill_ns, quotes.end_ns)
    return np.asarray((until_ns - quotes.start_ns) / 1e9)
