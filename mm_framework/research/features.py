"""Features of best prices on a grid of times, and what the mid did after them. Pure.

All features at t use only rows received by t. Of best bid (b, Qb) and best ask (a, Qa), in ticks unless said
otherwise:

    mid        M = (a + b)/2                             NaN while a side is missing, locked or crossed
    spread     S = a - b
    imbalance  2 Qb/(Qb + Qa) - 1                        signed, in (-1, 1)
    weighted   W - M, W = (Qb a + Qa b)/(Qb + Qa)        the size-weighted mid, against the mid
    ofi        sum over the window of e, in base currency
    last_move  M(t) - M(t - window)

and of the best k levels, where the columns have them (`levels`):

    imbalance_k    (B_k - A_k)/(B_k + A_k)               of what those hold; fewer levels are what there is
    ofi_1 .. ofi_k sums over the window of e_m, in mean levels of the window

    e = 1[b'>=b] Qb' - 1[b'<=b] Qb - 1[a'<=a] Qa' + 1[a'>=a] Qa       from one row to the next, in one segment

The label at t is M(t + latency + horizon) - M(t + latency), within one segment.
"""

from __future__ import annotations

import attrs
import numpy as np
import numpy.typing as npt

from mm_framework.research.columns import Columns, Floats, Ints
from mm_framework.research.levels import Levels

__all__ = ["FEATURES", "Samples", "flow", "sample"]

FEATURES = ("spread", "imbalance", "weighted", "ofi", "last_move")


@attrs.frozen(eq=False)
class Samples:
    """One row a sampled time at which all features and the label are defined.

    ``mid`` at t; ``values``: columns of `FEATURES`, and of levels; ``label`` in ticks; ``label_end_ns``: when
    it is known. ``dropped``: grid times without a market, features or a label, by reason. ``shallow``: a side
    had fewer than k levels.
    """

    ts_ns: Ints
    segment: Ints
    mid: Floats
    values: dict[str, Floats]
    label: Floats
    label_end_ns: Ints
    dropped: dict[str, int]
    shallow: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.ts_ns)

    def take(self, rows: Ints) -> Samples:
        """Some of them."""
        return attrs.evolve(
            self,
            ts_ns=self.ts_ns[rows],
            segment=self.segment[rows],
            mid=self.mid[rows],
            values={name: column[rows] for name, column in self.values.items()},
            label=self.label[rows],
            label_end_ns=self.label_end_ns[rows],
            shallow=self.shallow[rows],
        )


def sample(columns: Columns, step_ns: int, horizon_ns: int, latency_ns: int, window_ns: int) -> Samples:
    """Features and labels at all multiples of ``step_ns`` between the first row and the end of the data."""
    first = -(-int(columns.ts_ns[0]) // step_ns) * step_ns
    times = np.arange(first, columns.end_ns + 1, step_ns, dtype=np.int64)
    now, before = columns.at(times), columns.at(times - window_ns)
    from_row, to_row = columns.at(times + latency_ns), columns.at(times + latency_ns + horizon_ns)
    mids = _mids(columns)
    mid, past = mids[now], np.where(before >= 0, mids[np.maximum(before, 0)], np.nan)
    spread = columns.ask[now] - columns.bid[now]
    share = columns.bid_size[now] / (columns.bid_size[now] + columns.ask_size[now])
    flows = np.concatenate([[0.0], np.cumsum(flow(columns))])
    values = {
        "spread": spread,
        "imbalance": 2.0 * share - 1.0,
        "weighted": (share - 0.5) * spread,
        "ofi": flows[now + 1] - flows[np.maximum(before, 0) + 1],
        "last_move": mid - past,
    }
    deep, shallow = _deep(columns.levels, times, times - window_ns)
    label = mids[to_row] - mids[from_row]
    segment = columns.segment
    fit = {
        "no market": ~np.isnan(mid),
        "no sizes": ~np.isnan(share),
        "no past": ~np.isnan(past) & (segment[np.maximum(before, 0)] == segment[now]),
        "no label": ~np.isnan(label)
        & (segment[to_row] == segment[now])
        & (times + latency_ns + horizon_ns <= columns.end_ns),
    }
    if deep:
        fit["no levels"] = ~np.isnan(np.sum(list(deep.values()), axis=0))
    kept, dropped = np.ones(len(times), bool), {}
    for reason, good in fit.items():
        dropped[reason] = int(np.count_nonzero(kept & ~good))
        kept &= good
    end = times + latency_ns + horizon_ns
    whole = Samples(times, segment[now], mid, values | deep, label, end, dropped, shallow)
    return whole.take(np.flatnonzero(kept))


def _deep(
    levels: Levels | None, times_ns: Ints, before_ns: Ints
) -> tuple[dict[str, Floats], npt.NDArray[np.bool_]]:
    """The features of levels, none without any; where a side had fewer than are asked for."""
    if levels is None or not len(levels):
        return {}, np.zeros(len(times_ns), bool)
    flows = levels.flows(before_ns, times_ns)
    ranks = {f"ofi_{rank + 1}": flows[:, rank] for rank in range(levels.k)}
    return {"imbalance_k": levels.imbalance(times_ns), **ranks}, levels.fewest[levels.at(times_ns)] < levels.k


def flow(columns: Columns) -> Floats:
    """``e`` of each row, against the one before; 0 at the first of a segment and where a size is not told."""
    found = np.zeros(len(columns))
    b, a, qb, qa = columns.bid, columns.ask, columns.bid_size, columns.ask_size
    if len(columns) < 2:
        return found
    with np.errstate(invalid="ignore"):
        e = (b[1:] >= b[:-1]) * qb[1:] - (b[1:] <= b[:-1]) * qb[:-1]
        e += (a[1:] >= a[:-1]) * qa[:-1] - (a[1:] <= a[:-1]) * qa[1:]
    known = (columns.segment[1:] == columns.segment[:-1]) & ~np.isnan(e)
    found[1:] = np.where(known, e, 0.0)
    return found


def _mids(columns: Columns) -> Floats:
    with np.errstate(invalid="ignore"):
        return np.where(columns.ask > columns.bid, (columns.bid + columns.ask) / 2.0, np.nan)
