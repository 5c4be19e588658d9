"""A, k and sigma of a market, from prints and mids of the past. Pure.

A quote at distance d from the mid is reached at the rate A exp(-k d). One observation is a burst of prints
(`bursts`) with its reach x. Of n bursts with x >= d_min in T seconds, in cells of width w,
i = floor((x - d_min)/w):

    k = ln(1 + 1/mean(i))/w                 cut at d_max: the k of the geometric law on so many cells
    A = n/T exp(k d_min)                    cut: divided by the share that the law has below d_max
    SE(k) ~ k/sqrt(n), SE(ln(n/T)) ~ 1/sqrt(n)

Reaching a price is not a fill: a place in the queue lowers A. sigma is arithmetic, sqrt(mean(dM^2)/D), of
mids D apart on shifted grids: ticks per square root of a second.
"""

from __future__ import annotations

from typing import Final

import attrs
import numpy as np

from mm_framework.research.bootstrap import MAX_BLOCKS, MIN_BLOCKS
from mm_framework.research.bursts import Exposure
from mm_framework.research.columns import Columns, Floats, Ints

__all__ = [
    "Cells",
    "Fitted",
    "block_fits",
    "cells_of",
    "fit_cells",
    "fit_own_quotes",
    "fit_regression",
    "rates",
    "sigma_of",
    "steepness",
]

_S: Final = 10**9
_STEEPEST: Final = 700.0
"""Largest k w that is looked for: exp of more does not fit a float."""


@attrs.frozen(eq=False)
class Cells:
    """Bursts counted by distance: ``index[j]`` is the cell of burst j. ``cells``: how many, None no limit."""

    index: Ints
    ts_ns: Ints
    min_ticks: float
    width_ticks: float
    cells: int | None


@attrs.frozen
class Fitted:
    """``k`` per tick, ``a`` per second, their standard errors, and how many bursts in how many seconds."""

    k: float
    k_error: float
    a: float
    a_error: float
    bursts: int
    seconds: float


def cells_of(
    reach: Floats, ts_ns: Ints, min_ticks: float, width_ticks: float, max_ticks: float | None
) -> Cells:
    """Bursts that reach at least ``min_ticks`` and, if given, less than ``max_ticks``, cut to whole cells."""
    # Distances are multiples of half a tick: rounding must not move one into the cell below.
    index = np.floor((reach - min_ticks) / width_ticks + 1e-9).astype(np.int64)
    cells = None if max_ticks is None else int((max_ticks - min_ticks) / width_ticks + 1e-9)
    kept = (index >= 0) if cells is None else (index >= 0) & (index < cells)
    return Cells(index[kept], ts_ns[kept], min_ticks, width_ticks, cells)


def fit_cells(cells: Cells, seconds: float) -> Fitted | None:
    """The likeliest A and k. None for fewer than two bursts, or where no k > 0 fits them."""
    count = len(cells.index)
    if count < 2 or seconds <= 0:
        return None
    k = float(steepness(np.array([cells.index.mean()]), cells)[0])
    if not np.isfinite(k) or k <= 0:
        return None
    a = float(rates(np.array([count / seconds]), np.array([k]), cells)[0])
    k_error = k / count**0.5
    return Fitted(k, k_error, a, a * (1.0 / count + (cells.min_ticks * k_error) ** 2) ** 0.5, count, seconds)


def steepness(means: Floats, cells: Cells) -> Floats:
    """k of the law whose mean cell is each of these; NaN where none is positive."""
    if cells.cells is None:
        with np.errstate(divide="ignore"):
            found = np.log1p(1.0 / means) / cells.width_ticks
        return np.where(means > 0, found, np.nan)
    low, high = np.full(means.shape, 1e-9), np.full(means.shape, _STEEPEST)
    for _ in range(200):
        middle = (low + high) / 2.0
        steeper = _mean_cell(middle, cells.cells) > means
        low, high = np.where(steeper, middle, low), np.where(steeper, high, middle)
    fits = (means > 0) & (means < (cells.cells - 1) / 2.0 * (1.0 - 1e-9))
    return np.where(fits, low / cells.width_ticks, np.nan)


def _mean_cell(x: Floats, cells: int) -> Floats:
    """Of the geometric law exp(-x i) on that many cells."""
    with np.errstate(over="ignore"):
        return np.asarray(1.0 / np.expm1(x) - cells / np.expm1(np.minimum(x * cells, _STEEPEST)))


def rates(per_second: Floats, k: Floats, cells: Cells) -> Floats:
    """A, of the rate of the bursts that were counted."""
    kept = 1.0 if cells.cells is None else -np.expm1(-k * cells.width_ticks * cells.cells)
    return np.asarray(per_second * np.exp(k * cells.min_ticks) / kept)


