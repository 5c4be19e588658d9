"""The micro-price: where the mid goes, given imbalance and spread now. Pure.

S. Stoikov: The micro-price: a high-frequency estimator of future prices, Quantitative Finance 18 (2018).

    P = M + G(I, S),  G the limit of E[M after n moves of the mid - M | I, S]

States are (imbalance bin, spread in ticks). From pairs of one state and the next, and the mirror of each pair
(bids for asks), come the chances of Q: the mid stays and the state is y; R1: the mid moves by K; R2: it moves
and the state is y. Then

    g1 = (1 - Q)^-1 R1 K,  B = (1 - Q)^-1 R2,  G = g1 + B g1 + B^2 g1 + ...

All of it is learned from the given samples alone; bins are quantiles of them.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.research.columns import Floats, Ints

__all__ = ["MicroPrice", "NoMicroPrice", "fit_micro_price"]

_TERM_TICKS = 1e-9
_EDGE = 1e-12
"""A share as near to the edge of a bin lies on it."""
_MOST_TERMS = 100_000


class NoMicroPrice(ValueError):
    """The samples do not determine one; the text says why."""


@attrs.frozen(eq=False)
class MicroPrice:
    """``edges``: inner borders of the imbalance bins, of I in (0, 1); ``table[i, s - 1]``: G in ticks.

    Spreads above the last column count as the last. ``pairs`` were used, ``dropped`` moved the mid too far;
    ``merged``: states that never occurred and got the value of the nearest that did.
    """

    edges: Floats
    table: Floats
    pairs: int
    dropped: int
    merged: int
    terms: int

    def adjustment(self, imbalance: Floats, spread: Floats) -> Floats:
        """G in ticks, odd in ``imbalance``, which is signed as in `features`."""
        share, columns = (imbalance + 1.0) / 2.0, _spread_bins(spread, self.table.shape[1])
        rows, mirror = _bins(share, self.edges), _bins(1.0 - share, self.edges)
        return np.asarray((self.table[rows, columns] - self.table[mirror, columns]) / 2.0)

    def to_json(self) -> dict[str, Any]:
        """JSON values only."""
        return {
            "imbalance_edges": self.edges.tolist(),
            "table_ticks": self.table.tolist(),
            "pairs": self.pairs,
            "dropped_pairs": self.dropped,
            "merged_states": self.merged,
            "terms": self.terms,
        }


def fit_micro_price(
    imbalance: Floats,
    spread: Floats,
    mid: Floats,
    segment: Ints,
    *,
    bins: int = 10,
    spreads: int = 4,
    max_move_ticks: float = 1.0,
) -> MicroPrice:
    """Learn it from consecutive samples; pairs over the border of a segment are not pairs.

    ``bins`` of imbalance, ``spreads`` in whole ticks (the last one is wider ones too), moves of the mid up to
    ``max_move_ticks``. Raises NoMicroPrice when the mid never moved so.
    """
    share = (imbalance + 1.0) / 2.0
    edges = _edges(share, bins)
    state = _bins(share, edges) * spreads + _spread_bins(spread, spreads)
    mirror = (bins - 1 - state // spreads) * spreads + state % spreads
    joined = segment[1:] == segment[:-1]
    moves = np.rint(2.0 * (mid[1:] - mid[:-1]))
    near = joined & (np.abs(moves) <= 2.0 * max_move_ticks)
    now = np.concatenate([state[:-1][near], mirror[:-1][near]])
    after = np.concatenate([state[1:][near], mirror[1:][near]])
    moved = np.concatenate([moves[near], -moves[near]]) / 2.0
    known = _closed(now, after, moved, bins * spreads)
    place = np.cumsum(known) - 1
    good = known[now] & known[after]
    values, terms = _adjustments(place[now[good]], place[after[good]], moved[good], int(known.sum()))
    table = np.full(bins * spreads, np.nan)
    table[known] = values
    return MicroPrice(
        edges,
        _filled(table.reshape(bins, spreads)),
        pairs=int(np.count_nonzero(near)),
        dropped=int(np.count_nonzero(joined & ~near)),
        merged=int(np.count_nonzero(~known)),
        terms=terms,
    )


def _edges(share: Floats, bins: int) -> Floats:
    """Quantiles of the imbalance and its mirror, so that bin i mirrors bin ``bins - 1 - i``."""
    if len(share) == 0:
        raise NoMicroPrice("there is no sample")
    both = np.concatenate([share, 1.0 - share])
    edges = np.quantile(both, np.arange(1, bins) / bins)
    return np.asarray((edges + (1.0 - edges[::-1])) / 2.0)


def _bins(share: Floats, edges: Floats) -> Ints:
    """The bin of each; on an edge the one nearer to the middle, of two in the middle the upper one."""
    nudge = np.where(share > 0.5 + _EDGE, -_EDGE, _EDGE)
    return np.searchsorted(edges, share + nudge).astype(np.int64)


def _spread_bins(spread: Floats, spreads: int) -> Ints:
    return np.clip(np.rint(spread).astype(np.int64) - 1, 0, spreads - 1)


def _closed(now: Ints, after: Ints, moved: Floats, states: int) -> npt.NDArray[np.bool_]:
    """States that are followed by such states, and from which a move of the mid can be reached.

    Pairs that lead elsewhere are left out, which may take away further states.
    """
    known = np.zeros(states, bool)
    known[now] = True
    while True:
        good = known[now] & known[after]
        reached = np.zeros(states, bool)
        reached[now[good & (moved != 0)]] = True
        for _ in range(states):
            reached[now[good & reached[after]]] = True
        if (reached == known).all():
            return known
        known = reached


def _adjustments(now: Ints, after: Ints, moved: Floats, states: int) -> tuple[Floats, int]:
    """G of each state, and how many terms its sum has."""
    if not np.any(moved):
        raise NoMicroPrice("the mid never moved within the training data")
    counts = np.bincount(now, minlength=states).astype(np.float64)
    still = np.zeros((states, states))
    moving = np.zeros((states, states))
    np.add.at(still, (now[moved == 0], after[moved == 0]), 1.0)
    np.add.at(moving, (now[moved != 0], after[moved != 0]), 1.0)
    gain = np.bincount(now, weights=moved, minlength=states) / counts
    inverse = np.eye(states) - still / counts[:, None]
    term: Floats = np.asarray(np.linalg.solve(inverse, gain), np.float64)
    step = np.linalg.solve(inverse, moving / counts[:, None])
    total, terms = term.copy(), 1
    while np.max(np.abs(term)) > _TERM_TICKS:
        term = np.asarray(step @ term, np.float64)
        total += term
        terms += 1
        if terms > _MOST_TERMS:
            raise NoMicroPrice("its sum does not converge on the training data")
    return total, terms


def _filled(table: Floats) -> Floats:
    """States without a value get that of the nearest: of the same spread, else a narrower, else a wider one.

    Two that are equally near give their mean, so that the table stays odd.
    """
    filled = table.copy()
    rows = np.arange(len(table))
    columns = [place for place in range(table.shape[1]) if not np.isnan(table[:, place]).all()]
    for place in columns:
        known = rows[~np.isnan(table[:, place])]
        far = np.abs(known[None, :] - rows[:, None])
        nearest = far == far.min(axis=1, keepdims=True)
        filled[:, place] = (nearest @ table[known, place]) / nearest.sum(axis=1)
    for place in range(table.shape[1]):
        if place not in columns:
            narrower = [one for one in columns if one < place]
            filled[:, place] = filled[:, narrower[-1] if narrower else columns[0]]
    return filled