def fit_regression(cells: Cells, seconds: float) -> tuple[float, float] | None:
    """(A, k) by a line through ln(rate of bursts that reach d or more) at each cell that has one.

    Quick, and worse: the counts hold each other, and the few far ones weigh as much as the many near ones.
    """
    if not len(cells.index) or seconds <= 0:
        return None
    counts = np.bincount(cells.index)
    beyond = counts[::-1].cumsum()[::-1]
    if len(beyond) < 2:
        return None
    distances = cells.min_ticks + cells.width_ticks * np.arange(len(beyond))
    slope, level = np.polyfit(distances, np.log(beyond / seconds), 1)
    return float(np.exp(level)), float(-slope)


def fit_own_quotes(distance: Floats, seconds: Floats, fills: Floats) -> tuple[float, float] | None:
    """(A, k) of own quotes: ``fills[i]`` fills of a quote at ``distance[i]`` for ``seconds[i]``.

    k solves sum N d / sum N = sum T d exp(-k d) / sum T exp(-k d). This one knows the queue. None without
    fills, or where they lie at the nearest or the farthest distance alone.
    """
    shown = seconds > 0
    distance, seconds, fills = distance[shown], seconds[shown], fills[shown]
    total = float(fills.sum())
    if total <= 0:
        return None
    mean, near = float(fills @ distance) / total, float(distance.min())
    if not near < mean < float(distance.max()):
        return None
    high = _STEEPEST / float(np.ptp(distance))
    low = -high
    for _ in range(200):
        k = (low + high) / 2.0
        weights = seconds * np.exp(-k * (distance - near))
        if float(weights @ distance) / float(weights.sum()) > mean:
            low = k
        else:
            high = k
    return total / float(seconds @ np.exp(-low * (distance - near))) * float(np.exp(low * near)), low


def sigma_of(columns: Columns, apart_s: float, from_ns: int, to_ns: int, shifts: int = 10) -> float | None:
    """sigma of the mids received in a half-open time: ticks per square root of a second.

    Moves over ``apart_s`` within one segment, on ``shifts`` grids, their squares averaged. None without one.
    """
    apart_ns = round(apart_s * _S)
    first, last = max(from_ns, int(columns.ts_ns[0])), min(to_ns, columns.end_ns + 1)
    step = max(1, apart_ns // shifts)
    total, count = 0.0, 0
    for shift in range(shifts):
        times = np.arange(-(-first // step) * step + shift * step, last, apart_ns, dtype=np.int64)
        rows = columns.at(times)
        bid, ask = columns.bid[rows], columns.ask[rows]
        with np.errstate(invalid="ignore"):
            moves = np.diff(np.where(ask > bid, (bid + ask) / 2.0, np.nan))
        moves = moves[(np.diff(columns.segment[rows]) == 0) & ~np.isnan(moves)]
        total, count = total + float(moves @ moves), count + len(moves)
    return (total / count / apart_s) ** 0.5 if count else None


def block_fits(
    cells: Cells, exposure: Exposure, span_ns: tuple[int, int], block_s: float, times: int, seed: int
) -> tuple[Floats, Floats]:
    """k and A of resamples of whole blocks of time, a thousand at most.

    NaN where one has no fit, and all of them where there are fewer blocks than MIN_BLOCKS.
    """
    block_ns = max(round(block_s * _S), -(-(span_ns[1] - span_ns[0]) // MAX_BLOCKS))
    edges = np.arange(span_ns[0], span_ns[1] + block_ns, block_ns, dtype=np.int64)
    edges[-1] = span_ns[1]
    blocks = len(edges) - 1
    if blocks < MIN_BLOCKS:
        return np.full(times, np.nan), np.full(times, np.nan)
    place = np.clip(np.searchsorted(edges, cells.ts_ns, side="right") - 1, 0, blocks - 1)
    counts = np.bincount(place, minlength=blocks).astype(np.float64)
    sums = np.bincount(place, weights=cells.index, minlength=blocks)
    seconds = exposure.seconds(edges[:-1], edges[1:])
    drawn = np.random.default_rng(seed).integers(0, blocks, (times, blocks))
    n, total, exposed = (values[drawn].sum(axis=1) for values in (counts, sums, seconds))
    with np.errstate(invalid="ignore", divide="ignore"):
        k = steepness(np.where(n > 1, total / n, np.nan), cells)
        return k, np.where(exposed > 0, rates(n / exposed, k, cells), np.nan)
